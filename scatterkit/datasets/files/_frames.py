"""What all importers share: which frames of a file are read, and how arrays become a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Integer, fail, shown
from scatterkit.datasets._errors import bad_file
from scatterkit.datasets.schema import make_dataset

if TYPE_CHECKING:
    import xarray as xr

Frames = int | slice | Sequence[int] | None


def check_selection(frames: Any, *, owner: str, name: str = "frames") -> None:
    """Raise unless a value says which frames to read: None, an int, a slice or a sequence of ints."""
    if frames is None or isinstance(frames, slice) or Integer().accepts(frames):
        return
    several = isinstance(frames, (Sequence, np.ndarray)) and not isinstance(frames, str)
    if several and len(frames) and all(map(Integer().accepts, frames)):
        return
    raise fail(name, owner, "an integer, a slice, a sequence of integers or None", shown(frames))


def chosen(frames: Frames, n: int, *, owner: str, name: str = "frames") -> NDArray[np.int64]:
    """Give the indices of the frames to read, of n that there are; at least one."""
    if isinstance(frames, slice):
        indices = np.arange(n)[frames]
    elif frames is None:
        indices = np.arange(n)
    else:
        indices = np.atleast_1d(np.asarray(frames, dtype=np.int64))
    if len(indices) == 0 or indices.min() < -n or indices.max() >= n:
        raise fail(name, owner, f"at least one of the {n} there are", shown(frames))
    return np.asarray(indices % n, dtype=np.int64)


def take(source: Any, indices: NDArray[np.int64]) -> NDArray[Any]:
    """Give frames of an array that may lie in a file, reading no others, as an array of their own."""
    steps = np.unique(np.diff(indices))
    if len(indices) == 1 or (len(steps) == 1 and steps[0] > 0):
        step = 1 if len(indices) == 1 else int(steps[0])
        part = source[int(indices[0]) : int(indices[-1]) + 1 : step]
        return np.require(part, requirements=("ENSUREARRAY", "OWNDATA"))  # copies a window on a mapped file
    return np.stack([np.asarray(source[int(index)]) for index in indices])


def assemble(
    patterns: NDArray[Any],
    *,
    path: Path,
    owner: str,
    allowed: str,
    masks: NDArray[Any] | None = None,
    saturated: NDArray[Any] | None = None,
    volumes: NDArray[Any] | None = None,
    coords: Mapping[str, Any] | None = None,
    attrs: Mapping[str, Any] | None = None,
    box: float | None = None,
    name: str = "path",
) -> xr.Dataset:
    """Give the data set of arrays that a file holds; pixels that are no numbers count as not measured."""
    if patterns.dtype.kind not in "biuf":
        raise bad_file(path, owner, allowed, f"patterns of type {patterns.dtype}", name=name)
    try:
        finite = np.isfinite(patterns)
        if masks is not None or not finite.all():
            masks = _measured(masks, finite)
            patterns = np.where(finite, patterns, 0)
        return make_dataset(
            patterns,
            masks=masks,
            saturated=saturated,
            volumes=volumes,
            coords=coords,
            attrs=attrs,
            box=box,
        )
    except ValueError as error:  # the parts do not belong together, or are no patterns, masks or volumes
        text = str(error)
        given = f"in which {text[:1].lower()}{text[1:].rstrip('.')}"
        raise bad_file(path, owner, allowed, given, name=name) from error


def _measured(masks: NDArray[Any] | None, finite: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a pixel was measured and is a number; at least one in each frame."""
    if masks is not None and masks.dtype != bool and not np.isin(masks, (0, 1)).all():
        raise ValueError(f"the mask has other values than 0 and 1, of type {masks.dtype}")
    measured = finite if masks is None else finite & masks.astype(bool)
    empty = np.flatnonzero(~measured.any(axis=(-2, -1)))
    if len(empty):
        raise ValueError(
            f"no pixel of {len(empty)} of the frames is measured; the first of them is {empty[0]}"
        )
    return measured
