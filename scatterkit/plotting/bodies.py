"""Pictures of bodies: shaded, with the edges of their facets; and the depth of their front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import Choice, Positive, check_array, check_value, fail, shown
from scatterkit.metrics.volumes import entry_depth
from scatterkit.plotting._palette import DEPTH_COLORS, LINE, LIT, UNLIT
from scatterkit.plotting._projection import CAMERAS, Projection, project

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from matplotlib.patches import Patch

VIEW_AXES = {"beam": ("x", "y"), "side": ("z", "y"), "top": ("z", "x")}  # to the right, downwards


def show_solid(ax: Axes, solid: Any, view: str = "perspective", *, title: str | None = None) -> None:
    """Draw a body with shaded facets; the side that the beam strikes is blue, the other one brown.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw: ordinary axes, not 3D ones.
    solid : Solid
        The body, or anything with ``vertices`` in nm and outward triangles ``faces``.
    view : {"beam", "side", "top", "perspective"}, default "perspective"
        Along the beam, as the detector's picture is seen (x to the right, y downwards); from the side or from above,
        the beam coming from the left (z to the right, y or x downwards); or from before it, aslant. All but the
        last have axes in nm.
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


def show_depth(
    ax: Axes, volume: ArrayLike, *, view: str = "beam", box: float = 318.75, title: str | None = None
) -> AxesImage:
    """Draw how deep in its box a body begins, as seen along the beam or from another side.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    volume : array-like of shape (z, y, x)
        Occupancies in [0, 1], of as many voxels along each axis.
    view : {"beam", "side", "top"}, default "beam"
        Where it is seen from, as in `show_solid`.
    box : float [nm], default 318.75
        Side of the cube that the volume fills.
    title : str, optional
        Title of the axes.

    Returns
    -------
    matplotlib.image.AxesImage
        The picture of the depth in nm behind the box's centre, for a colour bar; near is bright. Along the beam it
        is z.

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
    check_value(view, Choice(tuple(VIEW_AXES)), name="view", owner=owner)
    check_value(box, Positive("nm"), name="box", owner=owner)
    array = check_cube(volume, name="volume", owner=owner)
    depth = entry_depth(_seen_from(array, view)) * box / len(array) - box / 2
    return _map(ax, depth, box, title, view)


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


def check_cube(volume: ArrayLike, *, name: str, owner: str) -> NDArray[np.float32]:
    """Give a volume of as many voxels along each axis."""
    array = check_array(volume, name=name, owner=owner, shape=(None,) * 3, what="a volume (z, y, x)")
    if len(set(array.shape)) > 1:
        raise fail(name, owner, "a volume of as many voxels along z, y and x", f"shape {array.shape}")
    return array


def legend_patches() -> list[Patch]:
    """Give what a legend says of the colours of a body's two sides."""
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=LIT[1], edgecolor=LIT[0], label="lit by the beam"),
        Patch(facecolor=UNLIT[1], edgecolor=UNLIT[0], label="far side, hardly measured"),
    ]


def _seen_from(volume: NDArray[np.float32], view: str) -> NDArray[np.float32]:
    """Turn the axes of a volume to (away from the eye, down, right), as the view's camera has them."""
    if view == "side":
        return volume.transpose(2, 1, 0)[::-1]
    return volume.transpose(1, 2, 0) if view == "top" else volume


def _map(
    ax: Axes, values: NDArray[np.float64], box: float, title: str | None, view: str = "beam"
) -> AxesImage:
    """Draw a map of columns, nothing where it is not finite."""
    half = box / 2
    extent = (-half, half, half, -half)
    image = ax.imshow(np.ma.masked_invalid(values), cmap=DEPTH_COLORS, extent=extent, origin="upper")
    _label(ax, view)
    if title is not None:
        ax.set_title(title)
    return image


def _label(ax: Axes, view: str) -> None:
    right, down = VIEW_AXES[view]
    ax.set_xlabel(f"${right}$ (nm)")
    ax.set_ylabel(f"${down}$ (nm)")
    if view != "beam":
        arrow = {"arrowstyle": "-|>", "color": "0.25", "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (0.27, 0.94), (0.04, 0.94), xycoords="axes fraction", arrowprops=arrow)
        ax.text(
            0.155, 0.925, "beam", transform=ax.transAxes, ha="center", va="top", color="0.25", size="small"
        )


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
    _label(ax, view)
