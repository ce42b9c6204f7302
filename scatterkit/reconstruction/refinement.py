"""Refiner: what a network proposes for a pattern and its mirror images, ranked and refined by the exact physics."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import ClassVar

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import QhullError

from scatterkit._validation import (
    AnyOf,
    Boolean,
    Choice,
    Constraint,
    Instance,
    Integer,
    InvalidParameterError,
    Positive,
    Real,
    check_value,
    fail,
    shown,
)
from scatterkit.base import Component
from scatterkit.fitting._pattern_checks import measured_masks
from scatterkit.fitting._pattern_tasks import FittedPattern, Task, by_processes, one_by_one
from scatterkit.fitting._planes import Floats
from scatterkit.fitting.engines import FitRequest, fit_by_facets, takes_facets
from scatterkit.fitting.facet_schedule import FacetSchedule
from scatterkit.fitting.first_look import FirstLook
from scatterkit.fitting.models import ConvexBody
from scatterkit.reconstruction.training._supplies import log_patterns
from scatterkit.reconstruction.views import View, views
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

Planes = tuple[Floats, Floats]
Refined = tuple[Solid | None, DetectorResponse | None, float]
Propose = Callable[[NDArray[np.float32], NDArray[np.bool_]], Sequence[Planes]]
BEGIN = 4.0
"""First q limit times the radius: a proposal knows more than the size."""
STEPS = 8
"""Steps at each q limit for a proposal."""
FOLLOWED = 4
"""Proposals that are followed, those that come closest over the first fringes."""
ROUNDS = 3
"""Rounds of starts that the pattern itself gives, at most."""
NOT_LEFT = (QhullError, ValueError)
"""What a fit raises where nothing of its starts is left."""


class Refiner(Component):
    """Refine what a network proposes: several hypotheses for each pattern, ranked and followed by the exact physics.

    Parameters
    ----------
    seconds : float [s], default=10.0
        Time for one pattern, about; the search then ends in order with what it has.
    n_kept : int, default=1
        Hypotheses of a round that are refined to the end.
    symmetries : bool, default=True
        Whether the network sees each pattern in all views by quarter turns and mirrors, eight on a square grid: the
        physics has these symmetries, a network only learns them.
    max_shift : float [pixel], default=3.0
        Largest shift of the pattern's centre that is looked for.
    loss : {"squared", "robust"}, default="squared"
        What is minimised, as for `ForwardFitter`.
    n_starts : int, default=24
        Starts that the pattern itself gives, as for `ForwardFitter`: where proposals leave a residual above 1e-4 and
        time is left, rounds of so many follow. 0 for proposals alone.
    n_jobs : int, optional
        With several patterns, patterns that are refined at once, each by one process; with one, hypotheses that are
        followed at once, each on one thread; -1 for all cores. By default one after the other.

    See Also
    --------
    PhysicsReconstructor : Takes a refiner as its ``refine``.
    scatterkit.fitting.ForwardFitter : Starts from the pattern alone.

    Notes
    -----
    Proposals are ranked by their exact patterns over the first fringes. Damped least squares (Levenberg-Marquardt)
    then follows them from low q to high, ever fewer of them, and merges neighbouring faces in the end, as a
    `ForwardFitter` does for its own starts, but begins at a higher q. They have half of the time at most: the rest
    is for starts that owe the network nothing, so that a network that is wrong does no harm but to the time. What the
    network says of the pattern itself, unrefined, is the answer where nothing better is found. Bodies come out in the
    middle of the box.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.spatial.transform import Rotation
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.reconstruction import Refiner
    >>> from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
    >>> from scatterkit.solids import Solid
    >>> detector = QGrid(32, dq=0.03)
    >>> normals = Rotation.from_rotvec([0.3, 0.5, 0.2]).apply(np.vstack([np.eye(3), -np.eye(3)]))
    >>> cube = Solid.from_halfspaces(normals, np.full(6, 35.0))
    >>> X = LogScaler().transform(PolyhedronSimulator(detector=detector).transform([cube]))
    >>> refiner = Refiner(symmetries=False, max_shift=0.0)
    >>> larger = lambda patterns, masks: [(normals, np.full(6, 38.0))]
    >>> (solid, response, residual), = refiner.refine(X, larger, simulator=MSFTSimulator(detector=detector))
    >>> bool(residual < 1e-6)
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "seconds": Positive("s"),
        "n_kept": Integer(1),
        "symmetries": Boolean(),
        "max_shift": Real(low=0, high=16, unit="pixels"),
        "loss": Choice(("squared", "robust")),
        "n_starts": Integer(0),
        "n_jobs": AnyOf((Choice((None, -1)), Integer(1))),
    }

    def __init__(
        self,
        seconds: float = 10.0,
        n_kept: int = 1,
        symmetries: bool = True,
        max_shift: float = 3.0,
        loss: str = "squared",
        n_starts: int = 24,
        n_jobs: int | None = None,
    ) -> None:
        self.seconds = seconds
        self.n_kept = n_kept
        self.symmetries = symmetries
        self.max_shift = max_shift
        self.loss = loss
        self.n_starts = n_starts
        self.n_jobs = n_jobs

    def refine(
        self,
        X: ArrayLike,
        propose: Propose,
        *,
        mask: ArrayLike | None = None,
        simulator: MSFTSimulator | None = None,
    ) -> list[Refined]:
        """Give the refined body of each pattern.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns)
            Log-scaled patterns in [0, 1].
        propose : callable
            Gives, for patterns and their masks (m, rows, columns), the half-spaces of a body for each: unit normals
            (k, 3) and offsets (k,) in nm from the centre of the box.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.
        simulator : MSFTSimulator, optional
            The experiment, with ``propagation`` "msft"; the published silver configuration by default.

        Returns
        -------
        list of tuple
            For each pattern the body, the detector's response, and the residual, as `ForwardFitter` has them; None,
            None and NaN, with a warning, where no body could be made.

        Raises
        ------
        InvalidParameterError
            If a parameter, pattern or mask is not as described.
        """
        owner = type(self).__name__
        self._check_parameters()
        check_value(simulator, Instance((MSFTSimulator,), optional=True), name="simulator", owner=owner)
        simulator = MSFTSimulator() if simulator is None else simulator
        if not takes_facets(ConvexBody(), simulator):
            raise fail("simulator", owner, "one with propagation 'msft'", shown(simulator.propagation))
        masks = measured_masks(X, mask, simulator, owner=owner)
        patterns = log_patterns(X, masks, simulator, owner=owner)
        seen = views(simulator) if self.symmetries else [View(False, False, False)]
        tasks: dict[int, Task] = {}
        for number, (pattern, measured) in enumerate(zip(patterns, masks, strict=True)):
            if np.ptp(pattern[measured]) > 0:
                points = self._proposals(pattern, measured, seen, propose)
                given = {"points": points, "simulator": simulator}
                # draws pixels and starts, for a pattern the same ones whichever others there are
                tasks[number] = pattern, measured, np.random.default_rng(0), given
        refined: list[Refined] = [(None, None, np.nan)] * len(patterns)
        for number, found in zip(tasks, self._fit_all(list(tasks.values())), strict=True):
            if found is not None:
                refined[number] = found.solid, found.response, found.residual
        failed = [number for number, (solid, _, _) in enumerate(refined) if solid is None]
        if failed:
            warnings.warn(f"No body was made of patterns {failed}", RuntimeWarning, stacklevel=2)
        return refined

    def _fit_all(self, tasks: list[Task]) -> list[FittedPattern | None]:
        """Fit several patterns by processes; None where nothing was left, which others need not suffer from."""
        n_jobs = effective_n_jobs(self.n_jobs)
        several = n_jobs > 1 and len(tasks) > 1
        results: list[FittedPattern | None] = [None] * len(tasks)
        with closing(by_processes(self, tasks, n_jobs) if several else one_by_one(self, tasks)) as outcomes:
            for number, found in outcomes:
                if isinstance(found, FittedPattern):
                    if found.interrupted:
                        raise KeyboardInterrupt
                    results[number] = found
                elif isinstance(found, InvalidParameterError) or not isinstance(found, NOT_LEFT):
                    raise found
        return results

    def _proposals(
        self, pattern: NDArray[np.float32], mask: NDArray[np.bool_], seen: list[View], propose: Propose
    ) -> list[Floats]:
        """Give points of the fits' model, one for each view of a pattern."""
        turned = zip(*(view.turned_with_mask(pattern, mask) for view in seen), strict=True)
        planes = propose(*map(np.stack, turned))
        return [
            np.column_stack([view.undone(normals), offsets])
            for view, (normals, offsets) in zip(seen, planes, strict=True)
        ]

    def _fit_one(
        self,
        pattern: NDArray[np.float32],
        mask: NDArray[np.bool_],
        rng: np.random.Generator,
        title: str,
        *,
        points: list[Floats],
        simulator: MSFTSimulator,
    ) -> FittedPattern:
        """Follow proposals for one pattern, then starts of its own if these leave too much."""
        request = FitRequest(
            pattern,
            mask,
            simulator,
            grid=64,
            max_shift=float(self.max_shift),
            time_budget=float(self.seconds),
            n_jobs=effective_n_jobs(self.n_jobs),
            radii=None,
            rng=rng,
            look=FirstLook(pattern, mask, simulator, float(self.max_shift)),
            robust=self.loss == "robust",
            starts=points,
        )
        n_kept, n_starts = int(self.n_kept), int(self.n_starts)
        first = FacetSchedule(
            n_starts=min(len(points), FOLLOWED), n_steps=STEPS, n_finished=n_kept, begin=BEGIN
        )
        own = FacetSchedule(n_starts=max(n_starts, 1), n_rounds=ROUNDS if n_starts else 0, n_finished=n_kept)
        return fit_by_facets(request, ConvexBody(), own, lambda entry: None, first)
