"""Where the direct beam met a detector, from the symmetry of a log-scaled pattern at small q."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

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
_APART = (
    5  # half pixels that a maximum is the highest of, along rows and columns: what is lower is its shoulder
)
_LEAST_OVERLAP = (
    1e-3  # of the most: centres about which hardly any pixels have an opposite one are not ranked
)


class Center(NamedTuple):
    """A place where q = 0 may lie: its shift (rows, columns) from the detector's centre, and how symmetric it is.

    ``significance`` is the summed product of opposite pixels over its spread.
    """

    shift: tuple[float, float]
    significance: float

    @property
    def stands_out(self) -> bool:
        """Whether the symmetry is stronger than bodies without an inverse have it at a wrong place."""
        return self.significance >= _LEAST_SIGNIFICANCE


def largest_shift(detector: Detector | None, max_shift: float) -> float:
    """Give how far off a pattern's centre may be looked for: nowhere where panels are stacked.

    These do not lie side by side in a frame: what is moved as one picture crosses their seams.
    """
    return 0.0 if isinstance(detector, PanelDetector) else max_shift


def symmetry_centers(
    pattern: NDArray[np.float32],
    mask: NDArray[np.bool_],
    detector: Detector,
    wavelength: float,
    box: float,
    max_shift: float,
) -> list[Center]:
    """Give the places where a centre of inversion may lie, the most symmetric first.

    The pattern's variation, correlated with itself turned by half a turn, is largest there. Products are summed
    over pairs for all centres at half pixels at once, by Fourier transforms, and taken in units of their spread.
    None where q = 0 lies off the frame, which then holds no opposite pixels.
    """
    if largest_shift(detector, max_shift) < 0.5:
        return []
    q_y, q_x = np.broadcast_arrays(*detector.wavevectors(2 * math.pi / wavelength))
    center = _center(q_y, q_x)
    if center is None:
        return []
    nearest, beyond = center
    reach, farthest = REACH * 2 * math.pi / box, max_shift + 0.5 + float(np.abs(beyond).max())
    window, middle, q = _window(np.hypot(q_y, q_x), nearest, reach, farthest)
    values, weights = pattern[window].astype(np.float64), mask[window].astype(np.float64)
    pixel = float(np.nanmedian(np.abs(np.diff(q_x[nearest[0]]))))
    values = _varying(values, weights, HIGH_PASS * 2 * math.pi / box / pixel)
    taper = 1 / (1 + (q * box / (2 * math.pi * REACH)) ** 6)
    # half pixels from the nearest one, so far that q = 0 itself is looked for up to the largest shift; one more on
    # each side tells how far from those at the bound a maximum lies
    ends = np.ceil(2 * (beyond - max_shift)) - 1, np.floor(2 * (beyond + max_shift)) + 1
    steps = [np.arange(first, last + 1, dtype=int) for first, last in zip(*ends, strict=True)]
    ratio = _ratios(values * taper, weights * taper, middle, steps)
    return [_place(ratio, steps, peak, beyond, max_shift) for peak in _peaks(ratio[1:-1, 1:-1]) + 1]


def _peaks(ratio: Array) -> Array:
    """Indices of the local maxima, the highest first."""
    peaks = np.argwhere((ratio == ndimage.maximum_filter(ratio, _APART, mode="nearest")) & (ratio > 0))
    return peaks[np.argsort(-ratio[tuple(peaks.T)], kind="stable")]


def _place(ratio: Array, steps: list[Array], at: Array, beyond: Array, max_shift: float) -> Center:
    offsets = (0.5 * (steps[axis][i] + _vertex(ratio, at, axis)) for axis, i in enumerate(at))
    row, column = np.clip([*offsets] - beyond, -max_shift, max_shift).tolist()
    return Center((row, column), float(ratio[tuple(at)]))


def _center(q_y: Array, q_x: Array) -> tuple[tuple[int, int], Array] | None:
    """The pixel nearest to q = 0, and how far beyond it q = 0 lies, in pixels; None where that is off the frame."""
    row, column = (int(i) for i in np.unravel_index(int(np.nanargmin(np.hypot(q_y, q_x))), q_y.shape))
    if min(q_y.shape) < 2:
        return None
    # the slopes along rows and columns, towards a neighbour that there is
    i, j = min(row, q_y.shape[0] - 2), min(column, q_y.shape[1] - 2)
    slopes = np.array([(q[i + 1, column] - q[i, column], q[row, j + 1] - q[row, j]) for q in (q_y, q_x)])
    if not np.isfinite(slopes).all() or abs(np.linalg.det(slopes)) < 1e-30:
        return None
    beyond = np.linalg.solve(slopes, -np.array([q_y[row, column], q_x[row, column]]))
    return ((row, column), beyond) if np.abs(beyond).max() < 1 else None


def _window(
    q: Array, center: tuple[int, int], reach: float, farthest: float
) -> tuple[tuple[slice, slice], tuple[int, int], Array]:
    """The part of the frame that is compared, the pixel nearest to q = 0 in it, and q there."""
    near = np.nan_to_num(q, nan=np.inf) < 1.5 * reach
    slices = []
    for axis, at in enumerate(center):
        seen = np.flatnonzero(near.any(axis=1 - axis))
        half = int(max(at - seen[0], seen[-1] - at) + math.ceil(farthest))
        slices.append(slice(max(at - half, 0), at + half + 1))
    middle = (center[0] - slices[0].start, center[1] - slices[1].start)
    window = (slices[0], slices[1])
    return window, middle, np.nan_to_num(q[window], nan=1e3 * reach)


def _varying(values: Array, weights: Array, sigma: float) -> Array:
    """Values less their weighted mean nearby, times the weights."""
    total = ndimage.gaussian_filter(weights, sigma, mode="constant")
    mean = ndimage.gaussian_filter(values * weights, sigma, mode="constant") / np.maximum(total, 1e-3)
    return (values - mean) * weights


def _ratios(values: Array, weights: Array, middle: tuple[int, int], steps: list[Array]) -> Array:
    """Sums of products of opposite values over their spread, for centres some half pixels from the middle."""
    size = [fft.next_fast_len(2 * n, real=True) for n in values.shape]
    # two opposite pixels have row numbers that add up to twice their centre's
    rows, columns = ((2 * at + some) % n for at, some, n in zip(middle, steps, size, strict=True))

    def pairs(a: Array, b: Array) -> Array:
        product = fft.rfft2(a, size) * fft.rfft2(b, size)
        return fft.irfft2(product, size)[np.ix_(rows, columns)]

    power, count = pairs(values**2, weights), pairs(weights, weights)
    power = np.maximum(power, max(_LEAST_OVERLAP * float(power.max()), 1e-30))
    return pairs(values, values) * np.sqrt(np.maximum(count, 0)) / power


def _vertex(values: Array, at: Array, axis: int) -> float:
    """How far beyond a maximum the vertex of the parabola through it and its neighbours lies, in steps."""
    step = np.eye(2, dtype=int)[axis]
    before, here, after = (float(values[tuple(at + k * step)]) for k in (-1, 0, 1))
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
