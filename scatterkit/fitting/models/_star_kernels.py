"""Numba kernels: a star-shaped body given by its radius on a grid of directions, as a soft occupancy, and back.

The radius stands in a table over polar angle (0 to pi, both ends included) and azimuth (0 to 2 pi, the end left out)
and is interpolated linearly in both. The occupancy of a voxel whose centre lies ``s`` nm inside is
``clip(1/2 + s/width, 0, 1)``, where s is the smaller one of the way along the radius to the surface and the way to
the cube of a half width that bodies stay in.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@njit(cache=True, nogil=True, inline="always")
def _cell(x, y, z, n_polar, n_azimuth):  # type: ignore[no-untyped-def]
    """Row, column, next column and the two fractions of the cell of the table that a direction lies in."""
    row = np.arctan2(np.sqrt(x * x + y * y), z) * ((n_polar - 1) / np.pi)
    column = np.arctan2(y, x) * (n_azimuth / (2 * np.pi))
    if column < 0:
        column += n_azimuth
    i = min(int(row), n_polar - 2)
    j = min(int(column), n_azimuth - 1)
    return i, j, (j + 1) % n_azimuth, row - i, column - j


@njit(cache=True, nogil=True, inline="always")
def _reach(farthest, first, step, n):  # type: ignore[no-untyped-def]
    """First and one past the last voxel along an axis that are nearer to the centre than a distance."""
    start = max(0, int(np.floor((-farthest - first) / step)))
    return start, max(start, n - start)


@njit(cache=True, nogil=True)
def star_occupancy(table: F64, n: int, box: float, limit: float, width: float) -> F32:
    """Occupancy ``(z, y, x)`` on n^3 voxels of a box, float32; ``table (polar, azimuth)`` holds radii in nm."""
    volume = np.zeros((n, n, n), np.float32)
    n_polar, n_azimuth = table.shape
    step = box / n
    first = -0.5 * box + 0.5 * step
    nearest, farthest = table.min() - 0.5 * width, table.max() + 0.5 * width
    start, stop = _reach(farthest, first, step, n)
    for iz in range(start, stop):
        z = first + iz * step
        for iy in range(start, stop):
            y = first + iy * step
            for ix in range(start, stop):
                x = first + ix * step
                to_cube = limit - max(abs(x), abs(y), abs(z))
                radius = np.sqrt(x * x + y * y + z * z)
                if radius >= farthest or to_cube <= -0.5 * width:
                    continue
                inside = to_cube
                if radius > nearest:
                    i, j, k, u, v = _cell(x, y, z, n_polar, n_azimuth)
                    near = (1 - v) * table[i, j] + v * table[i, k]
                    far = (1 - v) * table[i + 1, j] + v * table[i + 1, k]
                    inside = min(inside, (1 - u) * near + u * far - radius)
                volume[iz, iy, ix] = min(max(0.5 + inside / width, 0.0), 1.0)
    return volume


@njit(cache=True, nogil=True)
def star_occupancy_adjoint(table: F64, box: float, limit: float, width: float, volume_gradient: F32) -> F64:
    """Gradient with respect to the table from that with respect to the occupancy."""
    n = volume_gradient.shape[0]
    n_polar, n_azimuth = table.shape
    by_table = np.zeros((n_polar, n_azimuth))
    step = box / n
    first = -0.5 * box + 0.5 * step
    nearest, farthest = table.min() - 0.5 * width, table.max() + 0.5 * width
    start, stop = _reach(farthest, first, step, n)
    for iz in range(start, stop):
        z = first + iz * step
        for iy in range(start, stop):
            y = first + iy * step
            for ix in range(start, stop):
                x = first + ix * step
                to_cube = limit - max(abs(x), abs(y), abs(z))
                radius = np.sqrt(x * x + y * y + z * z)
                if radius <= nearest or radius >= farthest or to_cube <= -0.5 * width:
                    continue
                i, j, k, u, v = _cell(x, y, z, n_polar, n_azimuth)
                near = (1 - v) * table[i, j] + v * table[i, k]
                far = (1 - v) * table[i + 1, j] + v * table[i + 1, k]
                inside = (1 - u) * near + u * far - radius
                if inside < to_cube and abs(inside) < 0.5 * width:
                    slope = volume_gradient[iz, iy, ix] / width
                    by_table[i, j] += slope * (1 - u) * (1 - v)
                    by_table[i, k] += slope * (1 - u) * v
                    by_table[i + 1, j] += slope * u * (1 - v)
                    by_table[i + 1, k] += slope * u * v
    return by_table
