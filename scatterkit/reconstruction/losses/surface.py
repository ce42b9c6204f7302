"""SurfaceLoss: entrances, exits and outlines, column by column."""

from __future__ import annotations

from typing import Any, ClassVar

from scatterkit._validation import Constraint, Positive, Real
from scatterkit.reconstruction.bodies import Body
from scatterkit.reconstruction.losses.base import Loss, LossFunction, Targets, Tensor, target
from scatterkit.reconstruction.losses.shape import cross_entropy
from scatterkit.simulation import LogScaler, MSFTSimulator

_FRONT_UNIT = 10.0
"""Error of the front [nm] that counts as one."""
_FAR_OFF = 0.3
"""Negative thicknesses well beyond this, in boxes, count by their logarithm.

Beside a steep face they grow as the inverse of its slope. By their logarithm the pull on a face falls as the inverse of
its distance, however steep it is, and never ends.
"""


class SurfaceLoss(Loss):
    """Supervised on what light meets: where it enters each column, the outline, and, for a little, where it leaves.

    Parameters
    ----------
    outline_weight : float [1], default=0.9
        Weight of the outline, beside the front in units of 10 nm. A pattern shows both sharply.
    back_weight : float [1/nm], default=0.003
        Weight of the back: a thirtieth of the front's. The pattern hardly shows it, but of all backs that fit the
        likeliest is to be learnt.
    softness : float [nm], default=5.0
        Errors of the front and back well above this count by their length, those well below by their square; and the
        thickness at which a column counts as lit with a probability of 73 %. Half a voxel of the largest grids in use,
        about the resolution of published patterns.

    See Also
    --------
    VisibleShapeLoss : Compares voxels.

    Notes
    -----
    With s the softness, u a difference of heights and c(u) = s (sqrt(1 + (u/s)^2) - 1), the terms are

    - front: c of the entrances, in the columns that both bodies fill;
    - back: the same of the exits;
    - outline: in every column the Kullback-Leibler divergence between two probabilities that it is lit, sigmoids of
      t/s for the true and the found thickness t, which is negative in empty columns: exits lie before entrances there.

    Each is summed over the columns and divided by the true body's number of columns plus one, so that small bodies
    count as much as large ones; the loss is front/10 nm + outline_weight outline + back_weight back. It is zero for the
    true surface alone. Half-spaces far from a column still have heights there, so that a body finds its silhouette also
    from far away; negative thicknesses are replaced by b asinh(t/b), b = 0.3 box. No voxels are made. True surfaces
    belong in the canonical pose, see `canonical_pose`.

    References
    ----------
    The pseudo-Huber function c: P. Charbonnier et al., IEEE Trans. Image Process. 6, 298 (1997).

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import PlaneDecoder, SurfaceLoss
    >>> body = PlaneDecoder(n_faces=20).body(np.zeros((1, 83), dtype=np.float32), grid=16)
    >>> true = np.stack([body.entrance, body.exit], axis=1)
    >>> loss = SurfaceLoss().build(grid=16)
    >>> [round(float(loss({"surface": true + shift}, body, 0)[0]), 2) for shift in (0.0, 20.0)]
    [0.0, 1.56]
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "outline_weight": Real(low=0),
        "back_weight": Real(low=0, unit="1/nm"),
        "softness": Positive("nm"),
    }

    def __init__(
        self, outline_weight: float = 0.9, back_weight: float = 0.003, softness: float = 5.0
    ) -> None:
        self.outline_weight = outline_weight
        self.back_weight = back_weight
        self.softness = softness

    @property
    def targets(self) -> frozenset[str]:
        return frozenset({"surface"})

    def _function(self, simulator: MSFTSimulator, grid: int, scaler: LogScaler) -> LossFunction:
        from scatterkit.simulation.kernels.tensor_backends import keras

        ops, owner, soft = keras.ops, type(self).__name__, float(self.softness)
        by_outline, by_back = float(self.outline_weight), float(self.back_weight)
        far = _FAR_OFF * float(simulator.box)

        def thickness(entrance: Tensor, leaving: Tensor) -> Tensor:
            apart = leaving - entrance
            return ops.where(apart < 0, far * ops.arcsinh(apart / far), apart)

        def loss(targets: Targets, body: Body, step: Any) -> Tensor:
            surface = target(targets, "surface", owner)
            entrance, leaving = surface[:, 0], surface[:, 1]
            true, found = thickness(entrance, leaving), thickness(body.entrance, body.exit)
            both = ops.stop_gradient(ops.logical_and(true > 0, found > 0))
            n_lit = ops.sum(ops.cast(true > 0, "float32"), axis=(1, 2)) + 1.0

            def over_lit(columns: Tensor) -> Tensor:
                return ops.sum(columns, axis=(1, 2)) / n_lit

            def away(heights: Tensor, others: Tensor) -> Tensor:
                apart = ops.where(both, heights - others, 0.0) / soft
                return over_lit(soft * (ops.sqrt(1.0 + apart * apart) - 1.0))

            probability = ops.sigmoid(true / soft)
            outline = cross_entropy(probability, found / soft) - cross_entropy(probability, true / soft)
            return (
                away(body.entrance, entrance) / _FRONT_UNIT
                + by_outline * over_lit(outline)
                + by_back * away(body.exit, leaving)
            )

        return loss
