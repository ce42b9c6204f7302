"""Random bodies: what is drawn, apart from how it is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from scatterkit._random import RandomState, seed_of
from scatterkit._validation import (
    Choice,
    Constraint,
    Instance,
    Positive,
    Range,
    Real,
    check_value,
    fail,
    shown,
)
from scatterkit.solids._body import CARTESIAN
from scatterkit.solids._sampling import BodySampler, between, check_weights
from scatterkit.solids.catalogue import PUBLISHED, canonical_name
from scatterkit.solids.solid import Solid

Axis = str | tuple[float, float, float]


@dataclass(frozen=True)
class SolidDescriptor:
    """What was drawn for one body; `SolidSampler.build` makes the body of it.

    Parameters
    ----------
    polyhedron : str
        Name of the body in the catalogue.
    quaternion : tuple of float [1]
        Rotation from the catalogue's orientation, scalar last (x, y, z, w).
    size : float [nm]
        Circumradius before stretching.
    stretch : float [1], default=1.0
        Factor along ``axis``; 1 for none.
    axis : str or tuple of float [1], optional
        Axis of the stretch in the catalogue's orientation: a name as for `Solid.axis`, or a direction.
    cut : float [1], optional
        Distance of the cut from the centre, as a fraction of ``size``, before the stretch; None for an uncut
        body.
    caxis : str or tuple of float [1], optional
        Direction of the cut, as for ``axis``.
    cut_sides : {1, 2}, default=2
        Whether the cut is made at the upper end of ``caxis`` alone, or at both ends alike.
    seed : int, default=0
        Seed of the shape of a random polyhedron.
    """

    polyhedron: str
    quaternion: tuple[float, float, float, float]
    size: float
    stretch: float = 1.0
    axis: Axis | None = None
    cut: float | None = None
    caxis: Axis | None = None
    cut_sides: int = 2
    seed: int = 0


class SolidSampler(BodySampler):
    """Random bodies of the catalogue, sized, stretched along a symmetry axis, perhaps cut, and turned.

    Sample i depends on the seed and on i alone, so that chunks and workers change nothing. ``sample_params``
    draws, ``build`` applies.

    Parameters
    ----------
    random_state : int, numpy.random.Generator or None
        An int gives the same bodies at each call; a Generator or None draws one seed at each call.
    classes : sequence of str or mapping of str to float [1], optional
        Names in the catalogue, equally likely, or names and their weights; by default the published 21.
    size : tuple of float [nm], default=(31.0, 154.75)
        Range of the circumradius before stretching, uniform.
    stretch : tuple of float [1] or None, default=(0.6, 1.6)
        Range of the factor along the axis, uniform; None for none. Random polyhedra are not stretched.
    stretch_axes : sequence of str, optional
        Names of the symmetry axes to choose from, such as ``("C5", "C3")``, where a body has them; by default
        all that it has, each name equally likely. ``"x"``, ``"y"`` and ``"z"`` are allowed too.
    cut : tuple of float [1], optional
        Range of the cut's distance from the centre, uniform, as a fraction of the circumradius, before the
        stretch; a cut at 1 leaves the body whole. None for no cuts.
    cut_probability : float [1], default=1.0
        How likely a body is cut, where ``cut`` is given.
    cut_axes : {"same"} or sequence of str, default="same"
        Axis of the cut: that of the stretch, or one of these, chosen apart from it.
    cut_sides : {1, 2}, default=2
        Whether a body is cut at one end of the axis or at both alike.
    max_radius : float [nm] or None, default=154.75
        The stretch is limited so that stretch times size stays within this, as ``size`` must; None for no limit.
    box : float [nm] or None, default=318.75
        Width of the box that the bodies must fit, centred on the origin; None for any.

    Notes
    -----
    In the published tables the size is uniform in 0.2 to 1, which the volumes show as 31 nm to 154.75 nm
    (geometric mean of the axes); the stretch is uniform in 0.5 to 2, then limited to 1 / size; and the cut of
    the chopped bodies is uniform in 0.2 to 1, at both ends of the axis of the stretch. So
    ``SolidSampler(stretch=(0.5, 2.0))`` draws the sizes and stretches that these tables hold; with
    ``cut=(0.2, 1.0)``, those of the chopped ones. Two things differ: orientations are uniform here, while the
    tables turn by a uniform angle, and for seven of the classes the tables' stretch is the inverse of the factor.
    ``scatterkit.datasets.PublishedSampler`` draws as the tables do.

    A body that would still leave the box is made smaller until it touches it.

    References
    ----------
    T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021), arXiv:2101.09136.

    Examples
    --------
    >>> from scatterkit.solids import SolidSampler
    >>> sampler = SolidSampler(random_state=7, cut=(0.2, 1.0), cut_probability=0.5)
    >>> bodies = sampler.sample(3)
    >>> sampler.sample_params(1, start=2)[0] == sampler.sample_params(3)[2]
    True
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        "cut_probability": Real(low=0, high=1),
        "cut_sides": Choice((1, 2)),
        "max_radius": Positive("nm", optional=True),
        "box": Positive("nm", optional=True),
    }

    def __init__(
        self,
        random_state: RandomState = None,
        classes: Sequence[str] | Mapping[str, float] | None = None,
        size: tuple[float, float] = (31.0, 154.75),
        stretch: tuple[float, float] | None = (0.6, 1.6),
        stretch_axes: Sequence[str] | None = None,
        cut: tuple[float, float] | None = None,
        cut_probability: float = 1.0,
        cut_axes: str | Sequence[str] = "same",
        cut_sides: int = 2,
        max_radius: float | None = 154.75,
        box: float | None = 318.75,
    ) -> None:
        self.random_state = random_state
        self.classes = classes
        self.size = size
        self.stretch = stretch
        self.stretch_axes = stretch_axes
        self.cut = cut
        self.cut_probability = cut_probability
        self.cut_axes = cut_axes
        self.cut_sides = cut_sides
        self.max_radius = max_radius
        self.box = box

    def _descriptors(self, n: int, start: int) -> list[SolidDescriptor]:
        names, weights = self._check()
        seed = seed_of(self.random_state, owner="SolidSampler")
        return [self._draw(np.random.default_rng([seed, i]), names, weights) for i in range(start, start + n)]

    def build(self, descriptor: SolidDescriptor) -> Solid:
        """Make the body of a descriptor: sized, cut, stretched, then turned.

        Parameters
        ----------
        descriptor : SolidDescriptor
            What was drawn.

        Returns
        -------
        Solid
            The body.
        """
        check_value(descriptor, Instance((SolidDescriptor,)), name="descriptor", owner="SolidSampler")
        check_value(self.box, self._constraints["box"], name="box", owner="SolidSampler")
        body = Solid.from_catalogue(
            descriptor.polyhedron, descriptor.size, random_state=np.random.default_rng(descriptor.seed)
        )
        # axes are those of the whole body
        if descriptor.cut is not None and descriptor.caxis is not None:
            caxis = catalogue_axis(descriptor.polyhedron, descriptor.caxis)
            for end in (1, -1)[: descriptor.cut_sides]:
                body = body.cut(end * caxis, descriptor.cut * descriptor.size)
        if descriptor.axis is not None:
            body = body.stretch(descriptor.stretch, catalogue_axis(descriptor.polyhedron, descriptor.axis))
        body = body.rotate(Rotation.from_quat(descriptor.quaternion))
        reach = float(np.abs(body.bounds).max())
        if self.box is not None and reach > self.box / 2:
            body = body.scale((1 - 1e-9) * self.box / 2 / reach)
        return body

    def _draw(
        self, generator: np.random.Generator, names: list[str], weights: NDArray[np.float64]
    ) -> SolidDescriptor:
        # everything is drawn for every body, so that one choice does not shift the others
        name = names[int(generator.choice(len(names), p=weights))]
        quaternion = generator.normal(size=4)
        size, cut_draw, chance, stretch_draw, which, which_cut = generator.random(6).tolist()
        seed = int(generator.integers(2**32))
        size = between(self.size, size)
        axis = self._choose(self.stretch_axes, name, which)
        apart = None if isinstance(self.cut_axes, str) else self.cut_axes
        caxis = axis if apart is None else self._choose(apart, name, which_cut)
        is_cut = self.cut is not None and chance < self.cut_probability and caxis is not None
        unit = quaternion / np.linalg.norm(quaternion)
        return SolidDescriptor(
            polyhedron=name,
            quaternion=(float(unit[0]), float(unit[1]), float(unit[2]), float(unit[3])),
            size=size,
            stretch=self._stretch(size, stretch_draw) if axis else 1.0,
            axis=None if self.stretch is None else axis,
            cut=between(self.cut, cut_draw) if self.cut is not None and is_cut else None,
            caxis=caxis if is_cut else None,
            cut_sides=self.cut_sides,
            seed=seed if name == "random_polyhedron" else 0,
        )

    def _stretch(self, size: float, draw: float) -> float:
        if self.stretch is None:
            return 1.0
        limit = np.inf if self.max_radius is None else self.max_radius / size
        return float(min(between(self.stretch, draw), limit))

    @staticmethod
    def _choose(allowed: Sequence[str] | None, name: str, draw: float) -> str | None:
        own = axis_names(name)
        options = own if allowed is None else [axis for axis in allowed if axis in own or axis in CARTESIAN]
        return options[int(draw * len(options))] if options else None

    def _check(self) -> tuple[list[str], NDArray[np.float64]]:
        self._check_parameters()
        check_value(self.size, Range(0, unit="nm", open_low=True), name="size", owner="SolidSampler")
        if self.max_radius is not None and self.size[1] > self.max_radius:
            allowed = f"at most max_radius, {self.max_radius} nm"
            raise fail("size", "SolidSampler", allowed, shown(self.size))
        if self.stretch is not None:
            check_value(self.stretch, Range(0, open_low=True), name="stretch", owner="SolidSampler")
        if self.cut is not None:
            check_value(self.cut, Range(0, 1, open_low=True), name="cut", owner="SolidSampler")
        _check_axes(self.stretch_axes, "stretch_axes")
        if not isinstance(self.cut_axes, str):
            _check_axes(self.cut_axes, "cut_axes")
        elif self.cut_axes != "same":
            raise fail(
                "cut_axes", "SolidSampler", "'same' or a sequence of names of axes", shown(self.cut_axes)
            )
        given = PUBLISHED if self.classes is None else self.classes
        of = "names in the catalogue"
        return check_weights(given, "classes", canonical_name, owner="SolidSampler", of=of)


@cache
def axis_names(polyhedron: str) -> tuple[str, ...]:
    """Give the names of the axes along which a class of the catalogue is stretched.

    Parameters
    ----------
    polyhedron : str
        Name in the catalogue.

    Returns
    -------
    tuple of str
        Its symmetry axes; ``("z",)`` for the sphere and none for the random polyhedron.

    Examples
    --------
    >>> from scatterkit.solids.sampler import axis_names
    >>> axis_names("icosahedron"), axis_names("sphere"), axis_names("random_polyhedron")
    (('C5', 'C3', 'C2'), ('z',), ())
    """
    if polyhedron == "random_polyhedron":
        return ()
    if polyhedron == "sphere":
        return ("z",)
    return tuple(_example(polyhedron).symmetry_axes)


@cache
def catalogue_axis(polyhedron: str, axis: Axis) -> NDArray[np.float64]:
    """Give an axis of a class of the catalogue as a unit vector.

    Parameters
    ----------
    polyhedron : str
        Name in the catalogue.
    axis : str or tuple of float
        As for `Solid.axis`.

    Returns
    -------
    ndarray of shape (3,)
        The unit vector (x, y, z).

    Examples
    --------
    >>> from scatterkit.solids.sampler import catalogue_axis
    >>> catalogue_axis("decahedron", "C5").round(6)
    array([0., 0., 1.])
    """
    return _example(polyhedron).axis(axis)


@cache
def _example(polyhedron: str) -> Solid:
    """Give a body of a class, whose symmetry is then found once."""
    return Solid.from_catalogue(polyhedron, random_state=0)


def _check_axes(value: Sequence[str] | None, name: str) -> None:
    if value is None:
        return
    orders = {f"C{n}" for n in range(2, 20)} | {"Cinf"} | set(CARTESIAN)
    if isinstance(value, str) or not isinstance(value, Sequence) or not value or not set(value) <= orders:
        raise fail(name, "SolidSampler", "a sequence of names of axes such as 'C5' or 'z'", shown(value))
