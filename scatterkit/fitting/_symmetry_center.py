"""Where the direct beam met a detector, from the symmetry of a log-scaled pattern at small q."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from scatterkit.experiment import Detector, PanelDetector

Array = NDArray[Any]

REACH = 7.6
"""Wave vectors that are compared, in units of 2 pi / box: beyond, the depth of large bodies breaks the symmetry."""
HIGH_PASS = 1.1
"""Width of the high pass, in the same unit."""
_LEAST_SIGNIFICANCE = 12.0  # bodies without an inverse (decahedra, five-fold stars) reach 11 at a wrong place
_LEAST_OVERLAP = (
    1e-3  # of the most: centres about which hardly any pixels have an opposite one are not ranked
)


def symmetry_shift(
    pattern: NDArray[np.float32],
    mask: NDArray[np.bool_],
    detector: Detector,
    wavelength: float,
    box: float,
    max_shift: float,
) -> tuple[float, float]:
    """Give by how many rows and columns the centre of inversion lies off the detector's centre.

    The pattern's variation, correlated with itself turned by half a turn, is largest there. Products are summed
    over pairs for all centres at half pixels at once, by Fourier transforms, and taken in units of their spread.
    (0, 0) where no place stands out.
    """
    if max_shift < 0.5 or isinstance(detector, PanelDetector):  # panels do not lie side by side in a frame
        return 0.0, 0.0
    window, middle, q = _window(detector, wavelength, REACH * 2 * math.pi / box, max_shift)
    values, weights = pattern[window].astype(np.float64), mask[window].astype(np.float64)
    pixel = float(np.abs(np.diff(q[middle[0]])).min())
    values = _varying(values, weights, HIGH_PASS * 2 * math.pi / box / pixel)
    taper = 1 / (1 + (q * box / (2 * math.pi * REACH)) ** 6)
    ratio, offsets = _ratios(values * taper, weights * taper, middle, max_shift)
    if float(ratio.max()) < _LEAST_SIGNIFICANCE:
        return 0.0, 0.0
    best = np.array(np.unravel_index(int(ratio.argmax()), ratio.shape))
    row, column = (offsets[i] + 0.5 * _vertex(ratio, best, axis) for axis, i in enumerate(best))
    return float(row), float(column)


def _window(
    detector: Detector, wavelength: float, reach: float, max_shift: float
) -> tuple[tuple[slice, slice], tuple[int, int], Array]:
    """The part of the frame that is compared, the centre pixel in it, and q there."""
    q_y, q_x = detector.wavevectors(2 * math.pi / wavelength)
    q = np.hypot(*np.broadcast_arrays(q_y, q_x))
    center = np.unravel_index(int(np.nanargmin(q)), q.shape)
    near = np.nan_to_num(q, nan=np.inf) < 1.5 * reach
    slices = []
    for axis, at in enumerate(center):
        seen = np.flatnonzero(near.any(axis=1 - axis))
        half = int(max(at - seen[0], seen[-1] - at) + math.ceil(max_shift))
        slices.append(slice(max(int(at) - half, 0), int(at) + half + 1))
    middle = (int(center[0]) - slices[0].start, int(center[1]) - slices[1].start)
    window = (slices[0], slices[1])
    return window, middle, np.nan_to_num(q[window], nan=1e3 * reach)


def _varying(values: Array, weights: Array, sigma: float) -> Array:
    """Values less their weighted mean nearby, times the weights."""
    total = ndimage.gaussian_filter(weights, sigma, mode="constant")
    mean = ndimage.gaussian_filter(values * weights, sigma, mode="constant") / np.maximum(total, 1e-3)
    return (values - mean) * weights


def _ratios(values: Array, weights: Array, middle: tuple[int, int], max_shift: float) -> tuple[Array, Array]:
    """Sums of products of opposite values over their spread, for centres at ``offsets`` from the middle."""
    size = [fft.next_fast_len(2 * n, real=True) for n in values.shape]
    steps = math.floor(2 * max_shift)
    offsets = np.arange(-steps, steps + 1) / 2
    # two opposite pixels have row numbers that add up to twice their centre's
    rows, columns = ((2 * at + np.arange(-steps, steps + 1)) % n for at, n in zip(middle, size, strict=True))

    def pairs(a: Array, b: Array) -> Array:
        product = fft.rfft2(a, size) * fft.rfft2(b, size)
        return fft.irfft2(product, size)[np.ix_(rows, columns)]

    power, count = pairs(values**2, weights), pairs(weights, weights)
    power = np.maximum(power, max(_LEAST_OVERLAP * float(power.max()), 1e-30))
    return pairs(values, values) * np.sqrt(np.maximum(count, 0)) / power, offsets


def _vertex(values: Array, at: Array, axis: int) -> float:
    """How far beyond a maximum the vertex of the parabola through it and its neighbours lies, in steps."""
    if not 0 < at[axis] < values.shape[axis] - 1:
        return 0.0
    step = np.eye(2, dtype=int)[axis]
    before, here, after = (float(values[tuple(at + k * step)]) for k in (-1, 0, 1))
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
