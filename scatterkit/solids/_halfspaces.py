"""Convex bodies as half-spaces ``n.r <= d``, and back to vertices."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError

from scatterkit._validation import check_array, fail, shown
from scatterkit.solids._mesh import Points, Triangles, area_vectors, consistent, flat_patches, volume

COPLANAR = 1e-6
"""Triangles within this fraction of the extent from one plane are one face (float32 rounds at 1e-7)."""

WELL_INSIDE = 1e-3
"""A point is well inside if no plane is nearer than this fraction of the others' distance."""


def check_direction(value: ArrayLike, *, name: str, owner: str) -> Points:
    """Give a unit vector (x, y, z), or raise."""
    vector = check_array(
        value, name=name, owner=owner, shape=(3,), dtype=np.float64, what="a direction (x, y, z)"
    )
    length = float(np.linalg.norm(vector))
    if length == 0:
        raise fail(name, owner, "a direction (x, y, z) of non-zero length", shown(vector))
    return vector / length


def hull_mesh(points: Points, *, owner: str = "Solid") -> tuple[Points, Triangles]:
    """Give the vertices and outward triangles of the convex hull of points, ``(m, 3)``."""
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError) as error:
        raise fail("points", owner, "points that span a body of positive volume", shown(points)) from error
    used, triangles = np.unique(hull.simplices, return_inverse=True)
    vertices, triangles = points[used], triangles.reshape(-1, 3).astype(np.int64)
    outward = np.einsum("ij,ij->i", area_vectors(vertices, triangles), hull.equations[:, :3]) > 0
    triangles = consistent(np.where(outward[:, None], triangles, triangles[:, ::-1]), owner)  # slivers err
    return vertices, triangles if volume(vertices, triangles) > 0 else triangles[:, ::-1]


def hull_volume(points: Points) -> float:
    """Give the volume of the convex hull of points."""
    return float(ConvexHull(points).volume)


def merged_faces(
    vertices: Points, triangles: Triangles
) -> tuple[Points, NDArray[np.float64], list[NDArray[np.int64]]]:
    """Give unit normals, offsets and vertex numbers of the faces, triangles of one plane merged."""
    patch = flat_patches(vertices, triangles, COPLANAR * float(np.ptp(vertices, axis=0).max()))
    areas = area_vectors(vertices, triangles)
    sums = np.stack([np.bincount(patch, weights=areas[:, axis]) for axis in range(3)], axis=1)
    lengths = np.linalg.norm(sums, axis=1)
    keep = np.flatnonzero(lengths > 1e-12 * lengths.max())
    normals = sums[keep] / lengths[keep, None]
    order = np.argsort(patch, kind="stable")
    groups = np.split(triangles[order], np.cumsum(np.bincount(patch))[:-1])
    members = [np.unique(groups[number]) for number in keep]
    pairs = zip(normals, members, strict=True)
    offsets = np.array([(vertices[member] @ normal).max() for normal, member in pairs])
    return normals, offsets, members


def halfspace_points(normals: ArrayLike, offsets: ArrayLike, *, owner: str) -> Points:
    """Give the corners of {r : n.r <= d for all}, or raise where that is empty, flat or unbounded."""
    raw = check_array(normals, name="normals", owner=owner, shape=(None, 3), dtype=np.float64)
    distances = check_array(offsets, name="offsets", owner=owner, shape=(len(raw),), dtype=np.float64)
    lengths = np.linalg.norm(raw, axis=1)
    if not lengths.all():
        raise fail("normals", owner, "directions of non-zero length", "a zero vector")
    planes, distances = raw / lengths[:, None], distances / lengths
    corners = _corners_around_origin(planes, distances)
    if corners is None:
        inside = _deepest_point(planes, distances, owner)
        corners = HalfspaceIntersection(np.column_stack([planes, -distances]), inside).intersections
    return corners[np.isfinite(corners).all(axis=1)]


def _corners_around_origin(planes: Points, distances: NDArray[np.float64]) -> Points | None:
    """Give the corners of a bounded body with the origin well inside, None of any other one.

    The points n / d span the polar body: each of its faces m.p <= e is a corner m / e, if it holds the origin.
    """
    if distances.min() <= WELL_INSIDE * np.median(distances):
        return None
    try:
        polar = ConvexHull(planes / distances[:, None])
    except (QhullError, ValueError):
        return None
    outward, beyond = polar.equations[:, :3], polar.equations[:, 3]
    if beyond.max() > -WELL_INSIDE * np.abs(beyond).max():
        return None
    return -outward / beyond[:, None]


def _deepest_point(planes: Points, distances: NDArray[np.float64], owner: str) -> Points:
    """Give the centre of the largest inscribed ball (Chebyshev centre), by linear programming."""
    span = float(np.abs(distances).max()) or 1.0
    # an unbounded body may still have a largest ball (a prism), so ask for its extent first
    for axis in np.vstack([np.eye(3), -np.eye(3)]):
        reach = linprog(-axis, A_ub=planes, b_ub=distances / span, bounds=(None, None))
        if reach.status == 3:
            raise fail("normals", owner, "half-spaces that enclose a bounded body", "an unbounded body")
        if reach.status == 2:
            raise fail("offsets", owner, "half-spaces n.r <= d with a common interior", "an empty body")
    ball = linprog(
        [0, 0, 0, -1],
        A_ub=np.column_stack([planes, np.ones(len(planes))]),
        b_ub=distances / span,
        bounds=[(None, None)] * 3 + [(0, None)],
    )
    if ball.status != 0 or ball.x[3] <= 1e-9:
        raise fail("offsets", owner, "half-spaces n.r <= d with a common interior", "an empty or flat body")
    return ball.x[:3] * span
