"""A convex polyhedron as the beam meets it: columns of material between an entrance and an exit face."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scatterkit.solids import Solid

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_EDGE_ON = 1e-13
"""A face whose normal has no larger z component is parallel to the beam: it is neither entered nor left."""


_STRAIGHT = 1e-14
"""Turns of an outline with no larger cross product, relative to its extent squared, are rounding errors."""


class Facets(NamedTuple):
    """Triangles seen along the beam: corners, their numbers in each triangle, twice the projected areas."""

    points: Floats
    triangles: Integers
    double_areas: Floats


class Side(NamedTuple):
    """The faces on one side of a body, seen along z: corners (x, y) of face i from start[i] to start[i + 1]."""

    corners: Floats
    start: Integers
    planes: Floats


def columns(body: Solid) -> tuple[Facets, Facets]:
    """Cut a convex body into triangular columns along z.

    Parameters
    ----------
    body : Solid
        A convex body.

    Returns
    -------
    columns : Facets
        Points (x, y, z at the entrance, z at the exit).
    entrance : Facets
        Points (x, y, z) of the entrance faces alone.
    """
    from scatterkit.simulation._polyhedron_kernels import overlaps

    front, front_side = _side(body, -1)
    _, back_side = _side(body, +1)
    return _facets(overlaps(*front_side, *back_side)), front


def _side(body: Solid, sign: int) -> tuple[Facets, Side]:
    """Give the faces that look towards +z or -z."""
    normals, offsets, members = body._plane_faces
    corners, planes, triangles = [], [], []
    for normal, offset, member in zip(normals, offsets, members, strict=True):
        if sign * normal[2] <= _EDGE_ON:
            continue
        points = body.vertices[member]
        points = points[_outline(points[:, :2])]
        if len(points) < 3:  # seen from its edge
            continue
        z = points[:, 2]
        corners.append(points[:, :2])
        planes.append((*(-normal[:2] / normal[2]), offset / normal[2], z.min(), z.max()))
        triangles += [points[[0, m, m + 1]] for m in range(1, len(points) - 1)]
    start = np.cumsum([0, *(len(polygon) for polygon in corners)])
    return _facets(np.array(triangles)), Side(np.concatenate(corners), start, np.array(planes))


def _outline(points: Floats) -> list[int]:
    """Numbers of the corners of the convex hull of points (x, y), counter-clockwise; those on its edges are left out.

    Corners that nearly coincide may lie in any order, and an edge between two of them point anywhere: of those only the
    outer ones stay, so that every edge has all others on its left (Andrew, Inf. Process. Lett. 9, 216, 1979).
    """
    least = _STRAIGHT * float(np.ptp(points, axis=0).max()) ** 2
    x, y = points.T.tolist()
    order = np.lexsort(points.T[::-1]).tolist()
    hull: list[int] = []
    for numbers in (order, order[::-1]):
        chain: list[int] = []
        for c in numbers:
            while len(chain) > 1:
                a, b = chain[-2:]
                if (x[b] - x[a]) * (y[c] - y[a]) - (y[b] - y[a]) * (x[c] - x[a]) > least:
                    break
                chain.pop()
            chain.append(c)
        hull += chain[:-1]
    return hull


def _facets(triangles: Floats) -> Facets:
    """Number the corners of triangles (n, 3, ...), equal ones alike, and leave out those without area."""
    a, b, c = np.moveaxis(triangles[:, :, :2], 1, 0)
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    areas = ux * vy - uy * vx
    triangles, areas = triangles[areas > 0], areas[areas > 0]
    points = triangles.reshape(-1, triangles.shape[2])
    grid = 1e-13 * max(float(np.abs(points).max()), float(np.ptp(points[:, :2])))
    _, first, number = np.unique(np.rint(points / grid), axis=0, return_index=True, return_inverse=True)
    return Facets(np.ascontiguousarray(points[first]), number.reshape(-1, 3).astype(np.int64), areas)
