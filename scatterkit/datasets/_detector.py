"""Where a picture of a diffraction pattern was measured: frame, disc and central hole of the detector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Grey = NDArray[np.uint8]

DISC_RADIUS = 38.0  # pixels about the hole; the signal ends between 38 and 39 in each of the patterns
HOLE_RADIUS = 6.0  # pixels within which the hole is looked for
EDGE_DEPTH = 4  # lines at the frame that may be covered in part only


def hole(grey: Grey) -> NDArray[np.bool_]:
    """Give the dark pixels of the central hole: the largest dark region close to the picture's centre."""
    near = _distance(grey.shape, _middle(grey)) < HOLE_RADIUS
    ring = _distance(grey.shape, _middle(grey)) < 2 * HOLE_RADIUS
    labels, n = ndimage.label(near & (grey < 0.6 * np.median(grey[ring])))
    if n == 0:
        raise ValueError(
            "The picture has no dark hole at its centre, so it is none of the measured patterns."
        )
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == int(np.argmax(sizes))


def hole_center(grey: Grey) -> tuple[float, float]:
    """Give row and column of the hole's centroid, each pixel weighted by how dark it is."""
    level = 0.6 * float(np.median(grey[_distance(grey.shape, _middle(grey)) < 2 * HOLE_RADIUS]))
    darkness = np.clip(level - grey.astype(float), 0, None) * hole(grey)
    row, column = ndimage.center_of_mass(darkness)
    return float(row), float(column)


def detector_mask(grey: Grey, center: tuple[float, float]) -> NDArray[np.bool_]:
    """Give the pixels that were measured: on the disc, inside the frame, not in or next to the hole.

    Dark pixels inside stay: the mask follows the detector's shape, not the signal.
    """
    mask = np.zeros(grey.shape, dtype=bool)
    mask[_covered(grey.max(axis=1)), _covered(grey.max(axis=0))] = True
    mask &= _distance(grey.shape, center) <= DISC_RADIUS
    return mask & ~ndimage.binary_dilation(hole(grey), np.ones((3, 3), dtype=bool))


def _covered(brightest: Grey) -> slice:
    """The lines inside the frame that are covered in full, from each line's brightest pixel."""
    lines = np.flatnonzero(brightest)
    first, last = int(lines[0]), int(lines[-1])
    return slice(first + _n_partial(brightest[first:]), last + 1 - _n_partial(brightest[last::-1]))


def _n_partial(brightest: Grey) -> int:
    """How many lines from the edge inwards are much darker than one of the next three."""
    for i in range(EDGE_DEPTH):
        if 2 * int(brightest[i]) >= int(brightest[i + 1 : i + 4].max()):
            return i
    return EDGE_DEPTH


def _middle(grey: Grey) -> tuple[float, float]:
    return (grey.shape[0] - 1) / 2, (grey.shape[1] - 1) / 2


def _distance(shape: tuple[int, ...], center: tuple[float, float]) -> NDArray[np.float64]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(rows - center[0], columns - center[1])
