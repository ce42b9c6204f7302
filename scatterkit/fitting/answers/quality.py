"""Whether a fitted body explains its pattern at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scatterkit.fitting._planes import Floats
from scatterkit.fitting.answers._noise import neighbour_correlation
from scatterkit.fitting.facet_objective import pixel_losses

NO_FRINGES = 0.85
"""A fit that leaves more than this share of the fringes' variance is no better than a smooth profile."""
POOR = 0.35
"""A fit that leaves more than this, in structures wider than a pixel, is not of the right body."""
POOR_WHERE_NOISE_IS_KNOWN = 0.15
FAR_ABOVE_NOISE = 3.0
STRUCTURED = 0.3
"""Neighbouring pixels of a residual that correlate more than this hold more than noise."""
DEGREE = 4
CAUSES = "several particles, another shape than the model allows, or a search that did not get there"


@dataclass(frozen=True)
class FitQuality:
    """How much of a pattern a fit explains.

    Parameters
    ----------
    residual : float [1]
        Mean squared difference of pattern and fit over the mask; of robust fits, pixels weigh what they weighed there.
    smooth_residual : float [1]
        The same for the best smooth profile, a polynomial of the fourth degree in the wave number: what is left of
        the pattern then are its fringes.
    structure : float [1]
        Correlation of the residual at neighbouring pixels: 0 for noise, towards 1 for wide structures.
    pattern_structure : float [1]
        The same for the pattern less the smooth profile.
    expected : float or None [1]
        The residual that the noise alone would leave, where it is known.
    contrast : float [1]
        Largest less smallest value of the pattern over the mask.
    """

    residual: float
    smooth_residual: float
    structure: float
    pattern_structure: float
    expected: float | None
    contrast: float

    @property
    def unexplained(self) -> float:
        """The residual over that of the smooth profile: 0 for a perfect fit, 1 where no fringe is explained."""
        return self.residual / self.smooth_residual if self.smooth_residual > 0 else 1.0

    @property
    def reason(self) -> str | None:
        """Why no body should be reported from this fit, or None where nothing speaks against it."""
        if self.contrast <= 1e-6:
            return "the pattern is empty: it has no contrast on the measured pixels"
        if self.unexplained > NO_FRINGES:
            if self.pattern_structure < STRUCTURED:
                return (
                    "the pattern looks like noise: neighbouring pixels hardly correlate "
                    f"({self.pattern_structure:.2f}), and the fit explains no fringes"
                )
            left = f"{self.unexplained:.0%} of the fringes are left"
            return f"the fit is no better than a smooth profile: {left}; {CAUSES}"
        if self._is_poor:
            above = "" if self.expected is None else f", {self.residual / self.expected:.1f} times the noise"
            return f"the fit leaves {self.unexplained:.0%} of the fringes in a structured residual{above}; {CAUSES}"
        return None

    @property
    def _is_poor(self) -> bool:
        if self.structure < STRUCTURED:
            return False
        if self.expected is None:
            return self.unexplained > POOR
        return (
            self.unexplained > POOR_WHERE_NOISE_IS_KNOWN and self.residual > FAR_ABOVE_NOISE * self.expected
        )


def judge_fit(
    pattern: Floats,
    fitted: Floats,
    mask: NDArray[np.bool_],
    q: Floats,
    expected: float | None = None,
    scale: float = math.inf,
) -> FitQuality:
    """Compare a fit with what a smooth profile would explain.

    Parameters
    ----------
    pattern, fitted : ndarray of shape (rows, columns)
        The recorded pattern and that of the fitted body.
    mask : ndarray of bool of shape (rows, columns)
        True where measured.
    q : ndarray of shape (rows, columns) [rad/nm]
        Wave numbers of the pixels.
    expected : float, optional [1]
        The mean squared difference that noise alone would leave.
    scale : float [1], default=inf
        Of a robust fit, the error beyond which pixels count for little, here too; infinite for others.

    Returns
    -------
    FitQuality
        Figures, and the reason to reject the fit, if there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.fitting.answers import judge_fit
    >>> noise = np.random.default_rng(0).random((2, 64, 64))
    >>> q = np.hypot(*np.indices((64, 64)) - 32)
    >>> judge_fit(noise[0], 0.5 + 0 * noise[0], np.ones((64, 64), dtype=bool), q).reason[:31]
    'the pattern looks like noise: n'
    """
    values = np.asarray(pattern, dtype=np.float64)[mask]
    difference = np.zeros(mask.shape)
    difference[mask] = np.asarray(fitted, dtype=np.float64)[mask] - values
    powers = np.vander(q[mask] / max(float(q[mask].max()), 1e-12), DEGREE + 1)
    smooth = powers @ np.linalg.lstsq(powers, values, rcond=None)[0]
    fringes = np.zeros(mask.shape)
    fringes[mask] = values - smooth
    weights = pixel_losses(difference[mask], scale)[1]
    difference[mask] *= np.sqrt(weights)
    centred = np.where(mask, difference - difference[mask].mean(), 0)
    return FitQuality(
        residual=float(np.mean(difference[mask] ** 2) / weights.mean()),
        smooth_residual=float(np.average(fringes[mask] ** 2, weights=weights)),
        structure=neighbour_correlation(centred, mask),
        pattern_structure=neighbour_correlation(fringes, mask),
        expected=expected,
        contrast=float(np.ptp(values)),
    )


__all__ = ["FitQuality", "judge_fit"]
