"""Compiled loops between volumes and depth modes: absorption, folding about the middle, projection.

Folding: a row f of even length 2h splits into f(+j) + f(-j) and f(+j) - f(-j), j counting from the middle,
of which a Fourier transform needs the cosines of one and the sines of the other, both real and half as long.

Pairs of rows on either side of the middle are taken some at a time, so that what is computed of them stays in the
second-level cache, and that loops are long. ``lines`` is (slice, side along y, row, x), x centred.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels._slice_kernels import enter, is_dark, n_states, pull_row, weigh_row
from scatterkit.simulation.kernels._tiles import LANES, fold_tile, product, unfold_tile

Array = NDArray[Any]
Scalar = Any
_BLOCK = 65536  # elements of a block of lines
_MOST_ROWS = 4


@numba.njit(cache=True, nogil=True)
def _rows_at_once(n_z: int, width: int) -> int:
    return max(1, min(_MOST_ROWS, _BLOCK // (4 * n_z * width)))


@numba.njit(cache=True, nogil=True)
def _row(box: Array, side: int, above: int) -> int:
    """Index of a row by its side of the middle and distance from it; behind the box where its extent is odd."""
    half = (box[1, 1] - box[1, 0] + 1) // 2
    return box[1, 0] + (half - 1 - above if side else half + above)


@numba.njit(cache=True, nogil=True)
def _copy(source: Array, target: Array) -> None:
    """In a loop of its own: assignment of slices would look for overlaps first."""
    for x in range(source.size):
        target[x] = source[x]


@numba.njit(cache=True, nogil=True)
def _load(volume: Array, box: Array, z: int, first: int, n: int, out: Array) -> None:
    """Copy n rows on either side of the middle, of a slice within the box, to the middle of (side, row, x)."""
    x0, x1 = box[2]
    start = out.shape[2] // 2 - (x1 - x0 + 1) // 2
    for side in range(2):
        for r in range(n):
            y = _row(box, side, first + r)
            if y < box[1, 1]:
                _copy(volume[box[0, 0] + z, y, x0:x1], out[side, r, start:])


@numba.njit(cache=True, nogil=True)
def _store(lines: Array, box: Array, first: int, n: int, volume: Array) -> None:
    """Transpose of _load, for all slices."""
    x0, x1 = box[2]
    start = lines.shape[3] // 2 - (x1 - x0 + 1) // 2
    for z in range(box[0, 1] - box[0, 0]):
        for side in range(2):
            for r in range(n):
                y = _row(box, side, first + r)
                if y < box[1, 1]:
                    _copy(lines[z, side, r, start : start + x1 - x0], volume[box[0, 0] + z, y, x0:])


@numba.njit(cache=True, nogil=True)
def _fold_lines(lines: Array, r: int, half_z: int, folded: Array, j: int, back: bool) -> None:
    """Fold a pair of rows about the middle along z, y and x into folded[..., j, :, :, :], or (back) unfold it."""
    _, _, at_once, width = lines.shape
    half_x, slice_size = width // 2, 2 * at_once * width
    pair_size = folded[0, 0].size
    parity_size = folded[0].size
    for n in range(half_z):
        middle = (half_z + n) * slice_size + r * width + half_x
        to_front = -(2 * n + 1) * slice_size
        target = n * pair_size + j * 2 * width
        for x in range(0, half_x, LANES):
            i, k, mirror = middle + x, target + x, -2 * x - LANES
            if back:
                unfold_tile(
                    lines, i, to_front, at_once * width, mirror, folded, k, parity_size, width, half_x
                )
            else:
                fold_tile(lines, i, to_front, at_once * width, mirror, folded, k, parity_size, width, half_x)


@numba.njit(cache=True, nogil=True)
def _project(projection: Array, folded: Array, half_z: int, out: Array, j: int) -> None:
    """From pairs of slices to modes, one pair of rows."""
    _, n_modes, n_pairs = projection.shape
    size = folded[0, 0].size
    stride = out.shape[2] * size
    for c in range(2):
        a, b = c * n_modes * n_pairs, c * half_z * size
        start = c * n_modes * stride + j * size
        product(projection, a, n_pairs, folded, b, size, half_z, n_modes, size, out, start, stride)


@numba.njit(cache=True, nogil=True)
def _unproject(projection: Array, modes: Array, j: int, folded: Array) -> None:
    """Transpose of _project; to whole tiles of pairs of slices."""
    _, n_pairs, n_modes = projection.shape
    size = folded[0, 0].size
    stride = modes.shape[2] * size
    n = folded.shape[1]
    for c in range(2):
        a, b = c * n_pairs * n_modes, c * modes.shape[1] * stride + j * size
        product(projection, a, n_modes, modes, b, stride, n_modes, n, size, folded, c * n * size, size)


@numba.njit(cache=True, nogil=True)
def fold_rows(
    volume: Array,
    box: Array,
    step: Scalar,
    n_halvings: int,
    treatment: int,
    rows: tuple[int, int],
    projection: Array,
    out: Array,
) -> None:
    """Attenuate and fold some pairs of a box's rows along z, y and x, and project them to depth modes.

    ``out`` is (parity z, mode, pair of rows, parity y, parity x, x half), with the pairs from the first to before
    the second of ``rows``, counted from the middle. ``projection`` is (parity z, mode, pair of slices); where it is
    empty the modes are the pairs of slices.
    """
    n_z, width = box[0, 1] - box[0, 0], 2 * out.shape[5]
    half_z = (n_z + 1) // 2
    at_once = _rows_at_once(n_z, width)
    lines = np.zeros((2 * half_z, 2, at_once, width), dtype=np.float32)
    material = np.zeros((2, at_once, width), dtype=np.float32)
    light = np.empty((n_states(treatment), material.size), dtype=np.float32)
    folded = np.zeros((2, half_z if projection.size > 0 else 0, 1, 2, 2, out.shape[5]), dtype=np.float32)
    for first in range(rows[0], rows[1], at_once):
        n = min(at_once, rows[1] - first)
        material[:] = 0
        enter(light)
        reached = 0
        while reached < n_z and not is_dark(light):
            _load(volume, box, reached, first, n, material)
            weigh_row(material.ravel(), light, step, n_halvings, treatment, lines[reached].ravel())
            reached += 1
        lines[reached:] = 0
        for r in range(n):
            j = first + r - rows[0]
            if projection.size > 0:
                _fold_lines(lines, r, half_z, folded, 0, False)
                _project(projection, folded, half_z, out, j)
            else:
                _fold_lines(lines, r, half_z, out, j, False)


@numba.njit(cache=True, nogil=True)
def _pull_lines(
    material: Array,
    n_z: int,
    step: Scalar,
    n_halvings: int,
    treatment: int,
    lights: Array,
    lines: Array,
) -> None:
    """Turn the gradient by attenuated lines into that by the material; ``lights`` is (n_z + 2, states, x)."""
    spare = lights[n_z + 1]
    enter(lights[0])
    for z in range(n_z):
        _copy(lights[z].ravel(), lights[z + 1].ravel())
        weigh_row(material[z].ravel(), lights[z + 1], step, n_halvings, treatment, spare[0])
    spare[:] = 0
    for z in range(n_z - 1, -1, -1):
        pull_row(material[z].ravel(), lights[z], step, n_halvings, treatment, spare, lines[z].ravel())


@numba.njit(cache=True, nogil=True)
def unfold_rows(
    modes: Array,
    rows: tuple[int, int],
    projection: Array,
    volume: Array,
    box: Array,
    step: Scalar,
    n_halvings: int,
    treatment: int,
    gradient: Array,
) -> None:
    """Transpose of fold_rows, absorption included: write the gradient by some rows of the volume.

    ``projection`` is (parity z, pair of slices, mode), the pairs of slices filled up to whole tiles.
    """
    n_z, width = box[0, 1] - box[0, 0], 2 * modes.shape[5]
    half_z = (n_z + 1) // 2
    at_once = _rows_at_once(2 * n_z, width)
    n_folded = (half_z + 3) // 4 * 4 if projection.size > 0 else 0
    folded = np.empty((2, n_folded, 1, 2, 2, modes.shape[5]), dtype=np.float32)
    lines = np.zeros((2 * half_z, 2, at_once, width), dtype=np.float32)
    material = np.empty(lines.shape, dtype=np.float32)
    lights = np.empty((n_z + 2, n_states(treatment), material[0].size), dtype=np.float32)
    for first in range(rows[0], rows[1], at_once):
        n = min(at_once, rows[1] - first)
        for r in range(n):
            j = first + r - rows[0]
            if projection.size > 0:
                _unproject(projection, modes, j, folded)
                _fold_lines(lines, r, half_z, folded, 0, True)
            else:
                _fold_lines(lines, r, half_z, modes, j, True)
        material[:] = 0
        for z in range(n_z):
            _load(volume, box, z, first, n, material[z])
        _pull_lines(material, n_z, step, n_halvings, treatment, lights, lines)
        _store(lines, box, first, n, gradient)
