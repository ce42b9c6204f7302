"""A gallery of bodies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from scatterkit._validation import Boolean, Choice, check_value, fail, shown
from scatterkit.plotting._gallery import SMALL, Margins, at_the_rim, label, outer_axes, panels, spoken
from scatterkit.plotting._projection import CAMERAS
from scatterkit.plotting.bodies import legend_patches, show_solid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = (1.5, 1.5)  # inches
PLAIN = Margins(top=0.5, bottom=0.4, down=0.4)
SHARED_AXES = Margins(left=0.6, top=0.5, bottom=0.85, down=0.5)
OWN_AXES = Margins(left=0.6, top=0.5, bottom=0.85, across=0.6, down=0.9)
NAME_WIDTH = 20  # letters of a name that fit into a line
LEGEND = 8.5  # points


def show_solids(
    solids: Sequence[Any],
    *,
    names: Sequence[str] | None = None,
    view: str = "perspective",
    common_scale: bool = True,
    columns: int | None = None,
    title: str | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw bodies beside each other, with their names; the side that the beam strikes is blue, the other brown.

    Parameters
    ----------
    solids : sequence of Solid
        The bodies, or anything with ``vertices`` in nm and outward triangles ``faces``.
    names : sequence of str, optional
        A name for each; by default the bodies' own.
    view : {"beam", "side", "top", "perspective"}, default "perspective"
        Where they are seen from, as in `show_solid`.
    common_scale : bool, default True
        Whether all are drawn to one scale; else each fills its panel.
    columns : int, optional
        How many beside each other; by default rows of equal length, at most 7.
    title : str, optional
        Title of the figure.
    figure : matplotlib.figure.Figure, optional
        An empty figure to draw into; by default a new one of fitting size.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, to be saved with ``savefig``.

    Examples
    --------
    >>> import trimesh
    >>> from scatterkit.plotting import show_solids
    >>> boxes = [trimesh.creation.box((50, 50, height)) for height in (50, 100)]
    >>> figure = show_solids(boxes, names=["cube", "tower"])
    >>> [ax.get_title() for ax in figure.axes]
    ['cube', 'tower']
    """
    owner = "show_solids"
    check_value(view, Choice(tuple(CAMERAS)), name="view", owner=owner)
    check_value(common_scale, Boolean(), name="common_scale", owner=owner)
    bodies = _checked(solids, owner)
    words = _names(bodies, names, owner)
    plain = view == "perspective"
    margins = PLAIN if plain else SHARED_AXES if common_scale else OWN_AXES
    figure, axes = panels(len(bodies), columns, CELL, margins, figure, title=title, owner=owner)
    for ax, body, name in zip(axes, bodies, words, strict=True):
        show_solid(ax, body, view)
        label(ax, fill(name, NAME_WIDTH, break_long_words=False))
        if not plain:
            _number(ax, at_the_rim(ax, axes) if common_scale else (True, True))
    if common_scale:
        share_scale(axes)
        if plain:
            draw_scale(axes[0])
    draw_legend(figure)
    return figure


def _checked(solids: Any, owner: str) -> list[Any]:
    allowed = "a sequence of bodies with vertices and faces, not empty"
    if hasattr(solids, "vertices") or not hasattr(solids, "__iter__"):
        raise fail("solids", owner, allowed, shown(solids))
    bodies = list(solids)
    wrong = [body for body in bodies if not (hasattr(body, "vertices") and hasattr(body, "faces"))]
    if wrong or not bodies:
        raise fail("solids", owner, allowed, shown(wrong[0]) if wrong else "an empty one")
    return bodies


def _names(bodies: list[Any], names: Sequence[str] | None, owner: str) -> list[str]:
    if names is None:
        return [spoken(getattr(body, "name", None) or "") for body in bodies]
    if isinstance(names, str) or len(names) != len(bodies):
        raise fail("names", owner, f"a sequence of {len(bodies)} names, one for each body", shown(names))
    return [str(name) for name in names]


def _number(ax: Axes, shown: tuple[bool, bool]) -> None:
    outer_axes(ax, shown)
    for text in ax.texts:  # the arrow of the beam
        text.set_fontsize(SMALL)


def share_scale(axes: list[Axes]) -> None:
    """Give all panels the reach of the largest body."""
    aligned = axes[0].axison  # axes with numbers show the body's place too
    if aligned:
        reach = max(abs(end) for ax in axes for end in (*ax.get_xlim(), *ax.get_ylim()))
    else:
        reach = 0.45 * max(float(np.ptp(ax.get_xlim())) for ax in axes)
    for ax in axes:
        x, y = (0.0, 0.0) if aligned else (_middle(ax.get_xlim()), _middle(ax.get_ylim()))
        ax.set_xlim(x - reach, x + reach)
        ax.set_ylim(y + reach, y - reach)


def _middle(ends: tuple[float, float]) -> float:
    return (ends[0] + ends[1]) / 2


def draw_scale(ax: Axes) -> None:
    """Draw a bar of a round length in the first panel."""
    (left, right), bottom = ax.get_xlim(), ax.get_ylim()[0]
    width = right - left
    power = 10.0 ** math.floor(math.log10(0.4 * width))
    length = max(step * power for step in (1, 2, 5) if step * power <= 0.4 * width)
    y, x = bottom - 0.04 * width, left + 0.02 * width
    ax.plot([x, x + length], [y, y], color="0.25", linewidth=1.6, solid_capstyle="butt")
    ax.text(x, y - 0.02 * width, f"{length:g} nm", fontsize=SMALL, color="0.25", va="bottom")


def draw_legend(figure: Figure) -> None:
    """Draw at the bottom which colours the two sides of bodies have."""
    figure.legend(
        handles=legend_patches(),
        loc="lower center",
        ncols=2,
        frameon=False,
        fontsize=LEGEND,
        borderaxespad=0.2,
    )
