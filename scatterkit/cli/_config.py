"""Options from a file: TOML, or an output, by the record that lies beside or in it."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from scatterkit.cli._carried import read_record
from scatterkit.cli._errors import shown
from scatterkit.cli._options import NOT_SET_BY_FILES


def apply_config(parser: argparse.ArgumentParser, path: str, command: str, commands: Collection[str]) -> None:
    """Make what a file says the defaults of a command's options, so that the command line wins."""
    try:
        values, digests = _read(Path(path).expanduser(), command, commands)
        actions = _settable(parser)
        names = {name.replace("-", "_"): value for name, value in values.items()}
        unknown = sorted(set(names) - set(actions))
        if unknown:
            raise ValueError(_unknown(unknown, sorted(actions)))
        parser.set_defaults(
            **{actions[name].dest: _converted(actions[name], value) for name, value in names.items()},
            digests=digests,
        )
    except OSError as error:
        parser.error(f"--config {path}: {error.strerror or error}")
    except ValueError as error:
        parser.error(f"--config {path}: {error}")


def _settable(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Give the options that files may set, by the names that users and records know them by."""
    actions = [action for action in parser._actions if action.dest not in NOT_SET_BY_FILES]
    longest = {max(action.option_strings, key=len): action for action in actions if action.option_strings}
    shown = {name.lstrip("-").replace("-", "_"): action for name, action in longest.items()}
    return {action.dest: action for action in actions} | shown


def _unknown(names: list[str], allowed: list[str]) -> str:
    meant = [close for name in names for close in get_close_matches(name, allowed, n=1)]
    hint = f"Did you mean {', '.join(meant)}?" if meant else f"Allowed are {', '.join(allowed)}"
    return f"unknown: {', '.join(names)}. {hint}"


def _read(path: Path, command: str, commands: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Give the settings that a file holds, and the digests of the files that went into an output.

    A table of a command's name is for that command alone.
    """
    record = None if path.suffix.lower() == ".toml" else read_record(path)
    if record is not None:
        if not isinstance(record.get("parameters"), dict):
            raise ValueError("no record of scatterkit: it has no 'parameters'")
        if record.get("command") != command:
            raise ValueError(f"the record of scatterkit {record.get('command')}, not of {command}")
        settings = {name: value for name, value in record["parameters"].items() if value is not None}
        return settings, dict(record.get("sha256", {}))
    if path.is_dir():
        raise ValueError("no TOML file, and it has no record of how it was made")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ValueError("no TOML file, and it has no record of how it was made") from None
    own = found.get(command)
    for_all = {
        name: value for name, value in found.items() if not (name in commands and isinstance(value, dict))
    }
    return for_all | (own if isinstance(own, dict) else {}), {}


def _converted(action: argparse.Action, value: Any) -> Any:
    """Give a value of a file as the option would have it from the command line."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"{action.dest} must be true or false. Got {value!r} instead")
        return value
    if isinstance(value, (bool, dict)):
        raise ValueError(f"{action.dest} must be what {shown(action)} takes. Got {value!r} instead")
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
