"""The baselines on random cut bodies of the catalogue, at one time budget: residual, scatter loss, front IoU.

Patterns are exact and log-scaled; the true size is not used. Libraries of patterns are made before the clock starts.
Run as ``python tests/benchmarks/bench_baselines.py --seconds 60 --bodies 3``.
"""

from __future__ import annotations

import argparse

import numpy as np

from scatterkit.fitting import curve_dataset, make_baseline
from scatterkit.simulation import LogScaler, PolyhedronSimulator
from scatterkit.solids import SolidSampler

NAMES = ("B1-simplex", "B2-cmaes", "B3-multistart", "B4-retrieval")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--seconds", type=float, default=60.0, help="time budget of one fit")
    parser.add_argument("--bodies", type=int, default=3, help="bodies of each size")
    parser.add_argument(
        "--radii", nargs="+", type=float, default=[45.0, 80.0, 125.0], help="circumradii in nm"
    )
    parser.add_argument("--seed", type=int, default=1000)
    arguments = parser.parse_args()
    print("baseline        radius  simulations  seconds   residual  scatter loss  front IoU")
    for radius in arguments.radii:
        sampler = SolidSampler(
            arguments.seed, size=(radius, radius), stretch=(0.7, 1.4), cut=(0.3, 1.0), max_radius=None
        )
        bodies = sampler.sample(arguments.bodies)
        polyhedra = [body for body in bodies if body.name != "sphere"]
        X = LogScaler().transform(PolyhedronSimulator().transform(polyhedra))
        for name in arguments.names:
            fitter = make_baseline(name, time_budget=arguments.seconds, random_state=0).fit(X)
            rows = []
            for history, residual, body in zip(fitter.history_, fitter.residuals_, polyhedra, strict=True):
                last = curve_dataset(history[-1:], body).isel(improvement=-1)
                numbers = (last.simulations, last.seconds, residual, last.scatter_loss, last.front_iou)
                rows.append([float(number) for number in numbers])
                print(line(name, radius, rows[-1]), flush=True)
            print(line("  median", radius, np.median(rows, axis=0).tolist()), flush=True)


def line(name: str, radius: float, numbers: list[float]) -> str:
    """One row of the table; simulations and seconds are those until the last improvement."""
    simulations, seconds, residual, loss, overlap = numbers
    effort = f"{name:15s} {radius:6.0f} {simulations:12.0f} {seconds:8.1f}"
    return f"{effort}   {residual:.2e}      {loss:.2e} {overlap:10.3f}"


if __name__ == "__main__":
    main()
