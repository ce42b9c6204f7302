"""Depth modes of a body of some extent, or its pairs of slices where these are not more work.

The body is folded about its middle along z: pairs of slices, half of which need the cosines of Qz z alone, half the
sines. Where there are many slices, pairs are projected to the few modes that span these functions of depth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels.depth_modes import depth_modes
from scatterkit.simulation.kernels.threads import single_blas_thread
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
_CLASSES = 16  # extents are rounded up to a 16th of the grid's


@dataclass(frozen=True, eq=False)
class HalfModes:
    """Orthonormal functions of the pairs of slices: (parity z, mode, pair), filled up with zeros."""

    values: Array

    def __len__(self) -> int:
        return int(self.values.shape[1])


def extent_class(plan: MSFTPlan, pairs: int) -> int:
    """Round a number of pairs of slices up: a multiple of 4."""
    step = 4 * -(-plan.grid_shape[0] // (2 * 4 * _CLASSES))
    return -(-pairs // step) * step


@lru_cache(maxsize=16)
def _interval(plan: MSFTPlan) -> tuple[float, float]:
    """Lowest and highest Qz of a pixel that is seen."""
    seen = plan.q_z[plan.response != 0]
    return (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)


def fewest_modes(plan: MSFTPlan, pairs: int) -> int:
    """How many modes of either parity some pairs of slices need at least, by the product of depth and bandwidth."""
    low, high = _interval(plan)
    return math.ceil((high - low) * 2 * pairs * plan.voxel[0] / (2 * math.pi))


@lru_cache(maxsize=64)
def half_modes(plan: MSFTPlan, pairs: int) -> HalfModes:
    """Modes of some pairs of slices, in double precision."""
    z = (np.arange(-pairs, pairs) + 0.5) * plan.voxel[0]
    with single_blas_thread():
        modes = depth_modes(*_interval(plan), z)
    values = np.zeros((2, max(len(modes.even), len(modes.odd)), pairs))
    for parity, found in enumerate((modes.even, modes.odd)):
        values[parity, : len(found)] = np.sqrt(2) * found[:, pairs:]
    return HalfModes(values)
