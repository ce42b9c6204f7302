"""How fast a pool of bodies is made, and how fast batches come from it: views, half-spaces, artifacts or not.

    python tests/benchmarks/bench_pool.py [--samples N] [--seconds S] [--folder POOL] [--jobs N] [--output FILE]

Makes a pool of the published configuration (or goes on with that at --folder; bodies that were there do not count as
made), reads it as a training does, and makes surfaces and volumes of its half-spaces. Pin it to one core by taskset
for figures per core. Prints the machine and a table.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarking import print_machine, print_table, write_json

from scatterkit.augmentation import Augmenter
from scatterkit.datasets import BodyPool, make_pool
from scatterkit.datasets.feeding._pool_blocks import open_block
from scatterkit.reconstruction.training._supplies import Wishes, supply_of
from scatterkit.reconstruction.training._targets import targets_for
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels.tensor_backends import jit, keras
from scatterkit.solids import HalfSpaceSampler

BATCH = 32


def rate(make: Callable[[int], Any], limit: float) -> float:
    """Samples per second of batches, taken one after the other."""
    make(0)
    start, n = time.perf_counter(), 0
    while time.perf_counter() - start < limit:
        n += 1
        make(n)
    return n * BATCH / (time.perf_counter() - start)


def wishes(grid: int, **changed: Any) -> Wishes:
    """What a training by surfaces asks for."""
    defaults: dict[str, Any] = {
        "targets": ("surface",),
        "batch_size": BATCH,
        "augmenter": None,
        "simulator": MSFTSimulator(),
        "grid": grid,
        "simulated_grid": grid,
        "validation": 0,
        "seed": 0,
        "views": True,
        "owner": "bench_pool",
    }
    return Wishes(**defaults | changed)


def measured(pool: BodyPool, grid: int, limit: float) -> dict[str, float]:
    """Samples per second of the parts of a supply."""
    found = {}
    for name, changed in {
        "half-spaces": {"views": False},
        "half-spaces, views": {},
        "half-spaces, patterns, views": {"targets": ("pattern", "surface")},
        "half-spaces, views, artifacts": {"augmenter": Augmenter()},
    }.items():
        supply = supply_of(pool, None, None, wishes(grid, **changed))
        found[name] = rate(supply.at, limit)
        supply.close()
    _, normals, offsets = (keras.ops.convert_to_tensor(part) for part in pool.read(slice(0, BATCH)))
    for name in ("surface", "volume"):

        def targets(normals: Any, offsets: Any, name: str = name) -> Any:
            given = {"normals": normals, "offsets": offsets}
            return targets_for((name,), given, grid=grid, box=MSFTSimulator().box, posed=True)[name]

        compiled = jit(targets)
        found[f"{name} of half-spaces, grid {grid}"] = rate(
            lambda _, f=compiled: keras.ops.convert_to_numpy(f(normals, offsets)), limit
        )
    return found


def blocks(folder: Path) -> set[Path]:
    """The files of bodies in a pool: a block that grows gets another name."""
    return set(folder.glob("bodies-*.npy"))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each part")
    parser.add_argument("--folder", type=Path, help="a pool to go on with and to keep")
    parser.add_argument("--grid", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    about = print_machine()  # before it loads the machine itself
    with tempfile.TemporaryDirectory() as temporary:
        sampler = HalfSpaceSampler(random_state=0)
        make_pool(Path(temporary) / "warm", sampler, BATCH, n_jobs=1)  # kernels are compiled by now
        folder = options.folder or Path(temporary) / "pool"
        there = blocks(folder)
        start = time.perf_counter()
        pool = make_pool(folder, sampler, options.samples, n_jobs=options.jobs)
        elapsed = time.perf_counter() - start
        n_made = sum(len(open_block(path)) for path in blocks(folder) - there)
        found = {"made": n_made / elapsed} if n_made else {}
        found |= measured(pool, options.grid, options.seconds)
    print_table(["part", "samples per second"], [[name, f"{value:.0f}"] for name, value in found.items()])
    if options.output:
        content = {"machine": about, "samples per second": found}
        print(f"Written: {write_json(content, options.output)}")


if __name__ == "__main__":
    main()
