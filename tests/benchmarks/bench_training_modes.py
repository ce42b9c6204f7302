"""Supervised, hybrid and physics training of the published architecture at small scale: curves, bodies, a table.

    python tests/benchmarks/bench_training_modes.py [--minutes 3] [--steps N] [--pool FOLDER]
        [--modes supervised hybrid physics surface] [--samples 2000] [--width 4] [--grid 16] [--batch 8] [--looks 4]
        [--folder FOLDER]
    python tests/benchmarks/bench_training_modes.py --draw [--folder FOLDER]

What the appendix of the published work compares, in little: cut bodies of the published kind, patterns with the
artifacts of the published simulated experiment, the published encoder and decoder at a small width and grid. All modes
have the same first weights, batches, artifacts, steps and seed. The losses are the published ones: cross-entropy of all
voxels; the scatter loss with a tenth of the binary loss, where the true volume is simulated alike; their sum. "surface"
is beside them: the package's own decoder of planes, by `SurfaceLoss` and `ExactPhysicsLoss`, with the same encoder.

Without --steps there are as many as the hybrid mode, the slowest of the three, makes in --minutes of the processor's
time. After each of the --looks parts of the steps a mode is judged on bodies that it was not trained on: medians of the
scatter loss (of volumes on the same grid), the overlap of the fronts, and of whole bodies, on patterns with artifacts
and clean ones. "same sphere" is one body for all patterns.

Everything goes to --folder: pools, checkpoints, results.jsonl, predicted bodies, figures. A run that was cut goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from benchmarking import print_table
from training_trials import (
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
    snapshots,
    spheres,
    write_record,
)

from scatterkit.augmentation import Augmenter, SimulatedExperiment
from scatterkit.datasets import BodyPool, PublishedSampler
from scatterkit.reconstruction import (
    CrossEntropyLoss,
    ExactPhysicsLoss,
    Loss,
    PhysicsLoss,
    PhysicsReconstructor,
    PublishedEncoder,
    Ramp,
    SurfaceLoss,
    VoxelDecoder,
    WeightedLoss,
)
from scatterkit.reconstruction.training._checkpoints import load_checkpoint
from scatterkit.simulation import MSFTSimulator

MODES = ("supervised", "hybrid", "physics", "surface")
PUBLISHED_MODES = MODES[:3]
SPHERE = "same sphere"
LOOKS = {
    "supervised": ("#0072B2", "o"),
    "hybrid": ("#009E73", "s"),
    "physics": ("#D55E00", "^"),
    "surface": ("#CC79A7", "D"),
}
"""Colours of Okabe and Ito, and marks."""
TITLES = {"scatter_loss": "scatter loss (eps = 100)", "front_iou": "front IoU", "iou": "IoU"}
TRIAL_STEPS, EXAMPLES = 40, 5
RESULTS = "results.jsonl"


def loss_of(mode: str, n_steps: int) -> Loss:
    """What a mode minimises."""
    physics = PhysicsLoss(simulate_truth=True)
    if mode == "surface":
        ramp = Ramp(start=30.0, stop=300.0, end=n_steps)
        return WeightedLoss([SurfaceLoss(), ExactPhysicsLoss()], [1.0, ramp])
    losses: dict[str, Loss] = {
        "supervised": CrossEntropyLoss(),
        "hybrid": WeightedLoss([physics, CrossEntropyLoss()], [1.0, 1.0]),
        "physics": physics,
    }
    return losses[mode]


def network_of(mode: str, n_steps: int, options: argparse.Namespace) -> PhysicsReconstructor:
    """What is trained in a mode."""
    return PhysicsReconstructor(
        simulator=MSFTSimulator(),
        augmenter=Augmenter([SimulatedExperiment()]),
        encoder=PublishedEncoder(width=options.width),
        decoder="planes" if mode == "surface" else VoxelDecoder(width=options.width),
        loss=loss_of(mode, n_steps),
        grid=options.grid,
        n_steps=n_steps,
        batch_size=options.batch,
        random_state=options.seed,
    )


def train(mode: str, pool: BodyPool, samples: HeldOut, n_steps: int, options: argparse.Namespace) -> None:
    """Train in a mode, or go on, and judge what it was in between and in the end."""
    path, folder = options.folder / RESULTS, options.folder / mode
    network = network_of(mode, n_steps, options).set_params(checkpoint=folder, checkpoint_minutes=0)
    known = {record["step"] for record in of(read_records(path), mode=mode, n_steps=n_steps)}
    if n_steps in known:
        return print(f"{mode}: done before.")
    with snapshots(folder, -(-n_steps // options.looks)):
        pace = fit_timed(network, pool)
    for place in (*sorted(folder.glob("after-*")), folder):
        reached = load_checkpoint(place)
        assert reached is not None
        network._take(reached)
        if network.n_steps_ in known:
            continue
        found = predictions(network, samples)
        known.add(network.n_steps_)
        for kind in KINDS:
            record = {"mode": mode, "patterns": kind, "step": int(network.n_steps_), "n_steps": n_steps}
            record |= {"seconds_per_step": pace, "weights": int(network.weights_.size)}
            write_record(path, record | judged(found[kind], samples))
    few = found["artifacts"][:EXAMPLES]
    np.savez_compressed(options.folder / f"{mode}.npz", found=few, true=samples.volumes[: len(few)])
    return print(f"{mode}: {n_steps} steps, {pace:.3f} s each", flush=True)


def run(options: argparse.Namespace) -> None:
    """Make pools, say how many steps there are, train all modes."""
    folder, sampler = options.folder, PublishedSampler(random_state=options.seed, chopped=True)
    pool = pool_of(options.pool, folder / "pool", sampler, options.samples)
    others = PublishedSampler(random_state=options.seed + 10**6, chopped=True)
    samples = held_out(folder / "held_out", others, options.held_out, options.grid)
    trial = network_of("hybrid", TRIAL_STEPS, options)
    n_steps = options.steps
    if n_steps is None:
        n_steps = max(TRIAL_STEPS, round(60 * options.minutes / pace_of(trial, pool, folder / "pace.json")))
    print(f"{len(pool)} bodies, {n_steps} steps of {options.batch} samples", flush=True)
    if not of(read_records(folder / RESULTS), mode=SPHERE):
        record = {"mode": SPHERE, "patterns": "clean", "step": 0, "n_steps": n_steps, "weights": 0}
        write_record(folder / RESULTS, record | {"seconds_per_step": 0.0} | judged(spheres(samples), samples))
    for mode in options.modes:
        train(mode, pool, samples, n_steps, options)


def print_last(records: Sequence[dict[str, Any]]) -> None:
    """Print what each mode came to."""
    rows = []
    for mode in (SPHERE, *MODES):
        for kind in KINDS:
            if own := of(records, mode=mode, patterns=kind):
                last = max(own, key=lambda record: record["step"])
                figures = f"{last['scatter_loss']:.2e}", f"{last['front_iou']:.3f}", f"{last['iou']:.3f}"
                pace = f"{last['seconds_per_step']:.3f}"
                rows.append((mode, kind, str(last["step"]), *figures, pace, str(last["weights"])))
    print_table(
        ("mode", "patterns", "steps", "scatter loss", "front IoU", "IoU", "s per step", "weights"), rows
    )


def draw_curves(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw each figure of merit by step; full lines for patterns with artifacts, dotted for clean ones."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    axes = figure.subplots(1, 3)
    for axis, (name, title) in zip(axes, TITLES.items(), strict=True):
        for mode, (colour, mark) in LOOKS.items():
            for kind, style in zip(KINDS, ("-", ":"), strict=True):
                own = sorted(of(records, mode=mode, patterns=kind), key=lambda record: record["step"])
                points = [(record["step"], record[name]) for record in own]
                label = mode if kind == KINDS[0] else None
                if points:
                    axis.plot(*zip(*points, strict=True), style, color=colour, marker=mark, ms=4, label=label)
        for record in of(records, mode=SPHERE):
            axis.axhline(record[name], color="0.5", ls="--", lw=1, label=SPHERE)
        axis.set(xlabel="step", ylabel=f"{title}, median")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yscale("log")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)
    print(f"Written: {path}")


def draw_bodies(folder: Path, box: float) -> None:
    """Draw the depth at which light enters true bodies and those of each mode."""
    from matplotlib.figure import Figure

    from scatterkit.plotting import show_depth
    from scatterkit.reconstruction import canonical_pose

    stored = {mode: np.load(folder / f"{mode}.npz") for mode in MODES if (folder / f"{mode}.npz").exists()}
    if not stored:
        return
    true = next(iter(stored.values()))["true"][:EXAMPLES]
    rows = {"true": true} | {mode: arrays["found"][:EXAMPLES] for mode, arrays in stored.items()}
    figure = Figure(figsize=(1.7 * EXAMPLES + 1, 1.7 * len(rows) + 0.6), layout="constrained")
    axes = figure.subplots(len(rows), EXAMPLES, sharex=True, sharey=True, squeeze=False)
    images = []
    for line, (name, volumes) in zip(axes, rows.items(), strict=True):
        for axis, volume in zip(line, np.asarray(canonical_pose(volumes, box)), strict=True):
            images.append(show_depth(axis, volume, box=box))
            images[-1].set_clim(-box / 2, 0)
            axis.label_outer()
        line[0].set_ylabel(f"{name}\n$y$ (nm)")
    figure.colorbar(images[0], ax=list(axes.flat), label="entrance $z$ (nm)", extend="max", shrink=0.8)
    figure.savefig(folder / "bodies.png", dpi=110)
    print(f"Written: {folder / 'bodies.png'}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, judge, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("benchmark_output/training_modes"))
    parser.add_argument(
        "--pool", type=Path, help="a pool to train from; by default one of cut bodies is made"
    )
    parser.add_argument("--samples", type=int, default=2000, help="bodies drawn for the pool")
    parser.add_argument("--held-out", type=int, default=100, help="bodies drawn to judge by")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--minutes", type=float, default=3.0, help="of the processor, for the hybrid mode")
    parser.add_argument("--steps", type=int, help="training steps of each mode, instead of --minutes")
    parser.add_argument("--looks", type=int, default=4, help="how often a mode is judged, about")
    parser.add_argument("--width", type=int, default=4, help="of encoder and decoder; published: 64")
    parser.add_argument("--grid", type=int, default=16, help="voxels along an axis; published: 64")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draw", action="store_true", help="print and draw what there is; train nothing")
    options = parser.parse_args(arguments)
    if not options.draw:
        run(options)
    records = read_records(options.folder / RESULTS)
    print_last(records)
    draw_curves(records, options.folder / "curves.png")
    draw_bodies(options.folder, MSFTSimulator().box)
    return 0


if __name__ == "__main__":
    sys.exit(main())
