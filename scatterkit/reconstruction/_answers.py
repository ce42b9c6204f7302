"""Solids of decoded bodies, the patterns that they scatter, and how a detector would record these."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import QhullError
from sklearn.base import clone

from scatterkit.experiment import check_detector
from scatterkit.fitting._planes import Floats
from scatterkit.fitting.engines import facet_intensity
from scatterkit.fitting.models._isosurface import level_surface
from scatterkit.response import fit_response
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

Images = NDArray[np.float32]
LINEAR = 3e-3
"""Part of the brightest pixel that a tenth of a log-scaled pattern exceeds; of linear ones, much less is as bright.

Pixels at zero do not count: where photons are few, most are so on either scale.
"""


def without_contrast(patterns: Images, masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which patterns are the same on all pixels of their masks: nothing is to be read there."""
    return np.array([np.ptp(p[mask]) == 0 for p, mask in zip(patterns, masks, strict=True)], bool)


def warn_of_linear(patterns: Images, masks: NDArray[np.bool_]) -> None:
    """Warn of patterns that look like intensities divided by their maximum."""
    lit = [p[mask & (p > 0)] for p, mask in zip(patterns, masks, strict=True)]
    linear = [i for i, p in enumerate(lit) if p.size and np.quantile(p, 0.9) < LINEAR * p.max()]
    if linear:
        warnings.warn(
            f"Patterns {linear} look like linear intensities, nine tenths of their lit pixels are below {LINEAR:g} of "
            "the brightest; networks see log-scaled ones, see LogScaler",
            RuntimeWarning,
            stacklevel=4,
        )


def warn_of_nothing(missing: Sequence[int] | NDArray[np.int64]) -> None:
    """Warn of patterns that no body was made of."""
    if len(missing):
        warnings.warn(
            f"No body was made of patterns {list(map(int, missing))}: the network sees nothing there",
            RuntimeWarning,
            stacklevel=4,
        )


def solids_of(
    planes: Sequence[tuple[Floats, Floats]] | None, volumes: Images | None, box: float
) -> list[Solid | None]:
    """Give bodies by their half-spaces or, without these, by where volumes are half full; None, and warn, for none."""
    solids: list[Solid | None] = []
    makers = (
        [partial(Solid.from_halfspaces, *given) for given in planes]
        if planes is not None
        else [partial(_level_solid, volume, box) for volume in (() if volumes is None else volumes)]
    )
    for make in makers:
        try:
            solids.append(make())
        except (QhullError, ValueError):
            solids.append(None)
    warn_of_nothing([number for number, solid in enumerate(solids) if solid is None])
    return solids


def _level_solid(volume: Images, box: float) -> Solid:
    return Solid(*level_surface(volume, box))


def intensities_of(
    simulator: MSFTSimulator, solids: Sequence[Solid | None] | None, volumes: Images | None
) -> Images:
    """Give what bodies scatter: the exact pattern of solids (NaN for none), else that of volumes."""
    # on all pixels: a shift of the centre moves pixels from behind a mask into view
    if solids is None:
        return np.asarray(clone(simulator).set_params(mask=None).transform(volumes))
    empty = np.full(check_detector(simulator.detector, owner="MSFTSimulator").shape, np.nan, np.float32)
    return np.stack([empty if solid is None else facet_intensity(simulator, solid) for solid in solids])


def recorded(
    patterns: Images, intensities: Images, masks: NDArray[np.bool_]
) -> tuple[Images, NDArray[np.float64]]:
    """Give intensities as the detector would have recorded them beside patterns, and the residuals."""
    pictures, residuals = np.array(intensities, np.float32), np.full(len(patterns), np.nan)
    for number, (pattern, intensity, mask) in enumerate(zip(patterns, intensities, masks, strict=True)):
        if not np.isnan(intensity).any():
            response, residuals[number] = fit_response(pattern, intensity, mask)
            pictures[number] = response.apply(intensity)
    return pictures, residuals
