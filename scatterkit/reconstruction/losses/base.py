"""What every loss gives: a function of targets and bodies, built for one simulator and grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from scatterkit._validation import Instance, Integer, check_value, fail
from scatterkit.base import Component
from scatterkit.reconstruction.bodies import Body
from scatterkit.simulation import MSFTSimulator

Tensor = Any
Targets = Mapping[str, Tensor]
LossFunction = Callable[[Targets, Body, Any], Tensor]


class Loss(Component, ABC):
    """What every loss gives: which targets it needs, and a function of targets and bodies.

    Targets are tensors by name: "pattern", the clean log-scaled pattern ``(n, rows, columns)``; "volume", the true
    occupancy ``(n, z, y, x)``, best in its canonical pose; "mask", ``(n, rows, columns)``, one where a pixel was
    measured, which may be left out. Losses compute in float32 under every policy.

    See Also
    --------
    make_loss : Losses by their names.
    """

    @property
    @abstractmethod
    def targets(self) -> frozenset[str]:
        """Names of the targets that the loss needs.

        Returns
        -------
        frozenset of str
            Of "pattern" and "volume".
        """

    @abstractmethod
    def _function(self, simulator: MSFTSimulator, grid: int) -> LossFunction:
        """Give the function for checked parameters."""

    def build(self, simulator: MSFTSimulator | None = None, grid: int = 64) -> LossFunction:
        """Give the loss as a function of tensors.

        Parameters
        ----------
        simulator : MSFTSimulator, optional
            How bodies scatter, the box and the absorption; by default ``MSFTSimulator()``. Its ``backend`` must be
            "auto" or "keras".
        grid : int, default=64
            Voxels of the bodies along each axis.

        Returns
        -------
        callable
            ``loss(targets, body, step)`` gives one value per sample, a tensor of float32 of shape (n,); ``step`` is
            the number of the training step, a number or a tensor, which annealed losses use.
        """
        self._check_parameters()
        owner = type(self).__name__
        check_value(simulator, Instance((MSFTSimulator,), optional=True), name="simulator", owner=owner)
        check_value(grid, Integer(1), name="grid", owner=owner)
        return self._function(MSFTSimulator() if simulator is None else simulator, int(grid))


def target(targets: Targets, name: str, owner: str) -> Tensor:
    """Give a target as float32, or say that it is missing."""
    from scatterkit.simulation.kernels.tensor_backends import keras

    if targets.get(name) is None:
        given = ", ".join(sorted(k for k, v in targets.items() if v is not None)) or "nothing"
        raise fail("targets", owner, f"a mapping with a {name!r}", given)
    return keras.ops.cast(targets[name], "float32")


def mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean of each sample, weighted; zero where no value counts."""
    from scatterkit.simulation.kernels.tensor_backends import keras

    ops = keras.ops
    axes = tuple(range(1, len(values.shape)))
    if weights is None:
        return ops.mean(values, axis=axes)
    total = ops.sum(weights, axis=axes)
    return ops.sum(values * weights, axis=axes) / ops.where(total > 0, total, 1.0)
