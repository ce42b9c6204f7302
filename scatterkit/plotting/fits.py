"""Pictures of fits: pattern, fit, difference and body in a row; the lit facets with numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import check_value, fail, shown
from scatterkit.plotting._figure import figure_or_new
from scatterkit.plotting._fit_row import add_bar, draw_fit_row
from scatterkit.plotting._palette import DEPTH_COLORS, LINE
from scatterkit.plotting.bodies import show_solid
from scatterkit.plotting.patterns import STEP, checked_pattern

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

SIZE = (15.6, 3.8)  # inches
MARGINS = {"left": 0.045, "right": 0.94, "bottom": 0.14, "top": 0.84, "wspace": 0.78}
STEEPEST = 90.0  # degrees
UNSURE = "///"
NARROWEST_LABELS = (0.05, 0.27)
"""Facets narrower than these parts of the picture get no label, or only the first line: it would cover them."""


def fit_figure(
    pattern: ArrayLike,
    fitted: ArrayLike,
    solid: Any,
    *,
    mask: ArrayLike | None = None,
    facets: Any = None,
    dq: float | None = 2 * math.pi / 850,
    title: str | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a fit in a row: measured pattern, fit, their difference, and the body as the beam sees it.

    Parameters
    ----------
    pattern : array-like of shape (y, x)
        The measured log-scaled pattern.
    fitted : array-like of shape (y, x)
        The body's pattern as the detector would record it.
    solid : Solid
        The body.
    mask : array-like of bool, shape (y, x), optional
        True where measured, the rest may be NaN; everything by default.
    facets : FacetTable, optional
        The lit facets, drawn by `show_facets` in the place of the shaded body.
    dq : float [rad/nm], default 2 pi / 850
        Distance of neighbouring pixels; None: axes in pixels.
    title : str, optional
        Title of the figure.
    figure : matplotlib.figure.Figure, optional
        An empty figure to draw into; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, to be saved with ``savefig``.

    See Also
    --------
    reconstruction_figure : The same with the body from three sides.
    show_stereogram : The facets by their directions.

    Examples
    --------
    >>> import numpy as np, trimesh
    >>> from scatterkit.plotting import fit_figure
    >>> pattern = np.zeros((32, 32))
    >>> figure = fit_figure(pattern, pattern, trimesh.creation.box((90, 90, 90)))
    >>> len(figure.axes)
    4
    """
    owner = "fit_figure"
    measured, flags = checked_pattern(pattern, mask, name="pattern", owner=owner)
    fit, _ = checked_pattern(fitted, mask, name="fitted", owner=owner, shape=measured.shape)
    check_value(dq, STEP, name="dq", owner=owner)
    figure = figure_or_new(figure, owner, figsize=SIZE)
    axes = figure.subplots(1, 4, gridspec_kw=MARGINS)
    draw_fit_row(axes[:3], measured, fit, flags, dq)
    if facets is None:
        show_solid(axes[3], solid, view="beam", title="body, along the beam")
    else:
        tilts = show_facets(axes[3], solid, facets, title="lit facets, along the beam")
        add_bar(axes[3], tilts, "tilt to the beam (degrees)")
    if title is not None:
        figure.suptitle(title, x=MARGINS["left"], y=0.99, ha="left", weight="bold")
    return figure


def show_facets(
    ax: Axes, solid: Any, facets: Any, *, labels: Sequence[str] | None = None, title: str | None = None
) -> ScalarMappable:
    """Draw the lit facets as the beam sees them, coloured by tilt and numbered as in their table.

    Facets that the pattern does not determine are hatched.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    solid : Solid
        The body, a convex polyhedron with ``vertices``, ``normals`` and ``offsets``.
    facets : FacetTable
        Its facets: ``faces`` are numbers of ``solid.normals``; ``tilts`` in rad; ``determined``.
    labels : sequence of str, optional
        What to write on each facet; by default its number and, where a crystal was found, its Miller indices.
    title : str, optional
        Title of the axes.

    Returns
    -------
    matplotlib.cm.ScalarMappable
        The colours of the tilts in degrees, for a colour bar.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> from scatterkit.plotting import show_facets
    >>> corners = np.array([(x, y, z) for x in (-40, 40) for y in (-40, 40) for z in (-40, 40)])
    >>> cube = SimpleNamespace(
    ...     vertices=corners, normals=np.vstack([np.eye(3), -np.eye(3)]), offsets=np.full(6, 40.0)
    ... )
    >>> front = SimpleNamespace(faces=[5], tilts=np.zeros(1), determined=np.ones(1, dtype=bool))
    >>> ax = Figure().subplots()
    >>> colors = show_facets(ax, cube, front)
    >>> [text.get_text() for text in ax.texts]
    ['1']
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import Polygon

    owner = "show_facets"
    if not all(hasattr(solid, name) for name in ("vertices", "normals", "offsets")):
        raise fail("solid", owner, "a convex polyhedron with vertices, normals and offsets", shown(solid))
    words = facet_labels(facets) if labels is None else [str(word) for word in labels]
    if len(words) != len(facets.faces):
        raise fail("labels", owner, f"{len(facets.faces)} labels, one for each facet", shown(labels))
    colors = ScalarMappable(Normalize(0, STEEPEST), colormaps[DEPTH_COLORS])
    corners = [_corners(solid, int(face)) for face in facets.faces]
    span = np.ptp(np.vstack(corners), axis=0).max()
    for polygon, tilt, sure, word in zip(
        corners, np.degrees(facets.tilts), facets.determined, words, strict=True
    ):
        color = colors.to_rgba(tilt)
        hatch = None if sure else UNSURE
        ax.add_patch(Polygon(polygon, facecolor=color, edgecolor=LINE, linewidth=1.0, hatch=hatch))
        lines = word.split("\n")[: int(np.searchsorted(NARROWEST_LABELS, _breadth(polygon) / span))]
        if lines:
            ink = "black" if sum(color[:3]) > 1.4 else "white"
            x, y = polygon.mean(axis=0)
            ax.text(
                x, y, "\n".join(lines), ha="center", va="center", color=ink, fontsize="small", clip_on=True
            )
    low, high = (end(np.vstack(corners), axis=0) for end in (np.min, np.max))
    middle, reach = (low + high) / 2, 0.58 * float(span)
    ax.set_xlim(middle[0] - reach, middle[0] + reach)
    ax.set_ylim(middle[1] + reach, middle[1] - reach)  # y points down, as in the pattern
    ax.set_aspect("equal")
    ax.set_xlabel("$x$ (nm)")
    ax.set_ylabel("$y$ (nm)")
    if title is not None:
        ax.set_title(title)
    return colors


def facet_labels(facets: Any) -> list[str]:
    """Give the number of each facet and, where a crystal was found, its Miller indices."""
    crystal = getattr(facets, "crystal", None)
    numbers = [str(number) for number in range(1, len(facets.tilts) + 1)]
    if crystal is None or not crystal.fits:
        return numbers
    return [
        number if label == "-" else f"{number}\n{label}"
        for number, label in zip(numbers, crystal.labels, strict=True)
    ]


def _corners(solid: Any, face: int) -> NDArray[np.float64]:
    """The corners (x, y) of a face of a convex body, in order around it."""
    vertices = np.asarray(solid.vertices, dtype=np.float64)
    apart = np.abs(vertices @ solid.normals[face] - solid.offsets[face])
    near = apart < max(1e-6 * float(np.ptp(vertices, axis=0).max()), 1.5 * np.sort(apart)[2])
    points = vertices[near, :2]
    spokes = points - points.mean(axis=0)
    ordered: NDArray[np.float64] = points[np.argsort(np.arctan2(spokes[:, 1], spokes[:, 0]))]
    return ordered


def _breadth(polygon: NDArray[np.float64]) -> float:
    """Four times the area over the circumference: the diameter of a circle, the width of a square."""
    x, y = polygon.T
    area = 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))
    return 4 * area / float(np.linalg.norm(polygon - np.roll(polygon, -1, axis=0), axis=1).sum())
