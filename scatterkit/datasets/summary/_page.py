"""HTML of a summary: tables, pictures and lists, every text escaped, nothing that needs a network or a script."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from scatterkit.datasets.summary._checks import Check

DPI = 90
STYLE = """
body { font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff;
       max-width: 1180px; margin: 2em auto; padding: 0 1.5em; }
h1 { font-size: 1.7em; margin-bottom: 0; } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #ccc; }
p.note { color: #444; } img { max-width: 100%; height: auto; vertical-align: top; }
table { border-collapse: collapse; } th, td { text-align: left; vertical-align: top; padding: .25em 1.2em .25em 0; }
th { font-weight: 600; white-space: nowrap; } tr + tr > * { border-top: 1px solid #eee; }
td.ok { color: #14344f; font-weight: 600; white-space: nowrap; }
td.warning { color: #000; background: #f5c242; font-weight: 700; padding-left: .6em; white-space: nowrap; }
pre { background: #f6f6f6; padding: .8em; overflow-x: auto; font-size: 12.5px; line-height: 1.35; }
summary { cursor: pointer; } ul { margin: 0; padding-left: 1.2em; }
"""


def page(title: str, subtitle: str, sections: Iterable[tuple[str, str]]) -> str:
    """Give a whole page of sections, each a heading (plain text) and its HTML."""
    body = "".join(f"<section><h2>{text(name)}</h2>{inner}</section>\n" for name, inner in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head>\n"
        f'<body><h1>{text(title)}</h1><p class="note">{text(subtitle)}</p>\n{body}</body>\n</html>\n'
    )


def text(value: Any) -> str:
    """Give a value as text that is safe in HTML."""
    return html.escape(str(value))


def note(words: str) -> str:
    """Give a paragraph of plain words."""
    return f'<p class="note">{text(words)}</p>'


def table(rows: Mapping[str, Any]) -> str:
    """Give names and values as a table."""
    cells = "".join(f"<tr><th>{text(name)}</th><td>{text(value)}</td></tr>" for name, value in rows.items())
    return f"<table>{cells}</table>"


def check_table(checks: Iterable[Check]) -> str:
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
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="{text(description)}" src="data:image/png;base64,{data}">'


def parameters(name: str, value: Any) -> str:
    """Give an attribute: a text of JSON spread out over lines, to be unfolded where it is long."""
    words = value if isinstance(value, str) else str(value)
    with suppress(ValueError):  # no JSON: as it is
        words = json.dumps(json.loads(words), indent=2, ensure_ascii=False)
    if "\n" not in words and len(words) <= 80:
        return f"<p><b>{text(name)}</b>: {text(words)}</p>"
    return f"<details open><summary><b>{text(name)}</b></summary><pre>{text(words)}</pre></details>"
