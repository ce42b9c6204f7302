"""Which decoder: planes, support, depth and voxels behind the same encoder, trained for equal seconds of the processor.

    python tests/benchmarks/bench_decoders.py [--minutes 5] [--decoders planes support depth voxels planes+physics]
        [--pool FOLDER] [--samples 4000] [--width 16] [--grid 32] [--batch 16] [--folder FOLDER]
    python tests/benchmarks/bench_decoders.py --table [--folder FOLDER]

Encoder: `CompactEncoder` with a stem of stride 8. Bodies: random planes and those of the published sets, cut and whole,
as the package's network is trained on; half of the patterns with the artifacts of the published simulated experiment.
Losses: `SurfaceLoss` where a decoder has surfaces, cross-entropy of all voxels for voxels; "planes+physics" adds
`ExactPhysicsLoss`. A short trial says how many steps each makes in --minutes, so that all have the same seconds and a
whole schedule of their learning rate. Judged on other bodies, with artifacts and clean: medians of the scatter loss
against the true bodies on the same grid, and of the overlap of the fronts. "same sphere" is one body for all patterns.

Everything goes to --folder: pools, checkpoints, results.jsonl. A run that was cut goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarking import print_table
from training_trials import (
    HELD_OUT_SEED,
    KINDS,
    HeldOut,
    fit_timed,
    held_out,
    judged,
    of,
    pace_of,
    pool_of,
    predictions,
    read_records,
    spheres,
    write_record,
)

from scatterkit.augmentation import Augmenter, SimulatedExperiment
from scatterkit.datasets import BodyPool, PublishedSampler
from scatterkit.reconstruction import (
    CompactEncoder,
    CrossEntropyLoss,
    DepthDecoder,
    ExactPhysicsLoss,
    Loss,
    PhysicsReconstructor,
    PlaneDecoder,
    Ramp,
    SupportDecoder,
    SurfaceLoss,
    VoxelDecoder,
    WeightedLoss,
)
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import HalfSpaceSampler, MixedSampler

PHYSICS = "planes+physics"
DECODERS = {
    "planes": PlaneDecoder,
    PHYSICS: PlaneDecoder,
    "support": SupportDecoder,
    "depth": DepthDecoder,
    "voxels": VoxelDecoder,
}
SPHERE = "same sphere"
TRIAL_STEPS = 20
RESULTS = "results.jsonl"


def sampler_of(seed: int) -> MixedSampler:
    """Random planes, and bodies of the published sets, cut and whole."""
    kinds = [HalfSpaceSampler(), PublishedSampler(chopped=True), PublishedSampler()]
    return MixedSampler(kinds, weights=[2, 1, 1], random_state=seed)


def loss_of(name: str, n_steps: int) -> Loss:
    """What is minimised with a decoder."""
    if name == "voxels":
        return CrossEntropyLoss()
    if name == PHYSICS:
        ramp = Ramp(start=30.0, stop=300.0, end=n_steps)
        return WeightedLoss([SurfaceLoss(), ExactPhysicsLoss()], [1.0, ramp])
    return SurfaceLoss()


def network_of(name: str, n_steps: int, options: argparse.Namespace) -> PhysicsReconstructor:
    """What is trained with a decoder."""
    decoder = VoxelDecoder(width=options.voxel_width) if name == "voxels" else DECODERS[name]()
    return PhysicsReconstructor(
        simulator=MSFTSimulator(),
        augmenter=Augmenter([SimulatedExperiment()], probability=0.5),
        encoder=CompactEncoder(width=options.width, stride=8),
        decoder=decoder,
        loss=loss_of(name, n_steps),
        grid=options.grid,
        n_steps=n_steps,
        batch_size=options.batch,
        random_state=options.seed,
        checkpoint=options.folder / name,
        checkpoint_minutes=1.0,
    )


def train(name: str, pool: BodyPool, samples: HeldOut, options: argparse.Namespace) -> None:
    """Train with a decoder, or go on, and judge."""
    path = options.folder / RESULTS
    if of(read_records(path), decoder=name):
        return print(f"{name}: done before.")
    trial = network_of(name, TRIAL_STEPS, options)
    tried = pace_of(trial, pool, options.folder / f"{name}.json")
    n_steps = max(TRIAL_STEPS, round(60 * options.minutes / tried))
    print(f"{name}: {n_steps} steps, {tried:.3f} s each in the trial", flush=True)
    network = network_of(name, n_steps, options)
    pace = fit_timed(network, pool)
    found = predictions(network, samples)
    for kind in KINDS:
        record: dict[str, Any] = {"decoder": name, "patterns": kind, "steps": n_steps}
        record |= {"seconds_per_step": pace, "weights": int(network.weights_.size)}
        write_record(path, record | judged(found[kind], samples))
    return None


def run(options: argparse.Namespace) -> None:
    """Make pools, train with all decoders."""
    folder = options.folder
    pool = pool_of(options.pool, folder / "pool", sampler_of(options.seed), options.samples)
    others = sampler_of(options.seed + HELD_OUT_SEED)
    samples = held_out(folder / "held_out", others, options.held_out, options.grid)
    print(f"{len(pool)} bodies to train on, {len(samples.volumes)} to judge by", flush=True)
    if not of(read_records(folder / RESULTS), decoder=SPHERE):
        record = {"decoder": SPHERE, "patterns": "clean", "steps": 0, "seconds_per_step": 0.0, "weights": 0}
        write_record(folder / RESULTS, record | judged(spheres(samples), samples))
    for name in options.decoders:
        train(name, pool, samples, options)


def print_results(records: Sequence[dict[str, Any]]) -> None:
    """Print a line for each decoder and kind of patterns."""
    rows = []
    for name in (SPHERE, *DECODERS):
        for record in of(records, decoder=name):
            figures = f"{record['front_iou']:.3f}", f"{record['scatter_loss']:.2e}", f"{record['iou']:.3f}"
            cost = f"{record['seconds_per_step']:.3f}", str(record["steps"]), str(record["weights"])
            rows.append((name, record["patterns"], *figures, *cost))
    header = ("decoder", "patterns", "front IoU", "scatter loss", "IoU", "s per step", "steps", "weights")
    print_table(header, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, judge, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("benchmark_output/decoders"))
    parser.add_argument("--pool", type=Path, help="a pool to train from; by default one is made")
    parser.add_argument("--samples", type=int, default=4000, help="bodies drawn for the pool")
    parser.add_argument("--held-out", type=int, default=100, help="bodies drawn to judge by")
    parser.add_argument("--decoders", nargs="+", choices=tuple(DECODERS), default=tuple(DECODERS))
    parser.add_argument("--minutes", type=float, default=5.0, help="of the processor, for each decoder")
    parser.add_argument("--width", type=int, default=16, help="of the encoder")
    parser.add_argument("--voxel-width", type=int, default=4, help="of the decoder of voxels")
    parser.add_argument("--grid", type=int, default=32, help="voxels along an axis")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true", help="print what there is; train nothing")
    options = parser.parse_args(arguments)
    if not options.table:
        run(options)
    print_results(read_records(options.folder / RESULTS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
