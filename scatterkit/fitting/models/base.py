"""What every body model gives a search: an occupancy from a few numbers, and the way back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit.base import Component
from scatterkit.fitting._plane_kernels import soft_occupancy, soft_occupancy_adjoint
from scatterkit.fitting._planes import Floats, box_limit, box_of, with_box
from scatterkit.fitting.models._isosurface import level_surface
from scatterkit.solids import Solid

if TYPE_CHECKING:
    from scatterkit.fitting.first_look import FirstLook

Volume = NDArray[np.float32]

SOLID_GRID, SOLID_RAMP = 96, 3.5
"""Voxels along an edge of the box where a body is made from its occupancy alone, and along its ramp there.

Both ends of an edge of the tetrahedra that the surface cuts, at most the diagonal of a voxel, lie on the ramp.
"""

OCCUPANCY_STEP = 0.1
"""Step of central differences on an occupancy, in units of the model's own steps; its ramp averages over kinks."""

PLANE_STEP = 1e-5
"""Step of central differences on half-spaces, which are smooth in the numbers (rad, nm or logarithms)."""

WIDTHS = (0.95, 1.35)
"""Radii of first bodies, in units of half the silhouette's mean width: corners stand out of a silhouette."""


class BodyModel(Component, ABC):
    """What every body model gives the search: an occupancy from parameters, and the way back.

    A body is a point, an array of numbers of a form that only the model knows. A step is a tangent: an array of
    the form of ``rates``, which a point can be moved by. A model of your own subclasses this and gives ``starts``,
    ``occupancy``, ``move`` and ``rates``; everything else has a default that it may replace, ``pullback`` above
    all where there are many numbers. Models whose bodies are intersections of half-spaces subclass `PlaneModel`.

    See Also
    --------
    PlaneModel : Bodies made of half-spaces.

    Notes
    -----
    Bodies lie within the cube of half width 0.475 box around the middle of the box. ``move`` sees to that for
    every new point, also with a step of zero.

    Examples
    --------
    A capsule, a rod with round ends, that lies in the plane across the beam: half its length, its radius and its
    azimuth are free.

    >>> import numpy as np
    >>> from scatterkit.fitting import BodyModel
    >>> class Capsule(BodyModel):
    ...     def starts(self, radii, rng):
    ...         return [np.array([r / 2, r / 2, rng.uniform(0, np.pi)]) for r in radii]
    ...
    ...     def occupancy(self, point, grid, box, width):
    ...         half_length, radius, azimuth = point
    ...         z, y, x = (np.indices((grid,) * 3) + 0.5) * (box / grid) - box / 2
    ...         along = x * np.cos(azimuth) + y * np.sin(azimuth)
    ...         rest = along - np.clip(along, -half_length, half_length)
    ...         across = y * np.cos(azimuth) - x * np.sin(azimuth)
    ...         inside = radius - np.sqrt(rest**2 + across**2 + z**2)
    ...         return np.clip(0.5 + inside / width, 0, 1).astype(np.float32)
    ...
    ...     def move(self, point, step, limit):
    ...         moved = point + step
    ...         moved[1] = np.clip(moved[1], 5.0, limit)
    ...         moved[0] = np.clip(moved[0], 0.0, limit - moved[1])
    ...         return moved
    ...
    ...     def rates(self, point):
    ...         return np.array([1.0, 1.0, 0.03])
    >>> volume = Capsule().occupancy(np.array([50.0, 30.0, 0.0]), 32, 318.75, 10.0)
    >>> solid = Capsule().solid(np.array([50.0, 30.0, 0.0]), 150.0)
    >>> abs(solid.volume / (np.pi * 30**2 * (100 + 40)) - 1) < 0.02
    True
    """

    grows_from_spheres: ClassVar[bool] = False
    """Whether bodies start as spheres and find their shape on the way: a search then begins at lower q."""

    @abstractmethod
    def starts(self, radii: Floats, rng: np.random.Generator) -> list[Floats]:
        """Give the points to start from.

        Parameters
        ----------
        radii : ndarray of shape (m,) [nm]
            Radii of the bodies to start from.
        rng : numpy.random.Generator
            Draws orientations.

        Returns
        -------
        list of ndarray
            Points.
        """

    @abstractmethod
    def occupancy(self, point: Floats, grid: int, box: float, width: float) -> Volume:
        """Give the occupancy of a point's body, its surface a ramp.

        Parameters
        ----------
        point : ndarray
            The parameters.
        grid : int
            Voxels along an edge of the box.
        box : float [nm]
            Edge of the box, centred on the origin.
        width : float [nm]
            Width of the ramp: the occupancy is ``clip(1/2 + s / width, 0, 1)``, s nm inside the surface.

        Returns
        -------
        ndarray of float32 of shape (z, y, x)
            Occupancy in [0, 1].
        """

    @abstractmethod
    def move(self, point: Floats, step: Floats, limit: float) -> Floats:
        """Move a point by a step, and back into what is allowed.

        Parameters
        ----------
        point : ndarray
            The parameters.
        step : ndarray, shape of rates
            The step.
        limit : float [nm]
            Half width of the cube that the body must stay in; infinite for no limit.

        Returns
        -------
        ndarray
            The new point.
        """

    @abstractmethod
    def rates(self, point: Floats) -> Floats:
        """Give the usual size of a step along each direction of the tangent.

        Parameters
        ----------
        point : ndarray
            The parameters.

        Returns
        -------
        ndarray
            Step sizes.
        """

    def bounds(self, point: Floats) -> tuple[Floats, Floats]:
        """Give how far a step may go along each direction of the tangent.

        Parameters
        ----------
        point : ndarray
            The parameters.

        Returns
        -------
        low : ndarray, shape of rates
            Lowest step, at most zero.
        high : ndarray, shape of rates
            Highest step, at least zero; both are zero for a number that is not free.
        """
        shape = np.shape(self.rates(point))
        return np.full(shape, -np.inf), np.full(shape, np.inf)

    def pullback(self, point: Floats, by_volume: Volume, box: float, width: float) -> Floats:
        """Turn a gradient on the occupancy into one on the tangent; by central differences unless replaced.

        Parameters
        ----------
        point : ndarray
            The parameters.
        by_volume : ndarray of float32 of shape (z, y, x)
            Gradient with respect to the occupancy.
        box : float [nm]
            Edge of the box.
        width : float [nm]
            Width of the ramp.

        Returns
        -------
        ndarray, shape of rates
            Gradient with respect to a step from the point.
        """
        rates = np.asarray(self.rates(point), np.float64)
        gradient = np.zeros(rates.size)
        grid = by_volume.shape[0]
        for number, ahead, behind, span in self._pairs(point, OCCUPANCY_STEP * rates):
            change = self.occupancy(ahead, grid, box, width) - self.occupancy(behind, grid, box, width)
            gradient[number] = np.vdot(by_volume, change) / span
        return gradient.reshape(rates.shape)

    def _pairs(self, point: Floats, sizes: Floats) -> Iterator[tuple[int, Floats, Floats, float]]:
        """Give, for each free number, the points a small step ahead and behind, and the way between, within bounds."""
        low, high = self.bounds(point)
        for number, (size, lowest, highest) in enumerate(
            zip(sizes.ravel(), np.ravel(low), np.ravel(high), strict=True)
        ):
            ends = min(size, highest), max(-size, lowest)
            if ends[0] > ends[1]:
                steps = np.zeros((2, sizes.size))
                steps[:, number] = ends
                ahead, behind = (self.move(point, step.reshape(sizes.shape), np.inf) for step in steps)
                yield number, ahead, behind, float(ends[0] - ends[1])

    def prior_gradient(self, volume: Volume, box: float) -> Volume | None:
        """Give the gradient of what is assumed about the hidden part of the body.

        Parameters
        ----------
        volume : ndarray of float32 of shape (z, y, x)
            The body's occupancy.
        box : float [nm]
            Edge of the box.

        Returns
        -------
        ndarray of float32 of shape (z, y, x) or None
            Gradient with respect to the occupancy, broadcastable; None where nothing is assumed.
        """
        return None

    def recentred(self, point: Floats, shift: Floats) -> Floats:
        """Shift the body, which changes no intensity.

        Parameters
        ----------
        point : ndarray
            The parameters.
        shift : ndarray of shape (3,) [nm]
            Where to.

        Returns
        -------
        ndarray
            The new point; the same one for a model whose bodies stay in the middle of the box.
        """
        return point

    def simpler(self, point: Floats, limit: float) -> list[Floats]:
        """Give bodies with one face less, the most promising first.

        Parameters
        ----------
        point : ndarray
            The parameters.
        limit : float [nm]
            Half width of the cube that the body must stay in.

        Returns
        -------
        list of ndarray
            Points; none for a body whose faces are given.
        """
        return []

    def solid(self, point: Floats, limit: float) -> Solid:
        """Give the body of a point; the surface where the occupancy is one half, unless replaced.

        Parameters
        ----------
        point : ndarray
            The parameters.
        limit : float [nm]
            Half width of the cube that the body must stay in.

        Returns
        -------
        Solid
            The body.
        """
        box = box_of(limit)
        volume = self.occupancy(point, SOLID_GRID, box, SOLID_RAMP * box / SOLID_GRID)
        return Solid(*level_surface(volume, box))


class PlaneModel(BodyModel):
    """A model whose bodies are intersections of half-spaces; a subclass gives these in place of the occupancy.

    Half-spaces are ``normals (k, 3) @ r <= offsets (k,)`` in nm, r = (x, y, z) from the centre of the box; k is the
    same for all points of a model. A model of your own gives ``starts``, ``planes``, ``move`` and ``rates``.

    See Also
    --------
    ConvexBody : Free half-spaces.
    """

    @abstractmethod
    def planes(self, point: Floats) -> tuple[Floats, Floats]:
        """Give the half-spaces of a point.

        Parameters
        ----------
        point : ndarray
            The parameters.

        Returns
        -------
        normals : ndarray of shape (k, 3)
            Outward unit normals.
        offsets : ndarray of shape (k,) [nm]
            Distances from the origin.
        """

    def first_points(self, look: FirstLook, n: int, rng: np.random.Generator) -> list[Floats]:
        """Give points to start from, by what a pattern says without any fit.

        Parameters
        ----------
        look : FirstLook
            What the pattern says.
        n : int
            Number of points that are wanted; the best n are followed of more.
        rng : numpy.random.Generator
            Draws sizes and orientations.

        Returns
        -------
        list of ndarray
            Points; by default those of ``starts`` for bodies about as wide as the silhouette.
        """
        return self.starts(look.radius * rng.uniform(*WIDTHS, n), rng)

    def shifts(self, point: Floats) -> Floats:
        """Give the steps that shift a body along x, y and z, which no pattern tells.

        Parameters
        ----------
        point : ndarray
            The parameters.

        Returns
        -------
        ndarray of shape (s, t)
            Steps, in the order of their ``ravel``; none for a model whose bodies stay in place.
        """
        return np.zeros((0, np.size(self.rates(point))))

    def with_short_back(self, point: Floats, end: float) -> Floats:
        """Cut a body off far behind the light's reach, where the pattern says nothing of it.

        Parameters
        ----------
        point : ndarray
            The parameters.
        end : float [nm]
            Height z behind which nothing should be.

        Returns
        -------
        ndarray
            The new point; the same one for a model whose back follows from its front.
        """
        return point

    def plane_tangent(self, point: Floats) -> tuple[Floats, Floats]:
        """Give the derivative of the half-spaces along each direction of the tangent.

        Parameters
        ----------
        point : ndarray
            The parameters.

        Returns
        -------
        by_normals : ndarray of shape (k, 3, t)
            Derivatives of the normals along the t numbers of a step, in the order of its ``ravel``.
        by_offsets : ndarray of shape (k, t)
            Derivatives of the offsets.
        """
        return self._plane_differences(point, np.full(np.shape(self.rates(point)), PLANE_STEP))

    def _plane_differences(self, point: Floats, sizes: Floats) -> tuple[Floats, Floats]:
        """Derivatives of the half-spaces by central differences; zero along numbers whose step is zero."""
        normals, offsets = self.planes(point)
        by_normals, by_offsets = np.zeros((*normals.shape, sizes.size)), np.zeros((len(offsets), sizes.size))
        for number, ahead, behind, span in self._pairs(point, sizes):
            (turned, moved), (turned_back, moved_back) = self.planes(ahead), self.planes(behind)
            by_normals[:, :, number] = (turned - turned_back) / span
            by_offsets[:, number] = (moved - moved_back) / span
        return by_normals, by_offsets

    def plane_pullback(self, point: Floats, by_normals: Floats, by_offsets: Floats) -> Floats:
        """Turn a gradient on the half-spaces into one on the tangent.

        Parameters
        ----------
        point : ndarray
            The parameters.
        by_normals : ndarray of shape (k, 3)
            Gradient with respect to the normals.
        by_offsets : ndarray of shape (k,)
            Gradient with respect to the offsets.

        Returns
        -------
        ndarray, shape of rates
            Gradient with respect to a step from the point.
        """
        turned, shifted = self.plane_tangent(point)
        gradient = np.einsum("ki,kit->t", by_normals, turned) + by_offsets @ shifted
        return gradient.reshape(np.shape(self.rates(point)))

    def occupancy(self, point: Floats, grid: int, box: float, width: float) -> Volume:
        return soft_occupancy(*with_box(*self.planes(point), box_limit(box)), grid, box, width)

    def pullback(self, point: Floats, by_volume: Volume, box: float, width: float) -> Floats:
        normals, offsets = self.planes(point)
        boxed = with_box(normals, offsets, box_limit(box))
        by_normals, by_offsets = soft_occupancy_adjoint(*boxed, box, width, by_volume)
        return self.plane_pullback(point, by_normals[: len(offsets)], by_offsets[: len(offsets)])

    def solid(self, point: Floats, limit: float) -> Solid:
        return Solid.from_halfspaces(*with_box(*self.planes(point), limit))
