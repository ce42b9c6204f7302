"""Where the direct beam meets the detector, from a frame alone, at wide angles."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from scatterkit._validation import Constraint, Instance, Numbers, Positive, Real, check_value, fail
from scatterkit.experiment import Detector, FlatDetector, QGrid
from scatterkit.preprocessing._frames import check_frames
from scatterkit.preprocessing._geometry import beam_center, offsets
from scatterkit.preprocessing.shapes import Place, shapes_near

Array = NDArray[np.float64]
Cost = Callable[[Array, int], float]

OWNER = "find_center"
CONSTRAINTS: dict[str, Constraint] = {
    "detector": Instance((FlatDetector, QGrid), optional=True),
    "wavelength": Positive("nm"),
    "max_shift": Real(low=1, high=200, unit="pixels"),
    "max_angle": Real(low=0, high=1, open_low=True, unit="rad"),
    "size": Positive("nm"),
    "start": Numbers(2, "pixels", optional=True),
}
_DEPTH = 15.0  # nm; Qz times this is about how unequal opposite pixels are (see Notes)
_FLOOR = 0.05  # relative difference of opposite pixels that nothing is made of
_PIXELS_PER_FRINGE = 4
_N_ANGLES = 128
_RINGS_REACH = 2.0  # rings are compared up to this multiple of the largest angle of pairs
_STEEPEST = 1.3  # rad
_ENOUGH_SEEN = 0.5  # of the pairs; with fewer, wider angles are taken in
_LEAST_SEEN = 0.25  # of the pairs, for a place to be considered
_LEAST_CONTRAST = 1e-6  # mean squared variation of the logarithm, for a pattern to be one
_THIN = 4  # only so many pairs are looked at on the raster
_N_TRIES, _APART = 3, 2.5  # places of the raster that are followed down, and how far apart they are
_N_STEPS = 8  # at most, of the same length on the way down
_PRIOR = 0.6  # cost of a shift by max_shift, where nothing else tells


@dataclass(frozen=True)
class CenterEstimate:
    """Where the direct beam meets a detector, and what says so.

    Parameters
    ----------
    center : tuple of float (row, column) [pixels]
        The place.
    asymmetry : float [1]
        What is left of the difference of opposite pixels, relative to their variation: 0 where the pattern
        is symmetric under inversion, 1 where it has nothing of it.
    disagreement : float [pixels]
        Distance between the places that symmetry alone and rings alone would give. A pixel or more
        casts doubt on either.
    evidence : dict of str to tuple of float (row, column) [pixels]
        The places by "symmetry", by "rings", and where they are found of the "hole" and the "edge".
    """

    center: Place
    asymmetry: float
    disagreement: float
    evidence: dict[str, Place] = field(default_factory=dict)


def find_center(
    frame: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    detector: Detector | None = None,
    wavelength: float = 13.5,
    start: Place | None = None,
    max_shift: float = 8.0,
    max_angle: float = 0.3,
    size: float = 250.0,
) -> CenterEstimate:
    """Find where the direct beam meets a detector from one diffraction pattern that reaches to wide angles.

    Parameters
    ----------
    frame : array_like of shape (rows, columns) [photons]
        Photons, background subtracted.
    mask : array_like of bool of shape (rows, columns), optional
        True where measured. Leave saturated pixels out.
    detector : FlatDetector or QGrid, optional
        What recorded the frame; its centre is the start. ``FlatDetector()`` by default.
    wavelength : float [nm], default=13.5
        Wavelength of the light.
    start : pair of float [pixels], optional
        Row and column to begin from; by default the middle of a hole in the mask there, or the detector's centre.
    max_shift : float [pixels], default=8.0
        Largest distance from the start, along rows and along columns.
    max_angle : float [rad], default=0.3
        Largest scattering angle at which opposite pixels are compared; half as much more, up to twice, where a hole or
        saturation leaves too few.
    size : float [nm], default=250.0
        Diameter of the largest bodies. Where fringes are much wider than pixels, those are put together.

    Returns
    -------
    CenterEstimate
        The place, and how far the evidence agrees.

    Notes
    -----
    At wide angles Friedel's law, I(q) = I(-q), does not hold, but it holds towards small ones: for an amplitude
    of scattering that is real, the first deviation comes from the longitudinal Qz = k - sqrt(k^2 - q^2), about
    q^2 / (2 k), of second order in q. The logarithms of opposite pixels are compared, and each pair counts by
    the inverse of photon noise + (Qz 15 nm)^2 + 0.05^2. Refraction makes the amplitude complex and opposite
    pixels differ at once: with silver's index the typical error stays, the largest ones grow. To that is added
    how unequal the logarithms are on rings, relative to the radial decrease, which keeps the search from a place
    about which two streaks happen to be alike. The sum is lowest at the centre. A hole need not be centred on
    the beam, nor a round edge: the hole is a start, and both are reported.

    The measured accuracy is in the documentation (tests/benchmarks/bench_preprocessing.py).

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.experiment import FlatDetector
    >>> from scatterkit.preprocessing import find_center
    >>> detector = FlatDetector(96, pixel_size=1.0, distance=60.0)
    >>> rows, columns = np.indices(detector.shape)
    >>> squared = (rows - 49.3) ** 2 + (columns - 46.8) ** 2
    >>> photons = 1e4 / (1 + squared / 20) ** 2 * (1.2 + np.cos(np.sqrt(squared)))
    >>> [round(c, 1) for c in find_center(photons, detector=detector).center]
    [49.3, 46.8]
    """
    given = {"detector": detector, "wavelength": wavelength, "start": start}
    given |= {"max_shift": max_shift, "max_angle": max_angle, "size": size}
    for name, value in given.items():
        check_value(value, CONSTRAINTS[name], name=name, owner=OWNER)
    detector = FlatDetector() if detector is None else detector
    detector._check_parameters()
    photons, flags = check_frames(
        np.asarray(frame)[None],
        None if mask is None else np.asarray(mask)[None],
        owner=OWNER,
        shape=detector.shape,
        name="frame",
    )
    evidence = shapes_near(flags[0], beam_center(detector) if start is None else start, max_shift)
    begin = evidence.get("hole", beam_center(detector)) if start is None else start
    geometry = _Geometry(detector, 2 * math.pi / wavelength)
    factor = geometry.put_together(wavelength / size)
    picture = _Picture.of(photons[0].astype(np.float64), flags[0], factor)
    origin, reach = picture.from_frame(begin), max_shift / factor
    for angle in (max_angle, 1.5 * max_angle, 2.25 * max_angle):
        pairs = _Pairs.up_to(min(angle, _STEEPEST), geometry, factor)
        if pairs.share_seen(picture, np.asarray(origin)) >= _ENOUGH_SEEN:
            break
    symmetry = _symmetry(picture, geometry, pairs)
    rings = _rings(picture, geometry, min(_RINGS_REACH * angle, _STEEPEST))
    places = _lowest({"symmetry": symmetry, "rings": rings}, np.asarray(origin), reach)
    if "both" not in places:
        allowed = (
            f"a frame with light at small angles on both sides of pixel ({begin[0]:.4g}, {begin[1]:.4g})"
        )
        raise fail("frame", OWNER, allowed, "one that is masked or dark there")
    found = {name: picture.to_frame(place) for name, place in places.items()}
    center = found.pop("both")
    apart = math.dist(found["symmetry"], found["rings"]) if len(found) == 2 else math.inf
    return CenterEstimate(center, symmetry(np.asarray(places["both"]), 1), apart, found | evidence)


@dataclass(frozen=True)
class _Geometry:
    """Where light arrives, in pixels that were put together by a factor."""

    detector: Detector
    wavenumber: float

    def put_together(self, fringe: float) -> int:
        """How many pixels to put together along each edge, for a fringe of an angle [rad]."""
        return max(1, int(fringe / self._angle_of_pixel() / _PIXELS_PER_FRINGE))

    def _angle_of_pixel(self) -> float:
        step = 0.01 * self.wavenumber
        rows, columns = offsets(self.detector, np.array([step]), np.array([0.0]), self.wavenumber)
        return 0.01 / float(np.hypot(rows, columns)[0])

    def step(self, factor: int) -> float:
        """Wave vector from one pixel to the next, near the beam [rad/nm]."""
        return self.wavenumber * self._angle_of_pixel() * factor

    def offsets(self, q_y: Array, q_x: Array, factor: int) -> Array:
        """Rows and columns from the beam (2, ...)."""
        return np.stack(offsets(self.detector, q_y, q_x, self.wavenumber)) / factor

    def inverse_solid_angle(self, q_y: Array, q_x: Array) -> Array:
        """Logarithm of pixels per solid angle, but for what is the same on a ring: the Jacobian of the offsets."""
        step = 1e-4 * self.wavenumber
        by_y = self.offsets(q_y + step, q_x, 1) - self.offsets(q_y - step, q_x, 1)
        by_x = self.offsets(q_y, q_x + step, 1) - self.offsets(q_y, q_x - step, 1)
        return np.log(np.abs(by_y[0] * by_x[1] - by_y[1] * by_x[0]))


@dataclass(frozen=True, eq=False)
class _Picture:
    """A frame of pixels put together: coefficients of splines of the logarithm, and what is measured."""

    coefficients: Array
    measured: Array
    factor: int

    @classmethod
    def of(cls, photons: Array, mask: NDArray[np.bool_], factor: int) -> _Picture:
        rows, columns = (n // factor * factor for n in photons.shape)
        shape = (rows // factor, factor, columns // factor, factor)
        counts = np.where(mask, photons, 0)[:rows, :columns].reshape(shape).sum(axis=(1, 3))
        seen = mask[:rows, :columns].reshape(shape).mean(axis=(1, 3))
        near, wide = (_smooth(counts, seen, sigma) for sigma in (1.0, 6.0))
        measured = seen >= 0.5
        photons = np.where(ndimage.binary_dilation(measured), near, wide)
        logs = np.log(np.maximum(photons, 0) + 0.5)
        return cls(ndimage.spline_filter(logs, order=3), measured.astype(np.float64), factor)

    def at(self, places: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Logarithm of the photons, and whether all about is measured, at places (2, ...)."""
        values = ndimage.map_coordinates(self.coefficients, places, order=3, prefilter=False, mode="nearest")
        return values, ndimage.map_coordinates(self.measured, places, order=1, cval=0.0) > 0.99

    def from_frame(self, place: Place) -> Place:
        row, column = ((c + 0.5) / self.factor - 0.5 for c in place)
        return row, column

    def to_frame(self, place: Array) -> Place:
        row, column = ((float(c) + 0.5) * self.factor - 0.5 for c in place)
        return row, column


def _smooth(counts: Array, seen: Array, sigma: float) -> Array:
    """Photons in each of the pixels put together, as if all of it were measured, from measured pixels only."""
    weight = ndimage.gaussian_filter(seen, sigma)
    return ndimage.gaussian_filter(counts, sigma) / np.maximum(weight, 1e-6)


def _sum(first: Cost, second: Cost) -> Cost:
    return lambda center, thin: first(center, thin) + second(center, thin)


def _expected_difference(q_squared: Array, wavenumber: float) -> Array:
    """Squared difference of the logarithms of opposite pixels, without noise."""
    depth = wavenumber - np.sqrt(np.maximum(wavenumber**2 - q_squared, 0))
    return (_DEPTH * depth) ** 2 + _FLOOR**2


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Opposite wave vectors, and where their light arrives."""

    q_y: Array
    q_x: Array
    plus: Array
    minus: Array

    @classmethod
    def up_to(cls, angle: float, geometry: _Geometry, factor: int) -> _Pairs:
        largest, step = geometry.wavenumber * math.sin(angle), geometry.step(factor)
        n = int(largest / step) + 1
        q_y, q_x = step * np.mgrid[: n + 1, -n : n + 1]
        half = (np.hypot(q_y, q_x) <= largest) & ((q_y > 0) | (q_x > 0))
        q_y, q_x = q_y[half], q_x[half]
        plus, minus = (geometry.offsets(sign * q_y, sign * q_x, factor) for sign in (1, -1))
        return cls(q_y, q_x, plus, minus)

    def share_seen(self, picture: _Picture, center: Array) -> float:
        """Share of the pairs of which both are measured, for a centre."""
        _, seen_a = picture.at(self.plus + center[:, None])
        _, seen_b = picture.at(self.minus + center[:, None])
        return float((seen_a & seen_b).mean()) if seen_a.size else 0.0


def _symmetry(picture: _Picture, geometry: _Geometry, pairs: _Pairs) -> Cost:
    """How unequal opposite pixels are, relative to their variation."""
    q_y, q_x, plus, minus = pairs.q_y, pairs.q_x, pairs.plus, pairs.minus
    unequal = _expected_difference(q_y**2 + q_x**2, geometry.wavenumber)
    # on a tilted detector, opposite pixels do not cover the same solid angle
    added = geometry.inverse_solid_angle(q_y, q_x) - geometry.inverse_solid_angle(-q_y, -q_x)

    def cost(center: Array, thin: int) -> float:
        (a, seen_a), (b, seen_b) = (picture.at(p[:, ::thin] + center[:, None]) for p in (plus, minus))
        seen = seen_a & seen_b
        if seen.sum() <= _LEAST_SEEN * seen.size:
            return math.inf
        weight = seen / (np.exp(-(a + b) / 2) + unequal[::thin])
        a = a + added[::thin]
        mean = (weight * (a + b)).sum() / weight.sum() / 2
        variation = (weight * ((a - mean) ** 2 + (b - mean) ** 2)).sum()
        contrast = variation > _LEAST_CONTRAST * weight.sum()
        return float((weight * (a - b) ** 2).sum() / variation) if contrast else math.inf

    return cost


def _rings(picture: _Picture, geometry: _Geometry, max_angle: float) -> Cost:
    """How unequal pixels on rings are, relative to their variation."""
    step = geometry.step(picture.factor)
    radius = np.arange(2 * step, geometry.wavenumber * math.sin(max_angle), step)[:, None]
    angle = np.linspace(0, 2 * math.pi, _N_ANGLES, endpoint=False)
    places = geometry.offsets(radius * np.sin(angle), radius * np.cos(angle), picture.factor)
    unequal = _expected_difference(radius[:, 0] ** 2, geometry.wavenumber)
    added = geometry.inverse_solid_angle(radius * np.sin(angle), radius * np.cos(angle))

    def cost(center: Array, thin: int) -> float:
        logs, seen = picture.at(places[:, :, ::thin] + center[:, None, None])
        logs = logs + added[:, ::thin]
        n = seen.sum(axis=1)
        mean = (seen * logs).sum(axis=1) / np.maximum(n, 1)
        within = ((seen * (logs - mean[:, None]) ** 2).sum(axis=1) / unequal).sum()
        weight = n / unequal
        if n.sum() <= _LEAST_SEEN * seen.size:
            return math.inf
        overall = (weight * mean).sum() / weight.sum()
        total = within + (weight * (mean - overall) ** 2).sum()
        return float(within / total) if total > _LEAST_CONTRAST * weight.sum() else math.inf

    return cost


def _lowest(costs: dict[str, Cost], start: Array, reach: float) -> dict[str, Array]:
    """Places of the lowest cost, by each and by "both" together; without those that have none."""
    steps = np.arange(-math.floor(reach), math.floor(reach) + 1)
    raster = start + np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    first, second = costs.values()
    values = {name: np.array([cost(place, _THIN) for place in raster]) for name, cost in costs.items()}
    values["both"] = sum(values.values(), np.zeros(len(raster)))
    found = {}
    for name, cost in (costs | {"both": _sum(first, second)}).items():
        # single evidence is there for comparison; one try is enough
        n_tries = _N_TRIES if name == "both" else 1
        place = _descend(cost, raster, values[name], start, reach, n_tries)
        if place is not None:
            found[name] = place
    return found


def _descend(
    cost: Cost, raster: Array, values: Array, start: Array, reach: float, n_tries: int
) -> Array | None:
    """The lowest place, from the best of a raster by parabolas; None where there is none."""

    def prior(places: Array) -> Array:
        return _PRIOR * ((places - start) ** 2).sum(axis=-1) / max(reach, 1) ** 2

    ends = []
    values = values + prior(raster)
    for _ in range(n_tries):
        lowest = int(np.argmin(values))
        if not math.isfinite(values[lowest]):
            break
        place = raster[lowest]
        values[np.hypot(*(raster - place).T) < _APART] = math.inf
        for step in (0.8, 0.4, 0.2):
            # a try that has not come to rest would look better than it is, since the prior is in the comparison
            for _ in range(_N_STEPS):
                there = np.clip(place + _to_bottom(cost, place, step), start - reach, start + reach)
                moved, place = float(np.abs(there - place).max()), there
                if moved < step:
                    break
        ends.append((cost(place, 1) + float(prior(place)), place))
    return min(ends, key=lambda end: end[0])[1] if ends else None


def _to_bottom(cost: Cost, place: Array, step: float) -> Array:
    """Step to the lowest point of the paraboloid through the nine places about one, of at most a step and a half."""
    row, column = step * np.mgrid[-1:2, -1:2].reshape(2, -1)
    values = np.array([cost(place + shift, 1) for shift in zip(row, column, strict=True)])
    if not np.isfinite(values).all():
        return np.zeros(2)
    design = np.stack([np.ones(9), row, column, row**2, column**2, row * column], axis=1)
    _, *slope, a, b, c = np.linalg.lstsq(design, values, rcond=None)[0]
    curvature = np.array([(2 * a, c), (c, 2 * b)])
    if np.linalg.eigvalsh(curvature)[0] <= 0:
        lowest = int(np.argmin(values))
        return np.array([row[lowest], column[lowest]])
    return np.clip(-np.linalg.solve(curvature, slope), -1.5 * step, 1.5 * step)
