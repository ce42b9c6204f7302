"""What a gallery of samples takes from a data set: which samples, their words, scales and places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Integer, check_value, fail, shown
from scatterkit.plotting._gallery import Scale, measured_pixels, spoken

if TYPE_CHECKING:
    import xarray as xr

# coordinates that say what a sample is, of which the first found counts
CLASS_NAMES = ("polyhedron", "family", "label", "name")
NUMBERS = ("size", "stretch", "cut")  # and those that are written below it
SPAN = 30.0  # above this ratio of bright pixels to the median, intensities are drawn by their logarithm
DEPTH = 1e6  # of which it shows no more than so much


def check_dataset(data: Any, owner: str) -> None:
    """Raise unless ``data`` is a data set of the package's form, with at least one sample."""
    allowed = "an xarray.Dataset with a variable 'pattern' of (sample, row, column), not empty"
    dims = getattr(getattr(data, "get", lambda _: None)("pattern"), "dims", None)
    if dims != ("sample", "row", "column"):
        raise fail("data", owner, allowed, shown(type(data)) if dims is None else f"dimensions {dims}")
    if not data.sizes["sample"]:
        raise fail("data", owner, allowed, "no sample")


def check_limits(limits: Any, owner: str) -> None:
    """Raise unless ``limits`` are the ends of a colour scale, or None."""
    ends = np.asarray((0.0, 1.0) if limits is None else limits)
    if (
        ends.shape != (2,)
        or ends.dtype.kind not in "fiu"
        or not np.isfinite(ends).all()
        or ends[0] >= ends[1]
    ):
        raise fail("limits", owner, "two finite floats, the smaller one first, or None", shown(limits))


def pixel_distance(data: xr.Dataset) -> float | None:
    """Give the distance in rad/nm of neighbouring pixels, where the set knows it."""
    known = data.attrs.get("dq")
    return float(known) if isinstance(known, (int, float)) and known > 0 else None


class Words(NamedTuple):
    """What a sample is, and its numbers, the first ones in a line of their own."""

    kind: str
    first: str
    rest: str

    @property
    def numbers(self) -> str:
        """The numbers, in one or two lines."""
        return "\n".join(line for line in (self.first, self.rest) if line)

    def numbered(self, number: int) -> str:
        """The numbers, after that of the sample."""
        first = ", ".join(word for word in (f"no. {number}", self.first) if word)
        return "\n".join(line for line in (first, self.rest) if line)


def sample_words(data: xr.Dataset, samples: Sequence[int]) -> list[Words]:
    """Give for each sample what it is, and its numbers."""
    name = class_name(data)
    kinds = [""] * len(samples) if name is None else data[name].isel(sample=list(samples)).values
    columns = {
        name: data[name].isel(sample=list(samples)).values
        for name in NUMBERS
        if name in data.coords and data[name].dims == ("sample",) and data[name].dtype.kind in "fiu"
    }
    words = []
    for i, kind in enumerate(kinds):
        found = [
            f"{name} {values[i]:.3g} {unit_of(data[name])}".strip()
            for name, values in columns.items()
            if np.isfinite(values[i])
        ]
        words.append(Words(spoken(str(kind)), ", ".join(found[:1]), ", ".join(found[1:])))
    return words


def sample_numbers(data: xr.Dataset, places: Sequence[int]) -> list[int]:
    """Give the samples' own numbers, which differ from their places where a set is incomplete."""
    own = data.coords.get("sample")
    if own is None or own.dtype.kind not in "iu":
        return list(places)
    return own.isel(sample=list(places)).values.tolist()


def unit_of(variable: xr.DataArray) -> str:
    """Give the unit, nothing for plain numbers."""
    unit = str(variable.attrs.get("units", ""))
    return "" if unit == "1" else unit


def class_name(data: xr.Dataset) -> str | None:
    """Give the name of the coordinate that says what a sample is, if there is one."""
    known = [name for name in CLASS_NAMES if name in data.coords and data[name].dims == ("sample",)]
    return known[0] if known else None


def spread_over(n: int, most: int) -> list[int]:
    """Give at most so many of the numbers from 0 to n - 1, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int)).tolist()


def chosen_samples(n_samples: int, n: int, samples: Sequence[int] | None, owner: str) -> list[int]:
    """Give the places of the samples to draw: those wanted, or n that are evenly spread."""
    if samples is None:
        check_value(n, Integer(low=1), name="n", owner=owner)
        return spread_over(n_samples, n)
    numbers = np.asarray(samples)
    allowed = f"a sequence of integers from 0 to {n_samples - 1}, not empty"
    if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iu":
        raise fail("samples", owner, allowed, shown(samples))
    if numbers.min() < 0 or numbers.max() >= n_samples:
        raise fail("samples", owner, allowed, shown(samples))
    return [int(number) for number in numbers]


def scale_of(data: xr.Dataset, values: NDArray[Any], limits: tuple[float, float] | None = None) -> Scale:
    """Give the scale on which patterns with these finite values are drawn.

    Scaled patterns reach from 0 to 1. Where there are no limits, hot pixels do not count.
    """
    unit = unit_of(data["pattern"])
    words = f"intensity ({unit})" if unit else "intensity"
    scaled = holds_scaled(data, values)
    if limits is not None or scaled:
        return Scale(*(limits or (0.0, 1.0)), words="log intensity (scaled)" if scaled else words)
    if not values.size:
        return Scale(0.0, 1.0, words=words)
    bright = values[values > 0]
    low, high = (float(end) for end in np.quantile(values, (0.0, 0.995)))
    if len(bright) and np.median(bright) * SPAN < high:
        high = float(bright.max())
        return Scale(max(float(bright.min()), high / DEPTH), high, True, words)
    return Scale(low, high if high > low else low + 1, False, words)


def holds_scaled(data: xr.Dataset, values: NDArray[Any]) -> bool:
    """Whether patterns are log-scaled: the set says so, or says nothing and all values lie within [0, 1]."""
    within = not values.size or bool(values.min() >= 0 and values.max() <= 1)
    return bool(data.attrs.get("scale", "log" if within else "") == "log")


def measured_values(patterns: NDArray[Any], masks: Any) -> NDArray[Any]:
    """Give the values of all measured pixels."""
    pairs = zip(patterns, masks, strict=True)
    return np.concatenate([pattern[measured_pixels(pattern, mask)] for pattern, mask in pairs])


def box_of(data: xr.Dataset) -> float | None:
    """Give the width of the volumes' box in nm, where the set knows it or its voxels have places."""
    known = data.attrs.get("box")
    if isinstance(known, (int, float)) and known > 0:
        return float(known)
    x: Any = data["x"].values if "x" in data.coords else ()
    return float((x[-1] - x[0]) * len(x) / (len(x) - 1)) if len(x) > 1 else None
