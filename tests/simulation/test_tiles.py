"""Tiles of matrix products and of folding, against NumPy."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from scatterkit.simulation.kernels import _tiles as tiles
from scatterkit.simulation.kernels._fold_kernels import _fold_lines


@numba.njit
def product(a, b, n, rows, columns, c):
    tiles.product(a, 0, a.shape[1], b, 0, b.shape[1], n, rows, columns, c, 0, c.shape[1])


@numba.njit
def weighted_rows(a, row, b, columns, w, c):
    i, j = row * a.shape[1], row * c.shape[1]
    tiles.weighted_rows(a, i, a.shape[1], b, 0, b.shape[1], b.shape[0], columns, w, j, c, j, c.shape[1])


@pytest.mark.parametrize("columns", [8, 16, 24, 32, 40, 56, 72, 80])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_product(columns, n):
    rng = np.random.default_rng(columns + n)
    a = rng.normal(size=(8, 7)).astype(np.float32)
    b = rng.normal(size=(7, columns + 5)).astype(np.float32)
    c = np.full((8, columns + 5), 99, dtype=np.float32)
    product(a, b, n, 8, columns, c)
    assert np.abs(c[:, :columns] - a[:, :n] @ b[:n, :columns]).max() < 1e-5
    assert (c[:, columns:] == 99).all()


@pytest.mark.parametrize("columns", [8, 16, 24, 32, 40, 56, 72, 80])
def test_weighted_rows(columns):
    rng = np.random.default_rng(columns)
    a = rng.normal(size=(8, 7)).astype(np.float32)
    b, w, c = (rng.normal(size=(n, columns + 8)).astype(np.float32) for n in (7, 8, 8))
    expected = c.copy()
    expected[4:, :columns] += (w * (a @ b))[4:, :columns]
    weighted_rows(a, 4, b, columns, w, c)
    assert np.abs(c - expected).max() < 1e-5


@pytest.mark.parametrize("half_z", [1, 3])
def test_folding_and_its_transpose(half_z):
    rng = np.random.default_rng(half_z)
    n_rows, half_x, r, j = 3, 16, 1, 2
    lines = rng.normal(size=(2 * half_z, 2, n_rows, 2 * half_x)).astype(np.float32)
    folded = np.zeros((2, half_z, 4, 2, 2, half_x), dtype=np.float32)
    _fold_lines(lines, r, half_z, folded, j, False)
    pair = lines[:, :, r].astype(np.float64)
    for c, b, a in np.ndindex(2, 2, 2):
        back, front = pair[half_z:], pair[:half_z][::-1]
        along_z = back + (-1) ** c * front
        along_y = along_z[:, 0] + (-1) ** b * along_z[:, 1]
        expected = along_y[:, half_x:] + (-1) ** a * along_y[:, :half_x][:, ::-1]
        assert np.abs(folded[c, :, j, b, a] - expected).max() < 1e-5
    other = rng.normal(size=folded.shape).astype(np.float32)
    unfolded = np.zeros_like(lines)
    _fold_lines(unfolded, r, half_z, other, j, True)
    assert np.vdot(unfolded, lines) == pytest.approx(np.vdot(other, folded), rel=1e-5)
