"""How commands end: what they tell the shell, and what they tell the user."""

from __future__ import annotations

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


def one_line(error: BaseException) -> str:
    """Give an error, with the notes added to it, as one line."""
    notes = getattr(error, "__notes__", ())
    text = " ".join(" ".join([str(error), *notes]).split())
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = " ".join([f"{error.filename}: {error.strerror}.", *notes])
    if isinstance(error, MemoryError) and not text:
        text = "there is not enough memory"
    return text or type(error).__name__
