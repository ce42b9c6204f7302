"""CatalogueBody: a body of the catalogue, free in size and orientation, and if wanted in stretch and cut."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from scatterkit._validation import Constraint, Integer, InvalidParameterError, Range, check_value, fail, shown
from scatterkit.fitting._planes import Floats
from scatterkit.fitting.models._intervals import AroundOne
from scatterkit.fitting.models._oriented import OrientedModel, excess
from scatterkit.fitting.models.ellipsoid import sphere_planes
from scatterkit.solids import Ellipsoid, Solid, catalogue_names

SIZE, STRETCH, CUT = 4, 5, 6
"""Where in a point the logarithms of size, stretch and cut stand; the quaternion comes first."""


class _UnitBody(NamedTuple):
    """A body of circumradius 1 about its centroid, its half-spaces, and its edges as pairs of corners."""

    solid: Solid
    normals: Floats
    offsets: Floats
    edges: NDArray[np.int64]


@lru_cache(maxsize=64)
def unit_body(name: str) -> _UnitBody:
    """The catalogue body of circumradius 1, its centroid at the origin, and the half-spaces that stand for it."""
    solid = Solid.from_catalogue(name, circumradius=1.0)
    smooth = isinstance(solid, Ellipsoid)
    if not smooth:
        solid = solid.shift(-np.asarray(solid.centroid))
    planes = sphere_planes() if smooth else (np.array(solid.normals), np.array(solid.offsets))
    faces = np.asarray(solid.faces)
    pairs = np.sort(np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return _UnitBody(solid, *planes, np.unique(pairs, axis=0))


Axis = str | tuple[float, float, float]


@lru_cache(maxsize=1)
def class_names() -> tuple[str, ...]:
    """Give the convex classes of fixed shape."""
    names = (name for name in catalogue_names("published") if name != "random_polyhedron")
    return tuple(name for name in names if Solid.from_catalogue(name).is_convex)


def axis_labels(name: str) -> tuple[str, ...]:
    """Give the labels of the axes along which a class may be stretched and cut."""
    solid = Solid.from_catalogue(name)
    return ("z",) if isinstance(solid, Ellipsoid) else tuple(solid.symmetry_axes)


@lru_cache(maxsize=256)
def unit_axis(name: str, axis: Axis) -> Floats:
    """Give the direction that an axis of a catalogue body means: a symmetry axis by its label, or a direction."""
    return unit_body(name).solid.axis(axis)


@lru_cache(maxsize=256)
def _half_length(name: str, axis: Axis) -> float:
    """Logarithm of the farther of the two distances that a catalogue body of circumradius 1 reaches along an axis."""
    along = unit_axis(name, axis)
    return float(np.log(unit_body(name).solid.support(np.stack([along, -along])).max()))


@dataclass(frozen=True)
class _AxisOf:
    """None, or an axis of a catalogue body."""

    name: str

    def accepts(self, value: Any) -> bool:
        if value is not None and not isinstance(value, (str, tuple)):
            return False
        try:
            return value is None or bool(len(unit_axis(self.name, value)))
        except (InvalidParameterError, TypeError):
            return False

    def describe(self) -> str:
        solid = unit_body(self.name).solid
        labels = () if isinstance(solid, Ellipsoid) else tuple(solid.symmetry_axes)
        return f"one of {', '.join(map(repr, (*labels, 'x', 'y', 'z')))}, a direction (x, y, z) as a tuple, or None"


class CatalogueBody(OrientedModel):
    """A body of the catalogue: size and orientation are free, and if wanted a stretch and a cut along its axes.

    Parameters
    ----------
    name : str
        Name in the catalogue, for example "icosahedron". The body must be convex.
    stretch_axis : str or tuple of 3 float [1], optional
        Axis along which the body may be stretched: the label of a symmetry axis, for example "C5", or a direction
        (x, y, z) of the catalogue's body, also as "x", "y" or "z"; by default it keeps its shape.
    stretch : (float, float) [1], default=(0.5, 2.5)
        Smallest and largest stretch.
    n_orientations : int, default=24
        Random orientations to start from, at each radius.
    cut_axis : str or tuple of 3 float [1], optional
        Axis, given likewise, across which the body may be cut at both ends, at the same distance from its centroid;
        by default it stays whole.
    cut : (float, float) [circumradii], default=(0.2, 1.0)
        Smallest and largest distance of the cuts from the centroid, in circumradii of the whole body before it is
        stretched.

    See Also
    --------
    ConvexBody : Any convex body.

    Notes
    -----
    A point is the orientation as a quaternion (4) and the logarithms of circumradius in nm, stretch and cut (3).
    A label means the first axis of ``Solid.symmetry_axes``; give another one by its direction.

    Examples
    --------
    >>> from scatterkit.fitting import CatalogueBody
    >>> CatalogueBody("decahedron", stretch_axis="C5")
    CatalogueBody(name='decahedron', stretch_axis='C5')
    >>> CatalogueBody("cube", cut_axis="C3", cut=(0.3, 0.9))
    CatalogueBody(cut=(0.3, 0.9), cut_axis='C3', name='cube')
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "stretch": AroundOne(),
        "n_orientations": Integer(1),
        "cut": Range(low=0, high=1, open_low=True, unit="circumradii"),
    }

    def __init__(
        self,
        name: str,
        stretch_axis: Axis | None = None,
        stretch: tuple[float, float] = (0.5, 2.5),
        n_orientations: int = 24,
        cut_axis: Axis | None = None,
        cut: tuple[float, float] = (0.2, 1.0),
    ) -> None:
        self.name = name
        self.stretch_axis = stretch_axis
        self.stretch = stretch
        self.n_orientations = n_orientations
        self.cut_axis = cut_axis
        self.cut = cut

    def _check_parameters(self) -> None:
        owner = type(self).__name__
        if not isinstance(self.name, str) or "random" in self.name.lower() or "potato" in self.name.lower():
            raise fail("name", owner, "the name of a body of fixed shape in the catalogue", shown(self.name))
        unit_body(self.name)  # tells of a name that is not in the catalogue
        for name in ("stretch_axis", "cut_axis"):
            check_value(getattr(self, name), _AxisOf(self.name), name=name, owner=owner)
        super()._check_parameters()

    def starts(self, radii: Floats, rng: np.random.Generator) -> list[Floats]:
        self._check_parameters()
        (low, high), cuts = self._ranges()
        points = []
        for radius in radii:
            for turn in Rotation.random(self.n_orientations, rng=rng):
                stretch = (0.0, high / 2, low / 2)[int(rng.integers(3))]
                points.append(np.concatenate([turn.as_quat(), [np.log(radius), stretch, rng.uniform(*cuts)]]))
        return points

    def _ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Smallest and largest logarithm of the stretch and of the cut; zero where it is not free."""
        low, high = map(float, np.log(self.stretch))
        stretch = (0.0, 0.0) if self.stretch_axis is None else (low, high)
        return stretch, (0.0, 0.0) if self.cut_axis is None else self._cut_range(self.cut_axis)

    def _cut_range(self, axis: Axis) -> tuple[float, float]:
        """Logarithms of the nearest cut and of the farthest one that still touches the body."""
        low, high = map(float, np.log(self.cut))
        end = _half_length(self.name, axis)
        return min(low, end), min(high, end)

    def bounds(self, point: Floats) -> tuple[Floats, Floats]:
        low, high = np.full(6, -np.inf), np.full(6, np.inf)
        for index, ends in zip((STRETCH, CUT), self._ranges(), strict=True):
            # a quaternion has a number more than a rotation vector
            low[index - 1], high[index - 1] = min(ends[0] - point[index], 0), max(ends[1] - point[index], 0)
        return low, high

    def planes(self, point: Floats) -> tuple[Floats, Floats]:
        _, normals, offsets, _ = unit_body(self.name)
        if self.cut_axis is not None:
            axis = unit_axis(self.name, self.cut_axis)
            normals = np.vstack([normals, axis, -axis])
            offsets = np.concatenate([offsets, np.full(2, np.exp(point[CUT]))])
        if self.stretch_axis is not None:
            normals = self._stretched(normals, np.exp(-point[STRETCH]))
            lengths = np.linalg.norm(normals, axis=1)
            normals, offsets = normals / lengths[:, None], offsets / lengths
        return self._turn(point).apply(normals), np.exp(point[SIZE]) * offsets

    def _stretched(self, vectors: Floats, factor: float) -> Floats:
        assert self.stretch_axis is not None
        axis = unit_axis(self.name, self.stretch_axis)
        return vectors + np.outer(vectors @ axis, axis) * (factor - 1)

    def move(self, point: Floats, step: Floats, limit: float) -> Floats:
        moved = self._turned(point, step)
        for index, ends in zip((STRETCH, CUT), self._ranges(), strict=True):
            moved[index] = np.clip(moved[index], *ends)
        if np.isfinite(limit):
            moved[SIZE] -= excess(self._corners(moved), limit)
        return moved

    def _corners(self, point: Floats) -> Floats:
        """The corners; of a body that is cut, those within and where its edges meet the cuts."""
        solid, _, _, edges = unit_body(self.name)
        if isinstance(solid, Ellipsoid):
            return self.solid(point, np.inf).bounds
        corners = np.array(solid.vertices)  # scipy turns writable arrays only
        if self.cut_axis is not None:
            heights = corners @ unit_axis(self.name, self.cut_axis)
            corners = _between_cuts(corners, edges, heights, float(np.exp(point[CUT])))
        if self.stretch_axis is not None:
            corners = self._stretched(corners, np.exp(point[STRETCH]))
        return self._turn(point).apply(corners) * np.exp(point[SIZE])

    def rates(self, point: Floats) -> Floats:
        stretch, cut = (0.02 if axis is not None else 0.0 for axis in (self.stretch_axis, self.cut_axis))
        return np.array([0.03, 0.03, 0.03, 0.02, stretch, cut])

    def solid(self, point: Floats, limit: float) -> Solid:
        solid = unit_body(self.name).solid
        if self.cut_axis is not None:
            axis, distance = unit_axis(self.name, self.cut_axis), float(np.exp(point[CUT]))
            solid = solid.cut(axis, distance).cut(-axis, distance)
        if self.stretch_axis is not None:
            solid = solid.stretch(float(np.exp(point[STRETCH])), unit_axis(self.name, self.stretch_axis))
        return solid.scale(float(np.exp(point[SIZE]))).rotate(self._turn(point))


def _between_cuts(corners: Floats, edges: NDArray[np.int64], heights: Floats, distance: float) -> Floats:
    """Corners of the hull of a body between two cuts, and some points on it."""
    found = [corners[np.abs(heights) <= distance]]
    first, second = edges.T
    for height in (distance, -distance):
        crossing = (heights[first] - height) * (heights[second] - height) < 0
        a, b = first[crossing], second[crossing]
        part = ((height - heights[a]) / (heights[b] - heights[a]))[:, None]
        found.append(corners[a] + part * (corners[b] - corners[a]))
    return np.vstack(found)
