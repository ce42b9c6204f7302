"""How commands end: what they tell the shell, and what they tell the user."""

from __future__ import annotations

import argparse
import re

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class CommandError(Exception):
    """A command cannot do what it was asked for; the message is for the user."""


class UsageError(Exception):
    """Options that do not go together, or are missing."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what the user can do to go on."""

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


PARAMETER = re.compile(r"The '(\w+)' parameter of [\w.]+ must")
OPTIONS = {
    "n_samples": "samples",
    "n_starts": "starts",
    "n_rounds": "rounds",
    "n_kept": "kept",
    "n_steps": "steps",
    "n_jobs": "jobs",
    "n_threads": "jobs",
    "n_pixels": "pixels",
    "random_state": "seed",
    "shard_size": "block",
    "block_size": "block",
    "circumradius": "size",
}
"""Parameters of the package's objects, and the options that set them under another name."""
OF_COMMANDS = {
    "fit": {"time_budget": "seconds"},
    "train": {"time_budget": "time", "path": "data"},
    "predict": {"name": "model"},
    "compare": {"time_budget": "budget", "model": "methods"},
}
HINTS = {
    "the detector's shape": "--pixels says how many pixels the patterns have.",
    "solids inside the box": "--magnify 0.1 is for lengths in Angstrom, --centre for a body off the origin, "
    "--box for a large one.",
    "convex polyhedra": "Leave out --exact for bodies that are not convex.",
}
"""Words of errors, and the options that may help, the one that a command needs to have for it first."""


def in_options(text: str, command: str, parser: argparse.ArgumentParser) -> str:
    """Give an error of the package's objects in the words of the command line, where an option is what it is about."""
    found = PARAMETER.match(text)
    if found is None:
        return text
    known = {action.dest for action in parser._actions}
    text += "".join(
        f" {hint}" for words, hint in HINTS.items() if words in text and _option_of(hint) in known
    )
    name = found[1]
    positional = [action for action in parser._actions if not action.option_strings]
    if name == "X" and positional:
        return f"{shown(positional[0])} must{text[found.end() :]}"
    name = OF_COMMANDS.get(command, {}).get(name) or OPTIONS.get(name, name)
    for action in parser._actions:
        if action.dest == name:
            return f"{shown(action)} must{text[found.end() :]}"
    return text


def _option_of(hint: str) -> str:
    """Give the first option that a hint names."""
    return re.findall(r"--(\w+)", hint)[0]


def shown(action: argparse.Action) -> str:
    """Give an option as the user knows it."""
    return "/".join(action.option_strings) or str(action.metavar or action.dest.upper())


def one_line(error: BaseException) -> str:
    """Give an error, with the notes added to it, as one line."""
    notes = getattr(error, "__notes__", ())
    text = " ".join(" ".join([str(error), *notes]).split())
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = " ".join([f"{error.filename}: {error.strerror}.", *notes])
    if isinstance(error, MemoryError) and not text:
        text = "there is not enough memory"
    return text or type(error).__name__
