"""A pattern, its fit and their difference beside each other: what figures of fits share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.plotting.patterns import show_difference, show_pattern

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable


def draw_fit_row(
    axes: Sequence[Axes],
    measured: NDArray[np.float32],
    fitted: NDArray[np.float32],
    mask: NDArray[np.bool_] | None,
    dq: float | None,
) -> None:
    """Draw checked patterns and their difference into three axes, with colour bars beside the last two."""
    difference = fitted - measured
    seen = difference if mask is None else difference[mask]
    top = float(measured.max() if mask is None else measured[mask].max()) or 1.0
    error = float(np.mean(seen**2))
    look: dict[str, Any] = {"mask": mask, "dq": dq}
    show_pattern(axes[0], measured, limits=(0.0, top), title="measured", **look)
    image = show_pattern(axes[1], fitted, limits=(0.0, top), title="fitted", **look)
    apart = show_difference(axes[2], difference, title=f"difference, mean square {error:.2g}", **look)
    add_bar(axes[1], image, "log intensity (scaled)")
    add_bar(axes[2], apart, "fitted less measured", extend="both")
    for ax in axes[1:]:
        ax.set_ylabel("")
        ax.tick_params(labelleft=False)  # the same as in the first picture


def add_bar(ax: Axes, image: ScalarMappable, label: str, extend: str = "neither") -> None:
    """Draw a colour bar beside a picture."""
    bar = ax.inset_axes((1.03, 0.0, 0.045, 1.0))  # as high as the picture, whatever its shape
    ax.get_figure().colorbar(image, cax=bar, label=label, extend=extend)  # type: ignore[union-attr]
