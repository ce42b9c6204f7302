"""Compiled loops of the FFT kernel: between FFT bins, the half plane q_x >= 0 and the detector."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@numba.njit(cache=True, nogil=True)
def take_columns(bins: Array, n_rows: int, stride: int, columns: Array) -> None:
    """Transpose the wanted bins along x, (slice, y, bin x), to zero-padded (slice, |q_x|, y)."""
    for z in range(columns.shape[0]):
        for x in range(columns.shape[1]):
            for y in range(n_rows):
                columns[z, x, y] = bins[z, y, x * stride]
            columns[z, x, n_rows:] = 0


@numba.njit(cache=True, nogil=True)
def put_columns(columns: Array, n_rows: int, stride: int, bins: Array) -> None:
    """Transpose of take_columns; halved off the axis, since a real transform counts each such bin twice."""
    nyquist_twice = 2 * (bins.shape[2] - 1)
    for z in range(columns.shape[0]):
        for x in range(columns.shape[1]):
            once = x == 0 or 2 * x * stride == nyquist_twice
            scale = np.float32(1 if once else 0.5)
            for y in range(n_rows):
                bins[z, y, x * stride] = scale * columns[z, x, y]


@numba.njit(cache=True, nogil=True, fastmath=True)
def sum_slices(columns: Array, bins_y: Array, cos_z: Array, sin_z: Array, first: int, sums: Array) -> None:
    """Add a block of slices' transforms times cos(Qz z) and sin(Qz z) to (2, rows, |q_x|)."""
    for z in range(columns.shape[0]):
        for y in range(bins_y.size):
            b = bins_y[y]
            for x in range(columns.shape[1]):
                value = columns[z, x, b]
                sums[0, y, x] += cos_z[y, first + z, x] * value
                sums[1, y, x] += sin_z[y, first + z, x] * value


@numba.njit(cache=True, nogil=True, fastmath=True)
def spread_slices(
    A: Array, B: Array, bins_y: Array, cos_z: Array, sin_z: Array, first: int, columns: Array
) -> None:
    """Transpose of sum_slices; ``columns`` must be zero."""
    for z in range(columns.shape[0]):
        for y in range(bins_y.size):
            b = bins_y[y]
            for x in range(columns.shape[1]):
                columns[z, x, b] += cos_z[y, first + z, x] * A[y, x] + sin_z[y, first + z, x] * B[y, x]


@numba.njit(cache=True, nogil=True, parallel=True)
def field_from_half(A: Array, B: Array, field: Array) -> None:
    """E(q) = A + iB for q_x >= 0; for q_x < 0 from the opposite pixel."""
    rows, columns = field.shape
    for i in numba.prange(rows):
        opposite = 2 * (rows // 2) - i
        for j in range(columns):
            x = j - columns // 2
            if x >= 0:
                field[i, j] = A[i, x] + np.complex64(1j) * B[i, x]
            else:
                field[i, j] = np.conj(A[opposite, -x]) + np.complex64(1j) * np.conj(B[opposite, -x])


@numba.njit(cache=True, nogil=True)
def half_from_field(gradient: Array, A: Array, B: Array) -> None:
    """Transpose of field_from_half; A and B must be zero."""
    rows, columns = gradient.shape
    for i in range(rows):
        opposite = 2 * (rows // 2) - i
        for j in range(columns):
            x = j - columns // 2
            g = gradient[i, j]
            if x >= 0:
                A[i, x] += g
                B[i, x] -= np.complex64(1j) * g
            else:
                A[opposite, -x] += np.conj(g)
                B[opposite, -x] += np.conj(np.complex64(-1j) * g)
