"""SupportBody: half-spaces in fixed directions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from scatterkit._validation import Constraint, Integer, Real
from scatterkit.fitting._planes import Floats, spread_directions, with_box
from scatterkit.fitting.models._merging import without_flat_edges
from scatterkit.fitting.models._prior import BACK_WEIGHT, short_back_gradient
from scatterkit.fitting.models.base import PlaneModel, Volume
from scatterkit.fitting.models.convex import SHIFT_RATE
from scatterkit.solids import Solid


class SupportBody(PlaneModel):
    """A convex body given by its support function: free half-spaces in fixed directions, grown out of spheres.

    Parameters
    ----------
    n_directions : int, default=100
        Number of directions, spread evenly over the sphere.
    back_weight : float [1], default=3e-7
        Strength of the assumption about the hidden back, as in `ConvexBody`.

    See Also
    --------
    ConvexBody : Half-spaces whose directions are free too.

    Notes
    -----
    A point is the array ``(n_directions,)`` of the offsets in nm. Faces come out no truer to their direction than the
    directions lie apart, about ``3.5 / sqrt(n_directions)`` rad; the support function of the body is that of the
    half-spaces only in directions whose plane touches it.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.fitting import SupportBody
    >>> model = SupportBody(n_directions=200)
    >>> start, = model.starts(np.array([50.0]), np.random.default_rng(0))
    >>> 1 < model.solid(start, limit=150.0).volume / (50**3 * 4.1888) < 1.03
    True
    """

    grows_from_spheres: ClassVar[bool] = True
    _constraints: ClassVar[dict[str, Constraint]] = {"n_directions": Integer(12), "back_weight": Real(low=0)}

    def __init__(self, n_directions: int = 100, back_weight: float = BACK_WEIGHT) -> None:
        self.n_directions = n_directions
        self.back_weight = back_weight

    def starts(self, radii: Floats, rng: np.random.Generator) -> list[Floats]:
        return [np.full(self.n_directions, float(radius)) for radius in radii]

    def planes(self, point: Floats) -> tuple[Floats, Floats]:
        return spread_directions(len(point)), point

    def plane_tangent(self, point: Floats) -> tuple[Floats, Floats]:
        k = len(point)
        return np.zeros((k, 3, k)), np.eye(k)

    def plane_pullback(self, point: Floats, by_normals: Floats, by_offsets: Floats) -> Floats:
        return by_offsets

    def move(self, point: Floats, step: Floats, limit: float) -> Floats:
        return point + step

    def shifts(self, point: Floats) -> Floats:
        return spread_directions(len(point)).T

    def rates(self, point: Floats) -> Floats:
        return np.full(len(point), SHIFT_RATE)

    def prior_gradient(self, volume: Volume, box: float) -> Volume | None:
        return short_back_gradient(volume, box, self.back_weight)

    def recentred(self, point: Floats, shift: Floats) -> Floats:
        return point + spread_directions(len(point)) @ shift

    def solid(self, point: Floats, limit: float) -> Solid:
        planes = without_flat_edges(*self.planes(point), limit)
        return Solid.from_halfspaces(*with_box(*planes, limit))
