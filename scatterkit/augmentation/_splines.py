"""Cubic spline interpolation between pixels as SciPy does it: mirrored at the edges, nothing outside.

The formulas are those of M. Unser, IEEE Signal Processing Magazine 16 (6), 22 (1999).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_POLE = math.sqrt(3) - 2
_STEPS = (1, 2, 4, 8)
_REACH = sum(_STEPS)  # pixels; the pole's 16th power is below 1e-9


def mirrored(index: Any, length: int, ops: Any) -> Any:
    """Give the pixels that show in mirrors through the first and last of them, for whole numbers of any size."""
    period = max(2 * length - 2, 1)
    within = ops.mod(ops.abs(index), period)
    return ops.minimum(within, period - within) if length > 1 else ops.zeros_like(index)


def coefficients(X: Any, ops: Any) -> Any:
    """Give the cubic B-splines' weights such that they meet the values along the rows' axis of (n, y, x)."""
    length = X.shape[1]
    index = mirrored(np.arange(-_REACH, length + _REACH, dtype=np.int32), length, np)
    return _filtered(ops.take(X, ops.convert_to_tensor(index), axis=1))


def _filtered(values: Any) -> Any:
    """Turn rows into splines' weights, without the first and last 15 rows.

    The filter is the product of 1/(1 - p S) and 1/(1 - p/S) with the pole p and the shift S by one pixel. Here each is
    the product of 1 + (pS)^k for k = 1, 2, 4, 8: no recursion, and no matrix product, whose precision on a GPU is
    a matter of settings.
    """
    for k in _STEPS:
        values = values[:, k:] + _POLE**k * values[:, :-k]
    for k in _STEPS:
        values = values[:, :-k] + _POLE**k * values[:, k:]
    return -6 * _POLE * values


def weights(t: Any) -> tuple[Any, Any, Any, Any]:
    """Give the cubic B-splines of the pixels -1, 0, 1, 2 at t in [0, 1]."""
    s = 1 - t
    return s * s * s / 6, 2 / 3 - t * t * (1 + s) / 2, 2 / 3 - s * s * (1 + t) / 2, t * t * t / 6


def move_rows(X: Any, distance: Any, ops: Any) -> Any:
    """Move patterns (n, y, x) along their rows' axis by distances (n,) in pixels."""
    (start, t), length = _source(distance, ops), X.shape[1]
    splines = _filtered(_rows(X, start, range(-1 - _REACH, length + 2 + _REACH), ops))
    moved = sum(weight[:, None, None] * splines[:, k : k + length] for k, weight in enumerate(weights(t)))
    return moved * _inside(distance, length, ops)


def move_mask_rows(mask: Any, distance: Any, ops: Any) -> Any:
    """Move masks likewise: kept are pixels between pixels that are both measured."""
    (start, t), length = _source(distance, ops), mask.shape[1]
    measured = _rows(mask, start, range(length + 1), ops)
    partial = ops.cast(t > 0, "float32")[:, None, None]
    second = 1 - partial * (1 - measured[:, 1:])
    return measured[:, :-1] * second * _inside(distance, length, ops)


def turn(X: Any, coarse: Any, fine: Any, ops: Any) -> Any:
    """Turn patterns (n, y, x) about their centres, with cosines and sines from ``split``."""
    (row, t, within_rows), (column, s, within_columns) = _turned_places(X, coarse, fine, ops)
    splines = ops.reshape(_swapped(coefficients(_swapped(coefficients(X, ops), ops), ops), ops), (-1,))
    starts = [
        start + _first_pixels(X, ops) for start in _taps(row, range(-1, 3), X.shape[1], X.shape[2], ops)
    ]
    columns = _taps(column, range(-1, 3), X.shape[2], 1, ops)
    turned = 0
    for start, weight in zip(starts, weights(t), strict=True):
        taps = zip(columns, weights(s), strict=True)
        turned = turned + weight * sum(w * ops.take(splines, start + place, axis=0) for place, w in taps)
    return turned * ops.cast(ops.logical_and(within_rows, within_columns), "float32")


def turn_mask(mask: Any, coarse: Any, fine: Any, ops: Any) -> Any:
    """Turn masks likewise: kept are pixels between pixels that are all measured."""
    (row, t, within_rows), (column, s, within_columns) = _turned_places(mask, coarse, fine, ops)
    missing = ops.reshape(1 - mask, (-1,))
    starts = [
        start + _first_pixels(mask, ops) for start in _taps(row, range(2), mask.shape[1], mask.shape[2], ops)
    ]
    lost = 0
    for start, counts in zip(starts, (1, ops.cast(t > 0, "float32")), strict=True):
        taps = zip(
            _taps(column, range(2), mask.shape[2], 1, ops), (1, ops.cast(s > 0, "float32")), strict=True
        )
        lost = lost + counts * sum(w * ops.take(missing, start + place, axis=0) for place, w in taps)
    return ops.cast(ops.logical_and(ops.logical_and(within_rows, within_columns), lost == 0), "float32")


def split(values: Any) -> tuple[Any, Any]:
    """Part numbers in [-1, 1] into multiples of 2^-12 and the rest in multiples of 2^-24.

    Products of the parts with numbers of pixels, and sums of two, are exact in single precision. So every backend,
    whether it fuses products and sums or not, agrees which pixels come from outside the pattern.
    """
    coarse = np.rint(np.asarray(values, np.float64) * 2**12) / 2**12
    fine = np.rint((values - coarse) * 2**24) / 2**24
    return coarse.astype(np.float32), fine.astype(np.float32)


def _source(distance: Any, ops: Any) -> tuple[Any, Any]:
    """Give the first of the two source pixels (n, y) between which moved pixels lie, as offset (n, 1), and where."""
    start = ops.floor(-distance)
    return ops.cast(start, "int32")[:, None], -distance - start


def _inside(distance: Any, length: int, ops: Any) -> Any:
    """Give 1 for rows that come from inside the pattern, (n, y, 1), comparing without a rounding error."""
    number = ops.convert_to_tensor(np.arange(length, dtype=np.float32)[None])
    inside = ops.logical_and(distance[:, None] <= number, -distance[:, None] <= length - 1 - number)
    return ops.cast(inside, "float32")[:, :, None]


def _rows(X: Any, offset: Any, rows: range, ops: Any) -> Any:
    """Give the rows of patterns (n, y, x) whose numbers are in a range moved by an offset (n, 1), mirrored."""
    length = X.shape[1]
    index = offset + ops.convert_to_tensor(np.arange(rows.start, rows.stop, dtype=np.int32)[None])
    flat = mirrored(index, length, ops) + length * _numbers(offset, ops)
    return ops.take(ops.reshape(X, (-1, X.shape[2])), flat, axis=0)


def _taps(first: Any, offsets: range, length: int, stride: int, ops: Any) -> list[Any]:
    """Give the places, in an array of this stride, of the pixels at some offsets from the first of two."""
    return [stride * mirrored(first + offset, length, ops) for offset in offsets]


def _first_pixels(X: Any, ops: Any) -> Any:
    """Give the place of every pattern's first pixel among all pixels, (n, 1, 1)."""
    return X.shape[1] * X.shape[2] * _numbers(ops.cast(X[:, :1, :1], "int32"), ops)


def _numbers(like: Any, ops: Any) -> Any:
    """Give 0, 1, 2, ... along the first axis, whose length a compiled function may not know."""
    return ops.cumsum(ops.ones_like(like), axis=0) - 1


def _turned_places(X: Any, coarse: Any, fine: Any, ops: Any) -> tuple[Any, Any]:
    """Give where turned pixels come from: per axis the pixel before, the way to the next, whether it is inside."""
    rows, columns = X.shape[1:]
    u = ops.convert_to_tensor((2 * np.arange(rows, dtype=np.float32) - (rows - 1))[None, :, None])
    v = ops.convert_to_tensor((2 * np.arange(columns, dtype=np.float32) - (columns - 1))[None, None, :])

    def place(length: int, a: tuple[Any, Any], b: tuple[Any, Any]) -> tuple[Any, Any, Any]:
        whole = (a[0] * u + b[0] * v) / 2 + (length - 1) / 2
        start = ops.floor(whole)
        t = (whole - start) + (a[1] * u + b[1] * v) / 2
        start, t = start + ops.floor(t), t - ops.floor(t)
        before_last = ops.logical_or(start < length - 1, ops.logical_and(start == length - 1, t == 0))
        return ops.cast(start, "int32"), t, ops.logical_and(start >= 0, before_last)

    cosine, sine = ((coarse[:, k, None, None], fine[:, k, None, None]) for k in (0, 1))
    return place(rows, cosine, sine), place(columns, (-sine[0], -sine[1]), cosine)


def _swapped(X: Any, ops: Any) -> Any:
    return ops.swapaxes(X, 1, 2)
