"""Compiled loops between the sums of one quadrant and the field: the four quadrants and every pixel's factor.

A pixel's factor is its ``response``, (|q_y|, below, left, real or imaginary part, |q_x|), times exp(i Qz steps dz / 2)
and exp(-i (q_y y + q_x x)) for the body's ``middle`` (y, x) [nm]. Fields have their two parts as a last axis.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Scalar = Any  # float32


@numba.njit(cache=True, nogil=True, fastmath=True)
def _depth_phase(halvings: Array, steps: int, y: int, out: Array) -> None:
    """exp(i Qz steps dz / 2) of a row of pixels, from tables of exp(i Qz 2^b dz / 2): (b, part, |q_y|, |q_x|)."""
    out[0] = 1
    out[1] = 0
    for bit in range(halvings.shape[0]):
        if (abs(steps) >> bit) & 1:
            real, imag = halvings[bit, 0, y], halvings[bit, 1, y]
            for x in range(out.shape[1]):
                u, v = out[0, x], out[1, x]
                out[0, x] = u * real[x] - v * imag[x]
                out[1, x] = u * imag[x] + v * real[x]
    if steps < 0:
        out[1] *= np.float32(-1)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _add_shares(sums: Array, y: int, total: Array) -> None:
    """Add the shares' sums of one row of |q_y|: (parity z, parity x, parity y, |q_x|)."""
    for c in range(2):
        for a in range(2):
            for b in range(2):
                part = total[c, a, b]
                first = sums[0, c, a, b, y]
                for x in range(part.size):
                    part[x] = first[x]
                for share in range(1, sums.shape[0]):
                    row = sums[share, c, a, b, y]
                    for x in range(part.size):
                        part[x] += row[x]


@numba.njit(cache=True, nogil=True)
def _waves(q: Array, r: float) -> Array:
    """exp(-i q r), (part, q)."""
    out = np.empty((2, q.size), dtype=np.float32)
    for i in range(q.size):
        out[0, i] = math.cos(q[i] * r)
        out[1, i] = -math.sin(q[i] * r)
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)
def _add(scale: Scalar, values: Array, out: Array) -> None:
    """Add scaled values: loops of few arrays, for more would not be compared for overlaps and not vectorised."""
    for x in range(out.size):
        out[x] += scale * values[x]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _multiply(values: Array, conjugate: bool, out: Array) -> None:
    """Multiply complex numbers, (part, x), by others or their conjugates, in place."""
    sign = np.float32(-1 if conjugate else 1)
    real, imag, u, v = out[0], out[1], values[0], values[1]
    for x in range(real.size):
        p, q = u[x], sign * v[x]
        new = real[x] * p - imag[x] * q
        imag[x] = real[x] * q + imag[x] * p
        real[x] = new


@numba.njit(cache=True, nogil=True, fastmath=True)
def _turn(wave: tuple[Any, Any], values: Array, out: Array) -> None:
    """Multiply complex numbers, (part, x), by one."""
    u, v = wave
    for x in range(out.shape[1]):
        a, b = values[0, x], values[1, x]
        out[0, x] = u * a - v * b
        out[1, x] = u * b + v * a


@numba.njit(cache=True, nogil=True, fastmath=True)
def _sum_of_four(
    p: Array, q: Array, r: Array, s: Array, signs: tuple[Any, Any, Any, Any], out: Array
) -> None:
    a, b, c, d = signs
    for x in range(out.size):
        out[x] = a * p[x] + b * q[x] + c * r[x] + d * s[x]


@numba.njit(cache=True, nogil=True)
def _row_of_quadrant(total: Array, sy: Scalar, sx: Scalar, out: Array) -> None:
    """Real and imaginary parts of a row of one quadrant: F = cc - ss - i (sc + cs), sines odd in q.

    ``total`` is (parity z, parity x, parity y, |q_x|), ``out`` (part, |q_x|).
    """
    even, odd = total[0], total[1]
    one = np.float32(1)
    _sum_of_four(even[0, 0], odd[0, 1], odd[1, 0], even[1, 1], (one, sy, sx, -sy * sx), out[0])
    _sum_of_four(odd[0, 0], even[0, 1], even[1, 0], odd[1, 1], (one, -sy, -sx, -sy * sx), out[1])


@numba.njit(cache=True, nogil=True)
def _add_row_of_sides(parts: Array, sy: Scalar, total: Array) -> None:
    """Transpose of _row_of_quadrant for both sides, from a row's even and odd sums: (part, even or odd, |q_x|)."""
    one = np.float32(1)
    _add(one, parts[0, 0], total[0, 0, 0])
    _add(sy, parts[0, 0], total[1, 0, 1])
    _add(one, parts[0, 1], total[1, 1, 0])
    _add(-sy, parts[0, 1], total[0, 1, 1])
    _add(one, parts[1, 0], total[1, 0, 0])
    _add(-sy, parts[1, 0], total[0, 0, 1])
    _add(-one, parts[1, 1], total[0, 1, 0])
    _add(-sy, parts[1, 1], total[1, 1, 1])


@numba.njit(cache=True, nogil=True)
def _put_side(pixels: Array, left: bool, row: Array) -> None:
    """Write the pixels of one side to their places; the axis belongs to the right one."""
    columns = row.shape[0]
    middle = np.uintp(columns // 2)  # unsigned, for a signed index might be one from the end
    n = min(pixels.shape[1], columns // 2 + 1 if left else columns - columns // 2)
    for x in range(1 if left else 0, n):
        i = np.uintp(x)
        j = middle - i if left else middle + i
        row[j, 0] = pixels[0, i]
        row[j, 1] = pixels[1, i]


@numba.njit(cache=True, nogil=True)
def _take_side(row: Array, left: bool, pixels: Array) -> None:
    """Transpose of _put_side."""
    columns = row.shape[0]
    middle = np.uintp(columns // 2)
    n = min(pixels.shape[1], columns // 2 + 1 if left else columns - columns // 2)
    pixels[:] = 0
    for x in range(1 if left else 0, n):
        i = np.uintp(x)
        j = middle - i if left else middle + i
        pixels[0, i] = row[j, 0]
        pixels[1, i] = row[j, 1]


@numba.njit(cache=True, nogil=True, inline="always")
def _row(rows: int, y: int, below: int) -> int:
    """Index of a row by |q_y| and side, -1 where there is none; the axis belongs to the upper one."""
    i = rows // 2 - y if below else rows // 2 + y
    return -1 if i >= rows or (below and y == 0) else i


@numba.njit(cache=True, nogil=True)
def field_from_sums(
    sums: Array,
    halvings: Array,
    steps: int,
    q: tuple[Array, Array],
    middle: tuple[float, float],
    response: Array,
    field: Array,
) -> None:
    """Add the shares' sums, the first axis, and put the four quadrants together."""
    n_y, n_x = response.shape[0], response.shape[4]
    waves_y, waves_x = _waves(q[0], middle[0]), _waves(q[1], middle[1])
    depth, turned, pixels = (
        np.empty((2, n_x), np.float32),
        np.empty((2, n_x), np.float32),
        np.empty((2, n_x), np.float32),
    )
    total = np.empty((2, 2, 2, n_x), np.float32)
    for y in range(n_y):
        _depth_phase(halvings, steps, y, depth)
        _add_shares(sums, y, total)
        for below in range(2):
            i = _row(field.shape[0], y, below)
            if i < 0:
                continue
            sy = np.float32(1 - 2 * below)
            _turn((waves_y[0, y], sy * waves_y[1, y]), depth, turned)
            for left in range(2):
                _row_of_quadrant(total, sy, np.float32(1 - 2 * left), pixels)
                _multiply(turned, False, pixels)
                _multiply(waves_x, left == 1, pixels)
                _multiply(response[y, below, left], False, pixels)
                _put_side(pixels, left == 1, field[i])


@numba.njit(cache=True, nogil=True)
def sums_from_field(
    gradient: Array,
    halvings: Array,
    steps: int,
    q: tuple[Array, Array],
    middle: tuple[float, float],
    response: Array,
    sums: Array,
) -> None:
    """Transpose of field_from_sums, for one set of sums."""
    n_y, n_x = response.shape[0], response.shape[4]
    waves_y, waves_x = _waves(q[0], middle[0]), _waves(q[1], middle[1])
    depth, turned, pixels = (
        np.empty((2, n_x), np.float32),
        np.empty((2, n_x), np.float32),
        np.empty((2, n_x), np.float32),
    )
    total, parts = np.empty((2, 2, 2, n_x), np.float32), np.empty((2, 2, n_x), np.float32)
    for y in range(n_y):
        _depth_phase(halvings, steps, y, depth)
        total[:] = 0
        for below in range(2):
            i = _row(gradient.shape[0], y, below)
            if i < 0:
                continue
            sy = np.float32(1 - 2 * below)
            parts[:] = 0
            _turn((waves_y[0, y], sy * waves_y[1, y]), depth, turned)
            for left in range(2):
                _take_side(gradient[i], left == 1, pixels)
                _multiply(turned, True, pixels)
                _multiply(waves_x, left == 0, pixels)
                _multiply(response[y, below, left], True, pixels)
                for part in range(2):
                    _add(np.float32(1), pixels[part], parts[part, 0])
                    _add(np.float32(1 - 2 * left), pixels[part], parts[part, 1])
            _add_row_of_sides(parts, sy, total)
        sums[:, :, :, y] = total
