"""Which kernel is the cheapest for a plan, by counting operations."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from scatterkit.simulation.kernels.padding import paddings
from scatterkit.simulation.plan import MSFTPlan

_FFT_PENALTY = 8.0
"""Time of an operation of a small FFT in those of a matrix product, measured on a 2-core x86-64 with AVX2."""
_TYPICAL_FILLING = 0.5
"""Part of the box that a body is taken to fill along each axis; FFTs gain less from small bodies."""

_LIGHT = 2e7
"""Multiply-adds that take about a millisecond."""


def quadrant_shape(plan: MSFTPlan) -> tuple[int, int]:
    """Rows and columns of the quadrant of the detector that is seen, the axes included."""
    seen = plan.response != 0
    counts = (np.abs(np.flatnonzero(seen.any(axis=a)) - seen.shape[1 - a] // 2) for a in (1, 0))
    rows, columns = (1 + int(steps.max(initial=0)) for steps in counts)
    return rows, columns


def matrix_multiply_adds(plan: MSFTPlan, extent: tuple[int, int, int]) -> float:
    """Count the multiply-adds of the matrix kernel for a body of an extent (z, y, x) in voxels."""
    n_z, n_y, n_x = extent
    rows, columns = quadrant_shape(plan)
    contract_x = n_y * n_x * columns  # twice over: cosines and sines, each for half the columns
    contract_y = 2 * rows * n_y * columns
    phases = 8 * rows * columns
    return float(n_z * (contract_x + contract_y + phases))


def fft_operations(plan: MSFTPlan, extent: tuple[int, int, int]) -> float:
    """Count the operations of the FFT kernel, in multiply-adds; infinite where FFTs do not fit."""
    grids = paddings(plan)
    if grids is None:
        return math.inf
    n_z, n_y, _ = extent
    along_y, along_x = (grid.length for grid in grids)
    rows, columns = quadrant_shape(plan)
    along_rows = 1.25 * n_y * along_x * math.log2(along_x)
    along_columns = 2.5 * columns * along_y * math.log2(along_y)
    return n_z * (along_rows + along_columns + 8 * rows * columns)


def _typical_extent(plan: MSFTPlan) -> tuple[int, int, int]:
    n_z, n_y, n_x = (math.ceil(_TYPICAL_FILLING * n) for n in plan.grid_shape)
    return n_z, n_y, n_x


@lru_cache(maxsize=64)
def worthwhile_threads(plan: MSFTPlan) -> int | None:
    """Give 1 where a pattern takes about a millisecond, else None for all.

    Several threads save part of that millisecond where they find idle processors, but where other processes
    compute as well, waiting for each other takes them ten times as long.
    """
    return 1 if matrix_multiply_adds(plan, _typical_extent(plan)) < _LIGHT else None


@lru_cache(maxsize=64)
def cheapest(plan: MSFTPlan) -> str:
    """Name the kernel with the lowest estimated cost for a typical body."""
    extent = _typical_extent(plan)
    return (
        "fft"
        if _FFT_PENALTY * fft_operations(plan, extent) < matrix_multiply_adds(plan, extent)
        else "matrix"
    )
