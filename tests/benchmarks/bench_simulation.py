"""Speed of the simulator's kernels beside the plain formula with padded NumPy FFTs, in one run.

    python tests/benchmarks/bench_simulation.py [--bodies N] [--repeats N] [--threads N] [--output FOLDER]

Prints one table and writes it as CSV: per kernel and grid the median over the bodies of the fastest repeat of
each, forward and forward with adjoint; the plain formula's time over it; the part of the measured rate of
single-precision matrix products that the counted multiply-adds reach; and the largest deviation from the
reference kernel relative to the largest field. The bodies are published ones where the sample set is found,
else simulated polyhedra.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from scatterkit.datasets import read_volume
from scatterkit.datasets._locate import local_roots
from scatterkit.simulation import MSFTPlan, MSFTSimulator
from scatterkit.simulation.kernels import reference
from scatterkit.simulation.kernels._slice_kernels import bounding_box
from scatterkit.simulation.kernels.costs import matrix_multiply_adds
from scatterkit.solids import Rasterizer, Solid

Array = NDArray[Any]
PADDED = {64: 171, 192: 512}
"""Points to which the published code pads a slice: the detector's dq is 2 pi over the padded width."""
ABSORPTION_LENGTH = 12.5
FULL = 192


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    kernel: str
    grid: int
    forward_ms: float
    with_adjoint_ms: float | None
    faster: float
    sgemm_part: float | None
    deviation: float | None


def plain_formula(volume: Array, plan: MSFTPlan) -> Array:
    """The published way: every slice attenuated, padded and Fourier transformed, the wanted pixels added up."""
    n = PADDED[len(volume)]
    rows, columns = plan.detector_shape
    top, left = (n - rows) // 2, (n - columns) // 2
    E = np.zeros(plan.detector_shape, dtype=np.complex128)
    depth = np.zeros(volume.shape[1:])
    for z, rho in zip(plan.z, volume, strict=True):
        depth += rho * plan.voxel[0]
        F = np.fft.fftshift(np.fft.fft2(rho * np.exp(-depth / ABSORPTION_LENGTH), s=(n, n)))
        E += np.exp(1j * plan.q_z * z) * F[top : top + rows, left : left + columns]
    return E


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """Time of the fastest repeat."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def sgemm_rate(repeats: int) -> float:
    """Multiply-adds a second of a large single-precision matrix product."""
    a = np.random.default_rng(0).random((1024, 1024), dtype=np.float32)
    return len(a) ** 3 / seconds(lambda: a @ a, max(repeats, 10))


def bodies(n: int) -> tuple[Array, str]:
    """Volumes on the full grid, and where they are from."""
    paths = [path for root in local_roots() for path in sorted(root.glob("val/real/**/*r.png"))][:n]
    if paths:
        return np.stack([read_volume(path) for path in paths]), "published volumes"
    names = ("icosahedron", "truncated_octahedron", "cube", "dodecahedron", "octahedron")
    solids = [
        Solid.from_catalogue(names[i % len(names)], circumradius=60.0 + 10 * (i % 5)).rotate(
            Rotation.random(random_state=i)
        )
        for i in range(n)
    ]
    return np.asarray(Rasterizer(grid=FULL).transform(solids)), "simulated polyhedra"


def coarser(volumes: Array, n: int) -> Array:
    """Averages over blocks of voxels."""
    f = FULL // n
    return volumes.reshape(len(volumes), n, f, n, f, n, f).mean(axis=(2, 4, 6)).astype(np.float32)


def measure(
    kernel: str, volumes: Array, expected: Array, plain: Array, rate: float, options: argparse.Namespace
) -> Line:
    """Measure a kernel on every body alone."""
    simulator = MSFTSimulator(backend=kernel, n_threads=options.threads)
    plan = simulator.plan(volumes.shape[1:])
    forward, both, parts, deviations = [], [], [], []
    for volume, field in zip(volumes[:, None], expected, strict=True):
        gradient = np.ones((1, *plan.detector_shape), dtype=np.float32)

        def with_adjoint(volume: Array = volume, gradient: Array = gradient) -> None:
            simulator.vjp(volume)[1](gradient)

        deviations.append(np.abs(simulator.field(volume) - field).max() / np.abs(field).max())
        with_adjoint()  # all is compiled and planned by now
        forward.append(seconds(lambda volume=volume: simulator.transform(volume), options.repeats))
        both.append(seconds(with_adjoint, options.repeats))
        z, y, x = np.diff(bounding_box(volume[0]))[:, 0].tolist()
        parts.append(matrix_multiply_adds(plan, (z, y, x)) / forward[-1] / rate)
    return Line(
        kernel=kernel,
        grid=volumes.shape[1],
        forward_ms=1e3 * float(np.median(forward)),
        with_adjoint_ms=1e3 * float(np.median(both)),
        faster=float(np.median(plain / forward)),
        sgemm_part=float(np.median(parts)) if kernel == "matrix" else None,
        deviation=float(np.max(deviations)),
    )


def slow_line(name: str, grid: int, times: Array, plain: Array) -> Line:
    """A line of something that is there to compare with."""
    ratio = float(np.median(plain / times))
    return Line(name, grid, 1e3 * float(np.median(times)), None, ratio, None, None)


def lines_of_grid(volumes: Array, rate: float, options: argparse.Namespace) -> list[Line]:
    """Measure the plain formula and every kernel on one grid."""
    n = volumes.shape[1]
    published = MSFTSimulator(self_absorption="full", voxel_response="point").plan((n, n, n))
    plain = np.array([seconds(lambda v=v: plain_formula(v, published), options.plain) for v in volumes])
    plan, expected, exact = MSFTSimulator().plan((n, n, n)), [], []
    for volume in volumes[:, None]:
        start = time.perf_counter()
        expected.append(reference.field(volume, plan)[0])
        exact.append(time.perf_counter() - start)
    fast = [measure(k, volumes, np.array(expected), plain, rate, options) for k in ("matrix", "fft")]
    return [
        slow_line("plain formula", n, plain, plain),
        *fast,
        slow_line("reference", n, np.array(exact), plain),
    ]


def shown(value: Any, form: str) -> str:
    """A number in a form, or a dash."""
    return "-" if value is None else format(value, form)


def print_table(lines: list[Line]) -> None:
    """Print the lines."""
    print(
        f"{'kernel':14} {'grid':>5} {'forward':>10} {'+ adjoint':>10} {'faster':>8} {'sgemm':>7} {'deviation':>10}"
    )
    for line in lines:
        print(
            f"{line.kernel:14} {line.grid:5d} {line.forward_ms:7.2f} ms "
            f"{shown(line.with_adjoint_ms, '7.2f'):>7} ms {line.faster:6.1f} x "
            f"{shown(line.sgemm_part, '7.0%'):>7} {shown(line.deviation, '.1e'):>10}"
        )


def write_csv(lines: list[Line], folder: Path) -> Path:
    """Write the lines as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "simulation.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Line)])
        writer.writeheader()
        writer.writerows(asdict(line) for line in lines)
    return path


def main(arguments: list[str]) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bodies", type=int, default=5, help="bodies to take the median over")
    parser.add_argument(
        "--repeats", type=int, default=15, help="repeats of a kernel, of which the fastest counts"
    )
    parser.add_argument("--plain", type=int, default=2, help="repeats of the plain formula, likewise")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("benchmark_output"))
    options = parser.parse_args(arguments)
    volumes, source = bodies(options.bodies)
    with threadpool_limits(options.threads):
        rate = sgemm_rate(options.repeats)
        print(f"{len(volumes)} {source}, {options.threads} threads, sgemm {rate / 1e9:.1f} G multiply-adds/s")
        lines = lines_of_grid(coarser(volumes, 64), rate, options) + lines_of_grid(volumes, rate, options)
    print_table(lines)
    print(f"written to {write_csv(lines, options.output)}")


if __name__ == "__main__":
    main(sys.argv[1:])
