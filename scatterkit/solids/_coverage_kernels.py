"""Compiled loops of the exact coverage: signed prisms under triangles, clipped to voxels.

A closed mesh with outward faces is a signed sum of prisms: every triangle holds all that lies below it, with
the sign of its area as seen from above. Integrals over voxels of that sum are polygon integrals of a
linear height, so that they are exact, whatever the shape of the mesh. All lengths are in voxels; the grid
spans [0, n] along each axis.

Polygons live in the slots of one scratch array ``work[slot, corner, (x, y, z, another z)]`` and are named by
slot and number of corners. Helpers have their types written out: else each constant argument would compile
another copy of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

_CORNERS = 24  # room for the corners of a triangle after every clip done here
_COLUMNS = 4
_SPARE, _WASTE, _SLOTS = 3, 4, 5  # slots that _deposit works in, that nobody reads, their number
_SNAP = 1e-9  # rounding of a sum of prisms


@njit("Tuple((float64[:, :, ::1], float64[::1]))()", cache=True, nogil=True)
def _scratch() -> tuple[Any, Any]:
    """Give (work, distance): slots for polygons, and a number for each corner of one."""
    return np.zeros((_SLOTS, _CORNERS, _COLUMNS)), np.empty(_CORNERS)


@njit("int64(float64[:, :, ::1], int64, float64[:, :, ::1])", cache=True, nogil=True)
def _load(triangles: Any, t: int, work: Any) -> int:
    """Put a triangle into slot 0; give its number of corners."""
    for a in range(3):
        for c in range(3):
            work[0, a, c] = triangles[t, a, c]
    return 3


@njit("UniTuple(float64, 2)(float64[:, :, ::1], int64, int64, int64)", cache=True, nogil=True)
def _range(work: Any, slot: int, n: int, axis: int) -> tuple[float, float]:
    """Give the least and the greatest coordinate of a polygon along an axis."""
    low = high = work[slot, 0, axis]
    for a in range(1, n):
        low, high = min(low, work[slot, a, axis]), max(high, work[slot, a, axis])
    return low, high


@njit("void(float64[:, :, ::1], int64, int64, int64)", cache=True, nogil=True)
def _move(work: Any, source: int, n: int, target: int) -> None:
    """Copy a polygon from one slot to another."""
    for a in range(n):
        for c in range(_COLUMNS):
            work[target, a, c] = work[source, a, c]


@njit(
    "UniTuple(int64, 2)(float64[:, :, ::1], int64, int64, float64[::1], int64, int64)", cache=True, nogil=True
)
def _split(work: Any, source: int, n: int, distance: Any, above: int, below: int) -> tuple[int, int]:
    """Write the parts of a convex polygon where the distance, given at its corners, is >= 0 and <= 0."""
    n_above = n_below = 0
    for a in range(n):
        b = a + 1 if a + 1 < n else 0
        da, db = distance[a], distance[b]
        for c in range(_COLUMNS):
            work[above, n_above, c] = work[below, n_below, c] = work[source, a, c]
        n_above += da >= 0
        n_below += da <= 0
        if (da > 0 and db < 0) or (da < 0 and db > 0):
            share = da / (da - db)
            for c in range(_COLUMNS):
                value = work[source, a, c] + share * (work[source, b, c] - work[source, a, c])
                work[above, n_above, c] = work[below, n_below, c] = value
            n_above += 1
            n_below += 1
    return (n_above if n_above > 2 else 0), (n_below if n_below > 2 else 0)


@njit(
    "UniTuple(int64, 2)(float64[:, :, ::1], int64, int64, int64, float64, float64[::1], int64, int64)",
    cache=True,
    nogil=True,
)
def _split_axis(
    work: Any, source: int, n: int, axis: int, level: float, distance: Any, above: int, below: int
) -> tuple[int, int]:
    """Write the parts of a polygon above and below a level of a coordinate."""
    for a in range(n):
        distance[a] = work[source, a, axis] - level
    return _split(work, source, n, distance, above, below)


@njit("UniTuple(float64, 2)(float64[:, :, ::1], int64, int64)", cache=True, nogil=True)
def _moments(work: Any, slot: int, n: int) -> tuple[float, float]:
    """Give the signed area seen from above and the integral of z over it."""
    area = moment = 0.0
    x0, y0, z0 = work[slot, 0, 0], work[slot, 0, 1], work[slot, 0, 2]
    for a in range(1, n - 1):
        dx, dy = work[slot, a, 0] - x0, work[slot, a, 1] - y0
        cross = dx * (work[slot, a + 1, 1] - y0) - dy * (work[slot, a + 1, 0] - x0)
        area += cross
        moment += cross * (z0 + work[slot, a, 2] + work[slot, a + 1, 2])
    return area / 2, moment / 6


@njit("void(float64[:, ::1], int64, float64[:, :, ::1], int64, int64, float64[::1])", cache=True, nogil=True)
def _deposit(change: Any, i: int, work: Any, slot: int, n: int, distance: Any) -> None:
    """Add the prism under a polygon that lies within column i to ``change``.

    ``change[k]`` holds the coverage of voxel k less that of voxel k + 1: a prism that fills everything
    below it then costs as many operations as it has slices at its top.
    """
    area, above = _moments(work, slot, n)
    if area == 0:
        return
    spare = _SPARE
    z_low, z_high = _range(work, slot, n, 2)
    first = min(int(z_low), change.shape[0] - 1)
    last = min(max(math.ceil(z_high) - 1, first), change.shape[0] - 1)
    above -= first * area  # integral of (z - k)+ for k = first
    if first > 0:
        change[first - 1, i] += area
    for k in range(first, last + 1):
        higher = 0.0
        if z_high > k + 1:
            n, _ = _split_axis(work, slot, n, 2, k + 1.0, distance, spare, _WASTE)
            slot, spare = spare, slot
            if n > 0:
                area, moment = _moments(work, slot, n)
                higher = moment - (k + 1) * area
        change[k, i] += above - higher
        if k > 0:
            change[k - 1, i] -= above - higher
        above = higher
        if n == 0:
            break


@njit(
    "int64(float64[:, :, ::1], int64, int64, int64, float64[:, :, ::1], float64[::1])", cache=True, nogil=True
)
def _load_row(triangles: Any, t: int, j: int, n_columns: int, work: Any, distance: Any) -> int:
    """Put what of a triangle lies in row j of the grid, and above its bottom, into slot 0."""
    n = _load(triangles, t, work)
    for side in range(5):  # y, x and z from below, y and x from above
        axis = side if side < 3 else side - 3
        level = 0.0
        if axis == 1:
            level = j if side < 3 else j + 1.0
        elif side >= 3:
            level = n_columns
        low, high = _range(work, 0, n, axis)
        if (side < 3 and low < level) or (side >= 3 and high > level):
            n_above, n_below = _split_axis(work, 0, n, axis, level, distance, 1, 2)
            n = n_above if side < 3 else n_below
            _move(work, 1 if side < 3 else 2, n, 0)
            if n == 0:
                break
    return n


@njit(
    "void(float64[:, ::1], int64, float64[:, :, ::1], int64, float64[:, :, ::1], float64[::1])",
    cache=True,
    nogil=True,
)
def _deposit_row(change: Any, j: int, triangles: Any, t: int, work: Any, distance: Any) -> None:
    """Add the prism under one triangle, as far as it lies in row j."""
    n = _load_row(triangles, t, j, change.shape[1], work, distance)
    if n == 0:
        return
    low, high = _range(work, 0, n, 0)
    first = min(int(low), change.shape[1] - 1)
    last = max(math.ceil(high) - 1, first)
    strip, rest = 0, 1
    for i in range(first, last + 1):
        cell, n_cell = strip, n
        if i < last:
            cell = 2
            n, n_cell = _split_axis(work, strip, n, 0, i + 1.0, distance, rest, cell)
            strip, rest = rest, strip
        if n_cell > 0:
            _deposit(change, i, work, cell, n_cell, distance)
        if n == 0:
            break


@njit(cache=True, nogil=True)
def prism_coverage(volume: Any, triangles: Any, start: Any, index: Any) -> None:
    """Write the share of each voxel that a signed sum of prisms fills, row by row."""
    nz, ny, nx = volume.shape
    change = np.zeros((nz, nx))
    work, distance = _scratch()
    for j in range(ny):
        if start[j] == start[j + 1]:
            continue
        change[:] = 0
        for s in range(start[j], start[j + 1]):
            _deposit_row(change, j, triangles, index[s], work, distance)
        for k in range(nz - 1, -1, -1):
            for i in range(nx):
                if k + 1 < nz:
                    change[k, i] += change[k + 1, i]
                value = change[k, i]
                if value > 1 - _SNAP:
                    value = 1.0
                elif value < _SNAP:
                    value = 0.0
                volume[k, j, i] = value


@njit("float64(float64[:, :, ::1], int64)", cache=True, nogil=True)
def _double_area(triangles: Any, t: int) -> float:
    """Give twice the signed area of a triangle seen from above."""
    x0, y0 = triangles[t, 0, 0], triangles[t, 0, 1]
    return (triangles[t, 1, 0] - x0) * (triangles[t, 2, 1] - y0) - (triangles[t, 1, 1] - y0) * (
        triangles[t, 2, 0] - x0
    )


@njit("int64(float64[:, :, ::1], int64, float64, float64[:, :, ::1], float64[::1])", cache=True, nogil=True)
def _overlap(second: Any, t: int, double_area: float, work: Any, distance: Any) -> int:
    """Clip the triangle in slot 0 to triangle t, seen from above, and add t's height as a fourth column."""
    n = 3
    side = 1.0 if double_area > 0 else -1.0
    for e in range(3):
        px, py = second[t, e, 0], second[t, e, 1]
        f = e + 1 if e < 2 else 0
        dx, dy = second[t, f, 0] - px, second[t, f, 1] - py
        for m in range(n):
            distance[m] = side * (dx * (work[0, m, 1] - py) - dy * (work[0, m, 0] - px))
        n, _ = _split(work, 0, n, distance, 1, _WASTE)
        if n == 0:
            return 0
        _move(work, 1, n, 0)
    x0, y0, z0 = second[t, 0, 0], second[t, 0, 1], second[t, 0, 2]
    ux, uy, uz = second[t, 1, 0] - x0, second[t, 1, 1] - y0, second[t, 1, 2] - z0
    vx, vy, vz = second[t, 2, 0] - x0, second[t, 2, 1] - y0, second[t, 2, 2] - z0
    z_low, z_high = z0 + min(0.0, uz, vz), z0 + max(0.0, uz, vz)
    for m in range(n):
        dx, dy = work[0, m, 0] - x0, work[0, m, 1] - y0
        height = z0 + ((dx * vy - dy * vx) * uz + (ux * dy - uy * dx) * vz) / double_area
        work[0, m, 3] = min(max(height, z_low), z_high)
    return n


@njit(
    "int64(float64[:, :, ::1], int64, float64[:, :, ::1], int64, int64, int64, boolean)",
    cache=True,
    nogil=True,
)
def _emit(out: Any, count: int, work: Any, slot: int, n: int, height: int, flip: bool) -> int:
    """Append a polygon as a fan of triangles, turned over if asked."""
    for m in range(1, n - 1):
        for row in range(3):
            corner = 0 if row == 0 else (m + 1 if (row == 1) == flip else m)
            out[count, row, 0] = work[slot, corner, 0]
            out[count, row, 1] = work[slot, corner, 1]
            out[count, row, 2] = work[slot, corner, height]
        count += 1
    return count


@njit(
    "int64(float64[:, :, ::1], int64, float64[:, :, ::1], int64, boolean, float64[::1])",
    cache=True,
    nogil=True,
)
def _emit_lower(out: Any, count: int, work: Any, n: int, flip: bool, distance: Any) -> int:
    """Append what lies under both heights of the polygon (x, y, z on a, z on b) in slot 0.

    Where the heights cross, min(a, b) = a - (a - b)+ : a rounding error in where they cross is then only an
    error in the small a - b. The polygon runs as triangle a does, and ``flip`` says that b runs the other
    way: the product's sign is that of both.
    """
    a_below = b_below = False
    for m in range(n):
        distance[m] = work[0, m, 2] - work[0, m, 3]
        a_below |= distance[m] < 0
        b_below |= distance[m] > 0
    count = _emit(out, count, work, 0, n, 2 if a_below or not b_below else 3, flip)
    if a_below and b_below:
        n, _ = _split(work, 0, n, distance, 1, _WASTE)
        count = _emit(out, count, work, 1, n, 2, not flip)
        count = _emit(out, count, work, 1, n, 3, flip)
    return count


@njit("UniTuple(int64, 2)(float64[:, :, ::1], int64, float64[::1], int64, int64)", cache=True, nogil=True)
def _bins_of(triangles: Any, t: int, frame: Any, axis: int, n_bins: int) -> tuple[int, int]:
    """Give the first and last bin that a triangle touches along an axis; frame: (x0, y0, width of a bin)."""
    a, b, c = triangles[t, 0, axis], triangles[t, 1, axis], triangles[t, 2, axis]
    first = int((min(a, b, c) - frame[axis]) / frame[2])
    last = int((max(a, b, c) - frame[axis]) / frame[2])
    return min(max(first, 0), n_bins - 1), min(max(last, 0), n_bins - 1)


@njit("Tuple((int64[::1], int64[::1]))(float64[:, :, ::1], float64[::1], int64)", cache=True, nogil=True)
def _triangles_by_bin(triangles: Any, frame: Any, n_bins: int) -> tuple[Any, Any]:
    """Give (start, index) of the triangles that touch each bin of a square lateral grid."""
    start = np.zeros(
        n_bins * n_bins + 2, np.int64
    )  # counted two places on: filling then moves each start by one
    index = np.empty(0, np.int64)
    for filling in (False, True):
        for t in range(triangles.shape[0]):
            i0, i1 = _bins_of(triangles, t, frame, 0, n_bins)
            j0, j1 = _bins_of(triangles, t, frame, 1, n_bins)
            for j in range(j0, j1 + 1):
                for i in range(i0, i1 + 1):
                    cell = j * n_bins + i
                    if filling:
                        index[start[cell + 1]] = t
                        start[cell + 1] += 1
                    else:
                        start[cell + 2] += 1
        if not filling:
            for cell in range(start.size - 1):
                start[cell + 1] += start[cell]
            index = np.empty(start[-1], np.int64)
    return start, index


@njit("float64[:, :, ::1](float64[:, :, ::1], int64, int64)", cache=True, nogil=True)
def _grown(out: Any, count: int, needed: int) -> Any:
    """Give an array with room for some more rows, the same one if it has it."""
    if count + needed <= out.shape[0]:
        return out
    larger = np.empty((2 * out.shape[0] + needed, 3, 3))
    for t in range(count):
        for a in range(3):
            for c in range(3):
                larger[t, a, c] = out[t, a, c]  # a loop: slices compile ten times longer
    return larger


@njit(cache=True, nogil=True)
def prism_product(first: Any, second: Any, frame: Any, n_bins: int) -> Any:
    """Give the triangles whose signed prisms sum to the product of two such sums: the common part.

    Two prisms share the prism over the overlap of their triangles, under the lower of the two. This
    is exact for any two meshes, and continuous in their corners: touching and coinciding faces do no harm.
    Pairs are found in a lateral grid of bins: ``frame`` is (x0, y0, width of a bin).
    """
    start, index = _triangles_by_bin(second, frame, n_bins)
    work, distance = _scratch()
    out = np.empty((max(first.shape[0], 64), 3, 3))
    count = 0
    for s in range(first.shape[0]):
        i0, i1 = _bins_of(first, s, frame, 0, n_bins)
        j0, j1 = _bins_of(first, s, frame, 1, n_bins)
        for cell in range((i1 - i0 + 1) * (j1 - j0 + 1)):
            j, i = j0 + cell // (i1 - i0 + 1), i0 + cell % (i1 - i0 + 1)
            for place in range(start[j * n_bins + i], start[j * n_bins + i + 1]):
                t = index[place]
                if max(_bins_of(second, t, frame, 0, n_bins)[0], i0) != i:
                    continue  # this pair is met in another bin
                if max(_bins_of(second, t, frame, 1, n_bins)[0], j0) != j:
                    continue
                area = _double_area(second, t)
                if area == 0:
                    continue
                _load(first, s, work)
                n = _overlap(second, t, area, work, distance)
                if n > 0:
                    out = _grown(out, count, 3 * _CORNERS)
                    count = _emit_lower(out, count, work, n, area < 0, distance)
    return out[:count]
