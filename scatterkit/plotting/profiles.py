"""Curves over the distance from the beam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from scatterkit._validation import Positive, check_value, fail, shown
from scatterkit.metrics.patterns import radial_profile
from scatterkit.plotting._palette import BLUE, GREEN, PURPLE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

STYLES = (
    ("0.1", "-"),
    (BLUE, "--"),
    (VERMILION, "-."),
    (GREEN, ":"),
    (PURPLE, (0, (5, 1, 1, 1, 1, 1))),
)
"""Colours of Okabe and Ito, each with dashes of its own, so that lines can be told in grey."""


def show_radial_profiles(
    ax: Axes,
    patterns: Mapping[str, ArrayLike],
    *,
    mask: ArrayLike | None = None,
    dq: float | None = None,
    title: str | None = None,
) -> list[Line2D]:
    """Draw the means of patterns over the azimuth, such as those of a measured pattern and its fit.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    patterns : mapping of str to array-like of shape (y, x)
        One to five log-scaled patterns by name; the zero frequency at pixel ``[n // 2, n // 2]``.
    mask : array-like of bool, shape (y, x), optional
        True where measured; the other pixels do not count.
    dq : float [rad/nm], optional
        Distance of neighbouring pixels; without it the axis counts pixels.
    title : str, optional
        Title of the axes.

    Returns
    -------
    list of matplotlib.lines.Line2D
        The curves.

    See Also
    --------
    scatterkit.metrics.radial_profile : The numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from scatterkit.plotting import show_radial_profiles
    >>> lines = show_radial_profiles(Figure().subplots(), {"flat": np.ones((8, 8))}, dq=0.01)
    >>> lines[0].get_ydata().tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    owner = "show_radial_profiles"
    check_value(dq, Positive("rad/nm", optional=True), name="dq", owner=owner)
    if not isinstance(patterns, Mapping) or not 1 <= len(patterns) <= len(STYLES):
        raise fail("patterns", owner, f"a mapping of 1 to {len(STYLES)} names to patterns", shown(patterns))
    lines = []
    for (name, pattern), (color, dashes) in zip(patterns.items(), STYLES, strict=False):
        radius, mean = radial_profile(pattern, mask)
        lines += ax.plot(
            radius * (1.0 if dq is None else dq), mean, color=color, linestyle=dashes, label=name
        )
    ax.set_xlabel(f"$q$ ({'pixels' if dq is None else 'rad/nm'})")
    ax.set_ylabel("mean over the azimuth")
    ax.set_xlim(0, None)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    if title is not None:
        ax.set_title(title)
    return lines
