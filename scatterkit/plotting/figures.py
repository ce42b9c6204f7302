"""Whole figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from scatterkit._validation import check_value
from scatterkit.plotting._figure import figure_or_new
from scatterkit.plotting._fit_row import draw_fit_row
from scatterkit.plotting.bodies import legend_patches, show_solid
from scatterkit.plotting.patterns import STEP, checked_pattern

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (11.5, 7.4)  # inches
MARGINS = {
    "left": 0.065,
    "right": 0.925,
    "bottom": 0.08,
    "top": 0.88,
    "wspace": 0.33,
    "hspace": 0.28,
    "height_ratios": (0.86, 1.0),
}


def reconstruction_figure(
    measured: ArrayLike,
    fitted: ArrayLike,
    mask: ArrayLike | None,
    solid: Any,
    *,
    dq: float | None = 2 * math.pi / 850,
    title: str | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a reconstruction: measured pattern, fit and difference; the body from three sides.

    Parameters
    ----------
    measured : array-like of shape (y, x)
        The measured log-scaled pattern.
    fitted : array-like of shape (y, x)
        The body's pattern as the detector would record it.
    mask : array-like of bool, shape (y, x), or None
        True where measured; the rest may be NaN.
    solid : Solid
        The body.
    dq : float [rad/nm], default 2 pi / 850
        Distance of neighbouring pixels; None: axes in pixels.
    title : str, optional
        Title of the figure.
    figure : matplotlib.figure.Figure, optional
        An empty figure to draw into, such as ``pyplot.figure(figsize=(11, 7))``; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, to be saved with ``savefig``.

    Examples
    --------
    >>> import numpy as np, trimesh
    >>> from scatterkit.plotting import reconstruction_figure
    >>> pattern = np.zeros((32, 32))
    >>> figure = reconstruction_figure(pattern, pattern, None, trimesh.creation.box((90, 90, 90)))
    >>> len(figure.axes)
    6
    """
    owner = "reconstruction_figure"
    pattern, flags = checked_pattern(measured, mask, name="measured", owner=owner)
    fit, _ = checked_pattern(fitted, mask, name="fitted", owner=owner, shape=pattern.shape)
    check_value(dq, STEP, name="dq", owner=owner)
    figure = figure_or_new(figure, owner, figsize=SIZE)
    grid = figure.subplots(2, 3, gridspec_kw=MARGINS)
    draw_fit_row(grid[0], pattern, fit, flags, dq)
    _draw_bodies(grid[1], solid)
    if title is not None:
        figure.suptitle(title, x=MARGINS["left"], ha="left", weight="bold")
    return figure


def _draw_bodies(row: Any, solid: Any) -> None:
    show_solid(row[0], solid, view="beam", title="along the beam")
    show_solid(row[1], solid, view="side", title="from the side")
    show_solid(row[2], solid, view="perspective", title="in perspective")
    row[2].legend(
        handles=legend_patches(),
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        frameon=False,
    )
