"""A body from three sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import Positive, check_value, fail
from scatterkit.metrics.volumes import FILLED
from scatterkit.plotting._fit_row import add_bar
from scatterkit.plotting._gallery import LABEL, Margins, panels
from scatterkit.plotting.bodies import check_cube, show_depth, show_solid
from scatterkit.plotting.solids import draw_legend, share_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VIEWS = {"beam": "along the beam", "side": "from the side", "top": "from above"}
CELL = (2.6, 2.6)  # inches
SHADED = Margins(left=0.75, top=0.35, bottom=0.85, across=0.8)
DEEP = Margins(left=0.75, right=0.9, top=0.35, bottom=0.5, across=0.8)
ROOM = 1.1  # how much farther the axes reach than the body


def show_three_views(
    body: Any, *, box: float = 318.75, title: str | None = None, figure: Figure | None = None
) -> Figure:
    """Draw a body along the beam, from the side and from above, on one scale in nm.

    Parameters
    ----------
    body : Solid or array-like of shape (z, y, x)
        A body with ``vertices`` in nm and outward triangles ``faces``, drawn with shaded facets; or occupancies in
        [0, 1], drawn by how deep the body begins on each line of sight.
    box : float [nm], default 318.75
        Side of the cube that a volume fills; a `Solid` has its own size.
    title : str, optional
        Title of the figure.
    figure : matplotlib.figure.Figure, optional
        An empty figure to draw into; by default a new one of fitting size.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, to be saved with ``savefig``.

    See Also
    --------
    show_solid, show_depth : One of the views.
    scatterkit.comparison.view_body : A page with a body that can be turned.

    Examples
    --------
    >>> import trimesh
    >>> from scatterkit.plotting import show_three_views
    >>> figure = show_three_views(trimesh.creation.box((60, 80, 100)))
    >>> [ax.get_title() for ax in figure.axes]
    ['along the beam', 'from the side', 'from above']
    """
    owner = "show_three_views"
    check_value(box, Positive("nm"), name="box", owner=owner)
    shaded = hasattr(body, "vertices") and hasattr(body, "faces")
    volume = None if shaded else _volume(body, owner)
    margins = SHADED if shaded else DEEP
    figure, axes = panels(3, 3, CELL, margins, figure, title=title, owner=owner)
    if volume is None:
        for ax, view in zip(axes, VIEWS, strict=True):
            show_solid(ax, body, view)
        draw_legend(figure)
        share_scale(axes)
    else:
        _show_depths(axes, volume, box)
    for ax, words in zip(axes, VIEWS.values(), strict=True):
        ax.set_title(words, fontsize=LABEL)
        ax.locator_params(nbins=6)
        ax.tick_params(labelsize="small")
    return figure


def _volume(body: ArrayLike, owner: str) -> NDArray[np.float32]:
    volume = check_cube(body, name="body", owner=owner)
    if not (volume >= FILLED).any():
        allowed = f"a body with vertices and faces, or a volume that is somewhere at least {FILLED:g}"
        raise fail("body", owner, allowed, f"a volume of at most {volume.max():g}")
    return volume


def _show_depths(axes: list[Axes], volume: NDArray[np.float32], box: float) -> None:
    images = [show_depth(ax, volume, view=view, box=box) for ax, view in zip(axes, VIEWS, strict=True)]
    lows, highs = zip(*(image.get_clim() for image in images), strict=True)
    for image in images:
        image.set_clim(min(lows), max(highs))
    edges = np.argwhere(volume >= FILLED) + np.array([[[0]], [[1]]])
    reach = min(ROOM * float(np.abs(edges * box / len(volume) - box / 2).max()), box / 2)
    for ax in axes:
        ax.set_xlim(-reach, reach)
        ax.set_ylim(reach, -reach)
    add_bar(axes[-1], images[-1], "depth behind the centre (nm)")
