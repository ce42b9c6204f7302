"""Faces of a convex body given by half-spaces: which there are, how large, which meet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import HalfspaceIntersection, QhullError

from scatterkit.fitting._planes import Floats

OUT_OF_REACH = 10.0
"""A half-space this many times as far away as the body's limit takes no part in it."""


class Faces(NamedTuple):
    """Area and centre of each half-space's face (zero where it has none), and the corners on it."""

    areas: Floats
    centres: Floats
    corners: list[NDArray[np.int64]]


def faces_of(normals: Floats, offsets: Floats, inside: Floats) -> Faces | None:
    """Give the faces of the body {r : normals @ r <= offsets} around a point inside it; None where there is none."""
    try:
        found = HalfspaceIntersection(np.column_stack([normals, -offsets]), inside)
    except (QhullError, ValueError):
        return None
    corners = found.intersections
    distances = np.abs(corners @ normals.T - offsets)
    scale = float(np.ptp(corners, axis=0).max())
    on_face = [np.flatnonzero(column < 1e-6 * scale) for column in distances.T]
    measured = [_area_and_centre(corners[on], normal) for on, normal in zip(on_face, normals, strict=True)]
    return Faces(np.array([area for area, _ in measured]), np.array([c for _, c in measured]), on_face)


def _area_and_centre(corners: Floats, normal: Floats) -> tuple[float, Floats]:
    """Area and centre of gravity of a convex polygon, its corners in any order."""
    if len(corners) < 3:
        return 0.0, np.zeros(3)
    middle = corners.mean(axis=0)
    first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    first /= np.linalg.norm(first)
    spokes = corners - middle
    order = np.argsort(np.arctan2(spokes @ np.cross(normal, first), spokes @ first))
    spokes = spokes[order]
    following = np.roll(spokes, -1, axis=0)
    areas = np.cross(spokes, following) @ normal / 2
    total = float(areas.sum())
    if total <= 0:
        return 0.0, np.zeros(3)
    return total, middle + areas @ (spokes + following) / (3 * total)


def mergeable_pairs(normals: Floats, faces: Faces, widest: float) -> list[tuple[int, int]]:
    """Give the pairs of lit faces that meet at an edge and differ by less than an angle, the flattest edge first."""
    lit = np.flatnonzero((faces.areas > 0) & (normals[:, 2] < 0))
    pairs = []
    for position, i in enumerate(lit):
        for j in lit[position + 1 :]:
            cosine = float(normals[i] @ normals[j])
            if cosine > np.cos(widest) and len(np.intersect1d(faces.corners[i], faces.corners[j])) >= 2:
                pairs.append((cosine, int(i), int(j)))
    return [(i, j) for _, i, j in sorted(pairs, reverse=True)]


def merged(
    normals: Floats, offsets: Floats, faces: Faces, i: int, j: int, limit: float
) -> tuple[Floats, Floats]:
    """Put one half-space in the place of two: their mean, weighted by area; the second one is moved out of reach."""
    weights = faces.areas[[i, j]] / faces.areas[[i, j]].sum()
    normal = weights @ normals[[i, j]]
    normal /= np.linalg.norm(normal)
    normals, offsets = normals.copy(), offsets.copy()
    normals[i], offsets[i] = normal, normal @ (weights @ faces.centres[[i, j]])
    offsets[j] = OUT_OF_REACH * limit
    return normals, offsets
