"""What galleries share: rows of equal panels with room for their labels, and words for labels."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Integer, check_value
from scatterkit.plotting._figure import figure_or_new
from scatterkit.plotting._palette import NOT_MEASURED
from scatterkit.plotting.patterns import show_pattern

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SMALL = 7.5  # points: what stands beside a label in small print
LABEL = 9.0
BAR = 0.75  # inches that a colour bar takes with its numbers and words


class Scale(NamedTuple):
    """Ends of a colour scale, whether it is logarithmic, and what it is a scale of."""

    low: float
    high: float
    log: bool = False
    words: str = "log intensity (scaled)"


class Margins(NamedTuple):
    """Room around the panels of a gallery and between them, in inches."""

    left: float = 0.15
    right: float = 0.15
    top: float = 0.35
    bottom: float = 0.15
    across: float = 0.12
    down: float = 0.45


def panels(
    n: int,
    columns: int | None,
    cell: tuple[float, float],
    margins: Margins,
    figure: Figure | None,
    *,
    title: str | None,
    owner: str,
    most: int = 7,
) -> tuple[Figure, list[Axes]]:
    """Give a figure with n axes in rows, left to right; a new one is as large as they need.

    ``cell`` is the width and height of a panel in inches; without ``columns`` at most ``most`` stand in a row.
    """
    check_value(columns, Integer(low=1, optional=True), name="columns", owner=owner)
    across = min(n, columns or most)
    if columns is None:  # even rows: 8 panels make two rows of 4, not 7 and 1
        across = math.ceil(n / math.ceil(n / across))
    down = math.ceil(n / across)
    head = 0.35 if title is not None else 0.0
    width = margins.left + margins.right + across * cell[0] + (across - 1) * margins.across
    height = head + margins.top + margins.bottom + down * cell[1] + (down - 1) * margins.down
    figure = figure_or_new(figure, owner, figsize=(width, height))
    grid = figure.subplots(
        down,
        across,
        squeeze=False,
        gridspec_kw={
            "left": margins.left / width,
            "right": 1 - margins.right / width,
            "bottom": margins.bottom / height,
            "top": 1 - (head + margins.top) / height,
            "wspace": margins.across / cell[0],
            "hspace": margins.down / cell[1],
        },
    )
    axes = list(grid.flat)
    for ax in axes[n:]:
        ax.remove()
    if title is not None:
        figure.suptitle(title, x=margins.left / width, y=1 - 0.1 / height, ha="left", va="top", weight="bold")
    return figure, axes[:n]


def label(ax: Axes, words: str, small: str = "") -> None:
    """Write a panel's label above it, and below that in small print what belongs to it."""
    lines = small.count("\n") + 1 if small else 0
    ax.set_title(words, fontsize=LABEL, pad=4 + 1.4 * SMALL * lines)
    if small:
        ax.annotate(
            small,
            (0.5, 1.0),
            (0, 3),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=SMALL,
            color="0.3",
            linespacing=1.1,
        )


def spoken(name: str) -> str:
    """Give a name of the code in words: ``truncated_octahedron``, ``ShotNoise`` or ``shotNoise``."""
    if not re.search(r"[A-Za-z]{3}", name):
        return name  # a symbol, such as C5 or I_h
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").lower()
    return re.sub(r"\bpoisson\b", "Poisson", words)


def measured_pixels(pattern: NDArray[Any], mask: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Give where a pattern says something: within the mask, and a finite number."""
    finite = np.isfinite(pattern)
    return finite if mask is None else finite & (np.asarray(mask) > 0.5)


def pattern_panel(
    ax: Axes,
    pattern: NDArray[Any],
    mask: NDArray[Any] | None,
    *,
    dq: float | None,
    scale: Scale,
    axes_shown: tuple[bool, bool] = (False, False),
) -> AxesImage | None:
    """Draw a pattern of a gallery, all of it: panels beside each other have the same axes.

    ``axes_shown`` says whether the horizontal and the vertical axis get numbers.
    """
    flags = measured_pixels(pattern, mask)
    if not flags.any():
        ax.set_facecolor(NOT_MEASURED)
        ax.set_aspect("equal")
        ax.text(
            0.5, 0.5, "nothing\nmeasured", transform=ax.transAxes, ha="center", va="center", fontsize=SMALL
        )
        ax.set(xticks=[], yticks=[])
        return None
    values = np.where(flags, np.maximum(pattern, scale.low) if scale.log else pattern, scale.low)
    ends = (scale.low, scale.high)
    image = show_pattern(ax, values, mask=None if flags.all() else flags, dq=dq, limits=ends)
    if scale.log:
        from matplotlib.colors import LogNorm

        image.set_norm(LogNorm(*ends))
    left, right, bottom, top = image.get_extent()
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    outer_axes(ax, axes_shown)
    return image


def at_the_rim(ax: Axes, axes: list[Axes]) -> tuple[bool, bool]:
    """Whether no panel is below this one, and none at its left."""
    here, place = ax.get_position(), [other.get_position() for other in axes]
    below = any(abs(box.x0 - here.x0) < 1e-6 and box.y0 < here.y0 - 1e-6 for box in place)
    return not below, all(box.x0 > here.x0 - 1e-6 for box in place)


def outer_axes(ax: Axes, shown: tuple[bool, bool]) -> None:
    """Leave numbers and names to the axes at the gallery's rim."""
    ax.tick_params(labelsize=SMALL, labelbottom=shown[0], labelleft=shown[1], length=2.5)
    ax.xaxis.label.set_fontsize(SMALL)
    ax.yaxis.label.set_fontsize(SMALL)
    ax.locator_params(nbins=4)
    if not shown[0]:
        ax.set_xlabel("")
    if not shown[1]:
        ax.set_ylabel("")


def color_bar(figure: Figure, image: AxesImage, words: str, axes: list[Axes], *, place: int = 0) -> None:
    """Draw a colour bar at the right of a gallery, as high as its first rows, three at most.

    ``place`` counts bars from the left, where a gallery has several.
    """
    width = figure.get_size_inches()[0]
    boxes = [ax.get_position() for ax in axes]
    top, right = max(box.y1 for box in boxes), max(box.x1 for box in boxes)
    rows = sorted({round(box.y0, 6) for box in boxes}, reverse=True)
    bottom = rows[min(len(rows), 3) - 1]
    bar = figure.add_axes((right + (0.12 + BAR * place) / width, bottom, 0.1 / width, top - bottom))
    bar.tick_params(labelsize=SMALL, length=2.5)
    figure.colorbar(image, cax=bar)
    bar.set_ylabel(words, fontsize=SMALL)
