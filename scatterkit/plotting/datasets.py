"""A gallery of samples of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Positive, check_value, fail
from scatterkit.plotting._gallery import (
    BAR,
    SMALL,
    Margins,
    at_the_rim,
    color_bar,
    label,
    outer_axes,
    panels,
    pattern_panel,
)
from scatterkit.plotting.bodies import show_depth, show_solid
from scatterkit.plotting.samples import (
    box_of,
    check_dataset,
    check_limits,
    chosen_samples,
    measured_values,
    pixel_distance,
    sample_numbers,
    sample_words,
    scale_of,
)
from scatterkit.plotting.solids import NAME_WIDTH, draw_scale, share_scale

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SIDE = 1.55  # inches
GAP = 0.06  # between a pattern and its body


def show_dataset(
    data: xr.Dataset,
    *,
    n: int = 12,
    samples: Sequence[int] | None = None,
    solids: Sequence[Any] | None = None,
    dq: float | None = None,
    limits: tuple[float, float] | None = None,
    columns: int | None = None,
    title: str | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw samples of a data set: pattern, body where there is one, and what is known of them.

    Of a data set that is opened lazily, only the samples that are drawn are read.

    Parameters
    ----------
    data : xarray.Dataset
        A data set of the package's form: ``pattern`` (sample, row, column), perhaps ``mask`` and ``volume``.
    n : int, default 12
        How many samples, evenly spread over the set.
    samples : sequence of int, optional
        Which samples, in place of ``n``: their places in the set.
    solids : sequence of Solid, optional
        The bodies of the samples that are drawn, to be shown in perspective; by default the depth at which the
        beam enters the ``volume``, where the set has one.
    dq : float [rad/nm], optional
        Distance of neighbouring pixels; by default that of the set, and where it has none the axes count pixels.
    limits : (float, float) [1], optional
        Values at the ends of the patterns' colour scale; by default 0 and 1 for scaled patterns, else what the
        patterns drawn have, without the few brightest pixels. Intensities that span several powers of ten are
        drawn by their logarithm, unless limits are given.
    columns : int, optional
        How many samples beside each other; by default rows of equal length, at most 4, or 6 without bodies.
    title : str, optional
        Title of the figure.
    figure : matplotlib.figure.Figure, optional
        An empty figure to draw into; by default a new one of fitting size.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, to be saved with ``savefig``.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.datasets import make_dataset
    >>> from scatterkit.plotting import show_dataset
    >>> data = make_dataset(np.zeros((9, 32, 32)), coords={"label": [f"shot {i}" for i in range(9)]})
    >>> figure = show_dataset(data, samples=[0, 8])
    >>> [ax.get_title() for ax in figure.axes[:2]]
    ['shot 0', 'shot 8']
    """
    owner = "show_dataset"
    check_dataset(data, owner)
    chosen = chosen_samples(data.sizes["sample"], n, samples, owner)
    if solids is not None and len(solids) != len(chosen):
        raise fail(
            "solids", owner, f"{len(chosen)} bodies, one for each sample drawn", f"{len(solids)} bodies"
        )
    check_value(dq, Positive("rad/nm", optional=True), name="dq", owner=owner)
    check_limits(limits, owner)
    part = data[[name for name in ("pattern", "mask", "volume") if name in data]].isel(sample=chosen)
    if solids is not None:
        part = part.drop_vars("volume", errors="ignore")
    part = part.load()
    with_body = solids is not None or "volume" in part
    cell = (2 * SIDE + GAP if with_body else SIDE, SIDE)
    bars = 1 + ("volume" in part)
    head = 0.6 if with_body else 0.75  # a long name takes two lines above a pattern alone
    margins = Margins(left=0.6, right=0.1 + BAR * bars, top=head, bottom=0.5, across=0.2, down=head + 0.05)
    figure, axes = panels(
        len(chosen), columns, cell, margins, figure, title=title, owner=owner, most=4 if with_body else 6
    )
    _draw_all(figure, axes, part, solids, pixel_distance(data) if dq is None else dq, limits)
    numbers = sample_numbers(data, chosen)
    for ax, number, words in zip(axes, numbers, sample_words(data, chosen), strict=True):
        kind = words.kind if with_body else fill(words.kind, NAME_WIDTH, break_long_words=False)
        label(ax, kind or f"sample {number}", words.numbered(number) if words.kind else words.numbers)
    return figure


def _draw_all(
    figure: Figure,
    axes: list[Axes],
    part: xr.Dataset,
    solids: Sequence[Any] | None,
    dq: float | None,
    limits: tuple[float, float] | None,
) -> None:
    patterns = part["pattern"].values
    masks = part["mask"].values if "mask" in part else [None] * len(patterns)
    volumes = part["volume"].values if "volume" in part else None
    scale = scale_of(part, measured_values(patterns, masks), limits)
    pictures: list[AxesImage | None] = []
    depths: list[AxesImage] = []
    for i, ax in enumerate(axes):
        rim = at_the_rim(ax, axes)
        left, right = (ax, None) if solids is None and volumes is None else _halves(ax)
        pictures.append(pattern_panel(left, patterns[i], masks[i], dq=dq, scale=scale, axes_shown=rim))
        if right is None:
            continue
        if solids is not None:
            show_solid(right, solids[i])
        elif volumes is not None:
            depths.append(_draw_depth(right, volumes[i], box_of(part), rim[0]))
    if solids is not None:
        bodies: list[Any] = [ax.child_axes[1] for ax in axes]
        share_scale(bodies)
        draw_scale(bodies[0])
    drawn = [picture for picture in pictures if picture is not None]
    if drawn:
        color_bar(figure, drawn[0], scale.words, axes)
    if depths:
        _share_colors(depths)
        unit = "nm" if box_of(part) else "voxels"
        color_bar(figure, depths[0], f"where the beam enters, $z$ ({unit})", axes, place=1)


def _halves(ax: Axes) -> tuple[Axes, Axes]:
    """Give two axes in the place of one, which keeps its title."""
    ax.set_axis_off()
    share = SIDE / (2 * SIDE + GAP)
    return ax.inset_axes((0, 0, share, 1)), ax.inset_axes((1 - share, 0, share, 1))


def _draw_depth(ax: Axes, volume: NDArray[Any], box: float | None, numbers: bool) -> AxesImage:
    width = box or float(volume.shape[-1])
    image = show_depth(ax, np.nan_to_num(volume), box=width)
    if box is None:
        ax.set_xlabel("$x$ (voxels)")
    if not (volume > 0).any():
        ax.text(0.5, 0.5, "empty", transform=ax.transAxes, ha="center", va="center", fontsize=SMALL)
    outer_axes(ax, (numbers, False))
    return image


def _share_colors(images: list[AxesImage]) -> None:
    """Give pictures one scale of colours, from the least value in any to the largest."""
    values = np.concatenate([np.ma.asarray(image.get_array()).compressed() for image in images])
    for image in images:
        image.set_clim(*((values.min(), values.max()) if values.size else (0, 1)))
