"""Bodies for the simulation's tests: random volumes, closed forms, published samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.datasets import read_volume

BOX = 318.75


def deviation(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Largest deviation, relative to the largest expected value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def random_volumes(shape: tuple[int, int, int], n: int = 2, seed: int = 0) -> NDArray[np.float32]:
    """Random occupancies; all but the first have empty margins of unequal width and holes."""
    generator = np.random.default_rng(seed)
    volumes = generator.random((n, *shape), dtype=np.float32)
    volumes[1:] *= generator.random((n - 1, *shape)) > 0.4
    volumes[1:, :, :3] = 0
    volumes[1:, :, :, -2:] = 0
    volumes[1:, :2] = 0
    return volumes


def zigzag_volumes(shape: tuple[int, int, int], n: int = 2) -> NDArray[np.float32]:
    """Random occupancies that rise and fall by more than 0.1 from slice to slice: small changes keep off kinks."""
    volumes = 0.05 + 0.4 * np.random.default_rng(0).random((n, *shape), dtype=np.float32)
    volumes[:, 1::2] += 0.5
    return volumes


def sphere_volume(n: int, radius: float, sub: int = 4) -> NDArray[np.float32]:
    """Coverage of a centred sphere, (1, n, n, n), by sub^3 samples in every voxel."""
    square = ((np.arange(n * sub) + 0.5) * BOX / (n * sub) - BOX / 2) ** 2
    coverage = np.empty((1, n, n, n), dtype=np.float32)
    for z in range(n):
        slab = square[z * sub : (z + 1) * sub, None, None] + square[:, None] + square
        coverage[0, z] = (slab <= radius**2).reshape(sub, n, sub, n, sub).mean(axis=(0, 2, 4))
    return coverage


def published_volumes(root: Path, n: int) -> NDArray[np.float32]:
    """The first published validation volumes of the sample set, (n, 192, 192, 192)."""
    return np.stack([read_volume(path) for path in sorted(root.glob("val/real/**/*r.png"))[:n]])


def coarser(volumes: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Averages over blocks of voxels."""
    n, z, y, x = (size // f for size, f in zip(volumes.shape, (1, factor, factor, factor), strict=True))
    return volumes.reshape(n, z, factor, y, factor, x, factor).mean(axis=(2, 4, 6))


def random_fields(shape: tuple[int, ...], seed: int = 1) -> NDArray[np.complex128]:
    """Complex normal numbers."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=shape) + 1j * generator.normal(size=shape)
