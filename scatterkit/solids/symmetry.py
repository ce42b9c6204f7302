"""Rotation axes and point group of a body, found from its corners.

A rotation that maps a convex body onto itself keeps the two points where its axis leaves the body: each is a
corner, the middle of an edge or the middle of a face. So these are all the axes there can be.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from scatterkit.solids._halfspaces import hull_mesh, merged_faces
from scatterkit.solids._mesh import Points, Triangles

SAME = 1e-5
"""Corners within this fraction of the circumradius are the same corner."""


class PointSymmetry(NamedTuple):
    """Rotation axes by name, highest order first, and the Schoenflies name of the point group."""

    axes: dict[str, Points]
    point_group: str


class _Corners:
    """The corners of a body about its centroid, and whether a linear map keeps them as a set."""

    def __init__(self, vertices: Points, center: Points) -> None:
        self.points = vertices - center
        self.radius = float(np.linalg.norm(self.points, axis=1).max())
        self.tree = cKDTree(self.points)
        self.middles, self.orders = _candidates(self.points)

    def kept_by(self, matrix: Points) -> bool:
        distance, _ = self.tree.query(self.points @ matrix.T, distance_upper_bound=SAME * self.radius)
        return bool(np.isfinite(distance).all())

    def order(self, axis: Points, highest: int) -> int:
        """Give the order of the rotation axis, 1 for none; it divides the number of edges that meet there."""
        for order in range(highest, 1, -1):
            if highest % order == 0 and self.kept_by(rotation_matrix(axis, 2 * np.pi / order)):
                return order
        return 1


def rotation_matrix(axis: Points, angle: float) -> Points:
    """Give the matrix of a rotation about a unit vector."""
    return Rotation.from_rotvec(angle * axis).as_matrix()


def find_symmetry(vertices: Points, center: Points) -> PointSymmetry:
    """Find the rotation axes and the point group of a body from its corners.

    Parameters
    ----------
    vertices : ndarray of shape (v, 3)
        Corner points, as `true_corners` gives them: bodies are judged by these points alone.
    center : ndarray of shape (3,)
        The centroid, which each symmetry keeps.

    Returns
    -------
    PointSymmetry
        Axes and name of the group.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.solids.symmetry import find_symmetry
    >>> box = np.array([(x, y, z) for x in (-1, 1) for y in (-2, 2) for z in (-3, 3)])
    >>> find_symmetry(box, np.zeros(3)).point_group
    'D_2h'
    """
    corners = _Corners(vertices, center)
    found: dict[int, list[Points]] = {}
    for axis, highest in zip(corners.middles, corners.orders, strict=True):
        order = corners.order(axis, int(highest))
        if order > 1:
            found.setdefault(order, []).append(axis)
    axes = {f"C{order}": sort_axes(np.array(found[order])) for order in sorted(found, reverse=True)}
    return PointSymmetry(axes, _point_group(corners, found))


def upward(axes: Points) -> Points:
    """Turn axes so that z > 0, or z = 0 and x > 0, or z = x = 0 and y > 0."""
    rounded = np.round(axes, 5)
    leading = np.where(
        rounded[:, 2] != 0, rounded[:, 2], np.where(rounded[:, 0] != 0, rounded[:, 0], rounded[:, 1])
    )
    return np.where(leading[:, None] < 0, -axes, axes) + 0.0


def sort_axes(axes: Points) -> Points:
    """Turn axes upward and sort them: the one nearest to z first, then by x, then by y."""
    axes = upward(axes)
    x, y, z = np.round(axes, 5).T
    return axes[np.lexsort((-y, -x, -z))]


def true_corners(vertices: Points, triangles: Triangles) -> Points:
    """Give a surface's vertices less those in the middle of edges and faces, which depend on the triangulation."""
    _, _, members = merged_faces(vertices, triangles)
    meeting = np.bincount(np.concatenate(members), minlength=len(vertices))
    return vertices[meeting >= 3]


def _candidates(points: Points) -> tuple[Points, NDArray[np.int64]]:
    """Give directions that may be axes (one of two opposites) and the highest order of each."""
    hull, triangles = hull_mesh(points)
    _, _, members = merged_faces(hull, triangles)
    faces_at = np.bincount(np.concatenate(members), minlength=len(hull))
    edges = _edges(members)
    middles = [hull, hull[edges].mean(axis=1), np.array([hull[member].mean(axis=0) for member in members])]
    orders = [faces_at, np.full(len(edges), 2), np.array([len(member) for member in members])]
    directions, highest = np.vstack(middles), np.concatenate(orders)
    lengths = np.linalg.norm(directions, axis=1)
    fine = lengths > SAME * lengths.max()
    directions = upward(directions[fine] / lengths[fine, None])
    twins = cKDTree(np.vstack([directions, -directions])).query_pairs(1e-4, output_type="ndarray") % len(
        directions
    )
    distinct = np.ones(len(directions), dtype=bool)
    distinct[twins.max(axis=1)[twins[:, 0] != twins[:, 1]]] = False
    return directions[distinct], highest[fine][distinct]


def _edges(members: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Give the edges as pairs of corners that two faces share."""
    n = max(int(member.max()) for member in members) + 1
    belongs = np.zeros((len(members), n), dtype=np.int64)
    for row, member in zip(belongs, members, strict=True):
        row[member] = 1
    shared = belongs.T @ belongs
    first, second = np.nonzero(np.triu(shared >= 2, k=1))
    return np.stack([first, second], axis=1)


def _point_group(corners: _Corners, axes: dict[int, list[Points]]) -> str:
    inversion = corners.kept_by(-np.eye(3))
    if not axes:
        if inversion:
            return "C_i"
        return "C_s" if _has_mirror(corners) else "C_1"
    if len(axes.get(5, [])) == 6:
        return "I_h" if inversion else "I"
    if len(axes.get(4, [])) == 3:
        return "O_h" if inversion else "O"
    if len(axes.get(3, [])) == 4:
        return "T_h" if inversion else ("T_d" if _has_mirror(corners) else "T")
    return _axial_group(corners, axes)


def _axial_group(corners: _Corners, axes: dict[int, list[Points]]) -> str:
    order = max(axes)
    dihedral = sum(len(group) for group in axes.values()) > 1
    for main in axes[order] if dihedral else axes[order][:1]:  # D_2d: only one of three C2 is the main axis
        across = np.eye(3) - 2 * np.outer(main, main)
        if corners.kept_by(across):
            return f"D_{order}h" if dihedral else f"C_{order}h"
        if corners.kept_by(rotation_matrix(main, np.pi / order) @ across):
            return f"D_{order}d" if dihedral else f"S_{2 * order}"
    if dihedral:
        return f"D_{order}"
    return f"C_{order}v" if _has_mirror(corners) else f"C_{order}"


def _has_mirror(corners: _Corners) -> bool:
    """Whether some plane through the centre mirrors the corners onto themselves.

    A mirror swaps each corner that is off its plane with another one; of three corners that span space, one
    is off the plane.
    """
    points = corners.points
    order = np.argsort(-np.linalg.norm(points, axis=1))
    spanning: list[int] = []
    for number in order:
        if np.linalg.matrix_rank(points[[*spanning, number]], tol=1e-3 * corners.radius) > len(spanning):
            spanning.append(int(number))
        if len(spanning) == 3:
            break
    for number in spanning:
        normals = points - points[number]
        lengths = np.linalg.norm(normals, axis=1)
        alike = (
            np.abs(np.linalg.norm(points, axis=1) - np.linalg.norm(points[number])) < SAME * corners.radius
        )
        for normal in normals[alike & (lengths > SAME * corners.radius)]:
            if corners.kept_by(np.eye(3) - 2 * np.outer(normal, normal) / (normal @ normal)):
                return True
    return False
