"""HTML of a summary: checks, pictures and parameters, every text escaped."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from scatterkit._html import png_uri, text
from scatterkit.datasets.summary._checks import DataCheck

DPI = 90


def check_table(checks: Iterable[DataCheck]) -> str:
    """Give checks as a table; warnings stand out by word and by colour, and come first."""
    cells = ""
    for check in sorted(checks, key=lambda check: check.ok):
        mark = '<td class="ok">✓ OK</td>' if check.ok else '<td class="warning">⚠ warning</td>'
        cells += f"<tr>{mark}<th>{text(check.name)}</th><td>{text(check.words)}</td></tr>"
    return f"<table>{cells}</table>"


def picture(figure: Any, description: str) -> str:
    """Give a figure of matplotlib as a picture within the page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return f'<img alt="{text(description)}" src="{png_uri(buffer.getvalue())}">'


def parameters(name: str, value: Any) -> str:
    """Give an attribute: a text of JSON spread out over lines, to be unfolded where it is long."""
    words = value if isinstance(value, str) else str(value)
    with suppress(ValueError):  # no JSON: as it is
        words = json.dumps(json.loads(words), indent=2, ensure_ascii=False)
    if "\n" not in words and len(words) <= 80:
        return f"<p><b>{text(name)}</b>: {text(words)}</p>"
    return f"<details open><summary><b>{text(name)}</b></summary><pre>{text(words)}</pre></details>"
