"""What the tests of networks share: arrays in and out, and gradients on any backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels import tensor_backends

keras = tensor_backends.keras
Array = NDArray[Any]


def array(tensor: Any) -> Array:
    """A tensor as an array."""
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def tensor(values: Any) -> Any:
    """An array, or a tensor, as a tensor of single precision."""
    if keras.ops.is_tensor(values):
        return keras.ops.cast(values, "float32")
    return keras.ops.convert_to_tensor(np.array(values, dtype=np.float32))


def differentiated(function: Callable[[Any], Any]) -> Callable[..., Array]:
    """A function that gives the gradient by the argument of the sum of a function's result, weighted."""
    tensor_backends.XLA, before = False, tensor_backends.XLA
    try:
        pull = tensor_backends.pullback(lambda x: (function(x),))
    finally:
        tensor_backends.XLA = before

    def of(at: Array, by_result: Array) -> Array:
        return array(pull(tensor(at), tensor(by_result)))

    return of


def gradient(function: Callable[[Any], Any], at: Array, by_result: Array | float = 1.0) -> Array:
    """Gradient at one place."""
    shape = array(function(tensor(at))).shape
    return differentiated(function)(at, np.broadcast_to(np.float32(by_result), shape))


def compiled(function: Callable[[Any], Any], at: Array) -> Array:
    """A function's result, as the backend compiles it."""
    return array(tensor_backends.jit(function)(tensor(at)))


def slope(function: Callable[[Any], Any], at: Array, direction: Array, step: float) -> float:
    """Central difference of the sum of a function's result along a direction."""
    ends = [array(function(tensor(at + s * step * direction))).sum(dtype=np.float64) for s in (1, -1)]
    return float(ends[0] - ends[1]) / (2 * step)
