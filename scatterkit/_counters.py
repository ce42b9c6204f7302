"""Random numbers as a function of a key and a counter: the same in NumPy and on every Keras backend."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._arrays import NUMPY

# Multipliers of the hash "lowbias32" (C. Wellons, "Prospecting for hash functions", 2018, public domain),
# the second as the signed number of the same bits; then the golden ratio's bits, which part the two rounds.
_FIRST, _SECOND, _GOLDEN = 0x7FEB352D, 0x846CA68B - 2**32, 0x9E3779B9 - 2**32


def _mix(x: Any, ops: Any) -> Any:
    """Hash int32 numbers one to one; products wrap around, right shifts fill with zeros."""
    if ops is NUMPY:
        return _mixed(x)
    for shift, multiplier in ((16, _FIRST), (15, _SECOND), (16, None)):
        high = ops.bitwise_and(ops.right_shift(x, shift), (1 << (32 - shift)) - 1)
        x = ops.bitwise_xor(x, high)
        if multiplier is not None:
            x = x * ops.convert_to_tensor(np.array([multiplier], np.int32))
    return x


def _mixed(x: NDArray[np.int32]) -> NDArray[np.int32]:
    """Do the same for arrays of NumPy in half the steps: unsigned numbers shift by themselves, and in place."""
    bits: NDArray[np.uint32] = x.view(np.uint32)
    high = np.right_shift(bits, 16)
    bits = np.bitwise_xor(bits, high)
    for multiplier, shift in ((_FIRST, 15), (_SECOND, 16)):
        bits *= np.uint32(multiplier % 2**32)
        np.right_shift(bits, shift, out=high)
        bits ^= high
    return bits.view(np.int32)


def random_bits(keys: Any, counters: Any, ops: Any = NUMPY) -> Any:
    """Give 32 random bits for every pair of a key and a counter.

    Parameters
    ----------
    keys, counters : array_like of int32
        Arrays, not scalars, whose shapes broadcast.
    ops : namespace
        ``keras.ops``, or NumPy's by default.

    Returns
    -------
    array of int32
        Bits, any number equally likely.
    """
    golden = ops.convert_to_tensor(np.array([_GOLDEN], np.int32))
    mixed = _mix(ops.cast(keys, "int32") + golden, ops)
    return _mix(ops.bitwise_xor(_mix(ops.cast(counters, "int32") + mixed, ops), mixed + golden), ops)


def uniform(keys: Any, counters: Any, ops: Any = NUMPY) -> Any:
    """Give float32 numbers, multiples of 2^-24 in [0, 1), for every pair of a key and a counter.

    Parameters
    ----------
    keys, counters : array_like of int32
        Arrays, not scalars, whose shapes broadcast.
    ops : namespace
        ``keras.ops``, or NumPy's by default.

    Returns
    -------
    array of float32
        Uniform random numbers, the same to the last bit on every backend.
    """
    bits = ops.bitwise_and(ops.right_shift(random_bits(keys, counters, ops), 8), (1 << 24) - 1)
    return ops.cast(bits, "float32") * ops.convert_to_tensor(np.array([2.0**-24], np.float32))


def keys_of(*numbers: ArrayLike) -> NDArray[np.int32]:
    """Give one key for every combination of whole numbers, such as seed, epoch and index, which broadcast.

    Parameters
    ----------
    *numbers : array_like of int
        Whole numbers >= 0, up to 2^64.

    Returns
    -------
    ndarray of int32
        Keys, at least one-dimensional.
    """
    shape = np.broadcast_shapes(*(np.shape(number) for number in numbers), (1,))
    keys = np.zeros(shape, np.int32)
    for number in numbers:
        words = np.asarray(number, dtype=np.uint64)
        for word in (words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)):
            keys = random_bits(keys, np.broadcast_to(word.astype(np.uint32).view(np.int32), shape))
    return keys
