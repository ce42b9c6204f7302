"""StarBody: a radius in every direction, in spherical harmonics."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import sph_harm_y

from scatterkit._validation import Constraint, Integer, Real
from scatterkit.fitting._planes import Floats, box_limit, spread_directions
from scatterkit.fitting.models._prior import BACK_WEIGHT, short_back_gradient
from scatterkit.fitting.models._star_kernels import star_occupancy, star_occupancy_adjoint
from scatterkit.fitting.models.base import BodyModel, Volume
from scatterkit.solids import Solid

TABLE = (97, 192)
"""Directions (polar angle, azimuth) of the radius table: up to degree 8 it is right to 0.1 nm at 100 nm."""

SURFACE_POINTS = 2500
"""Corners of the mesh of a solid, about 0.07 rad apart."""

MEAN_RATE, SHAPE_RATE = 0.07, 0.05
"""Usual step of the constant's coefficient, and that of degree l times l."""


class StarBody(BodyModel):
    """A star-shaped body, convex or not: the logarithm of its radius in real spherical harmonics.

    Parameters
    ----------
    degree : int, default=8
        Highest degree of the harmonics; details are no finer than about ``pi / degree`` rad, so that edges and
        corners come out round.
    back_weight : float [1], default=3e-7
        Strength of the assumption about the hidden back, as in `ConvexBody`.

    See Also
    --------
    ConvexBody : A body with plane faces.
    UnionBody : Several convex bodies.

    Notes
    -----
    A point is the array of the ``(degree + 1)^2`` coefficients ``c[l^2 + l + m]`` of the real orthonormal harmonics
    Y_lm, ``log(radius / nm) = sum c Y_lm``, where Y_lm goes with cos(m phi) for m > 0 and with sin(\\|m\\| phi) for
    m < 0. The ramp of the occupancy has its width along the radius. The centre is that of the box: every half line
    from it leaves the body once.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.fitting import StarBody
    >>> model = StarBody(degree=4)
    >>> start, = model.starts(np.array([50.0]), np.random.default_rng(0))
    >>> start.shape, round(model.solid(start, limit=150.0).circumradius, 3)
    ((25,), 50.0)
    """

    grows_from_spheres: ClassVar[bool] = True
    _constraints: ClassVar[dict[str, Constraint]] = {"degree": Integer(0, 16), "back_weight": Real(low=0)}

    def __init__(self, degree: int = 8, back_weight: float = BACK_WEIGHT) -> None:
        self.degree = degree
        self.back_weight = back_weight

    def starts(self, radii: Floats, rng: np.random.Generator) -> list[Floats]:
        points = []
        for radius in radii:
            point = np.zeros((self.degree + 1) ** 2)
            point[0] = np.log(radius) * np.sqrt(4 * np.pi)
            points.append(point)
        return points

    def _table(self, point: Floats) -> Floats:
        return np.exp(_table_basis(self.degree).expand(point))

    def occupancy(self, point: Floats, grid: int, box: float, width: float) -> Volume:
        return star_occupancy(self._table(point), grid, box, box_limit(box), width)

    def pullback(self, point: Floats, by_volume: Volume, box: float, width: float) -> Floats:
        table = self._table(point)
        by_table = star_occupancy_adjoint(table, box, box_limit(box), width, by_volume)
        return _table_basis(self.degree).project(by_table * table)

    def move(self, point: Floats, step: Floats, limit: float) -> Floats:
        return point + step

    def rates(self, point: Floats) -> Floats:
        degrees = np.sqrt(np.arange(len(point))).astype(int)
        return np.where(degrees == 0, MEAN_RATE, SHAPE_RATE / np.maximum(degrees, 1))

    def prior_gradient(self, volume: Volume, box: float) -> Volume | None:
        return short_back_gradient(volume, box, self.back_weight)

    def solid(self, point: Floats, limit: float) -> Solid:
        sphere = Solid.from_points(spread_directions(SURFACE_POINTS))
        units = np.asarray(sphere.vertices)
        polar, azimuth = np.arccos(np.clip(units[:, 2], -1, 1)), np.arctan2(units[:, 1], units[:, 0])
        radii = np.exp(real_harmonics(self.degree, polar, azimuth) @ point)
        radii = np.minimum(radii, limit / np.abs(units).max(axis=1))
        return Solid(radii[:, None] * units, np.asarray(sphere.faces))


class _TableBasis(NamedTuple):
    """The harmonics at the directions of the table, as products of a polar and an azimuthal part."""

    polar: Floats  # (rows, coefficients)
    azimuthal: Floats  # (2 degree + 1, columns), m from -degree to degree
    orders: Floats  # (coefficients, 2 degree + 1): 1 where a coefficient has that m

    def expand(self, point: Floats) -> Floats:
        return ((self.polar * point) @ self.orders) @ self.azimuthal

    def project(self, table: Floats) -> Floats:
        """The transpose of `expand`."""
        return np.einsum("pc,pc->c", self.polar, (table @ self.azimuthal.T) @ self.orders.T)


@lru_cache(maxsize=8)
def _table_basis(degree: int) -> _TableBasis:
    n_polar, n_azimuth = TABLE
    numbers = np.arange((degree + 1) ** 2)
    degrees = np.sqrt(numbers).astype(int)
    m = numbers - degrees * (degrees + 1)
    angles = np.linspace(0, np.pi, n_polar)[:, None]
    # along azimuth 0 the complex harmonics are real
    polar = np.where(m == 0, 1.0, np.sqrt(2)) * (-1.0) ** m * sph_harm_y(degrees, np.abs(m), angles, 0.0).real
    ms = np.arange(-degree, degree + 1)[:, None]
    turns = 2 * np.pi * np.arange(n_azimuth) / n_azimuth
    azimuthal = np.where(ms < 0, np.sin(np.abs(ms) * turns), np.cos(ms * turns))
    return _TableBasis(polar, azimuthal, (m[:, None] == ms.T).astype(np.float64))


def real_harmonics(degree: int, polar: Floats, azimuth: Floats) -> Floats:
    """Real orthonormal spherical harmonics up to a degree, ``(directions, (degree + 1)^2)``, order l^2 + l + m."""
    columns = np.empty((polar.size, (degree + 1) ** 2))
    for l in range(degree + 1):  # noqa: E741
        for m in range(l + 1):
            value = np.asarray(sph_harm_y(l, m, polar, azimuth)) * (-1) ** m
            scale = 1.0 if m == 0 else np.sqrt(2)
            columns[:, l * l + l + m] = scale * value.real
            if m:
                columns[:, l * l + l - m] = scale * value.imag
    return columns
