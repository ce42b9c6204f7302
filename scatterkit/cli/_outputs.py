"""Where results go: checked before any work, whole or not at all, each with its record."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scatterkit.cli._carried import CARRIERS, KEY, write_npz, write_png, write_tif
from scatterkit.cli._errors import CommandError
from scatterkit.cli._inputs import MESHES
from scatterkit.cli._record import record_attrs, record_text, sidecar_of, write_sidecar

if TYPE_CHECKING:
    import xarray as xr

PATTERNS = (".npy", ".npz", ".nc", ".png", ".tif", ".tiff")
BODIES = (*MESHES, ".npy", ".npz", ".nc")
ONE_EACH = (*MESHES, ".png")
"""Formats that hold one body or pattern."""


def say(args: argparse.Namespace, text: str) -> None:
    """Tell what is going on, unless nobody wants to know."""
    if not args.quiet:
        print(f"scatterkit {args.command}: {text}", file=sys.stderr, flush=True)


def check_output(
    args: argparse.Namespace,
    name: str,
    suffixes: Sequence[str],
    option: str = "--output",
    *,
    numbers: Iterable[int] | None = None,
) -> Path:
    """Give the path of an output of one of some formats that may be written, or raise.

    Where the name has a place for the number of a result, `numbers` are those of the results to come.
    """
    path = Path(name).expanduser()
    if path.suffix.lower() not in suffixes:
        raise CommandError(f"{option} must end in {', '.join(suffixes)}. Got {name} instead")
    if "{}" in path.name and path.suffix.lower() not in ONE_EACH:
        raise CommandError(f"{option} ends in {path.suffix}, which holds all results: leave out {{}}")
    check_folder(path)
    several = numbers is not None and "{}" in path.name
    for one in [numbered(path, number) for number in numbers or ()] if several else [path]:
        check_free(args, one)
        if path.suffix.lower() not in CARRIERS:
            check_free(args, sidecar_of(one))
    return path


def check_free(args: argparse.Namespace, path: Path) -> None:
    """Raise if a file is there that may not be replaced."""
    if path.is_dir():
        raise CommandError(f"{path} is a folder")
    if path.exists() and not args.force:
        raise CommandError(f"{path} exists: give --force to replace it")


def check_folder(path: Path) -> None:
    """Raise unless an output's folder is there."""
    if not path.parent.is_dir():
        raise CommandError(f"there is no folder {path.parent} to write {path.name} to")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise CommandError(f"the folder {path.parent} may not be written to")


def check_count(path: Path, n: int, option: str = "--output") -> None:
    """Raise if several results are to go into files that hold one each, and their name has no place for a number."""
    if path.suffix.lower() in ONE_EACH and n > 1 and "{}" not in path.name:
        numbered = path.with_name(path.stem + "_{}" + path.suffix)
        raise CommandError(f"{n} results need a place for their number in {option}, such as {numbered}")


def numbered(path: Path, number: int) -> Path:
    """Give the name of one of several files."""
    return path.with_name(path.name.replace("{}", str(number)))


def write_whole(path: Path, write: Callable[[Path], object], record: Mapping[str, Any]) -> None:
    """Write a file that is there in full or not at all, and beside it what it cannot carry."""
    from scatterkit.datasets.files._writing import replacing

    with replacing(path.resolve(), overwrite=True) as unfinished:
        # writers go by the ending
        renamed = unfinished.with_name(unfinished.name + path.suffix)
        try:
            write(renamed)
            renamed.replace(unfinished)
        finally:
            renamed.unlink(missing_ok=True)
    if path.suffix.lower() not in CARRIERS:
        write_sidecar(path, record)


def write_patterns(path: Path, data: xr.Dataset, record: Mapping[str, Any]) -> None:
    """Write simulated patterns in the format of their name."""
    patterns, suffix = data["pattern"].values, path.suffix.lower()
    if suffix == ".png":
        for number, pattern in enumerate(patterns):
            write_whole(numbered(path, number), partial(write_png, pattern=pattern, record=record), record)
    elif suffix in (".tif", ".tiff"):
        write_whole(path, lambda to: write_tif(to, patterns, record), record)
    elif suffix == ".npy":
        write_whole(path, lambda to: np.save(to, patterns), record)
    else:
        write_set(path, data, record)


def write_set(path: Path, data: xr.Dataset, record: Mapping[str, Any]) -> None:
    """Write a data set as NetCDF or .npz."""
    if path.suffix.lower() == ".npz":
        arrays = {str(name): array.values for name, array in data.variables.items() if array.ndim}
        arrays |= {
            name: np.array(data.attrs[name]) for name in ("wavelength", "box", "dq") if name in data.attrs
        }
        write_whole(path, lambda to: write_npz(to, arrays, record), record)
        return
    marked = data.assign_attrs({**data.attrs, **record_attrs(record)})
    write_whole(path, lambda to: _netcdf(marked, to), record)


def _netcdf(data: xr.Dataset, path: Path) -> None:
    from scatterkit.datasets import write_netcdf

    write_netcdf(data, path)


def write_figure(path: Path, figure: Any, record: Mapping[str, Any]) -> None:
    """Write a figure as PNG, its record within."""
    carried = {"Software": None, KEY: record_text(record)}
    write_whole(path, lambda to: figure.savefig(to, dpi=150, metadata=carried, bbox_inches="tight"), record)
