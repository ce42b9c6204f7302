"""Padded Fast Fourier transforms of the slices, pruned to the rows that hold material and the wanted columns.

Slices are real, so only the half plane q_x >= 0 is computed: with A and B the sums of the slices' transforms
times cos(Qz z) and sin(Qz z), E(q) = A + iB and E(-q) = conj(A) + i conj(B).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
import pyfftw
from numpy.typing import NDArray

from scatterkit._validation import fail
from scatterkit.simulation.kernels import _fft_kernels as half_plane
from scatterkit.simulation.kernels import _slice_kernels as slices
from scatterkit.simulation.kernels.padding import Padding, paddings
from scatterkit.simulation.kernels.threads import share_out
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
_SLICES_AT_ONCE = 8
_ROW_STEP = 16  # boxes are rounded up to this many rows, so that few FFTW plans are needed
_plans_in_thread = threading.local()
planning = threading.Lock()  # FFTW's planner is the one part of it that threads must not share


def _checked_paddings(plan: MSFTPlan) -> tuple[Padding, Padding]:
    fitting = paddings(plan)
    if fitting is None:
        raise fail(
            "backend",
            "MSFTSimulator",
            "'auto' or 'reference' for this detector and grid ('fft' needs a QGrid whose dq is "
            "2 pi / (M * voxel) with M, or a small multiple of it, an integer, and voxels below pi / q_max)",
            f"'fft' with voxels of {plan.voxel[2]:g} nm",
        )
    return fitting


@dataclass(frozen=True, eq=False)
class _Tables:
    """Phases of the half plane q_x >= 0 and the FFT bins of its pixels.

    Its rows are those of the detector, and one more where their number is even: both signs of every q_y.
    """

    bins_y: Array
    stride_x: int
    cos_z: Array  # (rows, z, |q_x|)
    sin_z: Array
    lengths: tuple[int, int]


@lru_cache(maxsize=4)
def _tables(plan: MSFTPlan) -> _Tables:
    along_y, along_x = _checked_paddings(plan)
    rows, columns = plan.detector_shape
    half = rows // 2
    steps_y, steps_x = np.arange(-half, half + 1), np.arange(columns // 2 + 1)
    q_z = plan.q_z[np.ix_(half - np.abs(steps_y), columns // 2 - steps_x)]
    phase = q_z[:, None, :] * plan.z[None, :, None]
    return _Tables(
        bins_y=(along_y.stride * steps_y) % along_y.length,
        stride_x=along_x.stride,
        cos_z=np.cos(phase).astype(np.float32),
        sin_z=np.sin(phase).astype(np.float32),
        lengths=(along_y.length, along_x.length),
    )


@dataclass(frozen=True, eq=False)
class _Transforms:
    """FFTW plans of a block of slices, with their arrays; used by one thread."""

    rows: Any  # real (slice, y, x) to complex (slice, y, bin x)
    rows_back: Any
    columns: Any  # complex (slice, |q_x|, y), in place
    columns_back: Any


def _transforms(n_rows: int, n_columns: int, lengths: tuple[int, int]) -> _Transforms:
    """Give this thread's plans of a shape; planning is quick, for it only estimates."""
    known = _plans_in_thread.__dict__.setdefault("known", {})
    key = (n_rows, n_columns, lengths)
    if key not in known:
        if len(known) >= 8:
            known.clear()
        known[key] = _planned(n_rows, n_columns, *lengths)
    return known[key]


def _planned(n_rows: int, n_columns: int, length_y: int, length_x: int) -> _Transforms:
    real = pyfftw.zeros_aligned((_SLICES_AT_ONCE, n_rows, length_x), dtype=np.float32)
    bins = pyfftw.zeros_aligned((_SLICES_AT_ONCE, n_rows, length_x // 2 + 1), dtype=np.complex64)
    columns = pyfftw.zeros_aligned((_SLICES_AT_ONCE, n_columns, length_y), dtype=np.complex64)

    def plan(source: Array, target: Array, direction: str) -> Any:
        return pyfftw.FFTW(
            source, target, axes=(2,), direction=direction, flags=("FFTW_ESTIMATE",), threads=1
        )

    with planning:
        return _Transforms(
            rows=plan(real, bins, "FFTW_FORWARD"),
            rows_back=plan(bins, real, "FFTW_BACKWARD"),
            columns=plan(columns, columns, "FFTW_FORWARD"),
            columns_back=plan(columns, columns, "FFTW_BACKWARD"),
        )


def _in_threads(work: Callable[[range], Any], n_slices: int) -> list[Any]:
    """Share the blocks of slices out among threads; give what every share's work returned."""
    n_shares = min(numba.get_num_threads(), -(-n_slices // _SLICES_AT_ONCE))
    results: list[Any] = [None] * n_shares

    def take(i: int) -> None:
        results[i] = work(range(i * _SLICES_AT_ONCE, n_slices, n_shares * _SLICES_AT_ONCE))

    share_out(take, n_shares, n_shares)
    return results


def _n_rows(box: Array, length: int) -> int:
    return min(-(-int(box[1, 1] - box[1, 0]) // _ROW_STEP) * _ROW_STEP, length)


def field(volumes: Array, plan: MSFTPlan) -> NDArray[np.complex64]:
    """Scattered field of volumes ``(n, z, y, x)`` as complex64 ``(n, rows, columns)``."""
    _checked_paddings(plan)
    fields = np.zeros((len(volumes), *plan.detector_shape), dtype=np.complex64)
    for volume, E in zip(np.ascontiguousarray(volumes, dtype=np.float32), fields, strict=True):
        box = slices.bounding_box(volume)
        if box.any():
            E[:] = _field_of_box(volume, plan, box)
    return fields


def _field_of_box(volume: Array, plan: MSFTPlan, box: Array) -> Array:
    tables = _tables(plan)
    weights = np.empty(np.diff(box)[:, 0], dtype=np.float32)
    n_reached = slices.weigh_slices(volume, box, *slices.absorption(plan), weights)
    n_y, _, n_x = tables.cos_z.shape

    def add_blocks(starts: range) -> Array:
        fft = _transforms(_n_rows(box, tables.lengths[0]), n_x, tables.lengths)
        real, bins, columns = fft.rows.input_array, fft.rows.output_array, fft.columns.input_array
        sums = np.zeros((2, n_y, n_x), dtype=np.complex64)
        for start in starts:
            block = weights[start : min(start + _SLICES_AT_ONCE, n_reached)]
            real[:] = 0
            real[: len(block), : block.shape[1], : block.shape[2]] = block
            fft.rows.execute()
            half_plane.take_columns(bins, block.shape[1], tables.stride_x, columns)
            fft.columns.execute()
            half_plane.sum_slices(
                columns[: len(block)], tables.bins_y, tables.cos_z, tables.sin_z, box[0, 0] + start, sums
            )
        return sums

    A, B = sum(_in_threads(add_blocks, n_reached))
    E = np.empty(plan.detector_shape, dtype=np.complex64)
    half_plane.field_from_half(A, B, E)
    return E * _factor(box, plan)


def _factor(box: Array, plan: MSFTPlan) -> Array:
    """Response of the pixels and the phase of the box's first voxel."""
    phase = np.exp(-1j * plan.q_y * plan.y[box[1, 0]]) * np.exp(-1j * plan.q_x * plan.x[box[2, 0]])
    return phase * plan.response


def adjoint(
    volumes: Array, plan: MSFTPlan, field_gradient: Array, *, within_body: bool = False
) -> NDArray[np.float32]:
    """Gradient by the volumes of a loss whose gradient by the field is dL/dRe E + i dL/dIm E."""
    _checked_paddings(plan)
    volumes = np.ascontiguousarray(volumes, dtype=np.float32)
    gradients = np.zeros(volumes.shape, dtype=np.float32)
    whole = np.array([(0, n) for n in plan.grid_shape])
    for volume, g, gradient in zip(volumes, field_gradient, gradients, strict=True):
        box = slices.bounding_box(volume) if within_body else whole
        if box.any():
            _adjoint_of_box(plan, box, (g * _factor(box, plan).conj()).astype(np.complex64), gradient)
            slices.pull_absorption(volume, box, *slices.absorption(plan), gradient)
    return gradients


def _adjoint_of_box(plan: MSFTPlan, box: Array, g: Array, gradient: Array) -> None:
    tables = _tables(plan)
    n_y, _, n_x = tables.cos_z.shape
    A, B = np.zeros((2, n_y, n_x), dtype=np.complex64)
    half_plane.half_from_field(g, A, B)
    (z0, z1), (y0, y1), (x0, x1) = box.tolist()

    def write_blocks(starts: range) -> None:
        fft = _transforms(_n_rows(box, tables.lengths[0]), n_x, tables.lengths)
        bins, real, columns = fft.rows_back.input_array, fft.rows_back.output_array, fft.columns.input_array
        for start in starts:
            n = min(_SLICES_AT_ONCE, z1 - z0 - start)
            columns[:] = 0
            half_plane.spread_slices(A, B, tables.bins_y, tables.cos_z, tables.sin_z, z0 + start, columns[:n])
            fft.columns_back.execute()
            bins[:] = 0
            half_plane.put_columns(columns, y1 - y0, tables.stride_x, bins)
            fft.rows_back.execute()
            gradient[z0 + start : z0 + start + n, y0:y1, x0:x1] = real[:n, : y1 - y0, : x1 - x0]

    _in_threads(write_blocks, z1 - z0)
