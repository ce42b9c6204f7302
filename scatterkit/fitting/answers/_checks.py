"""Checks that answers share: which pixels were measured, and how many photons are on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import Boolean, Positive, check_array, check_mask, check_value, fail, shown
from scatterkit.fitting._planes import Floats
from scatterkit.fitting.answers._jacobian import Simulator


def measured_mask(
    mask: ArrayLike | None, simulator: Simulator, shape: tuple[int, int], *, owner: str
) -> NDArray[np.bool_]:
    """Give where a pixel is measured by a mask and by the simulator's own, or raise where nothing is."""
    flags = np.ones(shape, dtype=bool)
    for name, given in (("mask", mask), ("simulator.mask", simulator.mask)):
        checked = check_mask(given, shape, owner=owner, name=name)
        flags &= True if checked is None else checked
    if not flags.any():
        raise fail("mask", owner, "True somewhere that the simulator's mask is True", "no such pixel")
    return flags


def total_photons(counts: float | ArrayLike, mask: NDArray[np.bool_], *, owner: str) -> float:
    """Give the number of photons on the measured pixels, from itself or from counts (y, x)."""
    if np.ndim(counts) == 0:
        check_value(counts, Positive("photons"), name="counts", owner=owner)
        return float(counts)  # type: ignore[arg-type]
    return float(photons_on_pixels(counts, mask, owner=owner).sum())


def photons_on_pixels(counts: ArrayLike, mask: NDArray[np.bool_], *, owner: str) -> Floats:
    """Give checked counts (y, x), zero outside the mask."""
    pixels: Floats = check_array(
        np.where(mask, counts, 0) if np.shape(counts) == mask.shape else counts,
        name="counts",
        owner=owner,
        shape=mask.shape,
        dtype=np.float64,
        low=0,
        what="photon counts (y, x)",
    )
    if not pixels.any():
        raise fail("counts", owner, "photon counts that are not all zero on the mask", shown(pixels))
    return pixels


def check_by_photons(by_photons: bool, counts: float | ArrayLike | None, *, owner: str) -> None:
    """Check whether a body was fitted by photons, which must be known on each pixel then."""
    check_value(by_photons, Boolean(), name="by_photons", owner=owner)
    if by_photons and (counts is None or np.ndim(counts) == 0):
        allowed = "False where the counts are not known on each pixel"
        raise fail("by_photons", owner, allowed, shown(by_photons))
