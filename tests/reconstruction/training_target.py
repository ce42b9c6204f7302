"""A training to be killed, for test_training: takes the folder of its checkpoint."""

from __future__ import annotations

import sys
from pathlib import Path

from training_tools import bodies, patterns, reconstructor

from scatterkit.augmentation import Augmenter
from scatterkit.reconstruction import PhysicsReconstructor


def long(folder: Path | None) -> PhysicsReconstructor:
    """A training of some seconds that is written to disk at every look at it."""
    return reconstructor(
        n_steps=400,
        loss="annealed",
        augmenter=Augmenter(),
        validation=4,
        validate_every=40,
        checkpoint=folder,
        checkpoint_minutes=0.0,
    )


if __name__ == "__main__":
    volumes = bodies()
    long(Path(sys.argv[1])).fit(patterns(volumes), volumes)
