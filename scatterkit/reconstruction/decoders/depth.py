"""DepthDecoder: where light enters a body, where it would leave it, and the silhouette."""

from __future__ import annotations

from typing import Any, ClassVar

from scatterkit._validation import Constraint, Integer, fail, shown
from scatterkit.fitting._planes import box_limit
from scatterkit.reconstruction._grids import centres
from scatterkit.reconstruction.bodies import Body, ramp
from scatterkit.reconstruction.decoders.base import Decoder, Tensor, ramp_width

_START = 4
"""Pixels along an edge of the smallest map."""


class DepthDecoder(Decoder):
    """Depth maps of a body's front and back, and its silhouette: any body that columns cross once.

    Parameters
    ----------
    width : int, default=16
        Channels of the last convolutions; each smaller map has twice as many, up to eight times.

    See Also
    --------
    PlaneDecoder : Convex bodies with sharp faces.

    Notes
    -----
    Per column the numbers are the entrance, the thickness behind it, both squeezed into the cube of half width
    0.475 box by sigmoids, and the silhouette's logit. A voxel's depth inside the body is the least of its distances
    along the beam from both surfaces and of what gives the silhouette's own logit; occupancies are a ramp in it. So
    ramps have their width along the beam and not across the surface. The thickness of a column is never more than the
    silhouette's logit times half the cube, and has its sign: so the exit tells of the silhouette too.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import DepthDecoder
    >>> DepthDecoder().numbers_shape(64)
    (64, 64, 3)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {"width": Integer(1)}

    def __init__(self, width: int = 16) -> None:
        self.width = width

    def numbers_shape(self, grid: int) -> tuple[int, ...]:
        self._check_parameters()
        return (grid, grid, 3)

    def head(self, features: Tensor, grid: int) -> Tensor:
        from scatterkit.reconstruction._layers import convolution, keras, normalized

        shape = self.numbers_shape(grid)
        doublings = (int(grid) // _START).bit_length() - 1
        if grid < _START or grid != _START * 2**doublings:
            raise fail("grid", type(self).__name__, f"{_START} times a power of two", shown(grid))
        channels = [self.width * 2 ** min(doublings - i, 3) for i in range(doublings + 1)]
        x = keras.layers.Dense(_START**2 * channels[0])(features)
        x = keras.layers.Reshape((_START, _START, channels[0]))(x)
        for n in channels[1:]:
            x = keras.layers.UpSampling2D(2, data_format="channels_last")(normalized(x))
            x = convolution(x, n, 3)
        x = convolution(normalized(x), 3, 3, initializer="glorot_uniform", dtype="float32")
        return keras.layers.Reshape(shape, dtype="float32", name="numbers")(x)

    def _body(self, numbers: Tensor, grid: int, box: float, width: Any) -> Body:
        from scatterkit.simulation.kernels.tensor_backends import keras

        ops = keras.ops
        width, limit = ramp_width(width, grid, box, type(self).__name__), box_limit(box)
        entrance = limit * (2 * ops.sigmoid(numbers[..., 0]) - 1)
        leaving = ops.minimum(entrance + 2 * limit * ops.sigmoid(numbers[..., 1]), limit)
        logit = numbers[..., 2]

        def voxels() -> tuple[Tensor, Tensor]:
            z = ops.convert_to_tensor(centres(grid, box)[:, None, None])
            along = ops.minimum(z - entrance[:, None], leaving[:, None] - z)
            return ramp(ops.minimum(along, (0.25 * width) * logit[:, None]), width)

        thickness = ops.minimum(leaving - entrance, limit * logit)
        return Body(entrance, entrance + ops.maximum(thickness, -2 * limit), voxels)
