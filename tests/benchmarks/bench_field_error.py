"""How far the field of a 64^3 volume is from that of a 320^3 volume, by what a voxel's value is taken to mean.

    python tests/benchmarks/bench_field_error.py [--bodies N] [--fine N]

Exactly rasterised, randomly turned polyhedra; norm of the difference over the norm, mean over the bodies.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.spatial.transform import Rotation

from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Rasterizer, Solid

NAMES = ("icosahedron", "cube", "truncated_octahedron", "dodecahedron", "octahedron", "cuboctahedron")
TREATMENTS = [
    {"voxel_response": response, "self_absorption": own}
    for own in ("exact", "half", "full")
    for response in ("average", "point", "box")
]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bodies", type=int, default=6, help="how many bodies (default: %(default)s)")
    parser.add_argument("--fine", type=int, default=320, help="grid of the yardstick (default: %(default)s)")
    arguments = parser.parse_args()
    turns = Rotation.random(arguments.bodies, rng=np.random.default_rng(0))
    errors = np.zeros((arguments.bodies, len(TREATMENTS)))
    for i, turn in enumerate(turns):
        body = Solid.from_catalogue(NAMES[i % len(NAMES)], circumradius=60 + 8 * i).rotate(turn)
        fine = MSFTSimulator().field(Rasterizer(grid=arguments.fine).transform([body]))
        coarse = Rasterizer(grid=64).transform([body])
        for j, treatment in enumerate(TREATMENTS):
            difference = MSFTSimulator(**treatment).field(coarse) - fine
            errors[i, j] = np.linalg.norm(difference) / np.linalg.norm(fine)
    print(f"field at 64^3 against {arguments.fine}^3, {arguments.bodies} bodies\n")
    print(f"{'own voxel':<12}{'voxel value':<14}{'mean error':>10}")
    for treatment, error in zip(TREATMENTS, errors.mean(axis=0), strict=True):
        print(f"{treatment['self_absorption']:<12}{treatment['voxel_response']:<14}{error:>10.2%}")


if __name__ == "__main__":
    main()
