"""A pattern along radial cuts, and the lengths whose fringes these show."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from scatterkit.experiment import Detector
from scatterkit.preprocessing._geometry import Spots, spots

Floats = NDArray[np.float64]

N_AZIMUTHS = 72
"""Cuts around the full circle."""
STEP = 3 / 16
"""Distance of samples along a cut, in units of 2 pi / box: a body as wide as the box has 5 of them in a fringe."""
REACHES = ((5.0, 12.0), (10.0, 8.0), (15.0, 6.0))
"""How far cuts reach, in units of 2 pi / box, and the width of the high pass in samples, for each look."""
LENGTHS = np.exp(np.arange(math.log(0.04), math.log(1.33), 0.02))
"""Lengths that are looked for, in units of the box."""
_FLOOR = 0.03  # of a cut's mean power: what lies below is not told apart


class Cuts(NamedTuple):
    """A pattern at ``q`` along directions around the circle: values (azimuth, q), and where these were measured."""

    q: Floats
    values: Floats
    measured: NDArray[np.bool_]


def azimuths(n: int = N_AZIMUTHS) -> Floats:
    """Give the directions of n cuts, from x towards y."""
    return 2 * math.pi * np.arange(n) / n


@lru_cache(maxsize=8)
def _places(key: tuple[Any, ...], wavelength: float, step: float, n: int) -> tuple[Floats, list[Spots]]:
    """Give q along the cuts and where on the detector it is seen."""
    wavenumber = 2 * math.pi / wavelength
    q: Floats = step * np.arange(1.0, math.floor(0.97 * wavenumber / step) + 1)
    angles = azimuths(n)[:, None]
    q_y: Floats = q * np.sin(angles)
    q_x: Floats = q * np.cos(angles)
    return q, spots(Detector.from_key(key), q_y, q_x, wavenumber)


def radial_cuts(
    pattern: NDArray[np.float32],
    mask: NDArray[np.bool_],
    detector: Detector,
    wavelength: float,
    box: float,
    shift: tuple[float, float] = (0.0, 0.0),
    n_azimuths: int = N_AZIMUTHS,
) -> Cuts:
    """Sample a pattern along cuts as far as light travels, from a place shifted by rows and columns."""
    unit = 2 * math.pi / box
    q, panels = _places(detector.key(), float(wavelength), STEP * unit, n_azimuths)
    seen = np.zeros((n_azimuths, q.size))
    sums = np.zeros_like(seen)
    for panel in panels:
        window = tuple(slice(*ends) for ends in zip(panel.first, panel.last, strict=True))
        origin = np.array(panel.first) - np.array(shift)
        at = np.stack([panel.rows - origin[0], panel.columns - origin[1]])
        at = np.where(np.isfinite(at), at, -10.0)  # outside, where nothing is measured
        flags = mask[window].astype(np.float64)
        seen += ndimage.map_coordinates(flags, at, order=1)
        sums += ndimage.map_coordinates(np.where(flags > 0, pattern[window], 0.0), at, order=1)
    measured = seen > 0.5
    return Cuts(q, np.where(measured, sums / np.maximum(seen, 0.5), 0.0), measured)


def smoothed(values: Floats, weights: Floats, sigma: tuple[float, float]) -> Floats:
    """Give the Gaussian weighted mean over azimuths (around the circle) and q, in samples; 0 far from any weight."""

    def blurred(array: Floats) -> Floats:
        array = ndimage.gaussian_filter1d(array, sigma[1], axis=1, mode="constant")
        return array if sigma[0] == 0 else ndimage.gaussian_filter1d(array, sigma[0], axis=0, mode="wrap")

    total = blurred(weights)
    return np.divide(blurred(values * weights), total, out=np.zeros_like(values), where=total > 1e-3)


def fringes(cuts: Cuts, reach: float, high_pass: float) -> Floats:
    """Give the variation along the cuts up to a reach, of even strength; zero where not measured."""
    within = cuts.q <= reach
    weights = cuts.measured[:, within].astype(np.float64)
    values = cuts.values[:, within]
    values = (values - smoothed(values, weights, (0.0, high_pass))) * weights
    strength = np.sqrt(smoothed(values**2, weights, (2.0, 8.0)))
    # a fiftieth of the strongest fringes is noise of the picture's own digits, and so is what rounding leaves
    least = 0.02 * strength.max(initial=0) + 1e-5 * float(np.abs(cuts.values).max()) + 1e-12
    return values / (strength + least) * weights


def length_spectra(cuts: Cuts, box: float) -> Floats:
    """Give the logarithm of how strong fringes of each of ``LENGTHS`` are, for each look: (look, azimuth, length).

    Azimuths cover half the circle: the powers of opposite cuts are added, so that a shifted centre, which moves the
    fringes of both apart, does little harm.
    """
    unit = 2 * math.pi / box
    looks = []
    for reach, high_pass in REACHES:
        power = _power(fringes(cuts, reach * unit, high_pass))
        looks.append(np.log(power / max(float(power.mean()), 1e-12) + _FLOOR))
    return np.stack(looks)


@lru_cache(maxsize=8)
def _waves(n: int, step: float) -> NDArray[np.complex128]:
    """exp(i q w) for all samples of a cut and all lengths."""
    return np.exp(2j * np.pi * step * np.outer(np.arange(1, n + 1), LENGTHS))


def band_ratio(cuts: Cuts, box: float) -> float:
    """Give the logarithm of the mean power of fringes of lengths up to the box over that of longer ones.

    A body in the box causes no longer ones; noise has all alike, but for what sampling the cuts blurs.
    """
    reach, high_pass = REACHES[-1]
    values = fringes(cuts, reach * 2 * math.pi / box, high_pass)
    # a hundredth of what white noise as strong as fringes would leave: an even pattern has nothing in either
    power = _power(values).mean(axis=0) + 0.01 * values.shape[1]
    inside, beyond = (LENGTHS > 0.12) & (LENGTHS < 1.1), LENGTHS > 1.2
    short, long = (float(np.average(power[part], weights=LENGTHS[part])) for part in (inside, beyond))
    return math.log(short / long)


def _power(values: Floats) -> Floats:
    """Power of fringes of each length, opposite cuts together."""
    n = values.shape[1]
    window = np.sin(np.pi * (np.arange(n) + 1) / (n + 1)) ** 2
    power: Floats = np.abs((values * window) @ _waves(n, STEP)) ** 2
    return power[: N_AZIMUTHS // 2] + power[N_AZIMUTHS // 2 :]
