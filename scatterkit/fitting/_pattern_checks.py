"""Checks of patterns to be fitted, their masks and the photons behind them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import check_array, check_mask, check_patterns, fail, shown
from scatterkit.experiment import check_detector
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.facets import FacetScattering

Counts = NDArray[np.float64]
MOST_LOGARITHM = 50.0
"""No logarithm of an intensity reaches this: exp(50) is 5e21."""


def measured_masks(
    X: ArrayLike, mask: ArrayLike | None, simulator: MSFTSimulator, *, owner: str
) -> NDArray[np.bool_]:
    """Check all but the values of patterns; give the mask of each (n, y, x)."""
    simulator._check_parameters()
    shape = check_detector(simulator.detector, owner="MSFTSimulator").shape
    given = np.shape(X)
    if len(given) != 3 or given[1:] != shape:
        allowed = f"patterns of the detector's shape (n, {shape[0]}, {shape[1]})"
        raise fail("X", owner, allowed, f"shape {given}")
    seen_by = check_mask(simulator.mask, shape, owner="MSFTSimulator")
    checked = check_mask(mask, shape, owner=owner, n=given[0])
    flags: NDArray[np.bool_] = np.broadcast_to(True if checked is None else checked, given)
    if seen_by is not None:
        flags = flags & seen_by
        if not flags.any(axis=(1, 2)).all():
            raise fail("mask", owner, "True somewhere that the simulator's mask is True", "no such pixel")
    return flags


def measured_patterns(
    X: ArrayLike, masks: NDArray[np.bool_], simulator: MSFTSimulator, *, owner: str
) -> NDArray[np.float32]:
    """Check the values of patterns on their masks; give them with zeros elsewhere."""
    lit = FacetScattering.of(simulator)[1]
    if not (masks & lit).any(axis=(1, 2)).all():
        raise fail("mask", owner, "True somewhere that light is scattered to", "pixels beyond k alone")
    # what was not measured may hold anything, NaN too
    patterns = check_patterns(np.where(masks, X, 0), owner=owner)
    highest = patterns.max(initial=0.0)
    if highest > MOST_LOGARITHM:
        allowed = "log-scaled patterns, usually in [0, 1]; counts and intensities become such by LogScaler"
        raise fail("X", owner, allowed, f"values up to {highest:.6g}")
    return patterns


def warn_of_holes(patterns: NDArray[np.float32], masks: NDArray[np.bool_], simulator: MSFTSimulator) -> None:
    """Warn of patterns that are zero at the direct beam, where a body scatters most: a mask was forgotten."""
    detector = check_detector(simulator.detector, owner="MSFTSimulator")
    q = np.hypot(*detector.wavevectors(2 * math.pi / simulator.wavelength))
    row, column = divmod(int(np.argmin(q)), q.shape[1])
    if q[row, column] > 0.02 * q[np.isfinite(q)].max():  # the direct beam passes the detector
        return
    dark = (patterns[:, row, column] == 0) & masks[:, row, column]
    numbers = np.flatnonzero(dark & patterns.any(axis=(1, 2)))
    if numbers.size:
        warnings.warn(
            f"The middle of patterns {shown(numbers.tolist())} is zero, where a body scatters most. If the direct "
            "beam's hole, gaps or the rim were not measured, give a mask",
            RuntimeWarning,
            stacklevel=4,
        )


def photons_of(counts: ArrayLike | None, shape: tuple[int, ...], *, owner: str) -> Sequence[Any]:
    """Give what is known of the photons behind each of some patterns: a number, an array or None."""
    n = shape[0] if shape else 0
    if counts is None:
        return [None] * n
    given = np.shape(counts)
    if np.asarray(counts).dtype.kind not in "biuf":
        raise fail("counts", owner, "numbers of photons", shown(counts))
    if given == shape and len(shape) == 3:
        return list(np.asarray(counts))  # pixels outside the mask may hold anything
    if given not in ((), (n,)):
        raise fail("counts", owner, f"a number, or of shape {(n,)} or {shape}", f"shape {given}")
    photons = check_array(
        np.atleast_1d(counts), name="counts", owner=owner, shape=(None,), dtype=np.float64, what="numbers"
    )
    if photons.min() <= 0:
        raise fail("counts", owner, "positive numbers of photons", shown(counts))
    return [float(each) for each in np.broadcast_to(photons, n)]


def pixel_counts(counts: ArrayLike, masks: NDArray[np.bool_], *, owner: str) -> Counts:
    """Give checked counts (n, y, x) of each pixel, zero outside the masks."""
    if np.shape(counts) != masks.shape:
        allowed = f"the photons on each pixel, of the patterns' shape {masks.shape}, to fit bodies by them"
        raise fail("counts", owner, allowed, f"shape {np.shape(counts)}")
    checked: Counts = check_array(
        np.where(masks, counts, 0),
        name="counts",
        owner=owner,
        shape=masks.shape,
        dtype=np.float64,
        low=0,
        what="photon counts (n, y, x)",
    )
    broken = checked[checked != np.rint(checked)]
    if broken.size:
        allowed = "whole numbers of photons; Poisson's law is not that of scaled or corrected ones"
        raise fail("counts", owner, allowed, shown(broken[0]))
    dark = np.flatnonzero(~checked.any(axis=(1, 2)))
    if dark.size:
        raise fail("counts", owner, "not all zero on the mask", f"no photons in pattern {dark[0]}")
    return checked


def one_each(counts: Counts | None, n: int) -> list[Counts] | list[None]:
    """Give the counts of each of n patterns, or so many None."""
    return [None] * n if counts is None else list(counts)


__all__ = [
    "Counts",
    "measured_masks",
    "measured_patterns",
    "one_each",
    "photons_of",
    "pixel_counts",
    "warn_of_holes",
]
