"""The files of a `BodyPool`: blocks of bodies, each written whole or not at all, by any number of processes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from scatterkit.datasets._errors import bad_file
from scatterkit.datasets.generation._images import quantize
from scatterkit.datasets.generation._journal import Journal
from scatterkit.datasets.generation._samples import without_threads
from scatterkit.datasets.generation._store import sync_folder
from scatterkit.datasets.schema import NORMALS, OFFSETS, PATTERN
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.simulation.kernels.threads import numba_threads, single_blas_thread
from scatterkit.solids import Rasterizer, Solid
from scatterkit.solids._sampling import BodySampler

N_PLANES = 64
"""Half-spaces that are stored of each body."""
FAR = 1e4
"""Distance [nm] of those that a body does not need."""
GRID = 64
"""Voxels along each axis of the volumes that patterns are simulated from."""
_AT_ONCE = 32
_OWNER = "BodyPool"


def row_dtype(shape: tuple[int, ...]) -> np.dtype[Any]:
    """Give the type of a stored body whose pattern has a shape."""
    fields = [(PATTERN, "<u2", shape), (NORMALS, "<f4", (N_PLANES, 3)), (OFFSETS, "<f4", (N_PLANES,))]
    return np.dtype(fields)


def blocks_of(n_samples: int, block_size: int) -> list[range]:
    """Give the samples of each block."""
    return [range(start, min(start + block_size, n_samples)) for start in range(0, n_samples, block_size)]


def block_path(root: Path, samples: range) -> Path:
    """Give the file of a block."""
    return root / f"bodies-{samples.start:09d}-{samples.stop:09d}.npy"


def open_block(path: Path) -> NDArray[Any]:
    """Give the bodies of a file, mapped into memory."""
    allowed = "a folder of whole files that make_pool wrote"
    try:
        # a file without bodies cannot be mapped
        with open(path, "rb") as stream:
            np.lib.format.read_magic(stream)
            shape = np.lib.format.read_array_header_1_0(stream)[0]
        rows = np.load(path, mmap_mode="r" if shape[0] else None)
    except (OSError, ValueError) as error:
        raise bad_file(path, _OWNER, allowed, f"which is damaged ({error})") from error
    if rows.ndim != 1 or rows.dtype.names != (PATTERN, NORMALS, OFFSETS):
        raise bad_file(path, _OWNER, allowed, f"an array of shape {rows.shape} and type {rows.dtype}")
    return rows


@dataclass(frozen=True)
class PoolTask:
    """Writes any block of a pool, in any process that sees the folder."""

    root: str
    token: str
    n_samples: int
    block_size: int
    sampler: BodySampler
    simulator: MSFTSimulator
    scaler: LogScaler

    def __call__(self, block: int) -> int:
        """Write a block; gives its number."""
        samples = blocks_of(self.n_samples, self.block_size)[block]
        target = block_path(Path(self.root), samples)
        with Journal(Path(self.root)).writing(self.token) as folder:
            with single_blas_thread(), numba_threads(1):
                rows = self._rows(samples)
            with open(folder / target.name, "wb") as stream:
                np.save(stream, rows)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(folder / target.name, target)
            sync_folder(target.parent)
        return block

    def _rows(self, samples: range) -> NDArray[Any]:
        sampler, simulator = clone(self.sampler), without_threads(self.simulator, 1)
        rasterizer = Rasterizer(grid=GRID, box=simulator.box, n_jobs=1)
        rows = np.zeros(len(samples), row_dtype(simulator.plan((GRID,) * 3).detector_shape))
        count = 0
        for start in range(samples.start, samples.stop, _AT_ONCE):
            drawn = sampler.sample(min(_AT_ONCE, samples.stop - start), start=start)
            kept = [solid for solid in drawn if has_few_planes(solid)]
            if not kept:
                continue
            part = rows[count : count + len(kept)]
            patterns = simulator.transform(rasterizer.transform(kept))
            quantize(self.scaler.transform(patterns), part[PATTERN])
            for row, solid in zip(part, kept, strict=True):
                row[NORMALS], row[OFFSETS] = padded_planes(solid)
            count += len(kept)
        return rows[:count]


def has_few_planes(solid: Solid) -> bool:
    """Whether a body is convex and has no more faces than are stored."""
    return bool(solid.is_convex) and len(solid.offsets) <= N_PLANES


def padded_planes(solid: Solid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the half-spaces of a convex body, and far ones up to the number that is stored."""
    normals = np.tile(np.array([0, 0, 1], np.float32), (N_PLANES, 1))
    offsets = np.full(N_PLANES, FAR, np.float32)
    n = len(solid.offsets)
    normals[:n], offsets[:n] = solid.normals, solid.offsets
    return normals, offsets
