"""Progress bars that are quiet where nobody looks."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


def progress_bar(
    total: float | None, *, description: str, verbose: bool, unit: str = "it", **options: Any
) -> tqdm:
    """Give a tqdm bar on standard error: none unless verbose, a line every few seconds off a terminal."""
    if not sys.stderr.isatty():
        options.setdefault("mininterval", 5.0)
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        disable=not verbose,
        leave=True,
        dynamic_ncols=True,
        **options,
    )
