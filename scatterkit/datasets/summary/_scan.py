"""What a summary reads of a data set: the samples' coordinates whole, pictures and volumes of some samples."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.datasets.schema import MASK, PATTERN, VOLUME

if TYPE_CHECKING:
    import xarray as xr

BATCH_BYTES = 64e6  # read at a time
NUMBERS = ("sample", "nr", "index", "seed")  # coordinates that only tell samples apart
SLACK = 1e-5  # sums of coverage may overshoot by rounding


@dataclass
class Scan:
    """What was found in the pictures and volumes of some samples.

    ``samples`` are their places, ``scaled`` tells whether patterns ought to lie within [0, 1], ``found`` has the
    places of those that are unusual, by what is unusual; ``lowest`` and ``highest`` the extremes of each pattern,
    ``profiles`` (n, r) its means over rings, ``filled`` the share of the box that is filled. The maps are over all
    patterns, of measured pixels; NaN where there are none.
    """

    samples: list[int]
    scaled: bool
    found: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    lowest: list[float] = field(default_factory=list)
    highest: list[float] = field(default_factory=list)
    profiles: list[NDArray[Any]] = field(default_factory=list)
    filled: list[float] = field(default_factory=list)
    hashes: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    maps: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def copies(self) -> list[list[int]]:
        """Groups of samples whose patterns are equal to the last bit."""
        return [group for group in self.hashes.values() if len(group) > 1]


class _Maps:
    """Mean, standard deviation and largest value of each pixel, gathered pattern by pattern (Welford)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = np.zeros(shape)
        self.mean = np.zeros(shape)
        self.squares = np.zeros(shape)
        self.largest = np.full(shape, -np.inf)

    def add(self, pattern: NDArray[Any], flags: NDArray[np.bool_]) -> None:
        """Take in the measured pixels of a pattern."""
        self.count += flags
        step = np.where(flags, pattern - self.mean, 0)
        self.mean += step / np.maximum(self.count, 1)
        self.squares += step * np.where(flags, pattern - self.mean, 0)
        self.largest = np.maximum(self.largest, np.where(flags, pattern, -np.inf))

    def result(self) -> dict[str, NDArray[Any]]:
        """Give the maps by name."""
        known = self.count > 0
        spread = np.sqrt(self.squares / np.maximum(self.count, 1))
        pairs = {"mean": self.mean, "standard deviation": spread, "largest value": self.largest}
        return {name: np.where(known, values, np.nan) for name, values in pairs.items()}


def scan(data: xr.Dataset, samples: list[int]) -> Scan:
    """Read some samples, a few at a time, and look for what is unusual.

    Values beyond [0, 1] are unusual where the set says that its patterns are log-scaled.
    """
    names = [name for name in (PATTERN, MASK, VOLUME) if name in data]
    each = sum(4 * data[name][0].size for name in names)
    batch = max(1, int(BATCH_BYTES / each))
    result = Scan(samples, scaled=data.attrs.get("scale") == "log")
    shape = data[PATTERN].shape[1:]
    maps, rings = _Maps(shape), _rings(shape)
    for begin in range(0, len(samples), batch):
        numbers = samples[begin : begin + batch]
        part = data[names].isel(sample=numbers).load()
        for i, number in enumerate(numbers):
            mask = part[MASK].values[i] if MASK in part else None
            _look_at_pattern(result, number, part[PATTERN].values[i], mask, maps, rings)
            if VOLUME in part:
                _look_at_volume(result, number, part[VOLUME].values[i])
    result.maps = maps.result()
    return result


def _look_at_pattern(
    result: Scan,
    number: int,
    pattern: NDArray[Any],
    mask: NDArray[Any] | None,
    maps: _Maps,
    rings: NDArray[np.int_],
) -> None:
    result.hashes[hashlib.sha256(np.ascontiguousarray(pattern).tobytes()).digest()].append(number)
    inside = np.ones(pattern.shape, bool) if mask is None else np.asarray(mask, bool)
    flags = inside & np.isfinite(pattern)
    if not inside.any():
        result.found["no measured pixel"].append(number)
    if (flags != inside).any():
        result.found["not finite"].append(number)
    if not flags.any():
        return
    values = pattern[flags]
    low, high = float(values.min()), float(values.max())
    result.lowest.append(low)
    result.highest.append(high)
    if low == high:
        result.found["constant"].append(number)
    if result.scaled and (low < -SLACK or high > 1 + SLACK):
        result.found["beyond scale"].append(number)
    clean = np.where(flags, pattern, 0).astype(np.float64)
    maps.add(clean, flags)
    count = np.bincount(rings.ravel(), flags.ravel(), rings.max() + 1)
    total = np.bincount(rings.ravel(), clean.ravel(), rings.max() + 1)
    result.profiles.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _look_at_volume(result: Scan, number: int, volume: NDArray[Any]) -> None:
    if not np.isfinite(volume).all() or volume.min() < -SLACK or volume.max() > 1 + SLACK:
        result.found["bad occupancy"].append(number)
    inside = volume >= 0.5
    result.filled.append(float(inside.mean()))
    if not inside.any():
        result.found["empty"].append(number)
    if any(np.take(inside, [0, -1], axis=axis).any() for axis in range(3)):
        result.found["touching"].append(number)


def _rings(shape: tuple[int, ...]) -> NDArray[np.int_]:
    rows, columns = np.indices(shape)
    return np.hypot(rows - shape[0] // 2, columns - shape[1] // 2).round().astype(int)


def sample_columns(data: xr.Dataset) -> dict[str, NDArray[Any]]:
    """Give what is known of every sample: coordinates with one value, or one short vector, a sample."""
    return {
        str(name): coordinate.values
        for name, coordinate in data.coords.items()
        if coordinate.dims[:1] == ("sample",) and coordinate.dims != ("sample",) * 2
    }


def repeated_rows(columns: dict[str, NDArray[Any]]) -> list[list[int]] | None:
    """Give groups of samples with equal descriptors; None where too little is known to tell samples apart."""
    telling = {
        name: values.reshape(len(values), -1)
        for name, values in columns.items()
        if values.dtype.kind in "fUSOTiu" and name not in NUMBERS
    }
    if not any(values.dtype.kind == "f" for values in telling.values()):
        return None
    rows: dict[bytes, list[int]] = defaultdict(list)
    for i in range(len(next(iter(telling.values())))):
        key = "|".join(repr(values[i].tolist()) for values in telling.values())
        rows[hashlib.sha256(key.encode()).digest()].append(i)
    return [group for group in rows.values() if len(group) > 1]
