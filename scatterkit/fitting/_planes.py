"""Plain-NumPy geometry shared by body models and searches."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from scatterkit.solids import Solid

Floats = NDArray[np.float64]

ROOM = 0.475
"""Half width of the cube that fitted bodies stay in, as a fraction of the box."""


def spread_directions(n: int) -> Floats:
    """Give n unit vectors ``(n, 3)`` spread evenly over the sphere (Fibonacci lattice)."""
    index = np.arange(n) + 0.5
    z = 1 - 2 * index / n
    azimuth = math.pi * (1 + math.sqrt(5)) * index
    across = np.sqrt(1 - z**2)
    return np.column_stack([across * np.cos(azimuth), across * np.sin(azimuth), z])


def box_planes(half_width: float) -> tuple[Floats, Floats]:
    """Give the half-spaces of the cube of a half width, centred on the origin."""
    return np.vstack([np.eye(3), -np.eye(3)]), np.full(6, half_width)


def with_box(normals: Floats, offsets: Floats, half_width: float) -> tuple[Floats, Floats]:
    """Append the cube's half-spaces to those of a body."""
    sides, distances = box_planes(half_width)
    return np.vstack([normals, sides]), np.concatenate([offsets, distances])


def box_limit(box: float) -> float:
    """Half width of the cube that fitted bodies stay in: the box less a margin of 2.5 % on each side."""
    return ROOM * box


def box_of(limit: float) -> float:
    """Give the box whose `box_limit` is a half width."""
    return limit / ROOM


def centred(solid: Solid) -> Solid:
    """Shift a body to the middle of the box."""
    return solid.shift(-np.mean(solid.bounds, axis=0))


def closure(normals: Floats) -> float:
    """Say how well half-spaces of these normals close a body: how far the hull of the normals reaches about the origin.

    0.33 for a tetrahedron, 0.58 for a cube, -1 where they bound no body whatever their offsets.
    """
    try:
        reach = -float(ConvexHull(normals).equations[:, 3].max())
    except (QhullError, ValueError):
        return -1.0
    return reach if reach > 0 else -1.0
