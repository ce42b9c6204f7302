"""Libraries of bodies and their patterns on rings, made once for an experiment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from scatterkit._progress import progress_bar
from scatterkit.experiment import check_detector
from scatterkit.fitting._planes import Floats, box_limit
from scatterkit.fitting.baselines._classes import Pose, poses
from scatterkit.fitting.baselines._polar import N_RINGS, Match, PolarGrid, PolarLibrary
from scatterkit.fitting.baselines._pursuit import Planes
from scatterkit.fitting.baselines._scattering import scattering_of
from scatterkit.fitting.models.ellipsoid import planes_of
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid, SolidSampler

EPS = (1e2, 1e5)
"""Backgrounds that patterns of a library are log-scaled with: published ones lie at the ends."""

OUTERMOST = 0.45
"""Radius of the outermost ring as part of the largest q: beyond it, coarse turns do not match anyway."""

Body = TypeVar("Body")


class Hashed:
    """A simulator as the key of a cache: equal parameters, equal key."""

    def __init__(self, simulator: MSFTSimulator) -> None:
        self.simulator = simulator
        self.digest = joblib.hash(simulator)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hashed) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


class BodyLibrary(Generic[Body]):
    """Bodies with their log-scaled patterns on rings.

    Parameters
    ----------
    bodies : sequence
        The bodies, in a form of the caller's.
    patterns : ndarray of float32 of shape (n, rings, angles)
        Their patterns, a whole number of times all bodies.
    polar : PolarGrid
        The rings.
    simulator : MSFTSimulator
        The experiment.
    """

    def __init__(
        self,
        bodies: Sequence[Body],
        patterns: NDArray[np.float32],
        polar: PolarGrid,
        simulator: MSFTSimulator,
    ) -> None:
        self.bodies = bodies
        self.matcher = PolarLibrary(patterns, polar.radii)
        self.resampling = polar.resampling(*pixel_wavevectors(simulator))
        self.polar = polar

    def ranked(
        self,
        pattern: NDArray[np.float32],
        mask: NDArray[np.bool_],
        *,
        mirrors: bool,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> Iterator[tuple[Body, Match]]:
        """Give every body once, with its best turn, the closest first; the rings lie about a shifted centre."""
        pattern, mask = _shifted_back(pattern, mask, shift)
        values = self.polar.rings(self.resampling.apply(pattern))
        known = self.polar.rings(self.resampling.masked(mask))
        if not known.any():
            known[:] = True
        given: set[int] = set()
        for match in self.matcher.matches(values, known, mirrors=mirrors):
            number = match.entry % len(self.bodies)
            if number not in given:
                given.add(number)
                yield self.bodies[number], match


def _shifted_back(
    pattern: NDArray[np.float32], mask: NDArray[np.bool_], shift: tuple[float, float]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Put the centre of a pattern back to the detector's; measured is what lies between measured pixels alone."""
    if not any(shift):
        return pattern, mask
    back = [-step for step in shift]
    values = ndimage.shift(np.where(mask, pattern, 0).astype(np.float32), back, order=1)
    return values, ndimage.shift(mask.astype(np.float64), back, order=1) > 1 - 1e-6


def pixel_wavevectors(simulator: MSFTSimulator) -> tuple[Floats, Floats]:
    """Give the transverse wave vectors (q_y, q_x) of all pixels."""
    detector = check_detector(simulator.detector, owner="MSFTSimulator")
    q_y, q_x = detector.wavevectors(2 * math.pi / simulator.wavelength)
    return np.broadcast_to(q_y, detector.shape), np.broadcast_to(q_x, detector.shape)


def rings_of(simulator: MSFTSimulator) -> PolarGrid:
    """Give the rings on which patterns of an experiment are compared."""
    q = np.hypot(*pixel_wavevectors(simulator))
    q_max = OUTERMOST * min(float(q[np.isfinite(q)].max()), 2 * math.pi / simulator.wavelength)
    return PolarGrid(q_max, q_max / N_RINGS)


def simulated_library(
    bodies: Sequence[Body],
    planes: Callable[[Body], Planes],
    simulator: MSFTSimulator,
    grid: int,
    verbose: bool,
) -> BodyLibrary[Body]:
    """Simulate bodies on rings, log-scaled with several backgrounds."""
    polar = rings_of(simulator)
    points = scattering_of(simulator, grid).at_wavevectors(polar.q_y, polar.q_x)
    intensities = np.empty((len(bodies), polar.q_y.size), dtype=np.float32)
    with progress_bar(len(bodies), description="library", verbose=verbose, unit="body") as bar:
        for row, body in zip(intensities, bodies, strict=True):
            row[:] = points.intensity(*planes(body), polar.q_y.size)
            bar.update()
    patterns = np.concatenate([polar.rings(np.log(intensities + np.float32(eps))) for eps in EPS])
    return BodyLibrary(bodies, patterns, polar, simulator)


@lru_cache(maxsize=4)
def class_library(experiment: Hashed, names: tuple[str, ...], grid: int, verbose: bool) -> BodyLibrary[Pose]:
    """Give catalogue classes in coarse views and sizes, with their patterns."""
    simulator = experiment.simulator
    limit = box_limit(simulator.box)
    bodies = [pose for name in names for pose in poses(name, limit)]

    def planes(pose: Pose) -> Planes:
        model = pose.model()
        return model.planes(model.move(pose.point, np.zeros(6), limit))

    return simulated_library(bodies, planes, simulator, grid, verbose)


@lru_cache(maxsize=4)
def sampled_library(
    experiment: Hashed, n_bodies: int, seed: int, grid: int, verbose: bool
) -> BodyLibrary[Solid]:
    """Give random bodies of the catalogue, some of them cut, with their patterns."""
    simulator = experiment.simulator
    largest = simulator.box / 2
    sampler = SolidSampler(
        random_state=seed,
        size=(0.2 * largest, 0.97 * largest),
        stretch=(0.5, 2.0),
        cut=(0.2, 1.0),
        cut_probability=0.5,
        max_radius=0.97 * largest,
        box=0.99 * simulator.box,
    )
    return simulated_library(sampler.sample(n_bodies), planes_of, simulator, grid, verbose)


def given_library(
    patterns: NDArray[np.float32], solids: Sequence[Any], simulator: MSFTSimulator
) -> BodyLibrary[Any]:
    """Give the bodies and log-scaled patterns of a user, as they were on the detector."""
    polar = rings_of(simulator)
    resampling = polar.resampling(*pixel_wavevectors(simulator))
    rings = np.stack([polar.rings(resampling.apply(pattern)) for pattern in patterns]).astype(np.float32)
    return BodyLibrary(solids, rings, polar, simulator)
