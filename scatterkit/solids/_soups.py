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
_STEP = 4  # few different frequencies, so that the cached spheres are used again
_SMALL_FREQUENCY = 64


@dataclass(frozen=True)
class Part:
    """A soup whose function is zero outside a box of corners ``bounds[0]`` and ``bounds[1]``."""

    soup: Soup
    bounds: NDArray[np.float64]


def unit_sphere(frequency: int) -> Soup:
    """Give a geodesic sphere of 20 frequency^2 triangles that has the ball's volume, locally too.

    A set of balls of many sizes on a 64^3 grid takes a dozen of the small ones; large ones take much memory.
    """
    return (_small_sphere if frequency <= _SMALL_FREQUENCY else _large_sphere)(frequency)


def _make_sphere(frequency: int) -> Soup:
    """Make a sphere.

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


_small_sphere = lru_cache(maxsize=_SMALL_FREQUENCY // _STEP)(_make_sphere)
_large_sphere = lru_cache(maxsize=4)(_make_sphere)


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
    return _STEP * max(1, math.ceil(min(large, small) / _STEP))


def ellipsoid_part(
    matrix: NDArray[Any],
    center: NDArray[Any],
    normals: NDArray[Any],
    offsets: NDArray[Any],
    tolerance: float,
) -> Part:
    """Give an ellipsoid, the image of the unit ball, cut by half-spaces; all in voxels."""
    frequency = sphere_frequency(float(np.linalg.norm(matrix, 2)), tolerance)
    soup = (unit_sphere(frequency).reshape(-1, 3) @ matrix.T + center).reshape(-1, 3, 3)
    if np.linalg.det(matrix) < 0:
        soup = soup[:, ::-1]
    for normal, offset in zip(normals, offsets, strict=True):
        soup = _below(soup, normal, offset)
    reach = np.linalg.norm(matrix, axis=1) * 1.02  # raised corners stand out by 1.4 % at most
    return Part(soup, np.stack([center - reach, center + reach]))


def _below(soup: Soup, normal: NDArray[Any], offset: float) -> Soup:
    """Give the part of a convex body, a soup of outward faces, where n.r <= d.

    Faces that the plane crosses are clipped. The cut is closed by a fan of triangles, one for each edge that the
    clipping leaves in the plane, around a point between them.
    """
    heights = (soup.reshape(-1, 3) @ normal - offset).reshape(-1, 3)
    n_above = (heights > 0) @ np.ones(3, np.int8)
    kept = soup[n_above == 0]
    crossed = (n_above == 1) | (n_above == 2)
    if not crossed.any():
        return kept
    # turned so that the corner that is alone on its side comes first
    is_lone = (heights[crossed] > 0) == (n_above[crossed] == 1)[:, None]
    order = (is_lone.argmax(axis=1)[:, None] + np.arange(3)) % 3
    height = np.take_along_axis(heights[crossed], order, axis=1)
    a, b, c = np.take_along_axis(soup[crossed], order[..., None], axis=1).swapaxes(0, 1)
    ab = a + (height[:, 0] / (height[:, 0] - height[:, 1]))[:, None] * (b - a)
    ac = a + (height[:, 0] / (height[:, 0] - height[:, 2]))[:, None] * (c - a)
    tip = n_above[crossed] == 2
    whole = ~tip
    parts = [
        (a[tip], ab[tip], ac[tip]),
        (ab[whole], b[whole], c[whole]),
        (ab[whole], c[whole], ac[whole]),
    ]
    # the rim runs along each clipped face; the fan runs the other way round
    start, end = np.where(tip[:, None], ab, ac), np.where(tip[:, None], ac, ab)
    middle = np.broadcast_to((start + end).mean(axis=0) / 2, start.shape)
    return np.concatenate([kept, *(np.stack(part, axis=1) for part in (*parts, (middle, end, start)))])


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
