"""Several methods on the same patterns: a table, what the differences are worth, and curves over the time.

Bodies are random convex ones, or rows of a published table; their patterns are simulated exactly, so that the true
bodies are known. Each method gets one pattern at a time and the same number of seconds for it, a network what it needs.
Prints medians and quartiles, and the paired differences to the first method with their intervals; draws one figure,
and writes the comparison to a folder and to a page for a browser, with all patterns and bodies. With ``--resume`` what
is finished is kept: a run that was cut goes on from there.

Run it by ``python examples/compare_methods.py``; see ``--help``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import scatterkit as sk
from scatterkit.datasets import read_table, solid_from_row
from scatterkit.fitting import ForwardFitter, RetrievalFitter, make_baseline
from scatterkit.reconstruction import PhysicsReconstructor
from scatterkit.solids import HalfSpaceSampler, Solid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = {
    "nearest": "nearest pattern of a library of 1000",
    "gradient": "Adam from many spheres",
    "fit": "ForwardFitter",
    "network": "the shipped network alone",
    "refined": "the shipped network, refined",
}
FEWEST = 6  # five wins of five come by chance once in 16 times
MARKERS = "osD^v"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000")  # Okabe and Ito's, told apart by all


def make(name: str, network: str, seed: int) -> Any:
    """Give a method by name."""
    if name == "nearest":
        return RetrievalFitter(n_steps=0, random_state=seed)
    if name == "gradient":
        return make_baseline("B3-multistart", random_state=seed)
    if name == "fit":
        return ForwardFitter(random_state=seed)
    return PhysicsReconstructor.from_pretrained(network, refine=name == "refined")


def bodies_of(arguments: argparse.Namespace) -> tuple[list[Solid], list[str]]:
    """Give true bodies and their names."""
    if arguments.table is None:
        bodies = HalfSpaceSampler(random_state=arguments.seed).sample(arguments.bodies)
        return bodies, [f"body {number}" for number in range(len(bodies))]
    rows = [row for row in read_table(arguments.table) if not row.is_random][: arguments.bodies]
    return [solid_from_row(row, rendering="physical") for row in rows], [f"row {row.nr}" for row in rows]


def print_differences(comparison: sk.Comparison, metric: str) -> None:
    """Print what each method's difference to the first one is worth."""
    found = comparison.differences(metric)
    print(f"\n{metric}, difference to {found.attrs['reference']}: median, 95 % interval, share won, pairs")
    if found.n_pairs.max() < FEWEST:
        print(f"  (with fewer than {FEWEST} pairs an interval tells nothing)")
    for name in comparison.methods[1:]:
        row = found.sel({"method": name})
        interval = f"{float(row.low):+.3g} to {float(row.high):+.3g}"
        print(
            f"  {name:<10}{float(row.median_difference):+.3g}  ({interval})  "
            f"{float(row.share_won):.0%}  {int(row.n_pairs)}"
        )


def draw(comparison: sk.Comparison, path: Path) -> Path:
    """Draw residuals over time, and the overlap of every body."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    curves, overlaps = figure.subplots(1, 2)
    draw_curves(curves, comparison)
    x = np.arange(len(comparison.samples))
    beside = 0.1 * (
        np.arange(len(comparison.methods)) - (len(comparison.methods) - 1) / 2
    )  # none hides another
    for name, shift, color, marker in zip(comparison.methods, beside, COLORS, MARKERS, strict=False):
        values = comparison.dataset.front_iou.sel({"method": name}).values
        overlaps.plot(x + shift, values, linestyle="none", marker=marker, color=color, label=name)
    overlaps.set_xticks(x, comparison.samples, rotation=30, ha="right")
    overlaps.set_ylim(0, 1)
    overlaps.set_ylabel("overlap of the fronts (IoU)")
    overlaps.legend(frameon=False)
    figure.savefig(path, dpi=120)
    return path


def draw_curves(ax: Axes, comparison: sk.Comparison) -> None:
    """Draw the median of the best residual so far, from when on more than half of the samples have one."""
    data = comparison.dataset.best_residual
    for name, color, marker in zip(comparison.methods, COLORS, MARKERS, strict=False):
        values = data.sel({"method": name}).values
        median = np.median(np.where(np.isfinite(values), values, np.inf), axis=0)
        there = np.isfinite(median)
        if there.any():
            every = max(1, int(there.sum()) // 6)
            ax.loglog(
                data.elapsed.values[there],
                median[there],
                color=color,
                marker=marker,
                markevery=every,
                label=name,
            )
    ax.set_xlabel("time for one pattern (s)")
    ax.set_ylabel("best residual so far, median")


def main() -> int:
    """Make bodies and patterns, run the methods, print and draw what came of it."""
    listed = "; ".join(f"{name}: {what}" for name, what in METHODS.items())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=["nearest", "gradient", "fit"], help=listed
    )
    parser.add_argument("--bodies", type=int, default=4, help="how many")
    parser.add_argument("--table", type=Path, help="a published table, such as test/infos1.csv")
    parser.add_argument("--budget", type=float, default=3.0, help="seconds for one pattern")
    parser.add_argument("--network", default="silver-13.5nm", help="name of a shipped network")
    parser.add_argument("--seed", type=int, default=0, help="of bodies and methods")
    parser.add_argument("--resume", action="store_true", help="keep what is finished, and go on from there")
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for the results")
    arguments = parser.parse_args()
    bodies, names = bodies_of(arguments)
    patterns = sk.LogScaler().transform(sk.PolyhedronSimulator().transform(bodies))
    arguments.output.mkdir(parents=True, exist_ok=True)
    comparison = sk.compare(
        {name: make(name, arguments.network, arguments.seed) for name in arguments.methods},
        patterns,
        bodies,
        budget=arguments.budget,
        sample_names=names,
        results=arguments.output / "comparison_parts" if arguments.resume else None,
        verbose=True,
    )
    print(comparison.table())
    for metric in ("residual", "front_iou"):
        print_differences(comparison, metric)
    print(f"\nFigure: {draw(comparison, arguments.output / 'methods.png')}")
    print(f"Page: {comparison.to_html(arguments.output / 'methods.html', overwrite=True)}")
    print(f"Comparison: {comparison.save(arguments.output / 'comparison', overwrite=True)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
