"""Directions of facets on a map of the half sphere that faces the beam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import fail, shown
from scatterkit.plotting._palette import LINE, MAIN
from scatterkit.plotting.fits import facet_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

Floats = NDArray[np.float64]

RINGS = (30.0, 60.0, 90.0)  # degrees
GRID: dict[str, Any] = {"color": "0.7", "linewidth": 0.8, "zorder": 0}
LARGEST, SMALLEST = 320.0, 12.0  # square points
RING_LABEL = np.radians(-67.5)  # where rings have their numbers: up, a little to the right


def show_stereogram(
    ax: Axes, facets: Any, *, labels: Sequence[str] | None = None, title: str | None = None
) -> PathCollection:
    """Draw in which directions the lit facets look: the middle faces the beam, the rim lies along it.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    facets : FacetTable
        The facets: ``tilts`` and ``azimuths`` in rad, ``areas`` in nm^2, ``determined`` and, where it is known,
        ``uncertainty``.
    labels : sequence of str, optional
        What to write beside each; by default its number and, where a crystal was found, its Miller indices.
    title : str, optional
        Title of the axes.

    Returns
    -------
    matplotlib.collections.PathCollection
        The marks; their areas are proportional to those of the facets, but for the smallest.

    See Also
    --------
    show_facets : The same facets in their places.

    Notes
    -----
    A normal with tilt t lies at tan(t / 2) from the middle, right and down as on the detector: the stereographic
    projection, which keeps angles and draws cones as circles. Open marks are facets that the pattern does not
    determine. Thin circles are how far off a normal may be: the standard deviation by noise along its worse
    direction or, where that is larger, the largest difference from other bodies that fit equally well.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from scatterkit.plotting import show_stereogram
    >>> facets = SimpleNamespace(
    ...     tilts=np.radians([0, 90]),
    ...     azimuths=np.zeros(2),
    ...     areas=np.array([900.0, 400.0]),
    ...     determined=np.array([True, False]),
    ... )
    >>> marks = show_stereogram(Figure().subplots(), facets)
    >>> marks.get_offsets().round(9).tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    owner = "show_stereogram"
    if not all(hasattr(facets, name) for name in ("tilts", "azimuths", "areas", "determined")):
        raise fail("facets", owner, "a FacetTable", shown(facets))
    words = facet_labels(facets) if labels is None else [str(word) for word in labels]
    if len(words) != len(facets.tilts):
        raise fail("labels", owner, f"{len(facets.tilts)} labels, one for each facet", shown(labels))
    _draw_rings(ax)
    radius = np.tan(facets.tilts / 2)
    x, y = radius * np.cos(facets.azimuths), radius * np.sin(facets.azimuths)
    largest = facets.areas.max(initial=0.0) or 1.0  # of no facets the rings alone are drawn
    sizes = np.maximum(LARGEST * facets.areas / largest, SMALLEST)
    fill = np.where(facets.determined, MAIN, "white")
    marks = ax.scatter(x, y, s=sizes, c=fill.tolist(), edgecolors=LINE, linewidths=1.0)
    _draw_errors(ax, facets, x, y, radius)
    for at_x, at_y, size, word in zip(x, y, sizes, words, strict=True):
        beside = np.sqrt(size / np.pi) + 1.5  # points from the mark's middle to its rim, and a little
        ax.annotate(
            word.replace("\n", "  "),
            (at_x, at_y),
            (beside, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    if title is not None:
        ax.set_title(title)
    return marks


def _draw_rings(ax: Axes) -> None:
    from matplotlib.patches import Circle

    for tilt in RINGS:
        radius = float(np.tan(np.radians(tilt) / 2))
        outer = tilt == RINGS[-1]
        ring = Circle((0, 0), radius, fill=False, linestyle="-" if outer else "--", **GRID)
        ax.add_patch(ring)
        place = (radius * np.cos(RING_LABEL), radius * np.sin(RING_LABEL))
        ax.text(*place, f"{tilt:g}°", color="0.4", fontsize="x-small", ha="left", va="bottom")
    for end in ((1, 0), (0, 1)):
        ax.plot([-end[0], end[0]], [-end[1], end[1]], **GRID)
    ax.text(1.04, 0, "$x$", ha="left", va="center", color="0.4")
    ax.text(0, 1.04, "$y$", ha="center", va="top", color="0.4")
    ax.set(xlim=(-1.12, 1.22), ylim=(1.17, -1.17), aspect="equal")  # y points down, as in the pattern
    ax.set_axis_off()


def _draw_errors(ax: Axes, facets: Any, x: Floats, y: Floats, radius: Floats) -> None:
    from matplotlib.patches import Circle

    known = getattr(facets, "uncertainty", None)
    if known is None:
        return
    worse = np.sqrt(np.linalg.eigvalsh(known.normal_covariance)[:, -1])
    angles = np.fmax(worse, known.normal_spread)
    # the derivative of tan(t / 2), by which a small cone grows on the map
    for at_x, at_y, reach in zip(x, y, angles * (1 + radius**2) / 2, strict=True):
        if np.isfinite(reach):
            ax.add_patch(Circle((at_x, at_y), float(reach), fill=False, color=LINE, linewidth=0.7))
