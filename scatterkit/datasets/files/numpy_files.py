"""NumPy's own files: arrays of patterns, masks and volumes."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Instance, check_value, fail, shown
from scatterkit.datasets._errors import bad_file, check_plausible, existing_file, reading
from scatterkit.datasets.files._frames import Frames, assemble, check_selection, chosen, take
from scatterkit.datasets.schema import MASK, PATTERN, SATURATED, VOLUME, VOLUME_DIMS

if TYPE_CHECKING:
    import xarray as xr

OWNER = "read_numpy"
ALLOWED = "an .npy or .npz file of numeric arrays"
READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
AXES = {PATTERN: 3, MASK: 3, SATURATED: 3, VOLUME: 4}


def read_numpy(
    path: str | os.PathLike[str], *, frames: Frames = None, names: Mapping[str, str] | None = None
) -> xr.Dataset:
    """Read patterns, and what belongs to them, from a file of NumPy's.

    Parameters
    ----------
    path : path-like
        An ``.npy`` file of patterns (n, rows, columns) or of one pattern (rows, columns), or an ``.npz`` file of
        several arrays.
    frames : int, slice or sequence of int, optional
        Which patterns to read; all by default. Of an ``.npy`` file no others are read from the disk.
    names : mapping of str to str, optional
        Under which names an ``.npz`` file holds the ``"pattern"``, ``"mask"``, ``"saturated"`` and ``"volume"``;
        by default under just these. What is named must be there. Other arrays of one value per pattern become
        coordinates, single numbers attributes.

    Returns
    -------
    xarray.Dataset
        The data set, as from `make_dataset`. Pixels that are NaN or infinite are zero, and not measured.

    Raises
    ------
    DataFormatError
        If the file is damaged, holds Python objects or no patterns, or its arrays do not belong together.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    A mask is True, or 1, where a pixel was measured; one of two axes holds for all patterns. Arrays of Python
    objects are refused, because reading them can run any code.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from scatterkit.datasets import read_numpy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "run.npz")
    ...     np.savez(file, pattern=np.ones((5, 64, 64)), energy=np.arange(5))
    ...     data = read_numpy(file, frames=slice(2))
    >>> data.pattern.shape, data.energy.values.tolist()
    ((2, 64, 64), [0, 1])
    """
    check_selection(frames, owner=OWNER)
    named = _named(names)
    file = existing_file(path, owner=OWNER, allowed=ALLOWED)
    with reading(path, owner=OWNER, allowed=ALLOWED):
        arrays = _arrays(file, named)
    absent = [named.get(part, part) for part in (PATTERN, *named) if named.get(part, part) not in arrays]
    if absent:
        raise bad_file(path, OWNER, ALLOWED, f"no array {absent[0]!r} among {_listed(arrays)}")
    defaults = {part: part for part in AXES if part not in named and part not in named.values()}
    parts = {part: arrays.pop(name) for part, name in (defaults | named).items() if name in arrays}
    for part, array in parts.items():
        if array.ndim == AXES[part] - 1 and not (part == MASK and parts[PATTERN].ndim == AXES[PATTERN]):
            parts[part] = array[None]
    return _assembled(file, parts, arrays, frames)


def _named(names: Any) -> dict[str, str]:
    """The names that were given, each of another array, or raise."""
    check_value(names, Instance((Mapping,), optional=True), name="names", owner=OWNER)
    named = dict(names or {})
    known = all(part in AXES and isinstance(name, str) for part, name in named.items())
    if not known or len({PATTERN: PATTERN, **named}) > len({*named.values(), named.get(PATTERN, PATTERN)}):
        allowed = f"a mapping of {', '.join(map(repr, AXES))} to different names of arrays"
        raise fail("names", OWNER, allowed, shown(names))
    return named


def _arrays(file: Path, names: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    with file.open("rb") as stream:
        start = stream.read(6)
    if start == b"\x93NUMPY":
        if names:
            raise fail("names", OWNER, "None for an .npy file, whose only array has no name", shown(names))
        return {PATTERN: np.lib.format.open_memmap(file, mode="r")}
    if not start.startswith(b"PK"):
        raise bad_file(file, OWNER, ALLOWED, "neither of the two by its first bytes")
    with zipfile.ZipFile(file) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        announced = sum(_announced(archive, member, file) for member in members)
    check_plausible(announced, file, owner=OWNER, allowed=ALLOWED)
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in (member.filename[: -len(".npy")] for member in members)}


def _announced(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: Path) -> int:
    """The bytes of data that the header of an array announces, which are no more than its archive says."""
    with archive.open(member) as stream:
        read_header = READERS.get(np.lib.format.read_magic(stream))
        if read_header is None:  # the third version is for names of fields
            raise bad_file(file, OWNER, ALLOWED, f"{member.filename} of a version without plain arrays")
        shape, _, dtype = read_header(stream)
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes > member.file_size and not dtype.hasobject:
        given = f"the header of {member.filename} announces {nbytes} bytes, it has {member.file_size}"
        raise bad_file(file, OWNER, ALLOWED, given)
    return nbytes


def _assembled(
    file: Path, parts: dict[str, NDArray[Any]], others: dict[str, NDArray[Any]], frames: Frames
) -> xr.Dataset:
    patterns = parts[PATTERN]
    if patterns.ndim != AXES[PATTERN]:
        raise bad_file(file, OWNER, ALLOWED, f"patterns of shape {patterns.shape}")
    n = len(patterns)
    indices = chosen(frames, n, owner=OWNER) if n else np.arange(0)
    places = VOLUME_DIMS if VOLUME in parts else ()  # of voxels, however many samples there are
    coords = {
        name: array for name, array in others.items() if array.ndim and len(array) == n and name not in places
    }
    numbers = {
        name: array.item() for name, array in others.items() if not array.ndim and array.dtype.kind in "iuf"
    }
    for name, array in parts.items():
        if array.ndim == AXES[name] and len(array) != n:
            raise bad_file(file, OWNER, ALLOWED, f"{n} patterns, and {name!r} of shape {array.shape}")
    chosen_parts = {
        name: take(array, indices) if array.ndim == AXES[name] and n else array
        for name, array in parts.items()
    }
    return assemble(
        chosen_parts[PATTERN],
        masks=chosen_parts.get(MASK),
        saturated=chosen_parts.get(SATURATED),
        volumes=chosen_parts.get(VOLUME),
        coords={name: take(array, indices) for name, array in coords.items()},
        attrs=numbers,
        path=file,
        owner=OWNER,
        allowed=ALLOWED,
    )


def _listed(arrays: Mapping[str, NDArray[Any]]) -> str:
    return ", ".join(f"{name!r} of shape {array.shape}" for name, array in arrays.items()) or "none"
