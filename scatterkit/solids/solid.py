"""A closed body in nm: where it comes from, what can be done to it, and where it goes."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from scatterkit._random import RandomState
from scatterkit._validation import Instance, Positive, Real, check_array, check_value, fail
from scatterkit.solids._body import Body
from scatterkit.solids._clip import clip_convex, clip_mesh
from scatterkit.solids._halfspaces import (
    check_direction,
    halfspace_points,
    hull_mesh,
)
from scatterkit.solids._mesh import Points, Triangles

if TYPE_CHECKING:
    import trimesh


class Solid(Body):
    """A closed body, given by the triangles of its surface.

    Bodies do not change: each operation returns a new one. The surface is checked when it is first used: it
    must be closed; triangles that are turned inside out are turned back.

    Parameters
    ----------
    vertices : array-like of shape (v, 3) [nm]
        Corner points (x, y, z).
    faces : array-like of int of shape (f, 3)
        The vertex numbers of each triangle.
    name : str, optional
        What the body is called, for example its name in the catalogue.

    See Also
    --------
    Ellipsoid : A smooth body.
    SolidSampler : Random bodies.

    Examples
    --------
    >>> from scatterkit.solids import Solid
    >>> cube = Solid.from_catalogue("cube", circumradius=100)
    >>> round(cube.stretch(1.5, axis="C4").volume / cube.volume, 6)
    1.5
    >>> half = cube.cut(normal=(0, 0, 1), offset=0)
    >>> round(half.volume / cube.volume, 6)
    0.5
    """

    def __init__(self, vertices: ArrayLike, faces: ArrayLike, name: str | None = None) -> None:
        self.vertices = vertices
        self.faces = faces
        self.name = name

    @classmethod
    def _trusted(cls, vertices: Points, faces: Triangles, name: str | None) -> Solid:
        """Give a body whose surface comes from a checked one."""
        body = Solid(vertices, faces, name)
        body.__dict__["_mesh"] = cls._sealed(vertices, faces)
        return body

    @classmethod
    def _hull(cls, points: Points, name: str | None) -> Solid:
        body = cls._trusted(*hull_mesh(points, owner=cls.__name__), name)
        body.__dict__["is_convex"] = True
        return body

    # -- where bodies come from ------------------------------------------------------------------------------

    @classmethod
    def from_catalogue(
        cls, name: str, circumradius: float = 100.0, *, random_state: RandomState = None
    ) -> Solid:
        """Give a body of the catalogue, its centroid at the origin.

        Parameters
        ----------
        name : str
            A name of `catalogue_names`, such as ``"truncated_octahedron"`` or ``"Truncated Octahedron"``.
        circumradius : float [nm], default=100
            Distance of the farthest point from the centroid.
        random_state : int, numpy.random.Generator or None
            Draws the random bodies; the others ignore it.

        Returns
        -------
        Solid
            The body; an `Ellipsoid` for ``"sphere"``.

        See Also
        --------
        scatterkit.solids.catalogue_names : All names.

        Examples
        --------
        >>> from scatterkit.solids import Solid
        >>> body = Solid.from_catalogue("icosahedron", circumradius=50)
        >>> len(body.vertices), len(body.normals), body.point_group
        (12, 20, 'I_h')
        """
        from scatterkit.solids.catalogue import catalogue_solid

        check_value(circumradius, Positive("nm"), name="circumradius", owner=cls.__name__)
        return catalogue_solid(name, float(circumradius), random_state)

    @classmethod
    def from_halfspaces(cls, normals: ArrayLike, offsets: ArrayLike, name: str | None = None) -> Solid:
        """Give the convex body {r : n_i.r <= d_i for all i}.

        Parameters
        ----------
        normals : array-like of shape (k, 3)
            Outward directions; their lengths are divided out of the offsets.
        offsets : array-like of shape (k,) [nm]
            Distances of the planes from the origin, along the normals.
        name : str, optional
            What the body is called.

        Returns
        -------
        Solid
            The body. Planes that do not touch it leave no trace.

        Raises
        ------
        ValueError
            If the half-spaces enclose nothing, or do not close.

        Examples
        --------
        >>> import numpy as np
        >>> from scatterkit.solids import Solid
        >>> box = Solid.from_halfspaces(np.vstack([np.eye(3), -np.eye(3)]), [1, 2, 3, 1, 2, 3])
        >>> round(box.volume, 6)
        48.0
        """
        return cls._hull(halfspace_points(normals, offsets, owner=cls.__name__), name)

    @classmethod
    def from_points(cls, points: ArrayLike, name: str | None = None) -> Solid:
        """Give the convex hull of points.

        Parameters
        ----------
        points : array-like of shape (m, 3) [nm]
            Points (x, y, z), at least four of them not in a plane.
        name : str, optional
            What the body is called.

        Returns
        -------
        Solid
            The body.

        Examples
        --------
        >>> from scatterkit.solids import Solid
        >>> corner = Solid.from_points([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
        >>> round(6 * corner.volume, 6)
        1.0
        """
        array = check_array(
            points, name="points", owner=cls.__name__, shape=(None, 3), dtype=np.float64, what="points in nm"
        )
        return cls._hull(array, name)

    @classmethod
    def from_file(cls, path: str | PathLike[str], name: str | None = None) -> Solid:
        """Read a body from a mesh file whose coordinates are in nm.

        Parameters
        ----------
        path : str or path
            A file in STL, PLY, OBJ or GLB.
        name : str, optional
            What the body is called; the file's stem otherwise.

        Returns
        -------
        Solid
            The body.

        Raises
        ------
        ValueError
            If the file holds no mesh, or the surface is open.
        """
        from scatterkit.solids._mesh_files import read_mesh

        vertices, faces, stem = read_mesh(path, owner=cls.__name__)
        body = Solid(vertices, faces, name or stem)
        try:
            _ = body._mesh  # an open surface is told here, where the file is named
        except ValueError as error:
            error.add_note(
                f"The mesh is that of {fspath(path)}. Programs for meshes close holes, such as MeshLab, or "
                "trimesh.repair.fill_holes."
            )
            raise
        return body

    # -- what can be done ------------------------------------------------------------------------------------

    def scale(self, factor: float) -> Solid:
        """Give the body blown up from the origin.

        Parameters
        ----------
        factor : float
            A positive factor.

        Returns
        -------
        Solid
            The new body.
        """
        check_value(factor, Positive(), name="factor", owner=type(self).__name__)
        return self._alike(self._affine(float(factor) * np.eye(3), np.zeros(3)))

    def stretch(self, factor: float, axis: str | ArrayLike) -> Solid:
        """Give the body stretched along an axis, the plane through the origin across it at rest.

        Parameters
        ----------
        factor : float
            A positive factor; below 1 the body is pressed flat.
        axis : str or array-like of shape (3,)
            As for `axis`: a direction or the name of a symmetry axis.

        Returns
        -------
        Solid
            The new body, its volume times the factor.
        """
        check_value(factor, Positive(), name="factor", owner=type(self).__name__)
        direction = self.axis(axis)
        return self._affine(np.eye(3) + (factor - 1) * np.outer(direction, direction), np.zeros(3))

    def rotate(self, rotation: Rotation) -> Solid:
        """Give the body turned about the origin.

        Parameters
        ----------
        rotation : scipy.spatial.transform.Rotation
            A single rotation.

        Returns
        -------
        Solid
            The new body.
        """
        check_value(rotation, Instance((Rotation,)), name="rotation", owner=type(self).__name__)
        if not rotation.single:
            raise fail("rotation", type(self).__name__, "a single rotation", f"{len(rotation)} rotations")
        return self._affine(rotation.as_matrix(), np.zeros(3))

    def shift(self, vector: ArrayLike) -> Solid:
        """Give the body moved.

        Parameters
        ----------
        vector : array-like of shape (3,) [nm]
            The way (x, y, z).

        Returns
        -------
        Solid
            The new body.
        """
        way = check_array(vector, name="vector", owner=type(self).__name__, shape=(3,), dtype=np.float64)
        return self._alike(self._affine(np.eye(3), way))

    def cut(self, normal: ArrayLike, offset: float) -> Solid:
        """Give the part of the body below a plane, n.r <= d.

        Parameters
        ----------
        normal : array-like of shape (3,)
            Direction n, of any length but zero; the part it points to is cut away.
        offset : float [nm]
            Distance d of the plane from the origin, along n (taken with length 1).

        Returns
        -------
        Solid
            The new body; an equal one where the plane misses it.

        Raises
        ------
        ValueError
            If nothing would be left.
        """
        direction = check_direction(normal, name="normal", owner=type(self).__name__)
        check_value(offset, Real(unit="nm"), name="offset", owner=type(self).__name__)
        lowest = -float(self._support(-direction[None])[0])
        highest = float(self._support(direction[None])[0])
        slack = 1e-9 * (highest - lowest)
        if offset <= lowest + slack:
            allowed = f"a float in nm above {lowest:g}, where the body begins along the normal"
            raise fail("offset", type(self).__name__, allowed, f"{offset!r}, which leaves nothing,")
        if offset >= highest - slack:
            return self._affine(np.eye(3), np.zeros(3))
        return self._cut(direction, float(offset))

    def _alike(self, body: Solid) -> Solid:
        """Hand on what is known of the symmetry to a body of the same shape and orientation."""
        if "_symmetry" in self.__dict__:
            body.__dict__["_symmetry"] = self._symmetry
        return body

    def _affine(self, linear: Points, translation: Points) -> Solid:
        body = self._trusted(self.vertices @ linear.T + translation, self.faces, self.name)
        # what took long to find and goes along with the map
        if "is_convex" in self.__dict__:
            body.__dict__["is_convex"] = self.is_convex
        if "_plane_faces" in self.__dict__:
            body.__dict__["_plane_faces"] = self._plane_faces.mapped(linear, translation)
        return body

    def _cut(self, normal: Points, offset: float) -> Solid:
        if self.is_convex:
            return self._hull(clip_convex(*self._mesh, normal, offset), self.name)
        return self._trusted(*clip_mesh(*self._mesh, normal, offset), self.name)

    # -- where bodies go -------------------------------------------------------------------------------------

    def to_trimesh(self) -> trimesh.Trimesh:
        """Give the surface as a mesh of the trimesh library.

        Returns
        -------
        trimesh.Trimesh
            The surface, in nm.
        """
        import trimesh

        return trimesh.Trimesh(np.array(self.vertices), np.array(self.faces), process=False)

    def to_file(self, path: str | PathLike[str]) -> None:
        """Write the surface to a mesh file, coordinates in nm.

        Parameters
        ----------
        path : str or path
            A file name that ends in .stl, .ply, .obj or .glb.
        """
        from scatterkit.solids._mesh_files import write_mesh

        write_mesh(self.to_trimesh(), path, owner=type(self).__name__)
