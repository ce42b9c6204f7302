"""Corner coordinates of uniform polyhedra and of bodies made of stacked rings.

Platonic and Archimedean solids are orbits of a point under signed (even) permutations of its coordinates, as
listed for example by H. S. M. Coxeter, Regular Polytopes (1973), and in the Wikipedia article of each solid.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit.solids._halfspaces import hull_mesh, merged_faces
from scatterkit.solids._mesh import Points

PHI = (1 + 5**0.5) / 2
SQRT2 = 2**0.5

EVEN = [order for order in permutations(range(3)) if np.linalg.det(np.eye(3)[list(order)]) > 0]
ALL = list(permutations(range(3)))


def orbit(*seeds: tuple[float, float, float], orders: list[tuple[int, ...]] = ALL) -> Points:
    """Give all points that permutations of the coordinates and changes of signs make of seeds."""
    signs = np.array(list(product((1.0, -1.0), repeat=3)))
    points = np.vstack([np.array(seed)[list(order)] * signs for seed in seeds for order in orders])
    return np.unique(np.round(points, 12) + 0.0, axis=0)


def tetrahedron() -> Points:
    """Give every other corner of the cube."""
    return orbit((1, 1, 1))[np.prod(orbit((1, 1, 1)), axis=1) > 0]


def truncated_tetrahedron() -> Points:
    """Give the signed permutations of (3, 1, 1) with an even number of minus signs."""
    points = orbit((3, 1, 1))
    return points[np.prod(points, axis=1) > 0]


def icosahedron() -> Points:
    """Give the twelve corners of three golden rectangles."""
    return orbit((0, 1, PHI), orders=EVEN)


def snub_cube() -> Points:
    """Give even permutations of (1, 1/t, t) with an odd number of plus signs, odd ones with an even number.

    t = 1.839 is the tribonacci constant, the real root of t^3 = t^2 + t + 1. Of two mirror images, this is
    the one in the published volumes.
    """
    t = (1 + np.cbrt(19 + 3 * 33**0.5) + np.cbrt(19 - 3 * 33**0.5)) / 3
    signs = np.array(list(product((1.0, -1.0), repeat=3)))
    plus = (signs > 0).sum(axis=1)
    seed = np.array([1, 1 / t, t])
    parts = [seed[list(order)] * signs[plus % 2 == (order in EVEN)] for order in ALL]
    return np.vstack(parts)


def snub_dodecahedron() -> Points:
    """Give the sixty images of one point under the rotations of the icosahedron.

    The point's distances to its images under a rotation of order 5, of order 3 and of order 2 are the same.
    """
    from scipy.optimize import least_squares

    axes = np.array([(0, 1, PHI), (PHI, 0, 2 * PHI + 1), (0, 0, 1)])  # a corner, a face and an edge
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    turns = Rotation.from_rotvec(axes * 2 * np.pi / np.array([[5], [3], [2]]))

    def differences(weights: Points) -> Points:
        point = np.append(weights, 1.0) @ axes
        return np.diff(np.linalg.norm(turns.apply(point) - point, axis=1))

    weights = least_squares(differences, [1.0, 1.0], xtol=1e-15, ftol=1e-15, gtol=1e-15).x
    points = np.append(weights, 1.0)[None] @ axes
    while len(points) < 60:
        images = np.vstack([points, *(turn.apply(points) for turn in turns)])
        _, first = np.unique(np.round(images, 9) + 0.0, axis=0, return_index=True)
        points = images[first]
    return points


def dual(points: Points) -> Points:
    """Give the corners of the polar body: each face n.r <= d becomes the point n / d."""
    normals, offsets, _ = merged_faces(*hull_mesh(points))
    return normals / offsets[:, None]


# -- stacks of rings, edge length 1, axis along z ------------------------------------------------------------


def ring_radius(n: int) -> float:
    """Give the circumradius of a regular polygon with edges of length 1."""
    return 0.5 / np.sin(np.pi / n)


def ring(n: int, z: float, *, turned: bool = False, radius: float | None = None) -> Points:
    """Give a regular polygon at a height, a corner or (turned) the middle of an edge towards +x."""
    angles = 2 * np.pi * (np.arange(n) + 0.5 * turned) / n
    r = ring_radius(n) if radius is None else radius
    return np.stack([r * np.cos(angles), r * np.sin(angles), np.full(n, z)], axis=1)


def apex(n: int) -> float:
    """Give the height of a pyramid of equilateral triangles over a regular polygon."""
    return (1 - ring_radius(n) ** 2) ** 0.5


def prism(n: int) -> Points:
    """Give two polygons one edge apart."""
    return np.vstack([ring(n, -0.5), ring(n, 0.5)])


def antiprism_height(n: int) -> float:
    """Give the distance of two polygons, turned by half a step, that equilateral triangles join."""
    return (1 - (2 * ring_radius(n) * np.sin(np.pi / (2 * n))) ** 2) ** 0.5


def antiprism(n: int) -> Points:
    """Give two polygons turned by half a step."""
    h = antiprism_height(n)
    return np.vstack([ring(n, -h / 2), ring(n, h / 2, turned=True)])


def peak(z: float) -> Points:
    """Give one point on the axis."""
    return np.array([[0.0, 0.0, z]])


def pyramid(n: int) -> Points:
    """Give a pyramid of equilateral triangles."""
    return np.vstack([ring(n, 0), peak(apex(n))])


def bipyramid(n: int) -> Points:
    """Give two pyramids base to base."""
    return np.vstack([peak(-apex(n)), ring(n, 0), peak(apex(n))])


def elongated_pyramid(n: int) -> Points:
    """Give a pyramid on a prism."""
    return np.vstack([prism(n), peak(0.5 + apex(n))])


def elongated_bipyramid(n: int) -> Points:
    """Give a prism between two pyramids."""
    return np.vstack([elongated_pyramid(n), peak(-0.5 - apex(n))])


def gyroelongated_pyramid(n: int) -> Points:
    """Give a pyramid on an antiprism."""
    return np.vstack([antiprism(n), peak(antiprism_height(n) / 2 + apex(n))])


def gyroelongated_bipyramid(n: int) -> Points:
    """Give an antiprism between two pyramids."""
    return np.vstack([gyroelongated_pyramid(n), peak(-antiprism_height(n) / 2 - apex(n))])


def cupola(n: int) -> Points:
    """Give a polygon above one with twice the corners, joined by squares and triangles."""
    low, high = ring_radius(2 * n), ring_radius(n)
    step = low * np.cos(np.pi / (2 * n)) - high * np.cos(np.pi / n)  # how far a square leans outward
    return np.vstack([ring(2 * n, 0, turned=True), ring(n, (1 - step**2) ** 0.5)])


def hexagonal_bifrustum(ratio: float) -> Points:
    """Give a hexagonal prism whose sides lean inward, above and below a middle hexagon, as {111} facets do.

    A side's normal makes arccos(1/3) with the axis, as that of a tetrahedron's face with its neighbours'
    opposites. ``ratio`` is that of an outer hexagon's edge to the middle one's.
    """
    inward = (1 - ratio) * np.cos(np.pi / 6)
    height = inward * np.tan(np.arccos(1 / 3))
    rings = [ring(6, -height, radius=ratio), ring(6, 0, radius=1), ring(6, height, radius=ratio)]
    return np.vstack(rings)
