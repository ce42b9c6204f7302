"""Fits to patterns of exact polyhedra, with partly filled voxels as densities ("exact") and as shares.

    python tests/benchmarks/bench_shares_fit.py [--bodies N] [--steps N]

Residual of the pattern, and overlap of the found with the true body's lit front, by body and treatment.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit.fitting import ConvexBody, ForwardFitter
from scatterkit.metrics import front_iou
from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Rasterizer, Solid

NAMES = ("truncated_octahedron", "icosahedron", "octahedron", "cuboctahedron", "dodecahedron", "cube")


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bodies", type=int, default=3, help="how many bodies (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=400, help="steps of a fit (default: %(default)s)")
    arguments = parser.parse_args()
    turns = Rotation.random(12, rng=np.random.default_rng(3))
    print(f"{'body':<22}{'treatment':<11}{'residual':>9}{'front overlap':>15}")
    for i in range(arguments.bodies):
        name = NAMES[i % len(NAMES)]
        body = Solid.from_catalogue(name, circumradius=70 + 5 * (i % len(NAMES))).rotate(turns[i])
        pattern = LogScaler().transform(PolyhedronSimulator().transform([body]))
        truth = Rasterizer(grid=64).transform([body])
        for treatment in ("exact", "shares"):
            fitter = ForwardFitter(
                ConvexBody(n_faces=32),
                method="voxels",  # facets need no voxels, so that their treatment would have no part
                simulator=MSFTSimulator(self_absorption=treatment),
                radii=[60, 80],
                n_steps=arguments.steps,
                n_kept=2,
                random_state=0,
                n_jobs=1,
            ).fit(pattern)
            overlap = front_iou(fitter.predict(pattern), truth)[0]
            print(f"{name:<22}{treatment:<11}{fitter.residuals_[0]:>9.2e}{overlap:>15.3f}", flush=True)


if __name__ == "__main__":
    main()
