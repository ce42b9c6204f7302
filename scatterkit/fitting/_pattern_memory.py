"""Which patterns a fitter has fitted, and over which pixels."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class PatternMemory:
    """Finds the place of a pattern among those fitted: by its values over its mask, or by its values alone.

    Values are compared as float32; what lies outside the mask does not count.
    """

    def __init__(self) -> None:
        self._by_mask: dict[str, int] = {}
        self._by_values: dict[str, int] = {}
        self._masks: dict[int, Mask] = {}
        self._distinct: dict[bytes, Mask] = {}

    def add(self, raw: NDArray[Any], mask: Mask, place: int) -> None:
        """Remember a pattern, as it was given; of several alike the first is found."""
        # most patterns share one mask
        self._masks[place] = self._distinct.setdefault(np.packbits(mask).tobytes(), np.array(mask))
        self._by_values.setdefault(digest(raw), place)
        self._by_mask.setdefault(digest(raw, mask), place)

    def find(self, raw: NDArray[Any], mask: Mask, *, any_mask: bool) -> int | None:
        """Give the place of a pattern that was fitted over this mask; over any, if there is none."""
        place = self._by_mask.get(digest(raw, mask))
        return self._by_values.get(digest(raw)) if place is None and any_mask else place

    def mask(self, place: int) -> Mask:
        """Give the mask over which a pattern was fitted."""
        return self._masks[place]


def digest(raw: NDArray[Any], mask: Mask | None = None) -> str:
    """Give a short name for the values of a pattern, over a mask with the mask itself."""
    if raw.dtype.kind in "biuf":
        with np.errstate(over="ignore"):
            values = raw.astype(np.float32)
        seen = ~np.isnan(values) if mask is None else mask
        raw = np.where(seen, values, np.float32(0)) + np.float32(0)  # -0 is 0
    name = hashlib.sha256(np.ascontiguousarray(raw).tobytes())
    if mask is not None:
        name.update(np.packbits(mask).tobytes())
    return name.hexdigest()


__all__ = ["PatternMemory", "digest"]
