"""The figure that a plot is drawn into: the user's, or a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scatterkit._validation import fail, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure_or_new(figure: Figure | None, owner: str, **settings: Any) -> Figure:
    """Give the figure, or a new one with these settings where it is None."""
    if figure is None:
        from matplotlib.figure import Figure

        return Figure(**settings)
    if not callable(getattr(figure, "subplots", None)):  # a SubFigure will do
        raise fail("figure", owner, "a matplotlib figure or None", shown(figure))
    return figure
