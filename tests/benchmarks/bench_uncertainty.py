"""Whether the uncertainties of fitted facets are right: how often 90 % intervals hold the true distance.

    python tests/benchmarks/bench_uncertainty.py [--bodies N] [--photons N ...] [--floor F] [--pixels P] [--seed S]
                                                 [--json FILE]

Random convex bodies and turned bodies of the catalogue, 90 to 240 nm across, at the published experiment. Their exact
patterns get Poisson counts of stated totals and are log-scaled with eps worth F photons. Planes (all of them) and
response are fitted from near the truth by least squares. For every lit facet that is said to be determined: whether
the 90 % interval of its distance from the lit surface's origin holds the true distance, whether the 90 % cone holds
the true normal; by counts known, and by the residual alone. Fits
that end above the truth's own residual have not converged; they are counted and left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "fitting" / "answers"))
from facet_coverage import coverage_table


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bodies", type=int, default=40)
    parser.add_argument("--photons", type=float, nargs="+", default=[1e6, 1e7, 1e8])
    parser.add_argument("--floor", type=float, default=1.0)
    parser.add_argument("--pixels", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    print(
        f"{'photons':>8} {'noise from':>14} {'facets':>7} {'left out':>8} {'stuck':>5} {'distances':>10} "
        f"{'normals':>8} {'sigma nm':>9} {'error nm':>9}"
    )
    for photons in args.photons:
        rng = np.random.default_rng(args.seed)
        for row in coverage_table(args.bodies, photons, args.floor, rng, args.pixels):
            rows.append(row)
            print(
                f"{row['photons']:8.0e} {row['noise']:>14} {row['facets']:7d} {row['left_out']:8d} {row['stuck']:5d} "
                f"{row['distances']:10.1%} {row['normals']:8.1%} {row['sigma']:9.3f} {row['error']:9.3f}"
            )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
