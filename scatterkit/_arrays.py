"""One algorithm for NumPy arrays and for Keras tensors: the functions that both have by one name."""

from __future__ import annotations

from typing import Any

import numpy as np


class _NumPy:
    """NumPy, with those functions of ``keras.ops`` that it has by another name or not at all."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def cast(x: Any, dtype: str) -> Any:
        """Give an array of another type."""
        return np.asarray(x).astype(dtype, copy=False)

    @staticmethod
    def convert_to_tensor(x: Any, dtype: str | None = None) -> Any:
        """Give an array."""
        return np.asarray(x, dtype=dtype)


NUMPY = _NumPy()


_TENSOR_LIBRARIES = frozenset({"keras", "tensorflow", "torch", "jax", "jaxlib"})


def is_tensor(array: Any) -> bool:
    """Whether an array belongs to Keras or to one of its backends; loads none of them."""
    return type(array).__module__.partition(".")[0] in _TENSOR_LIBRARIES


def namespace(*arrays: Any) -> Any:
    """Give the functions to compute with: ``keras.ops`` where any of the arrays is a tensor, else NumPy's.

    Code that is written once for both uses only what both have: arrays of float32 and int32, ``cast``,
    ``convert_to_tensor``, and the names that ``keras.ops`` shares with NumPy. Shapes must be known.
    """
    if not any(map(is_tensor, arrays)):
        return NUMPY
    from keras import ops

    return ops
