"""One measured diffraction pattern in, one 3D body out.

Reads the star pattern of a silver cluster (Barke et al. 2015, number 5), fits any convex body to it, starting
from plain spheres, and for comparison the best icosahedron and the best elongated decahedron. Prints one table,
draws one figure, and writes the body as GLB and STL.
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
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.solids import Rasterizer, Solid

STAR = 5
MODELS = {
    "convex body": ConvexBody(),
    "icosahedron": CatalogueBody("icosahedron"),
    "elongated decahedron": CatalogueBody("decahedron", stretch_axis="C5"),
}


class Measurement(NamedTuple):
    """A pattern to reconstruct: what was recorded, where, and what it is."""

    pattern: np.ndarray
    mask: np.ndarray
    title: str


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
    rows, columns = np.indices(pattern.shape) - 64
    radius = np.hypot(rows, columns)
    return Measurement(
        pattern, (radius < 40) & (radius > 2.5), "simulated pattern of a stretched icosahedron"
    )


def main() -> None:
    """Fit the three models, print the table, write figure and meshes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, default=Path("demo_output"), help="folder for figure and meshes"
    )
    parser.add_argument(
        "--time-budget",
        type=float,
        default=45.0,
        help="seconds for each of the three fits (default: %(default)s)",
    )
    arguments = parser.parse_args()
    measurement = load_measurement()
    print(f"Pattern: {measurement.title}, {measurement.mask.sum()} measured pixels.", flush=True)

    fitters, residuals, seconds = {}, {}, {}
    for name, model in MODELS.items():
        print(f"\nFitting: {name}", flush=True)
        begun = time.perf_counter()
        fitter = ForwardFitter(
            model, time_budget=arguments.time_budget, n_jobs=-1, random_state=0, verbose=True
        )
        fitters[name] = fitter.fit(measurement.pattern[None], mask=measurement.mask)
        seconds[name] = time.perf_counter() - begun
        # judged anew and alike for all: response fitted from scratch to the finished body's pattern
        intensity = MSFTSimulator().transform(Rasterizer(grid=64).transform(fitter.solids_))
        residuals[name] = float(
            pattern_residual(measurement.pattern[None], intensity, mask=measurement.mask)[0]
        )

    print(f"\n{'model':<22}{'residual':>10}{'relative to the icosahedron':>30}{'seconds':>9}")
    for name in MODELS:
        relative = residuals[name] / residuals["icosahedron"]
        print(f"{name:<22}{residuals[name]:>10.5f}{relative:>30.2f}{seconds[name]:>9.1f}")

    best = fitters["convex body"]
    body = best.solids_[0]
    arguments.output.mkdir(parents=True, exist_ok=True)
    figure = reconstruction_figure(
        measurement.pattern,
        best.predict_pattern(measurement.pattern[None])[0],
        measurement.mask,
        body,
        title=measurement.title,
    )
    paths = [arguments.output / f"reconstruction.{kind}" for kind in ("png", "glb", "stl")]
    figure.savefig(paths[0], dpi=150)
    for path in paths[1:]:
        body.to_file(path)
    print("\nWritten: " + ", ".join(str(path) for path in paths))
    print("The back of the body is not measured: silver absorbs the light before it gets there.")


if __name__ == "__main__":
    main()
