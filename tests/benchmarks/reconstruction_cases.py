"""Cases of the reconstruction benchmark: published rows whose true patterns are simulated once and kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from fit_trials import GRID, Case, case_of, mean_width, true_intensity_and_volume

from scatterkit.datasets import SampleRow, read_table

TABLES = {"test": Path("test") / "infos1.csv", "validation": Path("val") / "infos14.csv"}
"""Bodies that were cut, and bodies as the published training set has them."""
BLOCK = 3**3
"""Voxels of the published volumes in one of the volumes that are compared."""


class Task(NamedTuple):
    """A row of a published table, and which pattern of it is reconstructed."""

    split: str
    row: SampleRow
    patterns: str


def rows_of(root: Path, split: str, n: int | None) -> list[SampleRow]:
    """All rows of a table, or so many evenly spaced ranks by size."""
    rows = read_table(root / TABLES[split])
    if n is None or n >= len(rows):
        return rows
    ordered = sorted(rows, key=lambda row: row.size)
    return [ordered[int(rank)] for rank in np.linspace(0, len(rows) - 1, n).round()]


def cached_case(task: Task, folder: Path) -> tuple[Case, float]:
    """The case of a row, simulated if it is not in the folder yet, and the mean width of the true body in nm."""
    path = folder / f"{task.split}_{task.row.nr}.npz"
    if not path.is_file():
        _write(path, *true_intensity_and_volume(task.row))
    with np.load(path) as stored:
        intensity, volume = stored["intensity"], stored["filled"].astype(np.float32) / BLOCK
        width = float(stored["width"])
    return case_of(task.row, task.patterns, intensity, volume), width


def _write(path: Path, intensity: Any, volume: Any) -> None:
    """Write by a temporary name: a run may be cut."""
    assert volume.shape == (GRID, GRID, GRID)
    path.parent.mkdir(parents=True, exist_ok=True)
    filled = np.round(BLOCK * volume).astype(np.uint8)
    temporary = path.with_name(f"{path.stem}.{os.getpid()}.part.npz")
    np.savez_compressed(temporary, intensity=intensity, filled=filled, width=mean_width(volume))
    temporary.replace(path)
