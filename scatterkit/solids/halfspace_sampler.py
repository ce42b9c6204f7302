"""Random convex bodies as half-spaces, drawn alike by NumPy and on the training device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._arrays import NUMPY
from scatterkit._counters import keys_of, uniform
from scatterkit._random import RandomState, seed_of
from scatterkit._validation import (
    Constraint,
    Instance,
    Positive,
    Range,
    Real,
    check_value,
    fail,
    shown,
)
from scatterkit.solids import _halfspace_bodies as bodies
from scatterkit.solids._halfspace_families import FAMILIES, FAR, N_PLANES, family_tables
from scatterkit.solids._sampling import BodySampler, check_start, check_weights
from scatterkit.solids.solid import Solid

_OWNER = "HalfSpaceSampler"
_PART = 16


@dataclass(frozen=True)
class HalfSpaceDescriptor:
    """What was drawn for one body; `HalfSpaceSampler.build` makes the body of it.

    Parameters
    ----------
    family : str
        Name of the family.
    key : int
        Key of the random numbers that all planes come from.
    quaternion : tuple of float [1]
        Rotation from the family's orientation, scalar last (x, y, z, w).
    size : float [nm]
        Circumradius before the cuts and the stretch.
    stretch : float [1], default=1.0
        Factor along the axis.
    axis : tuple of float [1], default=(0.0, 0.0, 1.0)
        Axis of the stretch in the family's orientation.
    """

    family: str
    key: int
    quaternion: tuple[float, float, float, float]
    size: float
    stretch: float = 1.0
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)


class HalfSpaceSampler(BodySampler):
    """Random convex bodies {r : n_k.r <= d_k} of several families, sized, cut, stretched and turned.

    All bodies have the same number of planes, so that a batch of them is two arrays. `planes` is written once for
    NumPy and ``keras.ops``: the device that trains draws the same bodies as the CPU. Sample i depends on the seed
    and on i alone.

    Parameters
    ----------
    random_state : int, numpy.random.Generator or None
        An int gives the same bodies at each call; a Generator or None draws one seed at each call.
    families : sequence of str or mapping of str to float [1], optional
        Names of families, equally likely, or names and their weights; by default all of those below.
    size : tuple of float [nm], default=(31.0, 154.75)
        Range of the circumradius, before cuts and stretch, uniform.
    stretch : tuple of float [1] or None, default=(0.6, 1.6)
        Range of the factor along one of three axes of the family, uniform; None for none.
    cut : tuple of float [1] or None, default=(0.2, 1.0)
        Range of a cut's distance from the centre, uniform, as a fraction of the circumradius, before the stretch.
        None for no cuts.
    cut_probability : float [1], default=0.3
        How likely each end of a body, along one of the family's axes, is cut.
    unevenness : float [1], default=0.08
        Largest share by which each face of a crystal lies nearer or farther than its likes.
    max_radius : float [nm], default=154.75
        The stretch is limited so that stretch times size stays within this, as ``size`` must.
    box : float [nm], default=318.75
        Width of the box that the bodies must fit, centred on the origin.

    See Also
    --------
    SolidSampler : Random bodies of the catalogue.

    Notes
    -----
    The families, each with faces as uneven as ``unevenness`` says:

    - ``"chopped_ball"``: 20 planes around a ball, their directions shaken, and 12 of random directions and
      distances;
    - ``"wulff"``: {111}, {100} and {110} faces of a cubic crystal with random ratios of their energies [1]_;
    - ``"decahedron"``: the five-fold twin with {100} sides and blunt tips, from Ino's shape to the plain one;
    - ``"icosahedron"``: twenty {111} faces, the corners blunt or not;
    - ``"twinned_plate"``: platelets with a twin plane, hexagonal to triangular.

    The origin is the body's centroid before the cuts, to a fraction of a percent of the circumradius (a sum over
    256 directions; of thin plates to about 3 %). The circumradius is the distance of the farthest corner from there:
    to 1e-5, but to a thousandth for one body in a hundred, whose farthest corner joins nearly parallel faces.

    References
    ----------
    .. [1] G. Wulff, Z. Kristallogr. 34, 449 (1901).

    Examples
    --------
    >>> from scatterkit.solids import HalfSpaceSampler
    >>> sampler = HalfSpaceSampler(random_state=7)
    >>> normals, offsets = sampler.planes(sampler.keys(5))
    >>> normals.shape, offsets.shape
    ((5, 40, 3), (5, 40))
    >>> body = sampler.sample(1)[0]
    >>> bool((body.vertices @ normals[0].T <= offsets[0] + 1e-3).all())
    True
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        "cut_probability": Real(low=0, high=1),
        "unevenness": Real(low=0, high=0.3),
        "max_radius": Positive("nm"),
        "box": Positive("nm"),
    }

    n_planes: ClassVar[int] = N_PLANES + bodies.N_CUTS + bodies.N_WALLS
    """Planes of every body; those that it does not need are far away."""

    def __init__(
        self,
        random_state: RandomState = None,
        families: Sequence[str] | Mapping[str, float] | None = None,
        size: tuple[float, float] = (31.0, 154.75),
        stretch: tuple[float, float] | None = (0.6, 1.6),
        cut: tuple[float, float] | None = (0.2, 1.0),
        cut_probability: float = 0.3,
        unevenness: float = 0.08,
        max_radius: float = 154.75,
        box: float = 318.75,
    ) -> None:
        self.random_state = random_state
        self.families = families
        self.size = size
        self.stretch = stretch
        self.cut = cut
        self.cut_probability = cut_probability
        self.unevenness = unevenness
        self.max_radius = max_radius
        self.box = box

    def keys(self, n: int, *, start: int = 0) -> NDArray[np.int32]:
        """Give the keys of the random numbers of n samples, for `planes`.

        Parameters
        ----------
        n : int
            How many.
        start : int, default=0
            Number of the first.

        Returns
        -------
        ndarray of int32 of shape (n,)
            One key for each sample, from the seed and the sample's number.
        """
        check_start(n, start, owner=_OWNER)
        return keys_of(seed_of(self.random_state, owner=_OWNER), np.arange(start, start + n))

    def planes(self, keys: Any, ops: Any = NUMPY) -> tuple[Any, Any]:
        """Give the planes n.r <= d of the bodies that belong to keys.

        Parameters
        ----------
        keys : array of int32 of shape (n,)
            Keys, as `keys` gives them; an array or a tensor.
        ops : namespace
            ``keras.ops``, or NumPy's functions by default.

        Returns
        -------
        normals : array of float32 of shape (n, 40, 3)
            Outward unit normals (x, y, z).
        offsets : array of float32 of shape (n, 40) [nm]
            Distances from the origin, all positive.
        """
        names, shares = self._check()
        tables = family_tables(tuple(names), float(self.unevenness))
        if ops is not NUMPY or len(keys) <= _PART:
            return bodies.planes(self._drawn(keys, shares, ops), tables, self.box, ops)
        # in parts: every pair of planes is looked at, a megabyte for sixteen bodies
        parts = [self.planes(keys[i : i + _PART]) for i in range(0, len(keys), _PART)]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _descriptors(self, n: int, start: int) -> list[HalfSpaceDescriptor]:
        return self._describe(self.keys(n, start=start))

    def build(self, descriptor: HalfSpaceDescriptor) -> Solid:
        """Make the body of a descriptor.

        Parameters
        ----------
        descriptor : HalfSpaceDescriptor
            What a sampler of the same parameters drew.

        Returns
        -------
        Solid
            The body.
        """
        check_value(descriptor, Instance((HalfSpaceDescriptor,)), name="descriptor", owner=_OWNER)
        keys = np.array([descriptor.key], np.int32)
        [expected] = self._describe(keys)
        if descriptor != expected:
            allowed = f"what a sampler of these parameters drew, {expected} for this key"
            raise fail("descriptor", _OWNER, allowed, shown(descriptor))
        [normals], [offsets] = self.planes(keys)
        return Solid.from_halfspaces(normals, offsets, descriptor.family)

    def _describe(self, keys: NDArray[np.int32]) -> list[HalfSpaceDescriptor]:
        names, shares = self._check()
        drawn = self._drawn(keys, shares, NUMPY)
        axes = family_tables(tuple(names), float(self.unevenness)).axes[drawn.family, drawn.axis]
        columns = (drawn.family, keys, drawn.quaternion, drawn.size, drawn.stretch, axes)
        return [
            HalfSpaceDescriptor(names[family], key, tuple(quaternion), size, stretch, tuple(axis))
            for family, key, quaternion, size, stretch, axis in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]

    def _drawn(self, keys: Any, shares: NDArray[np.float64], ops: Any) -> bodies.Draws:
        ranges = bodies.Ranges(
            shares=tuple(shares.tolist()),
            size=_ends(self.size),
            stretch=(1.0, 1.0) if self.stretch is None else _ends(self.stretch),
            cut=(FAR, FAR) if self.cut is None else _ends(self.cut),
            cut_probability=0.0 if self.cut is None else self.cut_probability,
            max_radius=self.max_radius,
        )
        return bodies.draw(uniform(keys[:, None], bodies.counters(ops), ops), ranges, ops)

    def _check(self) -> tuple[list[str], NDArray[np.float64]]:
        self._check_parameters()
        check_value(self.size, Range(0, unit="nm", open_low=True), name="size", owner=_OWNER)
        if self.stretch is not None:
            check_value(self.stretch, Range(0, open_low=True), name="stretch", owner=_OWNER)
        if self.cut is not None:
            check_value(self.cut, Range(0.05, 1), name="cut", owner=_OWNER)
        if self.max_radius > self.box / 2:
            raise fail("max_radius", _OWNER, "at most half the box", f"{self.max_radius} in {self.box} nm")
        if self.size[1] > self.max_radius:
            allowed = f"at most max_radius, {self.max_radius} nm"
            raise fail("size", _OWNER, allowed, shown(self.size))
        given = list(FAMILIES) if self.families is None else self.families
        return check_weights(given, "families", _family, owner=_OWNER, of="names of families")


def _ends(given: Sequence[float]) -> tuple[float, float]:
    """Give a range in Python's numbers: an array's would make single precision double."""
    low, high = given
    return float(low), float(high)


def _family(name: str) -> str:
    if name not in FAMILIES:
        allowed = f"made of the names {', '.join(map(repr, FAMILIES))}"
        raise fail("families", _OWNER, allowed, shown(name))
    return name
