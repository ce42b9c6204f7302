"""Compiled loops of the pixel kernel: from slices to a grid of nodes in q space, from there to pixels, and back.

``grid`` is (node z, node y, real or imaginary part, node x). A complex product with exp(-i q r) is one real product
with stacked cosines and sines. All functions are real and linear, and come with their transposes.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_NODES_AT_ONCE = 4  # along z: their planes stay in the second-level cache


@numba.njit(cache=True, nogil=True, fastmath=True, parallel=True)
def nodes_from_slices(slices: Array, along_z: Array, along_y: Array, along_x: Array, grid: Array) -> None:
    """Transform slices (z, y x) onto the nodes.

    ``along_z`` is (node and part, z), ``along_y`` (part and node, part and y), ``along_x`` (x, part and node).
    """
    n_nodes, n_y, _, n_x = grid.shape
    width = along_x.shape[0]
    for block in numba.prange(-(-n_nodes // _NODES_AT_ONCE)):
        first = block * _NODES_AT_ONCE
        last = min(first + _NODES_AT_ONCE, n_nodes)
        planes = np.dot(along_z[2 * first : 2 * last], slices)
        for node in range(first, last):
            plane = planes[2 * (node - first) : 2 * (node - first) + 2]
            products = np.dot(np.dot(along_y, plane.reshape(along_y.shape[1], width)), along_x)
            for y in range(n_y):
                real, imag = products[y], products[n_y + y]
                for x in range(n_x):
                    grid[node, y, 0, x] = real[x] + imag[n_x + x]
                    grid[node, y, 1, x] = imag[x] - real[n_x + x]


@numba.njit(cache=True, nogil=True, fastmath=True, parallel=True)
def planes_from_nodes(grid: Array, along_y: Array, along_x: Array, planes: Array) -> None:
    """Transpose of the lateral part of nodes_from_slices, with transposed tables; planes are (node, part y x)."""
    n_nodes, n_y, _, n_x = grid.shape
    for node in numba.prange(n_nodes):
        products = np.empty((2 * n_y, 2 * n_x), dtype=np.float32)
        for y in range(n_y):
            for x in range(n_x):
                real, imag = grid[node, y, 0, x], grid[node, y, 1, x]
                products[y, x] = real
                products[n_y + y, n_x + x] = real
                products[n_y + y, x] = imag
                products[y, n_x + x] = -imag
        planes[node] = np.dot(along_y, np.dot(products, along_x)).ravel()


@numba.njit(cache=True, nogil=True, fastmath=True, parallel=True)
def add_slices(planes: Array, along_z: Array, slices: Array) -> None:
    """Transpose of the longitudinal part of nodes_from_slices, added: planes are (node and part, y x)."""
    for block in numba.prange(-(-slices.shape[0] // _NODES_AT_ONCE)):
        first = block * _NODES_AT_ONCE
        last = min(first + _NODES_AT_ONCE, slices.shape[0])
        slices[first:last] += np.dot(along_z[first:last], planes)


@numba.njit(cache=True, nogil=True, fastmath=True, parallel=True)
def pixels_from_nodes(grid: Array, start: int, first: Array, weights: Array, pixels: Array) -> None:
    """Interpolate from nodes to pixels, (pixel, part).

    ``first`` (pixel, axis) and ``weights`` (pixel, axis, window) are the windows' first nodes, along z, y, x,
    and what they weigh. The grid begins at node ``start`` along z.
    """
    width = weights.shape[2]
    for p in numba.prange(len(first)):
        z, y, x = first[p, 0] - start, first[p, 1], first[p, 2]
        along_x = weights[p, 2]
        total_real, total_imag = np.float32(0), np.float32(0)
        for i in range(width):
            for j in range(width):
                real = grid[z + i, y + j, 0, x : x + width]
                imag = grid[z + i, y + j, 1, x : x + width]
                sum_real, sum_imag = np.float32(0), np.float32(0)
                for k in range(width):
                    sum_real += along_x[k] * real[k]
                    sum_imag += along_x[k] * imag[k]
                weight = weights[p, 0, i] * weights[p, 1, j]
                total_real += weight * sum_real
                total_imag += weight * sum_imag
        pixels[p, 0] = total_real
        pixels[p, 1] = total_imag


@numba.njit(cache=True, nogil=True, fastmath=True, parallel=True)
def nodes_from_pixels(pixels: Array, start: int, first: Array, weights: Array, grid: Array) -> None:
    """Transpose of pixels_from_nodes, for pixels sorted by their first node along z; the grid must be zero.

    A plane of nodes gathers the pixels whose window it is in, so that no two threads write to one node.
    """
    width = weights.shape[2]
    for node in numba.prange(grid.shape[0]):
        begin = np.searchsorted(first[:, 0], start + node - width + 1)
        end = np.searchsorted(first[:, 0], start + node, side="right")
        for p in range(begin, end):
            z, y, x = first[p, 0] - start, first[p, 1], first[p, 2]
            along_x = weights[p, 2]
            at_z = weights[p, 0, node - z]
            for j in range(width):
                real = grid[node, y + j, 0, x : x + width]
                imag = grid[node, y + j, 1, x : x + width]
                weight_real = at_z * weights[p, 1, j] * pixels[p, 0]
                weight_imag = at_z * weights[p, 1, j] * pixels[p, 1]
                for k in range(width):
                    real[k] += weight_real * along_x[k]
                    imag[k] += weight_imag * along_x[k]
