"""Charts and pictures as SVG within a page: axes with units, lines told apart by dashes as well as by colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scatterkit._html import png_uri, text
from scatterkit.plotting._palette import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION

Values = NDArray[np.float64]

LINES = (  # the colours of Okabe and Ito that stand out from white: dark to bright, each with its dashes and mark
    ("#000000", "", "circle"),
    (BLUE, "8 4", "square"),
    (VERMILION, "2 3", "diamond"),
    (GREEN, "10 3 2 3", "triangle"),
    (PURPLE, "14 4", "circle"),
    (SKY, "4 2", "square"),
    (ORANGE, "8 3 2 3 2 3", "diamond"),
)
WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 66, 150, 14, 46
LABELS_APART = 15  # pixels
TICKS = ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8), (1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9))
"""Steps within a power of ten, rough to fine; the last ones put two ticks on every axis."""
FEWEST_TICKS = 3
"""With fewer, finer steps are tried."""
IMAGE_SIZE, BAR_SIZE = (248, 240), (84, 240)
SIDE = 200  # of a picture, without its axes


@dataclass(frozen=True)
class Line:
    """A named line of positive numbers; points that are not finite are left out, those beyond the end drawn faintly."""

    name: str
    x: Values
    y: Values
    end: float = math.inf


def log_chart(lines: Sequence[Line], x_label: str, y_label: str, description: str) -> str:
    """Give a chart with logarithmic axes, each line named at its end; nothing where no line has a point."""
    kept = [(i, line, _known(line)) for i, line in enumerate(lines)]
    kept = [(i, line, known) for i, line, known in kept if known.any()]
    if not kept:
        return ""
    x = _axis(np.concatenate([line.x[known] for _, line, known in kept]), LEFT, WIDTH - RIGHT)
    y = _axis(np.concatenate([line.y[known] for _, line, known in kept]), HEIGHT - BOTTOM, TOP)
    parts = [_frame(x, y, x_label, y_label)]
    ends = [
        min(int(np.searchsorted(line.x[known], line.end)), int(known.sum()) - 1) for _, line, known in kept
    ]
    heights = _spread(
        [float(y.place(line.y[known][last])) for (_, line, known), last in zip(kept, ends, strict=True)]
    )
    for (i, line, known), last, height in zip(kept, ends, heights, strict=True):
        parts.append(_line(i, line.name, x.place(line.x[known]), y.place(line.y[known]), last, height))
    return _svg(WIDTH, HEIGHT, "".join(parts), description, "chart")


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float
    end: float

    def place(self, values: Values | float) -> Values:
        part = (np.log(values) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return np.asarray(self.start + part * (self.end - self.start))

    def ticks(self) -> list[float]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        every = max(1, len(powers) // 6)
        for steps in TICKS:
            found = [step * 10.0**power for power in powers[::every] for step in steps]
            found = [value for value in found if self.low * 0.999 <= value <= self.high * 1.001]
            if len(found) >= FEWEST_TICKS:
                break
        return found


def _axis(values: Values, start: float, end: float) -> _Axis:
    low, high = float(values.min()), float(values.max())
    return _Axis(low / 1.25, high * 1.25, start, end)


def _known(line: Line) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = np.isfinite(line.x) & np.isfinite(line.y) & (line.x > 0) & (line.y > 0)
    return known


def _frame(x: _Axis, y: _Axis, x_label: str, y_label: str) -> str:
    left, right, low, high = x.start, x.end, y.start, y.end
    parts = []
    for value in x.ticks():
        at = float(x.place(value))
        parts.append(f'<path class="grid" d="M{at:.1f} {low}V{high}"/>{_text(at, low + 17, number(value))}')
    for value in y.ticks():
        at = float(y.place(value))
        parts.append(f'<path class="grid" d="M{left} {at:.1f}H{right}"/>')
        parts.append(_text(left - 7, at + 4, number(value), "end"))
    parts.append(f'<path class="axis" d="M{left} {high}V{low}H{right}"/>')
    parts.append(_text((left + right) / 2, low + 38, x_label))
    middle = (low + high) / 2
    parts.append(f'<g transform="rotate(-90 14 {middle})">{_text(14, middle, y_label)}</g>')
    return "".join(parts)


def _line(i: int, name: str, x: Values, y: Values, last: int, label_height: float) -> str:
    color, dashes, mark = LINES[i % len(LINES)]
    parts = zip(*_without_repeats(x[: last + 1], y[: last + 1]), strict=True)
    corners = "L".join(f"{a:.1f} {b:.1f}" for a, b in parts)
    marks = _mark(mark, float(x[0]), float(y[0]), color) + _mark(mark, float(x[last]), float(y[last]), color)
    rest = f"M{x[last]:.1f} {y[last]:.1f}H{WIDTH - RIGHT:g}L{WIDTH - RIGHT + 14:g} {label_height:.1f}"
    return (
        f'<g stroke="{color}" fill="none"><path d="M{corners}" stroke-width="2" stroke-dasharray="{dashes}"/>'
        f'{marks}<path d="{rest}" stroke-width="0.7"/></g>'
        + _text(WIDTH - RIGHT + 18, label_height + 4, _short(name), "start", color)
    )


def _without_repeats(x: Values, y: Values) -> tuple[Values, Values]:
    """Leave out points between neighbours of the same height: lines are steps."""
    same = np.isclose(np.diff(y), 0, atol=0.05)
    kept = np.concatenate([[True], ~(same[:-1] & same[1:]), [True]]) if len(y) > 2 else np.ones(len(y), bool)
    return x[kept], y[kept]


def _mark(kind: str, x: float, y: float, color: str) -> str:
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"/>'
    shapes = {
        "square": "m-3.6-3.6h7.2v7.2h-7.2z",
        "diamond": "m0-5l5 5l-5 5l-5-5z",
        "triangle": "m0-5l4.6 8h-9.2z",
    }
    return f'<path d="M{x:.1f} {y:.1f}{shapes[kind]}" fill="{color}"/>'


def _spread(heights: Sequence[float]) -> list[float]:
    """Move labels apart, in their order, and up again where they leave the chart."""
    order = np.argsort(heights, kind="stable")
    found = np.array(heights, dtype=np.float64)
    for above, below in pairwise(order):
        found[below] = max(found[below], found[above] + LABELS_APART)
    limit = float(HEIGHT - BOTTOM)
    for place in order[::-1]:
        found[place] = min(found[place], limit)
        limit = found[place] - LABELS_APART
    return [float(value) for value in found]


def image(data: bytes, shape: tuple[int, int], dq: float | None, description: str) -> str:
    """Give a picture of a pattern with its axes: over q, or in pixels; zero frequency at pixel ``[n // 2, n // 2]``."""
    rows, columns = shape
    width, height = SIDE * min(1.0, columns / rows), SIDE * min(1.0, rows / columns)
    left, top = 44.0, 4.0
    x, y = _pixel_ticks(columns, dq), _pixel_ticks(rows, dq)
    place = f'x="{left}" y="{top}" width="{width:.2f}" height="{height:.2f}"'
    parts = [
        f'<image href="{png_uri(data)}" {place} preserveAspectRatio="none"/><rect class="axis" {place}/>'
    ]
    for pixel, label in x:
        at = left + width * (pixel + 0.5) / columns
        parts.append(f'<path class="axis" d="M{at:.1f} {top + height:.1f}v4"/>')
        parts.append(_text(at, top + height + 15, label))
    for pixel, label in y:
        at = top + height * (pixel + 0.5) / rows
        parts.append(f'<path class="axis" d="M{left} {at:.1f}h-4"/>{_text(left - 6, at + 4, label, "end")}')
    unit = "pixels" if dq is None else "rad/nm"
    parts.append(
        _text(
            left + width / 2,
            top + height + 30,
            f"q<tspan class='sub' dy='3'>x</tspan><tspan dy='-3'> ({unit})</tspan>",
            raw=True,
        )
    )
    middle = top + height / 2
    words = _text(
        10, middle, f"q<tspan class='sub' dy='3'>y</tspan><tspan dy='-3'> ({unit})</tspan>", raw=True
    )
    parts.append(f'<g transform="rotate(-90 10 {middle:.1f})">{words}</g>')
    return _svg(*IMAGE_SIZE, "".join(parts), description, "pattern")


def _pixel_ticks(n: int, dq: float | None) -> list[tuple[float, str]]:
    """Where ticks stand, as pixels, and their numbers: zero and one or two round values on each side."""
    unit = 1.0 if dq is None else dq
    most = (n // 2) * unit
    power = 10.0 ** math.floor(math.log10(most))
    step = max(value * power for value in (1, 2, 4, 5) if value * power <= most)
    return [
        (n // 2 + value / unit, number(value)) for value in (-step, 0.0, step) if n // 2 + value / unit < n
    ]


def color_bar(data: bytes, low: float, high: float, words: str) -> str:
    """Give an upright bar of colours with the numbers at its ends and in its middle."""
    top, height = 4, SIDE
    middle = (low + high) / 2
    marks = "".join(
        _text(24, at, number(value), "start")
        for at, value in ((top + 9, high), (top + height / 2 + 4, middle), (top + height, low))
    )
    label = f'<g transform="rotate(-90 76 {top + height / 2})">{_text(76, top + height / 2, words)}</g>'
    return _svg(
        *BAR_SIZE,
        f'<image href="{png_uri(data)}" x="2" y="{top}" width="16" height="{height}" preserveAspectRatio="none"/>'
        f'<rect class="axis" x="2" y="{top}" width="16" height="{height}"/>{marks}{label}',
        f"Colours: {words}, from {number(low)} to {number(high)}",
        "bar",
    )


def _svg(width: float, height: float, inner: str, description: str, kind: str) -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{text(description)}">'
        f"{inner}</svg>"
    )


def _text(
    x: float, y: float, words: str, anchor: str = "middle", color: str | None = None, raw: bool = False
) -> str:
    fill = f' fill="{color}"' if color else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{fill}>{words if raw else text(words)}</text>'
    )


def _short(name: str) -> str:
    return name if len(name) <= 20 else name[:19] + "…"


def signed(value: float) -> str:
    """Give a difference in few letters, its sign with it."""
    return "+" * (value > 0) + number(value)


def number(value: float) -> str:
    """Give a number in few letters: 0.02, 3, 1500, 2.5e-5."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "–"
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    mantissa, power = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
