"""The kernel for any pixels: time and accuracy by the detector's size, and a figure of detectors.

python tests/benchmarks/bench_pixels.py
python tests/benchmarks/bench_pixels.py --figure docs/_static/detectors.png
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from benchmarking import bodies, coarser, fastest_repeat, machine, print_table

from scatterkit import (
    Beam,
    DetectorCounts,
    FlatDetector,
    MSFTSimulator,
    Panel,
    PanelDetector,
    Rasterizer,
    Solid,
)
from scatterkit.simulation.kernels import matrix, pixels, reference
from scatterkit.simulation.plan import MSFTPlan

PIXEL, DISTANCE = 0.5, 20.0
HEADER = ("pixels", "set up", "field", "gradient", "deviation", "matrix: field", "gradient")


def sampled_deviation(volume: np.ndarray, plan: MSFTPlan, n: int = 200) -> float:
    """Largest deviation from the plain formula at some of the pixels, relative to the largest field."""
    rows = np.linspace(0, plan.detector_shape[0] - 1, 4).astype(int)
    columns = np.linspace(0, plan.detector_shape[1] - 1, n // 4).astype(int)
    some = np.ix_(rows, columns)
    part = replace(
        plan,
        detector_shape=(len(rows), len(columns)),
        q_y=plan.q_y[some],
        q_x=plan.q_x[some],
        q_z=plan.q_z[some],
        response=plan.response[some],
    )
    E = pixels.field(volume, plan)
    return float(np.abs(E[0][some] - reference.field(volume, part)[0]).max() / np.abs(E).max())


def row(volume: np.ndarray, n: int, repeats: int) -> list[str]:
    """Times of a tilted detector with n x n pixels, and of the matrix kernel for the same without tilt."""
    shape = volume.shape[1:]
    size = PIXEL * 128 / n
    plan = MSFTSimulator(detector=FlatDetector(n, size, DISTANCE, tilt=(0.1, 0.0))).plan(shape)
    straight = MSFTSimulator(detector=FlatDetector(n, size, DISTANCE)).plan(shape)
    g = np.ones((1, n, n), dtype=np.complex64)
    set_up = fastest_repeat(lambda: pixels._tables(plan), 1)
    found = [f"{n} x {n}", f"{set_up:.2f} s"]
    for kernel, its_plan in ((pixels, plan), (matrix, straight)):
        kernel.field(volume, its_plan)
        found.append(
            f"{1e3 * fastest_repeat(lambda k=kernel, p=its_plan: k.field(volume, p), repeats):.1f} ms"
        )
        kernel.adjoint(volume, its_plan, g)
        found.append(
            f"{1e3 * fastest_repeat(lambda k=kernel, p=its_plan: k.adjoint(volume, p, g), repeats):.1f} ms"
        )
        if kernel is pixels:
            found.append(f"{sampled_deviation(volume, plan):.1e}")
    return found


def four_panels() -> PanelDetector:
    """Panels around a hole, each turned a little."""
    panels = []
    for quarter in range(4):
        angle = quarter * np.pi / 2 + 0.03
        fast, slow = (PIXEL * np.array((np.cos(a), np.sin(a), 0)) for a in (angle, angle + np.pi / 2))
        corner = np.array((0, 0, DISTANCE)) - fast + 5 * slow
        panels.append(Panel((56, 68), tuple(corner), tuple(fast), tuple(slow)))
    return PanelDetector(panels)


def draw(path: Path) -> None:
    """Photon counts of one silver icosahedron on three detectors."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import LogNorm

    body = Solid.from_catalogue("icosahedron", circumradius=100)
    volumes = Rasterizer(grid=64).transform([body])
    beam = Beam(wavelength=13.5, pulse_energy=0.01, focus=10_000)
    detectors = {
        "flat": FlatDetector(128, PIXEL, DISTANCE),
        "tilted, off centre": FlatDetector(128, PIXEL, DISTANCE, center=(64, 30), tilt=(0.0, -0.5)),
        "four panels": four_panels(),
    }
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    for ax, (name, detector) in zip(axes, detectors.items(), strict=True):
        simulator = MSFTSimulator(
            wavelength=13.5, detector=detector, absorption="index", refractive_index=0.89 + 0.0859j
        )
        cross_section = simulator.differential_cross_section(volumes)
        counts = DetectorCounts(beam, detector, random_state=0).transform(cross_section)[0]
        image = detector.assemble(counts) if isinstance(detector, PanelDetector) else counts
        shown = ax.imshow(np.maximum(image, 0.5), norm=LogNorm(0.5, 1e5), cmap="viridis", origin="upper")
        ax.set(title=name, xlabel="x [pixels]", ylabel="y [pixels]")
    figure.colorbar(shown, ax=axes, label="photons in a pixel", extend="both")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128, 256, 512, 1024])
    parser.add_argument("--grids", type=int, nargs="+", default=[64, 192])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--figure", type=Path, help="draw the figure of detectors instead")
    arguments = parser.parse_args()
    if arguments.figure:
        draw(arguments.figure)
        return
    full, source = bodies(1)
    print(", ".join(f"{name} {value}" for name, value in machine().items()), f"; {source}")
    for grid in arguments.grids:
        print(f"\n{grid}^3")
        print_table(HEADER, [row(coarser(full, grid), n, arguments.repeats) for n in arguments.sizes])


if __name__ == "__main__":
    main()
