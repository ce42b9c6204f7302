"""ForwardFitter: bodies fitted to measured patterns through the adjoint of the simulator, without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from scatterkit._progress import progress_bar
from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import (
    AnyOf,
    Boolean,
    Choice,
    Constraint,
    Instance,
    Integer,
    Positive,
    Real,
    check_array,
    check_mask,
    check_patterns,
    fail,
    shown,
)
from scatterkit.base import Component
from scatterkit.experiment import check_detector
from scatterkit.fitting.descent import Candidate, box_limit
from scatterkit.fitting.models import BodyModel, as_model
from scatterkit.fitting.objective import PatternObjective
from scatterkit.fitting.search import Search, default_schedule
from scatterkit.response import DetectorResponse, fit_response
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Rasterizer, Solid

RADII = (0.17, 0.22, 0.27, 0.32, 0.37)
"""Radii of the spheres that a search starts from, in units of the box."""


class ForwardFitter(Component):
    """Fit one 3D body to each measured pattern by gradient descent through the scattering physics.

    A body model turns a few numbers into half-spaces, half-spaces into an occupancy with soft edges, and that
    into a pattern; the residual's gradient comes back the same way. Several starts are followed from low q to
    high; the best are refined. In the end neighbouring faces on the lit side that the pattern does not tell apart
    are merged, as long as the residual grows by no more than 5 %. What the detector did to the pattern (eps,
    gain, offset, saturation, centre shift) is fitted along.

    Parameters
    ----------
    model : str or BodyModel, default="convex"
        What the body may be: "convex" for any convex body, a name of the catalogue for that body with free size
        and orientation, or a body model such as ``CatalogueBody("decahedron", stretch_axis="C5")``.
    simulator : MSFTSimulator, optional
        The experiment; the published silver configuration by default.
    grid : int, default=64
        Voxels along each edge of the fitted volumes.
    n_steps : int, default=600
        Steps of gradient descent from a start to the end.
    n_kept : int, default=2
        Number of starts that are followed to the end.
    radii : sequence of float [nm], optional
        Radii of the bodies to start from; five between 0.17 and 0.37 of the box by default.
    max_shift : float [pixel], default=3.0
        Largest shift of the pattern's centre that is looked for.
    time_budget : float [s], optional
        Time for one pattern. The search then ends in order with what it has, which depends on the computer's speed.
    n_jobs : int, optional
        Starts that are followed at once, each on one thread; -1 for all cores. By default one after the other, each
        on as many threads as numba is set to.
    random_state : int, numpy.random.Generator or None, default=None
        Draws the orientations of the starts.
    verbose : bool, default=False
        Whether to show progress.

    Attributes
    ----------
    solids_ : list of Solid
        The fitted bodies, in nm from the centre of the box.
    responses_ : list of DetectorResponse
        The detector response of each pattern.
    residuals_ : ndarray of shape (n,)
        Mean squared difference over the mask between pattern and fit, simulated from the finished body.
    candidates_ : list of list of (float, Solid)
        For each pattern, residual and body of every start that was followed to the end, best first.
    history_ : list of list of dict
        For each pattern, one entry a step: seconds, simulations, start, grid, residual (over the q range then
        in use).
    n_features_in_ : int
        Number of pixels of a pattern.

    See Also
    --------
    scatterkit.metrics.pattern_residual : The residual that is minimised.

    Notes
    -----
    One pattern does not tell everything. Absorption hides the back of the body, which follows the model's
    assumption alone (see `ConvexBody`). A shift of the body changes no intensity; bodies are given in the
    middle of the box. Inversion through a point is nearly invisible for bodies that are nearly centrosymmetric.

    Examples
    --------
    >>> from scatterkit.fitting import CatalogueBody, ForwardFitter
    >>> from scatterkit.simulation import LogScaler, MSFTSimulator
    >>> from scatterkit.solids import Rasterizer, Solid
    >>> cube = Solid.from_catalogue("cube", circumradius=60)
    >>> X = LogScaler().transform(MSFTSimulator().transform(Rasterizer(grid=32).transform([cube])))
    >>> model = CatalogueBody("cube", n_orientations=4)
    >>> fitter = ForwardFitter(model, grid=32, radii=[60], n_steps=100, n_kept=1, random_state=0)
    >>> fitter.fit(X).predict(X).shape
    (1, 32, 32, 32)
    >>> 50 < fitter.solids_[0].circumradius < 70
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "simulator": Instance((MSFTSimulator,), optional=True),
        "grid": Integer(8),
        "n_steps": Integer(10),
        "n_kept": Integer(1),
        "max_shift": Real(low=0, high=16, unit="pixels"),
        "time_budget": Positive("s", optional=True),
        "n_jobs": AnyOf((Choice((None, -1)), Integer(1))),
        "verbose": Boolean(),
    }

    def __init__(
        self,
        model: str | BodyModel = "convex",
        simulator: MSFTSimulator | None = None,
        grid: int = 64,
        n_steps: int = 600,
        n_kept: int = 2,
        radii: Sequence[float] | None = None,
        max_shift: float = 3.0,
        time_budget: float | None = None,
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.simulator = simulator
        self.grid = grid
        self.n_steps = n_steps
        self.n_kept = n_kept
        self.radii = radii
        self.max_shift = max_shift
        self.time_budget = time_budget
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: Any = None, *, mask: ArrayLike | None = None) -> ForwardFitter:
        """Fit a body to each pattern.

        Finished patterns are kept if the work is interrupted: ``solids_`` and its fellows then hold those.

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
        ForwardFitter
            The fitter itself.

        Raises
        ------
        InvalidParameterError
            If a parameter, pattern or mask is not as described.
        """
        patterns, masks = self._check(X, mask)
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
            Occupancies in [0, 1].
        """
        return self._rasterizer().transform(self.predict_solids(X, mask=mask))

    def predict_solids(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> list[Solid]:
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
            The bodies, in nm.
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
            Log-scaled patterns on the scale of X, with fitted response, on all pixels.
        """
        indices = self._indices(X, mask)
        return np.stack([self.responses_[i].apply(self._intensity(self.solids_[i])) for i in indices])

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

    def _check(
        self, X: ArrayLike, mask: ArrayLike | None
    ) -> tuple[NDArray[np.float32], list[NDArray[np.bool_]]]:
        owner = type(self).__name__
        self._check_parameters()
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
        # what was not measured may hold anything, NaN too
        patterns = check_patterns(np.where(flags, X, 0), owner=owner)
        masks = list(flags)
        for number, (pattern, seen) in enumerate(zip(patterns, masks, strict=True)):
            if np.ptp(pattern[seen]) == 0:
                raise fail("X", owner, "patterns with contrast over the mask", f"a constant pattern {number}")
        as_model(self.model, owner=owner)
        self._start_radii()
        check_random_state(self.random_state, owner=owner)
        return patterns, masks

    def _reset(self) -> None:
        rows, columns = check_detector(self._simulator().detector, owner="MSFTSimulator").shape
        self.n_features_in_ = rows * columns
        self.solids_: list[Solid] = []
        self.responses_: list[DetectorResponse] = []
        self.residuals_ = np.zeros(0)
        self.candidates_: list[list[tuple[float, Solid]]] = []
        self.history_: list[list[dict[str, Any]]] = []
        self._seen_: dict[str, int] = {}

    def _fit_all(
        self, raw: NDArray[Any], patterns: NDArray[np.float32], masks: list[NDArray[np.bool_]]
    ) -> None:
        rng = check_random_state(self.random_state, owner=type(self).__name__)
        for number, (pattern, mask) in enumerate(zip(patterns, masks, strict=True)):
            self._fit_one(pattern, mask, rng, f"pattern {number + 1} of {len(patterns)}")
            self._seen_[_digest(raw[number])] = len(self.solids_) - 1

    def _fit_one(
        self, pattern: NDArray[np.float32], mask: NDArray[np.bool_], rng: np.random.Generator, title: str
    ) -> None:
        model = clone(as_model(self.model, owner=type(self).__name__))
        objective = PatternObjective(self._simulator(), pattern, mask, self.max_shift)
        radii = self._start_radii()
        schedule = default_schedule(model, self.grid, self.n_steps, self.n_kept, len(radii))
        history: list[dict[str, Any]] = []
        with progress_bar(schedule.n_steps, description=title, verbose=self.verbose, unit="step") as bar:

            def report(entry: dict[str, Any]) -> None:
                history.append(entry)
                bar.total = search.n_steps
                bar.update()
                if len(history) % 10 == 0:
                    bar.set_postfix(residual=f"{entry['residual']:.5f}", refresh=False)

            n_jobs = effective_n_jobs(self.n_jobs)
            search = Search(
                model, objective, schedule, time_budget=self.time_budget, n_jobs=n_jobs, report=report
            )
            found = search.run(radii, rng)
        finished = sorted(
            (self._finish(model, candidate, pattern, mask) for candidate in found), key=lambda item: item[0]
        )
        residual, solid, response = finished[0]
        self.solids_.append(solid)
        self.responses_.append(response)
        self.residuals_ = np.append(self.residuals_, residual)
        self.candidates_.append([(value, body) for value, body, _ in finished])
        self.history_.append(history)

    def _finish(
        self, model: BodyModel, candidate: Candidate, pattern: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> tuple[float, Solid, DetectorResponse]:
        """Make the body of a candidate, and judge it anew from its own exact occupancy."""
        solid = model.solid(candidate.point, box_limit(self._simulator().box))
        solid = solid.shift(-np.mean(solid.bounds, axis=0))
        response, residual = fit_response(
            pattern, self._intensity(solid), mask, max_shift=self.max_shift, start=candidate.response
        )
        return residual, solid, response

    def _indices(self, X: ArrayLike, mask: ArrayLike | None) -> list[int]:
        check_is_fitted(self, "solids_")
        known = [self._seen_.get(_digest(pattern)) for pattern in _as_pictures(X)]
        if known and all(index is not None for index in known):
            return [index for index in known if index is not None]
        patterns, masks = self._check(X, mask)
        raw = _as_pictures(X)
        new = [i for i, pattern in enumerate(raw) if _digest(pattern) not in self._seen_]
        self._fit_all(raw[new], patterns[new], [masks[i] for i in new])
        return [self._seen_[_digest(pattern)] for pattern in raw]

    def _intensity(self, solid: Solid) -> NDArray[np.float32]:
        # on all pixels: a shift of the centre moves pixels from behind a mask into view
        return (
            clone(self._simulator()).set_params(mask=None).transform(self._rasterizer().transform([solid]))[0]
        )

    def _simulator(self) -> MSFTSimulator:
        return MSFTSimulator() if self.simulator is None else self.simulator

    def _rasterizer(self) -> Rasterizer:
        return Rasterizer(grid=self.grid, box=self._simulator().box)

    def _start_radii(self) -> NDArray[np.float64]:
        box = self._simulator().box
        if self.radii is None:
            return np.array(RADII) * box
        owner = type(self).__name__
        radii = check_array(self.radii, name="radii", owner=owner, shape=(None,), dtype=np.float64)
        if radii.min() <= 0 or radii.max() > box_limit(box):
            allowed = f"radii in nm in (0, {box_limit(box):g}], so that the bodies fit the box"
            raise fail("radii", owner, allowed, shown(self.radii))
        return radii


def _as_pictures(X: ArrayLike) -> NDArray[Any]:
    return np.atleast_1d(np.asarray(X))


def _digest(pattern: NDArray[Any]) -> str:
    pattern = np.ascontiguousarray(pattern)
    return hashlib.sha256(pattern.tobytes()).hexdigest()


__all__ = ["RADII", "ForwardFitter"]
