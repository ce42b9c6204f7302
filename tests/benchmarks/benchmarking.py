"""What the benchmark scripts share: bodies to measure on, clocks, the machine's name, tables, JSON."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from scatterkit.augmentation import SimulatedExperiment
from scatterkit.datasets import read_volume
from scatterkit.datasets.published._locate import local_roots
from scatterkit.solids import Rasterizer, Solid

Array = NDArray[Any]
FULL = 192
NAMES = ("icosahedron", "truncated_octahedron", "cube", "dodecahedron", "octahedron")


def bodies(n: int) -> tuple[Array, str]:
    """Volumes on the full grid, and where they are from: published ones where the sample set is found."""
    paths = [path for root in local_roots() for path in sorted(root.glob("val/real/**/*r.png"))][:n]
    if paths:
        return np.stack([read_volume(path) for path in paths]), "published volumes"
    solids = [
        Solid.from_catalogue(NAMES[i % len(NAMES)], circumradius=60.0 + 10 * (i % 5)).rotate(
            Rotation.random(random_state=i)
        )
        for i in range(n)
    ]
    return np.asarray(Rasterizer(grid=FULL).transform(solids)), "simulated polyhedra"


def coarser(volumes: Array, n: int) -> Array:
    """Averages over blocks of voxels."""
    f = volumes.shape[1] // n
    return volumes.reshape(len(volumes), n, f, n, f, n, f).mean(axis=(2, 4, 6)).astype(np.float32)


def as_recorded(patterns: Array) -> Array:
    """Patterns with artifacts without values below zero: shifts by splines swing there, no detector's picture does."""
    return np.maximum(patterns, 0)


def with_artifacts(patterns: Array, seed: int) -> tuple[Array, Array, dict[str, Array]]:
    """Patterns (n, y, x) of the published simulated experiment, their masks, and what was drawn."""
    experiment = SimulatedExperiment()
    params = experiment.sample_params(len(patterns), random_state=seed)
    masks = np.asarray(experiment.apply_mask(np.ones_like(patterns), params)) > 0.5
    return as_recorded(np.asarray(experiment.apply(patterns, params))), masks, params


def times(work: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of every repeat."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return found


def fastest_repeat(work: Callable[[], Any], repeats: int) -> float:
    """Seconds of the fastest repeat: what the machine can do when nothing else wants it."""
    return min(times(work, repeats))


def sgemm_rate(repeats: int) -> float:
    """Multiply-adds a second of a large single-precision matrix product."""
    a = np.random.default_rng(0).random((1024, 1024), dtype=np.float32)
    return len(a) ** 3 / fastest_repeat(lambda: a @ a, max(repeats, 10))


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """What the figures were measured with."""
    packages = ("numpy", "scipy", "numba", "pyfftw", "scatterkit")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def print_machine() -> dict[str, Any]:
    """Print in one line what the figures are measured with, and give it."""
    about = machine()
    print(", ".join(f"{name} {value}" for name, value in about.items()), flush=True)
    return about


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print text in columns, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        first, *others = zip(row, widths, strict=True)
        cells = [f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others)]
        print("  ".join(cells))


def shown(value: float | None, form: str, unit: str = "") -> str:
    """A number in a form, or a dash."""
    return "-" if value is None else format(value, form) + unit


def write_json(content: Any, path: Path) -> Path:
    """Write, making the folder; give the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path
