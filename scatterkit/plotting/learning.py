"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import fail, shown
from scatterkit.plotting._figure import figure_or_new
from scatterkit.plotting._palette import MAIN, OTHER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEAN_OVER = 1 / 50
"""Part of the rows that the thick line is the mean over."""
_NEEDED = ("step", "loss", "validation", "learning_rate", "skipped")


def learning_curve(history: Sequence[Mapping[str, float]], *, figure: Figure | None = None) -> Figure:
    """Draw how a training went: loss of training and validation, and the learning rate below.

    Parameters
    ----------
    history : sequence of mapping
        Rows with "step", "loss", "validation" (NaN where there was none), "learning_rate" and "skipped", as
        ``PhysicsReconstructor.history_`` has them, or the lines of its log.
    figure : matplotlib.figure.Figure, optional
        An empty figure to draw into; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure, to be saved with ``savefig``.

    Notes
    -----
    The thin line is the loss of each row, the thick one its running mean. Steps that were skipped, because their loss
    was not finite, are marks at the bottom.

    Examples
    --------
    >>> from scatterkit.plotting import learning_curve
    >>> row = {"validation": float("nan"), "learning_rate": 1e-3, "skipped": 0}
    >>> figure = learning_curve([{"step": 10, "loss": 2.0, **row}, {"step": 20, "loss": 1.0, **row}])
    >>> [ax.get_ylabel() for ax in figure.axes]
    ['loss', 'learning rate']
    """
    if not len(history) or any(name not in row for row in history for name in _NEEDED):
        allowed = f"rows with {', '.join(_NEEDED)}, one at least"
        raise fail("history", "learning_curve", allowed, shown(history))
    steps, loss, validation, rate, skipped = (
        np.array([float(row[name]) for row in history]) for name in _NEEDED
    )
    figure = figure_or_new(figure, "learning_curve", figsize=(6.4, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1)})
    _draw_losses(above, steps, loss, validation)
    bad = skipped > 0
    if bad.any():
        bottom = above.get_xaxis_transform()
        above.plot(
            steps[bad], np.full(bad.sum(), 0.02), "x", color="0.2", transform=bottom, label="skipped steps"
        )
    above.legend(frameon=False, loc="upper right")
    below.plot(steps, rate, color="0.3", linewidth=1.2)
    below.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
    for ax in (above, below):
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_losses(
    ax: Axes, steps: NDArray[np.float64], loss: NDArray[np.float64], validation: NDArray[np.float64]
) -> None:
    ax.plot(steps, loss, color=MAIN, linewidth=0.6, alpha=0.5)
    ax.plot(steps, _running_mean(loss), color=MAIN, linewidth=1.8, label="training")
    told = np.isfinite(validation)
    if told.any():
        ax.plot(
            steps[told],
            validation[told],
            color=OTHER,
            linewidth=1.4,
            marker="o",
            markersize=3.5,
            label="validation",
        )
    known = np.concatenate([loss[np.isfinite(loss)], validation[told]])
    if known.size and known.min() > 0:
        ax.set_yscale("log")
        if known.max() < 100 * known.min():  # plain numbers: powers of ten are few or none here
            ax.yaxis.set_major_formatter(_plain)
            ax.yaxis.set_minor_formatter(_plain)
    ax.set_ylabel("loss")


def _plain(value: float, _place: float | None = None) -> str:
    """Write no 5, 7, 8 or 9 of a power of ten: they would have no room above a 4 or a 6."""
    mantissa = float(f"{value:e}".split("e")[0])
    return "" if mantissa in (5, 7, 8, 9) else f"{value:g}"


def _running_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over a window around each value, shorter at both ends; what is not finite is left out."""
    width = max(1, round(MEAN_OVER * len(values)))
    window, finite = np.ones(2 * width - 1), np.isfinite(values)
    total = np.convolve(np.where(finite, values, 0), window)[width - 1 : width - 1 + len(values)]
    count = np.convolve(finite.astype(float), window)[width - 1 : width - 1 + len(values)]
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
