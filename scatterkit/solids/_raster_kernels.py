"""Compiled loops of the binary rasterizer: columns of voxel centres through convex bodies and closed meshes.

All lengths are in voxels: the grid spans [0, n] along each axis and the centre of voxel i lies at i + 1/2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

# A centre this close to a face (in voxels) lies on it: faces through centres must not depend on rounding.
TIE = 1e-9


@njit(cache=True, nogil=True, error_model="numpy")
def _quadric_range(quadric: Any, px: float, py: float) -> tuple[float, float]:
    """Give the least and greatest z with p'Qp <= 1 at (px, py); in the wrong order if there is none."""
    half_b = quadric[2, 0] * px + quadric[2, 1] * py
    c = quadric[0, 0] * px * px + 2 * quadric[0, 1] * px * py + quadric[1, 1] * py * py - 1
    discriminant = half_b * half_b - quadric[2, 2] * c
    if discriminant < 0:
        return 1.0, -1.0
    root = math.sqrt(discriminant)
    return -(half_b + root) / quadric[2, 2], -(half_b - root) / quadric[2, 2]


@njit(cache=True, nogil=True, error_model="numpy")
def _planes_range(
    normals: Any, offsets: Any, x: float, y: float, enter: float, leave: float
) -> tuple[float, float]:
    """Narrow a range of z at (x, y) to where every n.r <= d."""
    for m in range(offsets.size):
        slack = offsets[m] - normals[m, 0] * x - normals[m, 1] * y
        if normals[m, 2] > TIE:
            leave = min(leave, slack / normals[m, 2])
        elif normals[m, 2] < -TIE:
            enter = max(enter, slack / normals[m, 2])
        elif slack < -TIE:
            return 1.0, -1.0
        if leave < enter - TIE:
            break
    return enter, leave


@njit(cache=True, nogil=True, error_model="numpy")
def convex_columns(
    volume: Any, normals: Any, offsets: Any, quadric: Any, center: Any, low: Any, high: Any
) -> None:
    """Set to 1 the voxels whose centre lies in {n.r <= d} and, where a quadric is given, in {p'Qp <= 1}.

    Each column is entered at the last of its entrances and left at the first of its exits, so that a
    body of K planes costs K operations per column and not per voxel. ``quadric`` is ``(3, 3)``, or
    ``(0, 0)`` for none; p = r - center; ``low`` and ``high`` bound the body (x, y, z).
    """
    nz, ny, nx = volume.shape
    left, right = max(0, int(low[0])), min(nx, int(high[0]) + 1)
    first, last = np.empty(nx, np.int64), np.empty(nx, np.int64)
    for j in range(max(0, int(low[1])), min(ny, int(high[1]) + 1)):
        lowest, highest = nz, -1
        for i in range(left, right):
            x, y = i + 0.5, j + 0.5
            enter, leave = low[2], high[2]
            if quadric.shape[0] == 3:
                enter, leave = _quadric_range(quadric, x - center[0], y - center[1])
                enter, leave = enter + center[2], leave + center[2]
            if leave >= enter:
                enter, leave = _planes_range(normals, offsets, x, y, enter, leave)
            first[i] = max(0, math.ceil(enter - 0.5 - TIE))
            last[i] = min(nz - 1, math.floor(leave - 0.5 + TIE))
            if first[i] <= last[i]:
                lowest, highest = min(lowest, first[i]), max(highest, last[i])
        for k in range(lowest, highest + 1):  # along the rows, as they lie in memory
            for i in range(left, right):
                if first[i] <= k <= last[i]:
                    volume[k, j, i] = 1


@njit(cache=True, nogil=True)
def triangles_by_row(triangles: Any, n_rows: int) -> tuple[Any, Any]:
    """Give (start, index): the triangles that touch row j are index[start[j]:start[j + 1]]."""
    start = np.zeros(n_rows + 1, np.int64)
    rows = np.empty((triangles.shape[0], 2), np.int64)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0, 1], triangles[t, 1, 1], triangles[t, 2, 1]
        rows[t, 0] = min(max(math.floor(min(a, b, c)), 0), n_rows - 1)
        rows[t, 1] = min(max(math.ceil(max(a, b, c)) - 1, rows[t, 0]), n_rows - 1)
        for j in range(rows[t, 0], rows[t, 1] + 1):
            start[j + 1] += 1
    start = np.cumsum(start)
    index = np.empty(start[-1], np.int64)
    filled = start[:-1].copy()
    for t in range(triangles.shape[0]):
        for j in range(rows[t, 0], rows[t, 1] + 1):
            index[filled[j]] = t
            filled[j] += 1
    return start, index


@njit(cache=True, nogil=True, error_model="numpy")
def _crossing(p: Any, q: Any, y: float) -> tuple[float, float]:
    """Give (x, z) where the edge p-q passes y; the same numbers for p-q and q-p."""
    if p[1] > q[1]:
        p, q = q, p
    share = (y - p[1]) / (q[1] - p[1])
    return p[0] + share * (q[0] - p[0]), p[2] + share * (q[2] - p[2])


@njit(cache=True, nogil=True, error_model="numpy")
def _cover_row(winding: Any, corners: Any, y: float) -> None:
    """Add a face's sign to the topmost centre below it, in each column of a row that it covers."""
    nz, nx = winding.shape
    crossed = False
    x_up = z_up = x_down = z_down = 0.0
    for e in range(3):
        p, q = corners[e], corners[(e + 1) % 3]
        if p[1] <= y < q[1]:
            x_up, z_up = _crossing(p, q, y)
            crossed = True
        elif q[1] <= y < p[1]:
            x_down, z_down = _crossing(p, q, y)
    if not crossed or x_up == x_down:
        return
    sign = 1 if x_up > x_down else -1  # counter-clockwise from above: a face that looks up
    x_left, x_right = min(x_up, x_down), max(x_up, x_down)
    z_low, z_high = min(z_up, z_down), max(z_up, z_down)
    slope = (z_up - z_down) / (x_up - x_down)
    for i in range(max(0, math.ceil(x_left - 0.5)), min(nx, math.ceil(x_right - 0.5))):
        z = min(max(z_down + (i + 0.5 - x_down) * slope, z_low), z_high)
        below = min(math.ceil(z - 0.5), nz)  # centres 0 .. below - 1 lie under the face
        if below > 0:
            winding[below - 1, i] += sign


@njit(cache=True, nogil=True)
def mesh_columns(volume: Any, triangles: Any, start: Any, index: Any) -> None:
    """Set to 1 the voxels whose centre lies in a closed mesh (winding number above zero).

    A row of centres crosses an edge where y0 <= y < y1. Each triangle that a row crosses has one edge
    going up and one going down, and covers the centres between them, half open. The neighbour beyond
    an edge finds the same crossing, bit by bit, so that no column gains or misses a surface, even
    where it hits an edge or a vertex.
    """
    nz, ny, nx = volume.shape
    winding = np.zeros((nz, nx), np.int32)
    for j in range(ny):
        if start[j] == start[j + 1]:
            continue
        winding[:] = 0
        for s in range(start[j], start[j + 1]):
            _cover_row(winding, triangles[index[s]], j + 0.5)
        for k in range(nz - 1, -1, -1):
            for i in range(nx):
                if k + 1 < nz:
                    winding[k, i] += winding[k + 1, i]
                if winding[k, i] > 0:
                    volume[k, j, i] = 1
