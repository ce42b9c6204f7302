"""What every fitter of single patterns shares: checks, the record of what was fitted, predictions from it."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from scatterkit._interrupts import kept_interrupts
from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import fail, shown
from scatterkit.base import Component
from scatterkit.experiment import check_detector
from scatterkit.fitting._pattern_checks import (
    Counts,
    measured_masks,
    measured_patterns,
    one_each,
    photons_of,
    pixel_counts,
    warn_of_holes,
)
from scatterkit.fitting._pattern_memory import PatternMemory, digest, digest_of
from scatterkit.fitting._pattern_report import report_of
from scatterkit.fitting._pattern_tasks import FittedPattern, by_processes, one_by_one, volumes_of, warn_of
from scatterkit.fitting.answers import FitReport
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

NOT_FITTED = "not fitted: interrupted before its turn was over"


class PatternFitter(Component, ABC):
    """A fitter of one body to each pattern; a subclass gives the search and how a body scatters."""

    simulator: MSFTSimulator | None
    grid: int
    max_shift: float
    random_state: RandomState

    @abstractmethod
    def _fit_one(
        self,
        pattern: NDArray[np.float32],
        mask: NDArray[np.bool_],
        rng: np.random.Generator,
        title: str,
        counts: Counts | None = None,
    ) -> FittedPattern:
        """Fit one checked pattern, by the photons on each pixel too where `_no_counts` allows them."""

    @abstractmethod
    def _intensity(self, solid: Solid) -> NDArray[np.float32]:
        """Simulate a body on all pixels: a shift of the centre moves pixels from behind a mask into view."""

    def _no_counts(self) -> str:
        """Say why bodies cannot be fitted by photon counts; empty where they can."""
        return f"None: {type(self).__name__} fits by least squares alone"

    def _loss_scale(self, pattern: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
        """Give the error beyond which pixels counted for little in the fit of a pattern; infinite for squares."""
        return math.inf

    def _prepare(self) -> None:
        """Check what `_constraints` cannot, and do what all patterns have in common."""

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        mask: ArrayLike | None = None,
        counts: ArrayLike | None = None,
    ) -> Any:
        """Fit a body to each pattern.

        Finished patterns are kept if the work is interrupted, and the best body so far of the one in work:
        ``solids_`` and its fellows then hold those, in the order of X, and None in front of them for what processes
        had not finished.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns, zero where dark, not negative; usually in [0, 1]. Pixels outside the mask may hold
            anything, NaN too.
        y : object, optional
            Ignored.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.
        counts : array-like of shape (n, rows, columns) [photons], optional
            Photons behind the patterns, on each pixel: in the end bodies are refined by Poisson's likelihood. Only
            `ForwardFitter` can do so, where it fits by facets.

        Returns
        -------
        PatternFitter
            The fitter itself.

        Raises
        ------
        InvalidParameterError
            If a parameter, pattern, mask or number of photons is not as described.
        """
        masks = self._check_masks(X, mask)
        patterns, photons = self._check_patterns(X, masks), self._check_counts(counts, masks)
        warn_of_holes(patterns, masks, self._simulator())
        self._prepare()
        self._reset()
        self._fit_all(np.asarray(X), patterns, masks, photons, alone=len(patterns) == 1)
        warn_of(self.failures_, range(len(patterns)))
        return self

    def predict(
        self, X: ArrayLike, *, mask: ArrayLike | None = None, counts: ArrayLike | None = None
    ) -> NDArray[np.float32]:
        """Give the volume of the body behind each pattern; patterns not seen in `fit` are fitted now.

        A pattern that was fitted keeps its body; call `fit` again after a change of parameters. Without a mask, it is
        found whatever mask it was fitted with; over another mask it is a new pattern, as with other
        counts. Bodies of new patterns are
        appended to ``solids_`` and its fellows. A single new pattern of which no body can be made raises; of several,
        a warning tells which.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; by default as when the pattern was fitted, everything for new ones.
        counts : array-like of shape (n, rows, columns) [photons], optional
            Photons behind the patterns, on each pixel: as for `fit`. By default as when the pattern was fitted.

        Returns
        -------
        ndarray of float32 of shape (n, grid, grid, grid)
            Occupancies in [0, 1]; nothing but zeros where no body was made.
        """
        solids = self.predict_solids(X, mask=mask, counts=counts)
        return volumes_of(solids, self.grid, self._simulator().box)

    def predict_solids(
        self, X: ArrayLike, *, mask: ArrayLike | None = None, counts: ArrayLike | None = None
    ) -> list[Solid | None]:
        """Give the body behind each pattern.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; by default as when the pattern was fitted, everything for new ones.
        counts : array-like of shape (n, rows, columns) [photons], optional
            Photons behind the patterns, on each pixel: as for `fit`. By default as when the pattern was fitted.

        Returns
        -------
        list of Solid
            The bodies, in nm; None where no body was made.
        """
        return [self.solids_[index] for index in self._indices(X, mask, counts)]

    def predict_pattern(
        self, X: ArrayLike, *, mask: ArrayLike | None = None, counts: ArrayLike | None = None
    ) -> NDArray[np.float32]:
        """Give the pattern that each body would have left on the detector.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; by default as when the pattern was fitted, everything for new ones.
        counts : array-like of shape (n, rows, columns) [photons], optional
            Photons behind the patterns, on each pixel: as for `fit`. By default as when the pattern was fitted.

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns)
            Log-scaled patterns on the scale of X, with fitted response, on all pixels; NaN where no body was made.
        """
        indices = self._indices(X, mask, counts)
        return np.stack([self._pictured(i) for i in indices])

    def report(
        self,
        X: ArrayLike,
        *,
        mask: ArrayLike | None = None,
        counts: ArrayLike | None = None,
        crystal: str | None = "fcc",
    ) -> list[FitReport | None]:
        """Give what can be said of the body behind each pattern: facets, their uncertainty, what is not determined.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; by default as when the pattern was fitted, everything for new ones.
        counts : float or array-like of shape (n,) or (n, rows, columns) [photons], optional
            Photons behind the patterns, where these are known: they tell the noise. How many in all on the measured
            pixels, for all patterns or for each, or on each pixel: then the body that was fitted by these is
            reported, where there is one. By default, and of bodies fitted by photons in the place of a number in all,
            those that a pattern was fitted by; no pattern is fitted by them here.
        crystal : {"fcc"} or None, default="fcc"
            Crystal whose Miller indices are guessed for the facets.

        Returns
        -------
        list of FitReport
            One for each pattern; None where no body was made, of which ``failures_`` tells.

        Raises
        ------
        InvalidParameterError
            If a parameter, pattern, mask or number of photons is not as described.
        """
        photons = photons_of(counts, np.shape(X), owner=type(self).__name__)
        indices = self._indices(X, mask)
        for number, (one, seen) in enumerate(zip(np.asarray(X), self._check_masks(X, mask), strict=True)):
            if np.ndim(photons[number]) > 0:
                place = self._memory_.find(one, seen, any_mask=mask is None, counts=photons[number])
                indices[number] = indices[number] if place is None else place
        masks = np.stack([self._memory_.mask(index) for index in indices])
        patterns = self._check_patterns(X, masks)
        given = zip(indices, patterns, masks, photons, strict=True)
        return [report_of(self, *one, crystal) for one in given]

    def score(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        mask: ArrayLike | None = None,
        counts: ArrayLike | None = None,
    ) -> float:
        """Give the negative mean residual of the patterns, over their masks; larger is better.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns.
        y : object, optional
            Ignored.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; by default as when the pattern was fitted, everything for new ones.
        counts : array-like of shape (n, rows, columns) [photons], optional
            Photons behind the patterns, on each pixel: as for `fit`. By default as when the pattern was fitted.

        Returns
        -------
        float
            The negative mean residual; NaN where no body was made of one of the patterns.
        """
        return -float(np.mean(self.residuals_[self._indices(X, mask, counts)]))

    def _pictured(self, place: int) -> NDArray[np.float32]:
        solid, response = self.solids_[place], self.responses_[place]
        if solid is None or response is None:
            shape = check_detector(self._simulator().detector, owner="MSFTSimulator").shape
            return np.full(shape, np.nan, np.float32)
        return response.apply(self._intensity(solid))

    def _check_masks(self, X: ArrayLike, mask: ArrayLike | None) -> NDArray[np.bool_]:
        """Check all but the values of the patterns; give the mask of each."""
        owner = type(self).__name__
        self._check_parameters()
        check_random_state(self.random_state, owner=owner)
        return measured_masks(X, mask, self._simulator(), owner=owner)

    def _check_patterns(self, X: ArrayLike, masks: NDArray[np.bool_]) -> NDArray[np.float32]:
        return measured_patterns(X, masks, self._simulator(), owner=type(self).__name__)

    def _check_counts(self, counts: ArrayLike | None, masks: NDArray[np.bool_]) -> Counts | None:
        """Check the photons that bodies are to be fitted by."""
        owner = type(self).__name__
        if counts is None:
            return None
        if self._no_counts():
            raise fail("counts", owner, self._no_counts(), shown(counts))
        return pixel_counts(counts, masks, owner=owner)

    def _reset(self) -> None:
        rows, columns = check_detector(self._simulator().detector, owner="MSFTSimulator").shape
        self.n_features_in_ = rows * columns
        self.solids_: list[Solid | None] = []
        self.responses_: list[DetectorResponse | None] = []
        self.points_: list[NDArray[np.float64] | None] = []
        self.residuals_ = np.zeros(0)
        self.deviances_ = np.zeros(0)
        self.n_simulations_ = np.zeros(0)
        self.candidates_: list[list[tuple[float, Solid]]] = []
        self.history_: list[list[dict[str, Any]]] = []
        self.evidence_: list[dict[str, float]] = []
        self.failures_: dict[int, str] = {}
        self._memory_ = PatternMemory()

    def _fit_all(
        self,
        raw: NDArray[Any],
        patterns: NDArray[np.float32],
        masks: NDArray[np.bool_],
        counts: Counts | None,
        *,
        alone: bool,
    ) -> None:
        """Fit patterns and append what was found; a bad one raises if it is all that the user gave."""
        rng = check_random_state(self.random_state, owner=type(self).__name__)
        photons = one_each(counts, len(patterns))
        given = [{} if counted is None else {"counts": counted} for counted in photons]
        tasks = list(zip(patterns, masks, rng.spawn(len(patterns)), given, strict=True))
        parameters = self.get_params(deep=False)
        # without a parameter of its own, a fitter does not follow joblib's settings either
        n_jobs = effective_n_jobs(parameters["n_jobs"]) if "n_jobs" in parameters else 1
        several = n_jobs > 1 and len(tasks) > 1
        results = by_processes(self, tasks, n_jobs) if several else one_by_one(self, tasks)
        first, caveats = len(self.solids_), {}
        with closing(results), kept_interrupts() as check_interrupts:
            for number, found in results:
                if isinstance(found, Exception) and alone:
                    raise found
                self._keep(first + number, found)
                self._memory_.add(raw[number], masks[number], first + number, photons[number])
                if isinstance(found, FittedPattern) and found.caveat:
                    caveats[number] = found.caveat
                if isinstance(found, FittedPattern) and found.interrupted:
                    raise KeyboardInterrupt
                check_interrupts()
        for _, caveat in sorted(caveats.items()):
            warnings.warn(caveat, RuntimeWarning, stacklevel=3)

    def _keep(self, place: int, found: FittedPattern | Exception) -> None:
        """Put what was found in its place; what is still to come before it counts as not fitted until then."""
        while len(self.solids_) <= place:
            self.failures_[len(self.solids_)] = NOT_FITTED
            self.solids_.append(None)
            self.responses_.append(None)
            self.points_.append(None)
            self.residuals_ = np.append(self.residuals_, np.nan)
            self.deviances_ = np.append(self.deviances_, np.nan)
            self.n_simulations_ = np.append(self.n_simulations_, np.nan)
            self.candidates_.append([])
            self.history_.append([])
            self.evidence_.append({})
        del self.failures_[place]
        if isinstance(found, Exception):
            self.failures_[place] = f"{type(found).__name__}: {found}"
            self.failures_ = dict(sorted(self.failures_.items()))
            return
        self.solids_[place] = found.solid
        self.responses_[place] = found.response
        self.points_[place] = found.point
        self.residuals_[place] = found.residual
        self.deviances_[place] = found.deviance
        self.n_simulations_[place] = found.simulations
        self.candidates_[place] = found.candidates
        self.history_[place] = found.history
        self.evidence_[place] = found.evidence

    def _indices(self, X: ArrayLike, mask: ArrayLike | None, counts: ArrayLike | None = None) -> list[int]:
        """Give the place of each pattern in ``solids_``; fit those that are new."""
        check_is_fitted(self, "solids_")
        masks, raw = self._check_masks(X, mask), np.asarray(X)
        checked = self._check_counts(counts, masks)
        photons = one_each(checked, len(raw))
        find = partial(self._memory_.find, any_mask=mask is None)

        def found() -> list[int | None]:
            triples = zip(raw, masks, photons, strict=True)
            return [find(one, seen, counts=counted) for one, seen, counted in triples]

        places = found()
        first: dict[str, int] = {}
        for i in (i for i, place in enumerate(places) if place is None):
            first.setdefault(digest(raw[i], masks[i], digest_of(photons[i])), i)
        new = list(first.values())
        if new or not places:
            patterns = self._check_patterns(raw[new], masks[new])
            self._prepare()
            counted = None if checked is None else checked[new]
            self._fit_all(raw[new], patterns, masks[new], counted, alone=len(raw) == 1)
            places = found()
        known = [place for place in places if place is not None]
        warn_of(self.failures_, known)
        return known

    def _simulator(self) -> MSFTSimulator:
        return MSFTSimulator() if self.simulator is None else self.simulator


__all__ = ["FittedPattern", "PatternFitter"]
