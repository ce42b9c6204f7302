"""What a fitter of single patterns tells its reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.fitting.answers import FitReport, build_report

if TYPE_CHECKING:
    from scatterkit.fitting._pattern_fitter import PatternFitter


def report_of(
    fitter: PatternFitter,
    place: int,
    pattern: NDArray[np.float32],
    mask: NDArray[np.bool_],
    counts: Any,
    crystal: str | None,
) -> FitReport | None:
    """Report the body in a place of ``solids_``, by these counts or those it was fitted by; None if there is none."""
    solid, response = fitter.solids_[place], fitter.responses_[place]
    if solid is None or response is None:
        return None
    by_photons = bool(np.isfinite(fitter.deviances_[place]))
    if counts is None or (by_photons and np.ndim(counts) == 0):
        counts = fitter._memory_.counts(place)
    return build_report(
        *(solid, response, pattern, mask, fitter._simulator()),
        candidates=fitter.candidates_[place],
        counts=counts,
        crystal=crystal,
        grid=fitter.grid,
        intensity=fitter._intensity(solid),
        max_shift=fitter.max_shift,
        by_photons=by_photons,
        scale=fitter._loss_scale(pattern, mask),
    )


__all__ = ["report_of"]
