"""Patterns as PNG pictures of 8 bits: their pixels are the values in steps, their palette the colours."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scatterkit.plotting._palette import DIFFERENCE_COLORS, NOT_MEASURED, PATTERN_COLORS, color_table, rgb

STEPS = 255
"""Different values of a picture; pixels of value 0 were not measured, those of 1 to 255 lie between the limits."""


@dataclass(frozen=True)
class ColorScale:
    """Which values a picture's colours stand for."""

    low: float
    high: float
    colors: str

    def palette(self) -> bytes:
        """Give the colours of all pixel values, red, green and blue in turn."""
        return bytes(rgb(NOT_MEASURED)) + color_table(self.colors, STEPS).tobytes()

    def pixels(self, values: NDArray[np.float32], mask: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
        """Give the pixel values; what is not finite or not in the mask is not measured."""
        known = np.isfinite(values) if mask is None else np.isfinite(values) & mask
        part = (np.where(known, values, self.low) - self.low) / (self.high - self.low)
        steps = 1 + np.rint((STEPS - 1) * np.clip(part, 0, 1))
        return np.where(known, steps, 0).astype(np.uint8)

    def png(self, values: NDArray[np.float32], mask: NDArray[np.bool_] | None = None) -> bytes:
        """Give a picture of values ``(row, column)`` as a PNG file."""
        return _png(self.pixels(values, mask), self.palette())

    def bar(self) -> bytes:
        """Give an upright picture of all colours, the highest value at the top, as a PNG file."""
        return _png(np.arange(STEPS, 0, -1, dtype=np.uint8)[:, None], self.palette())


def _png(pixels: NDArray[np.uint8], palette: bytes) -> bytes:
    from PIL import Image

    image = Image.fromarray(pixels).convert("L")
    image.putpalette(palette)
    file = io.BytesIO()
    image.save(file, format="png", optimize=False, compress_level=9)
    return file.getvalue()


def pattern_scale(values: NDArray[np.float32], mask: NDArray[np.bool_] | None) -> ColorScale:
    """Give a scale from zero to the highest measured value."""
    known = values[np.isfinite(values) if mask is None else np.isfinite(values) & mask]
    top = float(known.max()) if known.size else 1.0
    return ColorScale(0.0, top if top > 0 else 1.0, PATTERN_COLORS)


def difference_scale(differences: NDArray[np.float32]) -> ColorScale:
    """Give a scale around zero, of the 99th percentile of all differences that are known."""
    known = np.abs(differences[np.isfinite(differences)])
    limit = float(np.quantile(known, 0.99)) if known.size else 1.0
    return ColorScale(-(limit or 1.0), limit or 1.0, DIFFERENCE_COLORS)
