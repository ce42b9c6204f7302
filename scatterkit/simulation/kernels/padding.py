"""Padded FFT grids whose frequencies include all pixels of a detector."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
_LARGEST_STRIDE = 4


@dataclass(frozen=True)
class Padding:
    """A padded FFT grid along one axis: its length, and its frequencies per pixel of the detector."""

    length: int
    stride: int


def padding(q: Array, n: int, step: float) -> Padding | None:
    """Give the shortest padded grid that has all pixels among its frequencies, or None if there is none."""
    if q.size < 2:
        return None
    dq = q[1] - q[0]
    for stride in range(1, _LARGEST_STRIDE + 1):
        exact = stride * 2 * math.pi / (dq * step)
        length = round(exact)
        if abs(exact - length) < 1e-6 * length and length >= n:
            return Padding(length, stride) if 2 * stride * (q.size // 2) <= length else None
    return None


def paddings(plan: MSFTPlan) -> tuple[Padding, Padding] | None:
    """Give the padded grids along y and x, or None where FFTs do not fit the detector."""
    if not plan.separable:
        return None
    along_y = padding(plan.q_y[:, 0], plan.grid_shape[1], plan.voxel[1])
    along_x = padding(plan.q_x[0], plan.grid_shape[2], plan.voxel[2])
    return None if along_y is None or along_x is None else (along_y, along_x)
