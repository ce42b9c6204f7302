"""Measured diffraction patterns in; what the trained network sees in them, and what its refinement makes of that.

Reconstructs the patterns of single silver clusters of Barke et al. (2015) that are on this computer: by the network
alone, in milliseconds, and refined by the exact physics, in seconds. For comparison the best body of the class that the
published table names is fitted to each. All are judged alike: simulated again, the detector's response fitted, mean
squared difference over the measured pixels. Prints the ratios of these residuals to the class's, and draws one figure.
Where the network finds no body, its figures are NaN.

Run it by ``python examples/reconstruct_measured_patterns.py``; see ``--help``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from fit_measured_patterns import fit

from scatterkit import fit_response
from scatterkit.datasets import DataNotFoundError, MeasuredPatterns, fetch_barke2015
from scatterkit.plotting import show_pattern, show_solid
from scatterkit.reconstruction import PhysicsReconstructor, Refiner
from scatterkit.simulation import PolyhedronSimulator
from scatterkit.solids import Solid

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Answer(NamedTuple):
    """A body for a pattern, the picture that it would have left, and how far that is from what was measured."""

    solid: Solid | None
    picture: np.ndarray
    residual: float


class Row(NamedTuple):
    """What was found for one pattern: by the network, by its refinement, and by the published class."""

    number: int
    label: str
    pattern: np.ndarray
    mask: np.ndarray
    network: Answer
    refined: Answer
    by_class: Answer


def judge(solid: Solid | None, pattern: np.ndarray, mask: np.ndarray) -> Answer:
    """Simulate a body, and fit to that what the detector made of it; for none give a dark picture and NaN."""
    if solid is None:
        return Answer(None, np.zeros_like(pattern), np.nan)
    intensity = PolyhedronSimulator().transform([solid])[0]
    response, residual = fit_response(pattern, intensity, mask)
    return Answer(solid, response.apply(intensity), residual)


def load(name: str) -> PhysicsReconstructor:
    """Give the network of a file, or one that comes with the package."""
    if Path(name).is_file():
        return PhysicsReconstructor.load(name)
    return PhysicsReconstructor.from_pretrained(name)


def reconstruct(
    network: PhysicsReconstructor, patterns: MeasuredPatterns, refine: bool | Refiner
) -> list[Solid | None]:
    """Give the body of each pattern, None where there is none, and say how long that took."""
    network.set_params(refine=refine)
    begun = time.perf_counter()
    solids = network.predict_solids(patterns.patterns, mask=patterns.masks)
    print(f"{time.perf_counter() - begun:.1f} s for {len(solids)} patterns", flush=True)
    return solids


def compare(patterns: MeasuredPatterns, arguments: argparse.Namespace) -> list[Row]:
    """Reconstruct all patterns in each way."""
    network = load(arguments.model)
    print("Network, with its loading:", end=" ", flush=True)
    plain = reconstruct(network, patterns, False)
    print("Refined:", end=" ", flush=True)
    refiner = Refiner(seconds=arguments.refine_seconds, loss=arguments.loss, n_jobs=arguments.n_jobs)
    refined = reconstruct(network, patterns, refiner)
    rows = []
    for index, number in enumerate(patterns.numbers):
        pattern, mask, label = patterns.patterns[index], patterns.masks[index], patterns.labels[index]
        print(f"Pattern {number}: best {label.lower()} ...", end=" ", flush=True)
        by_class = fit(pattern, mask, label, arguments).solids_[0]
        answers = [judge(solid, pattern, mask) for solid in (plain[index], refined[index], by_class)]
        rows.append(Row(number, label, pattern, mask, *answers))
    return rows


def print_table(rows: list[Row]) -> None:
    """Print residuals, and ratios to those of the published classes."""
    print(
        f"\n{'pattern':>7}  {'published class':<30}{'its residual':>13}{'network':>10}{'refined':>10}"
        "  ratios: network, refined"
    )
    for row in rows:
        reference = row.by_class.residual
        ratios = f"{row.network.residual / reference:.2f} {row.refined.residual / reference:.2f}"
        residuals = f"{reference:>13.2e}{row.network.residual:>10.2e}{row.refined.residual:>10.2e}"
        print(f"{row.number:>7}  {row.label:<30}{residuals}  {ratios}")


def draw(rows: list[Row], path: Path) -> Path:
    """Draw patterns and bodies, a row for each pattern."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16.5, 2.9 * len(rows) + 0.3), layout="constrained")
    dq = 2 * np.pi / 850
    for axes, row in zip(figure.subplots(len(rows), 6, squeeze=False), rows, strict=True):
        top = float(row.pattern[row.mask].max())
        pictures = {
            f"measured pattern {row.number}": row.pattern,
            _title("network", row.network, row.by_class): row.network.picture,
            _title("refined", row.refined, row.by_class): row.refined.picture,
        }
        for ax, (title, picture) in zip(axes, pictures.items(), strict=False):
            show_pattern(ax, picture, mask=row.mask, dq=dq, limits=(0.0, top), title=title)
        show(axes[3], row.network.solid, "beam", "network, along the beam")
        show(axes[4], row.refined.solid, "beam", "refined, along the beam")
        show(axes[5], row.refined.solid, "side", "refined, from the side")
        limits = [max(abs(edge) for ax in axes[3:] for edge in (*ax.get_xlim(), *ax.get_ylim()))] * 2
        for ax in axes[3:]:
            ax.set_xlim(-limits[0], limits[0])
            ax.set_ylim(limits[1], -limits[1])
    figure.savefig(path, dpi=110)
    return path


def show(ax: Axes, solid: Solid | None, view: str, title: str) -> None:
    """Draw a body, or say that there is none."""
    if solid is None:
        ax.set_title(f"{title}: no body")
    else:
        show_solid(ax, solid, view=view, title=title)


def _title(name: str, answer: Answer, reference: Answer) -> str:
    return f"{name}: {answer.residual / reference.residual:.2f} of class"


def main() -> int:
    """Read the patterns, reconstruct them, print the table, draw the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--patterns", type=int, nargs="+", help="numbers from 1 to 8; by default those on this computer"
    )
    parser.add_argument(
        "--model", default="silver-13.5nm", help="a saved network, or the name of a shipped one"
    )
    parser.add_argument("--refine-seconds", type=float, default=10.0, help="time for each refinement")
    parser.add_argument("--loss", choices=("squared", "robust"), default="squared", help="of the refinement")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="time for each fit of the published class"
    )
    parser.add_argument(
        "--n-jobs", type=int, default=-1, help="patterns, or starts, that are followed at once"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the fits of published classes")
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for the figure")
    arguments = parser.parse_args()
    try:
        patterns = fetch_barke2015(arguments.patterns or "available")
    except DataNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = compare(patterns, arguments)
    print_table(rows)
    print(f"Figure: {draw(rows, arguments.output / 'measured_reconstructions.png')}")
    print("Residuals of different patterns are not comparable. The back of a body is not measured.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
