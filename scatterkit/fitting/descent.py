"""Gradient descent of a body model on a pattern: Adam, from low q to high."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

import numpy as np
from numpy.typing import NDArray

from scatterkit.fitting._planes import Floats, box_limit
from scatterkit.fitting.models import BodyModel
from scatterkit.fitting.objective import PatternObjective
from scatterkit.response import DetectorResponse

RECENTRE_EVERY = 10
"""Steps between shifts of a free body to the middle of the box; a shift changes no intensity."""

OnStep = Callable[["Candidate"], None]


@dataclass(frozen=True)
class Stage:
    """One stretch of a descent.

    Parameters
    ----------
    grid : int
        Voxels along an edge of the box.
    width : float [voxel]
        Width of the ramp over which the occupancy falls at the surface.
    q_limits : (float, float) [1]
        Fraction of the measured q range used at the first step and from 60 % of the steps on.
    rates : (float, float) [1]
        Factors on the model's step sizes at the first and the last step.
    n_steps : int
        Number of steps.
    """

    grid: int
    width: float
    q_limits: tuple[float, float]
    rates: tuple[float, float]
    n_steps: int

    def q_limit(self, done: float) -> float:
        """Give the q limit when a fraction of the stage is done."""
        low, high = self.q_limits
        return low + (high - low) * min(done / 0.6, 1.0)

    def rate(self, done: float) -> float:
        """Give the factor on step sizes when a fraction of the stage is done."""
        first, last = self.rates
        return first * (last / first) ** done


@dataclass
class Adam:
    """First and second moments of a gradient (D. P. Kingma and J. Ba, arXiv:1412.6980)."""

    decay: tuple[float, float] = (0.9, 0.98)
    count: int = 0
    mean: Floats = field(default_factory=lambda: np.zeros(()))
    square: Floats = field(default_factory=lambda: np.zeros(()))

    def direction(self, gradient: Floats) -> Floats:
        """Give the next step, of size about one in every component."""
        first, second = self.decay
        self.count += 1
        self.mean = first * self.mean + (1 - first) * gradient
        self.square = second * self.square + (1 - second) * gradient**2
        mean = self.mean / (1 - first**self.count)
        spread = np.sqrt(self.square / (1 - second**self.count))
        return -mean / np.maximum(spread, 1e-30)


@dataclass
class Candidate:
    """A body on its way: the model's point and what is known of it; whether faces of it were merged."""

    point: Floats
    label: str
    residual: float = np.inf
    response: DetectorResponse | None = None
    adam: Adam = field(default_factory=Adam)
    merged: bool = False


def occupancy_of(model: BodyModel, point: Floats, stage: Stage, box: float) -> NDArray[np.float32]:
    """Give the soft occupancy ``(z, y, x)`` of a point on a stage's grid."""
    return model.occupancy(point, stage.grid, box, stage.width * box / stage.grid)


def descend(
    model: BodyModel,
    candidate: Candidate,
    objective: PatternObjective,
    stage: Stage,
    *,
    deadline: float,
    cancelled: Event,
    on_step: OnStep,
) -> None:
    """Move a candidate down the residual for the steps of a stage; it is changed in place.

    Ends early at the deadline, a value of ``time.monotonic()``, or when cancelled.
    """
    begun = time.monotonic()
    box = objective.simulator.box
    allowed = max(deadline - begun, 1e-3)
    for number in range(stage.n_steps):
        done = max(number / stage.n_steps, (time.monotonic() - begun) / allowed)
        if done >= 1 or cancelled.is_set():
            break
        volume = occupancy_of(model, candidate.point, stage, box)
        if not volume.any():
            candidate.residual = np.inf
            return
        look = objective.evaluate(volume, objective.within(stage.q_limit(done)), candidate.response)
        candidate.response, candidate.residual = look.response, look.residual
        gradient = _point_gradient(model, candidate.point, volume, look.gradient(), stage, box)
        step = candidate.adam.direction(gradient) * model.rates(candidate.point) * stage.rate(done)
        candidate.point = model.move(candidate.point, step, box_limit(box))
        if number % RECENTRE_EVERY == RECENTRE_EVERY - 1:
            candidate.point = model.recentred(candidate.point, -0.5 * _middle(volume, box))
        on_step(candidate)


def _point_gradient(
    model: BodyModel,
    point: Floats,
    volume: NDArray[np.float32],
    by_volume: NDArray[np.float32],
    stage: Stage,
    box: float,
) -> Floats:
    prior = model.prior_gradient(volume, box)
    if prior is not None:
        by_volume = by_volume + prior
    return model.pullback(point, by_volume, box, stage.width * box / stage.grid)


def _middle(volume: NDArray[np.float32], box: float) -> Floats:
    """Centre (x, y, z) of the body's bounding box."""
    n = volume.shape[0]
    middles = []
    for axes in ((0, 1), (0, 2), (1, 2)):
        occupied = np.flatnonzero(volume.max(axis=axes) > 0.5)
        middles.append((occupied[0] + occupied[-1] + 1) / 2 * box / n - box / 2 if occupied.size else 0.0)
    return np.array(middles)
