"""What every decoder gives: numbers from features, and a body from the numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Integer, Positive, check_value, fail
from scatterkit.base import Component
from scatterkit.reconstruction.bodies import Body

Tensor = Any


class Decoder(Component, ABC):
    """What every decoder gives a network: the layers of its head, and bodies from what these put out.

    Decoders hold parameters only; the weights are the network's. Numbers and bodies are float32 under every policy.

    See Also
    --------
    make_network : Puts an encoder and a decoder together.
    """

    @abstractmethod
    def numbers_shape(self, grid: int) -> tuple[int, ...]:
        """Give the shape of one body's numbers.

        Parameters
        ----------
        grid : int
            Voxels along each axis.

        Returns
        -------
        tuple of int
            The shape, without the batch.
        """

    @abstractmethod
    def head(self, features: Tensor, grid: int) -> Tensor:
        """Add the layers that turn features into numbers.

        Parameters
        ----------
        features : Keras tensor of shape (n, f)
            What the encoder gives.
        grid : int
            Voxels along each axis.

        Returns
        -------
        Keras tensor of float32 of shape (n,) + numbers_shape
            The numbers, any real ones.
        """

    @abstractmethod
    def _body(self, numbers: Tensor, grid: int, box: float, width: Any) -> Body:
        """Give the bodies of checked numbers."""

    def body(self, numbers: Tensor, grid: int = 64, box: float = 318.75, width: Any = None) -> Body:
        """Give the bodies that numbers stand for, differentiable by the numbers.

        Parameters
        ----------
        numbers : tensor of shape (n,) + numbers_shape
            What the network gives.
        grid : int, default=64
            Voxels along each axis.
        box : float [nm], default=318.75
            Side of the cube that the volumes fill.
        width : float or tensor [nm], optional
            Width of the ramp by which occupancies fall at the surface; a voxel by default. Must be None for voxels.

        Returns
        -------
        Body
            Occupancy, entrance, exit and silhouette; half-spaces, where the decoder makes these.
        """
        owner = type(self).__name__
        check_value(grid, Integer(1), name="grid", owner=owner)
        check_value(box, Positive("nm"), name="box", owner=owner)
        return self._body(self._checked(numbers, int(grid)), int(grid), float(box), width)

    def _checked(self, numbers: Tensor, grid: int) -> Tensor:
        """Give numbers as float32, or say that they have another shape."""
        from scatterkit.simulation.kernels.tensor_backends import keras

        wanted, given = self.numbers_shape(grid), tuple(numbers.shape)
        if given[1:] != wanted:
            allowed = f"of shape (n, {', '.join(map(str, wanted))})"
            raise fail("numbers", type(self).__name__, allowed, str(given))
        return keras.ops.cast(numbers, "float32")

    def volumes(
        self, numbers: Any, grid: int = 64, box: float = 318.75, width: float | None = None
    ) -> NDArray[np.float32]:
        """Give the occupancies that numbers stand for as arrays, to predict with: those of `body`.

        Parameters
        ----------
        numbers : array_like or tensor of shape (n,) + numbers_shape
            What the network gives.
        grid : int, default=64
            Voxels along each axis.
        box : float [nm], default=318.75
            Side of the cube that the volumes fill.
        width : float [nm], optional
            Width of the ramp at the surface, as for `body`.

        Returns
        -------
        ndarray of float32 of shape (n, z, y, x)
            Occupancies in [0, 1].
        """
        from scatterkit.simulation.kernels.tensor_backends import keras

        body = self.body(keras.ops.convert_to_tensor(numbers), grid, box, width)
        return np.asarray(keras.ops.convert_to_numpy(body.occupancy), dtype=np.float32)


def ramp_width(width: Any, grid: int, box: float, owner: str) -> Any:
    """Give the width of the surface's ramp [nm]: a voxel unless it is given."""
    if width is None:
        return box / grid
    if not hasattr(width, "shape"):
        check_value(width, Positive("nm"), name="width", owner=owner)
    return width


def dense(n: int, name: str) -> Any:
    """The last layer of a head: small weights, so that bodies begin as a sphere, in full precision."""
    from scatterkit.simulation.kernels.tensor_backends import keras

    initializer = keras.initializers.RandomNormal(stddev=0.01)
    return keras.layers.Dense(n, kernel_initializer=initializer, dtype="float32", name=name)
