"""What every fitter of single patterns shares: checks, the record of what was fitted, predictions from it."""

from __future__ import annotations

import hashlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from scatterkit._interrupts import kept_interrupts
from scatterkit._progress import progress_bar
from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import check_mask, check_patterns, fail
from scatterkit.base import Component
from scatterkit.experiment import check_detector
from scatterkit.fitting.answers import FitReport, build_report
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.facets import FacetScattering
from scatterkit.solids import Rasterizer, Solid

Task = tuple[NDArray[np.float32], NDArray[np.bool_], np.random.Generator]


@dataclass(frozen=True)
class FittedPattern:
    """What the fit of one pattern gave; ``interrupted`` where the user stopped it before its end.

    There is no solid where no body could be made.
    """

    solid: Solid | None
    response: DetectorResponse | None
    residual: float
    candidates: list[tuple[float, Solid]]
    history: list[dict[str, Any]] = field(default_factory=list)
    evidence: dict[str, float] = field(default_factory=dict)
    interrupted: bool = False


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
        ``solids_`` and its fellows then hold those.

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
        patterns, masks = self._check(X, mask)
        self._prepare()
        self._reset()
        self._fit_all(_as_pictures(X), patterns, masks)
        return self

    def predict(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> NDArray[np.float32]:
        """Give the volume of the body behind each pattern; patterns not seen in `fit` are fitted now.

        A pattern that was fitted keeps its body, whatever mask is given now; call `fit` again after a change of
        parameters. Bodies of new patterns are appended to ``solids_`` and its fellows.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            For patterns not seen in `fit`: True where a pixel was measured.

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
            For patterns not seen in `fit`: True where a pixel was measured.

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
            For patterns not seen in `fit`: True where a pixel was measured.

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
            True where a pixel was measured.
        counts : array-like of shape (n, rows, columns), optional
            Photon counts that the patterns were made from, where these are known: they tell the noise.
        crystal : {"fcc"} or None, default="fcc"
            Crystal whose Miller indices are guessed for the facets.

        Returns
        -------
        list of FitReport
            One for each pattern; None where no body was made, of which ``failures_`` tells.
        """
        indices = self._indices(X, mask)
        patterns, masks = self._check(X, mask)
        photons: Any = [None] * len(patterns) if counts is None else np.asarray(counts)
        reports: list[FitReport | None] = []
        for index, pattern, seen, counted in zip(indices, patterns, masks, photons, strict=True):
            solid, response = self.solids_[index], self.responses_[index]
            if solid is None or response is None:
                reports.append(None)
                continue
            known = {"candidates": self.candidates_[index], "counts": counted, "crystal": crystal}
            reports.append(
                build_report(solid, response, pattern, seen, self._simulator(), grid=self.grid, **known)
            )
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
            For patterns not seen in `fit`: True where a pixel was measured.

        Returns
        -------
        float
            The negative mean residual.
        """
        return -float(np.mean(self.residuals_[self._indices(X, mask)]))

    def _pictured(self, solid: Solid | None, response: DetectorResponse | None) -> NDArray[np.float32]:
        if solid is None or response is None:
            shape = check_detector(self._simulator().detector, owner="MSFTSimulator").shape
            return np.full(shape, np.nan, np.float32)
        return response.apply(self._intensity(solid))

    def _check(
        self, X: ArrayLike, mask: ArrayLike | None
    ) -> tuple[NDArray[np.float32], list[NDArray[np.bool_]]]:
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
        lit = FacetScattering.of(simulator)[1]
        if not (flags & lit).any(axis=(1, 2)).all():
            raise fail("mask", owner, "True somewhere that light is scattered to", "pixels beyond k alone")
        # what was not measured may hold anything, NaN too
        patterns = check_patterns(np.where(flags, X, 0), owner=owner)
        masks = list(flags)
        return patterns, masks

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
        self._seen_: dict[str, int] = {}

    def _fit_all(
        self, raw: NDArray[Any], patterns: NDArray[np.float32], masks: list[NDArray[np.bool_]]
    ) -> None:
        rng = check_random_state(self.random_state, owner=type(self).__name__)
        tasks = list(zip(patterns, masks, rng.spawn(len(patterns)), strict=True))
        n_jobs = effective_n_jobs(getattr(self, "n_jobs", None))
        several = n_jobs > 1 and len(tasks) > 1
        results = self._by_processes(tasks, n_jobs) if several else self._one_by_one(tasks)
        with closing(results), kept_interrupts() as check_interrupts:
            for number, found in enumerate(results):
                self._keep(found)
                self._seen_[_digest(raw[number])] = len(self.solids_) - 1
                if isinstance(found, Exception) and len(tasks) == 1:
                    raise found
                if isinstance(found, FittedPattern) and found.interrupted:
                    raise KeyboardInterrupt
                check_interrupts()
        if self.failures_:
            told = "; ".join(f"{number}: {why}" for number, why in self.failures_.items())
            warnings.warn(f"No body was made of some patterns ({told})", RuntimeWarning, stacklevel=3)

    def _one_by_one(self, tasks: list[Task]) -> Generator[FittedPattern | Exception]:
        for number, task in enumerate(tasks):
            yield _attempt(self, *task, f"pattern {number + 1} of {len(tasks)}")

    def _by_processes(self, tasks: list[Task], n_jobs: int) -> Generator[FittedPattern | Exception]:
        alone = clone(self).set_params(n_jobs=1, verbose=False)
        verbose = bool(getattr(self, "verbose", False))
        with (
            parallel_config(backend="loky", inner_max_num_threads=1),
            progress_bar(len(tasks), description="patterns", verbose=verbose, unit="pattern") as bar,
        ):
            workers = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1, pre_dispatch="n_jobs")
            with _closed_quietly(workers(delayed(_attempt)(alone, *task, "") for task in tasks)) as results:
                for found in results:
                    bar.update()
                    yield found

    def _keep(self, found: FittedPattern | Exception) -> None:
        if isinstance(found, Exception):
            self.failures_[len(self.solids_)] = str(found)
            found = FittedPattern(None, None, np.nan, [])
        self.solids_.append(found.solid)
        self.responses_.append(found.response)
        self.residuals_ = np.append(self.residuals_, found.residual)
        self.candidates_.append(found.candidates)
        self.history_.append(found.history)
        self.evidence_.append(found.evidence)

    def _indices(self, X: ArrayLike, mask: ArrayLike | None) -> list[int]:
        check_is_fitted(self, "solids_")
        known = [self._seen_.get(_digest(pattern)) for pattern in _as_pictures(X)]
        if known and all(index is not None for index in known):
            return [index for index in known if index is not None]
        patterns, masks = self._check(X, mask)
        self._prepare()
        raw = _as_pictures(X)
        new = [i for i, pattern in enumerate(raw) if _digest(pattern) not in self._seen_]
        self._fit_all(raw[new], patterns[new], [masks[i] for i in new])
        return [self._seen_[_digest(pattern)] for pattern in raw]

    def _simulator(self) -> MSFTSimulator:
        return MSFTSimulator() if self.simulator is None else self.simulator

    def _rasterizer(self) -> Rasterizer:
        return Rasterizer(grid=self.grid, box=self._simulator().box)


@contextmanager
def _closed_quietly(results: Generator[Any]) -> Iterator[Generator[Any]]:
    """Close the generator of results without joblib's advice about those that were not taken."""
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*tasks.*", category=UserWarning)
            results.close()


def _attempt(
    fitter: PatternFitter,
    pattern: NDArray[np.float32],
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    title: str,
) -> FittedPattern | Exception:
    """Fit one pattern; or say why that cannot be, which must not stop the others."""
    try:
        if np.ptp(pattern[mask]) == 0:
            allowed = "patterns with contrast over the mask"
            raise fail("X", type(fitter).__name__, allowed, "a constant pattern")
        return fitter._fit_one(pattern, mask, rng, title)
    except Exception as error:
        return error


def _as_pictures(X: ArrayLike) -> NDArray[Any]:
    return np.atleast_1d(np.asarray(X))


def _digest(pattern: NDArray[Any]) -> str:
    pattern = np.ascontiguousarray(pattern)
    return hashlib.sha256(pattern.tobytes()).hexdigest()
