"""What every body is asked: its checked surface, its measures, its half-spaces and its symmetry."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import check_array, fail, shown
from scatterkit.base import Component
from scatterkit.solids import _mesh
from scatterkit.solids._halfspaces import check_direction, hull_volume, merged_faces
from scatterkit.solids._mesh import Points, Triangles
from scatterkit.solids.symmetry import PointSymmetry, find_symmetry, true_corners

CONVEX = 5e-7
"""A body is convex if its hull is larger by no more than this fraction (float32 meshes round at 1e-7)."""

CARTESIAN = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


class Mesh(NamedTuple):
    """A checked surface: vertices in nm and outward triangles, both read-only."""

    vertices: Points
    faces: Triangles


class Faces(NamedTuple):
    """The plane faces of a convex body, n.r <= d, and the numbers of their vertices."""

    normals: Points
    offsets: NDArray[np.float64]
    members: list[NDArray[np.int64]]

    def mapped(self, linear: Points, translation: Points) -> Faces:
        """Give the faces of the body after an affine map; its linear part keeps the handedness."""
        normals = np.asarray(np.linalg.solve(linear.T, self.normals.T).T, np.float64)
        lengths = np.linalg.norm(normals, axis=1)
        normals /= lengths[:, None]
        return Faces(normals, self.offsets / lengths + normals @ translation, self.members)


class Body(Component):
    """The questions that a body answers; `Solid` adds where bodies come from and what can be done to them.

    What was given lies under ``_given_...``, unchecked: ``get_params``, ``clone`` and ``repr`` see that. The
    attributes give the checked surface.
    """

    _given_vertices: Any
    _given_faces: Any

    def __setattr__(self, name: str, value: Any) -> None:
        for key in [
            key for key in self.__dict__ if isinstance(getattr(type(self), key, None), cached_property)
        ]:
            del self.__dict__[key]
        super().__setattr__(name, value)

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        given = ", ".join(f"{name}={shown(value)}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Give the parameters as they were given, unchecked.

        Parameters
        ----------
        deep : bool, default=True
            Ignored; a body has no nested parameters.

        Returns
        -------
        dict
            Parameter names and values.
        """
        given = self.__dict__
        return {name: given.get(f"_given_{name}", given.get(name)) for name in self._get_param_names()}

    @property
    def vertices(self) -> Points:
        """Corner points of the checked surface, ``(v, 3)`` in nm."""
        return self._mesh.vertices

    @vertices.setter
    def vertices(self, value: ArrayLike) -> None:
        self._given_vertices = value

    @property
    def faces(self) -> Triangles:
        """Triangles of the checked surface, ``(f, 3)``, counter-clockwise seen from outside."""
        return self._mesh.faces

    @faces.setter
    def faces(self, value: ArrayLike) -> None:
        self._given_faces = value

    @cached_property
    def _mesh(self) -> Mesh:
        return self._sealed(
            *_mesh.clean_mesh(self._given_vertices, self._given_faces, owner=type(self).__name__)
        )

    @staticmethod
    def _sealed(vertices: Points, faces: Triangles) -> Mesh:
        vertices, faces = vertices.copy(), faces.copy()  # the caller's arrays stay writable
        vertices.setflags(write=False)
        faces.setflags(write=False)
        return Mesh(vertices, faces)

    # -- what can be asked -----------------------------------------------------------------------------------

    @cached_property
    def volume(self) -> float:
        """Enclosed volume in nm^3."""
        return _mesh.volume(*self._mesh)

    @cached_property
    def centroid(self) -> Points:
        """Centre of mass (x, y, z) in nm."""
        return _mesh.centroid(*self._mesh)

    @cached_property
    def circumradius(self) -> float:
        """Distance in nm of the farthest point from the centroid."""
        return float(np.linalg.norm(self.vertices - self.centroid, axis=1).max())

    @cached_property
    def bounds(self) -> Points:
        """Smallest and largest (x, y, z) in nm, ``(2, 3)``."""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])

    @cached_property
    def is_convex(self) -> bool:
        """Whether the body is its own convex hull."""
        return bool(hull_volume(self.vertices) * (1 - CONVEX) <= self.volume)

    @cached_property
    def _plane_faces(self) -> Faces:
        if not self.is_convex:
            raise ValueError(
                f"Half-spaces describe convex bodies only; this {type(self).__name__} is not convex."
            )
        return Faces(*merged_faces(*self._mesh))

    @property
    def normals(self) -> Points:
        """Unit normals n of the faces of a convex body, ``(k, 3)``; inside, n.r <= d."""
        return self._plane_faces.normals

    @property
    def offsets(self) -> NDArray[np.float64]:
        """Distances d in nm of the faces of a convex body from the origin, ``(k,)``; inside, n.r <= d."""
        return self._plane_faces.offsets

    @cached_property
    def _symmetry(self) -> PointSymmetry:
        return find_symmetry(true_corners(*self._mesh), self.centroid)

    @property
    def symmetry_axes(self) -> dict[str, Points]:
        """Unit vectors of the rotation axes by name: ``"C4": (3, 3), "C3": (4, 3), "C2": (6, 3)`` of a cube.

        Each axis stands once, under its highest order, with z >= 0 (then x, then y); an empty dict for a body
        without axes. Axes run through the centroid.
        """
        return self._symmetry.axes

    @property
    def point_group(self) -> str:
        """Schoenflies name of the point group, such as ``"O_h"`` or ``"D_5h"``."""
        return self._symmetry.point_group

    def support(self, directions: ArrayLike) -> NDArray[np.float64]:
        """Give the support function h(n) = max n.r over the body.

        Parameters
        ----------
        directions : array-like of shape (m, 3)
            Directions n, of any length.

        Returns
        -------
        ndarray of shape (m,) [nm]
            The values, times the length of n.

        Examples
        --------
        >>> from scatterkit.solids import Solid
        >>> octahedron = Solid.from_catalogue("octahedron", circumradius=3)
        >>> [round(float(value), 6) for value in octahedron.support([(0, 0, 1), (1, 1, 1)])]
        [3.0, 3.0]
        """
        return self._support(self._check_directions(directions))

    def _check_directions(self, directions: ArrayLike) -> Points:
        return check_array(
            directions,
            name="directions",
            owner=type(self).__name__,
            shape=(None, 3),
            dtype=np.float64,
            what="directions",
        )

    def _support(self, directions: Points) -> NDArray[np.float64]:
        return (directions @ self.vertices.T).max(axis=1)

    def axis(self, axis: str | ArrayLike) -> Points:
        """Give an axis as a unit vector.

        Parameters
        ----------
        axis : str or array-like of shape (3,)
            A direction, ``"x"``, ``"y"`` or ``"z"``, or a name of `symmetry_axes` (the first such axis).

        Returns
        -------
        ndarray of shape (3,)
            The unit vector (x, y, z).

        Examples
        --------
        >>> from scatterkit.solids import Solid
        >>> Solid.from_catalogue("cube").axis("C4").round(6) + 0.0
        array([0., 0., 1.])
        """
        if not isinstance(axis, str):
            return check_direction(axis, name="axis", owner=type(self).__name__)
        if axis in CARTESIAN:
            return np.array(CARTESIAN[axis])
        if axis not in self.symmetry_axes:
            names = ", ".join(repr(name) for name in (*self.symmetry_axes, *CARTESIAN))
            raise fail("axis", type(self).__name__, f"a direction (x, y, z) or one of {names}", repr(axis))
        return self.symmetry_axes[axis][0]
