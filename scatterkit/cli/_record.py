"""What an output says of how it was made."""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scatterkit.cli._options import parameters_of


def package_version() -> str:
    """Give the version of the package."""
    return version("scatterkit")


def make_record(
    args: argparse.Namespace, *, components: Mapping[str, Any] | None = None, inputs: tuple[Any, ...] = ()
) -> dict[str, Any]:
    """Describe a run: the package's version, the command's options, its components, and digests of its files.

    Nothing in it depends on when and where the run is, so that equal runs write equal files.
    """
    record: dict[str, Any] = {
        "scatterkit": package_version(),
        "command": args.command,
        "parameters": parameters_of(args),
    }
    if components:
        from scatterkit._serialization import to_plain

        record["components"] = {name: to_plain(component) for name, component in components.items()}
    digests = {str(path): _digest(Path(path)) for path in inputs if path and Path(path).is_file()}
    if digests:
        record["sha256"] = digests
        _warn_of_changed(digests, getattr(args, "digests", {}))
    return record


def _warn_of_changed(digests: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Warn where a file is not what it was when the output was made that is made once more."""
    for path, digest in digests.items():
        if before.get(path, digest) != digest:
            warnings.warn(f"{path} has changed since the output was made that --config names", stacklevel=3)


def record_text(record: Mapping[str, Any]) -> str:
    """Give a record as text; equal records have equal texts."""
    return json.dumps(record, sort_keys=True)


def record_attrs(record: Mapping[str, Any]) -> dict[str, str]:
    """Give a record as attributes of a data set."""
    return {"scatterkit_version": record["scatterkit"], "scatterkit_record": record_text(record)}


def write_sidecar(path: Path, record: Mapping[str, Any]) -> None:
    """Write the record beside a file that cannot carry it."""
    text = json.dumps(record, sort_keys=True, indent=2) + "\n"
    sidecar_of(path).write_text(text, encoding="utf-8")


def sidecar_of(path: Path) -> Path:
    """Give the name of the record beside a file."""
    return path.with_name(path.name + ".json")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
