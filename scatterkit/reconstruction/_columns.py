"""Half-space bodies on a grid in Keras tensors, column by column: depth inside the surface, entrance and exit.

The conventions are those of the fits' NumPy kernel, `scatterkit.fitting._plane_kernels`: planes are {r : n.r <= d},
r = (x, y, z) in nm from the centre of the box, and a voxel stands for its centre.
"""

from __future__ import annotations

from typing import Any

from scatterkit.reconstruction._grids import centres
from scatterkit.simulation.kernels.tensor_backends import keras

ops = keras.ops
Tensor = Any
_STEEP = 1e-4
"""Planes closer to the beam's direction than this count as tilted so much where columns are cut by them."""
_FAR = 1e9


def depth_inside(
    normals: Tensor, offsets: Tensor, grid: int, box: float, reach: Any, candidates: int | None = None
) -> Tensor:
    """Distance [nm] inside the nearest plane, ``(n, z, y, x)``, negative outside, of normals ``(n, k, 3)`` and offsets.

    All planes are compared in every voxel where ``candidates`` is None: K times 64^3 operations, which a compiler for
    GPUs fuses into one pass. Otherwise only so many front planes and so many back planes are, in each column those
    nearest to the places where light enters and leaves the body. The result is then exact within ``reach`` nm of the
    surface unless more planes meet there, and elsewhere has the right sign.
    """
    bases = _bases(normals, offsets, grid, box)
    slopes = normals[..., 2]
    z = ops.convert_to_tensor(centres(grid, box)[:, None, None])
    if candidates is None or candidates >= slopes.shape[1]:
        return ops.min(bases[:, :, None] - slopes[..., None, None, None] * z, axis=1)
    nearest = None
    for side in (-1.0, 1.0):
        own_bases, own_slopes = _nearest_planes(bases, slopes, side, reach, candidates)
        for i in range(candidates):
            inside = own_bases[:, None, :, :, i] - own_slopes[:, None, :, :, i] * z
            nearest = inside if nearest is None else ops.minimum(nearest, inside)
    return nearest


def entrance_and_exit(normals: Tensor, offsets: Tensor, grid: int, box: float) -> tuple[Tensor, Tensor]:
    """Heights z [nm] at which every column enters and leaves the body, each ``(n, y, x)``; no body where they cross."""
    bases = _bases(normals, offsets, grid, box)
    slopes = normals[..., 2][..., None, None]
    heights = bases / _tilted(slopes)
    first = ops.max(ops.where(slopes < 0, heights, -_FAR), axis=1)
    last = ops.min(ops.where(slopes < 0, _FAR, heights), axis=1)
    return first, last


def _bases(normals: Tensor, offsets: Tensor, grid: int, box: float) -> Tensor:
    """What every plane leaves for z in a column, ``(n, k, y, x)``."""
    across = centres(grid, box)
    along_x = normals[..., 0][..., None, None] * ops.convert_to_tensor(across)
    along_y = normals[..., 1][..., None, None] * ops.convert_to_tensor(across[:, None])
    return offsets[..., None, None] - along_y - along_x


def _tilted(slopes: Tensor) -> Tensor:
    return ops.where(slopes < 0, ops.minimum(slopes, -_STEEP), ops.maximum(slopes, _STEEP))


def _nearest_planes(
    bases: Tensor, slopes: Tensor, side: float, reach: Any, count: int
) -> tuple[Tensor, Tensor]:
    """Bases and slopes ``(n, y, x, count)`` of the planes of one side nearest to where columns come within reach.

    A plane of the front turns away from a column behind the place where its first plane is ``reach`` nm ahead: if it
    is farther than ``reach`` from the body there, it is nowhere near.
    """
    steepness = ops.abs(_tilted(slopes))[..., None, None]
    own = slopes[..., None, None] < 0 if side < 0 else slopes[..., None, None] >= 0
    room = bases + reach
    outermost = ops.min(ops.where(own, room / steepness, _FAR), axis=1, keepdims=True)
    distance = ops.where(own, room - steepness * outermost, _FAR)
    by_column = ops.transpose(ops.stop_gradient(distance), (0, 2, 3, 1))
    which = ops.stop_gradient(ops.top_k(-by_column, count)[1])
    columns = ops.transpose(bases, (0, 2, 3, 1))
    tilts = ops.broadcast_to(slopes[:, None, None, :], ops.shape(columns))
    return ops.take_along_axis(columns, which, axis=-1), ops.take_along_axis(tilts, which, axis=-1)
