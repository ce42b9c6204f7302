"""Pictures of bodies: shaded, with the edges of their facets; and the depth of their front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import Choice, Positive, check_array, check_value, fail, shown
from scatterkit.metrics.volumes import entry_depth
from scatterkit.plotting._projection import CAMERAS, Projection, project

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

LIT = ("#14344f", "#e6f1fa")  # the side that the beam strikes, from dark to bright
UNLIT = ("#4a3a2a", "#e3cfb4")  # the side that it does not, and of which a pattern says little
LINE = "#0b1a26"
DEPTH_COLORS = "cividis_r"


def show_solid(ax: Axes, solid: Any, view: str = "perspective", *, title: str | None = None) -> None:
    """Draw a body with shaded facets; the side that the beam strikes is blue, the other one brown.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw: ordinary axes, not 3D ones.
    solid : Solid
        The body, or anything with ``vertices`` in nm and outward triangles ``faces``.
    view : {"beam", "side", "perspective"}, default "perspective"
        Along the beam, as the detector's picture is seen (x to the right, y downwards); from the side, the
        beam coming from the left (z to the right); or from before it, aslant. The first two have axes in nm.
    title : str, optional
        Title of the axes.

    Notes
    -----
    Triangles are drawn from the far ones to the near ones: exact for convex bodies, good for most others.
    Edges are drawn between facets, not inside them, and the fainter the flatter.

    Examples
    --------
    >>> import trimesh
    >>> from matplotlib.figure import Figure
    >>> from scatterkit.plotting import show_solid
    >>> ax = Figure().subplots()
    >>> show_solid(ax, trimesh.creation.box((100, 100, 100)), view="side")
    >>> ax.get_xlabel()
    '$z$ (nm)'
    """
    owner = "show_solid"
    check_value(view, Choice(tuple(CAMERAS)), name="view", owner=owner)
    if not (hasattr(solid, "vertices") and hasattr(solid, "faces")):
        raise fail("solid", owner, "a body with vertices and faces", shown(solid))
    picture = project(solid, CAMERAS[view])
    _draw(ax, picture)
    _frame(ax, picture, view)
    if title is not None:
        ax.set_title(title)


def show_depth(ax: Axes, volume: ArrayLike, *, box: float = 318.75, title: str | None = None) -> AxesImage:
    """Draw how deep in the box the beam enters a body, as seen along the beam.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    volume : array-like of shape (z, y, x)
        Occupancies in [0, 1].
    box : float [nm], default 318.75
        Side of the cube that the volume fills.
    title : str, optional
        Title of the axes.

    Returns
    -------
    matplotlib.image.AxesImage
        The picture of z in nm, for a colour bar; near is bright.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from scatterkit.plotting import show_depth
    >>> volume = np.zeros((10, 10, 10))
    >>> volume[3:6, 2:5, 2:5] = 1
    >>> float(show_depth(Figure().subplots(), volume, box=100.0).get_array().min())
    -20.0
    """
    owner = "show_depth"
    check_value(box, Positive("nm"), name="box", owner=owner)
    array = check_array(volume, name="volume", owner=owner, shape=(None,) * 3, what="a volume (z, y, x)")
    depth = entry_depth(array) * box / array.shape[0] - box / 2
    return _map(ax, depth, box, title)


def show_interval(
    ax: Axes, low: ArrayLike, high: ArrayLike, *, box: float = 318.75, title: str | None = None
) -> AxesImage:
    """Draw how far apart the bounds of a front's depth are: where a body is known well, and where not.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    low, high : array-like of shape (y, x) [nm]
        Bounds of the front's depth, as `PhysicsReconstructor.predict_interval` gives them; NaN beside the body.
    box : float [nm], default 318.75
        Side of the square that the bounds fill.
    title : str, optional
        Title of the axes.

    Returns
    -------
    matplotlib.image.AxesImage
        The picture of the width in nm, for a colour bar; narrow is bright.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from scatterkit.plotting import show_interval
    >>> low = np.where(np.eye(4), 10.0, np.nan)
    >>> float(show_interval(Figure().subplots(), low, low + 30).get_array().max())
    30.0
    """
    owner = "show_interval"
    check_value(box, Positive("nm"), name="box", owner=owner)
    below, above = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if below.ndim != 2 or below.shape != above.shape:
        given = f"shapes {below.shape} and {above.shape}"
        raise fail("high", owner, "an array (y, x) like low", given)
    image = _map(ax, above - below, box, title)
    image.set_clim(0, None)
    return image


def _map(ax: Axes, values: NDArray[np.float64], box: float, title: str | None) -> AxesImage:
    """Draw a map of columns over x and y, nothing where it is not finite."""
    half = box / 2
    extent = (-half, half, half, -half)
    image = ax.imshow(np.ma.masked_invalid(values), cmap=DEPTH_COLORS, extent=extent, origin="upper")
    ax.set_xlabel("$x$ (nm)")
    ax.set_ylabel("$y$ (nm)")
    if title is not None:
        ax.set_title(title)
    return image


def _draw(ax: Axes, picture: Projection) -> None:
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    maps = [LinearSegmentedColormap.from_list("side", ends) for ends in (UNLIT, LIT)]
    shade = 0.12 + 0.88 * picture.brightness
    colors = np.where(picture.lit[:, None], maps[1](shade), maps[0](shade))
    # an edge of its own colour closes the hairlines between triangles of a facet
    ax.add_collection(
        PolyCollection(list(picture.triangles), facecolors=colors, edgecolors=colors, linewidths=0.4)
    )
    lines = np.tile(to_rgba(LINE), (len(picture.edges), 1))
    lines[:, 3] = 0.75 * picture.strength
    ax.add_collection(LineCollection(list(picture.edges), colors=lines, linewidths=0.9, capstyle="round"))
    ax.add_collection(LineCollection(list(picture.outline), colors=LINE, linewidths=1.4, capstyle="round"))


def _frame(ax: Axes, picture: Projection, view: str) -> None:
    points = picture.triangles.reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    center, reach = (low + high) / 2, 0.66 * float((high - low).max())
    ax.set_xlim(center[0] - reach, center[0] + reach)
    ax.set_ylim(center[1] + reach, center[1] - reach)  # y points down, as in the pattern
    ax.set_aspect("equal")
    if view == "perspective":
        ax.set_axis_off()
        return
    ax.locator_params(nbins=6)  # the same steps along both axes
    ax.set_xlabel("$x$ (nm)" if view == "beam" else "$z$ (nm)")
    ax.set_ylabel("$y$ (nm)")
    if view == "side":
        arrow = {"arrowstyle": "-|>", "color": "0.25", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (0.27, 0.94), (0.04, 0.94), xycoords="axes fraction", arrowprops=arrow)
        ax.text(
            0.155, 0.925, "beam", transform=ax.transAxes, ha="center", va="top", color="0.25", size="small"
        )
