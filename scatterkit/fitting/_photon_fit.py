"""The last refinement of bodies where the photons on each pixel were counted: by Poisson's likelihood."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from scatterkit.fitting._planes import Floats
from scatterkit.fitting.facet_objective import FacetObjective, Integers, PixelLook, _saturation_level
from scatterkit.fitting.facet_search import DEEP, FacetSearch, Found
from scatterkit.fitting.levenberg import Levenberg, Trial
from scatterkit.simulation.facets import FacetLook

RESERVED = 0.2
"""Part of a time budget that is kept for this refinement."""
FAINTEST = 1e-6
"""Least background in photons per pixel, so that no count is impossible."""
STEPS, TOLERANCE = 40, 1e-7
"""Steps at most; ends where one gains less than this part of the deviance, far less than what noise leaves open."""
MANY = 100
"""Photons on the brightest pixel below which no detector saturates: whole numbers make a plateau of few photons."""


class PhotonObjective(FacetObjective):
    """Poisson deviance per pixel between counted photons and the exact pattern of a convex body.

    A pixel expects scale * intensity + background. A response is an array (background [photons], 1, log scale, row
    shift, column shift); the background is even and not negative. Errors are Pearson's, (expected - counted) /
    sqrt(expected), so that J J^T is the Fisher information and Gauss-Newton is Fisher scoring.

    Parameters
    ----------
    objective : FacetObjective
        The comparison of the log-scaled pattern with the same body: experiment, mask, largest shift.
    counts : ndarray of shape (rows, columns) [photons]
        Photons on each pixel.

    References
    ----------
    P. McCullagh and J. A. Nelder, "Generalized Linear Models", 2nd ed., Chapman and Hall (1989), sections 2.3, 2.5.
    """

    def __init__(self, objective: FacetObjective, counts: Floats) -> None:
        super().__init__(objective.simulator, objective.picture, objective.mask, objective.max_shift)
        self.counts = np.asarray(counts, np.float64)[self.places.lit]
        recorded = self.picture[self.places.lit].astype(np.float64)
        self.unsaturated = np.flatnonzero(unsaturated(recorded, self.counts))

    def bounded(self, response: Floats) -> Floats:
        """Bring a response into what a detector may do."""
        bounded = response.copy()
        bounded[0] = max(response[0], FAINTEST)
        bounded[3:] = np.clip(response[3:], -self.max_shift, self.max_shift)
        return bounded

    def first_response(self, planes: tuple[Floats, Floats], shift: Floats) -> Floats:
        """Give scale and background of the greatest likelihood for a body."""
        intensity = self.intensity(planes, self.unsaturated, shift, DEEP)
        scale, background = likeliest_light(intensity, self.counts[self.unsaturated])
        return self.bounded(np.array([background, 1.0, math.log(scale), *shift]))

    def _compared(self, found: FacetLook, response: Floats, pixels: Integers, scale: float) -> PixelLook:
        scale, counts = math.exp(response[2]), self.counts[pixels]
        expected = scale * found.intensity + response[0]
        root = np.sqrt(expected)
        error = root - counts / root
        by_rest = np.array([1 / root, np.zeros(pixels.size), scale * found.intensity / root])
        if response[0] <= FAINTEST and error @ by_rest[0] > 0:
            by_rest[0] = 0  # held by its bound
        cost = float(np.mean(deviance(counts, expected)))
        return self._weighted(found, response[3:], pixels, scale / root, by_rest, error, cost)


def unsaturated(measured: Floats, counts: Floats) -> NDArray[np.bool_]:
    """Say which pixels of a log-scaled pattern tell how many photons came: all but those that saturate."""
    told = measured < _saturation_level(measured)
    return told if counts.max() > MANY and counts[told].any() else np.ones_like(told)


def likeliest_light(intensity: Floats, counts: Floats) -> tuple[float, float]:
    """Give the scale and the even background in photons under which counts are likeliest, not all of them zero.

    Then as many photons are expected in all as were counted, which leaves one number: the background's share of them.
    The likelihood is concave along it.
    """
    scale, background = counts.sum() / intensity.sum(), counts.mean()
    turn = background - scale * intensity

    def slope(share: float) -> float:
        return float(np.sum(counts * turn / (scale * intensity + share * turn)))

    low, high = FAINTEST, 1 - FAINTEST
    share = 0.0
    if slope(low) > 0:
        share = high if slope(high) >= 0 else float(optimize.brentq(slope, low, high))
    return float((1 - share) * scale), float(share * background)


def deviance(counts: Floats, expected: Floats) -> Floats:
    """Give twice the log likelihood that Poisson's law with these means loses against the counts themselves."""
    lost: Floats = special.xlogy(counts, counts / expected) - counts + expected
    return 2 * np.maximum(lost, 0)


def refined_by_photons(
    search: FacetSearch, found: list[Found], counts: Floats, until: float
) -> tuple[list[Found], bool]:
    """Refine the bodies of a search by the photons on each pixel; say whether the user interrupted that.

    The first is refined in any case; the others where there is time before ``until``, a value of ``time.monotonic()``.
    Those that are left stay as they are.
    """
    objective = PhotonObjective(search.objective, counts)
    refined = list(found)
    try:
        for number, body in enumerate(found):
            if number == 0 or time.monotonic() < until:
                refined[number] = _refined(search, objective, body, until)
    except KeyboardInterrupt:
        return refined, True
    finally:
        search.objective.n_evaluations += objective.n_evaluations
    return refined, False


def _refined(search: FacetSearch, objective: PhotonObjective, body: Found, until: float) -> Found:
    levenberg = Levenberg(search.model, objective, search.limit)
    shift = np.array(body.response.shift) if objective.max_shift > 0 else np.zeros(2)
    start = objective.first_response(levenberg.planes(body.point), shift)
    trial = Trial(body.point, body.label, response=start)
    levenberg.descend(
        trial, objective.unsaturated, STEPS, free=True, darkest=DEEP, tolerance=TOLERANCE, until=until
    )
    search._recentre(trial, math.inf)
    assert trial.response is not None
    row, column = trial.response[3:].tolist()
    response = replace(body.response, shift=(row, column))
    return replace(body, point=trial.point, response=response, deviance=trial.residual)
