"""How much of a set is read at once and kept, before anything is read."""

from __future__ import annotations

import numpy as np
import pytest

from scatterkit.datasets import as_keras
from scatterkit.datasets.feeding._sources import Column, Source

pytestmark = pytest.mark.usefixtures("keras")


def on_disk(folder, n, grid):
    """A set in files that take no space until they are written."""
    shapes = {"pattern": ((n, 128, 128), np.uint16), "volume": ((n, grid, grid, grid), np.uint8)}
    return {
        name: np.memmap(folder / name, dtype, mode="w+", shape=shape)
        for name, (shape, dtype) in shapes.items()
    }


@pytest.mark.parametrize(
    ("grid", "samples_mixed", "most_in_a_run"), [(64, 1024, 128), (192, 62, 9), (512, 4, 1)]
)
def test_windows_fit_a_gigabyte_by_default(tmp_path, grid, samples_mixed, most_in_a_run):
    n, sample = 1500, 2 * 128**2 + grid**3
    batches = as_keras(on_disk(tmp_path, n, grid), 4)
    shuffler = batches._stream._shuffler
    assert max(len(run.samples) for run in shuffler.runs) == most_in_a_run
    assert samples_mixed <= shuffler.largest_window() < samples_mixed + most_in_a_run
    windows = 2 * shuffler.largest_window() * sample
    assert windows <= 1e9 or shuffler.largest_window() == 4  # one batch at least
    batch = 2 * 4 * (4 * (128**2 + grid**3) + sample)
    assert batches.max_bytes == windows + 4 * batch


def test_the_window_follows_its_parameter(tmp_path):
    source = on_disk(tmp_path, 300, 64)
    small, large = (as_keras(source, 8, buffer_size=b).max_bytes for b in (16, 64))
    assert large - small == 2 * 48 * (2 * 128**2 + 64**3)


def column(blocks, *shape):
    made = Column(np.broadcast_to(np.uint8(0), (512, *shape)))
    made.blocks = blocks
    return made


@pytest.mark.parametrize(
    ("patterns", "volumes", "grid", "run"),
    [
        ((16, 256), (8, 256), 64, 128),
        ((32, 256), (1, 256), 192, 9),  # patterns are read in parts of their chunk
        ((32, 256), (16, 256), 192, 16),  # volumes are not
        ((100, 100), (100, 100), 64, 100),
        ((256, 256), (8, 256), 16, 256),
    ],
)
def test_runs_are_chunks_of_the_largest_variable_at_least(patterns, volumes, grid, run):
    source = Source({"pattern": column(patterns, 64, 64), "volume": column(volumes, grid, grid, grid)})
    assert source.run == run
