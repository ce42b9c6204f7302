"""What every loss gives: a function of targets and bodies, built for one simulator and grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from scatterkit._validation import Instance, Integer, check_value, fail
from scatterkit.base import Component
from scatterkit.reconstruction.bodies import Body
from scatterkit.simulation import LogScaler, MSFTSimulator

Tensor = Any
Targets = Mapping[str, Tensor]
LossFunction = Callable[[Targets, Body, Any], Tensor]


class Loss(Component, ABC):
    """What every loss gives: which targets it needs, and a function of targets and bodies.

    Targets are tensors by name: "pattern", the clean log-scaled pattern ``(n, rows, columns)``; "volume", the true
    occupancy ``(n, z, y, x)``, best in its canonical pose; "surface", entrance and exit of each column in nm,
    ``(n, 2, y, x)``, the exit before the entrance where there is no body, best in that pose too; "mask",
    ``(n, rows, columns)``, one where a pixel was measured, which may be left out. Losses compute in float32 under every
    policy.

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
            Of "pattern", "volume" and "surface".
        """

    @property
    def on_host(self) -> bool:
        """Whether numbers leave the graph, so that XLA and GPUs have no part in the loss.

        Returns
        -------
        bool
            By default False.
        """
        return False

    @property
    def needs_planes(self) -> bool:
        """Whether bodies must be made of half-spaces.

        Returns
        -------
        bool
            By default False.
        """
        return False

    @property
    def needs_own_grid(self) -> bool:
        """Whether given patterns are compared with those of voxels, which only err alike on as many voxels.

        Returns
        -------
        bool
            By default False.
        """
        return False

    @abstractmethod
    def _function(self, simulator: MSFTSimulator, grid: int, scaler: LogScaler) -> LossFunction:
        """Give the function for checked parameters."""

    def build(
        self, simulator: MSFTSimulator | None = None, grid: int = 64, scaler: LogScaler | None = None
    ) -> LossFunction:
        """Give the loss as a function of tensors.

        Parameters
        ----------
        simulator : MSFTSimulator, optional
            How bodies scatter, the box and the absorption; by default ``MSFTSimulator()``. Its ``backend`` must be
            "auto" or "keras". Pixels outside its mask do not count.
        grid : int, default=64
            Voxels of the bodies along each axis.
        scaler : LogScaler, optional
            How target patterns were scaled; by default ``LogScaler()``. Pixels outside its mask do not count.

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
        check_value(scaler, Instance((LogScaler,), optional=True), name="scaler", owner=owner)
        scaler = LogScaler() if scaler is None else scaler
        scaler._check_parameters()
        return self._function(MSFTSimulator() if simulator is None else simulator, int(grid), scaler)


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
