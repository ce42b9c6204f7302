"""Interpolation in q space from a uniform grid to any pixels: a Kaiser-Bessel non-uniform Fourier transform.

With u = r * spacing, exp(-i q r) = sum over nodes g of psi(q / spacing - g) exp(-i g u) / psi^(u) up to 1e-7,
where psi is the Kaiser-Bessel window and psi^ its Fourier transform. Window and shape parameter for twofold
oversampling: P. J. Beatty, D. G. Nishimura and J. M. Pauly, IEEE Trans. Med. Imaging 24, 799 (2005).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0

Array = NDArray[Any]
WIDTH = 8
_SHAPE = math.pi * math.sqrt((WIDTH / 2) ** 2 * 1.5**2 - 0.8)


def spacing(box: float) -> float:
    """Distance of nodes that oversamples the transform of a body in the box twofold."""
    return math.pi / box


def nodes(q_max: float, step: float) -> Array:
    """Wave vectors of the nodes that pixels with 0 <= q <= q_max need."""
    return step * np.arange(1 - WIDTH // 2, math.floor(q_max / step) + WIDTH // 2 + 1)


def covering(q: Array, step: float) -> Array:
    """Wave vectors of the nodes that any pixels need, from the first of any window to the last."""
    low, high = (math.floor(edge / step) for edge in (q.min(), q.max()))
    return step * np.arange(low + 1 - WIDTH // 2, high + WIDTH // 2 + 1)


def windows(q: Array, step: float) -> tuple[Array, Array]:
    """First node and weights, along a new last axis, of every pixel."""
    first = np.floor(q / step).astype(np.int64)
    offset = (q / step - first)[..., None] - np.arange(1 - WIDTH // 2, WIDTH // 2 + 1)
    inside = np.clip(1 - (2 * offset / WIDTH) ** 2, 0, None)
    return first, i0(_SHAPE * np.sqrt(inside)).astype(np.float32)


def correction(r: Array, step: float) -> Array:
    """What the transform at positions r from the middle is multiplied by before interpolation."""
    root = np.sqrt(_SHAPE**2 - (WIDTH * r * step / 2) ** 2)
    return root / (WIDTH * np.sinh(root))
