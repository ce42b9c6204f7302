"""HTML pages that are complete in themselves: one look, every text escaped, nothing that needs a network."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Mapping
from typing import Any

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
summary { cursor: pointer; } .wide { overflow-x: auto; } ul { margin: 0; padding-left: 1.2em; }
"""


def page(
    title: str, subtitle: str, sections: Iterable[tuple[str, str]], *, style: str = "", script: str = ""
) -> str:
    """Give a whole page of sections, each a heading (plain text; none where it is empty) and its HTML.

    ``style`` and ``script`` are the package's own, and stand in the page as they are.
    """
    body = "".join(f"<section>{heading(name)}{inner}</section>\n" for name, inner in sections)
    code = f"<script>{script}</script>" if script else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}{style}</style>{code}</head>\n"
        f"<body><h1>{text(title)}</h1>{note(subtitle) if subtitle else ''}\n{body}</body>\n</html>\n"
    )


def heading(words: str) -> str:
    """Give the heading of a section; nothing for no words."""
    return f"<h2>{text(words)}</h2>" if words else ""


def text(value: Any) -> str:
    """Give a value as text that is safe in HTML."""
    return html.escape(str(value))


def note(words: str) -> str:
    """Give a paragraph of plain words."""
    return f'<p class="note">{text(words)}</p>'


def wide(words: str, inner: str) -> str:
    """Give a part that scrolls by itself where the window is narrow, also by keys; words name it."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{text(words)}">{inner}</div>'


def table(rows: Mapping[str, Any]) -> str:
    """Give names and values as a table."""
    cells = "".join(f"<tr><th>{text(name)}</th><td>{text(value)}</td></tr>" for name, value in rows.items())
    return f"<table>{cells}</table>"


def png_uri(data: bytes) -> str:
    """Give a PNG file as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def json_script(data: Any, **attributes: str) -> str:
    """Give data for the page's scripts; no text in it ends the script."""
    named = "".join(f' {name}="{text(value)}"' for name, value in attributes.items())
    words = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json"{named}>{words}</script>'
