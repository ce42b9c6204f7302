"""Pictures of diffraction patterns, over q, with what was not measured in grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import Positive, check_array, check_mask, check_value
from scatterkit.plotting._palette import DIFFERENCE_COLORS, NOT_MEASURED, PATTERN_COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

STEP = Positive("rad/nm", optional=True)


def show_pattern(
    ax: Axes,
    pattern: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    dq: float | None = None,
    limits: tuple[float, float] = (0.0, 1.0),
    title: str | None = None,
) -> AxesImage:
    """Draw a log-scaled pattern as the detector sees it, qx to the right and qy downwards.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    pattern : array-like of shape (y, x)
        The pattern; zero frequency at pixel ``[n // 2, n // 2]``.
    mask : array-like of bool, shape (y, x), optional
        True where measured. The rest may be NaN; it is drawn in grey, and the axes are cut to the measured region.
    dq : float [rad/nm], optional
        Distance of neighbouring pixels; without it the axes count pixels.
    limits : (float, float) [1], default (0, 1)
        Values at the ends of the colour scale.
    title : str, optional
        Title of the axes.

    Returns
    -------
    matplotlib.image.AxesImage
        The picture, for a colour bar.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from scatterkit.plotting import show_pattern
    >>> ax = Figure().subplots()
    >>> image = show_pattern(ax, np.zeros((32, 32)), dq=0.01)
    >>> ax.get_xlabel()
    '$q_x$ (rad/nm)'
    """
    owner = "show_pattern"
    values, flags = checked_pattern(pattern, mask, name="pattern", owner=owner)
    check_value(dq, STEP, name="dq", owner=owner)
    image = _draw(ax, values, flags, dq, PATTERN_COLORS, limits)
    if title is not None:
        ax.set_title(title)
    return image


def show_difference(
    ax: Axes,
    difference: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    dq: float | None = None,
    limit: float | None = None,
    title: str | None = None,
) -> AxesImage:
    """Draw the difference of two patterns, blue below zero, white at zero, red above.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    difference : array-like of shape (y, x)
        The difference.
    mask : array-like of bool, shape (y, x), optional
        True where measured; the rest may be NaN.
    dq : float [rad/nm], optional
        Distance of neighbouring pixels; without it the axes count pixels.
    limit : float [1], optional
        Value at the end of the colour scale; by default the 99th percentile of the size.
    title : str, optional
        Title of the axes.

    Returns
    -------
    matplotlib.image.AxesImage
        The picture, for a colour bar.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from scatterkit.plotting import show_difference
    >>> show_difference(Figure().subplots(), np.eye(8) - 0.5, limit=0.4).get_clim()
    (-0.4, 0.4)
    """
    owner = "show_difference"
    check_value(limit, Positive(optional=True), name="limit", owner=owner)
    check_value(dq, STEP, name="dq", owner=owner)
    values, flags = checked_pattern(difference, mask, name="difference", owner=owner)
    if limit is None:
        limit = float(np.quantile(np.abs(values if flags is None else values[flags]), 0.99)) or 1.0
    image = _draw(ax, values, flags, dq, DIFFERENCE_COLORS, (-limit, limit))
    if title is not None:
        ax.set_title(title)
    return image


def checked_pattern(
    picture: ArrayLike,
    mask: ArrayLike | None,
    *,
    name: str,
    owner: str,
    shape: tuple[int | None, int | None] = (None, None),
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Check a pattern of finite numbers, and its mask; what was not measured may hold anything, and is 0 here."""
    what = "a pattern (y, x)"
    if mask is None or np.ndim(picture) != 2:  # a picture of another kind is blamed before its mask
        return check_array(picture, name=name, owner=owner, shape=shape, what=what), None
    flags = check_mask(mask, np.shape(picture), owner=owner)
    assert flags is not None
    return check_array(np.where(flags, picture, 0), name=name, owner=owner, shape=shape, what=what), flags


def _draw(
    ax: Axes,
    values: NDArray[np.float32],
    mask: NDArray[np.bool_] | None,
    dq: float | None,
    colors: str,
    limits: tuple[float, float],
) -> AxesImage:
    from matplotlib import colormaps

    step = 1.0 if dq is None else dq
    (height, width), shown = values.shape, values
    left, top = (-(n // 2) - 0.5 for n in (width, height))  # pixel n // 2 is centred on zero
    extent = (left * step, (left + width) * step, (top + height) * step, top * step)
    if mask is not None:
        shown = np.ma.array(values, mask=~mask)
    image = ax.imshow(
        shown,
        cmap=colormaps[colors].with_extremes(bad=NOT_MEASURED),
        vmin=limits[0],
        vmax=limits[1],
        extent=extent,
        origin="upper",
        interpolation="nearest",
    )
    if mask is not None:
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        ax.set_xlim((columns[0] - 1 + left) * step, (columns[-1] + 2 + left) * step)
        ax.set_ylim((rows[-1] + 2 + top) * step, (rows[0] - 1 + top) * step)
    unit = "pixels" if dq is None else "rad/nm"
    ax.set_xlabel(f"$q_x$ ({unit})")
    ax.set_ylabel(f"$q_y$ ({unit})")
    return image
