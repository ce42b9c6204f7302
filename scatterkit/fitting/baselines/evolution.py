"""EvolutionFitter: free half-spaces by BIPOP-CMA-ES."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit._random import RandomState
from scatterkit._validation import Constraint, Integer
from scatterkit.fitting._planes import Floats, spread_directions
from scatterkit.fitting.baselines._baseline import BaselineFitter
from scatterkit.fitting.baselines._pursuit import Planes, Pursuit
from scatterkit.fitting.first_look import FirstLook
from scatterkit.simulation import MSFTSimulator

TILT, GROWTH = 0.25, 0.15
"""Units of the search: tangent of a half-space's tilt, logarithm of its distance."""

FARTHEST = 6.0
"""Units from the start beyond which a coordinate changes nothing."""

FIRST_LIMIT, GROWING = 0.25, 100
"""Fraction of the q range in the first generation of a run, and generations until it is whole."""

TRIED = 5
"""Generations between looks at all q while the q limit grows."""

RADII = 0.15
"""Standard deviation of the logarithm of the runs' first radii about the estimate."""

SPREAD = 0.3
"""Width of the first generation, in units of the search."""


@dataclass
class Chart:
    """Coordinates of half-spaces around a sphere: two tilts and the logarithm of the distance for each."""

    directions: Floats
    radius: float
    limit: float

    def __post_init__(self) -> None:
        across = np.eye(3)[np.abs(self.directions).argmin(axis=1)]
        self.first = np.cross(self.directions, across)
        self.first /= np.linalg.norm(self.first, axis=1, keepdims=True)
        self.second = np.cross(self.directions, self.first)

    def planes(self, x: Floats) -> Planes:
        """Give the half-spaces of coordinates, which enclose the origin."""
        tilt_1, tilt_2, growth = np.clip(x, -FARTHEST, FARTHEST).reshape(3, -1)
        normals = self.directions + TILT * (tilt_1[:, None] * self.first + tilt_2[:, None] * self.second)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return normals, np.minimum(self.radius * np.exp(GROWTH * growth), 2 * self.limit)


class EvolutionFitter(BaselineFitter):
    """Fit free half-spaces by evolution: CMA-ES with restarts of two population sizes (BIPOP).

    No gradients and no knowledge of bodies but that they are convex. Every run starts from a sphere, whose radius is
    drawn about that from the autocorrelation of the pattern (see `FirstLook`), and looks at more and more of the q
    range in its first generations. Needs the package cmaes (``pip install 'scatterkit[fit]'``).

    Parameters
    ----------
    n_faces : int, default=24
        Number of half-spaces.
    simulator : MSFTSimulator, optional
        The experiment; the published silver configuration by default. Straight rays through true densities are
        simulated in closed form, everything else by voxels.
    grid : int, default=64
        Voxels along each edge of predicted volumes, and of simulated ones where there is no closed form.
    max_shift : float [pixel], default=3.0
        Largest shift of the pattern's centre that is looked for.
    n_pixels : int, default=2000
        Measured pixels that each look compares, drawn once.
    time_budget : float [s], default=60.0
        Time for one pattern, all of which is used unless ``max_simulations`` ends the search.
    max_simulations : int, optional
        Simulated patterns after which the search ends; any number by default.
    random_state : int, numpy.random.Generator or None, default=None
        Draws the pixels and the evolution.
    verbose : bool, default=False
        Whether to show progress.

    Attributes
    ----------
    solids_ : list of Solid
        The fitted bodies, in nm from the centre of the box.
    responses_ : list of DetectorResponse
        The detector response of each pattern.
    residuals_ : ndarray of shape (n,)
        Mean squared difference over the mask between pattern and fit.
    n_simulations_ : ndarray of shape (n,)
        Simulations of each pattern.
    candidates_ : list of list of (float, Solid)
        For each pattern, residual and body of the best of the last few runs, best first.
    history_ : list of list of dict
        For each pattern, one entry for each improvement: seconds, simulations, start, residual (over the
        pixels that were looked at) and solid.
    n_features_in_ : int
        Number of pixels of a pattern.

    See Also
    --------
    scatterkit.fitting.ForwardFitter : Fits by gradients.

    Notes
    -----
    Runs with doubled populations alternate with runs of small random ones and narrow first generations, so that both
    kinds get the same number of simulations [1]_. The evolution itself is that of the package cmaes [2]_.

    References
    ----------
    .. [1] N. Hansen, "Benchmarking a BI-population CMA-ES on the BBOB-2009 function testbed", GECCO Companion (2009).
    .. [2] M. Nomura and M. Shibata, "cmaes: A simple yet practical Python library for CMA-ES", arXiv:2402.01373.

    Examples
    --------
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.fitting import EvolutionFitter
    >>> from scatterkit.simulation import LogScaler, MSFTSimulator
    >>> from scatterkit.solids import Rasterizer, Solid
    >>> simulator = MSFTSimulator(detector=QGrid(n_pixels=64))
    >>> body = Solid.from_catalogue("rhombicuboctahedron", circumradius=60)
    >>> X = LogScaler().transform(simulator.transform(Rasterizer(grid=32).transform([body])))
    >>> fitter = EvolutionFitter(12, simulator, n_pixels=200, max_simulations=60, random_state=0)
    >>> 40 < fitter.fit(X).solids_[0].circumradius < 90
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {**BaselineFitter._constraints, "n_faces": Integer(8)}

    def __init__(
        self,
        n_faces: int = 24,
        simulator: MSFTSimulator | None = None,
        grid: int = 64,
        max_shift: float = 3.0,
        n_pixels: int = 2000,
        time_budget: float = 60.0,
        max_simulations: int | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        self.n_faces = n_faces
        self.simulator = simulator
        self.grid = grid
        self.max_shift = max_shift
        self.n_pixels = n_pixels
        self.time_budget = time_budget
        self.max_simulations = max_simulations
        self.random_state = random_state
        self.verbose = verbose

    def _prepare(self) -> None:
        _evolution()

    def _search(self, pursuit: Pursuit, rng: np.random.Generator) -> None:
        estimate = FirstLook(pursuit.pattern, pursuit.mask, self._simulator(), self.max_shift).radius
        schedule = Restarts(3 * self.n_faces)
        while True:
            # the first run starts from the estimate itself
            radius = float(estimate * np.exp(RADII * rng.normal() * (schedule.n_runs > 0)))
            turn = Rotation.random(rng=rng)
            chart = Chart(turn.apply(spread_directions(self.n_faces)), radius, pursuit.scattering.limit)
            pursuit.residual(*chart.planes(np.zeros(3 * self.n_faces)), label="sphere")
            population, spread = schedule.next(rng)
            before = pursuit.simulations
            _evolve(pursuit, chart, population, spread, schedule.n_runs, int(rng.integers(2**32)))
            schedule.ran(pursuit.simulations - before)


class Restarts:
    """Which population and which spread come next, so that large and small runs get equally many simulations."""

    def __init__(self, n_dimensions: int) -> None:
        self.default = 4 + int(3 * np.log(n_dimensions))
        self.n_runs, self.n_large, self.large = 0, 0, True
        self.used = {True: 0, False: 0}

    def next(self, rng: np.random.Generator) -> tuple[int, float]:
        """Give the population and the factor on the spread of the next run."""
        self.large = self.n_runs == 0 or self.used[True] <= self.used[False]
        largest = self.default * 2**self.n_large
        self.n_runs += 1
        if self.large:
            self.n_large += 1
            return largest, 1.0
        share = rng.uniform() ** 2
        return int(self.default * (0.5 * largest / self.default) ** share), float(10 ** (-2 * rng.uniform()))

    def ran(self, simulations: int) -> None:
        """Book what the run has cost."""
        if self.n_runs > 1:  # the first run counts for neither kind
            self.used[self.large] += simulations


def _evolution() -> Any:
    """Give the class of the evolution, or say how to get it."""
    try:
        from cmaes import CMA
    except ImportError as error:
        raise ImportError(
            "EvolutionFitter needs the package cmaes: pip install 'scatterkit[fit]'."
        ) from error
    return CMA


def _evolve(pursuit: Pursuit, chart: Chart, population: int, spread: float, run: int, seed: int) -> None:
    """Go through the generations of one run until it converges."""
    n = 3 * len(chart.directions)
    evolution = _evolution()(mean=np.zeros(n), sigma=SPREAD * spread, population_size=population, seed=seed)
    label, generation = f"run {run}", 0
    while generation <= GROWING or not evolution.should_stop():
        q_limit = min(1.0, FIRST_LIMIT + (1 - FIRST_LIMIT) * generation / GROWING)
        found = []
        for _ in range(population):
            x = evolution.ask()
            value = pursuit.residual(*chart.planes(x), q_limit=q_limit, label=label)
            found.append((x, value * (1 + _beyond(x))))
        evolution.tell(found)
        if q_limit < 1 and generation % TRIED == TRIED - 1:
            best = min(found, key=lambda item: item[1])[0]
            pursuit.residual(*chart.planes(best), label=label)
        generation += 1


def _beyond(x: Floats) -> float:
    """How far coordinates lie where they change nothing: a price that leads back."""
    excess = np.maximum(np.abs(x) - FARTHEST, 0)
    return float(excess @ excess) / x.size
