"""Occupancy of half-space bodies on a grid in Keras tensors: by column, every voxel's part of a column exact."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from scatterkit.simulation.kernels.tensor_backends import BACKEND, by_parts

Tensor = Any
_STEEP = 1e-4
"""Planes closer to the beam's direction are tilted this much: over a box of 300 nm they move by 0.03 nm."""
_AT_ONCE = 4
"""Bodies that pass together on a CPU: their columns and volumes stay in its cache."""


def occupancy(
    normals: Tensor, offsets: Tensor, shape: tuple[int, int, int], box: float, n_columns: int = 16
) -> Tensor:
    """Give the share of every voxel that the bodies {r : n.r <= d} fill.

    A column is entered at the last of its entrances and left at the first of its exits: K planes cost K operations
    a column and not a voxel. Its part of each voxel is exact; across the beam, voxels are averages of columns.

    Parameters
    ----------
    normals : tensor of float32 of shape (n, k, 3)
        Outward unit normals (x, y, z).
    offsets : tensor of float32 of shape (n, k) [nm]
        Distances from the origin, the box's centre.
    shape : tuple of int
        Voxels along (z, y, x).
    box : float [nm]
        Width of the box.
    n_columns : int, default=16
        Columns through every voxel.

    Returns
    -------
    tensor of float32 of shape (n, z, y, x)
        Occupancies in [0, 1].
    """

    def some(planes: tuple[Tensor, ...]) -> tuple[Tensor]:
        own_normals, own_offsets = planes
        return (_occupancy(own_normals, own_offsets, shape, box, n_columns),)

    if BACKEND == "torch" and normals.device.type == "cpu":
        parts = zip(normals.split(_AT_ONCE), offsets.split(_AT_ONCE), strict=True)
        return ops.concatenate([some(part)[0] for part in parts], axis=0)
    return by_parts(some, (normals, offsets), _AT_ONCE)[0]


def _occupancy(
    normals: Tensor, offsets: Tensor, shape: tuple[int, int, int], box: float, n_columns: int
) -> Tensor:
    n_z, n_y, n_x = shape
    along = normals[..., 2]
    steep = ops.abs(along) < _STEEP
    along = ops.where(steep, ops.where(along < 0, -_STEEP, _STEEP), along) * (box / n_z)
    # the planes' heights in voxels, z = base + slope_x x + slope_y y, x and y in boxes from the centre
    base = offsets / along + n_z / 2
    slope_x, slope_y = (-box * normals[..., axis] / along for axis in (0, 1))
    infinity = ops.full_like(along, 1e30)
    as_entrance, as_exit = ops.where(along < 0, base, -infinity), ops.where(along > 0, base, infinity)
    slices = ops.convert_to_tensor(np.arange(n_z, dtype=np.float32)[None, :, None, None])
    total: Tensor = 0.0
    for x, y in _places(n_columns):
        along_x = (slope_x[..., None] * ops.convert_to_tensor(_positions(n_x, x)))[:, :, None, :]
        along_y = (slope_y[..., None] * ops.convert_to_tensor(_positions(n_y, y)))[..., None]
        last = ops.min(as_exit[..., None, None] + along_y + along_x, axis=1)[:, None]
        first = ops.max(as_entrance[..., None, None] + along_y + along_x, axis=1)[:, None]
        first = ops.minimum(first, last)
        part = ops.relu(ops.minimum(last, slices + 1) - ops.maximum(first, slices))
        total = total + part
    return total * (1 / n_columns)


def _positions(n: int, place: float) -> NDArray[np.float32]:
    """Positions of one column through each of n pixels, in boxes from the centre."""
    return ((np.arange(n) + place) / n - 0.5).astype(np.float32)


def _places(n: int) -> NDArray[np.float64]:
    """Places ``(n, 2)`` in a pixel, in as many rows and columns as there are: the Hammersley points.

    Edges along rows or columns are then right to 1 / (2 n), and not to the square root of it as on a square grid.
    """
    numbers, inverse, scale = np.arange(n), np.zeros(n), 0.5
    while numbers.any():
        inverse += scale * (numbers % 2)
        numbers, scale = numbers // 2, scale / 2
    ranks = np.argsort(np.argsort(inverse, kind="stable"))
    return np.stack([np.arange(n) + 0.5, ranks + 0.5], axis=1) / n
