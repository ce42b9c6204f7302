"""Measured diffraction patterns in; bodies, facet tables and figures out.

Fits the patterns of single silver clusters of Barke et al. (2015) that are on this computer, each with any convex body
and, for comparison, with the body of the catalogue that the published table names. The ratio of the two
residuals says how much of what the class leaves unexplained the free body explains. For each pattern a figure is
written (measured, fit, difference, body) and a page of text with facets, their uncertainty and what is not known.

Run it by ``python examples/fit_measured_patterns.py``; see ``--help``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from scatterkit.datasets import DataNotFoundError, MeasuredPatterns, fetch_barke2015
from scatterkit.fitting import FitReport, ForwardFitter, build_report
from scatterkit.plotting import fit_figure

CONVEX = "convex"


def fit(pattern: np.ndarray, mask: np.ndarray, model: str, arguments: argparse.Namespace) -> ForwardFitter:
    """Fit one pattern and say how long that took."""
    begun = time.perf_counter()
    fitter = ForwardFitter(
        model, time_budget=arguments.seconds, n_jobs=arguments.n_jobs, random_state=arguments.seed
    )
    fitter.fit(pattern[None], mask=mask)
    print(f"residual {fitter.residuals_[0]:.2e}, {time.perf_counter() - begun:.0f} s", flush=True)
    return fitter


def report_on(fitter: ForwardFitter, pattern: np.ndarray, mask: np.ndarray) -> FitReport:
    """Say what the fit of one pattern tells."""
    return build_report(
        fitter.solids_[0], fitter.responses_[0], pattern, mask, candidates=fitter.candidates_[0]
    )


def write(report: FitReport, title: str, path: Path) -> list[Path]:
    """Write the figure, and the report as text."""
    figure = fit_figure(
        report.pattern,
        report.fitted,
        report.solid,
        mask=report.mask,
        facets=report.facets,
        title=title,
    )
    paths = [path.with_suffix(".png"), path.with_suffix(".txt")]
    figure.savefig(paths[0], dpi=130)
    paths[1].write_text(f"{title}\n\n{report}\n", encoding="utf-8")
    return paths


def compare(patterns: MeasuredPatterns, number: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Fit one pattern with both models, write figures; give a row of the table."""
    index = patterns.numbers.index(number)
    pattern, mask, label = patterns.patterns[index], patterns.masks[index], patterns.labels[index]
    row: dict[str, Any] = {"number": number, "label": label}
    for model, name in ((CONVEX, "convex"), (label, "class")):
        print(f"Pattern {number}: {model} ...", end=" ", flush=True)
        fitter = fit(pattern, mask, model, arguments)
        row[name] = float(fitter.residuals_[0])
        report = report_on(fitter, pattern, mask)
        what = "any convex body" if model == CONVEX else f"best {label.lower()}"
        title = f"Silver cluster, measured pattern {number}: {what}"
        written = write(report, title, arguments.output / f"measured_{number}_{name}")
        print("  written: " + ", ".join(map(str, written)))
        if report.reject_ is not None:
            print(f"  not to be trusted: {report.reject_}")
    return row


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print residuals and their ratio."""
    print(f"\n{'pattern':>7}  {'published class':<30}{'its residual':>13}{'convex body':>13}{'ratio':>7}")
    for row in rows:
        ratio = row["convex"] / row["class"]
        print(
            f"{row['number']:>7}  {row['label']:<30}{row['class']:>13.2e}{row['convex']:>13.2e}{ratio:>7.2f}"
        )


def main() -> int:
    """Read the patterns, fit them, write figures, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--patterns", type=int, nargs="+", help="numbers from 1 to 8; by default those on this computer"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="time for each fit")
    parser.add_argument("--n-jobs", type=int, default=-1, help="starts that are followed at once")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for the results")
    arguments = parser.parse_args()
    try:
        patterns = fetch_barke2015(arguments.patterns or "available")
    except DataNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    arguments.output.mkdir(parents=True, exist_ok=True)
    print_table([compare(patterns, number, arguments) for number in patterns.numbers])
    print("Residuals of different patterns are not comparable. The back of a body is not measured.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
