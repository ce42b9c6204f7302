"""Numba kernels: a convex body given by half-spaces, as a soft occupancy on a voxel grid, and back.

The occupancy of a voxel whose centre lies ``s`` nm inside the nearest plane is ``clip(1/2 + s/width, 0, 1)``.
Work goes by column along z: the planes bound the stretch of a column that is not empty, and the shorter
stretch that is full, so that all planes are looked at only for the few voxels of the surface between. A body takes
one thread; several bodies are shared out, by a search or here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import get_num_threads, njit
from numpy.typing import NDArray

from scatterkit.simulation.kernels.threads import share_out

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _column_range(normals, bases, margin, z0, dz, nz):  # type: ignore[no-untyped-def]
    """First and one past the last voxel of a column whose centres lie at least ``margin`` inside every plane."""
    low = 0.0
    high = nz - 1.0
    for i in range(bases.shape[0]):
        room = bases[i] - margin
        slope = normals[i, 2]
        if slope > 1e-9:
            high = min(high, (room / slope - z0) / dz)
        elif slope < -1e-9:
            low = max(low, (room / slope - z0) / dz)
        elif room < 0.0:
            return 0, 0
        if low > high:
            return 0, 0
    return int(np.ceil(low - 1e-6)), int(np.floor(high + 1e-6)) + 1


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _nearest_plane(normals, bases, z):  # type: ignore[no-untyped-def]
    """Distance inside the nearest plane (negative: outside) and that plane's number."""
    best = bases[0] - normals[0, 2] * z
    which = 0
    for i in range(1, bases.shape[0]):
        inside = bases[i] - normals[i, 2] * z
        if inside < best:
            best = inside
            which = i
    return best, which


@njit(cache=True, nogil=True, fastmath=True)
def soft_occupancy(normals: F64, offsets: F64, n: int, box: float, width: float) -> F32:
    """Occupancy ``(z, y, x)`` of the body {r : normals @ r <= offsets} on n^3 voxels of a box, float32."""
    volume = np.zeros((n, n, n), np.float32)
    _fill(normals, offsets, box, width, volume)
    return volume


def soft_occupancies(bodies: Sequence[tuple[F64, F64]], n: int, box: float, width: float) -> F32:
    """Occupancies ``(body, z, y, x)`` of several bodies, in as many threads as numba may use."""
    volumes = np.zeros((len(bodies), n, n, n), np.float32)

    def fill(i: int) -> None:
        _fill(*bodies[i], box, width, volumes[i])

    share_out(fill, len(bodies), get_num_threads())
    return volumes


@njit(cache=True, nogil=True, fastmath=True)
def _fill(normals, offsets, box, width, volume):  # type: ignore[no-untyped-def]
    """Write what is not empty of a body into a volume of zeros."""
    n = volume.shape[0]
    step = box / n
    first = -0.5 * box + 0.5 * step
    for iy in range(n):
        y = first + iy * step
        bases = np.empty(offsets.shape[0])
        for ix in range(n):
            x = first + ix * step
            for i in range(offsets.shape[0]):
                bases[i] = offsets[i] - normals[i, 0] * x - normals[i, 1] * y
            start, stop = _column_range(normals, bases, -0.5 * width, first, step, n)
            if stop <= start:
                continue
            full_start, full_stop = _column_range(normals, bases, 0.5 * width, first, step, n)
            for iz in range(start, stop):
                if full_start <= iz < full_stop:
                    volume[iz, iy, ix] = 1.0
                else:
                    inside, _ = _nearest_plane(normals, bases, first + iz * step)
                    volume[iz, iy, ix] = min(max(0.5 + inside / width, 0.0), 1.0)


@njit(cache=True, nogil=True, fastmath=True)
def soft_occupancy_adjoint(
    normals: F64, offsets: F64, box: float, width: float, volume_gradient: F32
) -> tuple[F64, F64]:
    """Gradient with respect to normals ``(k, 3)`` and offsets ``(k,)`` from that with respect to the occupancy."""
    n = volume_gradient.shape[0]
    count = offsets.shape[0]
    step = box / n
    first = -0.5 * box + 0.5 * step
    by_normals = np.zeros((count, 3))
    by_offsets = np.zeros(count)
    for iy in range(n):
        y = first + iy * step
        bases = np.empty(count)
        for ix in range(n):
            x = first + ix * step
            for i in range(count):
                bases[i] = offsets[i] - normals[i, 0] * x - normals[i, 1] * y
            start, stop = _column_range(normals, bases, -0.5 * width, first, step, n)
            if stop <= start:
                continue
            full_start, full_stop = _column_range(normals, bases, 0.5 * width, first, step, n)
            for iz in range(start, stop):
                if full_start <= iz < full_stop:
                    continue
                z = first + iz * step
                inside, which = _nearest_plane(normals, bases, z)
                if abs(inside) < 0.5 * width:
                    slope = volume_gradient[iz, iy, ix] / width
                    by_normals[which, 0] -= slope * x
                    by_normals[which, 1] -= slope * y
                    by_normals[which, 2] -= slope * z
                    by_offsets[which] += slope
    return by_normals, by_offsets
