"""Progress bars that are quiet where nobody looks."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


class _Lines:
    """Standard error as a log wants it: each state of a bar on a line of its own, no returns and no empty lines."""

    def write(self, text: str) -> int:
        for part in text.replace("\r", "\n").split("\n"):
            if part.strip():
                sys.stderr.write(part.rstrip() + "\n")
        return len(text)

    def flush(self) -> None:
        sys.stderr.flush()


def progress_bar(
    total: float | None, *, description: str, verbose: bool, unit: str = "it", **options: Any
) -> tqdm:
    """Give a tqdm bar on standard error: none unless verbose, a line every few seconds off a terminal."""
    on_terminal = sys.stderr.isatty()
    if not on_terminal:
        options.setdefault("mininterval", 5.0)
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        disable=not verbose,
        leave=True,
        dynamic_ncols=True,
        file=None if on_terminal else _Lines(),
        **options,
    )
