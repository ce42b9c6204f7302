"""SymmetricBody: half-spaces that keep a point group."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit._validation import Constraint, Integer, Real, fail
from scatterkit.fitting._planes import Floats, closure, spread_directions
from scatterkit.fitting.models._oriented import OrientedModel, turns_of
from scatterkit.fitting.models._point_groups import PointGroup, group_matrices
from scatterkit.fitting.models._prior import BACK_WEIGHT, short_back_gradient
from scatterkit.fitting.models.base import Volume
from scatterkit.fitting.models.convex import SHIFT_RATE, TILT_RATE, moved_planes

SHELL = (0.85, 1.1)
"""Offsets of the half-spaces to start from, in radii."""

WELL_CLOSED = 0.2
"""How far the hull of the normals of a closed body must reach beyond the origin: 0.33 for a tetrahedron."""

N_DRAWS = 400
"""Sets of half-spaces that are tried for images that bound a body."""


class SymmetricBody(OrientedModel):
    """A convex body with a point group imposed: a few free half-spaces, and their images under the group.

    Parameters
    ----------
    group : str, default="O_h"
        Schoenflies name of the point group, such as ``"O_h"``, ``"I_h"``, ``"D_5h"`` or ``"C_4v"``.
    n_orbits : int, default=3
        Number of free half-spaces; each brings its images under all operations of the group, which meet in one face
        where its normal comes to lie on a mirror plane or an axis. Groups with few operations need several, so that
        all images together bound a body: ``"C_1"`` four, ``"C_s"`` three.
    n_orientations : int, default=24
        Random orientations to start from, at each radius, each with other free half-spaces: near the axes of the
        group, as most facets of crystals, or away from them.
    back_weight : float [1], default=3e-7
        Strength of the assumption about the hidden back, as in `ConvexBody`. The group tells the back more than
        this does where it holds an operation that turns it to the front.

    See Also
    --------
    CatalogueBody : A body of fixed shape.
    ConvexBody : A body without symmetry.

    Notes
    -----
    The symmetry is an assumption, which the fit does not test: compare the residual with that of a `ConvexBody`.
    A point is the orientation as a quaternion (4), then normal (x, y, z) and offset in nm of each free half-space.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.fitting import SymmetricBody
    >>> free = [[0, 0, 1, 40.0], [0.8, 0, 0.6, 50.0]]  # normal and offset of two half-spaces
    >>> solid = SymmetricBody("D_5h", n_orbits=2).solid(np.ravel([[0, 0, 0, 1], *free]), limit=150.0)
    >>> len(solid.normals), solid.point_group
    (12, 'D_5h')
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "group": PointGroup(),
        "n_orbits": Integer(1, 64),
        "n_orientations": Integer(1),
        "back_weight": Real(low=0),
    }

    def __init__(
        self,
        group: str = "O_h",
        n_orbits: int = 3,
        n_orientations: int = 24,
        back_weight: float = BACK_WEIGHT,
    ) -> None:
        self.group = group
        self.n_orbits = n_orbits
        self.n_orientations = n_orientations
        self.back_weight = back_weight

    def _check_parameters(self) -> None:
        super()._check_parameters()
        fewest = fewest_orbits(self.group)
        if self.n_orbits < fewest:
            allowed = f"at least {fewest} with the group {self.group!r}, so that the images bound a body"
            raise fail("n_orbits", type(self).__name__, allowed, str(self.n_orbits))

    def starts(self, radii: Floats, rng: np.random.Generator) -> list[Floats]:
        points = []
        for radius in radii:
            for turn in Rotation.random(self.n_orientations, rng=rng):
                normals = self._drawn_normals(rng)
                free = np.column_stack([normals, radius * rng.uniform(*SHELL, len(normals))])
                points.append(np.concatenate([turn.as_quat(), free.ravel()]))
        return points

    def _drawn_normals(self, rng: np.random.Generator) -> Floats:
        """Normals near axes of the group or away from them, whose images close a body if any do in a few draws."""
        pool = np.vstack([axis_directions(self.group), spread_orbits(self.group, self.n_orbits)])
        for _ in range(20):
            normals = pool[rng.permutation(len(pool))[: self.n_orbits]]
            # where images coincide, the gradient would not know where to turn them
            normals = normals + 0.03 * rng.normal(size=normals.shape)
            normals /= np.linalg.norm(normals, axis=1, keepdims=True)
            if _closes(self.group, normals):
                return normals
        found = _closing_normals(self.group, self.n_orbits, rng)
        return pool[-self.n_orbits :] if found is None else found

    def planes(self, point: Floats) -> tuple[Floats, Floats]:
        free = point[4:].reshape(-1, 4)
        images = np.einsum("gij,oj->goi", group_matrices(self.group), free[:, :3])
        offsets = np.tile(free[:, 3], len(images))
        return self._turn(point).apply(images.reshape(-1, 3)), offsets

    def plane_tangent(self, point: Floats) -> tuple[Floats, Floats]:
        free, matrices = point[4:].reshape(-1, 4), group_matrices(self.group)
        shape = (len(matrices), len(free))
        by_normals = np.zeros((*shape, 3, 3 + 4 * len(free)))
        by_offsets = np.zeros((*shape, 3 + 4 * len(free)))
        by_normals[..., :3] = turns_of(self.planes(point)[0]).reshape(*shape, 3, 3)
        for number, plane in enumerate(free):
            first = 3 + 4 * number
            # a step along the normal itself only changes its length
            across = np.eye(3) - np.outer(plane[:3], plane[:3])
            by_normals[:, number, :, first : first + 3] = self._turn(point).as_matrix() @ matrices @ across
            by_offsets[:, number, first + 3] = 1.0
        return by_normals.reshape(-1, 3, by_normals.shape[-1]), by_offsets.reshape(-1, by_offsets.shape[-1])

    def move(self, point: Floats, step: Floats, limit: float) -> Floats:
        moved = self._turned(point, step)
        free = moved_planes(moved[4:].reshape(-1, 4), np.zeros(4))
        return np.concatenate([moved[:4], free.ravel()])

    def rates(self, point: Floats) -> Floats:
        n_orbits = (len(point) - 4) // 4
        return np.concatenate([np.full(3, 0.03), np.tile([*[TILT_RATE] * 3, SHIFT_RATE], n_orbits)])

    def prior_gradient(self, volume: Volume, box: float) -> Volume | None:
        return short_back_gradient(volume, box, self.back_weight)


def _closes(group: str, normals: Floats) -> bool:
    """Whether the images of half-spaces bound a body, and not one that is all corners."""
    images = np.einsum("gij,oj->goi", group_matrices(group), normals).reshape(-1, 3)
    return closure(images) > WELL_CLOSED


def _closing_normals(group: str, n_orbits: int, rng: np.random.Generator) -> Floats | None:
    """Draw normals whose images bound a body, at random or evenly spread; None where none do in many draws."""
    even = spread_directions(n_orbits)
    for number in range(N_DRAWS):
        normals = Rotation.random(rng=rng).apply(even) if number % 2 else rng.normal(size=even.shape)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        if _closes(group, normals):
            return normals
    return None


@lru_cache(maxsize=64)
def fewest_orbits(group: str) -> int:
    """Give the smallest number of free half-spaces whose images bound a body: four at most."""
    rng = np.random.default_rng(0)  # the same answer at each call
    return next((n for n in (1, 2, 3) if _closing_normals(group, n, rng) is not None), 4)


@lru_cache(maxsize=32)
def axis_directions(group: str) -> Floats:
    """Give the ends of the rotation axes of a point group, ``(m, 3)``, one of those that it maps onto one another."""
    matrices = group_matrices(group)
    turns = Rotation.from_matrix(matrices[np.linalg.det(matrices) > 0][1:]).as_rotvec().reshape(-1, 3)
    axes = turns / np.linalg.norm(turns, axis=1, keepdims=True)
    found: list[Floats] = []
    for axis in np.vstack([axes, -axes]):
        images = matrices @ axis
        if all(np.abs(images - other).max(axis=1).min() > 1e-6 for other in found):
            found.append(axis)
    return np.array(found).reshape(-1, 3)


@lru_cache(maxsize=32)
def spread_orbits(group: str, n_orbits: int) -> Floats:
    """Give normals ``(n_orbits, 3)`` whose images, and those of one another, lie far apart, as on a sphere."""
    matrices = group_matrices(group)
    directions = spread_directions(400)
    images = np.einsum("gij,cj->cgi", matrices, directions)
    # nearness of each direction to its own images: on an axis or mirror plane some coincide
    nearest = np.einsum("cgi,ci->cg", images[:, 1:], directions).max(axis=1, initial=-1.0)
    chosen: list[int] = []
    for _ in range(n_orbits):
        chosen.append(int(np.argmin(nearest)))
        nearest = np.maximum(nearest, (directions @ images[chosen[-1]].T).max(axis=1))
    return directions[chosen]
