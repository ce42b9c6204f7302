"""Small generators, and directory trees as dictionaries, for the tests of generated sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scatterkit as sk
from scatterkit.datasets.generation._journal import Journal

N_SAMPLES = 22
SHARD = 4


def small_generator(**parameters: Any) -> sk.DatasetGenerator:
    """A generator of 16^3 volumes and 16 x 16 patterns, four samples to a block."""
    given: dict[str, Any] = {
        "sampler": sk.SolidSampler(cut=(0.2, 1.0), cut_probability=0.5),
        "rasterizer": sk.Rasterizer(grid=16),
        "simulator": sk.MSFTSimulator(detector=sk.QGrid(16, dq=0.02)),
        "random_state": 3,
        "shard_size": SHARD,
        "chunk_size": 2,
    }
    return sk.DatasetGenerator(**(given | parameters))


class Noisy(sk.MSFTSimulator):
    """A simulator that draws noise."""

    def __init__(self, detector: Any = None, random_state: Any = None) -> None:
        super().__init__(detector=detector)
        self.random_state = random_state

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return ["detector", "random_state"]

    def transform(self, X: Any) -> Any:
        patterns = super().transform(X)
        noise = np.random.default_rng(self.random_state).random(patterns.shape, dtype=np.float32)
        return patterns * (1 + noise)


class Jitter(sk.Rasterizer):
    """A rasterizer that draws noise."""

    def __init__(self, grid: int = 16, random_state: Any = None) -> None:
        super().__init__(grid=grid)
        self.random_state = random_state

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return ["grid", "random_state"]

    def transform(self, X: Any) -> Any:
        volumes = super().transform(X)
        return volumes * np.random.default_rng(self.random_state).random(volumes.shape, dtype=np.float32)


class Plain(sk.SolidSampler):
    """A sampler whose descriptors are no data class."""

    def sample_params(self, n: int, *, start: int = 0) -> list[Any]:
        return [{"size": 100.0}] * n


class Interruption(Exception):  # noqa: N818  no error
    """What a test stops a run by."""


def begin(path: Path) -> Path:
    """Begin a set, and stop in the fourth block, between its files and its marker."""
    mark = Journal.mark

    def stop(self: Journal, block: int, n_samples: int, sizes: Any) -> None:
        if block == 3:
            raise Interruption
        mark(self, block, n_samples, sizes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "mark", stop)
        with pytest.raises(Interruption):
            small_generator().generate(path, N_SAMPLES, verbose=False)
    return path


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder by its path, and every folder as an empty entry."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else b""
        for path in sorted(root.rglob("*"))
    }
