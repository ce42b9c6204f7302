"""Fourier transform at any pixels: tilted, off centre, or in panels, by a non-uniform transform in 3D.

With Qz as the third component, the field is the 3D Fourier transform of what the slices scatter, on the Ewald
sphere. Matrix products take the slices to a grid of nodes around that part of q space which the pixels need, twice
as dense as the box requires, and Kaiser-Bessel windows of 8^3 nodes take it to the pixels (gridding.py).

Memory: 130 bytes a pixel that is seen, twice that while they are set up, and 100 MB for nodes and for planes of
them: where all would need more, they are computed in turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels import _pixel_kernels as loops
from scatterkit.simulation.kernels import _slice_kernels as slices
from scatterkit.simulation.kernels import gridding
from scatterkit.simulation.kernels.threads import single_blas_thread
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
_BYTES_OF_NODES = 1e8
_PIXELS_AT_ONCE = 8192  # while windows are set up


@dataclass(frozen=True, eq=False)
class _Tables:
    """Single-precision phases of the nodes, and the windows of the pixels that are seen, sorted along z."""

    along_z: Array  # cosines and sines, (part, node, z), with the windows' correction
    along_y: Array
    along_x: Array
    pixels: Array  # flat indices of the pixels
    first: Array  # (pixel, axis): first node along z, y, x
    weights: Array  # (pixel, axis, window)
    response: Array

    @property
    def bytes_of_plane(self) -> float:
        """Memory of the nodes with one Qz, on the grid and back in the box."""
        (_, nodes_y, n_y), (_, nodes_x, n_x) = self.along_y.shape, self.along_x.shape
        return 8.0 * (nodes_y * nodes_x + n_y * n_x)

    def parts(self) -> Iterator[tuple[slice, slice]]:
        """Nodes along z and pixels that they serve, in parts that fit into memory."""
        n_nodes = self.along_z.shape[1]
        step = max(gridding.WIDTH, int(_BYTES_OF_NODES / self.bytes_of_plane) - gridding.WIDTH + 1)
        for start in range(0, n_nodes - gridding.WIDTH + 1, step):
            begin, end = np.searchsorted(self.first[:, 0], (start, start + step)).tolist()
            if begin < end:
                yield slice(start, min(start + step + gridding.WIDTH - 1, n_nodes)), slice(begin, end)


def _phases(q: Array, r: Array, step: float) -> Array:
    """Cosines and sines of the nodes around pixels at q, (part, node, voxel)."""
    phase = np.outer(gridding.covering(q, step), r)
    return (gridding.correction(r, step) * np.stack([np.cos(phase), np.sin(phase)])).astype(np.float32)


@lru_cache(maxsize=5)  # the wavelengths of a polychromatic pattern
def _tables(plan: MSFTPlan) -> _Tables:
    pixels = np.flatnonzero(plan.response)
    q = [np.broadcast_to(q_i, plan.detector_shape).ravel()[pixels] for q_i in (plan.q_z, plan.q_y, plan.q_x)]
    steps = [gridding.spacing(n * d) for n, d in zip(plan.grid_shape, plan.voxel, strict=True)]
    cells = [np.floor(q_i / step) for q_i, step in zip(q, steps, strict=True)]
    order = np.lexsort(cells[::-1])
    # without any pixel, a grid of nodes that none reads
    ranges = [q_i if q_i.size else np.zeros(1) for q_i in q]
    along_z, along_y, along_x = map(_phases, ranges, (plan.z, plan.y, plan.x), steps)
    first, weights = _windows([q_i[order] for q_i in q], steps)
    response = plan.response.ravel()[pixels[order]].astype(np.complex64)
    return _Tables(along_z, along_y, along_x, pixels[order], first, weights, response)


def _windows(q: list[Array], steps: list[float]) -> tuple[Array, Array]:
    """First nodes, counted from the lowest of any, and weights of the pixels' windows along every axis."""
    n = len(q[0])
    first = np.empty((n, 3), dtype=np.int32)
    weights = np.empty((n, 3, gridding.WIDTH), dtype=np.float32)
    for axis, (q_i, step) in enumerate(zip(q, steps, strict=True)):
        for start in range(0, n, _PIXELS_AT_ONCE):
            some = slice(start, start + _PIXELS_AT_ONCE)
            first[some, axis], weights[some, axis] = gridding.windows(q_i[some], step)
    if n:
        first -= first.min(axis=0)
    return first, weights


def _lateral(tables: _Tables, box: Array) -> tuple[Array, Array]:
    """Cosines and sines along y, (part and node, part and y), and along x, (x, part and node)."""
    (y0, y1), (x0, x1) = box[1:].tolist()
    c, s = tables.along_y[:, :, y0:y1]
    along_x = tables.along_x[:, :, x0:x1].reshape(-1, x1 - x0)
    return np.block([[c, s], [-s, c]]), np.ascontiguousarray(along_x.T)


def _longitudinal(tables: _Tables, nodes: slice, z0: int, n: int) -> Array:
    """Cosines and sines of exp(+i Qz z), (node and part, z)."""
    return tables.along_z[:, nodes, z0 : z0 + n].transpose(1, 0, 2).reshape(-1, n)


def field(volumes: Array, plan: MSFTPlan) -> NDArray[np.complex64]:
    """Scattered field of volumes ``(n, z, y, x)`` as complex64 ``(n, rows, columns)``."""
    fields = np.zeros((len(volumes), *plan.detector_shape), dtype=np.complex64)
    volumes = np.ascontiguousarray(volumes, dtype=np.float32)
    with single_blas_thread():
        for volume, E in zip(volumes, fields, strict=True):
            box = slices.bounding_box(volume)
            if box.any():
                _field_of_box(volume, plan, box, E.ravel())
    return fields


def _field_of_box(volume: Array, plan: MSFTPlan, box: Array, E: Array) -> None:
    tables = _tables(plan)
    weights = np.empty(np.diff(box)[:, 0], dtype=np.float32)
    n_reached = slices.weigh_slices(volume, box, *slices.absorption(plan), weights)
    flat = weights[:n_reached].reshape(n_reached, -1)
    along_y, along_x = _lateral(tables, box)
    for nodes, pixels in tables.parts():
        along_z = _longitudinal(tables, nodes, int(box[0, 0]), n_reached)
        grid = _zero_grid(tables, nodes)
        loops.nodes_from_slices(flat, along_z, along_y, along_x, grid)
        values = np.empty((pixels.stop - pixels.start, 2), dtype=np.float32)
        loops.pixels_from_nodes(grid, nodes.start, tables.first[pixels], tables.weights[pixels], values)
        E[tables.pixels[pixels]] = values.view(np.complex64)[:, 0] * tables.response[pixels]


def _zero_grid(tables: _Tables, nodes: slice) -> Array:
    shape = (nodes.stop - nodes.start, tables.along_y.shape[1], 2, tables.along_x.shape[1])
    return np.zeros(shape, dtype=np.float32)


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
                window = tuple(slice(*span) for span in box.tolist())
                gradient[window] = _by_weights(plan, box, np.asarray(g).ravel())
                slices.pull_absorption(volume, box, *slices.absorption(plan), gradient)
    return gradients


def _by_weights(plan: MSFTPlan, box: Array, g: Array) -> Array:
    """Gradient by what the slices within a box scatter."""
    tables = _tables(plan)
    n_z, n_y, n_x = np.diff(box)[:, 0].tolist()
    result = np.zeros((n_z, n_y * n_x), dtype=np.float32)
    along_y, along_x = (np.ascontiguousarray(table.T) for table in _lateral(tables, box))
    for nodes, pixels in tables.parts():
        values = g[tables.pixels[pixels]].astype(np.complex64) * tables.response[pixels].conj()
        grid = _zero_grid(tables, nodes)
        parts = values.view(np.float32).reshape(-1, 2)
        loops.nodes_from_pixels(parts, nodes.start, tables.first[pixels], tables.weights[pixels], grid)
        planes = np.empty((len(grid), 2 * n_y * n_x), dtype=np.float32)
        loops.planes_from_nodes(grid, along_y, along_x, planes)
        along_z = _longitudinal(tables, nodes, int(box[0, 0]), n_z)
        loops.add_slices(planes.reshape(-1, n_y * n_x), np.ascontiguousarray(along_z.T), result)
    return result.reshape(n_z, n_y, n_x)
