"""How images, volumes and patterns, are stored: their types, their chunks, and which values the types hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import InvalidParameterError, fail
from scatterkit.datasets.generation._store import ArraySpec
from scatterkit.datasets.schema import VOLUME

CHUNK_BYTES = 2 << 20  # a few milliseconds to decompress
MAX_CHUNK = 32
SLACK = 1e-5  # float32 sums may overshoot by rounding
_HALF_MAX = float(np.finfo(np.float16).max)
_LEVELS = {"uint8": 255, "uint16": 65535}


def image_spec(
    name: str,
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    dtype: str,
    shard_size: int,
    chunk_size: int | None,
    attrs: Mapping[str, Any],
) -> ArraySpec:
    """Give the array of an image; chunks hold up to 2 MiB where their size is None."""
    if chunk_size is None:
        nbytes = math.prod(shape) * np.dtype(dtype).itemsize
        fitting = [n for n in range(1, min(MAX_CHUNK, shard_size) + 1) if shard_size % n == 0]
        chunk_size = max([n for n in fitting if n * nbytes <= CHUNK_BYTES], default=1)
    scale = 1 / _LEVELS[dtype] if dtype in _LEVELS else None
    return ArraySpec(name, dims, tuple(shape), dtype, chunk_size, scale, attrs)


def check_storable(values: NDArray[Any], dtype: str, name: str, *, owner: str) -> None:
    """Raise unless a type holds the values of an image."""
    parameter, what = ("occupancy", "volumes") if name == VOLUME else ("pattern_dtype", "patterns")
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        n_nan, n_infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        raise InvalidParameterError(
            f"{owner} stores finite numbers. Got {what} with {n_nan} NaN and {n_infinite} infinite values of "
            f"{values.size} instead."
        )
    given = f"{dtype!r} for {what} with values from {low:g} to {high:g}"
    if dtype in _LEVELS and not (low >= -SLACK and high <= 1 + SLACK):
        allowed = "one that holds the values" if name == VOLUME else "'float16' or 'float32'"
        raise fail(parameter, owner, f"{allowed} where {what} are not within [0, 1]", given)
    if dtype == "float16" and max(-low, high) > _HALF_MAX:
        raise fail(parameter, owner, f"'float32' for values beyond {_HALF_MAX:g}", given)


def quantize(values: NDArray[np.float32], slot: NDArray[Any]) -> None:
    """Put values in [0, 1] into the steps of an integer type."""
    levels = np.iinfo(slot.dtype).max
    scaled = values * np.float32(levels)
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, levels, out=scaled)
    np.copyto(slot, scaled, casting="unsafe")
