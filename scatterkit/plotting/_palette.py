"""The colours of all pictures, for the colour blind too and in grey; and the same as numbers for other pages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PATTERN_COLORS = "viridis"  # even steps of lightness: the same order in grey, and for the colour blind
DIFFERENCE_COLORS = "RdBu_r"
DEPTH_COLORS = "cividis_r"  # bright is near, or faces the beam
NOT_MEASURED = "0.82"
LIT = ("#14344f", "#e6f1fa")  # the side that the beam strikes, from dark to bright
UNLIT = ("#4a3a2a", "#e3cfb4")  # the side that it does not, and of which a pattern says little
LINE = "#0b1a26"
BLUE, VERMILION, GREEN, PURPLE = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
)  # of Okabe and Ito, for several curves
SKY, ORANGE = "#56b4e9", "#e69f00"  # theirs too, brighter
MAIN, OTHER = "#4c7fa8", "#c2571a"  # bars and curves; the two differ in lightness too


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
