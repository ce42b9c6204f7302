"""Where the panels of common detectors lie, as rectangles about the beam."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Integer

Layout = str | tuple[int, int]
Array = NDArray[np.float64]


class _Layouts:
    """A sequence of layouts."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, (tuple, list)) and len(value) > 0 and all(map(self._fits, value))

    def _fits(self, layout: Any) -> bool:
        if isinstance(layout, str):
            return layout in ("halves", "quadrants")
        return (
            isinstance(layout, (tuple, list))
            and len(layout) == 2
            and all(map(Integer(1, 64).accepts, layout))
        )

    def describe(self) -> str:
        return "a sequence of 'halves', 'quadrants' or pairs (rows, columns) of integers in [1, 64]"


LAYOUTS = _Layouts()


def panel_edges(
    layout: Layout, gap: Array, offset: Array, turns: NDArray[np.int_], shape: tuple[int, int]
) -> Array:
    """Give the panels of a layout for n samples.

    Parameters
    ----------
    layout : str or pair of int
        The layout.
    gap, offset : ndarray of float64 of shape (n, 2) [pixels]
        Width of the gaps between rows and between columns of panels; displacement along rows and columns.
    turns : ndarray of int of shape (n,)
        Quarter turns.
    shape : tuple of int
        Rows and columns of the patterns.

    Returns
    -------
    ndarray of float64 of shape (n, panel, 4) [pixels]
        First and last row, first and last column, from the beam; infinite where a panel ends outside.
    """
    if layout == "halves":
        edges = _grid((2, 1), gap, offset, np.ones((len(gap), 2)))
    elif layout == "quadrants":
        edges = _pinwheel(gap, offset[:, 0])
    else:
        sides = np.where(turns[:, None] % 2, shape[::-1], shape)
        edges = _grid((int(layout[0]), int(layout[1])), gap, offset, sides)
    for quarter in (1, 2, 3):
        once_more = turns >= quarter
        first, last, left, right = np.moveaxis(edges[once_more], -1, 0)
        edges[once_more] = np.stack([left, right, -last, -first], axis=-1)
    return edges


def panel_pixels(edges: Array, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Give the pixels whose centres are on the panels: first, after the last, of rows and of columns."""
    pixels = np.empty(edges.shape, np.int32)
    for axis, n in enumerate(shape):
        first, last = edges[..., 2 * axis], edges[..., 2 * axis + 1]
        pixels[..., 2 * axis] = np.clip(np.ceil(first) + n // 2, 0, n)
        pixels[..., 2 * axis + 1] = np.clip(np.floor(last) + 1 + n // 2, 0, n)
    return pixels


def _grid(counts: tuple[int, int], gap: Array, offset: Array, sides: Array) -> Array:
    """Modules in rows and columns that divide the pattern evenly."""
    spans = []
    for axis, count in enumerate(counts):
        middles = (np.arange(1, count) - count / 2) * sides[:, axis, None] / count + offset[:, axis, None]
        half = gap[:, axis, None] / 2
        outside = np.full((len(gap), 1), np.inf)
        spans.append((np.hstack([-outside, middles + half]), np.hstack([middles - half, outside])))
    (first, last), (left, right) = spans
    rows, columns = np.divmod(np.arange(counts[0] * counts[1]), counts[1])
    return np.stack([first[:, rows], last[:, rows], left[:, columns], right[:, columns]], axis=-1)


def _pinwheel(gap: Array, offset: Array) -> Array:
    """Four quadrants, each moved outwards along one of its inner edges, the next along the other."""
    y, x = gap[:, 0] / 2, gap[:, 1] / 2
    one, other = np.maximum(offset, 0), np.maximum(-offset, 0)
    outside = np.full(len(gap), np.inf)
    quadrants = [
        (-outside, -y - other, -outside, -x - one),
        (-outside, -y - one, x + other, outside),
        (y + other, outside, x + one, outside),
        (y + one, outside, -outside, -x - other),
    ]
    return np.stack([np.stack(edges, axis=-1) for edges in quadrants], axis=1)
