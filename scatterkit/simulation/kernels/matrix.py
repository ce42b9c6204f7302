"""Pruned Fourier transform by real matrix products, onto exactly the wanted wave vectors.

The body's bounding box is folded about its middle along y and x, so that four real products with cosines and
sines on one quadrant of the detector give all four; the phase of the box's middle is applied at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels import _matrix_kernels as products
from scatterkit.simulation.kernels import _slice_kernels as slices
from scatterkit.simulation.kernels import gridding
from scatterkit.simulation.kernels.threads import single_blas_thread
from scatterkit.simulation.kernels.workspace import workspace
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
_SLICES_AT_ONCE = 8  # so that a block's transforms stay in the second-level cache


@dataclass(frozen=True, eq=False)
class _Tables:
    """Single-precision phases of one quadrant of the detector."""

    lateral_y: Array  # cosines and sines, (parity, half grid, |q_y| or nodes)
    lateral_x: Array
    cos_z: Array  # (|q_y|, z, |q_x|)
    sin_z: Array
    nodes: Array  # first node of a pixel, (y or x, |q_y|, |q_x|); empty where the pixels are the nodes
    weights: Array  # (y or x, |q_y|, |q_x|, window)
    response: Array

    @property
    def along_z(self) -> tuple[Array, Array, Array, Array]:
        """From transforms to sums over slices."""
        return self.cos_z, self.sin_z, self.nodes, self.weights

    @property
    def sums_shape(self) -> tuple[int, ...]:
        """Parity along x and y, cosine or sine along z, |q_y|, |q_x|."""
        return 2, 2, 2, self.cos_z.shape[0], self.cos_z.shape[2]


@lru_cache(maxsize=8)
def _tables(plan: MSFTPlan) -> _Tables:
    quadrant = _quadrant(plan)
    q_y, q_x = (-np.broadcast_to(q, plan.detector_shape)[quadrant] for q in (plan.q_y, plan.q_x))
    phase = plan.q_z[quadrant][:, None, :] * plan.z[None, :, None]
    cos_z, sin_z = (_padded(f(phase)) for f in (np.cos, np.sin))
    _, n_y, n_x = plan.grid_shape
    _, dy, dx = plan.voxel
    if plan.separable:
        lateral_y, lateral_x = _lateral(q_y[:, 0], n_y, dy), _lateral(q_x[0], n_x, dx)
        nodes, weights = np.empty((2, 0, 0), dtype=np.int64), np.empty((2, 0, 0, 0), dtype=np.float32)
    else:
        step_y, step_x = gridding.spacing(n_y * dy), gridding.spacing(n_x * dx)
        lateral_y = _lateral(gridding.nodes(q_y.max(), step_y), n_y, dy, correct=step_y)
        lateral_x = _lateral(gridding.nodes(q_x.max(), step_x), n_x, dx, correct=step_x)
        windows = gridding.windows(q_y, step_y), gridding.windows(q_x, step_x)
        nodes, weights = np.stack([w[0] for w in windows]), np.stack([w[1] for w in windows])
    return _Tables(
        lateral_y, _padded(lateral_x), cos_z, sin_z, nodes, weights, plan.response.astype(np.complex64)
    )


def _quadrant(plan: MSFTPlan) -> tuple[Array, Array]:
    """Indices of the pixels with q = -0, -1, ... steps, the longer side, as far as any pixel is seen."""
    for q, axis in ((plan.q_y, 0), (plan.q_x, 1)):
        n = q.shape[axis]
        start = n // 2 - (n - 1) // 2
        inner = np.take(q, np.arange(start, n), axis=axis)
        if not np.allclose(inner, -np.flip(inner, axis=axis)):
            raise ValueError("the matrix kernel needs a detector that is symmetric about the direct beam")
    seen = plan.response != 0
    rows, columns = (_distances(seen.any(axis=axis)) for axis in (1, 0))
    return len(seen) // 2 - rows[:, None], seen.shape[1] // 2 - columns[None, :]


def _distances(seen: Array) -> Array:
    """Distances from the middle, 0 upwards, up to the largest that is seen."""
    return np.arange(1 + np.abs(np.flatnonzero(seen) - len(seen) // 2).max(initial=0))


def _padded(table: Array) -> Array:
    """Lengthen the last axis by zeros to whole vector registers."""
    return np.pad(table, ((0, 0), (0, 0), (0, -table.shape[2] % 8))).astype(np.float32)


def _lateral(q: Array, n: int, step: float, correct: float | None = None) -> Array:
    r = (np.arange(n // 2 + 1) + 0.5)[:, None] * step
    factor = 1.0 if correct is None else gridding.correction(r, correct)
    return (factor * np.stack([np.cos(r * q), np.sin(r * q)])).astype(np.float32)


def _halves(box: Array) -> tuple[int, int]:
    """Half widths of a box along y and x, rounded up."""
    (y0, y1), (x0, x1) = box[1:].tolist()
    return (y1 - y0 + 1) // 2, (x1 - x0 + 1) // 2


def _factors(box: Array, plan: MSFTPlan) -> tuple[Array, Array, Array]:
    """Phase of the folded region's middle by rows and by columns, and the rest of every pixel's factor."""
    half_y, half_x = _halves(box)
    y = plan.y[0] + (box[1, 0] + half_y - 0.5) * plan.voxel[1]
    x = plan.x[0] + (box[2, 0] + half_x - 0.5) * plan.voxel[2]
    phase_y, phase_x, response = (
        np.exp(-1j * plan.q_y * y),
        np.exp(-1j * plan.q_x * x),
        _tables(plan).response,
    )
    if not plan.separable:
        rows, columns = plan.detector_shape
        response = phase_y * phase_x * response
        phase_y, phase_x = np.ones(rows), np.ones(columns)
    return _parts(phase_y.ravel()), _parts(phase_x.ravel()), _parts(response)


def _parts(values: Array) -> Array:
    """Real and imaginary parts as a new last axis, without a copy where the type allows."""
    values = np.ascontiguousarray(values, dtype=np.complex64)
    return values.view(np.float32).reshape(*values.shape, 2)


def _block_length(n_slices: int, n_threads: int) -> int:
    """Slices of a block such that every thread gets as many blocks."""
    rounds = -(-n_slices // (n_threads * _SLICES_AT_ONCE))
    return -(-n_slices // (n_threads * rounds))


def field(volumes: Array, plan: MSFTPlan) -> NDArray[np.complex64]:
    """Scattered field of volumes ``(n, z, y, x)`` as complex64 ``(n, rows, columns)``."""
    fields = np.zeros((len(volumes), *plan.detector_shape), dtype=np.complex64)
    volumes = np.ascontiguousarray(volumes, dtype=np.float32)
    with single_blas_thread():
        for volume, E in zip(volumes, fields, strict=True):
            box = slices.bounding_box(volume)
            if box.any():
                _field_of_box(volume, plan, box, E)
    return fields


def _field_of_box(volume: Array, plan: MSFTPlan, box: Array, E: Array) -> None:
    tables, n_threads = _tables(plan), numba.get_num_threads()
    n_slices = int(box[0, 1] - box[0, 0])
    half_y, half_x = _halves(box)
    length = _block_length(n_slices, n_threads)
    folded = workspace("folded", (-(-n_slices // length), 2, 2, half_y, length, half_x))
    folded[:] = 0
    n_reached = slices.fold_slices(volume, box, *slices.absorption(plan), length, folded)
    sums = np.zeros((n_threads, *tables.sums_shape), dtype=np.float32)
    lateral_y = np.ascontiguousarray(tables.lateral_y[:, :half_y].transpose(0, 2, 1))
    lateral_x = np.ascontiguousarray(tables.lateral_x[:, :half_x])
    products.sums_of_slices(folded, box[0, 0], n_reached, lateral_y, lateral_x, *tables.along_z, sums)
    products.field_from_sums(sums, *_factors(box, plan), _parts(E))


def adjoint(
    volumes: Array, plan: MSFTPlan, field_gradient: Array, *, within_body: bool = False
) -> NDArray[np.float32]:
    """Gradient by the volumes of a loss whose gradient by the field is dL/dRe E + i dL/dIm E."""
    volumes = np.ascontiguousarray(volumes, dtype=np.float32)
    gradients = np.zeros(volumes.shape, dtype=np.float32)
    whole = np.array([(0, n) for n in plan.grid_shape])
    with single_blas_thread():
        for volume, g, gradient in zip(volumes, field_gradient, gradients, strict=True):
            box = slices.bounding_box(volume) if within_body else whole
            if box.any():
                _adjoint_of_box(volume, plan, box, g, gradient)
    return gradients


def _adjoint_of_box(volume: Array, plan: MSFTPlan, box: Array, g: Array, gradient: Array) -> None:
    tables, n_threads = _tables(plan), numba.get_num_threads()
    half_y, half_x = _halves(box)
    length = _block_length(int(box[0, 1] - box[0, 0]), n_threads)
    sums = np.zeros(tables.sums_shape, dtype=np.float32)
    products.sums_from_field(_parts(g), *_factors(box, plan), sums)
    lateral_y = np.ascontiguousarray(tables.lateral_y[:, :half_y])
    lateral_x = np.ascontiguousarray(tables.lateral_x[:, :half_x].transpose(0, 2, 1))
    products.slices_from_sums(sums, box, length, n_threads, lateral_y, lateral_x, *tables.along_z, gradient)
    slices.pull_absorption(volume, box, *slices.absorption(plan), gradient)
