"""VoxelDecoder: a body voxel by voxel, as published."""

from __future__ import annotations

from typing import Any, ClassVar

from scatterkit._validation import Constraint, Integer, Real, fail, shown
from scatterkit.reconstruction.bodies import Body, front_surface
from scatterkit.reconstruction.decoders.base import Decoder, Tensor


class VoxelDecoder(Decoder):
    """Occupancies voxel by voxel through three-dimensional convolutions, the decoder of the published network.

    Parameters
    ----------
    width : int, default=64
        Channels of the last convolutions; the first ones have sixteen times as many. Published: 64.
    dropout : float [1], default=0.2
        Part of the values that training leaves out after each convolution.

    See Also
    --------
    PublishedEncoder : The other half of the published network, where sources and guesses are listed.
    PlaneDecoder : Bodies with sharp faces from far fewer numbers.

    Notes
    -----
    A dense layer of 32 width channels, as a volume of one voxel, is doubled in size six times (on a 64^3 grid), each
    time followed by two 3x3x3 convolutions with dropout, batch normalisation and a leaky ReLU (slope 0.3), of 16, 8,
    4, 2, 1 and 1 times width channels. A 1x1x1 convolution and a sigmoid end it. The numbers are those before the
    sigmoid. Grids of another power of two have as many doublings as they need, the last ones of these.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import VoxelDecoder
    >>> body = VoxelDecoder().body(np.zeros((1, 8, 8, 8), dtype=np.float32), grid=8)
    >>> float(body.occupancy[0, 0, 0, 0])
    0.5
    """

    _constraints: ClassVar[dict[str, Constraint]] = {"width": Integer(1), "dropout": Real(0, 0.95)}

    def __init__(self, width: int = 64, dropout: float = 0.2) -> None:
        self.width = width
        self.dropout = dropout

    def numbers_shape(self, grid: int) -> tuple[int, ...]:
        self._check_parameters()
        return (grid, grid, grid)

    def head(self, features: Tensor, grid: int) -> Tensor:
        from scatterkit.reconstruction._layers import convolution, keras, leaky_convolution

        shape = self.numbers_shape(grid)
        doublings = int(grid).bit_length() - 1
        if grid != 2**doublings or doublings < 2:
            raise fail("grid", type(self).__name__, "a power of two from 4 on", shown(grid))
        layers = keras.layers
        x = layers.LeakyReLU(0.3)(layers.Dense(32 * self.width)(features))
        x = layers.Reshape((1, 1, 1, 32 * self.width))(x)
        for i in range(doublings):
            x = layers.UpSampling3D(2, data_format="channels_last")(x)
            for _ in range(2):
                x = leaky_convolution(x, self.width * 2 ** max(doublings - 2 - i, 0), self.dropout, rank=3)
        x = convolution(x, 1, 1, rank=3, initializer="glorot_uniform", dtype="float32")
        return layers.Reshape(shape, dtype="float32", name="numbers")(x)

    def _body(self, numbers: Tensor, grid: int, box: float, width: Any) -> Body:
        from scatterkit.simulation.kernels.tensor_backends import keras

        if width is not None:
            raise fail("width", type(self).__name__, "None: voxels have no ramp", shown(width))
        ops = keras.ops
        occupancy = ops.sigmoid(numbers)
        entrance, silhouette = front_surface(occupancy, box)
        last = -front_surface(ops.flip(occupancy, axis=1), box)[0]
        # what an empty column lacks to its first voxel: minus a voxel where the fullest has the logit -1
        lacking = ops.maximum((box / grid) * ops.max(numbers, axis=1), -box)
        leaving = ops.where(silhouette >= 0.5, last, entrance + lacking)
        return Body(entrance, leaving, lambda: (occupancy, numbers))
