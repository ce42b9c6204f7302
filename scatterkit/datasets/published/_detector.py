"""Where a picture of a diffraction pattern was measured: frame, disc and central hole of the detector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scatterkit import preprocessing
from scatterkit.preprocessing.shapes import distance_from

Grey = NDArray[np.uint8]

DISC_RADIUS = 38.0  # pixels about the hole; the signal ends between 38 and 39 in each of the patterns
HOLE_RADIUS = 6.0  # pixels within which the hole is looked for
EDGE_DEPTH = 4  # lines at the frame that may be covered in part only


def hole_center(grey: Grey) -> tuple[float, float]:
    """Give row and column of the central hole's centroid, each pixel weighted by how dark it is."""
    center = preprocessing.hole_center(grey, radius=HOLE_RADIUS)
    if center is None:
        raise ValueError(
            "The picture has no dark hole at its centre, so it is none of the measured patterns."
        )
    return center


def detector_mask(grey: Grey, center: tuple[float, float]) -> NDArray[np.bool_]:
    """Give the pixels that were measured: on the disc, inside the frame, not in or next to the hole.

    Dark pixels inside stay: the mask follows the detector's shape, not the signal.
    """
    mask = np.zeros(grey.shape, dtype=bool)
    mask[_covered(grey.max(axis=1)), _covered(grey.max(axis=0))] = True
    mask &= distance_from(grey.shape, center) <= DISC_RADIUS
    hole = preprocessing.central_hole(grey, radius=HOLE_RADIUS)
    return mask & preprocessing.grow_mask(~hole)


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
