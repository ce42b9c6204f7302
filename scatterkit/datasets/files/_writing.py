"""Writing files and folders that are there in full or not at all, and in blocks that fit into memory."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from scatterkit._validation import Boolean, check_value, fail, shown

BLOCK_BYTES = 64 << 20


def target_path(path: Any, *, owner: str, overwrite: bool, folder: bool = False, name: str = "path") -> Path:
    """Give the path of a file or folder that may be written, or raise."""
    kind = "folder" if folder else "file"
    if not isinstance(path, (str, os.PathLike)):
        raise fail(name, owner, f"the path of a {kind} to write", shown(path))
    check_value(overwrite, Boolean(), name="overwrite", owner=owner)
    target = Path(path).expanduser().resolve()
    if target.exists() and not overwrite:
        raise fail(
            name, owner, f"the path of a new {kind}, unless overwrite is True", f"{path}, which exists,"
        )
    if target.exists() and target.is_dir() != folder:
        raise fail(
            name, owner, f"the path of a {kind}", f"{path}, which is a {'file' if folder else 'folder'},"
        )
    if Path.cwd().is_relative_to(target):
        raise fail(name, owner, "a folder other than those one works in", str(path))
    if not target.parent.is_dir():
        raise fail(name, owner, "a path in a folder that exists", str(path))
    return target


@contextmanager
def replacing(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a path to write to, beside the target; it becomes the target at the end, or goes where that fails.

    Without `overwrite`, a file that has appeared meanwhile stays as it is, and FileExistsError is raised.
    """
    partial = _beside(target, "partial")
    try:
        yield partial
        _to_disk(partial)
        if overwrite:
            partial.replace(target)
        else:
            _place(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    _to_disk(target.parent)


@contextmanager
def replacing_folder(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a folder to write into, beside the target; it becomes the target at the end, or goes.

    With `overwrite`, an older folder goes once the new one is in its place. Without, one that has appeared meanwhile
    stays as it is, and OSError is raised.
    """
    partial, old = _beside(target, "partial"), _beside(target, "old")
    partial.mkdir()
    try:
        yield partial
        for path in (*partial.rglob("*"), partial):
            _to_disk(path)
        try:
            if overwrite and target.exists():
                target.rename(old)
            elif target.exists():
                raise _appeared(target)
            partial.rename(target)
        except BaseException:
            if old.exists() and not target.exists():
                old.rename(target)
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _to_disk(target.parent)
    if old.exists():
        shutil.rmtree(old)


def _place(partial: Path, target: Path) -> None:
    """Give a file its name unless there is one of that name: a link fails then, where renaming would not."""
    try:
        os.link(partial, target)
    except FileExistsError as error:
        raise _appeared(target) from error
    except OSError:  # a file system without links
        if target.exists():
            raise _appeared(target) from None
        partial.rename(target)


def _appeared(target: Path) -> FileExistsError:
    return FileExistsError(f"{target} has appeared while it was written; it stays as it is.")


def _to_disk(path: Path) -> None:
    """Have the system write a file or folder to the disk, so that a name never stands for less than all of it."""
    if path.is_dir() and os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.{kind}")


def blocks(n: int, bytes_each: int) -> Iterator[slice]:
    """Give slices that cover n samples, each of about 64 MiB or of one sample."""
    step = max(1, BLOCK_BYTES // max(1, bytes_each))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def jsonable(attrs: Mapping[Any, Any], *, owner: str) -> dict[str, Any]:
    """Give attributes as JSON can hold them: NumPy's numbers and arrays as Python's, or raise."""

    def plain(value: Any) -> Any:
        if isinstance(value, (np.generic, np.ndarray)):
            return value.tolist()
        raise fail("dataset", owner, "a data set whose attributes JSON can hold", shown(value))

    text = json.dumps({str(name): value for name, value in attrs.items()}, default=plain)
    return dict(json.loads(text))
