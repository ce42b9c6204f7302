"""Ellipses as silhouettes: which of them the fringes of a pattern speak for."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scatterkit.fitting._radial_cuts import LENGTHS, N_AZIMUTHS, azimuths

Floats = NDArray[np.float64]

OFFSETS = np.arange(-10, 6) * 0.1
"""Logarithms of lengths over a silhouette's width at which ``PROFILE`` is given."""
PROFILE = np.array(
    [-1.24, -0.96, -0.76, -0.47, -0.13, 0.43, 1.35, 1.5, 1.34, 2.36, 3.23, 2.57, 0.43, -2.32, -1.53, -2.49]
)
"""What fringes of these lengths say for a silhouette: the weights of a logistic regression on 500 simulated bodies.

Fringes of up to a silhouette's width speak for it, longer ones against it: the support of an autocorrelation.
Fitted by tests/benchmarks/bench_first_look.py --calibrate.
"""
PREFERENCES = np.array([1.39, -1.17])
"""Weights of the logarithms of an ellipse's size and of its axes' ratio, from the same regression."""
SIZES = np.arange(math.log(0.11), math.log(1.1), 0.05)
STRETCHES = np.log([1.0, 1.15, 1.35, 1.6, 1.9, 2.3, 2.8])
TURNS = np.arange(12) * math.pi / 12
_SPACING = math.log(LENGTHS[1] / LENGTHS[0])


class Ellipses(NamedTuple):
    """Every ellipse that is tried.

    ``logs (m, 2)``: logarithms of its size, the mean width in units of the box, and of its axes' ratio; ``widths (m,
    azimuths)``: logarithms of its width along the azimuths of half a circle, in units of the box.
    """

    logs: Floats
    widths: Floats


def ellipse_widths(stretch: Floats, turn: Floats, angles: Floats) -> Floats:
    """Give widths along angles of ellipses of mean width 1, from their axes' ratio (its logarithm) and direction."""
    long = np.cos(angles - turn[..., None]) ** 2 * np.exp(stretch)[..., None]
    short = np.sin(angles - turn[..., None]) ** 2 * np.exp(-stretch)[..., None]
    widths = np.sqrt(long + short)
    return widths / widths.mean(axis=-1, keepdims=True)


@lru_cache(maxsize=1)
def all_ellipses() -> Ellipses:
    """Give the ellipses, round ones once."""
    shapes = [(0.0, 0.0), *((s, t) for s in STRETCHES[1:] for t in TURNS)]
    stretch, turn = (np.tile(part, len(SIZES)) for part in np.array(shapes).T)
    size = np.repeat(SIZES, len(shapes))
    angles = azimuths()[: N_AZIMUTHS // 2]
    widths = size[:, None] + np.log(ellipse_widths(stretch, turn, angles))
    known = widths.max(axis=1) < math.log(LENGTHS[-1])
    return Ellipses(np.column_stack([size, stretch])[known], widths[known])


def along(values: Floats, widths: Floats) -> Floats:
    """Give the mean over azimuths of values ``(azimuth, length)`` at logarithms of widths ``(m, azimuth)``."""
    at = np.clip((widths - math.log(LENGTHS[0])) / _SPACING, 0, len(LENGTHS) - 1.001)
    low = at.astype(np.intp)
    share = at - low
    rows = np.arange(len(values))
    return np.mean(values[rows, low] * (1 - share) + values[rows, low + 1] * share, axis=1)


def shifted(values: Floats, offset: float) -> Floats:
    """Give values ``(azimuth, length)`` at lengths times exp(offset); the ends are continued."""
    at = np.clip(np.arange(len(LENGTHS)) + round(offset / _SPACING), 0, len(LENGTHS) - 1)
    return values[:, at]


def scores(spectra: Floats) -> Floats:
    """Give the logarithm of each ellipse's probability, but for a constant."""
    mean = spectra.mean(axis=0)
    matched = sum(w * shifted(mean, offset) for w, offset in zip(PROFILE, OFFSETS, strict=True))
    ellipses = all_ellipses()
    return along(np.asarray(matched), ellipses.widths) + ellipses.logs @ PREFERENCES
