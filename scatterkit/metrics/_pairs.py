"""What the metrics share: two arrays of one shape, single or stacked, compared sample by sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import check_array, check_mask, fail

Values = float | NDArray[np.float64]


def check_pair(
    a: ArrayLike,
    b: ArrayLike,
    *,
    ndim: int,
    owner: str,
    what: str,
    names: tuple[str, str] = ("a", "b"),
    low: float | None = 0,
    high: float | None = None,
) -> tuple[NDArray[Any], NDArray[Any], bool]:
    """Give both arrays with a leading sample axis, and whether they came as a single pair."""
    single = np.ndim(a) == ndim
    checked = []
    for name, value in zip(names, (a, b), strict=True):
        shape = (None,) * (ndim if single else ndim + 1)
        array = check_array(value, name=name, owner=owner, shape=shape, low=low, high=high, what=what)
        checked.append(array[None] if single else array)
    first, second = checked
    if first.shape != second.shape:
        shape = first.shape[single:]
        raise fail(names[1], owner, f"{what} of shape {shape} like '{names[0]}'", f"{second.shape[single:]}")
    return first, second, single


def check_masks(mask: ArrayLike | None, shape: tuple[int, ...], *, owner: str) -> NDArray[np.bool_]:
    """Give one mask per sample; all True for None."""
    n, height, width = shape
    flags = check_mask(mask, (height, width), owner=owner, n=n)
    return np.broadcast_to(True if flags is None else flags, shape)


def per_sample(function: Callable[..., float], single: bool, *stacks: Any) -> Values:
    """Apply a function to each sample; a float for a single pair."""
    values = [function(*items) for items in zip(*stacks, strict=True)]
    return float(values[0]) if single else np.array(values, dtype=np.float64)
