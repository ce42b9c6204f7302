"""Files that do not hold what they should: one kind of error, whatever a file format's own reader raises."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scatterkit._validation import InvalidParameterError, fail, shown

# Deflate, the densest of the compressions that these files use, makes no more than this of a byte.
EXPANSION = 1100
SLACK = 1 << 20


class DataFormatError(InvalidParameterError):
    """A file is damaged, or holds something else than it should; the message names the file."""


def bad_file(
    path: str | os.PathLike[str], owner: str, allowed: str, given: str, *, name: str = "path"
) -> DataFormatError:
    """Give the error that names the parameter, what is read, the file and what is wrong (to be raised)."""
    return DataFormatError(
        f"The '{name}' parameter of {owner} must be {allowed}. Got {os.fspath(path)}, {given}, instead."
    )


def existing_file(path: Any, *, owner: str, allowed: str, name: str = "path") -> Path:
    """Give the path of a file that is there and holds at least a byte, or raise."""
    if not isinstance(path, (str, os.PathLike)):
        raise fail(name, owner, f"the path of {allowed}", shown(path))
    file = Path(path).expanduser()
    if not file.exists():
        raise FileNotFoundError(
            f"The '{name}' parameter of {owner} must be {allowed}. There is no file {path}."
        )
    if file.is_dir():
        raise bad_file(path, owner, allowed, "a folder", name=name)
    if not file.is_file() or file.stat().st_size == 0:
        given = "an empty file" if file.is_file() else "no regular file"
        raise bad_file(path, owner, allowed, given, name=name)
    with file.open("rb"):  # says by itself that the file may not be read
        return file


@contextmanager
def reading(path: str | os.PathLike[str], *, owner: str, allowed: str, name: str = "path") -> Iterator[None]:
    """Turn whatever the parser of a file raises into a DataFormatError.

    Parsers of foreign bytes fail with errors of every kind, down to SyntaxError; so all are caught, but for those
    of a parameter, and of a library that is not installed.
    """
    try:
        yield
    except (InvalidParameterError, ImportError):
        raise
    except MemoryError as error:
        raise bad_file(path, owner, allowed, "it asks for more memory than there is", name=name) from error
    except Exception as error:
        raise bad_file(path, owner, allowed, _reason(error), name=name) from error


def check_plausible(nbytes: int, path: Path, *, owner: str, allowed: str, name: str = "path") -> None:
    """Raise if a file's header announces more data than the file can hold, however well compressed."""
    size = path.stat().st_size
    if nbytes > EXPANSION * size + SLACK:
        given = f"its header announces {nbytes} bytes of data, the file has {size} bytes"
        raise bad_file(path, owner, allowed, given, name=name)


def needed(module: str, what: str) -> Any:
    """Give an optional module, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"{what} need {package}: pip install 'scatterkit[files]'") from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "no text: bytes that are not UTF-8"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
