"""Memory does not grow over a run, however long it is and however large its blocks are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import resource, sys
import scatterkit as sk
generator = sk.DatasetGenerator(
    rasterizer=sk.Rasterizer(grid=96, mode="binary"), occupancy="bits", shard_size=int(sys.argv[2]),
    simulator=sk.MSFTSimulator(detector=sk.QGrid(64)),
)
generator.generate(sys.argv[1], int(sys.argv[3]), verbose=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_is_flat(tmp_path: Path) -> None:
    def peak(shard_size: int, n_samples: int) -> float:
        """Largest memory of a run [MB]."""
        path = tmp_path / f"set{shard_size}-{n_samples}.zarr"
        command = [sys.executable, "-c", SCRIPT, str(path), str(shard_size), str(n_samples)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return int(subprocess.run(command, capture_output=True, check=True, env=environment).stdout) / 1024

    short = peak(16, 32)
    # a volume is 0.9 MB as it is stored: 500 of them, or a block of 256 held as a whole, would be hundreds
    assert peak(16, 500) < short + 40
    assert peak(256, 500) < short + 40
