"""Half-space bodies on a grid in Keras tensors, column by column: depth inside the surface, entrance and exit.

The conventions are those of the fits' NumPy kernel, `scatterkit.fitting._plane_kernels`: planes are {r : n.r <= d},
r = (x, y, z) in nm from the centre of the box, and a voxel stands for its centre.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scatterkit.reconstruction._grids import centres
from scatterkit.simulation.kernels.tensor_backends import keras

ops = keras.ops
Tensor = Any
_STEEP = 1e-2
"""Sides that are steeper than this count as tilted so much where columns are cut by them.

Their heights, and the gradients of these, grow as the inverse. On a column of a body 300 nm thick the cut is right but
for the last 3 nm across the beam.
"""
_HARDLY_TILTED = 1e-4
"""The same where planes are only ranked, without a gradient."""
_FAR = 1e9
_NEVER = np.array([-_FAR, 0.0, 0.0], np.float32)
"""A plane that is never the highest, as coefficients of 1, x and y."""


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
    across = centres(grid, box)
    places = np.stack([np.ones((grid, grid)), *np.meshgrid(across, across)], axis=-1)
    places = places.reshape(-1, 3).astype(np.float32)
    front, back = _lines(normals, offsets)
    return tuple(
        ops.reshape(heights, (-1, grid, grid))
        for heights in (_highest(front, places), -_highest(back, places))
    )


def heights_at(normals: Tensor, offsets: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Heights z [nm] at which light enters and leaves at places x and y of each body's own, all ``(n, places)``."""
    places = ops.stack([ops.ones_like(x), x, y], axis=1)
    front, back = (ops.max(ops.matmul(lines, places), axis=1) for lines in _lines(normals, offsets))
    return front, -back


def _lines(normals: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Planes as coefficients of 1, x and y, ``(n, k, 3)``: heights of the front's, and negative ones of the back's."""
    slopes = _tilted(normals[..., 2], _STEEP)
    lines = ops.stack([offsets, -normals[..., 0], -normals[..., 1]], axis=-1) / slopes[..., None]
    front = (normals[..., 2] < 0)[..., None]
    return ops.where(front, lines, _NEVER), ops.where(front, _NEVER, -lines)


def surfaces(normals: Tensor, offsets: Tensor, grid: int, box: float) -> tuple[Tensor, Tensor]:
    """Entrance and exit ``(n, y, x)`` [nm], the entrance within the box; no body where they cross.

    The difference stays what it is: it says how far from the body an empty column is.
    """
    first, last = entrance_and_exit(normals, offsets, grid, box)
    entrance = ops.clip(first, -box / 2, box / 2)
    return entrance, entrance + (last - first)


def _highest(lines: Tensor, places: Any) -> Tensor:
    """Largest height ``(n, places)`` of planes ``(n, k, 3)`` over places ``(places, 3)``.

    Which plane it is, is looked up first and without a gradient: this then has only the planes found to follow.
    """
    k, across = lines.shape[1], ops.convert_to_tensor(places)
    heights = ops.matmul(across, ops.transpose(ops.stop_gradient(lines), (0, 2, 1)))
    which = ops.argmax(heights, axis=-1)
    begins = ops.cast(k * ops.arange(ops.shape(lines)[0]), which.dtype)[:, None]
    found = ops.take(ops.reshape(lines, (-1, 3)), which + begins, axis=0)
    return ops.sum(found * across, axis=-1)


def _bases(normals: Tensor, offsets: Tensor, grid: int, box: float) -> Tensor:
    """What every plane leaves for z in a column, ``(n, k, y, x)``."""
    across = centres(grid, box)
    along_x = normals[..., 0][..., None, None] * ops.convert_to_tensor(across)
    along_y = normals[..., 1][..., None, None] * ops.convert_to_tensor(across[:, None])
    return offsets[..., None, None] - along_y - along_x


def _tilted(slopes: Tensor, least: float) -> Tensor:
    return ops.where(slopes < 0, ops.minimum(slopes, -least), ops.maximum(slopes, least))


def _nearest_planes(
    bases: Tensor, slopes: Tensor, side: float, reach: Any, count: int
) -> tuple[Tensor, Tensor]:
    """Bases and slopes ``(n, y, x, count)`` of the planes of one side nearest to where columns come within reach.

    A plane of the front turns away from a column behind the place where its first plane is ``reach`` nm ahead: if it
    is farther than ``reach`` from the body there, it is nowhere near.
    """
    steepness = ops.abs(_tilted(slopes, _HARDLY_TILTED))[..., None, None]
    own = slopes[..., None, None] < 0 if side < 0 else slopes[..., None, None] >= 0
    room = bases + reach
    outermost = ops.min(ops.where(own, room / steepness, _FAR), axis=1, keepdims=True)
    distance = ops.where(own, room - steepness * outermost, _FAR)
    by_column = ops.transpose(ops.stop_gradient(distance), (0, 2, 3, 1))
    which = ops.stop_gradient(ops.top_k(-by_column, count)[1])
    columns = ops.transpose(bases, (0, 2, 3, 1))
    tilts = ops.broadcast_to(slopes[:, None, None, :], ops.shape(columns))
    return ops.take_along_axis(columns, which, axis=-1), ops.take_along_axis(tilts, which, axis=-1)
