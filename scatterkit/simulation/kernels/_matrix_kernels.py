"""Compiled loops of the matrix kernel: from folded transforms of the slices to the field, and back.

``sums`` is (parity x, parity y, cosine or sine along z, |q_y|, |q_x|): one quadrant of the detector.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _sum_slices(
    transforms: Array, cos_z: Array, sin_z: Array, first: int, n: int, even: Array, odd: Array
) -> None:
    """Add n slices' transforms, (|q_y|, z, |q_x|), each with its phase exp(i Qz z)."""
    n_y, _, n_x = transforms.shape
    for y in range(n_y):
        for z in range(n):
            row = transforms[y, z]
            c = cos_z[y, first + z]
            s = sin_z[y, first + z]
            for x in range(n_x):
                even[y, x] += c[x] * row[x]
                odd[y, x] += s[x] * row[x]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _spread_slices(
    even: Array, odd: Array, cos_z: Array, sin_z: Array, first: int, n: int, transforms: Array
) -> None:
    """Transpose of _sum_slices."""
    n_y, _, n_x = transforms.shape
    for y in range(n_y):
        for z in range(n):
            row = transforms[y, z]
            c = cos_z[y, first + z]
            s = sin_z[y, first + z]
            for x in range(n_x):
                row[x] = c[x] * even[y, x] + s[x] * odd[y, x]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _interpolate(transforms: Array, first: Array, weights: Array, n: int, pixels: Array) -> None:
    """From nodes, (node y, z, node x), to pixels, (|q_y|, z, |q_x|).

    ``first`` node and ``weights`` of the window are (y or x, |q_y|, |q_x|).
    """
    for y in range(first.shape[1]):
        for x in range(first.shape[2]):
            iy, ix = first[0, y, x], first[1, y, x]
            for z in range(n):
                total = np.float32(0)
                for j in range(weights.shape[3]):
                    row = transforms[iy + j, z, ix : ix + weights.shape[3]]
                    part = np.float32(0)
                    for i in range(weights.shape[3]):
                        part += weights[1, y, x, i] * row[i]
                    total += weights[0, y, x, j] * part
                pixels[y, z, x] = total


@numba.njit(cache=True, nogil=True, fastmath=True)
def _interpolate_adjoint(pixels: Array, first: Array, weights: Array, n: int, transforms: Array) -> None:
    """Transpose of _interpolate."""
    transforms[:] = 0
    for y in range(first.shape[1]):
        for x in range(first.shape[2]):
            iy, ix = first[0, y, x], first[1, y, x]
            for z in range(n):
                value = pixels[y, z, x]
                for j in range(weights.shape[3]):
                    row = transforms[iy + j, z, ix : ix + weights.shape[3]]
                    part = weights[0, y, x, j] * value
                    for i in range(weights.shape[3]):
                        row[i] += weights[1, y, x, i] * part


@numba.njit(cache=True, nogil=True, parallel=True)
def sums_of_slices(
    folded: Array,
    first: int,
    n_slices: int,
    lateral_y: Array,
    lateral_x: Array,
    cos_z: Array,
    sin_z: Array,
    nodes: Array,
    weights: Array,
    sums: Array,
) -> None:
    """Transform folded slices along x and y and add them up with their phases.

    ``folded`` is (block, parity x, parity y, y half, slice in block, x half), ``lateral_y`` is
    (parity, |q_y|, y half), ``lateral_x`` (parity, x half, |q_x|). Each thread takes every n-th block and has
    its own ``sums[thread]``. Where ``nodes`` is not empty, the transforms are taken at nodes and interpolated
    to the pixels.
    """
    _, _, _, h_y, per_block, h_x = folded.shape
    n_y, n_x = lateral_y.shape[1], lateral_x.shape[2]
    n_blocks = (n_slices + per_block - 1) // per_block
    n_threads = sums.shape[0]
    n_pixel_rows = cos_z.shape[0] if nodes.size > 0 else 0
    for thread in numba.prange(n_threads):
        by_x = np.empty((2, h_y, per_block, n_x), dtype=np.float32)
        by_xy = np.empty((n_y, per_block, n_x), dtype=np.float32)
        # An array of its own even where unused: as a second name of by_xy, numba freed it too early.
        pixels = np.zeros((n_pixel_rows, per_block, cos_z.shape[2]), dtype=np.float32)
        for block in range(thread, n_blocks, n_threads):
            z = block * per_block
            n = min(per_block, n_slices - z)
            for a in range(2):
                np.dot(
                    folded[block, a].reshape(2 * h_y * per_block, h_x),
                    lateral_x[a],
                    by_x.reshape(2 * h_y * per_block, n_x),
                )
                for b in range(2):
                    np.dot(
                        lateral_y[b],
                        by_x[b].reshape(h_y, per_block * n_x),
                        by_xy.reshape(n_y, per_block * n_x),
                    )
                    part = sums[thread, a, b]
                    if nodes.size > 0:
                        _interpolate(by_xy, nodes, weights, n, pixels)
                        _sum_slices(pixels, cos_z, sin_z, first + z, n, part[0], part[1])
                    else:
                        _sum_slices(by_xy, cos_z, sin_z, first + z, n, part[0], part[1])


@numba.njit(cache=True, nogil=True)
def _unfold(folded: Array, a: int, z0: int, n: int, box: Array, volume: Array) -> None:
    """Transpose of folding, for one parity along x: ``folded`` is (parity y, y half, slice, x half)."""
    _, h_y, _, h_x = folded.shape
    y0, y1 = box[1]
    x0, x1 = box[2]
    n_right = x1 - x0 - h_x
    for j in range(h_y):
        for z in range(n):
            for side in range(2):
                y = y0 + h_y - 1 - j if side else y0 + h_y + j
                if y >= y1:
                    continue
                row = volume[z0 + z, y, x0:x1]
                sy = np.float32(-1 if side else 1)
                even, odd = folded[0, j, z], folded[1, j, z]
                if a == 0:
                    for i in range(h_x):
                        row[h_x - 1 - i] = even[i] + sy * odd[i]
                    for i in range(n_right):
                        row[h_x + i] = even[i] + sy * odd[i]
                else:
                    for i in range(h_x):
                        row[h_x - 1 - i] -= even[i] + sy * odd[i]
                    for i in range(n_right):
                        row[h_x + i] += even[i] + sy * odd[i]


@numba.njit(cache=True, nogil=True, parallel=True)
def slices_from_sums(
    sums: Array,
    box: Array,
    per_block: int,
    n_threads: int,
    lateral_y: Array,
    lateral_x: Array,
    cos_z: Array,
    sin_z: Array,
    nodes: Array,
    weights: Array,
    volume: Array,
) -> None:
    """Transpose of folding and sums_of_slices: write a volume within a box.

    ``lateral_y`` is (parity, y half, |q_y|), ``lateral_x`` (parity, |q_x|, x half).
    """
    h_y, h_x = lateral_y.shape[1], lateral_x.shape[2]
    n_y, n_x = lateral_y.shape[2], lateral_x.shape[1]
    z0, z1 = box[0]
    n_blocks = (z1 - z0 + per_block - 1) // per_block
    n_pixel_rows = cos_z.shape[0] if nodes.size > 0 else 0
    for thread in numba.prange(n_threads):
        by_xy = np.empty((n_y, per_block, n_x), dtype=np.float32)
        pixels = np.zeros((n_pixel_rows, per_block, cos_z.shape[2]), dtype=np.float32)
        by_x = np.empty((2, h_y, per_block, n_x), dtype=np.float32)
        folded = np.empty((2, h_y, per_block, h_x), dtype=np.float32)
        for block in range(thread, n_blocks, n_threads):
            z = z0 + block * per_block
            n = min(per_block, z1 - z)
            by_xy[:, n:] = 0
            for a in range(2):
                for b in range(2):
                    even, odd = sums[a, b, 0], sums[a, b, 1]
                    if nodes.size > 0:
                        _spread_slices(even, odd, cos_z, sin_z, z, n, pixels)
                        _interpolate_adjoint(pixels, nodes, weights, n, by_xy)
                    else:
                        _spread_slices(even, odd, cos_z, sin_z, z, n, by_xy)
                    np.dot(
                        lateral_y[b],
                        by_xy.reshape(n_y, per_block * n_x),
                        by_x[b].reshape(h_y, per_block * n_x),
                    )
                np.dot(
                    by_x.reshape(2 * h_y * per_block, n_x),
                    lateral_x[a],
                    folded.reshape(2 * h_y * per_block, h_x),
                )
                _unfold(folded, a, z, n, box, volume)


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")
def _side(columns: int, n_x: int, side: int) -> tuple[int, int]:
    """First and one past last |q_x| of the pixels with q_x >= 0 (side 0) or q_x < 0 (side 1)."""
    return side, min(n_x, columns // 2 + 1 if side else columns - columns // 2)


@numba.njit(cache=True, nogil=True, fastmath=True, parallel=True)
def field_from_sums(sums: Array, phase_y: Array, phase_x: Array, response: Array, field: Array) -> None:
    """Add the threads' sums and put the four quadrants together: F = cc - ss - i (sc + cs), sines odd in q.

    ``sums`` has the threads as its first axis. Complex arrays have their two parts as a last axis of reals.
    """
    rows, columns = field.shape[:2]
    n_y, n_x = sums.shape[4:]
    for i in numba.prange(rows):
        y = abs(i - rows // 2)
        if y >= n_y:
            continue
        total = np.zeros((2, 2, 2, n_x), dtype=np.float32)
        for a, b, c in np.ndindex(2, 2, 2):
            part = total[a, b, c]
            for thread in range(sums.shape[0]):
                row = sums[thread, a, b, c, y]
                for x in range(n_x):
                    part[x] += row[x]
        sy = np.float32(1 if i >= rows // 2 else -1)
        y_real, y_imag = phase_y[i, 0], phase_y[i, 1]
        r, E = response[i], field[i]
        for side in range(2):
            sx = np.float32(1 - 2 * side)
            first, last = _side(columns, n_x, side)
            for x in range(first, last):
                j = columns // 2 - x if side else columns // 2 + x
                real = total[0, 0, 0, x] - sx * sy * total[1, 1, 0, x]
                real += sx * total[1, 0, 1, x] + sy * total[0, 1, 1, x]
                imag = total[0, 0, 1, x] - sx * sy * total[1, 1, 1, x]
                imag -= sx * total[1, 0, 0, x] + sy * total[0, 1, 0, x]
                p_real = y_real * phase_x[j, 0] - y_imag * phase_x[j, 1]
                p_imag = y_real * phase_x[j, 1] + y_imag * phase_x[j, 0]
                f_real = p_real * r[j, 0] - p_imag * r[j, 1]
                f_imag = p_real * r[j, 1] + p_imag * r[j, 0]
                E[j, 0] = real * f_real - imag * f_imag
                E[j, 1] = real * f_imag + imag * f_real


@numba.njit(cache=True, nogil=True, fastmath=True, parallel=True)
def sums_from_field(gradient: Array, phase_y: Array, phase_x: Array, response: Array, sums: Array) -> None:
    """Transpose of field_from_sums, for one set of sums, which must be zero."""
    rows, columns = gradient.shape[:2]
    n_y, n_x = sums.shape[3:]
    for y in numba.prange(n_y):
        total = sums[:, :, :, y]
        for below in range(2):
            i = rows // 2 - y if below else rows // 2 + y
            if i < 0 or i >= rows or (below and y == 0):
                continue
            sy = np.float32(1 - 2 * below)
            y_real, y_imag = phase_y[i, 0], phase_y[i, 1]
            r, g = response[i], gradient[i]
            for side in range(2):
                sx = np.float32(1 - 2 * side)
                first, last = _side(columns, n_x, side)
                for x in range(first, last):
                    j = columns // 2 - x if side else columns // 2 + x
                    p_real = y_real * phase_x[j, 0] - y_imag * phase_x[j, 1]
                    p_imag = y_real * phase_x[j, 1] + y_imag * phase_x[j, 0]
                    f_real = p_real * r[j, 0] - p_imag * r[j, 1]
                    f_imag = p_real * r[j, 1] + p_imag * r[j, 0]
                    real = g[j, 0] * f_real + g[j, 1] * f_imag
                    imag = g[j, 1] * f_real - g[j, 0] * f_imag
                    total[0, 0, 0, x] += real
                    total[0, 0, 1, x] += imag
                    total[1, 1, 0, x] -= sx * sy * real
                    total[1, 1, 1, x] -= sx * sy * imag
                    total[1, 0, 1, x] += sx * real
                    total[1, 0, 0, x] -= sx * imag
                    total[0, 1, 1, x] += sy * real
                    total[0, 1, 0, x] -= sy * imag
