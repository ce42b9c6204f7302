"""Options from a file: TOML, or an output, by the record that lies beside or in it."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from scatterkit.cli._carried import CARRIERS, read_record
from scatterkit.cli._options import NOT_SET_BY_FILES


def apply_config(parser: argparse.ArgumentParser, path: str, command: str) -> None:
    """Make what a file says the defaults of a command's options, so that the command line wins."""
    try:
        values = _read(Path(path), command)
        actions = {action.dest: action for action in parser._actions if action.dest not in NOT_SET_BY_FILES}
        names = {name.replace("-", "_"): value for name, value in values.items()}
        unknown = sorted(set(names) - set(actions))
        if unknown:
            allowed = ", ".join(sorted(actions))
            raise ValueError(f"unknown: {', '.join(unknown)}. Allowed are {allowed}")
        parser.set_defaults(**{name: _converted(actions[name], value) for name, value in names.items()})
    except OSError as error:
        parser.error(f"--config {path}: {error.strerror or error}")
    except ValueError as error:
        parser.error(f"--config {path}: {error}")


def _read(path: Path, command: str) -> dict[str, Any]:
    """Give the settings that a file holds; a table of the command's name is for that command alone."""
    if path.suffix.lower() in (".json", *CARRIERS):
        record = read_record(path)
        if not isinstance(record, dict) or not isinstance(record.get("parameters"), dict):
            raise ValueError("no record of scatterkit: it has no 'parameters'")
        if record.get("command") != command:
            raise ValueError(f"the record of scatterkit {record.get('command')}, not of {command}")
        return {name: value for name, value in record["parameters"].items() if value is not None}
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    if isinstance(found.get(command), dict):
        return dict(found[command])
    return found


def _converted(action: argparse.Action, value: Any) -> Any:
    """Give a value of a file as the option would have it from the command line."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"{action.dest} must be true or false. Got {value!r} instead")
        return value
    if isinstance(value, (bool, dict)):
        raise ValueError(f"{action.dest} must be what {_option(action)} takes. Got {value!r} instead")
    if action.nargs is None or action.nargs == "?":
        if isinstance(value, list):
            raise ValueError(f"{action.dest} must be one value. Got {value!r} instead")
        return _single(action, value)
    values = value if isinstance(value, list) else [value]
    if isinstance(action.nargs, int) and len(values) != action.nargs:
        raise ValueError(f"{action.dest} must be {action.nargs} values. Got {value!r} instead")
    return [_single(action, item) for item in values]


def _single(action: argparse.Action, value: Any) -> Any:
    if action.type is None and not isinstance(value, str):
        raise ValueError(f"{action.dest} must be text. Got {value!r} instead")
    try:
        found = value if action.type is None else action.type(str(value))  # type: ignore[operator]
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise ValueError(f"{action.dest}: {error}") from error
    if action.choices is not None and found not in action.choices:
        allowed = ", ".join(map(str, action.choices))
        raise ValueError(f"{action.dest} must be one of {allowed}. Got {value!r} instead")
    return found


def _option(action: argparse.Action) -> str:
    return "/".join(action.option_strings) or action.dest.upper()
