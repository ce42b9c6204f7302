"""Poisson numbers from uniform ones by the inverse of the distribution function: the same on every backend."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from scatterkit._arrays import NUMPY

_BITS = 24  # of the uniform numbers
_LOOKUP = 12  # leading bits that NumPy looks numbers up by


def poisson_table(rates: ArrayLike, highest: float) -> NDArray[np.int32]:
    """Give for each count k the share of uniform numbers at or above which a number exceeds k.

    Parameters
    ----------
    rates : array_like of shape (n,)
        Expected values.
    highest : float
        The largest rate that may occur; it sets the table's width.

    Returns
    -------
    ndarray of int32 of shape (n, 2^m - 1)
        Distribution functions in units of 2^-24. Whole numbers compare alike on every backend.
    """
    rates = np.asarray(rates, np.float64)
    count = _largest(float(max(highest, rates.max()))) + 1
    k = np.arange(count, dtype=np.float64)
    logarithms = special.xlogy(k, rates[:, None]) - rates[:, None] - special.gammaln(k + 1)
    below = np.cumsum(np.exp(logarithms), axis=1).clip(max=1)
    table = np.full((len(rates), 2 ** math.ceil(math.log2(count + 1)) - 1), 1 << _BITS, np.int32)
    table[:, :count] = np.rint(below * 2.0**_BITS)
    return table


@lru_cache(maxsize=64)
def _largest(rate: float) -> int:
    """Give a number that hardly any uniform random number exceeds: none of 24 bits does."""
    return math.ceil(special.pdtrik(1 - 2.0 ** -(_BITS + 1), rate)) + 1


def poisson(uniform: Any, table: Any, ops: Any) -> Any:
    """Turn uniform random numbers into Poisson numbers.

    Parameters
    ----------
    uniform : array of float32 of shape (n, y, x)
        Multiples of 2^-24 in [0, 1).
    table : array of int32 of shape (n, 2^m - 1)
        From ``poisson_table``.
    ops : namespace
        ``keras.ops``, or NumPy's.

    Returns
    -------
    array of float32 of shape (n, y, x)
        Whole numbers.
    """
    bits = ops.cast(uniform * 2.0**_BITS, "int32")
    if ops is NUMPY:
        return np.stack([_looked_up(*sample) for sample in zip(bits, table, strict=True)])
    flat = ops.reshape(bits, (-1, bits.shape[1] * bits.shape[2]))
    return ops.cast(ops.reshape(bisected(flat, table, ops), (-1, *bits.shape[1:])), "float32")


def bisected(bits: Any, table: Any, ops: Any) -> Any:
    """Give how many entries of the table's row (n, 2^m - 1) each number (n, pixels) reaches."""
    counts = ops.zeros_like(bits)
    step = (table.shape[1] + 1) // 2
    while step:
        reached = ops.take_along_axis(table, counts + (step - 1), axis=1) <= bits
        counts = counts + step * ops.cast(reached, "int32")
        step //= 2
    return counts


def _looked_up(bits: NDArray[np.int32], thresholds: NDArray[np.int32]) -> NDArray[np.float32]:
    """Give the same for one pattern by a table over leading bits: ten times as fast as searching in NumPy."""
    edges = -(-thresholds >> (_BITS - _LOOKUP))  # the first cell that lies wholly at or above each threshold
    cells = np.repeat(
        np.arange(len(thresholds) + 1, dtype=np.float32),
        np.diff(edges, prepend=0, append=1 << _LOOKUP),
    )
    split = thresholds >> (_BITS - _LOOKUP)
    cells[split[split < edges]] = -1  # a threshold inside: search
    counts = cells.take(bits >> (_BITS - _LOOKUP))
    unsure = counts < 0
    counts[unsure] = np.searchsorted(thresholds, bits[unsure], side="right")
    return counts
