"""How fast data sets are generated, how large they are, and how much memory that takes.

    python tests/benchmarks/bench_generation.py [--samples 2000] [--n-jobs 2] [--total 140000] [--output FILE]

Each configuration is run once at full length, on a folder that is removed afterwards; the time includes starting the
workers. Memory is that of all processes together, sampled during the run. Prints a table, writes JSON.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from benchmarking import machine, print_table, write_json

from scatterkit import DatasetGenerator, LogScaler, MSFTSimulator, Rasterizer, SolidSampler
from scatterkit.datasets import published_simulator
from scatterkit.simulation.kernels.threads import single_blas_thread

INTERVAL = 0.2
WARM = 0.6
"""Share of a run that does not count for the slope of memory: workers start, caches fill."""
MEGABYTE = 1e6


def configurations() -> dict[str, dict[str, Any]]:
    """Give the parameters of the generators that are measured, by name."""
    sampler = SolidSampler(stretch=(0.5, 2.0))
    binary = {"rasterizer": Rasterizer(grid=192, mode="binary"), "occupancy": "bits"}
    return {
        "64^3 anti-aliased": {"sampler": sampler, "rasterizer": Rasterizer(grid=64)},
        "192^3 as published": {"sampler": sampler, **binary, "simulator": published_simulator()},
        "192^3, centred grid": {
            "sampler": sampler,
            **binary,
            "simulator": MSFTSimulator(voxel_response="point", self_absorption="full"),
        },
    }


class MemoryProfile:
    """Memory of this process and all those that it started, sampled on a thread of its own."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.used: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryProfile:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        here = psutil.Process()
        while not self._stop.wait(INTERVAL):
            total = 0
            for process in (here, *here.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.times.append(time.perf_counter())
            self.used.append(total)

    @property
    def peak(self) -> float:
        """Largest use in MB."""
        return max(self.used, default=0) / MEGABYTE

    def slope(self, per_second: float) -> float | None:
        """Growth in MB per 1000 samples, least squares over the run after it is warm; None of a short run."""
        moments = np.array(self.times)
        late = moments >= moments[0] + WARM * np.ptp(moments) if len(moments) else np.zeros(0, bool)
        if late.sum() < 10:
            return None
        growth = np.polyfit(moments[late], np.array(self.used)[late] / MEGABYTE, 1)[0]
        return float(growth * 1000 / per_second)


def run(parameters: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Generate one set; give rates, sizes and memory."""
    generator = DatasetGenerator(**parameters, random_state=options.seed)
    generator.sample(1)  # compiles, or loads what was compiled
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "set.zarr"
        with MemoryProfile() as memory:
            start = time.perf_counter()
            generator.generate(path, options.samples, n_jobs=options.n_jobs, verbose=False)
            seconds = time.perf_counter() - start
        stored = {part.name: _size(part) for part in path.iterdir() if part.is_dir()}
        total = _size(path)
    n = options.samples
    return {
        "samples": n,
        "n_jobs": options.n_jobs,
        "seconds": round(seconds, 2),
        "samples_per_second": round(n / seconds, 2),
        "core_milliseconds_per_sample": round(1e3 * seconds * options.n_jobs / n, 2),
        "minutes_for_total": round(seconds * options.total / n / 60, 1),
        "bytes_per_sample": round(total / n),
        "bytes_per_sample_by_variable": {k: round(v / n) for k, v in sorted(stored.items()) if v / n >= 1},
        "gigabytes_for_total": round(total / n * options.total / 1e9, 2),
        "peak_megabytes": round(memory.peak, 1),
        "megabytes_per_1000_samples": _rounded(memory.slope(n / seconds)),
        "memory_samples": len(memory.used),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def stages(parameters: dict[str, Any], options: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of every stage per sample, on one thread; what is left of a whole run is storing."""
    sampler = parameters["sampler"].__class__(**parameters["sampler"].get_params())
    sampler.set_params(random_state=options.seed)
    rasterizer = parameters["rasterizer"]
    simulator = parameters.get("simulator", MSFTSimulator()).set_params(n_threads=1)
    scaler, n = LogScaler(), options.stage_samples
    spent = dict.fromkeys(("draw", "build", "rasterize", "simulate", "scale"), 0.0)

    def timed(name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = work()
        spent[name] += time.perf_counter() - start
        return result

    with single_blas_thread():
        for descriptor in sampler.sample_params(300):  # the axes of every class are found once, and its faces
            rasterizer.transform([sampler.build(descriptor)])
        descriptors = timed("draw", lambda: sampler.sample_params(n))
        for descriptor in descriptors:
            body = timed("build", lambda d=descriptor: sampler.build(d))
            volume = timed("rasterize", lambda b=body: rasterizer.transform([b]))
            intensity = timed("simulate", lambda v=volume: simulator.transform(v))
            timed("scale", lambda i=intensity: scaler.transform(i))
    found = {name: round(1e3 * seconds / n, 3) for name, seconds in spent.items()}
    found["store"] = round(_single(parameters, options) - sum(found.values()), 3)
    return found


def _single(parameters: dict[str, Any], options: argparse.Namespace) -> float:
    """Milliseconds per sample of a run in this process alone."""
    generator = DatasetGenerator(**parameters, random_state=options.seed)
    n = options.stage_samples
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        start = time.perf_counter()
        generator.generate(Path(folder) / "set.zarr", n, verbose=False)
        return 1e3 * (time.perf_counter() - start) / n


def report(figures: dict[str, dict[str, Any]], total: int) -> None:
    """Print one line for each configuration, and one table of the stages."""
    header = ("set", "samples/s", "core ms", f"min for {total:,}", "bytes/sample", "peak MB", "MB/1000")
    rows = []
    for name, found in figures.items():
        slope = found["megabytes_per_1000_samples"]
        rows.append(
            (
                name,
                f"{found['samples_per_second']:.1f}",
                f"{found['core_milliseconds_per_sample']:.1f}",
                f"{found['minutes_for_total']:.1f}",
                f"{found['bytes_per_sample']:,}",
                f"{found['peak_megabytes']:.0f}",
                "-" if slope is None else f"{slope:+.2f}",
            )
        )
    print_table(header, rows)
    print("\nmilliseconds per sample on one core, by stage")
    names = list(next(iter(figures.values()))["stages"])
    print_table(
        ("set", *names),
        [(name, *(f"{found['stages'][stage]:.2f}" for stage in names)) for name, found in figures.items()],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    known = configurations()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=2000, help="samples of every run")
    parser.add_argument("--n-jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--total", type=int, default=140_000, help="samples that the time is extrapolated to")
    parser.add_argument("--stage-samples", type=int, default=256, help="samples that stages are timed on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", choices=list(known), action="append", help="measure this set; may be repeated"
    )
    parser.add_argument("--folder", type=Path, default=None, help="where sets are written and removed")
    parser.add_argument("--output", type=Path, default=Path("benchmark_output/generation.json"))
    options = parser.parse_args(arguments)
    content: dict[str, Any] = {"machine": machine()}
    figures = {}
    for name in options.only or known:
        figures[name] = run(known[name], options)
        figures[name]["stages"] = stages(known[name], options)
    report(figures, options.total)
    print(f"written: {write_json(content | {'sets': figures}, options.output)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
