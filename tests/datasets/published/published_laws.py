"""The laws by which the published tables were drawn: statistics, wrong laws, and bodies made again from rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from scatterkit.datasets import (
    DatasetGenerator,
    TableSampler,
    fit_published,
    published_simulator,
    read_pattern,
    read_table,
    read_volume,
)
from scatterkit.solids import Rasterizer
from scatterkit.solids.catalogue import PUBLISHED, canonical_name

WHOLE, CHOPPED = ("train/infos1.csv", "val/infos14.csv"), ("test/infos1.csv",)
FULL_NM = 154.75
"""What a size of 1 is in nm in the published volumes, as geometric mean of the three axes."""

FEW = 5
"""Bodies that are made at once."""


def column(items: Iterable[Any], name: str) -> NDArray[np.float64]:
    """The values of a field, without the rows that lack it."""
    return np.array([getattr(item, name) for item in items if getattr(item, name) is not None], float)


def turned(rows: Iterable[Any]) -> list[Any]:
    """Rows of bodies that are turned: the whole spheres of the first table stand as they are."""
    return [row for row in rows if row.theta != 0]


def alike(a: Any, b: Any) -> float:
    """p of the Kolmogorov-Smirnov test for two samples."""
    return float(stats.ks_2samp(a, b).pvalue)


def shares(names: Iterable[str]) -> float:
    """p of the chi-square test for equally likely classes."""
    counts = Counter(map(canonical_name, names))
    assert set(counts) <= set(PUBLISHED)
    return float(stats.chisquare([counts[name] for name in PUBLISHED]).pvalue)


WRONG: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "theta, uniform in angle": ("theta", lambda u: np.pi * u),
    "phi, half a circle": ("phi", lambda u: np.pi * (u - 0.5)),
    "alpha, from zero": ("alpha", lambda u: 2 * np.pi * u),
    "size, uniform in volume": ("size", lambda u: (0.2**3 + (1 - 0.2**3) * u) ** (1 / 3)),
    "stretch, no limit": ("stretch", lambda u: 0.5 + 1.5 * u),
    "cut, from zero": ("cut", lambda u: u),
}
"""Other laws, by what is wrong with them: a field, and its values from uniform numbers."""


def agreement(root: Path, names: Sequence[str], n: int) -> NDArray[np.float64]:
    """IoU and correlation of n generated samples with the published volumes and patterns, ``(n, 2)``."""
    given = [row for name in names for row in read_table(root / name) if not row.is_random]
    taken = [given[i] for i in np.linspace(0, len(given) - 1, n).astype(int)]
    generator = DatasetGenerator(
        sampler=TableSampler(TableSampler(taken).sample_params(n)),
        rasterizer=Rasterizer(grid=192, mode="binary"),
        simulator=published_simulator(),
        scaler=None,
        occupancy="bits",
        pattern_dtype="float32",
    )
    figures = []
    for start in range(0, n, FEW):
        samples = generator.sample(min(FEW, n - start), start=start)
        for row, made, pattern in zip(
            taken[start : start + FEW], samples.volume.values, samples.pattern.values, strict=True
        ):
            shown = read_volume(row.volume_path) > 0.5
            fit = fit_published(read_pattern(row.pattern_path), pattern)
            figures.append((np.sum(shown & (made > 0.5)) / np.sum(shown | (made > 0.5)), fit.correlation))
    return np.array(figures)
