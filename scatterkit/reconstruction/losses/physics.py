"""PhysicsLoss: a body is as good as the pattern that it scatters."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._log_scaling import log_scaled, unit_scaled
from scatterkit._validation import Boolean, Constraint, Real, joint_mask
from scatterkit.experiment import check_detector
from scatterkit.reconstruction.bodies import Body
from scatterkit.reconstruction.losses.base import Loss, LossFunction, Targets, Tensor, mean, target
from scatterkit.simulation import LogScaler, MSFTSimulator


class PhysicsLoss(Loss):
    """The published loss: the difference between what a body scatters and the pattern, and a pull towards 0 or 1.

    Parameters
    ----------
    binary_weight : float [1], default=0.1
        Weight of the binary loss, the mean of p^2 (1 - p)^2 over the occupancies p. Published: 0.1.
    simulate_truth : bool, default=False
        Whether the target is the pattern of the true volume, simulated like that of the found one, as published,
        instead of the pattern given. Then both err alike by voxels and slices, and a true body has no loss, but the
        true volume is needed. A pattern that is exact, or measured, is better compared with itself.

    See Also
    --------
    CrossEntropyLoss : Compares bodies.
    scatterkit.metrics.scatter_loss : The first term for arrays.

    Notes
    -----
    The scatter loss is the mean squared difference of log(I + eps), each pattern scaled to [0, 1] over the pixels that
    its mask, the simulator's and the scaler's leave; eps is the scaler's. Volumes are not needed: the target is the
    clean pattern, also where the network saw one with artifacts. Patterns are simulated by
    `scatterkit.simulation.MSFTLayer` in any of its modes of propagation. The published code adds noise of 1e-5 to
    occupancies, so that no empty body divides zero by zero; here an empty body's pattern is zero without it.

    References
    ----------
    T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021), arXiv:2101.09136.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.reconstruction import PhysicsLoss, SupportDecoder
    >>> from scatterkit.simulation import LogScaler, MSFTSimulator
    >>> simulator = MSFTSimulator(detector=QGrid(16, dq=0.02))
    >>> body = SupportDecoder(n_directions=60).body(np.zeros((1, 63), dtype=np.float32), grid=16)
    >>> pattern = LogScaler().transform(simulator.transform(np.asarray(body.occupancy)))
    >>> loss = PhysicsLoss(binary_weight=0.0).build(simulator, grid=16)
    >>> bool(np.asarray(loss({"pattern": pattern}, body, 0)) < 1e-8)
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "binary_weight": Real(low=0),
        "simulate_truth": Boolean(),
    }

    def __init__(self, binary_weight: float = 0.1, simulate_truth: bool = False) -> None:
        self.binary_weight = binary_weight
        self.simulate_truth = simulate_truth

    @property
    def targets(self) -> frozenset[str]:
        return frozenset({"volume" if self.simulate_truth else "pattern"})

    @property
    def needs_own_grid(self) -> bool:
        return not self.simulate_truth

    def _function(self, simulator: MSFTSimulator, grid: int, scaler: LogScaler) -> LossFunction:
        from scatterkit.simulation.keras_layers import MSFTLayer
        from scatterkit.simulation.kernels.tensor_backends import keras

        layer = MSFTLayer(simulator)
        layer.build((None, grid, grid, grid))
        eps, weight, owner = float(scaler.eps), float(self.binary_weight), type(self).__name__
        measured, by_truth = measured_pixels(simulator, scaler), bool(self.simulate_truth)

        def loss(targets: Targets, body: Body, step: Any) -> Tensor:
            mask = _both(measured, targets, owner)
            if by_truth:
                volume = keras.ops.stop_gradient(target(targets, "volume", owner))
                pattern = log_scaled(layer(volume), eps, True, mask, keras.ops)
            else:
                pattern = target(targets, "pattern", owner)
            scattered = scatter_losses(pattern, layer(body.occupancy), eps, mask)
            return scattered + weight * binary_losses(body.occupancy)

        return loss


def measured_pixels(simulator: MSFTSimulator, scaler: LogScaler) -> NDArray[np.bool_] | None:
    """Give the pixels ``(1, rows, columns)`` inside both masks, or None for all of them."""
    shape = check_detector(simulator.detector, owner="MSFTSimulator").shape
    measured = joint_mask((simulator, scaler), shape)
    return None if measured is None else measured[None]


def _both(measured: NDArray[np.bool_] | None, targets: Targets, owner: str) -> Tensor | None:
    """Give the mask of the targets within that of the experiment; None where neither has one."""
    from scatterkit.simulation.kernels.tensor_backends import keras

    if targets.get("mask") is None:
        return None if measured is None else keras.ops.convert_to_tensor(measured)
    mask = target(targets, "mask", owner) > 0.5
    return mask if measured is None else keras.ops.logical_and(mask, keras.ops.convert_to_tensor(measured))


def scatter_losses(pattern: Tensor, intensities: Tensor, eps: float, mask: Tensor | None) -> Tensor:
    """Scatter loss of each sample: log-scaled patterns against intensities, over a mask's pixels."""
    from scatterkit.simulation.kernels.tensor_backends import keras

    ops = keras.ops
    simulated = log_scaled(intensities, eps, True, mask, ops)
    wanted = unit_scaled(pattern, mask, ops)  # what a mask leaves has another range
    counted = None if mask is None else ops.cast(mask, "float32")
    return mean((simulated - wanted) ** 2, counted)


def binary_losses(occupancy: Tensor) -> Tensor:
    """Mean of p^2 (1 - p)^2 of each sample."""
    return mean((occupancy * (1 - occupancy)) ** 2)
