"""SimplexFitter: every class of the catalogue, turned, sized, stretched and cut by simplices; the best class wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit._random import RandomState
from scatterkit._validation import fail, shown
from scatterkit.fitting._planes import Floats
from scatterkit.fitting.baselines._baseline import BaselineFitter
from scatterkit.fitting.baselines._classes import (
    Pose,
    axis_turns,
    stretched_and_cut,
)
from scatterkit.fitting.baselines._library import BodyLibrary, Hashed, class_library
from scatterkit.fitting.baselines._nelder_mead import simplex_descent
from scatterkit.fitting.baselines._pursuit import Planes, Pursuit
from scatterkit.fitting.models import CatalogueBody
from scatterkit.fitting.models.catalogue import axis_labels, class_names
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids.catalogue import canonical_name

N_STARTS = 12
"""Starts of each class, at most; they come from the ranking of cached patterns."""

TURN, SHAPE, FINISH = (0.4, 70), (0.7, 100), (1.0, 150)
"""Fraction of the q range and simulations of the simplices of one climb: the first one of a body that is not cut yet
moves turn and size alone."""

HOPELESS = 2.0
"""A start is given up where the residual at low q is this many times the smallest of all so far."""

PROBES = (np.log([1.25, 1.0]), np.log([0.8, 1.0]), np.log([1.0, 0.6]))
"""Stretch and cut that each axis is tried with."""


@dataclass
class Contender:
    """A class in the contest: the points that it may still start from, and its best body."""

    name: str
    starts: list[Pose]
    residual: float = math.inf
    coarse: float = math.inf
    model: CatalogueBody | None = None
    point: Floats = field(default_factory=lambda: np.zeros(7))

    def take(self, residual: float, model: CatalogueBody, point: Floats) -> None:
        """Keep a body if it is better than all before."""
        if residual < self.residual:
            self.residual, self.model, self.point = residual, model, point


class SimplexFitter(BaselineFitter):
    """Fit bodies of the catalogue by the simplex of Nelder and Mead; the best class wins.

    The classic way of reading such patterns, without gradients. Cached patterns of every class in coarse orientations
    and sizes, and of stretched and cut ones, are ranked at low q, turned in the plane all at once. From the best starts
    of each class, simplices move rotation and size, then stretch and cut along one symmetry axis too, at low q first.
    Classes with small residuals get their further starts first. The library of patterns is made once for an
    experiment and is not part of the time budget.

    Parameters
    ----------
    simulator : MSFTSimulator, optional
        The experiment; the published silver configuration by default. Straight rays through true densities are
        simulated in closed form, everything else by voxels.
    classes : sequence of str, optional
        Names in the catalogue; by default the published ones of fixed shape.
    grid : int, default=64
        Voxels along each edge of predicted volumes, and of simulated ones where there is no closed form.
    max_shift : float [pixel], default=3.0
        Largest shift of the pattern's centre that is looked for.
    n_pixels : int, default=2000
        Measured pixels that each look compares, drawn once.
    time_budget : float [s], default=60.0
        Time for one pattern.
    max_simulations : int, optional
        Simulated patterns after which the search ends; any number by default.
    random_state : int, numpy.random.Generator or None, default=None
        Draws the pixels.
    verbose : bool, default=False
        Whether to show progress.

    Attributes
    ----------
    solids_ : list of Solid
        The fitted bodies, in nm from the centre of the box, named by their class.
    responses_ : list of DetectorResponse
        The detector response of each pattern.
    residuals_ : ndarray of shape (n,)
        Mean squared difference over the mask between pattern and fit.
    n_simulations_ : ndarray of shape (n,)
        Simulations of each pattern.
    candidates_ : list of list of (float, Solid)
        For each pattern, residual and body of the best few classes, best first.
    evidence_ : list of dict
        For each pattern, the residual of every class over the pixels that were looked at, best first; NaN for
        classes whose turn did not come.
    history_ : list of list of dict
        For each pattern, one entry for each improvement: seconds, simulations, start, residual (over the
        pixels that were looked at) and solid.
    n_features_in_ : int
        Number of pixels of a pattern.

    See Also
    --------
    scatterkit.fitting.ForwardFitter : Fits by gradients.

    References
    ----------
    I. Barke et al., Nat. Commun. 6, 6187 (2015) fit symmetric bodies this way; the simplex is that of J. A. Nelder and
    R. Mead, Comput. J. 7, 308 (1965).

    Examples
    --------
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.fitting import SimplexFitter
    >>> from scatterkit.simulation import LogScaler, MSFTSimulator
    >>> from scatterkit.solids import Rasterizer, Solid
    >>> simulator = MSFTSimulator(detector=QGrid(n_pixels=64))
    >>> ball = Solid.from_catalogue("cube", circumradius=60)
    >>> X = LogScaler().transform(simulator.transform(Rasterizer(grid=32).transform([ball])))
    >>> fitter = SimplexFitter(simulator, classes=["cube"], n_pixels=200, max_simulations=40, random_state=0)
    >>> fitter.fit(X).solids_[0].name
    'cube'
    """

    def __init__(
        self,
        simulator: MSFTSimulator | None = None,
        classes: Sequence[str] | None = None,
        grid: int = 64,
        max_shift: float = 3.0,
        n_pixels: int = 2000,
        time_budget: float = 60.0,
        max_simulations: int | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        self.simulator = simulator
        self.classes = classes
        self.grid = grid
        self.max_shift = max_shift
        self.n_pixels = n_pixels
        self.time_budget = time_budget
        self.max_simulations = max_simulations
        self.random_state = random_state
        self.verbose = verbose

    def _names(self) -> tuple[str, ...]:
        if self.classes is None:
            return class_names()
        allowed = "a sequence of names of bodies of fixed shape in the catalogue, or None"
        if isinstance(self.classes, str) or not isinstance(self.classes, Sequence) or not self.classes:
            raise fail("classes", type(self).__name__, allowed, shown(self.classes))
        try:
            names = tuple(dict.fromkeys(canonical_name(name) for name in self.classes))
        except ValueError as error:
            raise fail("classes", type(self).__name__, allowed, shown(self.classes)) from error
        if "random_polyhedron" in names:
            raise fail("classes", type(self).__name__, allowed, shown(self.classes))
        return names

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._names()

    def _prepare(self) -> None:
        self._library()

    def _library(self) -> BodyLibrary[Pose]:
        return class_library(Hashed(self._simulator()), self._names(), self.grid, self.verbose)

    def _named(self, pursuit: Pursuit) -> dict[str, Planes]:
        return {name: pursuit.best_of(name).planes for name in self._ranked(pursuit)}

    def _evidence(self, pursuit: Pursuit) -> dict[str, float]:
        looked_at = {name: pursuit.best_of(name).residual for name in self._ranked(pursuit)}
        return looked_at | {name: math.nan for name in self._names() if name not in looked_at}

    def _ranked(self, pursuit: Pursuit) -> list[str]:
        """Give the classes that were looked at, best first."""
        looked_at = [name for name in self._names() if name in pursuit.by_label]
        return sorted(looked_at, key=lambda name: pursuit.best_of(name).residual)

    def _search(self, pursuit: Pursuit, rng: np.random.Generator) -> None:
        contenders = self._contenders(pursuit)
        for number in range(N_STARTS):
            # the best half, then the best quarter; those left out come last, if there is time
            ranked = sorted(contenders, key=lambda contender: contender.residual)
            for contender in ranked[: max(len(ranked) >> number, 2)]:
                _climb(pursuit, contender, contenders)
            _polish(pursuit, contenders)
        while waiting := [contender for contender in contenders if contender.starts]:
            _climb(pursuit, min(waiting, key=lambda contender: contender.residual), contenders)
        _polish(pursuit, contenders)

    def _contenders(self, pursuit: Pursuit) -> list[Contender]:
        """Give every class with its best starts, the class with the best one first."""
        by_name: dict[str, Contender] = {}
        shift = self._shift_of(pursuit)
        ranked = self._library().ranked(pursuit.pattern, pursuit.mask, mirrors=False, shift=shift)
        for pose, match in ranked:
            contender = by_name.setdefault(pose.name, Contender(pose.name, []))
            start = pose.turned(match.angle)
            if len(contender.starts) < N_STARTS and not any(map(start.is_near, contender.starts)):
                contender.starts.append(start)
        return list(by_name.values())


def _climb(pursuit: Pursuit, contender: Contender, contenders: list[Contender]) -> None:
    """Take a class from its next start to a body, if it has one: from low q to all."""
    if not contender.starts:
        return
    start, name = contender.starts.pop(0), contender.name
    model = start.model()
    coarse, point = simplex_descent(pursuit, model, start.point, TURN)
    if not start.label:
        coarse, model, point = _with_axis(pursuit, name, point)
    is_first = math.isinf(contender.residual)
    if not is_first and coarse > HOPELESS * min(other.coarse for other in contenders):
        return
    contender.coarse = min(contender.coarse, coarse)
    _, point = simplex_descent(pursuit, model, point, SHAPE)
    contender.take(pursuit.residual(*model.planes(point), label=name), model, point)
    residual, point = simplex_descent(pursuit, model, point, FINISH, reach=2.0)
    contender.take(residual, model, point)


def _polish(pursuit: Pursuit, contenders: list[Contender]) -> None:
    """Begin a new simplex at the best body of all."""
    leader = min(contenders, key=lambda contender: contender.residual)
    if leader.model is not None:
        finish = simplex_descent(pursuit, leader.model, leader.point, FINISH, reach=1.0)
        leader.take(finish[0], leader.model, finish[1])


def _with_axis(pursuit: Pursuit, name: str, point: Floats) -> tuple[float, CatalogueBody, Floats]:
    """Try a stretch and a cut along every axis at low q; give residual, model and point of the best."""
    turn, still = Rotation.from_quat(point[:4]), np.zeros(6)
    best: tuple[float, Any, Floats] = (math.inf, None, point)
    for label in axis_labels(name):
        model = stretched_and_cut(name, label)
        for symmetry in axis_turns(name, label):
            for probe in PROBES:
                trial = np.concatenate([(turn * symmetry).as_quat(), point[4:5], probe])
                trial = model.move(trial, still, pursuit.scattering.limit)
                value = pursuit.residual(*model.planes(trial), q_limit=TURN[0])
                if value < best[0]:
                    best = (value, model, trial)
    return best
