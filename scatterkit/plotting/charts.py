"""Charts of a whole data set: counts, distributions, orientations, mean patterns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from scatterkit.plotting._gallery import (
    SMALL,
    Margins,
    Scale,
    label,
    outer_axes,
    panels,
    pattern_panel,
    spoken,
)
from scatterkit.plotting._palette import LIT, MAIN, PATTERN_COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXPECTED: dict[str, Any] = {"color": "0.15", "linestyle": "--", "linewidth": 1.2}
CHART = (2.3, 1.7)  # inches
CHART_MARGINS = Margins(left=0.65, right=0.2, top=0.3, bottom=0.55, across=0.65, down=0.75)
MAP = (2.2, 2.2)
MAP_MARGINS = Margins(left=0.65, right=0.8, top=0.3, bottom=0.55, across=1.0, down=0.7)


def count_chart(counts: Mapping[str, int], *, name: str = "class") -> Figure:
    """Draw how often each class occurs, the most frequent on top, and the mean as a line.

    Parameters
    ----------
    counts : mapping of str to int
        The classes and how often they occur.
    name : str, default "class"
        What they are.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    from matplotlib.figure import Figure

    ordered = sorted(counts.items(), key=lambda item: item[1])
    figure = Figure(figsize=(6.4, 0.7 + 0.2 * len(ordered)), layout="constrained")
    ax = figure.subplots()
    numbers = [number for _, number in ordered]
    places = np.arange(len(ordered))
    ax.barh(places, numbers, color=MAIN, height=0.75)
    ax.set_yticks(places, [spoken(word) or "(none)" for word, _ in ordered], fontsize=SMALL + 0.5)
    for place, number in zip(places, numbers, strict=True):
        ax.annotate(
            str(number),
            (1.0, place),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="center",
            fontsize=SMALL,
        )
    mean = float(np.mean(numbers))
    ax.axvline(mean, label=f"mean, {mean:.3g}", **EXPECTED)
    ax.set_xlim(0, 1.15 * max(numbers))
    ax.set_ylim(-0.6, len(ordered) - 0.4)
    ax.tick_params(labelsize=SMALL + 0.5, length=2.5)
    ax.set_xlabel("samples", fontsize=SMALL + 0.5)
    ax.set_title(spoken(name), fontsize=SMALL + 1.5, loc="left")
    if len(ordered) > 1:
        ax.legend(fontsize=SMALL, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, frameon=False)
    _open_frame(ax)
    return figure


def histograms(columns: Mapping[str, NDArray[Any]], units: Mapping[str, str]) -> Figure:
    """Draw how the numbers of the samples are distributed.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n,)
        The numbers, by name; NaN is left out, and counted in the title.
    units : mapping of str to str
        Their units, where they have one.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure, axes = panels(
        len(columns), None, CHART, CHART_MARGINS, None, title=None, owner="histograms", most=3
    )
    for ax, (name, values) in zip(axes, columns.items(), strict=True):
        finite = values[np.isfinite(values)]
        ax.hist(finite, bins=_n_bins(len(finite)), color=MAIN, edgecolor="white", linewidth=0.4)
        absent = len(values) - len(finite)
        label(ax, spoken(name) + (f" ({absent} without)" if absent else ""))
        ax.set_xlabel(f"{spoken(name)} ({units[name]})" if units.get(name) else spoken(name))
        ax.set_ylabel("samples")
        _small(ax)
    return figure


def orientation_chart(quaternions: NDArray[np.float64]) -> Figure:
    """Draw which orientations occur: where the bodies' z axes point, and by which angle they are turned.

    The map shows azimuth and cosine of the polar angle, so that equal areas are equal solid angles. The dashed
    lines are uniform orientations: on the right, the angle's density is (1 - cos angle) / pi.

    Parameters
    ----------
    quaternions : ndarray of shape (n, 4)
        Rotations, scalar last.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    turns = Rotation.from_quat(quaternions)
    x, y, z = turns.apply([0.0, 0.0, 1.0]).T
    angle = turns.magnitude()
    n = len(angle)
    figure, axes = panels(
        3, 3, (2.2, 1.8), MAP_MARGINS._replace(right=0.2), None, title=None, owner="orientation_chart"
    )
    fields = int(np.clip(np.sqrt(n / 12), 3, 30))
    _, _, _, image = axes[0].hist2d(
        np.arctan2(y, x), z, bins=(2 * fields, fields), range=((-np.pi, np.pi), (-1, 1)), cmap=PATTERN_COLORS
    )
    image.set_clim(0)
    _beside(axes[0], image)
    label(axes[0], f"samples a field; uniform: {n / (2 * fields**2):.3g}")
    axes[0].set(xlabel="azimuth of the $z$ axis (rad)", ylabel="cosine of its polar angle")
    bins = _n_bins(n)
    axes[1].hist(z, bins=bins, range=(-1, 1), color=MAIN, edgecolor="white", linewidth=0.4)
    axes[1].axhline(n / bins, **EXPECTED)
    label(axes[1], "$z$ axis against the beam")
    axes[1].set(xlabel="cosine of the polar angle", ylabel="samples")
    axes[2].hist(angle, bins=bins, range=(0, np.pi), color=MAIN, edgecolor="white", linewidth=0.4)
    at = np.linspace(0, np.pi, 100)
    axes[2].plot(at, n / bins * (1 - np.cos(at)), **EXPECTED)
    label(axes[2], "angle of rotation")
    axes[2].set(xlabel="angle (rad)", ylabel="samples")
    for ax in axes:
        _small(ax)
    return figure


def pattern_chart(
    maps: Mapping[str, NDArray[Any]], profiles: NDArray[Any], scale: Scale, *, dq: float | None = None
) -> Figure:
    """Draw maps of a set of patterns, and how its values fall with the distance from the centre.

    Parameters
    ----------
    maps : mapping of str to ndarray of shape (y, x)
        For example the mean of each pixel; NaN where nothing was measured.
    profiles : ndarray of shape (n, r)
        The patterns' means over rings of one pixel's width; NaN for rings that hold no measured pixel.
    scale : Scale
        What the patterns hold, and whether it is drawn by its logarithm.
    dq : float [rad/nm], optional
        Distance of neighbouring pixels; without it the axes count pixels.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    figure, axes = panels(
        len(maps) + 1, None, MAP, MAP_MARGINS, None, title=None, owner="pattern_chart", most=4
    )
    for i, (ax, (name, values)) in enumerate(zip(axes, maps.items(), strict=False)):
        own = _own_scale(values, scale)
        image = pattern_panel(ax, values, None, dq=dq, scale=own, axes_shown=(True, not i))
        label(ax, name)
        if image is not None:
            _beside(ax, image)
    _draw_profiles(axes[-1], profiles, 1.0 if dq is None else dq)
    axes[-1].set(xlabel=f"$|q|$ ({'pixels' if dq is None else 'rad/nm'})", ylabel=scale.words)
    _small(axes[-1])
    if scale.log:
        axes[-1].set_yscale("log")
        axes[-1].set_ylim(bottom=scale.low)
    return figure


def _own_scale(values: NDArray[Any], scale: Scale) -> Scale:
    """Give the scale of a map: its own ends, not fainter than the set's where that is logarithmic."""
    finite = values[np.isfinite(values) & ((values > 0) | (not scale.log))]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (scale.low, scale.high)
    low = max(low, scale.low) if scale.log else low
    return Scale(low, high if high > low else low + 1, scale.log)


def _beside(ax: Axes, image: Any) -> None:
    """Draw a colour bar at the right of its panel."""
    bar = ax.inset_axes((1.03, 0, 0.05, 1))
    ax.figure.colorbar(image, cax=bar)
    bar.tick_params(labelsize=SMALL - 1, length=2)


def _draw_profiles(ax: Axes, profiles: NDArray[Any], step: float) -> None:
    known = np.isfinite(profiles).any(axis=0)
    radius = np.arange(profiles.shape[1])[known] * step
    low, middle, high = np.nanquantile(profiles[:, known], (0.05, 0.5, 0.95), axis=0)
    ax.fill_between(radius, low, high, color=MAIN, alpha=0.35, linewidth=0, label="5 to 95 %")
    ax.plot(radius, middle, color=LIT[0], linewidth=1.3, label="median")
    ax.legend(fontsize=SMALL, frameon=False)
    label(ax, "mean over rings")


def _n_bins(n: int) -> int:
    return int(np.clip(np.sqrt(n), 5, 40))


def _small(ax: Axes) -> None:
    outer_axes(ax, (True, True))
    _open_frame(ax)


def _open_frame(ax: Axes) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
