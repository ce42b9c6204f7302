"""Scratch arrays kept between calls, one set per thread: fresh pages cost more than the arithmetic."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

_local = threading.local()


def workspace(name: str, shape: tuple[int, ...], dtype: Any = np.float32) -> NDArray[Any]:
    """Give an uninitialised array of a shape; the next call with this name may give the same memory."""
    buffers: dict[tuple[str, str], NDArray[Any]] = _local.__dict__.setdefault("buffers", {})
    key = (name, np.dtype(dtype).str)
    size = math.prod(shape)
    buffer = buffers.get(key)
    if buffer is None or buffer.size < size:
        buffer = buffers[key] = np.empty(size, dtype=dtype)
    return buffer[:size].reshape(shape)
