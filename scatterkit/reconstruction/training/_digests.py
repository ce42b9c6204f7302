"""What tells the data of one training from those of another."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.datasets.feeding._sources import Column, Source

_ROWS = 256
"""Samples that are hashed at once."""
_LOOKED_AT = 16
"""Samples of a set on disk that are hashed; all of one in memory are."""


def digest_of(source: Source, attributes: Any = None) -> str:
    """Give the digest of a set: of all values in memory, and of some of those on disk, with their files' names."""
    found = hashlib.sha256(json.dumps(attributes, sort_keys=True, default=str).encode())
    for name in sorted(source.columns):
        column = source.columns[name]
        found.update(f"{name} {column.shape} {column.dtype.str}".encode())
        if not column.resident:
            found.update(f"{column.file}".encode())
        for start, stop in _looked_at(column):
            found.update(column.read(start, stop).tobytes())
    return found.hexdigest()


def _looked_at(column: Column) -> list[tuple[int, int]]:
    n = column.shape[0]
    if column.resident:
        return [(start, min(start + _ROWS, n)) for start in range(0, n, _ROWS)]
    numbers: NDArray[np.int64] = np.unique(np.linspace(0, n - 1, _LOOKED_AT).round().astype(np.int64))
    return [(int(number), int(number) + 1) for number in numbers]


def place_of(source: Any) -> str:
    """Give the absolute path of a stored set; of others their kind."""
    return os.path.abspath(source) if isinstance(source, (str, os.PathLike)) else type(source).__name__
