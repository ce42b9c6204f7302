"""What every fitter of single patterns shares: checks, the record of what was fitted, predictions from it."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from scatterkit._interrupts import kept_interrupts
from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import check_array, check_mask, check_patterns, fail, shown
from scatterkit.base import Component
from scatterkit.experiment import check_detector
from scatterkit.fitting._pattern_memory import PatternMemory, digest
from scatterkit.fitting._pattern_tasks import FittedPattern, by_processes, one_by_one
from scatterkit.fitting.answers import FitReport, build_report
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.facets import FacetScattering
from scatterkit.solids import Rasterizer, Solid

NOT_FITTED = "not fitted: interrupted before its turn was over"


class PatternFitter(Component, ABC):
    """A fitter of one body to each pattern; a subclass gives the search and how a body scatters."""

    simulator: MSFTSimulator | None
    grid: int
    random_state: RandomState

    @abstractmethod
    def _fit_one(
        self, pattern: NDArray[np.float32], mask: NDArray[np.bool_], rng: np.random.Generator, title: str
    ) -> FittedPattern:
        """Fit one checked pattern."""

    @abstractmethod
    def _intensity(self, solid: Solid) -> NDArray[np.float32]:
        """Simulate a body on all pixels: a shift of the centre moves pixels from behind a mask into view."""

    def _prepare(self) -> None:
        """Check what `_constraints` cannot, and do what all patterns have in common."""

    def fit(self, X: ArrayLike, y: Any = None, *, mask: ArrayLike | None = None) -> Any:
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

        Returns
        -------
        PatternFitter
            The fitter itself.

        Raises
        ------
        InvalidParameterError
            If a parameter, pattern or mask is not as described.
        """
        masks = self._check_masks(X, mask)
        patterns = self._check_patterns(X, masks)
        self._prepare()
        self._reset()
        self._fit_all(np.asarray(X), patterns, masks, alone=len(patterns) == 1)
        self._warn(dict(enumerate(range(len(patterns)))))
        return self

    def predict(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> NDArray[np.float32]:
        """Give the volume of the body behind each pattern; patterns not seen in `fit` are fitted now.

        A pattern that was fitted keeps its body; call `fit` again after a change of parameters. Without a mask, it is
        found whatever mask it was fitted with; over another mask it is a new pattern. Bodies of new patterns are
        appended to ``solids_`` and its fellows. A single new pattern of which no body can be made raises; of several,
        a warning tells which.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; by default as when the pattern was fitted, everything for new ones.

        Returns
        -------
        ndarray of float32 of shape (n, grid, grid, grid)
            Occupancies in [0, 1]; nothing but zeros where no body was made.
        """
        solids = self.predict_solids(X, mask=mask)
        volumes = np.zeros((len(solids), self.grid, self.grid, self.grid), np.float32)
        made = {i: solid for i, solid in enumerate(solids) if solid is not None}
        if made:
            volumes[list(made)] = self._rasterizer().transform(list(made.values()))
        return volumes

    def predict_solids(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> list[Solid | None]:
        """Give the body behind each pattern.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; by default as when the pattern was fitted, everything for new ones.

        Returns
        -------
        list of Solid
            The bodies, in nm; None where no body was made.
        """
        return [self.solids_[index] for index in self._indices(X, mask)]

    def predict_pattern(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> NDArray[np.float32]:
        """Give the pattern that each body would have left on the detector.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; by default as when the pattern was fitted, everything for new ones.

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns)
            Log-scaled patterns on the scale of X, with fitted response, on all pixels; NaN where no body was made.
        """
        indices = self._indices(X, mask)
        return np.stack([self._pictured(self.solids_[i], self.responses_[i]) for i in indices])

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
            pixels, for all patterns or for each, or on each pixel.
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
        photons = self._check_counts(counts, np.shape(X))
        indices = self._indices(X, mask)
        masks = np.stack([self._memory_.mask(index) for index in indices])
        patterns = self._check_patterns(X, masks)
        reports: list[FitReport | None] = []
        for index, pattern, seen, counted in zip(indices, patterns, masks, photons, strict=True):
            solid, response = self.solids_[index], self.responses_[index]
            if solid is None or response is None:
                reports.append(None)
                continue
            known = {"candidates": self.candidates_[index], "counts": counted, "crystal": crystal}
            told = {"grid": self.grid, "intensity": self._intensity(solid), **known}
            reports.append(build_report(solid, response, pattern, seen, self._simulator(), **told))
        return reports

    def score(self, X: ArrayLike, y: Any = None, *, mask: ArrayLike | None = None) -> float:
        """Give the negative mean residual of the patterns, over their masks; larger is better.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns.
        y : object, optional
            Ignored.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; by default as when the pattern was fitted, everything for new ones.

        Returns
        -------
        float
            The negative mean residual; NaN where no body was made of one of the patterns.
        """
        return -float(np.mean(self.residuals_[self._indices(X, mask)]))

    def _pictured(self, solid: Solid | None, response: DetectorResponse | None) -> NDArray[np.float32]:
        if solid is None or response is None:
            shape = check_detector(self._simulator().detector, owner="MSFTSimulator").shape
            return np.full(shape, np.nan, np.float32)
        return response.apply(self._intensity(solid))

    def _check_masks(self, X: ArrayLike, mask: ArrayLike | None) -> NDArray[np.bool_]:
        """Check all but the values of the patterns; give the mask of each."""
        owner = type(self).__name__
        self._check_parameters()
        check_random_state(self.random_state, owner=owner)
        simulator = self._simulator()
        simulator._check_parameters()
        shape = check_detector(simulator.detector, owner="MSFTSimulator").shape
        given = np.shape(X)
        if len(given) != 3 or given[1:] != shape:
            allowed = f"patterns of the detector's shape (n, {shape[0]}, {shape[1]})"
            raise fail("X", owner, allowed, f"shape {given}")
        seen_by = check_mask(simulator.mask, shape, owner="MSFTSimulator")
        flags = check_mask(mask, shape, owner=owner, n=given[0])
        flags = np.broadcast_to(True if flags is None else flags, given)
        if seen_by is not None:
            flags = flags & seen_by
            if not flags.any(axis=(1, 2)).all():
                raise fail("mask", owner, "True somewhere that the simulator's mask is True", "no such pixel")
        return flags

    def _check_patterns(self, X: ArrayLike, masks: NDArray[np.bool_]) -> NDArray[np.float32]:
        owner = type(self).__name__
        lit = FacetScattering.of(self._simulator())[1]
        if not (masks & lit).any(axis=(1, 2)).all():
            raise fail("mask", owner, "True somewhere that light is scattered to", "pixels beyond k alone")
        # what was not measured may hold anything, NaN too
        return check_patterns(np.where(masks, X, 0), owner=owner)

    def _check_counts(self, counts: ArrayLike | None, shape: tuple[int, ...]) -> Sequence[Any]:
        """Give what is known of the photons behind each pattern."""
        owner = type(self).__name__
        n = shape[0] if shape else 0
        if counts is None:
            return [None] * n
        given = np.shape(counts)
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

    def _reset(self) -> None:
        rows, columns = check_detector(self._simulator().detector, owner="MSFTSimulator").shape
        self.n_features_in_ = rows * columns
        self.solids_: list[Solid | None] = []
        self.responses_: list[DetectorResponse | None] = []
        self.residuals_ = np.zeros(0)
        self.candidates_: list[list[tuple[float, Solid]]] = []
        self.history_: list[list[dict[str, Any]]] = []
        self.evidence_: list[dict[str, float]] = []
        self.failures_: dict[int, str] = {}
        self._memory_ = PatternMemory()

    def _fit_all(
        self, raw: NDArray[Any], patterns: NDArray[np.float32], masks: NDArray[np.bool_], *, alone: bool
    ) -> None:
        """Fit patterns and append what was found; a bad one raises if it is all that the user gave."""
        rng = check_random_state(self.random_state, owner=type(self).__name__)
        tasks = list(zip(patterns, masks, rng.spawn(len(patterns)), strict=True))
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
                self._memory_.add(raw[number], masks[number], first + number)
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
            self.residuals_ = np.append(self.residuals_, np.nan)
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
        self.residuals_[place] = found.residual
        self.candidates_[place] = found.candidates
        self.history_[place] = found.history
        self.evidence_[place] = found.evidence

    def _indices(self, X: ArrayLike, mask: ArrayLike | None) -> list[int]:
        """Give the place of each pattern in ``solids_``; fit those that are new."""
        check_is_fitted(self, "solids_")
        masks, raw = self._check_masks(X, mask), np.asarray(X)

        def found() -> list[int | None]:
            pairs = zip(raw, masks, strict=True)
            return [self._memory_.find(one, seen, any_mask=mask is None) for one, seen in pairs]

        places = found()
        first: dict[str, int] = {}
        for i in (i for i, place in enumerate(places) if place is None):
            first.setdefault(digest(raw[i], masks[i]), i)
        new = list(first.values())
        if new or not places:
            patterns = self._check_patterns(raw[new], masks[new])
            self._prepare()
            self._fit_all(raw[new], patterns, masks[new], alone=len(raw) == 1)
            places = found()
        known = [place for place in places if place is not None]
        self._warn(dict(enumerate(known)))
        return known

    def _warn(self, places: dict[int, int]) -> None:
        """Warn of patterns without a body; ``places`` in ``solids_`` by the number among those that the user gave."""
        failed = {
            number: self.failures_[place] for number, place in places.items() if place in self.failures_
        }
        if failed:
            told = "; ".join(f"{number}: {why}" for number, why in failed.items())
            warnings.warn(f"No body was made of some patterns ({told})", RuntimeWarning, stacklevel=3)

    def _simulator(self) -> MSFTSimulator:
        return MSFTSimulator() if self.simulator is None else self.simulator

    def _rasterizer(self) -> Rasterizer:
        return Rasterizer(grid=self.grid, box=self._simulator().box)


__all__ = ["FittedPattern", "PatternFitter"]
