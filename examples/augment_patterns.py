"""One pattern as an experiment would spoil it.

Draws a simulated pattern beside itself with each artifact: first the published filters, then what the package adds to
them, then what a network would meet in training, where every sample of every epoch gets another artifact by chance.
Prints what was done to each sample. Run it by ``python examples/augment_patterns.py``; the pictures go to
``demo_output/``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

import scatterkit as sk
from scatterkit.augmentation import Augmenter, DetectorGaps, PhotonNoise, StrayLight
from scatterkit.plotting import show_augmentations

DQ = sk.QGrid().dq


def simulated_pattern() -> np.ndarray:
    """Give the log-scaled pattern of a stretched, turned icosahedron, shape (128, 128)."""
    body = sk.Solid.from_catalogue("icosahedron", circumradius=90).stretch(1.3, axis="C5")
    body = body.rotate(Rotation.from_euler("xyz", [20, 35, 50], degrees=True))
    intensity = sk.MSFTSimulator().transform(sk.Rasterizer(grid=64).transform([body]))
    return sk.LogScaler().transform(intensity)[0]


def main() -> None:
    """Draw and write the pictures, print the history."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for the pictures")
    parser.add_argument("--format", default="png", help="of the pictures: png, webp, pdf, svg, ...")
    parser.add_argument("--seed", type=int, default=337, help="another seed draws other artifacts")
    arguments = parser.parse_args()
    pattern, seed = simulated_pattern(), arguments.seed

    published = list(Augmenter("all").named_filters().values())
    own = {
        "few photons": PhotonNoise(),
        "detector gaps": DetectorGaps(),
        "stray light": StrayLight(),
    }
    training = Augmenter(random_state=seed)
    pictures = {
        "augmentations": show_augmentations(
            pattern,
            published,
            random_state=seed,
            dq=DQ,
            columns=5,
            title="One pattern, and each published artifact",
        ),
        "own_augmentations": show_augmentations(
            pattern, own, random_state=seed, dq=DQ, title="Further artifacts"
        ),
        "training_samples": show_augmentations(
            pattern, training, n=10, dq=DQ, columns=5, title="As a network would see this pattern in training"
        ),
    }
    for i, line in enumerate(training.sample_params(5, shape=pattern.shape).history()):
        print(f"sample {i}: {line}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, figure in pictures.items():
        path = arguments.output / f"{name}.{arguments.format}"
        figure.savefig(path, dpi=90)
        print(f"Written: {path}")


if __name__ == "__main__":
    main()
