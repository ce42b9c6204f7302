"""Bodies as the page's viewer takes them: packed, and the elements around them."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._html import json_script, text
from scatterkit.metrics.volumes import FILLED, N_LENGTHS
from scatterkit.plotting._palette import LINE, LIT, UNLIT, rgb
from scatterkit.plotting._projection import LIGHT, SHARP_EDGE, SOFT_EDGE
from scatterkit.solids import Solid

VIEWER = ("meshes.js", "raster.js", "overlay.js", "viewer.js")
BUTTONS = {
    "aslant": "Aslant",
    "beam": "Along the beam",
    "side": "From the side",
    "back": "From behind",
    "reset": "Reset",
}
KEYS = (
    "Drag, or use the arrow keys, to turn. Once a body is chosen by a click or the tab key: wheel, + or − to zoom, "
    "Page Up and Page Down to cut, 0 to reset."
)


@dataclass(frozen=True)
class Seen:
    """A body as the viewer takes it, how far it reaches from its middle, and how long it is along the beam [nm]."""

    packed: dict[str, Any]
    reach: float
    length: float


def assets(*names: str) -> str:
    """Give files of the page, one after the other."""
    folder = files("scatterkit.comparison") / "assets"
    return "".join((folder / name).read_text(encoding="utf-8") for name in names)


def viewer_script() -> str:
    """Give the viewer and the look that it shares with the package's other pictures of bodies."""
    look = {
        "measured": [rgb(color) for color in LIT],
        "hidden": [rgb(color) for color in UNLIT],
        "line": rgb(LINE),
        "light": (LIGHT / np.linalg.norm(LIGHT)).tolist(),
        "soft_edge": float(SOFT_EDGE),
        "sharp_edge": float(SHARP_EDGE),
    }
    return assets(*VIEWER) + f"scatterkit.look = {json.dumps(look)};\n"


def viewer_style() -> str:
    """Give the style of the viewer; the tones of its legend are those of the bodies."""
    lines = f"repeating-linear-gradient(-45deg, #0003 0 2px, #0000 2px 6px), {_middle(UNLIT)}"
    return (
        assets("page.css")
        + f".swatch.measured {{ background: {_middle(LIT)}; }} .swatch.hidden {{ background: {lines}; }}"
    )


def _middle(ramp: tuple[str, str]) -> str:
    dark, bright = (np.array(rgb(color)) for color in ramp)
    return "rgb({}, {}, {})".format(*np.rint(0.3 * dark + 0.7 * bright).astype(int))


def seen_solid(body: Solid) -> Seen:
    """Pack a body of triangles."""
    low, high = body.bounds
    packed = {
        "kind": "mesh",
        "points": _deflated(body.vertices.astype("<f4")),
        "faces": _deflated(body.faces.astype("<u4")),
    }
    reach = np.linalg.norm(body.vertices - (low + high) / 2, axis=1).max()
    return Seen(packed, float(reach), float(high[2] - low[2]))


def seen_volume(volume: NDArray[np.float32], box: float) -> Seen:
    """Pack occupancies in [0, 1], some of them above one half."""
    step = box / volume.shape[0]
    filled = np.argwhere(volume >= FILLED)
    levels = np.rint(255 * np.clip(volume, 0, 1)).astype(np.uint8)
    packed = {"kind": "volume", "shape": volume.shape, "step": step, "occupancy": _deflated(levels)}
    low, high = filled.min(axis=0), filled.max(axis=0)
    reach = np.linalg.norm(filled - (low + high) / 2, axis=1).max() + 1
    return Seen(packed, float(reach * step), float(high[0] - low[0] + 1) * step)


def _deflated(array: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode("ascii")


def body_views(bodies: Sequence[tuple[str, Seen]], absorption_length: float | None) -> str:
    """Give views of named bodies, to one scale, which are turned and cut together.

    What lies deeper behind the front than three absorption lengths is marked as not measured; without an absorption
    length, nothing is.
    """
    reach = max(body.reach for _, body in bodies)
    length = max(1, math.ceil(max(body.length for _, body in bodies)))
    hidden = None if absorption_length is None else N_LENGTHS * absorption_length
    captions = len(bodies) > 1  # a single one stands under its heading
    figures = "".join(_figure(name, body, reach, hidden, captions) for name, body in bodies)
    kind = "bodies" if captions else "bodies alone"
    return f'<div class="{kind}"><div class="views">{figures}</div>{_controls(length)}{_legend(hidden)}</div>'


def _figure(name: str, body: Seen, reach: float, hidden: float | None, captions: bool) -> str:
    label = text(f"Body of {name}, in three dimensions. {KEYS}")
    data = json_script({**body.packed, "reach": reach, "hidden": hidden})
    return (
        f'<figure class="body">{f"<figcaption>{text(name)}</figcaption>" if captions else ""}'
        f'<canvas tabindex="0" role="img" aria-label="{label}"></canvas>{data}</figure>'
    )


def _controls(length: int) -> str:
    buttons = "".join(
        f'<button type="button" data-view="{view}">{words}</button>' for view, words in BUTTONS.items()
    )
    return (
        f'<div class="controls">{buttons}<label>Cut along the beam '
        f'<input type="range" min="0" max="{length}" step="1" value="0"></label> <output>whole body</output></div>'
    )


def _legend(hidden: float | None) -> str:
    words = f'<p class="note keys">{text(KEYS)}</p><noscript>The bodies are drawn by a script.</noscript>'
    if hidden is None:
        return words
    return (
        '<p class="legend"><span class="swatch measured"></span> within '
        f"{hidden:.4g} nm ({N_LENGTHS} absorption lengths) behind the front "
        '<span class="swatch hidden"></span> deeper: not measured</p>' + words
    )
