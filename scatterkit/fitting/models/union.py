"""UnionBody: two or three convex bodies."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit._validation import Constraint, Integer, InvalidParameterError, Real
from scatterkit.fitting._plane_kernels import soft_occupancy, soft_occupancy_adjoint
from scatterkit.fitting._planes import Floats, box_limit, with_box
from scatterkit.fitting.models._merging import with_one_face_less, without_flat_edges
from scatterkit.fitting.models._prior import BACK_WEIGHT, short_back_gradient
from scatterkit.fitting.models._union_mesh import union_solid
from scatterkit.fitting.models.base import BodyModel, Volume
from scatterkit.fitting.models.convex import (
    SHIFT_RATE,
    TILT_RATE,
    free_plane_pullback,
    moved_planes,
    sphere_point,
)
from scatterkit.solids import Solid

APART = 0.75
"""Half the distance of neighbouring spheres to start from, in their radii."""


class UnionBody(BodyModel):
    """An agglomerate: the union of two or three convex bodies of free half-spaces, grown out of spheres.

    Parameters
    ----------
    n_bodies : int, default=2
        Number of bodies, 2 or 3.
    n_faces : int, default=20
        Number of half-spaces of each body. Those that it does not need end up outside it.
    n_arrangements : int, default=6
        Random directions of the spheres from one another to start from, at each radius.
    widest_merge : float [rad], default=0.6
        Two neighbouring faces on the lit side of a body are tried as one where their normals differ by less than this.
    back_weight : float [1], default=3e-7
        Strength of the assumption about the hidden back, as in `ConvexBody`.

    See Also
    --------
    ConvexBody : A single body.
    StarBody : A smooth body, not convex either.

    Notes
    -----
    A point is an array ``(n_bodies, 1 + n_faces, 4)``: in the first row of each body its centre (x, y, z) in nm and a
    zero, in the others normal and distance from the centre in nm. Occupancies unite as ``1 - prod(1 - o_i)``. A body
    that vanishes on the way is left out of the `Solid`, whose surface is exact, except where the bodies only just
    touch; there it comes from the occupancy on 96 voxels.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.fitting import UnionBody
    >>> model = UnionBody(n_bodies=2, n_faces=30)
    >>> start = model.starts(np.array([60.0]), np.random.default_rng(0))[0]
    >>> start.shape, model.solid(start, limit=150.0).is_convex
    ((2, 31, 4), False)
    """

    grows_from_spheres: ClassVar[bool] = True
    _constraints: ClassVar[dict[str, Constraint]] = {
        "n_bodies": Integer(2, 3),
        "n_faces": Integer(8),
        "n_arrangements": Integer(1),
        "widest_merge": Real(low=0, high=1.5, unit="rad"),
        "back_weight": Real(low=0),
    }

    def __init__(
        self,
        n_bodies: int = 2,
        n_faces: int = 20,
        n_arrangements: int = 6,
        widest_merge: float = 0.6,
        back_weight: float = BACK_WEIGHT,
    ) -> None:
        self.n_bodies = n_bodies
        self.n_faces = n_faces
        self.n_arrangements = n_arrangements
        self.widest_merge = widest_merge
        self.back_weight = back_weight

    def starts(self, radii: Floats, rng: np.random.Generator) -> list[Floats]:
        angles = 2 * np.pi * np.arange(self.n_bodies) / self.n_bodies
        ring = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(self.n_bodies)])
        points = []
        for radius in radii:
            each = radius / np.cbrt(self.n_bodies)
            spacing = APART * each / np.sin(np.pi / self.n_bodies)
            for turn in Rotation.random(self.n_arrangements, rng=rng):
                bodies = [
                    np.vstack([[*centre, 0.0], sphere_point(self.n_faces, each, rng)])
                    for centre in spacing * turn.apply(ring)
                ]
                points.append(np.array(bodies))
        return points

    def part_planes(self, point: Floats) -> list[tuple[Floats, Floats]]:
        """Give the half-spaces of each body.

        Parameters
        ----------
        point : ndarray of shape (n_bodies, 1 + n_faces, 4)
            The parameters.

        Returns
        -------
        list of (ndarray of shape (n_faces, 3), ndarray of shape (n_faces,))
            Unit normals and distances from the origin in nm, of each body.
        """
        return [(body[1:, :3], body[1:, 3] + body[1:, :3] @ body[0, :3]) for body in point]

    def _parts(self, point: Floats, grid: int, box: float, width: float) -> list[Volume]:
        limit = box_limit(box)
        return [
            soft_occupancy(*with_box(*planes, limit), grid, box, width) for planes in self.part_planes(point)
        ]

    def occupancy(self, point: Floats, grid: int, box: float, width: float) -> Volume:
        return 1 - np.prod([1 - part for part in self._parts(point, grid, box, width)], axis=0)

    def pullback(self, point: Floats, by_volume: Volume, box: float, width: float) -> Floats:
        empty = [1 - part for part in self._parts(point, by_volume.shape[0], box, width)]
        gradient = np.zeros(point.shape)
        for i, (normals, offsets) in enumerate(self.part_planes(point)):
            left = np.prod([other for j, other in enumerate(empty) if j != i], axis=0)
            planes = with_box(normals, offsets, box_limit(box))
            by_normals, by_offsets = soft_occupancy_adjoint(*planes, box, width, by_volume * left)
            by_normals, by_offsets = by_normals[: len(offsets)], by_offsets[: len(offsets)]
            gradient[i, 0, :3] = by_offsets @ normals
            by_normals = by_normals + np.outer(by_offsets, point[i, 0, :3])
            gradient[i, 1:] = free_plane_pullback(point[i, 1:], by_normals, by_offsets)
        return gradient

    def move(self, point: Floats, step: Floats, limit: float) -> Floats:
        moved = point.copy()
        moved[:, 0, :3] = np.clip(point[:, 0, :3] + step[:, 0, :3], -limit, limit)
        for body, change in zip(moved, step, strict=True):
            body[1:] = moved_planes(body[1:], change[1:])
        return moved

    def bounds(self, point: Floats) -> tuple[Floats, Floats]:
        low, high = super().bounds(point)
        low[:, 0, 3] = high[:, 0, 3] = 0.0
        return low, high

    def rates(self, point: Floats) -> Floats:
        rates = np.tile([TILT_RATE, TILT_RATE, TILT_RATE, SHIFT_RATE], (*point.shape[:2], 1))
        rates[:, 0] = [SHIFT_RATE, SHIFT_RATE, SHIFT_RATE, 0.0]
        return rates

    def prior_gradient(self, volume: Volume, box: float) -> Volume | None:
        return short_back_gradient(volume, box, self.back_weight)

    def recentred(self, point: Floats, shift: Floats) -> Floats:
        moved = point.copy()
        moved[:, 0, :3] += shift
        return moved

    def simpler(self, point: Floats, limit: float) -> list[Floats]:
        points = []
        for i, body in enumerate(point):
            # a body's own half-spaces, about its own centre; the box takes no part
            bodies = with_one_face_less(body[1:, :3], body[1:, 3], 2 * limit, self.widest_merge)
            for planes in bodies:
                trial = point.copy()
                trial[i, 1:] = np.column_stack(planes)
                points.append(trial)
        return points

    def solid(self, point: Floats, limit: float) -> Solid:
        bodies = []
        for planes in self.part_planes(point):
            try:
                planes = with_box(*without_flat_edges(*planes, limit), limit)
                bodies.append(Solid.from_halfspaces(*planes))
            except InvalidParameterError:  # this body has vanished
                continue
        if len(bodies) < 2:
            return bodies[0] if bodies else super().solid(point, limit)
        return union_solid(bodies) or super().solid(point, limit)
