"""Solids to occupancy on a grid: voxel centres inside, or the share of each voxel that is filled."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import (
    AnyOf,
    Choice,
    Constraint,
    Integer,
    Positive,
    Real,
    fail,
    is_sequence,
    shown,
)
from scatterkit.base import StatelessTransformer
from scatterkit.solids import _soups
from scatterkit.solids.ellipsoid import Ellipsoid
from scatterkit.solids.solid import Solid

Item = Solid | Sequence[Solid]
_AXES = "xyz"
_SLACK = 1e-9  # of the box: a body that touches the box may leave it by rounding


@dataclass(frozen=True)
class _Three:
    """Three values, one for each axis."""

    each: Constraint
    order: str

    def accepts(self, value: Any) -> bool:
        return is_sequence(value, 3) and all(map(self.each.accepts, value))

    def describe(self) -> str:
        return f"three of these, {self.order}"


@dataclass(frozen=True)
class _Frame:
    """The grid's shape and the map from nm to voxels, u = (r - origin) / step, per axis (x, y, z)."""

    shape: tuple[int, int, int]
    box: NDArray[np.float64]

    @property
    def step(self) -> NDArray[np.float64]:
        return self.box / self.shape[::-1]

    def points(self, points: NDArray[Any]) -> NDArray[np.float64]:
        return (np.asarray(points, float) / self.box + 0.5) * self.shape[::-1]

    def planes(self, normals: NDArray[Any], offsets: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        normals = np.asarray(normals, float).reshape(-1, 3)
        offsets = np.asarray(offsets, float).reshape(-1) + normals @ (self.box / 2)
        lengths = np.linalg.norm(normals * self.step, axis=1)
        return normals * self.step / lengths[:, None], offsets / lengths


class Rasterizer(StatelessTransformer):
    """Turn solids into occupancy on a grid.

    Parameters
    ----------
    grid : int or tuple of 3 int, default=64
        Number of voxels along each axis, or ``(nz, ny, nx)``.
    box : float [nm] or tuple of 3 float [nm], default=318.75
        Width of the box, centred on the origin, or its widths ``(x, y, z)``.
    mode : {"coverage", "binary"}, default="coverage"
        ``"coverage"`` gives the share of each voxel that the body fills, ``"binary"`` 1 where the voxel's
        centre lies inside, as in the published volumes, and 0 elsewhere.
    tolerance : float [1], default=1e-3
        Largest error of the coverage of any voxel for an :class:`Ellipsoid`. Polyhedra, meshes and their
        unions are exact to rounding (about 1e-7 in float32) whatever the tolerance.
    n_jobs : int, optional
        Number of threads that share the items; None means 1, -1 all processors.

    See Also
    --------
    Solid : The bodies.

    Notes
    -----
    The coverage rests on the divergence theorem: a closed body is the sum of the prisms below its faces,
    with the sign of the face as seen from above. A prism is clipped to the column of voxels under its
    face and to each slice by polygon clipping [1]_, and integrated in closed form. The cost grows with
    the number of voxels on the surface, not in the box. A union is the sum of its bodies less their
    common parts, and the common part of two prisms is again a prism under the lower of two faces, so that
    overlapping, touching and coinciding bodies come out exactly. Where one mesh overlaps itself, binary
    mode counts it once; for coverage it must be split into bodies given as a union.

    An ellipsoid becomes a geodesic polyhedron of the same volume, as fine as the tolerance asks for; in
    binary mode it needs none and its columns are solved analytically.

    A voxel's centre on the surface of a convex body counts as inside. The faces of other meshes are half
    open, so that a centre shared by two abutting meshes belongs to one of them.

    References
    ----------
    .. [1] I. E. Sutherland and G. W. Hodgman, "Reentrant polygon clipping", Commun. ACM 17, 32 (1974).

    Examples
    --------
    >>> from scatterkit.solids import Rasterizer, Solid
    >>> cube = Solid.from_catalogue("cube", circumradius=100)
    >>> volumes = Rasterizer(grid=32).transform([cube, [cube, cube.shift([20, 0, 0])]])
    >>> volumes.shape
    (2, 32, 32, 32)
    >>> voxel = (318.75 / 32) ** 3
    >>> bool(abs(volumes[0].sum() * voxel / cube.volume - 1) < 1e-5)
    True
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        "grid": AnyOf((Integer(low=1), _Three(Integer(low=1), "(nz, ny, nx)"))),
        "box": AnyOf((Positive("nm"), _Three(Positive("nm"), "(x, y, z)"))),
        "mode": Choice(("coverage", "binary")),
        "tolerance": Real(low=1e-5, high=0.5),
        "n_jobs": AnyOf((Integer(low=1, optional=True), Choice((-1,)))),
    }

    def __init__(
        self,
        grid: int | tuple[int, int, int] = 64,
        box: float | tuple[float, float, float] = 318.75,
        mode: str = "coverage",
        tolerance: float = 1e-3,
        n_jobs: int | None = None,
    ) -> None:
        self.grid = grid
        self.box = box
        self.mode = mode
        self.tolerance = tolerance
        self.n_jobs = n_jobs

    def transform(self, X: Sequence[Item]) -> NDArray[np.float32]:
        """Give the occupancy of each body.

        Parameters
        ----------
        X : sequence of Solid, or of sequences of Solid
            The bodies; an item that is itself a sequence is the union of its bodies.

        Returns
        -------
        ndarray of float32, shape (n, nz, ny, nx)
            Occupancy in [0, 1].

        Raises
        ------
        ValueError
            If ``X`` is empty or holds anything else, or a body leaves the box.
        """
        self._check_parameters()
        frame = self._frame()
        items = _check_items(X, frame)
        volumes = np.zeros((len(items), *frame.shape), np.float32)
        draw = self._draw_binary if self.mode == "binary" else self._draw_coverage
        n_threads = min((os.cpu_count() or 1) if self.n_jobs == -1 else (self.n_jobs or 1), len(items))
        if n_threads == 1:
            for volume, bodies in zip(volumes, items, strict=True):
                draw(volume, bodies, frame)
        else:
            with ThreadPoolExecutor(n_threads) as pool:
                list(pool.map(draw, volumes, items, [frame] * len(items)))
        return volumes

    def _frame(self) -> _Frame:
        nz, ny, nx = np.broadcast_to(self.grid, 3).tolist()
        return _Frame((nz, ny, nx), np.broadcast_to(np.asarray(self.box, float), 3))

    def _draw_binary(self, volume: NDArray[Any], bodies: Sequence[Solid], frame: _Frame) -> None:
        from scatterkit.solids._raster_kernels import convex_columns, mesh_columns, triangles_by_row

        for body in bodies:
            if isinstance(body, Ellipsoid):
                matrix, center = body.matrix / frame.step[:, None], frame.points(body.center)
                planes = frame.planes(body.cut_normals, body.cut_offsets)
                reach = np.linalg.norm(matrix, axis=1)
                quadric = np.linalg.inv(matrix @ matrix.T)
                convex_columns(volume, *planes, quadric, center, center - reach, center + reach)
            elif body.is_convex:
                planes = frame.planes(body.normals, body.offsets)
                low, high = frame.points(body.bounds)
                convex_columns(volume, *planes, np.empty((0, 0)), np.empty(3), low, high)
            else:
                soup = frame.points(body.vertices)[body.faces]
                mesh_columns(volume, soup, *triangles_by_row(soup, volume.shape[1]))

    def _draw_coverage(self, volume: NDArray[Any], bodies: Sequence[Solid], frame: _Frame) -> None:
        from scatterkit.solids._coverage_kernels import prism_coverage
        from scatterkit.solids._raster_kernels import triangles_by_row

        soup = _soups.union([self._part(body, frame) for body in bodies])
        prism_coverage(volume, soup, *triangles_by_row(soup, volume.shape[1]))

    def _part(self, body: Solid, frame: _Frame) -> _soups.Part:
        if not isinstance(body, Ellipsoid):
            return _soups.Part(frame.points(body.vertices)[body.faces], frame.points(body.bounds))
        return _soups.ellipsoid_part(
            body.matrix / frame.step[:, None],
            frame.points(body.center),
            *frame.planes(body.cut_normals, body.cut_offsets),
            self.tolerance,
        )


def _check_items(X: Any, frame: _Frame) -> list[list[Solid]]:
    """Give each item as a list of solids, all of them inside the box; or raise."""
    allowed = "a sequence of Solid, or of sequences of Solid (unions), not empty"
    if isinstance(X, (Solid, str, bytes)) or not isinstance(X, (Sequence, np.ndarray)):
        raise fail("X", "Rasterizer", allowed, shown(X))
    if len(X) == 0:
        raise fail("X", "Rasterizer", allowed, "an empty sequence")
    items = []
    for n, item in enumerate(X):
        bodies = [item] if isinstance(item, Solid) else item
        is_sequence = isinstance(bodies, (Sequence, np.ndarray)) and not isinstance(bodies, (str, bytes))
        if not is_sequence or len(bodies) == 0 or not all(isinstance(body, Solid) for body in bodies):
            raise fail("X", "Rasterizer", allowed, f"item {n}, {shown(item)},")
        items.append(list(bodies))
    for n, bodies in enumerate(items):
        for m, body in enumerate(bodies):
            place = f"item {n}" + (f", body {m} of its union," if len(bodies) > 1 else "")
            _check_inside(body, place, frame)
    return items


def _check_inside(body: Solid, place: str, frame: _Frame) -> None:
    """Raise if a body leaves the box, saying by how much and on which sides."""
    low, high = np.asarray(body.bounds, float)
    excess = np.stack([-frame.box / 2 - low, high - frame.box / 2])
    sides = [
        f"{excess[end, axis]:.4g} nm at {'-+'[end]}{_AXES[axis]}"
        for axis in range(3)
        for end in range(2)
        if excess[end, axis] > _SLACK * frame.box[axis]
    ]
    if sides:
        widths = " x ".join(f"{width:g}" for width in frame.box)
        allowed = f"solids inside the box of {widths} nm centred on the origin"
        raise fail("X", "Rasterizer", allowed, f"{place} leaving it by {' and '.join(sides)}")
