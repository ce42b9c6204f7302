"""Speed, memory and accuracy of the simulator's kernels, beside the published formula and pyMSFT.

    python tests/benchmarks/bench_simulation.py [--bodies N] [--repeats N] [--threads N] [--output FOLDER]

Prints one table and writes it as JSON. Times are per pattern: per body the fastest repeat, of which the median
over the bodies; for a batch the fastest repeat over its size. Ratios compare times of this very run, of as many
repeats on both sides; the plain formula runs on one thread, in double precision. "sgemm" is
the part of the measured rate of single-precision matrix products that the counted multiply-adds reach,
"memory" what the process grew by at most, forward and adjoint, the volumes not counted. "deviation" is the
largest one from the reference kernel, relative to the largest field.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarking import (
    FULL,
    Array,
    bodies,
    coarser,
    fastest_repeat,
    machine,
    print_table,
    sgemm_rate,
    shown,
    write_json,
)
from peers import PYMSFT_MODES, SILVER, plain_formula, pymsft, pymsft_module
from threadpoolctl import threadpool_limits

from scatterkit.experiment import FlatDetector
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels import reference
from scatterkit.simulation.kernels._slice_kernels import bounding_box
from scatterkit.simulation.kernels.costs import matrix_multiply_adds

HEADER = (
    "kernel",
    "mode",
    "grid",
    "batch",
    "forward",
    "+ adjoint",
    "to plain",
    "to pyMSFT",
    "GFLOP/s",
    "sgemm",
    "memory",
    "deviation",
)
PHYSICAL = {"absorption": "index", "refractive_index": SILVER}


@dataclass(frozen=True)
class Case:
    """What to measure: a kernel, a way of propagation, how many bodies at a time."""

    kernel: str
    propagation: str = "msft"
    batch: int = 1
    tilted: bool = False

    def simulator(self, n_threads: int | None) -> MSFTSimulator:
        """The simulator, with the published detector or one that no symmetry helps."""
        detector = (
            FlatDetector(n_pixels=128, pixel_size=0.5, distance=28.0, tilt=(0.05, 0.1))
            if self.tilted
            else None
        )
        physical = {} if self.propagation == "msft" else PHYSICAL
        return MSFTSimulator(
            backend=self.kernel,
            propagation=self.propagation,
            n_threads=None if self.kernel == "keras" else n_threads,
            detector=detector,
            **physical,
        )


@dataclass(frozen=True)
class Line:
    """One line of the table; times in ms, memory in MB."""

    kernel: str
    mode: str
    grid: int
    detector: str
    batch: int
    forward: float
    with_adjoint: float | None = None
    over_plain: float | None = None
    over_pymsft: float | None = None
    gflops: float | None = None
    sgemm_part: float | None = None
    memory: float | None = None
    deviation: float | None = None

    def cells(self) -> list[str]:
        """The line as text."""
        return [
            self.kernel,
            self.mode,
            str(self.grid),
            str(self.batch),
            shown(self.forward, ".2f", " ms"),
            shown(self.with_adjoint, ".2f", " ms"),
            shown(self.over_plain, ".1f", " x"),
            shown(self.over_pymsft, ".1f", " x"),
            shown(self.gflops, ".1f"),
            shown(self.sgemm_part, ".0%"),
            shown(self.memory, ".0f", " MB"),
            shown(self.deviation, ".0e"),
        ]


def cases(keras: bool) -> list[Case]:
    """Everything of ours that is measured on a grid."""
    found = [Case("matrix"), Case("matrix", batch=8), Case("fft"), Case("fft", batch=8)]
    found += [Case("auto", mode, batch) for mode in ("pmsft", "wide", "hare", "born") for batch in (1, 8)]
    found.append(Case("pixels", tilted=True))
    return found + ([Case("keras", batch=8), Case("keras", "pmsft", 8)] if keras else [])


def median_time(works: Iterable[Callable[[], Any]], repeats: int) -> float:
    """Seconds of the fastest repeat, the median over the bodies."""
    return float(np.median([fastest_repeat(work, repeats) for work in works]))


class Peers:
    """Times of the plain formula and of pyMSFT on one grid, in seconds a pattern."""

    def __init__(self, volumes: Array, repeats: int) -> None:
        n = volumes.shape[1]
        plan = MSFTSimulator(self_absorption="full", voxel_response="point").plan((n, n, n))
        self.plain = median_time((partial(plain_formula, volume, plan) for volume in volumes), repeats)
        self.pymsft: dict[str, float] = {}
        if pymsft_module() is None:
            return
        with np.errstate(divide="ignore", invalid="ignore"):
            for mode in PYMSFT_MODES:
                works = (pymsft(mode, volume) for volume in volumes)
                self.pymsft[mode] = median_time((work for work in works if work is not None), repeats)

    def lines(self, grid: int) -> Iterator[Line]:
        """Their lines of the table."""
        yield Line("plain formula", "msft", grid, "128 x 128", 1, 1e3 * self.plain, over_plain=1.0)
        for mode, time in self.pymsft.items():
            detector = f"{2 * grid} x {2 * grid}"
            yield Line("pyMSFT", mode, grid, detector, 1, 1e3 * time, None, self.plain / time, 1.0)


def parts_of(volumes: Array, batch: int) -> list[Array]:
    """Batches: every body alone, or all bodies over and over."""
    return [v[None] for v in volumes] if batch == 1 else [np.resize(volumes, (batch, *volumes.shape[1:]))]


def deviation(case: Case, volume: Array) -> float | None:
    """Largest deviation from the reference kernel relative to the largest field; that takes long on fine grids."""
    if volume.shape[1] > 64 and (case.tilted or case.propagation != "msft"):
        return None
    simulator = case.simulator(None)
    exact = reference.field(volume, simulator.plan(volume.shape[1:]))
    return float(np.abs(simulator.field(volume) - exact).max() / np.abs(exact).max())


def multiply_adds(case: Case, volumes: Array) -> float | None:
    """Of the matrix kernel, mean over the bodies."""
    if case.kernel != "matrix":
        return None
    plan = case.simulator(None).plan(volumes.shape[1:])
    extents = (np.diff(bounding_box(volume))[:, 0].tolist() for volume in volumes)
    return float(np.mean([matrix_multiply_adds(plan, (z, y, x)) for z, y, x in extents]))


def measure(case: Case, volumes: Array, peers: Peers, rate: float, options: argparse.Namespace) -> Line:
    """Measure one line."""
    simulator, grid = case.simulator(options.threads), volumes.shape[1]
    forward, both = [], []
    for part in parts_of(volumes, case.batch):
        gradient = np.ones((len(part), *simulator.plan(part.shape[1:]).detector_shape), dtype=np.float32)

        def with_adjoint(part: Array = part, gradient: Array = gradient) -> None:
            simulator.vjp(part)[1](gradient)

        with_adjoint()  # all is compiled and planned by now
        simulator.transform(part)
        forward.append(
            fastest_repeat(lambda part=part: simulator.transform(part), options.repeats) / len(part)
        )
        both.append(fastest_repeat(with_adjoint, options.repeats) / len(part))
    time, work = float(np.median(forward)), multiply_adds(case, volumes)
    pymsft_time = peers.pymsft.get(case.propagation)
    return Line(
        kernel=case.kernel + (", tilted" if case.tilted else ""),
        mode=case.propagation,
        grid=grid,
        detector="128 x 128",
        batch=case.batch,
        forward=1e3 * time,
        with_adjoint=1e3 * float(np.median(both)),
        over_plain=peers.plain / time if case.propagation == "msft" else None,
        over_pymsft=None if pymsft_time is None else pymsft_time / time,
        gflops=None if work is None else 2e-9 * work / time,
        sgemm_part=None if work is None else work / time / rate,
        memory=memory_in_child(case, grid, options.threads),
        deviation=deviation(case, volumes[:1]),
    )


def memory_in_child(case: Case, grid: int, n_threads: int) -> float | None:
    """Growth of a fresh process's memory in MB; None where the system does not tell."""
    arguments = [
        case.kernel,
        case.propagation,
        str(case.batch),
        str(int(case.tilted)),
        str(grid),
        str(n_threads),
    ]
    command = [sys.executable, __file__, "--memory-of", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return float(answer[-1]) if answer and answer[-1] != "None" else None


def print_memory(arguments: list[str]) -> None:
    """What a child does: simulate once, forward and adjoint, and print by how much the peak grew."""
    kernel, propagation, batch, tilted, grid, n_threads = arguments
    case = Case(kernel, propagation, int(batch), bool(int(tilted)))
    simulator, n = case.simulator(int(n_threads)), int(grid)
    r = np.linalg.norm(np.indices((n, n, n)) - n / 2 + 0.5, axis=0)
    volumes = np.repeat((r < n / 4)[None].astype(np.float32), case.batch, axis=0)
    tiny = np.zeros((case.batch, 8, 8, 8), dtype=np.float32)
    tiny[:, 3:5, 3:5, 3:5] = 1
    if kernel != "fft":
        intensities, pull = simulator.vjp(tiny)  # loads the code, so that its size does not count
        pull(intensities)
    before = peak_memory(reset=True)
    intensities, pull = simulator.vjp(volumes)
    pull(intensities)
    after = peak_memory()
    print(None if before is None or after is None else after - before)


def peak_memory(*, reset: bool = False) -> float | None:
    """Largest resident memory of this process so far in MB, on Linux."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def lines_of_grid(volumes: Array, rate: float, options: argparse.Namespace) -> Iterator[Line]:
    """Measure everything on one grid."""
    peers = Peers(volumes, options.repeats)
    yield from peers.lines(volumes.shape[1])
    keras = importlib.util.find_spec("keras") is not None and volumes.shape[1] <= 64
    for case in cases(keras):
        line = measure(case, volumes, peers, rate, options)
        print("  ".join(line.cells()), file=sys.stderr)  # progress; the table comes at the end
        yield line


def main(arguments: list[str]) -> None:
    """Run the benchmark."""
    if arguments[:1] == ["--memory-of"]:
        print_memory(arguments[1:])
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bodies", type=int, default=5, help="bodies to take the median over")
    parser.add_argument(
        "--repeats", type=int, default=7, help="repeats of which the fastest counts, of peers too"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--grids", type=int, nargs="+", default=[64, FULL], help="64, 192 or both")
    parser.add_argument("--output", type=Path, default=Path("benchmark_output"))
    options = parser.parse_args(arguments)
    volumes, source = bodies(options.bodies)
    about = machine()
    with threadpool_limits(options.threads):
        rate = sgemm_rate(options.repeats)
        print(f"{about['processor']}, {options.threads} threads, sgemm {rate / 1e9:.1f} G multiply-adds/s")
        print(f"{len(volumes)} {source}, detector of 128 x 128 pixels")
        lines = [
            line for grid in options.grids for line in lines_of_grid(coarser(volumes, grid), rate, options)
        ]
    if not any(line.kernel == "pyMSFT" for line in lines):
        print("pyMSFT is not installed: `make bench` installs it")
    print_table(HEADER, [line.cells() for line in lines])
    content = {"machine": about, "threads": options.threads, "sgemm": rate, "bodies": source}
    path = write_json(
        {**content, "lines": [asdict(line) for line in lines]}, options.output / "simulation.json"
    )
    print(f"written to {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
