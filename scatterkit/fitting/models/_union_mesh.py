"""The surface of a union of convex bodies: each face less what lies inside the other bodies, as one closed mesh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from scatterkit._validation import InvalidParameterError
from scatterkit.fitting._planes import Floats
from scatterkit.solids import Solid

TIE = 1e-7
"""Where faces of two bodies lie in one plane, the first body's counts: the others are cut this much outside it.

In units of the extent, as are the lengths below.
"""

SAME = 1e-6
"""Points this near one another are one corner; a corner this near an edge lies on it."""


def union_solid(bodies: Sequence[Solid]) -> Solid | None:
    """Give the union of convex bodies, None where rounding leaves its surface open (bodies that only just touch)."""
    extent = float(np.ptp(np.vstack([body.bounds for body in bodies]), axis=0).max())
    planes = [(np.asarray(body.normals), np.asarray(body.offsets)) for body in bodies]
    polygons = []
    for i, body in enumerate(bodies):
        others = [(n, d + (TIE if j < i else -TIE) * extent) for j, (n, d) in enumerate(planes) if j != i]
        for polygon in _polygons(body, extent):
            pieces = [polygon]
            for normals, offsets in others:
                pieces = [rest for piece in pieces for rest in _outside(piece, normals, offsets, extent)]
            polygons += pieces
    union = Solid(*_mesh(polygons, SAME * extent))
    volumes = [body.volume for body in bodies]
    try:
        whole = max(volumes) * (1 - 1e-6) <= union.volume <= sum(volumes) * (1 + 1e-6)
    except InvalidParameterError:
        return None
    return union if whole else None


def _polygons(body: Solid, extent: float) -> list[Floats]:
    """The faces of a convex body, corners counter-clockwise as seen from outside."""
    corners = np.asarray(body.vertices)
    polygons = []
    for normal, offset in zip(body.normals, body.offsets, strict=True):
        on = corners[np.abs(corners @ normal - offset) < SAME * extent]
        spokes = on - on.mean(axis=0)
        first = spokes[0] / np.linalg.norm(spokes[0])
        order = np.argsort(np.arctan2(spokes @ np.cross(normal, first), spokes @ first))
        polygons.append(on[order])
    return polygons


def _outside(polygon: Floats, normals: Floats, offsets: Floats, extent: float) -> list[Floats]:
    """Give the convex parts of a convex polygon that lie outside a convex body."""
    parts, rest = [], polygon
    for normal, offset in zip(normals, offsets, strict=True):
        heights = rest @ normal - offset
        heights[np.abs(heights) < 1e-3 * TIE * extent] = 0.0
        if (heights <= 0).all():
            continue
        if (heights >= 0).all():
            return [polygon]  # nothing of it lies inside
        parts.append(_clipped(rest, heights))
        rest = _clipped(rest, -heights)
    return parts


def _clipped(polygon: Floats, heights: Floats) -> Floats:
    """Give the part of a convex polygon where the heights of its corners are not negative."""
    points = []
    for k in range(len(polygon)):
        here, there = heights[k - 1], heights[k]
        if here * there < 0:
            points.append(polygon[k - 1] + here / (here - there) * (polygon[k] - polygon[k - 1]))
        if there >= 0:
            points.append(polygon[k])
    return np.array(points)


def _mesh(polygons: list[Floats], tolerance: float) -> tuple[Floats, NDArray[np.int64]]:
    """Make one mesh of polygons, whose corners may lie on the edges of their neighbours."""
    points, numbers = _welded(np.vstack(polygons), tolerance)
    triangles: list[tuple[int, int, int]] = []
    centres: list[Floats] = []
    for ring in np.split(numbers, np.cumsum([len(polygon) for polygon in polygons])[:-1]):
        loop = _with_corners_on_edges(_distinct(ring), points, tolerance)
        if len(loop) == 3:
            triangles.append((loop[0], loop[1], loop[2]))
        elif len(loop) > 3:  # a fan around the middle: corners of the loop may lie in a line
            centre = len(points) + len(centres)
            centres.append(points[loop].mean(axis=0))
            triangles += [(centre, loop[k - 1], loop[k]) for k in range(len(loop))]
    return np.vstack([points, *centres]), np.array(triangles, np.int64)


def _welded(points: Floats, tolerance: float) -> tuple[Floats, NDArray[np.int64]]:
    """Give the distinct points, and which of them each point is."""
    groups = cKDTree(points).query_ball_point(points, tolerance)
    _, kept, numbers = np.unique([min(group) for group in groups], return_index=True, return_inverse=True)
    return points[kept], numbers


def _distinct(ring: NDArray[np.int64]) -> NDArray[np.int64]:
    """A ring of corners without repeated neighbours."""
    return ring[ring != np.roll(ring, 1)]


def _with_corners_on_edges(ring: NDArray[np.int64], points: Floats, tolerance: float) -> list[int]:
    """Put the corners of other polygons that lie on a ring's edges between their ends."""
    if len(ring) < 3:
        return []
    loop: list[int] = []
    for start, end in zip(ring, np.roll(ring, -1), strict=True):
        way = points[end] - points[start]
        along = (points - points[start]) @ way / (way @ way)
        aside = np.linalg.norm(points - points[start] - along[:, None] * way, axis=1)
        on = np.flatnonzero((aside < tolerance) & (along > 0) & (along < 1))
        on = on[(on != start) & (on != end)]
        loop += [int(start), *map(int, on[np.argsort(along[on])])]
    return loop
