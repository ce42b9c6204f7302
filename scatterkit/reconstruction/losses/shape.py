"""CrossEntropyLoss and VisibleShapeLoss: bodies against bodies."""

from __future__ import annotations

from typing import Any, ClassVar

from scatterkit._validation import Constraint, Real
from scatterkit.reconstruction.bodies import Body, front_surface
from scatterkit.reconstruction.losses.base import Loss, LossFunction, Targets, Tensor, mean, target
from scatterkit.simulation import LogScaler, MSFTSimulator


class CrossEntropyLoss(Loss):
    """Supervised: the binary cross-entropy of the voxels, all of them alike.

    See Also
    --------
    VisibleShapeLoss : Weighs voxels by the light that reaches them.

    Notes
    -----
    Computed from logits, so that it stays finite and pulls on voxels far from the surface too.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import CrossEntropyLoss, VoxelDecoder
    >>> body = VoxelDecoder().body(np.zeros((1, 8, 8, 8), dtype=np.float32), grid=8)
    >>> loss = CrossEntropyLoss().build(grid=8)
    >>> np.asarray(loss({"volume": np.ones((1, 8, 8, 8))}, body, 0)).round(4)
    array([0.6931], dtype=float32)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {}

    @property
    def targets(self) -> frozenset[str]:
        return frozenset({"volume"})

    def _function(self, simulator: MSFTSimulator, grid: int, scaler: LogScaler) -> LossFunction:
        owner = type(self).__name__

        def loss(targets: Targets, body: Body, step: Any) -> Tensor:
            return mean(cross_entropy(target(targets, "volume", owner), body.logits))

        return loss


class VisibleShapeLoss(Loss):
    """Supervised where light reaches: voxels by their visibility, depth of the front, and silhouette.

    Parameters
    ----------
    depth_weight : float [1], default=0.1
        Weight of the front's depth error.
    silhouette_weight : float [1], default=0.1
        Weight of the silhouette's cross-entropy.

    See Also
    --------
    CrossEntropyLoss : All voxels alike.

    Notes
    -----
    A voxel's cross-entropy has the weight exp(-d / a), d being the material of the true body before it along the beam
    and a the simulator's absorption length (of the amplitude); the weighted mean is taken. The back, which no pattern
    shows, so counts for next to nothing, while empty columns and the space before the body count fully. The depth error
    is the mean over the columns that both bodies fill of sqrt(1 + (u / dz)^2) - 1, u being the difference of the
    entrances and dz a voxel. True volumes belong in the canonical pose, see `canonical_pose`: what a pattern does not
    tell, no network learns.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import SupportDecoder, VisibleShapeLoss
    >>> body = SupportDecoder(n_directions=60).body(np.zeros((1, 63), dtype=np.float32), grid=16)
    >>> loss = VisibleShapeLoss().build(grid=16)
    >>> bool(np.asarray(loss({"volume": body.occupancy}, body, 0)) < 0.06)
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "depth_weight": Real(low=0),
        "silhouette_weight": Real(low=0),
    }

    def __init__(self, depth_weight: float = 0.1, silhouette_weight: float = 0.1) -> None:
        self.depth_weight = depth_weight
        self.silhouette_weight = silhouette_weight

    @property
    def targets(self) -> frozenset[str]:
        return frozenset({"volume"})

    def _function(self, simulator: MSFTSimulator, grid: int, scaler: LogScaler) -> LossFunction:
        from scatterkit.simulation.kernels.tensor_backends import keras

        ops, owner = keras.ops, type(self).__name__
        absorption = float(simulator.plan((grid, grid, grid)).optical_step)
        box, voxel = float(simulator.box), float(simulator.box) / grid
        by_depth, by_silhouette = float(self.depth_weight), float(self.silhouette_weight)

        def loss(targets: Targets, body: Body, step: Any) -> Tensor:
            volume = target(targets, "volume", owner)
            entrance, silhouette = front_surface(volume, box)
            shape = mean(cross_entropy(volume, body.logits), visibility(volume, absorption))
            away = (body.entrance - entrance) / voxel
            both = ops.stop_gradient(ops.minimum(silhouette, body.silhouette) >= 0.5)
            depth = mean(ops.sqrt(1 + away * away) - 1, ops.cast(both, "float32"))
            outline = mean(cross_entropy(silhouette, ops.max(body.logits, axis=1)))
            return shape + by_depth * depth + by_silhouette * outline

        return loss


def cross_entropy(probability: Tensor, logits: Tensor) -> Tensor:
    """Binary cross-entropy of every element."""
    from scatterkit.simulation.kernels.tensor_backends import keras

    ops = keras.ops
    return ops.softplus(logits) - logits * probability


def visibility(volume: Tensor, absorption: float) -> Tensor:
    """Amplitude of the light that reaches every voxel; ``absorption`` is a filled slice's, in absorption lengths."""
    from scatterkit.simulation.kernels.tensor_backends import keras
    from scatterkit.simulation.kernels.tensor_waves import passed

    return keras.ops.exp(-absorption * passed(volume, volume.shape[1]))
