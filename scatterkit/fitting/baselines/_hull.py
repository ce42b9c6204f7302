"""Convex bodies around the filled voxels of volumes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from scatterkit.fitting._planes import Floats
from scatterkit.fitting.models._isosurface import level_surface
from scatterkit.solids import Solid

FILLED = 0.5
"""Occupancy from which a voxel counts as material."""

ALIKE = 0.3
"""Facets of a staircase whose normals differ by less than this angle in rad are one face."""

MOST_FACES = 64

SMALL = 0.01
"""Part of the surface below which a group is no face."""


def hull_of(volume: NDArray[np.float32], box: float) -> Solid:
    """Give a convex body around the filled voxels of a volume (z, y, x), its faces smoothed.

    The hull of the surface at half occupancy has steps for faces: facets of like direction are put together, the
    largest group first, as one plane of their mean normal and distance; small groups, along edges, only touch the
    hull. The body is scaled to the volume of that hull.
    """
    points, _ = level_surface(volume, box, FILLED)
    hull = ConvexHull(points)
    corners = points[hull.simplices]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    normals, offsets, shares = _grouped(hull.equations[:, :3], -hull.equations[:, 3], areas)
    rim = shares < SMALL
    offsets[rim] = (normals[rim] @ points[hull.vertices].T).max(axis=1)
    middle = points[hull.vertices].mean(axis=0)
    wanted = np.cbrt(hull.volume / Solid.from_halfspaces(normals, offsets).volume)
    through = normals @ middle
    return Solid.from_halfspaces(normals, through + wanted * (offsets - through))


def _grouped(normals: Floats, offsets: Floats, areas: Floats) -> tuple[Floats, Floats, Floats]:
    """Put facets of like direction together, the largest group first; give normals, offsets, parts of the surface."""
    near = normals @ normals.T > np.cos(ALIKE)
    left = np.ones(len(areas), dtype=bool)
    found: list[tuple[float, ...]] = []
    while left.any() and len(found) < MOST_FACES:
        weights = (near * np.where(left, areas, 0)).sum(axis=1)
        group = near[int(np.argmax(np.where(left, weights, -1)))] & left
        share = areas[group] + 1e-12
        normal = share @ normals[group]
        length = np.linalg.norm(normal)
        if length > 0:
            found.append((*(normal / length), share @ offsets[group] / share.sum(), share.sum()))
        left &= ~group
    planes = np.array(found)
    return planes[:, :3], planes[:, 3], planes[:, 4] / areas.sum()
