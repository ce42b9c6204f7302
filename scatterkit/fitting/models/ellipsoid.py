"""EllipsoidBody: three semi-axes and an orientation."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit._validation import Constraint, Integer
from scatterkit.fitting._planes import Floats, spread_directions
from scatterkit.fitting.models._intervals import AroundOne
from scatterkit.fitting.models._oriented import OrientedModel
from scatterkit.solids import Ellipsoid, Solid

SPHERE_PLANES = 256
"""Half-spaces that stand for a sphere while it is fitted."""

SMOOTH_DIRECTIONS = 256
"""Tangent planes that stand for a body that is not convex."""


@lru_cache(maxsize=1)
def sphere_planes() -> tuple[Floats, Floats]:
    """Give half-spaces of a polyhedron with the unit sphere's volume; its surface lies within 0.6 % of the sphere."""
    normals = spread_directions(SPHERE_PLANES)
    volume = Solid.from_halfspaces(normals, np.ones(SPHERE_PLANES)).volume
    return normals, np.full(SPHERE_PLANES, float(np.cbrt(4 / 3 * np.pi / volume)))


class EllipsoidBody(OrientedModel):
    """An ellipsoid: three semi-axes and the orientation are free.

    Parameters
    ----------
    aspect : (float, float) [1], default=(0.3, 3.0)
        Smallest and largest ratio of a semi-axis to the geometric mean of all three.
    n_orientations : int, default=8
        Random orientations to start from, at each radius; each starts with random semi-axes.

    See Also
    --------
    StarBody : A smooth body of any shape.

    Notes
    -----
    A point is the orientation as a quaternion (4) and the logarithms of the semi-axes in nm (3). While it is fitted,
    256 half-spaces of the same volume stand for the ellipsoid; its `Solid` is exact.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.fitting import EllipsoidBody
    >>> point = np.concatenate([[0, 0, 0, 1], np.log([30, 40, 50])])
    >>> EllipsoidBody().solid(point, limit=150.0).bounds[1].round(6).tolist()
    [30.0, 40.0, 50.0]
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "aspect": AroundOne(),
        "n_orientations": Integer(1),
    }

    def __init__(self, aspect: tuple[float, float] = (0.3, 3.0), n_orientations: int = 8) -> None:
        self.aspect = aspect
        self.n_orientations = n_orientations

    def starts(self, radii: Floats, rng: np.random.Generator) -> list[Floats]:
        points = []
        for radius in radii:
            for turn in Rotation.random(self.n_orientations, rng=rng):
                logs = np.log(radius) + rng.uniform(-0.25, 0.25, 3)
                points.append(np.concatenate([turn.as_quat(), self._within_aspect(logs)]))
        return points

    def _within_aspect(self, logs: Floats) -> Floats:
        mean, (low, high) = logs.mean(), np.log(self.aspect)
        away = logs - mean
        too_far = max(away.max() / max(high, 1e-12), away.min() / min(low, -1e-12), 1.0)
        return mean + away / too_far

    def planes(self, point: Floats) -> tuple[Floats, Floats]:
        units, distances = sphere_planes()
        normals = units * np.exp(-point[4:])  # the plane u.v <= d of the ball that the semi-axes stretch
        lengths = np.linalg.norm(normals, axis=1)
        return self._turn(point).apply(normals / lengths[:, None]), distances / lengths

    def move(self, point: Floats, step: Floats, limit: float) -> Floats:
        moved = self._turned(point, step)
        moved[4:] = self._within_aspect(moved[4:])
        reach = np.linalg.norm(self._turn(moved).as_matrix() * np.exp(moved[4:]), axis=1).max()
        moved[4:] -= max(0.0, np.log(reach) - np.log(limit))
        return moved

    def rates(self, point: Floats) -> Floats:
        return np.array([0.03, 0.03, 0.03, 0.02, 0.02, 0.02])

    def solid(self, point: Floats, limit: float) -> Solid:
        return Ellipsoid(self._turn(point).as_matrix() * np.exp(point[4:]))


def planes_of_ellipsoid(solid: Ellipsoid) -> tuple[Floats, Floats]:
    """Give half-spaces of about an ellipsoid's volume, and those that cut it."""
    units, distances = sphere_planes()
    normals = units @ np.linalg.inv(solid.matrix)
    lengths = np.linalg.norm(normals, axis=1)
    normals = normals / lengths[:, None]
    offsets = distances / lengths + normals @ solid.center
    return np.vstack([normals, solid.cut_normals]), np.concatenate([offsets, solid.cut_offsets])


def planes_of(solid: Solid) -> tuple[Floats, Floats]:
    """Give the half-spaces of a body: its faces; around a smooth one, planes of the same volume or tangent ones."""
    if isinstance(solid, Ellipsoid):
        return planes_of_ellipsoid(solid)
    if solid.is_convex:
        return np.array(solid.normals), np.array(solid.offsets)
    directions = spread_directions(SMOOTH_DIRECTIONS)
    return directions, np.asarray(solid.support(directions))
