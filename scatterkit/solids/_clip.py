"""Bodies cut by a plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scatterkit.solids._mesh import Points, Triangles, directed_edges, section_loops
from scatterkit.solids._polygons import triangulate

ON_PLANE = 1e-12
"""Vertices within this fraction of the body's extent from the plane lie on it."""


def clip_convex(vertices: Points, faces: Triangles, normal: Points, offset: float) -> Points:
    """Give points whose hull is the part of a convex body where n.r <= d."""
    height = vertices @ normal - offset
    edges = directed_edges(faces)
    crossing = edges[(height[edges[:, 0]] < 0) & (height[edges[:, 1]] > 0)]
    return np.vstack([vertices[height <= 0], _crossings(vertices, height, crossing)])


def _crossings(vertices: Points, height: NDArray[np.float64], edges: NDArray[np.int64]) -> Points:
    below, above = height[edges[:, 0]], height[edges[:, 1]]
    share = (below / (below - above))[:, None]
    return (1 - share) * vertices[edges[:, 0]] + share * vertices[edges[:, 1]]


def clip_mesh(vertices: Points, faces: Triangles, normal: Points, offset: float) -> tuple[Points, Triangles]:
    """Give the closed surface of the part of any body where n.r <= d.

    Vertices on the plane count as above it, and as the place where the edges that end there cross it.
    """
    height = vertices @ normal - offset
    on_plane = np.abs(height) < ON_PLANE * float(np.ptp(vertices, axis=0).max())
    above = (height > 0) | on_plane
    edges = np.sort(directed_edges(faces), axis=1)
    crossed = np.unique(edges[above[edges[:, 0]] != above[edges[:, 1]]], axis=0)
    upper = np.where(above[crossed[:, 0]], crossed[:, 0], crossed[:, 1])
    targets = np.where(on_plane[upper], upper, len(vertices) + np.arange(len(crossed)))
    number = dict(zip(map(tuple, crossed.tolist()), targets.tolist(), strict=True))
    points = np.vstack([vertices, _crossings(vertices, height, crossed)])

    parts = faces[~above[faces].any(axis=1)].tolist()
    rim = []
    for face in faces[above[faces].any(axis=1) & ~above[faces].all(axis=1)].tolist():
        pieces, (start, end) = _part_below(face, above, number)
        parts += pieces
        rim += [(end, start)] if start != end else []  # the cap runs the other way round
    cap = triangulate(points, section_loops(np.array(rim)), normal)
    used, triangles = np.unique(np.vstack([np.array(parts), cap]), return_inverse=True)
    triangles = triangles.reshape(-1, 3).astype(np.int64)
    a, b, c = triangles.T
    return points[used], triangles[(a != b) & (b != c) & (c != a)]


def _part_below(
    face: list[int], above: NDArray[np.bool_], number: dict[tuple[int, int], int]
) -> tuple[list[tuple[int, int, int]], tuple[int, int]]:
    """Give the triangles of the part of a triangle below the plane, and its edge in the plane."""

    def crossing(a: int, b: int) -> int:
        return number[min(a, b), max(a, b)]

    flags = above[face]
    lone = int(
        np.flatnonzero(flags == (flags.sum() == 1))[0]
    )  # the corner alone on its side, turned to the front
    a, b, c = face[lone], face[lone - 2], face[lone - 1]
    ab, ca = crossing(a, b), crossing(c, a)
    if above[a]:
        return [(ab, b, c), (ab, c, ca)], (ca, ab)
    return [(a, ab, ca)], (ab, ca)
