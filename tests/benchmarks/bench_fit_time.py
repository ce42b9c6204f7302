"""Seconds of a fit from one start with 150 steps: by gradient descent through 64^3 voxels, and by exact facets.

    python tests/benchmarks/bench_fit_time.py [--repeats 5] [--steps 150]

The pattern is that of a truncated octahedron of 80 nm, 128 x 128 pixels; the start a body 10 % too small.
Kernels are loaded before the clock starts. CPU seconds tell how much of the time was waiting on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit.fitting import ForwardFitter
from scatterkit.simulation import LogScaler, PolyhedronSimulator
from scatterkit.solids import Solid

RADIUS = 80.0  # nm
START = 0.9
WAYS = {"voxels": {}, "facets": {"n_starts": 1, "n_rounds": 1}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Time both ways."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=150)
    options = parser.parse_args(arguments)
    solid = Solid.from_catalogue("truncated_octahedron", circumradius=RADIUS)
    solid = solid.rotate(Rotation.from_rotvec([0.3, 0.5, 0.2]))
    X = LogScaler().transform(PolyhedronSimulator().transform([solid]))
    print(f"{options.steps} steps from one start, {os.cpu_count()} cores, median of {options.repeats}")
    for method, settings in WAYS.items():
        figures = []
        for repeat in range(options.repeats + 1):
            fitter = ForwardFitter(
                method=method,
                n_steps=options.steps,
                n_kept=1,
                radii=[START * RADIUS],
                random_state=repeat,
                **settings,
            )
            begun, used = time.perf_counter(), time.process_time()
            fitter.fit(X)
            figures.append((time.perf_counter() - begun, time.process_time() - used, fitter.residuals_[0]))
        seconds, cpu, residual = np.median(figures[1:], axis=0)  # the first loads kernels
        print(f"{method:7s} {seconds:5.1f} s, {cpu:5.1f} s of CPU, residual {residual:.1e}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
