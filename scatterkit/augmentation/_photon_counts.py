"""Poisson counts where every pixel has a mean of its own, the same in NumPy and in Keras.

A difference in the last bit of a mean or of a distribution function can change a count. Therefore what decides is
looked up in tables made by NumPy, or computed by sums, products, quotients and square roots alone, which all
libraries round alike.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

_STEPS = 1024  # tabulated square roots of means per unit
_LARGEST_ROOT = 5  # of the tabulated means
_COLUMNS = 64  # counts of a tabulated mean: the chance of more is below 2^-24
_BITS = 24  # of a uniform random number
_FINE = 1 << 16  # tabulated quantiles in the middle, and in each tail


@cache
def _cumulative() -> NDArray[np.float32]:
    """Give the distribution functions of means (j / 1024)^2, in multiples of 2^-24, (5120 * 64,)."""
    means = (np.arange(_STEPS * _LARGEST_ROOT) / _STEPS) ** 2
    values = special.pdtr(np.arange(_COLUMNS)[None], means[:, None])
    table = (np.rint(values * 2**_BITS) / 2**_BITS).astype(np.float32)
    table[:, -1] = 1  # no uniform random number reaches it
    return table.ravel()


@cache
def _normal() -> NDArray[np.float32]:
    """Give quantiles of the normal distribution: of 2^16 even shares, then of the last 2^16 numbers of each tail."""
    tail = special.ndtri((np.arange(_FINE) + 0.5) / 2**_BITS)
    middle = special.ndtri((np.arange(_FINE) + 0.5) / _FINE)
    return np.concatenate([middle, tail, -tail[::-1]]).astype(np.float32)


def photon_counts(means: Any, uniforms: Any, ops: Any) -> Any:
    """Turn uniform random numbers into Poisson counts.

    Means below 25 are rounded to the square of a multiple of 1/1024, by at most 0.1 % of the standard deviation, and
    for them the distribution is exact to 2^-24. For greater means the count is a rounded Cornish-Fisher quantile,
    whose distribution function is off by less than 1e-4 (M. B. Giles, ACM Trans. Math. Softw. 42, 7 (2016)).

    Parameters
    ----------
    means : array of float32
        Expected counts, not negative.
    uniforms : array of float32
        Multiples of 2^-24 in [0, 1), of the same shape.
    ops : namespace
        ``keras.ops``, or NumPy's.

    Returns
    -------
    array of float32
        Whole numbers.
    """
    roots = ops.sqrt(means)
    row = ops.cast(ops.floor(ops.minimum(roots, float(_LARGEST_ROOT)) * _STEPS + 0.5), "int32")
    last = _STEPS * _LARGEST_ROOT - 1
    few = _tabulated(ops.minimum(row, last), uniforms, ops)
    return ops.where(row <= last, few, _quantile(ops.maximum(roots, 1.0), means, uniforms, ops))


def _tabulated(row: Any, uniforms: Any, ops: Any) -> Any:
    """Count the entries of a row of the table that do not exceed the uniform random number, by bisection."""
    table = ops.convert_to_tensor(_cumulative())
    start = row * _COLUMNS
    place, step = start, _COLUMNS // 2
    while step:
        passed = ops.take(table, place + (step - 1)) <= uniforms
        place, step = place + step * ops.cast(passed, "int32"), step // 2
    return ops.cast(place - start, "float32")


def _quantile(roots: Any, means: Any, uniforms: Any, ops: Any) -> Any:
    """Give rounded Cornish-Fisher quantiles for means well above one."""
    bits = ops.cast(uniforms * 2.0**_BITS, "int32")
    upper = 2**_BITS - _FINE
    middle = ops.right_shift(bits, _BITS - 16)
    tails = ops.where(bits < _FINE, bits + _FINE, bits + (2 * _FINE - upper))
    in_tail = ops.logical_or(bits < _FINE, bits >= upper)
    z = ops.take(ops.convert_to_tensor(_normal()), ops.where(in_tail, tails, middle))
    squared = z * z
    correction = (squared * (1 / 6) + 1 / 3) - z * (squared + 2.0) / (72.0 * roots)
    return ops.maximum(ops.floor(means + (roots * z + correction)), 0.0)
