"""The bodies that data sets are made of.

Draws the 21 classes of the published training set, and random bodies as two samplers draw them for new sets:
bodies of the catalogue, stretched, cut and turned; and any convex bodies, as intersections of half spaces.
Run it by ``python examples/looking_at_bodies.py``; the pictures go to ``demo_output/``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scipy.spatial.transform import Rotation

from scatterkit.plotting import show_solids
from scatterkit.solids import HalfSpaceSampler, Solid, SolidSampler
from scatterkit.solids.catalogue import PUBLISHED

N_RANDOM = 14
TILT = Rotation.from_euler("xyz", [-20, -15, 0], degrees=True)  # so that more than one face is seen


def base_set() -> list[Solid]:
    """Give one body of each class of the published set, all with the same circumradius."""
    return [Solid.from_catalogue(name, circumradius=100, random_state=3).rotate(TILT) for name in PUBLISHED]


def main() -> None:
    """Draw and write the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for the pictures")
    parser.add_argument("--format", default="png", help="of the pictures: png, webp, pdf, svg, ...")
    arguments = parser.parse_args()

    cut = SolidSampler(random_state=1, cut=(0.2, 1.0), cut_probability=0.5)
    pictures = {
        "base_set": show_solids(base_set(), title="The 21 classes of the published training set"),
        "random_bodies": show_solids(
            cut.sample(N_RANDOM), title="Random bodies of the catalogue, half of them cut: SolidSampler"
        ),
        "halfspace_bodies": show_solids(
            HalfSpaceSampler(random_state=1).sample(N_RANDOM),
            names=[""] * N_RANDOM,
            title="Random convex bodies: HalfSpaceSampler",
        ),
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, figure in pictures.items():
        path = arguments.output / f"{name}.{arguments.format}"
        figure.savefig(path, dpi=90)
        print(f"Written: {path}")


if __name__ == "__main__":
    main()
