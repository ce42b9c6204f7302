"""Body models: how a few numbers make a convex body, and how its gradient comes back to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from scatterkit._validation import (
    Choice,
    Constraint,
    Integer,
    InvalidParameterError,
    Positive,
    Real,
    check_value,
    fail,
    shown,
)
from scatterkit.base import Component
from scatterkit.fitting._faces import faces_of, mergeable_pairs, merged
from scatterkit.fitting._planes import Floats, spread_directions, with_box
from scatterkit.solids import Ellipsoid, Solid

SPHERE_PLANES = 256
"""Tangent planes that stand for a sphere while it is fitted; they lie within 0.6 % of it."""


class BodyModel(Component, ABC):
    """What every body model gives the search: half-spaces from parameters, and the way back.

    A body is a point, an array of numbers of a form that only the model knows. A step is a tangent: an array of
    the form of ``rates``, which a point can be moved by. Half-spaces are ``normals (k, 3) @ r <= offsets (k,)``
    in nm, r = (x, y, z) from the centre of the box. A model of your own subclasses this and gives the abstract
    methods.
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

    @abstractmethod
    def pullback(self, point: Floats, by_normals: Floats, by_offsets: Floats) -> Floats:
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

    @abstractmethod
    def move(self, point: Floats, step: Floats, limit: float) -> Floats:
        """Move a point by a step.

        Parameters
        ----------
        point : ndarray
            The parameters.
        step : ndarray, shape of rates
            The step.
        limit : float [nm]
            Half width of the cube that the body must stay in.

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

    def prior_gradient(self, volume: NDArray[np.float32], box: float) -> NDArray[np.float32] | None:
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
        """Give the body of a point.

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
        return Solid.from_halfspaces(*with_box(*self.planes(point), limit))


class ConvexBody(BodyModel):
    """Any convex body: the intersection of free half-spaces, grown out of spheres.

    Parameters
    ----------
    n_faces : int, default=32
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

    def __init__(self, n_faces: int = 32, widest_merge: float = 0.6, back_weight: float = 3e-7) -> None:
        self.n_faces = n_faces
        self.widest_merge = widest_merge
        self.back_weight = back_weight

    def starts(self, radii: Floats, rng: np.random.Generator) -> list[Floats]:
        directions = spread_directions(self.n_faces)
        turns = [Rotation.random(rng=rng) for _ in radii]
        pairs = zip(turns, radii, strict=True)
        return [np.column_stack([turn.apply(directions), np.full(self.n_faces, r)]) for turn, r in pairs]

    def planes(self, point: Floats) -> tuple[Floats, Floats]:
        return point[:, :3], point[:, 3]

    def pullback(self, point: Floats, by_normals: Floats, by_offsets: Floats) -> Floats:
        along = np.einsum("ij,ij->i", by_normals, point[:, :3])
        return np.column_stack([by_normals - along[:, None] * point[:, :3], by_offsets])

    def move(self, point: Floats, step: Floats, limit: float) -> Floats:
        moved = point + step
        moved[:, :3] /= np.linalg.norm(moved[:, :3], axis=1, keepdims=True)
        return moved

    def rates(self, point: Floats) -> Floats:
        return np.tile([0.012, 0.012, 0.012, 0.9], (len(point), 1))

    def prior_gradient(self, volume: NDArray[np.float32], box: float) -> NDArray[np.float32] | None:
        n = volume.shape[0]
        lit = np.flatnonzero(volume.sum(axis=(1, 2)) > 1)
        if self.back_weight == 0 or lit.size == 0:
            return None
        step = box / n
        width = 2 * np.sqrt(volume.max(axis=0).sum() / np.pi) * step
        depth = (np.arange(n) - lit[0] + 0.5) * step
        # per voxel of a 64^3 grid, so that the weight means the same on every grid
        cost = self.back_weight * (64 / n) ** 3 * np.maximum(depth - min(width, 0.9 * box), 0) / box
        return cost.astype(np.float32)[:, None, None]

    def simpler(self, point: Floats, limit: float) -> list[Floats]:
        normals, offsets = self.planes(point)
        all_normals, all_offsets = with_box(normals, offsets, limit)
        faces = faces_of(all_normals, all_offsets, inside=np.zeros(3))
        if faces is None:
            return []
        pairs = mergeable_pairs(all_normals, faces, self.widest_merge)
        own = [(i, j) for i, j in pairs if j < len(offsets)]
        return [np.column_stack(merged(normals, offsets, faces, i, j, limit)) for i, j in own]

    def recentred(self, point: Floats, shift: Floats) -> Floats:
        moved = point.copy()
        moved[:, 3] += moved[:, :3] @ shift
        return moved


@lru_cache(maxsize=32)
def _unit_body(name: str) -> tuple[Solid, Floats, Floats]:
    """The catalogue body of circumradius 1, and the half-spaces that stand for it."""
    solid = Solid.from_catalogue(name, circumradius=1.0)
    if isinstance(solid, Ellipsoid):
        return solid, spread_directions(SPHERE_PLANES), np.ones(SPHERE_PLANES)
    solid = solid.shift(-np.asarray(solid.centroid))
    return solid, np.array(solid.normals), np.array(solid.offsets)


def _is_interval_around_one(value: Any) -> bool:
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        return False
    low, high = value
    return Positive().accepts(low) and Positive().accepts(high) and low <= 1 <= high


class CatalogueBody(BodyModel):
    """A body of the catalogue: size and orientation, and if wanted the stretch along one of its axes, are free.

    Parameters
    ----------
    name : str
        Name in the catalogue, for example "icosahedron". The body must be convex.
    stretch_axis : str, optional
        Symmetry axis along which the body may be stretched, for example "C5", or "z" for a sphere; by default it
        keeps its shape.
    stretch : (float, float) [1], default=(0.5, 2.5)
        Smallest and largest stretch.
    n_orientations : int, default=24
        Random orientations to start from, at each radius.

    See Also
    --------
    ConvexBody : Any convex body.

    Examples
    --------
    >>> from scatterkit.fitting import CatalogueBody
    >>> CatalogueBody("decahedron", stretch_axis="C5")
    CatalogueBody(name='decahedron', stretch_axis='C5')
    """

    _constraints: ClassVar[dict[str, Constraint]] = {"n_orientations": Integer(1)}

    def __init__(
        self,
        name: str,
        stretch_axis: str | None = None,
        stretch: tuple[float, float] = (0.5, 2.5),
        n_orientations: int = 24,
    ) -> None:
        self.name = name
        self.stretch_axis = stretch_axis
        self.stretch = stretch
        self.n_orientations = n_orientations

    def _check_parameters(self) -> None:
        super()._check_parameters()
        owner = type(self).__name__
        if not isinstance(self.name, str) or "random" in self.name.lower() or "potato" in self.name.lower():
            raise fail("name", owner, "the name of a body of fixed shape in the catalogue", shown(self.name))
        solid, _, _ = _unit_body(self.name)
        allowed = Choice((None, *(("z",) if isinstance(solid, Ellipsoid) else solid.symmetry_axes)))
        check_value(self.stretch_axis, allowed, name="stretch_axis", owner=owner)
        if not _is_interval_around_one(self.stretch):
            raise fail(
                "stretch", owner, "two floats (low, high) with 0 < low <= 1 <= high", shown(self.stretch)
            )

    def _axis(self) -> Floats | None:
        if self.stretch_axis is None:
            return None
        solid, _, _ = _unit_body(self.name)
        if isinstance(solid, Ellipsoid):
            return np.array([0.0, 0.0, 1.0])
        return np.asarray(solid.symmetry_axes[self.stretch_axis])[0]

    # A point is a quaternion (4), log size, log stretch; a step a rotation vector (3), and the two logarithms.

    def starts(self, radii: Floats, rng: np.random.Generator) -> list[Floats]:
        self._check_parameters()
        low, high = np.log(self.stretch)
        stretches = [0.0] if self.stretch_axis is None else [0.0, high / 2, low / 2]
        points = []
        for radius in radii:
            for turn in Rotation.random(self.n_orientations, rng=rng):
                stretch = stretches[int(rng.integers(len(stretches)))]
                points.append(np.concatenate([turn.as_quat(), [np.log(radius), stretch]]))
        return points

    def planes(self, point: Floats) -> tuple[Floats, Floats]:
        _, normals, offsets = _unit_body(self.name)
        axis = self._axis()
        if axis is not None:
            normals = normals + np.outer(normals @ axis, axis) * (np.exp(-point[5]) - 1)
            lengths = np.linalg.norm(normals, axis=1)
            normals, offsets = normals / lengths[:, None], offsets / lengths
        return Rotation.from_quat(point[:4]).apply(normals), np.exp(point[4]) * offsets

    def pullback(self, point: Floats, by_normals: Floats, by_offsets: Floats) -> Floats:
        # half-spaces are smooth in five numbers: central differences are right to 1e-9 and cost nothing
        delta = 1e-5
        gradient = np.empty(5)
        for i, unit in enumerate(np.eye(5)):
            ahead = self.planes(self._moved(point, delta * unit))
            behind = self.planes(self._moved(point, -delta * unit))
            change = np.vdot(ahead[0] - behind[0], by_normals) + np.vdot(ahead[1] - behind[1], by_offsets)
            gradient[i] = change / (2 * delta)
        if self.stretch_axis is None:
            gradient[4] = 0
        return gradient

    def _moved(self, point: Floats, step: Floats) -> Floats:
        turned = Rotation.from_rotvec(step[:3]) * Rotation.from_quat(point[:4])
        return np.concatenate([turned.as_quat(), point[4:] + step[3:]])

    def move(self, point: Floats, step: Floats, limit: float) -> Floats:
        moved = self._moved(point, step)
        if self.stretch_axis is not None:
            moved[5] = np.clip(moved[5], *np.log(self.stretch))
        reach = np.abs(self._corners(moved)).max()
        moved[4] -= max(0.0, np.log(reach / limit))
        return moved

    def _corners(self, point: Floats) -> Floats:
        solid, _, _ = _unit_body(self.name)
        corners = np.array(solid.vertices)
        axis = self._axis()
        if axis is not None:
            corners = corners + np.outer(corners @ axis, axis) * (np.exp(point[5]) - 1)
        return Rotation.from_quat(point[:4]).apply(corners) * np.exp(point[4])

    def rates(self, point: Floats) -> Floats:
        return np.array([0.03, 0.03, 0.03, 0.02, 0.02 if self.stretch_axis is not None else 0.0])

    def solid(self, point: Floats, limit: float) -> Solid:
        solid, _, _ = _unit_body(self.name)
        axis = self._axis()
        if axis is not None:
            solid = solid.stretch(float(np.exp(point[5])), axis)
        return solid.scale(float(np.exp(point[4]))).rotate(Rotation.from_quat(point[:4]))


MODELS: dict[str, Any] = {"convex": ConvexBody}


def _catalogue_body(name: str, owner: str) -> CatalogueBody:
    model = CatalogueBody(name)
    try:
        model._check_parameters()
    except InvalidParameterError as error:
        raise fail("model", owner, "'convex', a name in the catalogue or a BodyModel", shown(name)) from error
    return model


def as_model(model: Any, *, owner: str) -> BodyModel:
    """Give the body model that a parameter means: an object, "convex", or a catalogue name."""
    if isinstance(model, BodyModel):
        chosen = model
    elif isinstance(model, str):
        chosen = MODELS[model]() if model in MODELS else _catalogue_body(model, owner)
    else:
        raise fail("model", owner, "'convex', a name in the catalogue or a BodyModel", shown(model))
    chosen._check_parameters()
    return chosen
