"""WeightedLoss: sums of losses, their weights fixed or annealed; and losses by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from scatterkit._arrays import namespace
from scatterkit._validation import (
    AnyOf,
    Choice,
    Constraint,
    Instance,
    Integer,
    Real,
    check_value,
    fail,
    shown,
)
from scatterkit.base import Component
from scatterkit.reconstruction.bodies import Body
from scatterkit.reconstruction.losses.base import Loss, LossFunction, Targets, Tensor
from scatterkit.reconstruction.losses.physics import PhysicsLoss
from scatterkit.reconstruction.losses.shape import CrossEntropyLoss, VisibleShapeLoss
from scatterkit.reconstruction.losses.surface import SurfaceLoss
from scatterkit.simulation import LogScaler, MSFTSimulator

LOSSES = ("annealed", "surface", "visible", "hybrid", "supervised", "physics")
"""Names that `make_loss` knows."""
_PHYSICS_WEIGHT, _FROM, _TO = 30.0, 0.2, 0.6
"""Last weight of the physics in the annealed loss, and the parts of training between which it grows."""


class Ramp(Component):
    """A number that goes from one value to another between two training steps, and stays there.

    Parameters
    ----------
    start : float [1], default=0.0
        Value up to the first step.
    stop : float [1], default=1.0
        Value from the last step on.
    begin : int, default=0
        The first step.
    end : int, default=1000
        The last step, not before the first.
    shape : {"linear", "cosine"}, default="linear"
        How it goes between them.

    See Also
    --------
    WeightedLoss : Takes ramps as weights.

    Examples
    --------
    >>> from scatterkit.reconstruction import Ramp
    >>> ramp = Ramp(stop=2.0, begin=100, end=200)
    >>> [float(ramp(step)) for step in (0, 150, 1000)]
    [0.0, 1.0, 2.0]
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "start": Real(),
        "stop": Real(),
        "begin": Integer(0),
        "end": Integer(0),
        "shape": Choice(("linear", "cosine")),
    }

    def __init__(
        self,
        start: float = 0.0,
        stop: float = 1.0,
        begin: int = 0,
        end: int = 1000,
        shape: str = "linear",
    ) -> None:
        self.start = start
        self.stop = stop
        self.begin = begin
        self.end = end
        self.shape = shape

    def __call__(self, step: Any) -> Any:
        """Give the number at a step.

        Parameters
        ----------
        step : int or tensor
            Number of the training step.

        Returns
        -------
        ndarray or tensor of float32
            The number.
        """
        self._check_parameters()
        if self.end < self.begin:
            raise fail("end", type(self).__name__, f"at least begin, {self.begin}", shown(self.end))
        ops = namespace(step)
        since = ops.cast(step, "float32") - float(self.begin)
        part = ops.clip(since / max(self.end - self.begin, 1e-6), 0.0, 1.0)
        if self.shape == "cosine":
            part = 0.5 - 0.5 * ops.cos(math.pi * part)
        return self.start + (self.stop - self.start) * part


class WeightedLoss(Loss):
    """A sum of losses, each with a weight that stays or changes in training.

    Parameters
    ----------
    losses : sequence of Loss
        The terms.
    weights : sequence of float [1] or Ramp
        One for each term: a float >= 0, or what it is at each training step.

    See Also
    --------
    make_loss : Mixes that have a name.

    Examples
    --------
    >>> from scatterkit.reconstruction import CrossEntropyLoss, PhysicsLoss, Ramp, WeightedLoss
    >>> ramp = Ramp(stop=30.0, begin=1000, end=5000)
    >>> loss = WeightedLoss([CrossEntropyLoss(), PhysicsLoss()], weights=[1.0, ramp])
    >>> sorted(loss.targets)
    ['pattern', 'volume']
    """

    def __init__(self, losses: Sequence[Loss], weights: Sequence[float | Ramp]) -> None:
        self.losses = losses
        self.weights = weights

    def _check_parameters(self) -> None:
        owner, lists = type(self).__name__, (list, tuple)
        if not isinstance(self.losses, lists) or not self.losses:
            raise fail("losses", owner, "a list of losses, not empty", shown(self.losses))
        if not all(isinstance(loss, Loss) for loss in self.losses):
            raise fail("losses", owner, "a list of losses", shown(self.losses))
        weight = AnyOf((Real(low=0), Instance((Ramp,))))
        fits = isinstance(self.weights, lists) and len(self.weights) == len(self.losses)
        if not fits or not all(map(weight.accepts, self.weights)):
            allowed = f"a list of {len(self.losses)} weights, one per loss, floats >= 0 or ramps"
            raise fail("weights", owner, allowed, shown(self.weights))

    @property
    def targets(self) -> frozenset[str]:
        self._check_parameters()
        return frozenset().union(*(loss.targets for loss in self.losses))

    @property
    def on_host(self) -> bool:
        self._check_parameters()
        return any(loss.on_host for loss in self.losses)

    @property
    def needs_planes(self) -> bool:
        self._check_parameters()
        return any(loss.needs_planes for loss in self.losses)

    @property
    def needs_own_grid(self) -> bool:
        self._check_parameters()
        return any(loss.needs_own_grid for loss in self.losses)

    def _function(self, simulator: MSFTSimulator, grid: int, scaler: LogScaler) -> LossFunction:
        terms = [loss.build(simulator, grid, scaler) for loss in self.losses]
        weights = list(self.weights)

        def loss(targets: Targets, body: Body, step: Any) -> Tensor:
            total: Tensor = 0.0
            for term, weight in zip(terms, weights, strict=True):
                factor = weight(step) if isinstance(weight, Ramp) else weight
                total = total + factor * term(targets, body, step)
            return total

        return loss


def make_loss(loss: str | Loss, n_steps: int = 100_000) -> Loss:
    """Give a loss by its name; a loss stays as it is.

    Parameters
    ----------
    loss : {"annealed", "surface", "visible", "hybrid", "supervised", "physics"} or Loss
        "physics": the published `PhysicsLoss`. "supervised": `CrossEntropyLoss`. "hybrid": both, with equal
        weights. "visible": `VisibleShapeLoss`. "surface": `SurfaceLoss`. "annealed": "surface" throughout, to which
        "physics" is added with a weight that grows from 0 to 30 between a fifth and three fifths of the training.
    n_steps : int, default=100000
        Steps of the training, for "annealed".

    Returns
    -------
    Loss
        The loss.

    Examples
    --------
    >>> from scatterkit.reconstruction import make_loss
    >>> make_loss("physics")
    PhysicsLoss()
    >>> make_loss("hybrid")
    WeightedLoss(losses=[PhysicsLoss(), CrossEntropyLoss()], weights=[1.0, 1.0])
    """
    owner = "make_loss"
    check_value(loss, AnyOf((Choice(LOSSES), Instance((Loss,)))), name="loss", owner=owner)
    check_value(n_steps, Integer(1), name="n_steps", owner=owner)
    if isinstance(loss, Loss):
        return loss
    if loss == "hybrid":
        return WeightedLoss([PhysicsLoss(), CrossEntropyLoss()], [1.0, 1.0])
    if loss == "annealed":
        ramp = Ramp(stop=_PHYSICS_WEIGHT, begin=round(_FROM * n_steps), end=round(_TO * n_steps))
        return WeightedLoss([SurfaceLoss(), PhysicsLoss()], [1.0, ramp])
    kinds: dict[str, type[Loss]] = {
        "physics": PhysicsLoss,
        "supervised": CrossEntropyLoss,
        "visible": VisibleShapeLoss,
        "surface": SurfaceLoss,
    }
    return kinds[loss]()
