"""How the fields and patterns of grids converge to those of the exact polyhedron.

    python tests/benchmarks/bench_convergence.py [--bodies N] [--fine-bodies N] [--json FILE] [--figure FILE]

Random bodies of the catalogue, 60 to 300 nm in diameter, randomly turned. Medians over the bodies of the scatter loss
(log-scaled patterns, eps = 100) and of the field's relative error, the norm of the difference over the norm.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from scatterkit.metrics import scatter_loss
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Rasterizer, SolidSampler, catalogue_names

GRIDS = (32, 48, 64, 96, 128, 192, 256)
FINE = 128  # beyond this, few bodies
TREATMENTS = {
    "binary, point, full (published)": ("binary", "full", "point"),
    "binary, point, exact": ("binary", "exact", "point"),
    "coverage, point, exact": ("coverage", "exact", "point"),
    "coverage, box, exact": ("coverage", "exact", "box"),
    "coverage, average, full": ("coverage", "full", "average"),
    "coverage, average, half": ("coverage", "half", "average"),
    "coverage, average, exact": ("coverage", "exact", "average"),
    "coverage, average, shares": ("coverage", "shares", "average"),
}
SHOWN = {
    0: ("#D55E00", "o"),
    1: ("#E69F00", "s"),
    2: ("#56B4E9", "^"),
    6: ("#0072B2", "D"),
    7: ("#009E73", "v"),
}


def field_of(volume: NDArray[np.float32], self_absorption: str, voxel_response: str) -> NDArray[np.complex64]:
    """Field of one volume (1, z, y, x)."""
    return MSFTSimulator(self_absorption=self_absorption, voxel_response=voxel_response).field(volume)[0]


def measure(n_bodies: int, n_fine: int, seed: int) -> dict[str, dict[int, tuple[float, float]]]:
    """Median loss and field error by treatment and grid."""
    classes = [name for name in catalogue_names() if name != "sphere"]
    sampler = SolidSampler(random_state=seed, classes=classes, size=(30.0, 150.0), stretch=None)
    bodies = sampler.sample(n_bodies)
    exact = PolyhedronSimulator().field(bodies)
    results: dict[str, dict[int, tuple[float, float]]] = {name: {} for name in TREATMENTS}
    for n in GRIDS:
        some = bodies if n <= FINE else bodies[:n_fine]
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in TREATMENTS}
        for body, E in zip(some, exact, strict=False):
            volumes = {
                mode: Rasterizer(grid=n, mode=mode).transform([body]) for mode in ("binary", "coverage")
            }
            for name, (mode, own, response) in TREATMENTS.items():
                F = field_of(volumes[mode], own, response)
                error = float(np.linalg.norm(F - E) / np.linalg.norm(E))
                figures[name].append((float(scatter_loss(np.abs(F) ** 2, np.abs(E) ** 2)), error))
        for name, pairs in figures.items():
            loss, error = np.median(pairs, axis=0)
            results[name][n] = float(loss), float(error)
        print(f"{n}^3 done", flush=True)
    return results


def order(values: dict[int, tuple[float, float]], which: int) -> float:
    """Slope of log error by log voxel width from 64^3 to 128^3."""
    return float(np.log2(values[64][which] / values[128][which]))


def show(results: dict[str, dict[int, tuple[float, float]]]) -> None:
    """Print both tables."""
    for which, title in enumerate(("scatter loss", "relative error of the field")):
        print(f"\n| {title} | " + " | ".join(f"{n}³" for n in GRIDS) + " | order |")
        print("|---" * (len(GRIDS) + 2) + "|")
        for name, values in results.items():
            cells = " | ".join(f"{values[n][which]:.1e}" for n in GRIDS)
            print(f"| {name} | {cells} | {order(values, which):.1f} |")


def draw(results: dict[str, dict[int, tuple[float, float]]], path: Path) -> None:
    """Log-log plots with guides of the expected orders."""
    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    width = 318.75 / np.array(GRIDS)
    names = list(results)
    for which, axis in enumerate(axes):
        for i, (colour, marker) in SHOWN.items():
            values = [results[names[i]][n][which] for n in GRIDS]
            axis.loglog(width, values, color=colour, marker=marker, label=names[i])
        top = results[names[6]][64][which]
        for power, style in ((2, ":"), (4, "--")) if which == 0 else ((1, ":"), (2, "--")):
            guide = 2 * top * (width / width[2]) ** power
            axis.loglog(width, guide, style, color="grey", lw=1, label=f"(voxel width)$^{power}$")
        axis.set_xlabel("voxel width [nm]")
        axis.set_xticks(width, [f"{w:.1f}\n{n}³" for w, n in zip(width, GRIDS, strict=True)])
        axis.minorticks_off()
        axis.legend(fontsize=7)
    axes[0].axhline(5e-5, color="black", lw=0.6)
    axes[0].set_ylabel("scatter loss (eps = 100), median")
    axes[1].set_ylabel("relative error of the field, median")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bodies", type=int, default=50, help="bodies up to 128^3 (default: %(default)s)")
    parser.add_argument("--fine-bodies", type=int, default=6, help="bodies beyond (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bodies (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--figure", type=Path, help="where to draw them")
    arguments = parser.parse_args()
    results = measure(arguments.bodies, arguments.fine_bodies, arguments.seed)
    show(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    if arguments.figure:
        draw(results, arguments.figure)


if __name__ == "__main__":
    main()
