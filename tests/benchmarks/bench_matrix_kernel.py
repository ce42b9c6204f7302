"""Where the matrix kernel's time goes, and what batches and threads gain.

    python tests/benchmarks/bench_matrix_kernel.py [--bodies N] [--repeats N] [--threads N] [--batches N ...]

Per grid: the stages of the field of one body and of its gradient, in processor time of one thread, beside the time
that the counted multiply-adds take at the measured rate of a large single-precision matrix product; the fastest
repeat of a field, and of field and gradient, per body, for bodies alone and in batches; the plain formula's time over
it (NumPy's padded FFTs, the same bodies, the same run); and the part of the rate of that many threads.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from benchmarking import Array, bodies, coarser, fastest_repeat, print_table, sgemm_rate
from peers import plain_formula
from threadpoolctl import threadpool_limits

from scatterkit.simulation import MSFTPlan, MSFTSimulator
from scatterkit.simulation.kernels import _fold_kernels, _matrix_kernels, _quadrant_kernels, matrix
from scatterkit.simulation.kernels import _slice_kernels as slices
from scatterkit.simulation.kernels.costs import chosen_modes, matrix_multiply_adds
from scatterkit.simulation.kernels.threads import numba_threads


def extent(volume: Array) -> tuple[int, int, int]:
    """Slices, rows and columns of the bounding box."""
    z, y, x = np.diff(slices.bounding_box(volume))[:, 0].tolist()
    return z, y, x


def stages(volume: Array, plan: MSFTPlan, repeats: int) -> dict[str, float]:
    """Processor time [ms] of every stage, the fastest repeat."""
    spent: dict[str, float] = {}

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def work(*arguments: Any, **options: Any) -> Any:
            start = time.thread_time()
            result = function(*arguments, **options)
            name = function.__name__.removeprefix("_")
            spent[name] = min(1e3 * (time.thread_time() - start), spent.get(name, np.inf))
            return result

        return work

    watched: list[tuple[Any, str]] = [
        (matrix, "_bounding_box"),
        (_fold_kernels, "fold_rows"),
        (_fold_kernels, "unfold_rows"),
        (_matrix_kernels, "add_sums"),
        (_matrix_kernels, "spread_sums"),
        (_quadrant_kernels, "field_from_sums"),
        (_quadrant_kernels, "sums_from_field"),
    ]
    originals = [getattr(module, name) for module, name in watched]
    gradient = np.ones((1, *plan.detector_shape), dtype=np.complex64)
    try:
        for (module, name), original in zip(watched, originals, strict=True):
            setattr(module, name, timed(original))
        with numba_threads(1):
            for _ in range(repeats):
                timed(matrix.field)(volume[None], plan)
                timed(matrix.adjoint)(volume[None], plan, gradient, within_body=True)
    finally:
        for (module, name), original in zip(watched, originals, strict=True):
            setattr(module, name, original)
    return spent


def print_stages(volumes: Array, plan: MSFTPlan, rate: float, repeats: int) -> None:
    """Print the stages of some bodies."""
    rows: list[list[str]] = []
    names: tuple[str, ...] = ()
    for volume in volumes:
        found, size = stages(volume, plan, repeats), extent(volume)
        names = tuple(found)
        counted = matrix_multiply_adds(plan, size)
        modes = "modes" if chosen_modes(plan, size) else "slices"
        rows.append(
            ["x".join(map(str, size)), modes, f"{counted / 1e6:.0f}", f"{1e3 * counted / rate:.2f}"]
            + [f"{found[name]:.2f}" for name in names]
        )
    print_table(("body", "by", "million", "counted ms", *names), rows)


def per_body(volumes: Array, size: int, options: argparse.Namespace, threads: int) -> tuple[float, float]:
    """Seconds of a field, and of a field and gradient, per body in batches of a size."""
    plan = MSFTSimulator().plan(volumes.shape[1:])
    batch = np.concatenate([volumes] * -(-size // len(volumes)))[:size] if size > 1 else volumes
    gradient = np.ones((len(batch), *plan.detector_shape), dtype=np.complex64)
    repeats = max(3, options.repeats // len(batch))

    def work(part: slice, adjoint: bool) -> None:
        matrix.field(batch[part], plan)
        if adjoint:
            matrix.adjoint(batch[part], plan, gradient[part], within_body=True)

    parts = [slice(0, size)] if size > 1 else [slice(i, i + 1) for i in range(len(batch))]
    with numba_threads(threads):
        work(slice(0, size), adjoint=True)
        forward, both = (
            np.mean([fastest_repeat(partial(work, part, adjoint), repeats) for part in parts]) / size
            for adjoint in (False, True)
        )
    return float(forward), float(both)


def report(volumes: Array, rate: float, options: argparse.Namespace) -> None:
    """Measure and print one grid."""
    n = len(volumes[0])
    plan = MSFTSimulator().plan((n, n, n))
    published = MSFTSimulator(self_absorption="full", voxel_response="point").plan((n, n, n))
    print(f"\n{n}^3")
    print_stages(volumes, plan, rate, options.repeats * 64 // n)
    repeats = max(3, options.repeats // len(volumes))  # as in `per_body`
    with threadpool_limits(1):
        works = [partial(plain_formula, volume, published) for volume in volumes]
        plain = float(np.mean([fastest_repeat(work, repeats) for work in works]))
    print(f"plain formula {1e3 * plain:.1f} ms")
    counted = float(np.mean([matrix_multiply_adds(plan, extent(volume)) for volume in volumes]))
    rows = []
    for size in options.batches:
        for threads in sorted({1, options.threads}):
            forward, both = per_body(volumes, size, options, threads)
            part = counted / forward / rate / threads
            figures = f"{1e3 * forward:.2f}", f"{1e3 * both:.2f}", f"{plain / forward:.0f}", f"{part:.0%}"
            rows.append([f"{size}", f"{threads}", *figures])
    print_table(("batch", "threads", "forward ms", "+ adjoint ms", "faster", "of sgemm"), rows)


def main(arguments: list[str]) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bodies", type=int, default=5, help="bodies to take the mean over")
    parser.add_argument("--repeats", type=int, default=40, help="repeats, of which the fastest counts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    options = parser.parse_args(arguments)
    volumes, source = bodies(options.bodies)
    with threadpool_limits(1):
        rate = sgemm_rate(20)
    print(f"{len(volumes)} {source}; sgemm {rate / 1e9:.1f} G multiply-adds/s a thread")
    for n in (64, 192):
        report(volumes if n == len(volumes[0]) else coarser(volumes, n), rate, options)


if __name__ == "__main__":
    main(sys.argv[1:])
