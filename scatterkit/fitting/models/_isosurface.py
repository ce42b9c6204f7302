"""The surface where an occupancy is one half, as a closed mesh: marching tetrahedra.

Each cube of eight voxel centres is split into six tetrahedra around the diagonal from its first to its last corner;
neighbouring cubes split their common face alike, so that the surface is closed (A. Doi and A. Koide, IEICE Trans.
E74, 214 (1991)).
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from scatterkit.fitting._planes import Floats

NEAREST = 0.02
"""Corners of the surface keep this far from a voxel's centre, in edges of the tetrahedra: no triangle is a point."""


def level_surface(
    volume: NDArray[np.float32], box: float, level: float = 0.5
) -> tuple[Floats, NDArray[np.int64]]:
    """Give vertices (x, y, z) in nm and outward triangles of the surface where a cubic volume has a level."""
    padded = np.pad(volume.astype(np.float64), 1) - level
    padded[padded == 0] = 1e-9
    corners = _tetrahedra(padded > 0)
    signs = padded.ravel()[corners] > 0
    mixed = signs.any(axis=1) & ~signs.all(axis=1)
    edges = _triangles(corners[mixed], signs[mixed])
    if not len(edges):
        raise ValueError("An occupancy that is nowhere above one half has no surface.")
    ends, numbers = np.unique(np.sort(edges.reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    points, inside = _crossings(ends, padded, box / volume.shape[0])
    triangles = numbers.reshape(-1, 3)
    return points, _outward(points, triangles, inside)


def _tetrahedra(inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Numbers ``(m, 4)`` of the corners of the tetrahedra in the cubes that have corners inside and outside."""
    n = inside.shape[0]
    strides = (n * n, n, 1)
    blocks = sliding_window_view(inside, (2, 2, 2))
    mixed = blocks.any(axis=(3, 4, 5)) & ~blocks.all(axis=(3, 4, 5))
    first = np.arange(n**3).reshape(n, n, n)[:-1, :-1, :-1][mixed]
    walks = [np.cumsum([0, *(strides[axis] for axis in order)]) for order in permutations(range(3))]
    return np.concatenate([first[:, None] + walk for walk in walks])


def _triangles(corners: NDArray[np.int64], signs: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Triangles ``(m, 3, 2)``, each corner given by the edge of the grid that it lies on."""
    order = np.argsort(~signs, axis=1, kind="stable")  # corners inside first
    a, b, c, d = np.take_along_axis(corners, order, axis=1).T
    count = signs.sum(axis=1)
    found = []
    for number, cuts in (
        (1, [((a, b), (a, c), (a, d))]),
        (2, [((a, c), (a, d), (b, d)), ((a, c), (b, d), (b, c))]),
        (3, [((a, d), (b, d), (c, d))]),
    ):
        of = count == number
        found += [np.stack([np.stack([i[of], j[of]], axis=1) for i, j in cut], axis=1) for cut in cuts]
    return np.concatenate(found)


def _crossings(ends: NDArray[np.int64], values: Floats, step: float) -> tuple[Floats, Floats]:
    """Where the level is met on each edge, and the end of the edge that lies inside, in nm."""
    n = values.shape[0]
    places = np.stack(np.unravel_index(ends, values.shape), axis=-1)[..., ::-1]  # (x, y, z)
    first, second = values.ravel()[ends].T
    part = np.clip(first / (first - second), NEAREST, 1 - NEAREST)
    way = places[:, 1] - places[:, 0]
    middle = 0.5 * (n - 1)
    inside = np.where((first > 0)[:, None], places[:, 0], places[:, 1])
    return (places[:, 0] + part[:, None] * way - middle) * step, (inside - middle) * step


def _outward(points: Floats, triangles: NDArray[np.int64], inside: Floats) -> NDArray[np.int64]:
    """Turn each triangle away from the grid points inside that it was cut off from."""
    a, b, c = points[triangles].transpose(1, 0, 2)
    heart = inside[triangles].mean(axis=1)
    wrong = np.einsum("ij,ij->i", np.cross(b - a, c - a), a - heart) < 0
    return np.where(wrong[:, None], triangles[:, ::-1], triangles)
