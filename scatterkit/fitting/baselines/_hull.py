"""Convex bodies around the filled voxels of volumes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from scatterkit.datasets.schema import voxel_centers
from scatterkit.fitting._planes import Floats
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

    The hull of the voxels' centres has steps for faces: facets of like direction are put together, the largest group
    first, as one plane of their mean normal and distance; small groups, along edges, only touch the hull.
    """
    filled = np.argwhere(volume > FILLED)
    coordinates = [voxel_centers(n, box)[i] for n, i in zip(volume.shape, filled.T, strict=True)]
    points = np.stack(coordinates[::-1], axis=1)
    hull = ConvexHull(points)
    corners = points[hull.simplices]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    normals, offsets, shares = _grouped(hull.equations[:, :3], -hull.equations[:, 3], areas)
    rim = shares < SMALL
    offsets[rim] = (normals[rim] @ points[hull.vertices].T).max(axis=1)
    return Solid.from_halfspaces(normals, offsets)


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
