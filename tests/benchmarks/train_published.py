"""Train the published architecture on a pool of bodies: what `bench_reconstruction.py` calls "published".

    python tests/benchmarks/train_published.py --pool FOLDER [--minutes 60] [--width 8] [--grid 32] [--folder FOLDER]
    python tests/benchmarks/bench_reconstruction.py --published FOLDER/published.npz --methods published

Published are encoder and decoder, batches of 8, the rate, and the loss: scatter loss with a tenth of the binary loss.
In print the width is 64, which makes 196 million weights, and bodies have 64^3 voxels. Here the width is 8 and bodies
have 32^3 voxels by default: at 64^3 and width 4 one core of an AMD EPYC made a step in seven seconds. Data and
artifacts are those of a first round of `examples/train_silver.py`, whose pool it takes. A short trial says how many
steps fit in the minutes. Everything goes to --folder. A run that was cut goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from training_trials import pace_of

from scatterkit.augmentation import Augmenter, SimulatedExperiment
from scatterkit.datasets import BodyPool
from scatterkit.reconstruction import PhysicsLoss, PhysicsReconstructor, PublishedEncoder, VoxelDecoder
from scatterkit.simulation import MSFTSimulator

TRIAL_STEPS = 12
RATE = 1e-3
"""Of Adam, published."""


def network_of(n_steps: int, options: argparse.Namespace) -> PhysicsReconstructor:
    """Say what is trained, and how."""
    return PhysicsReconstructor(
        simulator=MSFTSimulator(),
        augmenter=Augmenter([SimulatedExperiment()], probability=0.5),
        encoder=PublishedEncoder(width=options.width),
        decoder=VoxelDecoder(width=options.width),
        loss=PhysicsLoss(),
        grid=options.grid,
        n_steps=n_steps,
        batch_size=options.batch,
        learning_rate=RATE,
        random_state=options.seed,
        verbose=True,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, or go on, and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pool", type=Path, required=True, help="a pool of bodies, as train_silver.py makes it"
    )
    parser.add_argument("--folder", type=Path, default=Path("benchmark_output/published"))
    parser.add_argument("--minutes", type=float, default=60.0, help="of the processor")
    parser.add_argument("--width", type=int, default=8, help="of encoder and decoder; published: 64")
    parser.add_argument("--grid", type=int, default=32, help="voxels along an axis; published: 64")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    pool = BodyPool(options.pool)
    pace = pace_of(
        network_of(TRIAL_STEPS, options).set_params(verbose=False), pool, options.folder / "pace.json"
    )
    n_steps = max(TRIAL_STEPS, round(60 * options.minutes / pace))
    print(f"{n_steps} steps of {options.batch} samples, {pace:.3f} s each in the trial", flush=True)
    network = network_of(n_steps, options).set_params(checkpoint=options.folder, checkpoint_minutes=2)
    path = network.fit(pool).save(options.folder / "published.npz")
    print(f"{network.weights_.size} weights. Written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
