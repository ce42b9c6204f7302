"""How the cost of a pattern grows with the grid, the detector and the batch.

    python tests/benchmarks/bench_growth.py [--quick] [--repeats N] [--threads N] [--output FOLDER]

Prints one table, and writes it as JSON with log-log plots. The body is an icosahedron that fills half of the box;
times are the fastest repeat over the number of patterns.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from benchmarking import Array, fastest_repeat, machine, print_table, write_json

from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels.padding import paddings
from scatterkit.solids import Rasterizer, Solid

SERIES = (("matrix", "msft"), ("fft", "msft"), ("auto", "pmsft"))
GRIDS = (32, 48, 64, 96, 128, 192, 256)
DETECTORS = (32, 64, 128, 256, 512, 1024)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
STYLES = {"matrix, msft": ("C0", "o"), "fft, msft": ("C1", "s"), "auto, pmsft": ("C2", "^")}


@dataclass(frozen=True)
class Point:
    """One measurement; time in ms a pattern."""

    axis: str
    series: str
    value: int
    time: float
    with_adjoint: float


def volume(grid: int) -> Array:
    """The body on a grid."""
    return np.asarray(
        Rasterizer(grid=grid).transform([Solid.from_catalogue("icosahedron", circumradius=80.0)])
    )


def measure(
    series: tuple[str, str],
    axis: str,
    value: int,
    volumes: Array,
    detector: QGrid,
    options: argparse.Namespace,
) -> Point:
    """Measure one point."""
    backend, propagation = series
    simulator = MSFTSimulator(
        backend=backend, propagation=propagation, detector=detector, n_threads=options.threads
    )
    gradient = np.ones((len(volumes), *detector.shape), dtype=np.float32)

    def with_adjoint() -> None:
        simulator.vjp(volumes)[1](gradient)

    with_adjoint()
    forward = fastest_repeat(lambda: simulator.transform(volumes), options.repeats) / len(volumes)
    both = fastest_repeat(with_adjoint, options.repeats) / len(volumes)
    return Point(axis, ", ".join(series), value, 1e3 * forward, 1e3 * both)


def detector_of(n_pixels: int) -> QGrid:
    """More pixels sample the same range of wave vectors more finely."""
    return QGrid(n_pixels, 2 * math.pi / 850 * 128 / n_pixels)


def possible(series: tuple[str, str], grid: int, detector: QGrid) -> bool:
    """Whether the kernel can do it: FFTs need pixels that a padded grid has."""
    plan = MSFTSimulator(detector=detector).plan((grid, grid, grid))
    return series[0] != "fft" or paddings(plan) is not None


def points(options: argparse.Namespace) -> Iterator[Point]:
    """Measure everything."""
    last = -2 if options.quick else None
    for series in SERIES:
        for grid in GRIDS[:last]:
            if possible(series, grid, QGrid()):
                yield measure(series, "grid", grid, volume(grid), QGrid(), options)
        for n_pixels in DETECTORS[:last]:
            if possible(series, 96, detector_of(n_pixels)):
                yield measure(series, "detector", n_pixels, volume(96), detector_of(n_pixels), options)
        for batch in BATCHES[:last]:
            yield measure(series, "batch", batch, np.repeat(volume(64), batch, axis=0), QGrid(), options)


LABELS = {
    "grid": "voxels along an edge (detector 128 x 128)",
    "detector": "pixels along an edge (grid 96³)",
    "batch": "bodies at a time (grid 64³, detector 128 x 128)",
}


def plot(found: list[Point], path: Path) -> None:
    """Draw the log-log plots."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for axis, (name, label) in zip(axes, LABELS.items(), strict=True):
        for series, (colour, marker) in STYLES.items():
            here = [p for p in found if p.axis == name and p.series == series]
            values = [p.value for p in here]
            axis.loglog(values, [p.time for p in here], "-", color=colour, marker=marker, label=series)
            axis.loglog(values, [p.with_adjoint for p in here], "--", color=colour, marker=marker, alpha=0.4)
        ticks = sorted({p.value for p in found if p.axis == name})
        axis.set_xticks(ticks, [str(t) for t in ticks])
        axis.minorticks_off()
        axis.set(xlabel=label, ylabel="time a pattern [ms]")
        axis.grid(alpha=0.3)
    axes[0].legend(title="dashed: with adjoint")
    figure.savefig(path, dpi=110)


def main(arguments: list[str]) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="leave out the two largest values of each axis")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of which the fastest counts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("benchmark_output"))
    options = parser.parse_args(arguments)
    about = machine()
    found = list(points(options))
    print_table(
        ("series", "axis", "value", "forward", "+ adjoint"),
        [(p.series, p.axis, str(p.value), f"{p.time:.2f} ms", f"{p.with_adjoint:.2f} ms") for p in found],
    )
    path = write_json(
        {"machine": about, "points": [asdict(p) for p in found]}, options.output / "growth.json"
    )
    plot(found, options.output / "growth.png")
    print(f"written to {path} and {options.output / 'growth.png'}")


if __name__ == "__main__":
    main(sys.argv[1:])
