"""Colours as numbers, for pictures that are not drawn by matplotlib."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def color_table(name: str, n: int) -> NDArray[np.uint8]:
    """Give n colours (red, green, blue) from one end of a colour map to the other, ``(n, 3)``."""
    from matplotlib import colormaps

    colors = colormaps[name](np.linspace(0, 1, n))
    return np.rint(255 * colors[:, :3]).astype(np.uint8)


def rgb(color: str) -> tuple[int, int, int]:
    """Give a colour by name, as red, green and blue from 0 to 255."""
    from matplotlib.colors import to_rgb

    red, green, blue = (round(255 * part) for part in to_rgb(color))
    return red, green, blue
