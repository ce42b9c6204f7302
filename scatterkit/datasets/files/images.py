"""Pictures of detectors: TIFF, EDF, CBF and PNG files."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import Boolean, Integer, check_mask, check_value, fail, shown
from scatterkit.datasets._errors import bad_file, existing_file, reading
from scatterkit.datasets.files._frames import Frames, assemble, check_selection, chosen
from scatterkit.datasets.files._pictures import ALLOWED, OWNER, SUFFIXES, Facts, Picture, picture_of

if TYPE_CHECKING:
    import xarray as xr

NO_COUNT = 2**32 - 1
PathLike = str | os.PathLike[str]
RESERVED = {
    "pattern",
    "mask",
    "saturated",
    "volume",
    "sample",
    "row",
    "column",
    "x",
    "y",
    "z",
    "file",
    "frame",
}


def read_images(
    source: PathLike | Sequence[PathLike],
    *,
    frames: Frames = None,
    channel: int | None = None,
    mask: PathLike | ArrayLike | None = None,
    gap_values: bool = True,
) -> xr.Dataset:
    """Read patterns from picture files: TIFF, EDF, CBF and PNG.

    Parameters
    ----------
    source : path-like or sequence of path-like
        A file, a sequence of files, a folder, or a pattern of names such as ``"run7/*.tif"``. A file may hold several
        frames. The files of a folder or a pattern come in the natural order of their paths: 2 before 10, and each
        folder as a whole.
    frames : int, slice or sequence of int, optional
        Which frames to read, counted over all files; all by default.
    channel : int, optional
        Which channel of colour pictures to take; these are refused by default.
    mask : path-like or array_like of bool of shape (rows, columns), optional
        Where pixels were measured: a picture that is not zero there, or an array that is True.
    gap_values : bool, default=True
        Whether the numbers by which detectors mark gaps and dead pixels count as not measured: negative ones in
        pictures of integers, and 2^32 - 1. False for integers that may be negative, such as dark-subtracted ones.

    Returns
    -------
    xarray.Dataset
        The frames as they are, float32, neither scaled nor turned; coordinates ``file`` (its name, or where names
        repeat its path from the folder common to all), ``frame`` (number in its file), and each number that the
        headers of all frames hold, by its name there, such as ``ExposureTime``.
        Pixels that are NaN or infinite are zero, and not measured.

    Raises
    ------
    DataFormatError
        If a file is damaged, of another format, in colours, or of another shape than the first; or a folder has none.
    FileNotFoundError
        If there is no such file.
    ImportError
        If tifffile (for TIFF) or fabio (for EDF and CBF) is not installed.

    Notes
    -----
    What counts is what a file holds, not what its name ends in. Pilatus and Eiger detectors write -1 into gaps and
    -2 into dead pixels, or 2^32 - 1 where numbers have no sign; these stay in the pattern. The largest number of 8 or
    16 bits is left as measured, since it may mean saturation as well. Counts above 2^24 are rounded, as float32
    holds them. PNG files of several channels of 16 bits are refused.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from PIL import Image
    >>> from scatterkit.datasets import read_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i in (10, 2):
    ...         Image.fromarray(np.full((64, 64), i, np.uint16)).save(f"{folder}/shot{i}.png")
    ...     data = read_images(folder)
    >>> data.pattern.values[:, 0, 0].tolist(), data.file.values.tolist()
    ([2.0, 10.0], ['shot2.png', 'shot10.png'])
    """
    check_selection(frames, owner=OWNER)
    check_value(channel, Integer(0, optional=True), name="channel", owner=OWNER)
    check_value(gap_values, Boolean(), name="gap_values", owner=OWNER)
    files = [
        existing_file(path, owner=OWNER, allowed=ALLOWED, name="source") for path in picture_files(source)
    ]
    counts, shape = _look(files, channel)
    measured = _mask(mask, shape)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    indices = chosen(frames, int(offsets[-1]), owner=OWNER)
    patterns = np.empty((len(indices), *shape), np.float32)
    facts: list[Facts] = [{} for _ in indices]
    of_file = np.searchsorted(offsets, indices, side="right") - 1
    for k in np.unique(of_file):
        with _opened(files[k], channel) as picture:
            for i in np.flatnonzero(of_file == k):
                frame = int(indices[i] - offsets[k])
                counts_read = picture.read(frame)
                patterns[i], facts[i] = counts_read, picture.facts(frame)
                gaps = _gaps(counts_read) if gap_values else None
                if gaps is not None:
                    measured = _each(measured, patterns.shape)
                    measured[i] &= ~gaps
    coords, units = _coords(facts)
    names = names_of(files)
    coords |= {"file": np.array([names[k] for k in of_file]), "frame": indices - offsets[of_file]}
    dataset = assemble(
        patterns, masks=measured, coords=coords, path=files[0], owner=OWNER, allowed=ALLOWED, name="source"
    )
    for name, unit in units.items():
        dataset[name].attrs["units"] = unit
    return dataset


def picture_files(source: Any) -> list[Any]:
    """The paths that a source stands for, the numbers in their names in order."""
    if isinstance(source, (list, tuple)):
        if not source:
            raise fail("source", OWNER, "a path or a sequence of paths", "an empty one")
        return list(source)
    if not isinstance(source, (str, os.PathLike)):
        raise fail("source", OWNER, "a path or a sequence of paths", shown(source))
    path = Path(source).expanduser()
    if path.is_dir():
        found = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file()]
    elif glob.has_magic(os.fspath(source)) and not path.exists():
        found = [Path(name) for name in glob.glob(os.fspath(path)) if Path(name).is_file()]
    else:
        return [source]
    if not found:
        allowed = f"a folder or pattern of files {', '.join(SUFFIXES)}"
        raise bad_file(source, OWNER, allowed, "without such files", name="source")
    return sorted(found, key=lambda file: ([_natural(part) for part in file.parts], os.fspath(file)))


def _natural(name: str) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", name.lower())
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def names_of(files: list[Path]) -> list[str]:
    """What to call each file: its name, or where several have the same, its path from their common folder."""
    if len({file.name for file in files}) == len(set(files)):
        return [file.name for file in files]
    common = os.path.commonpath([file.absolute().parent for file in files])
    return [file.absolute().relative_to(common).as_posix() for file in files]


def _gaps(counts: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where a detector says that it measured nothing, or None where it says so of no pixel."""
    if counts.dtype.kind == "i":
        gaps = counts < 0
    elif counts.dtype.kind == "u" and counts.dtype.itemsize >= 4:
        gaps = counts == NO_COUNT
    else:
        return None
    return gaps if gaps.any() else None


def _each(mask: NDArray[np.bool_] | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask of its own for each frame."""
    if mask is not None and mask.shape == shape:
        return mask
    return np.ones(shape, dtype=bool) if mask is None else np.broadcast_to(mask, shape).copy()


@contextmanager
def _opened(file: Path, channel: int | None, name: str = "source") -> Iterator[Picture]:
    with (
        reading(file, owner=OWNER, allowed=ALLOWED, name=name),
        picture_of(file, channel, name) as picture,
    ):
        yield picture


def _look(files: list[Path], channel: int | None) -> tuple[list[int], tuple[int, int]]:
    """How many frames each of some files has, and the shape that all have; reads headers only."""
    counts, shapes = [], []
    for file in files:
        with _opened(file, channel) as picture:
            counts.append(picture.n)
            shapes.append(picture.shape)
        if shapes[-1] != shapes[0]:
            allowed = f"a picture of {shapes[0]} pixels, as {files[0].name}"
            raise bad_file(file, OWNER, allowed, f"{shapes[-1]} pixels", name="source")
    return counts, shapes[0]


def _mask(mask: Any, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    if isinstance(mask, (str, os.PathLike)):
        file = existing_file(mask, owner=OWNER, allowed=ALLOWED, name="mask")
        with _opened(file, None, "mask") as picture:
            mask = np.asarray(picture.read(0)) != 0
    return check_mask(mask, shape, owner=OWNER)


def _coords(facts: list[Facts]) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers that all headers hold, as coordinates, and their units where these are the same."""
    names = [name for name in facts[0] if all(name in fact for fact in facts)]
    safe = {name: f"header_{name}" if name in RESERVED else name.replace("/", "_") for name in names}
    values = {safe[name]: np.array([fact[name][0] for fact in facts]) for name in names}
    units = {safe[name]: {fact[name][1] for fact in facts} for name in names}
    return values, {name: unit for name, (unit, *more) in units.items() if unit and not more}
