"""One measured diffraction pattern in, one 3D body out.

Reads the star pattern of a silver cluster (Barke et al. 2015, number 5), fits any convex body to it, starting
from ellipsoids as wide as the pattern says, and for comparison the best icosahedron and the best elongated
decahedron. Prints one table, draws one figure, and writes the body as GLB and STL.
Run it by ``make demo``, or by ``python examples/reconstruct_measured_pattern.py``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scatterkit.datasets import DataNotFoundError, fetch_barke2015
from scatterkit.fitting import CatalogueBody, ConvexBody, ForwardFitter
from scatterkit.metrics import pattern_residual
from scatterkit.plotting import reconstruction_figure
from scatterkit.preprocessing import annular_mask
from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Rasterizer, Solid

STAR = 5
SECONDS_IN_ALL = 150.0
MODELS = {  # and the most seconds that each fit may take; on an idle computer it takes about half
    "convex body": (ConvexBody(), 50.0),
    "icosahedron": (CatalogueBody("icosahedron"), 35.0),
    "elongated decahedron": (CatalogueBody("decahedron", stretch_axis="C5"), 35.0),
}


class Measurement(NamedTuple):
    """A pattern to reconstruct: what was recorded, where, and what it is."""

    pattern: np.ndarray
    mask: np.ndarray
    title: str


class Row(NamedTuple):
    """A row of the table."""

    name: str
    residual: float
    seconds: float


def load_measurement() -> Measurement:
    """Give the measured star pattern, or say what is missing and give a simulated pattern instead."""
    try:
        star = fetch_barke2015([STAR])
    except DataNotFoundError as error:
        print(f"{error}\n\nGoing on with a simulated pattern through the same path.\n", flush=True)
        return simulate_measurement()
    return Measurement(star.patterns[0], star.masks[0], f"silver cluster, measured pattern {STAR}")


def simulate_measurement() -> Measurement:
    """Give the pattern of a stretched, turned icosahedron as a detector with a central hole would show it."""
    from scipy.spatial.transform import Rotation

    body = Solid.from_catalogue("icosahedron", circumradius=90).stretch(1.3, axis="C5")
    body = body.rotate(Rotation.from_euler("xyz", [20, 35, 50], degrees=True))
    pattern = LogScaler().transform(MSFTSimulator().transform(Rasterizer(grid=96).transform([body])))[0]
    return Measurement(
        pattern, annular_mask(pattern.shape, 2.5, 39.9), "simulated pattern of a stretched icosahedron"
    )


def compile_kernels(measurement: Measurement) -> float:
    """Run a fit of a few steps, so that compilation, once on a computer, is in no fit's time; give the seconds."""
    print(
        "Compiling the kernels (the first run on a computer takes up to two minutes) ...", end=" ", flush=True
    )
    begun = time.perf_counter()
    for n_jobs in (None, -1):
        fitter = ForwardFitter(grid=16, n_steps=10, radii=[80], n_kept=1, n_jobs=n_jobs, random_state=0)
        fitter.fit(measurement.pattern[None], mask=measurement.mask)
    seconds = time.perf_counter() - begun
    print(f"{seconds:.0f} s", flush=True)
    return seconds


def fit_models(measurement: Measurement, share: float) -> tuple[dict[str, ForwardFitter], list[Row]]:
    """Fit each model in a share of its time; give the fitters and the table's rows."""
    fitters, rows = {}, []
    for name, (model, budget) in MODELS.items():
        print(f"\nFitting: {name}", flush=True)
        begun = time.perf_counter()
        fitter = ForwardFitter(model, time_budget=share * budget, n_jobs=-1, random_state=0, verbose=True)
        fitters[name] = fitter.fit(measurement.pattern[None], mask=measurement.mask)
        seconds = time.perf_counter() - begun
        # judged anew and alike for all: response fitted from scratch to the finished body's pattern
        intensity = PolyhedronSimulator().transform(fitter.solids_)
        residual = float(pattern_residual(measurement.pattern[None], intensity, mask=measurement.mask)[0])
        rows.append(Row(name, residual, seconds))
    return fitters, rows


def print_table(rows: list[Row]) -> None:
    """Print residual, residual relative to the icosahedron's and seconds of each model."""
    reference = next(row.residual for row in rows if row.name == "icosahedron")
    print(f"\n{'model':<22}{'residual':>10}{'relative to the icosahedron':>30}{'seconds':>9}")
    for name, residual, seconds in rows:
        print(f"{name:<22}{residual:>10.5f}{residual / reference:>30.2f}{seconds:>9.1f}")


def write_results(measurement: Measurement, fitter: ForwardFitter, folder: Path) -> None:
    """Write the figure, and the body as GLB and STL."""
    folder.mkdir(parents=True, exist_ok=True)
    body = fitter.solids_[0]
    fitted = fitter.predict_pattern(measurement.pattern[None])[0]
    figure = reconstruction_figure(
        measurement.pattern, fitted, measurement.mask, body, title=measurement.title
    )
    paths = [folder / f"reconstruction.{kind}" for kind in ("png", "glb", "stl")]
    figure.savefig(paths[0], dpi=150)
    for path in paths[1:]:
        body.to_file(path)
    print("\nWritten: " + ", ".join(str(path) for path in paths))


def main() -> None:
    """Read a pattern, fit the three models, print the table, write figure and meshes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for the results")
    parser.add_argument("--hurry", type=float, default=1.0, help="allow each fit this many times less time")
    arguments = parser.parse_args()

    measurement = load_measurement()
    print(f"Pattern: {measurement.title}, {measurement.mask.sum()} measured pixels.", flush=True)
    seconds = compile_kernels(measurement)
    left = max(SECONDS_IN_ALL - seconds, 30) / sum(budget for _, budget in MODELS.values())
    fitters, rows = fit_models(measurement, min(left, 1.0) / arguments.hurry)
    print_table(rows)
    write_results(measurement, fitters["convex body"], arguments.output)
    print("The back of the body is not measured: silver absorbs the light before it gets there.")


if __name__ == "__main__":
    main()
