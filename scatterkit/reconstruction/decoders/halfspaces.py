"""PlaneDecoder and SupportDecoder: convex bodies as the intersection of half-spaces."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import AnyOf, Choice, Constraint, Integer, Positive, check_value
from scatterkit.fitting._plane_kernels import soft_occupancies
from scatterkit.fitting._planes import Floats, box_limit, box_planes, spread_directions
from scatterkit.reconstruction.bodies import Body, ramp
from scatterkit.reconstruction.decoders.base import Decoder, Tensor, dense, ramp_width

RADIUS, LEAST, TILT = 0.2, 0.004, 0.5
"""Radius of the first sphere, least distance of a plane from the centre, both in boxes; tilt by a number of one."""

_UNIT = math.log(math.e - 1)
"""Where the softplus is one."""

_CANDIDATES = AnyOf((Choice(("auto",)), Integer(1, optional=True)))


class _HalfSpaceDecoder(Decoder):
    """Half-spaces about a centre; a subclass says whether their directions are free."""

    candidates: str | int | None
    _tilts: ClassVar[bool]

    @abstractmethod
    def _n_planes(self) -> int:
        """Give the number of half-spaces, without the cube's."""

    @abstractmethod
    def _enough(self) -> int:
        """Give the number of candidates that make random bodies exact."""

    def _candidates(self) -> int | None:
        """Give the number of candidates, chosen for where the backend computes if the user leaves it to us."""
        from scatterkit.simulation.kernels.tensor_backends import has_gpu

        if isinstance(self.candidates, str):
            return None if has_gpu() else self._enough()
        return self.candidates

    def numbers_shape(self, grid: int) -> tuple[int, ...]:
        self._check_parameters()
        return ((4 if self._tilts else 1) * self._n_planes() + 3,)

    def head(self, features: Tensor, grid: int) -> Tensor:
        (n,) = self.numbers_shape(grid)
        return dense(n, "numbers")(features)

    def halfspaces(self, numbers: Tensor, box: float = 318.75) -> tuple[Tensor, Tensor]:
        """Give the half-spaces of numbers, in tensors, differentiable by the numbers.

        Parameters
        ----------
        numbers : tensor of shape (n, numbers)
            What the network gives.
        box : float [nm], default=318.75
            Side of the box.

        Returns
        -------
        normals : tensor of float32 of shape (n, k, 3)
            Outward unit normals (x, y, z); the last six are those of the cube that bodies stay in.
        offsets : tensor of float32 of shape (n, k) [nm]
            Distances from the centre of the box.
        """
        from scatterkit.simulation.kernels.tensor_backends import keras

        ops = keras.ops
        check_value(box, Positive("nm"), name="box", owner=type(self).__name__)
        k, limit = self._n_planes(), box_limit(box)
        numbers = self._checked(numbers, 1)
        along = ops.convert_to_tensor(spread_directions(k).astype(np.float32))
        centre = 0.9 * limit * ops.tanh(numbers[:, k : k + 3] + ops.convert_to_tensor(_first_centre(box)))
        distances = box * (LEAST + (RADIUS - LEAST) * ops.softplus(numbers[:, :k] + _UNIT))
        if self._tilts:
            free = ops.reshape(numbers[:, k + 3 :], (-1, k, 3))
            across = free - ops.sum(free * along, axis=-1, keepdims=True) * along
            turned = along + TILT * across
            normals = turned / ops.sqrt(ops.sum(turned * turned, axis=-1, keepdims=True))
        else:
            normals = along + ops.zeros_like(numbers[:, :1, None])
        offsets = distances + ops.sum(normals * centre[:, None], axis=-1)
        sides, reaches = (ops.convert_to_tensor(part.astype(np.float32)) for part in box_planes(limit))
        zeros = ops.zeros_like(numbers[:, :1])
        return (
            ops.concatenate([normals, sides + zeros[..., None]], axis=1),
            ops.concatenate([offsets, reaches + zeros], axis=1),
        )

    def planes(self, numbers: Any, box: float = 318.75) -> list[tuple[Floats, Floats]]:
        """Give the half-spaces of numbers as arrays, for ``Solid.from_halfspaces``.

        Parameters
        ----------
        numbers : array_like or tensor of shape (n, numbers)
            What the network gives.
        box : float [nm], default=318.75
            Side of the box.

        Returns
        -------
        list of tuple
            For each body, its unit normals ``(k, 3)`` and offsets ``(k,)`` in nm, float64.
        """
        from scatterkit.simulation.kernels.tensor_backends import keras

        tensors = self.halfspaces(keras.ops.convert_to_tensor(numbers), box)
        normals, offsets = (np.asarray(keras.ops.convert_to_numpy(t), dtype=np.float64) for t in tensors)
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        return list(zip(normals, offsets, strict=True))

    def volumes(
        self, numbers: Any, grid: int = 64, box: float = 318.75, width: float | None = None
    ) -> NDArray[np.float32]:
        """Give the occupancies that numbers stand for as arrays, by the fits' kernel: about a millisecond a body.

        Parameters
        ----------
        numbers : array_like or tensor of shape (n,) + numbers_shape
            What the network gives.
        grid : int, default=64
            Voxels along each axis.
        box : float [nm], default=318.75
            Side of the cube that the volumes fill.
        width : float [nm], optional
            Width of the ramp at the surface, a voxel by default.

        Returns
        -------
        ndarray of float32 of shape (n, z, y, x)
            Occupancies in [0, 1].
        """
        check_value(grid, Integer(1), name="grid", owner=type(self).__name__)
        width = float(ramp_width(width, grid, box, type(self).__name__))
        return soft_occupancies(self.planes(numbers, box), grid, box, width)

    def _body(self, numbers: Tensor, grid: int, box: float, width: Any) -> Body:
        from scatterkit.reconstruction._columns import depth_inside, surfaces

        width = ramp_width(width, grid, box, type(self).__name__)
        planes = self.halfspaces(numbers, box)
        reach, candidates = 0.5 * width, self._candidates()

        def voxels() -> tuple[Tensor, Tensor]:
            return ramp(depth_inside(*planes, grid, box, reach, candidates), width)

        return Body(*surfaces(*planes, grid, box), voxels, planes)


def _first_centre(box: float) -> NDArray[np.float32]:
    """Where the centre's numbers start: the first sphere touches the front of the cube, as in the canonical pose."""
    height = (RADIUS * box - box_limit(box)) / (0.9 * box_limit(box))
    return np.array([0.0, 0.0, math.atanh(height)], dtype=np.float32)


class PlaneDecoder(_HalfSpaceDecoder):
    """A convex body as the intersection of free half-spaces.

    Parameters
    ----------
    n_faces : int, default=48
        Number of half-spaces; those that the body does not need end up outside it.
    candidates : "auto", int or None, default="auto"
        How many planes on the front and on the back are looked at in the voxels of a column: all with None, which
        is best where a GPU's compiler fuses it; with fewer, CPUs take a fraction of the time and memory. On a 64^3
        grid 6 gave random bodies of 48 faces exactly. "auto" is None on GPUs, else 6. See Notes.

    See Also
    --------
    SupportDecoder : Half-spaces in fixed directions.
    scatterkit.fitting.ConvexBody : The same bodies for fits.

    Notes
    -----
    Each half-space is {r : n.(r - c) <= d} with d a softplus and at least 0.004 box, and n turned by less than a right
    angle from a direction of its own, these spread evenly; c, one for the whole body, is a tanh. So no numbers give an
    empty body, and with the six sides of the cube of half width 0.475 box none is open. All numbers zero are a sphere
    of 0.2 box that touches the front of that cube, near where `canonical_pose` puts bodies.

    Occupancies are those of the fits' body models: a ramp in the distance to the nearest plane. With ``candidates``,
    those front and back planes of a column are kept that are nearest to where the ramp begins and ends. The
    occupancy differs only where more planes than that meet within the ramp; logits then are too large inside the body.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import PlaneDecoder
    >>> from scatterkit.solids import Solid
    >>> decoder = PlaneDecoder(n_faces=60)
    >>> (normals, offsets), = decoder.planes(np.zeros((1, 243), dtype=np.float32))
    >>> 1 < Solid.from_halfspaces(normals, offsets).volume / (4.1888 * (0.2 * 318.75)**3) < 1.12
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "n_faces": Integer(8),
        "candidates": _CANDIDATES,
    }
    _tilts: ClassVar[bool] = True

    def __init__(self, n_faces: int = 48, candidates: str | int | None = "auto") -> None:
        self.n_faces = n_faces
        self.candidates = candidates

    def _n_planes(self) -> int:
        return int(self.n_faces)

    def _enough(self) -> int:
        return 6


class SupportDecoder(_HalfSpaceDecoder):
    """A convex body by its support function: half-spaces in fixed directions, spread evenly over the sphere.

    Parameters
    ----------
    n_directions : int, default=100
        Number of directions.
    candidates : "auto", int or None, default="auto"
        How many planes on the front and on the back are looked at in the voxels of a column, as for `PlaneDecoder`.
        On a 64^3 grid 9 gave random bodies of 100 directions exactly, and 12 those of 200. "auto" is None on GPUs,
        else 6 and one more for every 33 directions.

    See Also
    --------
    PlaneDecoder : Half-spaces whose directions are free too.
    scatterkit.fitting.SupportBody : The same bodies for fits.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.reconstruction import SupportDecoder
    >>> decoder = SupportDecoder(n_directions=200)
    >>> (normals, offsets), = decoder.planes(np.zeros((1, 203), dtype=np.float32))
    >>> normals.shape, offsets.shape
    ((206, 3), (206,))
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "n_directions": Integer(12),
        "candidates": _CANDIDATES,
    }
    _tilts: ClassVar[bool] = False

    def __init__(self, n_directions: int = 100, candidates: str | int | None = "auto") -> None:
        self.n_directions = n_directions
        self.candidates = candidates

    def _n_planes(self) -> int:
        return int(self.n_directions)

    def _enough(self) -> int:
        return 6 + int(self.n_directions) // 33
