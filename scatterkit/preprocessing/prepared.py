"""Patterns made from raw frames, with what was found on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Prepared:
    """Patterns that models take, and what is known of them.

    Parameters
    ----------
    patterns : ndarray of float32 of shape (n, y, x)
        Log-scaled intensities in [0, 1]; zero where not measured.
    masks : ndarray of bool of shape (n, y, x)
        True where measured.
    saturated : ndarray of bool of shape (n, y, x)
        True where a saturated pixel has a part in the value.
    centers : ndarray of float64 of shape (n, 2) [pixels]
        Row and column of the direct beam on the detector; NaN for a PanelDetector.
    intensities : ndarray of float32 of shape (n, y, x) [photons]
        Photons per solid angle, as many as a pixel in the middle of the grid would take; may be negative.
    sigma : ndarray of float32 of shape (n, y, x) [photons]
        Standard deviation of the intensities, from photons and dark noise; zero where not measured. Where detector
        pixels with neither have a part, it is at least that of one photon in the grid's pixel: 1 / sigma^2 is finite.
    report : tuple of dict
        What was found in every frame: photons, background, bad and saturated pixels, centre.
    """

    patterns: NDArray[np.float32]
    masks: NDArray[np.bool_]
    saturated: NDArray[np.bool_]
    centers: NDArray[np.float64]
    intensities: NDArray[np.float32]
    sigma: NDArray[np.float32]
    report: tuple[dict[str, float], ...]

    def summary(self) -> str:
        """Give the report as a table.

        Returns
        -------
        str
            A line for each frame.
        """
        names = list(self.report[0])
        rows = [[f"{entry[name]:.5g}" for name in names] for entry in self.report]
        widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
        lines = [names, *rows]
        numbers = ["frame", *map(str, range(len(rows)))]
        return "\n".join(
            f"{number:>5}  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True))
            for number, line in zip(numbers, lines, strict=True)
        )
