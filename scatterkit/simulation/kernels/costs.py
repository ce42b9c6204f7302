"""Which kernel is the cheapest for a plan, by counting operations."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from scatterkit.simulation.kernels.body_modes import extent_class, fewest_modes, half_modes
from scatterkit.simulation.kernels.gridding import WIDTH, nodes, spacing
from scatterkit.simulation.kernels.padding import paddings
from scatterkit.simulation.kernels.waves import DIFFRACTING
from scatterkit.simulation.plan import MSFTPlan

_FFT_PENALTY = 3.0
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


@lru_cache(maxsize=16)
def _per_mode(plan: MSFTPlan) -> tuple[int, int, int]:
    """What a slice costs: columns of its transform, their pixels or nodes, and operations that do not grow with it."""
    y, x = np.nonzero(plan.response)
    rows, columns = plan.detector_shape
    distinct = len(np.unique(np.abs(y - rows // 2) * columns + np.abs(x - columns // 2)))
    if plan.separable:
        return quadrant_shape(plan)[1], distinct, distinct
    nodes_y, nodes_x = (
        len(nodes(np.abs(q).max(), spacing(n * d)))
        for q, n, d in zip((plan.q_y, plan.q_x), plan.grid_shape[1:], plan.voxel[1:], strict=True)
    )
    return nodes_x, nodes_y * nodes_x, distinct * (1 + WIDTH + WIDTH**2)


def _halves(extent: tuple[int, int, int]) -> tuple[int, int, int]:
    z, y, x = (-(-n // 2) for n in extent)
    return z, y, x


def transform_multiply_adds(plan: MSFTPlan, extent: tuple[int, int, int], n_modes: int | None) -> float:
    """Count the multiply-adds for a body of an extent (z, y, x) in voxels with n modes of either parity.

    None stands for pairs of slices. What fills up tiles is not counted.
    """
    z, y, x = _halves(extent)
    columns, nodes, pixels = _per_mode(plan)
    per_mode = 4 * (y * x * columns + y * nodes + pixels)
    if n_modes is None:
        return float(2 * z * per_mode)
    return float(2 * n_modes * (per_mode + 4 * z * y * x))


@lru_cache(maxsize=4096)
def chosen_modes(plan: MSFTPlan, extent: tuple[int, int, int]) -> int | None:
    """Give the class of the depth modes that a body is projected to, None where its slices are less work."""
    pairs = extent_class(plan, _halves(extent)[0])
    by_slices = transform_multiply_adds(plan, extent, None)
    if transform_multiply_adds(plan, extent, fewest_modes(plan, pairs)) >= by_slices:
        return None  # without a search for them
    return pairs if transform_multiply_adds(plan, extent, len(half_modes(plan, pairs))) < by_slices else None


@lru_cache(maxsize=4096)
def matrix_multiply_adds(plan: MSFTPlan, extent: tuple[int, int, int]) -> float:
    """Count the multiply-adds of the matrix kernel for a body of an extent (z, y, x) in voxels."""
    pairs = chosen_modes(plan, extent)
    return transform_multiply_adds(plan, extent, None if pairs is None else len(half_modes(plan, pairs)))


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


def pixel_multiply_adds(plan: MSFTPlan, extent: tuple[int, int, int]) -> float:
    """Count the multiply-adds of the pixel kernel for a body of an extent (z, y, x) in voxels."""
    seen = plan.response != 0
    spans = (
        float(np.ptp(q[seen])) if seen.any() else 0.0
        for q in np.broadcast_arrays(plan.q_z, plan.q_y, plan.q_x)
    )
    boxes = (n * d for n, d in zip(plan.grid_shape, plan.voxel, strict=True))
    nodes_z, nodes_y, nodes_x = (WIDTH + span / spacing(box) for span, box in zip(spans, boxes, strict=True))
    n_z, n_y, n_x = extent
    contract = n_z * n_y * n_x + 2 * nodes_y * n_y * n_x + 2 * nodes_y * n_x * nodes_x
    return 2 * nodes_z * contract + 2 * WIDTH**3 * float(np.count_nonzero(seen))


def _typical_extent(plan: MSFTPlan) -> tuple[int, int, int]:
    n_z, n_y, n_x = (math.ceil(_TYPICAL_FILLING * n) for n in plan.grid_shape)
    return n_z, n_y, n_x


@lru_cache(maxsize=64)
def worthwhile_threads(plan: MSFTPlan) -> int | None:
    """Give 1 where the pixel kernel takes about a millisecond, else None for all.

    Several threads save part of that millisecond where they find idle processors, but where other processes
    compute as well, waiting for each other takes them ten times as long. The matrix kernel does not share out
    bodies that are as light.
    """
    if plan.separable or plan.propagation in DIFFRACTING:
        return None
    return 1 if pixel_multiply_adds(plan, _typical_extent(plan)) < _LIGHT else None


@lru_cache(maxsize=64)
def cheapest(plan: MSFTPlan) -> str:
    """Name the kernel with the lowest estimated cost for a typical body.

    Pixels that form no uniform grid are left to the kernel for any pixels. From about 128 x 128 pixels on it is faster
    than the matrix kernel even where that can make use of the detector's symmetry.
    """
    if not plan.separable:
        return "pixels"
    extent = _typical_extent(plan)
    return (
        "fft"
        if _FFT_PENALTY * fft_operations(plan, extent) < matrix_multiply_adds(plan, extent)
        else "matrix"
    )
