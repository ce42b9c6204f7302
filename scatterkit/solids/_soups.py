"""Triangle soups: bodies as signed sums of prisms, in voxel units, for the exact coverage.

A soup is an array ``(n, 3, 3)`` of triangles (corner, xyz). It stands for a function of space: each triangle
adds 1 to every point below it if it is counter-clockwise seen from above, else -1. The outward faces of a
closed body sum to 1 inside it and 0 outside, and vertical faces add nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.solids._coordinates import icosahedron
from scatterkit.solids._halfspaces import hull_mesh

Soup = NDArray[np.float64]
_SMALL_TRIANGLES = 0.072
_NO_WIDTH = 1e-12
_VERTICAL = 1e-9  # a plane whose unit normal's z is smaller bounds a body laterally


@dataclass(frozen=True)
class Part:
    """A soup whose function is zero outside a box of corners ``bounds[0]`` and ``bounds[1]``."""

    soup: Soup
    bounds: NDArray[np.float64]


@lru_cache(maxsize=4)
def unit_sphere(frequency: int) -> Soup:
    """Give a geodesic sphere of 20 frequency^2 triangles that has the ball's volume, locally too.

    A triangle of edges a, b, c with its corners on the unit sphere lies (a^2 + b^2 + c^2) / 24 below it
    in the mean. The corners are raised by that, so that what is lost at its middle is gained around them.
    """
    corners, triangles = hull_mesh(icosahedron())
    faces = corners[triangles]

    weights, triangles = _subdivided(frequency)
    points = np.einsum("ve,fex->fvx", weights, faces)
    points /= np.linalg.norm(points, axis=-1, keepdims=True)
    corners = points[0][triangles]  # the twenty faces are alike
    missing = ((corners - np.roll(corners, 1, axis=1)) ** 2).sum(axis=(1, 2)) / 24
    weight = np.bincount(triangles.ravel(), minlength=len(weights))
    points *= 1 + np.bincount(triangles.ravel(), np.repeat(missing, 3))[:, None] / weight[:, None]
    sphere = points[:, triangles].reshape(-1, 3, 3)
    sphere *= np.cbrt(8 * math.pi / np.linalg.det(sphere).sum())
    sphere.setflags(write=False)
    return sphere


def _subdivided(frequency: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give a triangle cut into frequency^2 alike: barycentric weights of the points, corners by index."""
    i, j = (index.ravel() for index in np.indices((frequency + 1, frequency + 1)))
    inside = i + j <= frequency
    number = np.cumsum(inside) - 1
    weights = np.stack([frequency - i - j, i, j], axis=1)[inside] / frequency
    here, right, up = np.arange(len(i)), np.arange(len(i)) + frequency + 1, np.arange(len(i)) + 1
    upward = np.stack([here, right, up], axis=1)[i + j < frequency]
    downward = np.stack([right + 1, up, right], axis=1)[i + j < frequency - 1]
    return weights, number[np.concatenate([upward, downward])]


def sphere_frequency(radius: float, tolerance: float) -> int:
    """Give the frequency at which no voxel's coverage is wrong by more than the tolerance.

    ``radius`` is the largest semi-axis in voxels. Triangles much larger than a voxel: their corners stand
    out of the unit sphere by 3/8 c^2, where their circumradius c is 0.764 / frequency at most, and the
    surface in a voxel has an area of about sqrt(2). Smaller ones: corners and middles cancel in each voxel,
    and the error falls by the square of their size as well. The factor of that is measured: spheres and
    cut ellipsoids of 2 to 55 voxels, at tolerances of 1e-4 to 1e-2, stayed within 0.75 of the tolerance.
    """
    large = math.sqrt(0.31 * radius / tolerance)
    small = (_SMALL_TRIANGLES * radius**3 / tolerance) ** 0.25
    step = 4  # few different frequencies, so that the cached spheres are used again
    return step * max(1, math.ceil(min(large, small) / step))


def ellipsoid_part(
    matrix: NDArray[Any],
    center: NDArray[Any],
    normals: NDArray[Any],
    offsets: NDArray[Any],
    tolerance: float,
) -> Part:
    """Give an ellipsoid, the image of the unit ball, cut by half-spaces; all in voxels."""
    frequency = sphere_frequency(float(np.linalg.norm(matrix, 2)), tolerance)
    soup = unit_sphere(frequency) @ matrix.T + center
    if np.linalg.det(matrix) < 0:
        soup = soup[:, ::-1]
    reach = np.linalg.norm(matrix, axis=1) * 1.02  # raised corners stand out by 1.4 % at most
    part = Part(soup, np.stack([center - reach, center + reach]))
    for normal, offset in zip(normals, offsets, strict=True):
        part = common(part, Part(_half_space(normal, offset, part.bounds), part.bounds))
    return part


def _half_space(normal: NDArray[Any], offset: float, bounds: NDArray[Any]) -> Soup:
    """Give {n.r <= d} as a soup that is right within the bounds and zero above and beside them."""
    (x0, y0), (x1, y1), z1 = bounds[0, :2], bounds[1, :2], bounds[1, 2]
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    if abs(normal[2]) < _VERTICAL:
        corners = _clip_by_line(corners, normal[:2], offset)
        return _fan(corners, np.full(len(corners), z1))
    face = _fan(corners, (offset - corners @ normal[:2]) / normal[2])
    if normal[2] > 0:
        return face
    return np.concatenate([_fan(corners, np.full(4, z1)), face[:, ::-1]])


def _clip_by_line(corners: NDArray[Any], normal: NDArray[Any], offset: float) -> NDArray[Any]:
    """Keep the part of a convex polygon where n.r <= d."""
    kept: list[NDArray[Any]] = []
    for p, q in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside_p, inside_q = offset - p @ normal, offset - q @ normal
        if inside_p >= 0:
            kept.append(p)
        if inside_p * inside_q < 0:
            kept.append(p + (q - p) * inside_p / (inside_p - inside_q))
    return np.array(kept).reshape(-1, 2)


def _fan(corners: NDArray[Any], heights: NDArray[Any]) -> Soup:
    """Give a convex polygon as triangles that share its first corner."""
    points = np.column_stack([corners, heights])
    triangles = [[points[0], points[m], points[m + 1]] for m in range(1, len(points) - 1)]
    return np.array(triangles).reshape(-1, 3, 3)


def common(first: Part, second: Part) -> Part:
    """Give the product of two soups: 1 where both are."""
    from scatterkit.solids._coverage_kernels import prism_product

    low = np.maximum(first.bounds[0], second.bounds[0])
    high = np.minimum(first.bounds[1], second.bounds[1])
    a, b = _beside(first.soup, low, high), _beside(second.soup, low, high)
    if (low >= high).any() or not len(a) or not len(b):
        return Part(np.empty((0, 3, 3)), np.stack([low, low]))
    origin, end = b[:, :, :2].min(axis=(0, 1)), b[:, :, :2].max(axis=(0, 1))
    n_bins = min(max(int(math.sqrt(len(b) / 2)), 1), 512)
    frame = np.array([*origin, (end - origin).max() / n_bins + _NO_WIDTH])
    return Part(prism_product(a, b, frame, n_bins), np.stack([low, high]))


def _beside(soup: Soup, low: NDArray[Any], high: NDArray[Any]) -> Soup:
    """Keep the triangles that reach the columns between two corners; the others add nothing there."""
    above = (soup[:, :, :2].max(axis=1) > low[:2]).all(axis=1)
    below = (soup[:, :, :2].min(axis=1) < high[:2]).all(axis=1)
    return np.ascontiguousarray(soup[above & below])


def union(parts: Sequence[Part]) -> Soup:
    """Give the union: each body is added less what it shares with those before, A + B - AB."""
    joined: list[Part] = []
    for part in parts:
        shared = [common(earlier, part) for earlier in joined]
        joined.append(part)
        joined.extend(Part(other.soup[:, ::-1], other.bounds) for other in shared if len(other.soup))
    return np.ascontiguousarray(np.concatenate([part.soup for part in joined]))
