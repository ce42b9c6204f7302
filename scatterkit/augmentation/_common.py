"""What several filters need: numbers within ranges, pixels' places, the brightest pixel at one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

PUBLISHED_SIDE = 128
"""Pixels along a side of the published patterns, to which lengths in pixels refer."""


def within(interval: tuple[float, float], draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn uniform random numbers in [0, 1) into ones in a range."""
    low, high = interval
    return low + (high - low) * draws


def log_within(interval: tuple[float, float], draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn uniform random numbers into ones in a range above zero whose logarithm is uniform."""
    low, high = np.log(interval)
    return np.exp(within((low, high), draws))


def pixel_scale(shape: tuple[int, int]) -> float:
    """Pixels of a pattern per pixel of the published 128, along the shorter side."""
    return min(shape) / PUBLISHED_SIDE


def beam_distance(shape: tuple[int, int], ops: Any) -> Any:
    """Give the distance of every pixel from the beam's, in pixels, (y, x).

    It is a constant made by NumPy: filters compare it with radii and so decide alike on every backend.
    """
    return ops.convert_to_tensor(_beam_distance(shape))


@lru_cache(maxsize=8)
def _beam_distance(shape: tuple[int, int]) -> NDArray[np.float32]:
    row, column = (np.arange(n) - n // 2 for n in shape)
    return np.hypot(row[:, None], column[None]).astype(np.float32)


def pixel_numbers(shape: tuple[int, int], ops: Any) -> tuple[Any, Any]:
    """Give the numbers of rows and of columns, as int32 of shapes (1, y, 1) and (1, 1, x)."""
    rows, columns = (np.arange(n, dtype=np.int32) for n in shape)
    return ops.convert_to_tensor(rows[None, :, None]), ops.convert_to_tensor(columns[None, None])


def brightest_to_one(X: Any, ops: Any) -> Any:
    """Divide every pattern by its largest value; a pattern without light stays as it is."""
    brightest = ops.max(X, axis=(1, 2), keepdims=True)
    return X / ops.where(brightest > 0, brightest, ops.ones_like(brightest))
