"""ConvexBody: free half-spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit._validation import Constraint, Integer, Real
from scatterkit.fitting._planes import Floats, spread_directions, with_box
from scatterkit.fitting.models._merging import with_one_face_less, without_flat_edges
from scatterkit.fitting.models._prior import BACK_WEIGHT, short_back_gradient
from scatterkit.fitting.models.base import PlaneModel, Volume
from scatterkit.solids import Solid

TILT_RATE, SHIFT_RATE = 0.012, 0.9
"""Usual step of a half-space's normal in rad and of its offset in nm."""

if TYPE_CHECKING:
    from scatterkit.fitting.first_look import FirstLook


class ConvexBody(PlaneModel):
    """Any convex body: the intersection of free half-spaces, grown out of spheres.

    Parameters
    ----------
    n_faces : int, default=48
        Number of half-spaces. Those that the body does not need end up outside it.
    widest_merge : float [rad], default=0.6
        Two neighbouring faces on the lit side are tried as one where their normals differ by less than this.
    back_weight : float [1], default=3e-7
        Strength of the assumption about the hidden back: slices deeper behind the front than the body is wide
        cost in proportion to their volume and depth. The pattern does not tell the back; with 0 it grows until
        it meets the box.

    See Also
    --------
    CatalogueBody : A body of fixed shape.
    SupportBody : Half-spaces in fixed directions.
    SymmetricBody : Half-spaces that keep a point group.

    Notes
    -----
    A point is an array ``(n_faces, 4)`` of unit normal (x, y, z) and offset in nm. Lit faces that differ by less than
    0.01 rad are one face in the `Solid`.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.fitting import ConvexBody
    >>> model = ConvexBody(n_faces=60)
    >>> start, = model.starts(np.array([50.0]), np.random.default_rng(0))
    >>> 50**3 * 4.19 < model.solid(start, limit=150.0).volume < 50**3 * 4.19 * 1.15
    True
    """

    grows_from_spheres: ClassVar[bool] = True
    _constraints: ClassVar[dict[str, Constraint]] = {
        "n_faces": Integer(8),
        "widest_merge": Real(low=0, high=1.5, unit="rad"),
        "back_weight": Real(low=0),
    }

    def __init__(
        self, n_faces: int = 48, widest_merge: float = 0.6, back_weight: float = BACK_WEIGHT
    ) -> None:
        self.n_faces = n_faces
        self.widest_merge = widest_merge
        self.back_weight = back_weight

    def starts(self, radii: Floats, rng: np.random.Generator) -> list[Floats]:
        return [sphere_point(self.n_faces, radius, rng) for radius in radii]

    def first_points(self, look: FirstLook, n: int, rng: np.random.Generator) -> list[Floats]:
        return [np.column_stack(look.start_planes(self.n_faces, rng)) for _ in range(n)]

    def shifts(self, point: Floats) -> Floats:
        steps = np.zeros((3, *point.shape))
        steps[:, :, 3] = point[:, :3].T
        return steps.reshape(3, -1)

    def with_short_back(self, point: Floats, end: float) -> Floats:
        cut = point.copy()
        cut[np.argmax(point[:, 2])] = (0, 0, 1, end)
        return cut

    def planes(self, point: Floats) -> tuple[Floats, Floats]:
        return point[:, :3], point[:, 3]

    def plane_tangent(self, point: Floats) -> tuple[Floats, Floats]:
        k = len(point)
        by_normals, by_offsets = np.zeros((k, 3, k, 4)), np.zeros((k, k, 4))
        each = np.arange(k)
        # a step along the normal itself only changes its length
        by_normals[each, :, each, :3] = np.eye(3) - np.einsum("ki,kj->kij", point[:, :3], point[:, :3])
        by_offsets[each, each, 3] = 1
        return by_normals.reshape(k, 3, 4 * k), by_offsets.reshape(k, 4 * k)

    def plane_pullback(self, point: Floats, by_normals: Floats, by_offsets: Floats) -> Floats:
        return free_plane_pullback(point, by_normals, by_offsets)

    def move(self, point: Floats, step: Floats, limit: float) -> Floats:
        return moved_planes(point, step)

    def rates(self, point: Floats) -> Floats:
        return np.tile([TILT_RATE, TILT_RATE, TILT_RATE, SHIFT_RATE], (len(point), 1))

    def prior_gradient(self, volume: Volume, box: float) -> Volume | None:
        return short_back_gradient(volume, box, self.back_weight)

    def simpler(self, point: Floats, limit: float) -> list[Floats]:
        bodies = with_one_face_less(*self.planes(point), limit, self.widest_merge)
        return [np.column_stack(body) for body in bodies]

    def recentred(self, point: Floats, shift: Floats) -> Floats:
        moved = point.copy()
        moved[:, 3] += moved[:, :3] @ shift
        return moved

    def solid(self, point: Floats, limit: float) -> Solid:
        planes = without_flat_edges(*self.planes(point), limit)
        return Solid.from_halfspaces(*with_box(*planes, limit))


def sphere_point(n_faces: int, radius: float, rng: np.random.Generator) -> Floats:
    """Give half-spaces ``(n_faces, 4)`` of normal and offset around a sphere, in a random orientation."""
    normals = Rotation.random(rng=rng).apply(spread_directions(n_faces))
    return np.column_stack([normals, np.full(n_faces, radius)])


def free_plane_pullback(point: Floats, by_normals: Floats, by_offsets: Floats) -> Floats:
    """Turn a gradient on free half-spaces into one on steps, along which normals keep their length."""
    along = np.einsum("ij,ij->i", by_normals, point[:, :3])
    return np.column_stack([by_normals - along[:, None] * point[:, :3], by_offsets])


def moved_planes(point: Floats, step: Floats) -> Floats:
    """Move half-spaces ``(k, 4)`` of unit normal and offset by a step."""
    moved = point + step
    moved[:, :3] /= np.linalg.norm(moved[:, :3], axis=1, keepdims=True)
    return moved
