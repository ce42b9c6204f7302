"""Which patterns a fitter has fitted, over which pixels, and by which photons."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.fitting._pattern_checks import Counts

Mask = NDArray[np.bool_]


class PatternMemory:
    """Finds the place of a pattern among those fitted: by its values, and by mask and counts where these are given.

    Values are compared as float32; what lies outside the mask does not count.
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._masks: dict[int, Mask] = {}
        self._counts: dict[int, Counts] = {}
        self._distinct: dict[bytes, Mask] = {}

    def add(self, raw: NDArray[Any], mask: Mask, place: int, counts: Counts | None = None) -> None:
        """Remember a pattern, as it was given; of several alike the first is found."""
        # most patterns share one mask
        self._masks[place] = self._distinct.setdefault(np.packbits(mask).tobytes(), np.array(mask))
        if counts is not None:
            self._counts[place] = counts
        names = [
            digest(raw),
            digest(raw, mask),
            *([] if counts is None else [digest(raw, mask, digest_of(counts))]),
        ]
        for name in names:
            self._places.setdefault(name, place)

    def find(
        self, raw: NDArray[Any], mask: Mask, *, any_mask: bool, counts: Counts | None = None
    ) -> int | None:
        """Give the place of a pattern that was fitted over this mask, over any if there is none and that will do.

        Where counts are given, only what was fitted by these is found; those outside the mask do not count.
        """
        if counts is None:
            place = self._places.get(digest(raw, mask))
            return self._places.get(digest(raw)) if place is None and any_mask else place
        masks = [mask, *(self._distinct.values() if any_mask else ())]
        names = (digest(raw, seen, digest_of(np.where(seen, counts, 0.0))) for seen in masks)
        return next((self._places[name] for name in names if name in self._places), None)

    def mask(self, place: int) -> Mask:
        """Give the mask over which a pattern was fitted."""
        return self._masks[place]

    def counts(self, place: int) -> Counts | None:
        """Give the counts by which a pattern was fitted, or None."""
        return self._counts.get(place)


def digest(raw: NDArray[Any], mask: Mask | None = None, photons: str | None = None) -> str:
    """Give a short name for the values of a pattern, with mask and counts where these are given."""
    if raw.dtype.kind in "biuf":
        with np.errstate(over="ignore"):
            values = raw.astype(np.float32)
        seen = ~np.isnan(values) if mask is None else mask
        raw = np.where(seen, values, np.float32(0)) + np.float32(0)  # -0 is 0
    name = hashlib.sha256(np.ascontiguousarray(raw).tobytes())
    if mask is not None:
        name.update(np.packbits(mask).tobytes())
    if photons is not None:
        name.update(photons.encode())
    return name.hexdigest()


def digest_of(counts: Counts | None) -> str | None:
    """Give a short name for counts."""
    return None if counts is None else hashlib.sha256(counts.astype(np.float64).tobytes()).hexdigest()


__all__ = ["PatternMemory", "digest", "digest_of"]
