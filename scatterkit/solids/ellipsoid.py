"""Smooth bodies: spheres and their linear images, cut by planes."""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import check_array, fail, shown
from scatterkit.solids._body import Mesh
from scatterkit.solids._halfspaces import check_direction, hull_mesh
from scatterkit.solids._mesh import Points
from scatterkit.solids.solid import Solid
from scatterkit.solids.symmetry import PointSymmetry, rotation_matrix, sort_axes

CIRCLE = 180
"""Points on the rim of a cut."""

SPHERE_FREQUENCY = 16
"""The triangulation has 20 * 16^2 triangles, at most 1.2e-3 radii under the surface."""


@lru_cache(maxsize=1)
def _sphere_points() -> Points:
    """Give points of the unit sphere, ``(2562, 3)``: an icosahedron's faces in steps, pushed outward."""
    from scatterkit.solids._coordinates import icosahedron

    corners = icosahedron() / np.linalg.norm(icosahedron()[0])
    _, faces = hull_mesh(corners)
    corners, faces = hull_mesh(corners)
    n = SPHERE_FREQUENCY
    steps = np.array([(i, j, n - i - j) for i in range(n + 1) for j in range(n + 1 - i)]) / n
    points = np.einsum("sk,fkx->fsx", steps, corners[faces]).reshape(-1, 3)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    _, first = np.unique(np.round(points, 9) + 0.0, axis=0, return_index=True)
    points = points[first]
    points.setflags(write=False)
    return points


class Ellipsoid(Solid):
    """A smooth body: the unit ball under a linear map, moved, and cut by half-spaces.

    Scaling, stretching, turning, moving and cutting are exact. ``vertices`` and ``faces`` are a triangulation
    whose corners lie on the body's surface; ``normals`` and ``offsets`` belong to it.

    Parameters
    ----------
    matrix : array-like of shape (3, 3) [nm], default=100 nm times the unit matrix
        Linear map of the unit ball; its columns are conjugate semi-axes.
    center : array-like of shape (3,) [nm], default=the origin
        Image of the ball's centre.
    cut_normals : array-like of shape (k, 3), optional
        Directions n of the planes that cut the body.
    cut_offsets : array-like of shape (k,) [nm], optional
        Distances d of these planes from the origin; the part n.r <= d stays.
    name : str, optional
        What the body is called.

    Notes
    -----
    Volume and support function are in closed form as long as no two cuts meet inside the body; where they do,
    they come from the triangulation (volume 0.1 % to 0.3 % too small). The centroid is exact for the whole
    ellipsoid and the triangulation's for a cut one.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.solids import Ellipsoid
    >>> ball = Ellipsoid(50 * np.eye(3))
    >>> round(ball.cut((0, 0, 1), 25).volume / ball.volume, 6)  # a cap half a radius high is gone
    0.84375
    """

    def __init__(
        self,
        matrix: ArrayLike | None = None,
        center: ArrayLike | None = None,
        cut_normals: ArrayLike | None = None,
        cut_offsets: ArrayLike | None = None,
        name: str | None = None,
    ) -> None:
        self.matrix = matrix
        self.center = center
        self.cut_normals = cut_normals
        self.cut_offsets = cut_offsets
        self.name = name

    # -- checked parameters: what was given lies under `_given_...` ------------------------------------------

    @property
    def matrix(self) -> Points:
        """Linear map of the unit ball, ``(3, 3)`` in nm."""
        return self._checked_matrix

    @matrix.setter
    def matrix(self, value: ArrayLike | None) -> None:
        self._given_matrix = value

    @property
    def center(self) -> Points:
        """Centre of the uncut ellipsoid, (x, y, z) in nm."""
        return self._checked_center

    @center.setter
    def center(self, value: ArrayLike | None) -> None:
        self._given_center = value

    @property
    def cut_normals(self) -> Points:
        """Unit normals of the cuts, ``(k, 3)``."""
        return self._cuts[0]

    @cut_normals.setter
    def cut_normals(self, value: ArrayLike | None) -> None:
        self._given_cut_normals = value

    @property
    def cut_offsets(self) -> NDArray[np.float64]:
        """Offsets of the cuts in nm, ``(k,)``; inside, n.r <= d."""
        return self._cuts[1]

    @cut_offsets.setter
    def cut_offsets(self, value: ArrayLike | None) -> None:
        self._given_cut_offsets = value

    @cached_property
    def _checked_matrix(self) -> Points:
        given = 100.0 * np.eye(3) if self._given_matrix is None else self._given_matrix
        matrix = check_array(given, name="matrix", owner="Ellipsoid", shape=(3, 3), dtype=np.float64)
        singular = np.linalg.svd(matrix, compute_uv=False)
        if singular[-1] <= 1e-9 * singular[0]:
            raise fail("matrix", "Ellipsoid", "an invertible (3, 3) matrix in nm", shown(matrix))
        return matrix

    @cached_property
    def _checked_center(self) -> Points:
        given = np.zeros(3) if self._given_center is None else self._given_center
        return check_array(given, name="center", owner="Ellipsoid", shape=(3,), dtype=np.float64)

    @cached_property
    def _cuts(self) -> tuple[Points, NDArray[np.float64]]:
        normals, offsets = self._given_cut_normals, self._given_cut_offsets
        if (normals is None) != (offsets is None):
            raise fail("cut_offsets", "Ellipsoid", "given together with 'cut_normals'", shown(offsets))
        if normals is None or offsets is None or np.size(normals) == np.size(offsets) == 0:
            return np.zeros((0, 3)), np.zeros(0)
        rows = check_array(normals, name="cut_normals", owner="Ellipsoid", shape=(None, 3), dtype=np.float64)
        units = np.array([check_direction(row, name="cut_normals", owner="Ellipsoid") for row in rows])
        distances = check_array(
            offsets, name="cut_offsets", owner="Ellipsoid", shape=(len(units),), dtype=np.float64
        )
        return units, distances

    @cached_property
    def _unit_cuts(self) -> tuple[Points, NDArray[np.float64]]:
        """The cuts as m.u <= t in the coordinates of the unit ball, without those that miss it."""
        normals = self.cut_normals @ self.matrix
        lengths = np.linalg.norm(normals, axis=1)
        heights = (self.cut_offsets - self.cut_normals @ self.center) / lengths
        if (heights <= -1).any():
            raise fail(
                "cut_offsets", "Ellipsoid", "planes that leave some of the body", shown(self.cut_offsets)
            )
        touching = heights < 1
        return normals[touching] / lengths[touching, None], heights[touching]

    # -- the surface -----------------------------------------------------------------------------------------

    @cached_property
    def _mesh(self) -> Mesh:
        normals, heights = self._unit_cuts
        points = np.vstack([_sphere_points(), *_rims(normals, heights), _meeting_points(normals, heights)])
        points = points[(points @ normals.T <= heights + 1e-9).all(axis=1)]
        if len(points) < 4:
            raise fail(
                "cut_offsets", "Ellipsoid", "planes that leave some of the body", shown(self.cut_offsets)
            )
        vertices, faces = hull_mesh(points, owner="Ellipsoid")
        if np.linalg.det(self.matrix) < 0:
            faces = faces[:, ::-1]
        return self._sealed(vertices @ self.matrix.T + self.center, faces)

    @cached_property
    def is_convex(self) -> bool:
        """Always true."""
        return True

    @cached_property
    def _caps_apart(self) -> bool:
        """Whether no two cuts meet inside the ball, so that each takes a cap of its own."""
        normals, heights = self._unit_cuts
        reach = np.arccos(heights)
        pairs = combinations(range(len(heights)), 2)
        angle = np.arccos(np.clip(normals @ normals.T, -1, 1))
        return all(angle[i, j] >= reach[i] + reach[j] for i, j in pairs)

    @cached_property
    def volume(self) -> float:
        """Enclosed volume in nm^3."""
        _, heights = self._unit_cuts
        if not self._caps_apart:
            return super().volume
        caps = np.pi / 3 * (1 - heights) ** 2 * (2 + heights)
        return float(abs(np.linalg.det(self.matrix)) * (4 / 3 * np.pi - caps.sum()))

    @cached_property
    def centroid(self) -> Points:
        """Centre of mass (x, y, z) in nm."""
        return super().centroid if len(self._unit_cuts[1]) else self.center.copy()

    @cached_property
    def circumradius(self) -> float:
        """Distance in nm of the farthest point from the centroid."""
        if len(self._unit_cuts[1]):
            return super().circumradius
        return float(np.linalg.svd(self.matrix, compute_uv=False)[0])

    @cached_property
    def bounds(self) -> Points:
        """Smallest and largest (x, y, z) in nm, ``(2, 3)``."""
        return np.stack([-self._support(-np.eye(3)), self._support(np.eye(3))])

    def _support(self, directions: Points) -> NDArray[np.float64]:
        values = self._cap_support(directions @ self.matrix)
        return values + directions @ self.center

    def _cap_support(self, ways: Points) -> NDArray[np.float64]:
        """Give the support function of the cut unit ball.

        The highest point is that of the ball, or of the disc where the one cut that it lies beyond leaves the
        ball; where cuts meet, it may be neither: then the triangulation tells.
        """
        normals, heights = self._unit_cuts
        lengths = np.linalg.norm(ways, axis=1)
        values = lengths.copy()
        tops = ways / np.maximum(lengths, np.finfo(float).tiny)[:, None]
        unsolved = (tops @ normals.T > heights).any(axis=1)
        for normal, height in zip(normals, heights, strict=True):
            along = ways @ normal
            aside = ways - along[:, None] * normal
            width = np.linalg.norm(aside, axis=1)
            radius = np.sqrt(1 - height**2)
            points = height * normal + radius * aside / np.maximum(width, np.finfo(float).tiny)[:, None]
            best = unsolved & (along > height * lengths) & (points @ normals.T <= heights + 1e-12).all(axis=1)
            values[best] = (height * along + radius * width)[best]
            unsolved &= ~best
        if unsolved.any():
            corners = np.linalg.solve(self.matrix, (self.vertices - self.center).T)
            values[unsolved] = (ways[unsolved] @ corners).max(axis=1)
        return values

    @cached_property
    def _symmetry(self) -> PointSymmetry:
        """Axes of the cut quadric; of a sphere's any axis is one, x, y and z stand for them."""
        quadric = self.matrix @ self.matrix.T
        planes = np.column_stack([self.cut_normals, self.cut_offsets - self.cut_normals @ self.center])
        found: dict[str, list[Points]] = {}
        for axis in _distinct(np.vstack([np.linalg.eigh(quadric)[1].T, planes[:, :3], np.eye(3)])):
            name = next((name for name, angle in ANGLES.items() if _kept(quadric, planes, axis, angle)), None)
            if name:
                found.setdefault(name, []).append(axis)
        axes = {name: sort_axes(np.array(found[name])) for name in ANGLES if name in found}
        return PointSymmetry(axes, _smooth_group(quadric, planes, axes))

    # -- operations: exact ----------------------------------------------------------------------------------

    def _affine(self, linear: Points, translation: Points) -> Solid:
        normals = np.linalg.solve(linear.T, self.cut_normals.T).T
        lengths = np.linalg.norm(normals, axis=1)
        offsets = (self.cut_offsets + normals @ translation) / np.where(lengths > 0, lengths, 1)
        return Ellipsoid(
            linear @ self.matrix,
            linear @ self.center + translation,
            normals / lengths[:, None],
            offsets,
            self.name,
        )

    def _cut(self, normal: Points, offset: float) -> Solid:
        normals = np.vstack([self.cut_normals, normal])
        return Ellipsoid(self.matrix, self.center, normals, np.append(self.cut_offsets, offset), self.name)


ANGLES: dict[str, float] = {
    "Cinf": 1.0,
    "C6": np.pi / 3,
    "C5": 0.4 * np.pi,
    "C4": np.pi / 2,
    "C3": 2 * np.pi / 3,
    "C2": np.pi,
}
"""Rotations that show an axis, the highest order first; one radian generates all angles."""


def _rims(normals: Points, heights: NDArray[np.float64]) -> list[Points]:
    """Give points on the circles where the planes cut the unit sphere."""
    angles = 2 * np.pi * np.arange(CIRCLE) / CIRCLE
    rims = []
    for normal, height in zip(normals, heights, strict=True):
        u = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
        u /= np.linalg.norm(u)
        circle = np.cos(angles)[:, None] * u + np.sin(angles)[:, None] * np.cross(normal, u)
        rims.append(height * normal + np.sqrt(1 - height**2) * circle)
    return rims


def _meeting_points(normals: Points, heights: NDArray[np.float64]) -> Points:
    """Give the points where two planes meet the sphere and where three planes meet inside it."""
    points: list[Any] = []
    for i, j in combinations(range(len(heights)), 2):
        way = np.cross(normals[i], normals[j])
        if way @ way < 1e-12:
            continue
        foot = np.linalg.lstsq(normals[[i, j]], heights[[i, j]], rcond=None)[0]
        room = 1 - foot @ foot
        if room >= 0:
            points += [foot + sign * np.sqrt(room / (way @ way)) * way for sign in (-1, 1)]
    for triple in combinations(range(len(heights)), 3):
        rows = normals[list(triple)]
        if abs(np.linalg.det(rows)) > 1e-9:
            corner = np.linalg.solve(rows, heights[list(triple)])
            if corner @ corner <= 1:
                points.append(corner)
    return np.array(points).reshape(-1, 3)


def _distinct(axes: Points) -> Points:
    kept: list[Points] = []
    for axis in axes:
        if all(abs(axis @ other) < 1 - 1e-9 for other in kept):
            kept.append(axis)
    return np.array(kept)


def _kept(quadric: Points, planes: Points, axis: Points, angle: float) -> bool:
    return _kept_by(quadric, planes, rotation_matrix(axis, angle))


def _kept_by(quadric: Points, planes: Points, matrix: Points) -> bool:
    """Whether an orthogonal map keeps the quadric and the cuts as a set."""
    size = np.trace(quadric)
    if np.abs(matrix @ quadric @ matrix.T - quadric).max() > 1e-9 * size:
        return False
    scaled = planes / np.array([1, 1, 1, np.sqrt(size)])
    turned = np.column_stack([scaled[:, :3] @ matrix.T, scaled[:, 3]])
    return all(np.abs(scaled - row).max(axis=1).min() < 1e-7 for row in turned)


def _smooth_group(quadric: Points, planes: Points, axes: dict[str, Points]) -> str:
    """Give the name of a continuous group, D_2h or C_1; else of the highest axis' group."""
    if not len(planes):
        continuous = len(axes.get("Cinf", ()))
        return "K_h" if continuous > 1 else "D_infh" if continuous else "D_2h"
    if "Cinf" in axes:
        across = np.eye(3) - 2 * np.outer(axes["Cinf"][0], axes["Cinf"][0])
        return "D_infh" if _kept_by(quadric, planes, across) else "C_infv"
    return next(iter(axes), "C1").replace("C", "C_")
