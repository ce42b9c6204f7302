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
    target = Path(path).expanduser()
    if target.exists() and not overwrite:
        raise fail(
            name, owner, f"the path of a new {kind}, unless overwrite is True", f"{path}, which exists,"
        )
    if target.exists() and target.is_dir() != folder:
        raise fail(
            name, owner, f"the path of a {kind}", f"{path}, which is a {'file' if folder else 'folder'},"
        )
    if not target.parent.is_dir():
        raise fail(name, owner, "a path in a folder that exists", str(path))
    return target


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path to write to, beside the target; it becomes the target at the end, or goes where that fails."""
    partial = _beside(target)
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Give a folder to write into, beside the target; it becomes the target at the end, or goes."""
    partial = _beside(target)
    partial.mkdir()
    try:
        yield partial
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")


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
