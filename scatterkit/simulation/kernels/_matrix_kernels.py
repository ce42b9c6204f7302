"""Compiled loops of the matrix kernel: from depth modes to the sums of one quadrant of the detector, and back.

``modes`` is (parity z, mode, pair of rows, parity y, parity x, x half), ``sums`` (parity z, parity x, parity y,
|q_y|, |q_x|) and ``phases`` (parity z, mode, |q_y|, |q_x|). Rows of |q_y| are filled up to whole tiles, columns to
whole vectors. ``lateral_y`` is (parity, |q_y|, y half) and ``lateral_x`` (parity, x half, |q_x|); where ``nodes``,
(y or x, |q_y|, |q_x|), is not empty, they give the transform at nodes, from which ``windows``, (y or x, |q_y|,
|q_x|, offset), interpolate to the pixels.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels._tiles import LANES, PANEL, ROWS, product, weighted_rows

Array = NDArray[Any]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _add_interpolated(
    transform: Array, nodes: Array, windows: Array, phases: Array, seen: Array, sums: Array
) -> None:
    """Add pixels, interpolated from the nodes, times their phases."""
    for y in range(nodes.shape[1]):
        for x in range(min(nodes.shape[2], seen[y // ROWS])):
            i_y, i_x = nodes[0, y, x], nodes[1, y, x]
            total = np.float32(0)
            for j in range(windows.shape[3]):
                part = np.float32(0)
                for i in range(windows.shape[3]):
                    part += windows[1, y, x, i] * transform[i_y + j, i_x + i]
                total += windows[0, y, x, j] * part
            sums[y, x] += phases[y, x] * total


@numba.njit(cache=True, nogil=True, fastmath=True)
def _spread_interpolated(
    sums: Array, nodes: Array, windows: Array, phases: Array, seen: Array, transform: Array
) -> None:
    """Transpose of _add_interpolated."""
    transform[:] = 0
    for y in range(nodes.shape[1]):
        for x in range(min(nodes.shape[2], seen[y // ROWS])):
            i_y, i_x = nodes[0, y, x], nodes[1, y, x]
            value = phases[y, x] * sums[y, x]
            for j in range(windows.shape[3]):
                part = windows[0, y, x, j] * value
                for i in range(windows.shape[3]):
                    transform[i_y + j, i_x + i] += windows[1, y, x, i] * part


@numba.njit(cache=True, nogil=True, fastmath=True)
def _weigh(sums: Array, phases: Array, seen: Array, out: Array) -> None:
    """Sums times phases where they are seen."""
    for tile in range(seen.size):
        for y in range(tile * ROWS, (tile + 1) * ROWS):
            for x in range(seen[tile]):
                out[y, x] = sums[y, x] * phases[y, x]


@numba.njit(cache=True, nogil=True)
def add_sums(
    modes: Array,
    rows: tuple[int, int],
    n_x: int,
    lateral_y: Array,
    lateral_x: Array,
    phases: Array,
    seen: Array,
    nodes: Array,
    windows: Array,
    sums: Array,
) -> None:
    """Transform modes along x and y and add them up, each with its phases.

    ``modes`` has the pairs of rows from the first to before the second of ``rows``, counted from the body's middle;
    ``n_x`` is the body's half width. ``seen`` says how many columns each tile of rows of |q_y| needs.
    """
    room, width = modes.shape[2], modes.shape[5]
    q_y, n_y = lateral_y.shape[1:]
    in_table, q_x = lateral_x.shape[1:]
    first, n = rows[0], rows[1] - rows[0]
    by_x = np.empty((room, 2, q_x), dtype=np.float32)
    by_xy = np.empty((q_y if nodes.size > 0 else 0, q_x), dtype=np.float32)
    for c in range(2):
        for m in range(min(modes.shape[1], phases.shape[1])):
            at_phases = (c * phases.shape[1] + m) * q_y * q_x
            for a in range(2):
                source = (4 * (c * modes.shape[1] + m) * room + a) * width
                table = a * in_table * q_x
                product(modes, source, 2 * width, lateral_x, table, q_x, n_x, 2 * n, q_x, by_x, 0, q_x)
                for b in range(2):
                    table = b * q_y * n_y + first
                    if nodes.size > 0:
                        product(lateral_y, table, n_y, by_x, b * q_x, 2 * q_x, n, q_y, q_x, by_xy, 0, q_x)
                        _add_interpolated(by_xy, nodes, windows, phases[c, m], seen, sums[c, a, b])
                        continue
                    at_sums = ((c * 2 + a) * 2 + b) * q_y * q_x
                    for tile in range(seen.size):
                        i = tile * ROWS * q_x
                        weighted_rows(
                            lateral_y,
                            table + tile * ROWS * n_y,
                            n_y,
                            by_x,
                            b * q_x,
                            2 * q_x,
                            n,
                            seen[tile],
                            phases,
                            at_phases + i,
                            sums,
                            at_sums + i,
                            q_x,
                        )


@numba.njit(cache=True, nogil=True)
def _heights(seen: Array, q_x: int) -> Array:
    """How many rows of |q_y| each panel of columns needs."""
    heights = np.zeros((q_x + PANEL - 1) // PANEL, dtype=np.int64)
    for panel in range(heights.size):
        for tile in range(seen.size):
            if seen[tile] > panel * PANEL:
                heights[panel] = (tile + 1) * ROWS
    return heights


@numba.njit(cache=True, nogil=True)
def spread_sums(
    sums: Array,
    rows: tuple[int, int],
    n_x: int,
    lateral_y: Array,
    lateral_x: Array,
    phases: Array,
    seen: Array,
    nodes: Array,
    windows: Array,
    modes: Array,
) -> None:
    """Transpose of add_sums; ``lateral_y`` is (parity, y half, |q_y|) and ``lateral_x`` (parity, |q_x|, x half)."""
    room, width = modes.shape[2], modes.shape[5]
    n_y, q_y = lateral_y.shape[1:]
    in_table = lateral_x.shape[2]
    q_x = (lateral_x.shape[1] + LANES - 1) // LANES * LANES
    first, n = rows[0], rows[1] - rows[0]
    heights = _heights(seen, q_x)
    if nodes.size > 0:
        heights[:] = q_y
    by_x = np.empty(((n + ROWS - 1) // ROWS * ROWS, 2, q_x), dtype=np.float32)
    weighted = np.zeros((q_y, q_x), dtype=np.float32)  # beyond what is seen it stays zero
    for c in range(2):
        for m in range(min(modes.shape[1], phases.shape[1])):
            for a in range(2):
                for b in range(2):
                    if nodes.size > 0:
                        _spread_interpolated(sums[c, a, b], nodes, windows, phases[c, m], seen, weighted)
                    else:
                        _weigh(sums[c, a, b], phases[c, m], seen, weighted)
                    table = (b * n_y + first) * q_y
                    for panel in range(heights.size):
                        x = panel * PANEL
                        product(
                            lateral_y,
                            table,
                            q_y,
                            weighted,
                            x,
                            q_x,
                            heights[panel],
                            n,
                            min(PANEL, q_x - x),
                            by_x,
                            b * q_x + x,
                            2 * q_x,
                        )
                k, table = lateral_x.shape[1], a * lateral_x.shape[1] * in_table
                target = (4 * (c * modes.shape[1] + m) * room + a) * width
                product(by_x, 0, q_x, lateral_x, table, in_table, k, 2 * n, n_x, modes, target, 2 * width)
