"""Train the network for silver at 13.5 nm that comes with the package, from nothing to the file of weights.

On a GPU bodies and patterns are made on the device, each sample once, and a larger network is trained. On a CPU a pool
of bodies and patterns is simulated first, and a smaller network sees it in turned and mirrored views. Half of the
patterns carry the artifacts of the published simulated experiment; in later rounds three of ten do, and three of ten
those of measured patterns. In the end the network is calibrated on one half of the held-out samples, all with
artifacts of both kinds, and judged on the other half, and written to a file that ``PhysicsReconstructor.load`` reads.
The weights that come with the package were made on a CPU in two rounds, by

    python examples/train_silver.py --samples 64000 --steps 14000 --held-out 0
    cp runs/silver/silver-13.5nm.npz runs/silver/first.npz
    python examples/train_silver.py --samples 64000 --steps 20000 --begin runs/silver/first.npz

Everything goes to the folder: pool, checkpoints, log, learning curve, weights. Stopped at any moment, by Ctrl-C or
worse, the same command goes on. The GPU needs Keras with TensorFlow, JAX or PyTorch (``KERAS_BACKEND``), and 20 000
steps for five million samples; ``--held-out 0`` leaves the judging to another computer, by ``--judge`` on the same
folder, with ``--bodies fresh`` for weights that a GPU trained.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import scatterkit as sk
from scatterkit.augmentation import (
    CentralHole,
    Chain,
    Crop,
    NoiseFloor,
    Saturation,
    Shift,
    SimulatedExperiment,
    UniformNoise,
)
from scatterkit.reconstruction import (
    CompactEncoder,
    ExactPhysicsLoss,
    Loss,
    PhysicsReconstructor,
    Ramp,
    SurfaceLoss,
    WeightedLoss,
    canonical_pose,
    front_surface,
    make_loss,
)
from scatterkit.solids import MixedSampler

NAME = "silver-13.5nm"
GRID, BATCH = 64, 50
HELD_OUT_SEED = 10**6
"""Added to the seed for samples that no training sees."""
TRIAL_STEPS = 60
FIRST_PHYSICS, LAST_PHYSICS = 30.0, 300.0
"""Weights of the exact scatter loss at the beginning and in the end of training."""
FIRST_RATE, LATER_RATE = 1e-3, 5e-4
"""Highest learning rates of a first round and of those that begin with weights."""
COVERAGE = 0.9
FEWEST = 30
"""Held-out samples: half of them must be enough to calibrate with, though pools leave some bodies out."""
Images = NDArray[np.float32]


@dataclass(frozen=True)
class Choices:
    """What depends on the computer: the network, its precision, how many steps of how many samples."""

    encoder: CompactEncoder
    precision: str
    batch_size: int
    steps: int
    validation: int
    exact: bool = False
    training_grid: int | None = None
    validate_every: int = 1000

    def loss(self, steps: int, later: bool) -> Loss:
        """Say what is minimised: surfaces, and more and more the pattern too; in later rounds that from the start."""
        if not self.exact:
            return make_loss("annealed", steps)
        weight = LAST_PHYSICS if later else Ramp(start=FIRST_PHYSICS, stop=LAST_PHYSICS, end=steps)
        return WeightedLoss([SurfaceLoss(), ExactPhysicsLoss()], [1.0, weight])


ON_CPU = Choices(CompactEncoder(width=32, stride=8), "float32", 16, 60_000, 512, exact=True, training_grid=32)
ON_GPU = Choices(CompactEncoder(width=56, stride=4), "bfloat16", 256, 20_000, 2048)
SMALL = Choices(
    CompactEncoder(width=8, n_blocks=1, n_features=16, stride=8), "float32", 4, 10, 4, True, 16, 10
)


@dataclass(frozen=True)
class HeldOut:
    """Samples to calibrate with and to judge by: clean patterns, the same with artifacts and masks, true volumes."""

    clean: Images
    seen: Images
    masks: NDArray[np.bool_]
    volumes: Images

    def part(self, which: slice) -> HeldOut:
        """Give some of the samples."""
        return HeldOut(self.clean[which], self.seen[which], self.masks[which], self.volumes[which])


def bodies(seed: int) -> MixedSampler:
    """Say what bodies there are: random planes of five families, and those of the published sets, cut and whole."""
    from scatterkit.datasets import PublishedSampler  # which a GPU's endless source does not need

    kinds = [sk.HalfSpaceSampler(), PublishedSampler(chopped=True), PublishedSampler()]
    return MixedSampler(kinds, weights=[2, 1, 1], random_state=seed)


def as_measured() -> Chain:
    """Say what measured patterns like those of Barke et al. (2015) suffer: a high floor, a small round detector."""
    light = [UniformNoise((0.0, 0.1)), NoiseFloor()]
    small_detector = [
        Shift((-2.0, 2.0)),
        CentralHole((1.5, 6.0)),
        Saturation((0.8, 1.4)),
        Crop(rectangle=(0.0, 0.0), circle=(0.25, 0.35)),
    ]
    return Chain([*light, *small_detector])


def artifacts(later: bool) -> sk.Augmenter:
    """Say what patterns suffer in training: the published simulated experiment, later measured ones' artifacts too."""
    if not later:
        return sk.Augmenter([SimulatedExperiment()], probability=0.5)
    return sk.Augmenter([SimulatedExperiment(), as_measured()], probability=0.6)


def supply(arguments: argparse.Namespace, fresh: bool) -> Any:
    """Give what to train on: an endless source of bodies, or a pool of them with their patterns."""
    if fresh:
        return sk.HalfSpaceSampler()
    from scatterkit.datasets import make_pool

    sampler, folder = bodies(arguments.seed), arguments.folder / "pool"
    return make_pool(folder, sampler, arguments.samples, n_jobs=arguments.jobs, verbose=True)


def held_out(arguments: argparse.Namespace, fresh: bool) -> HeldOut:
    """Make samples of another seed than those of the training."""
    seed, n = arguments.seed + HELD_OUT_SEED, arguments.held_out
    clean, volumes = _fresh(seed, n) if fresh else _pooled(arguments, seed, n)
    seen = sk.Augmenter([SimulatedExperiment(), as_measured()], random_state=seed).augment(clean)
    return HeldOut(clean, seen.patterns, seen.masks, volumes)


def _fresh(seed: int, n: int) -> tuple[Images, Images]:
    from scatterkit.datasets import OnTheFly

    source = OnTheFly(batch_size=min(n, BATCH), random_state=seed, y=("pattern", "volume"), grid=GRID)
    batches = [next(iter(source))[1] for _ in range(-(-n // BATCH))]
    clean, volumes = (np.concatenate([_array(b[i]) for b in batches])[:n] for i in range(2))
    return clean, volumes


def _pooled(arguments: argparse.Namespace, seed: int, n: int) -> tuple[Images, Images]:
    from scatterkit.datasets import make_pool

    pool = make_pool(arguments.folder / "held_out", bodies(seed), n, n_jobs=arguments.jobs, verbose=True)
    clean, normals, offsets = pool.read(slice(None))
    solids = [sk.Solid.from_halfspaces(*planes) for planes in zip(normals, offsets, strict=True)]
    return clean, sk.Rasterizer(grid=GRID).transform(solids)


def _array(tensor: Any) -> Images:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(tensor))


def reconstructor(arguments: argparse.Namespace, choices: Choices, steps: int) -> PhysicsReconstructor:
    """Say what is trained, and how; weights to begin with are there already."""
    later = arguments.begin is not None
    settings = PhysicsReconstructor(
        simulator=sk.MSFTSimulator(),
        augmenter=artifacts(later),
        encoder=choices.encoder,
        decoder="planes",
        loss=choices.loss(steps, later),
        grid=GRID,
        training_grid=choices.training_grid,
        n_steps=steps,
        batch_size=choices.batch_size,
        learning_rate=LATER_RATE if later else FIRST_RATE,
        precision=choices.precision,
        validation=choices.validation,
        validate_every=choices.validate_every,
        random_state=arguments.seed,
        verbose=True,
        warm_start=later,
    )
    if not later:
        return settings
    return PhysicsReconstructor.load(arguments.begin).set_params(**settings.get_params(deep=False))


def steps_of(arguments: argparse.Namespace, choices: Choices, source: Any) -> int:
    """Give the number of steps: as asked for, or as many as the time is good for, by a short trial."""
    if arguments.steps is not None or arguments.minutes is None:
        return choices.steps if arguments.steps is None else arguments.steps
    kept = arguments.folder / f"steps_in_{arguments.minutes:g}_minutes{begun_from(arguments)}.txt"
    if not kept.exists():
        print(f"{TRIAL_STEPS} steps to see how long one takes.", flush=True)
        trial = reconstructor(arguments, choices, TRIAL_STEPS).set_params(validation=0)
        rows = trial.fit(source).history_
        first, last = rows[1], rows[-1]  # the first steps compile
        rate = (last["step"] - first["step"]) / (last["seconds"] - first["seconds"])
        kept.write_text(f"{max(TRIAL_STEPS, round(0.95 * 60 * arguments.minutes * rate))}\n")
    return int(kept.read_text())


def begun_from(arguments: argparse.Namespace) -> str:
    """Give what tells a further round's files from those of the first."""
    return "" if arguments.begin is None else f"_from_{arguments.begin.stem}"


def train(arguments: argparse.Namespace, choices: Choices, fresh: bool) -> Path:
    """Train, or go on; give the file of the weights."""
    source = supply(arguments, fresh)
    steps = steps_of(arguments, choices, source)
    print(f"{steps} steps of {choices.batch_size} samples each.", flush=True)
    network = reconstructor(arguments, choices, steps)
    network.set_params(checkpoint=arguments.folder / f"training{begun_from(arguments)}", checkpoint_minutes=2)
    if arguments.minutes is not None:
        network.set_params(time_budget=60 * arguments.minutes)
    network.fit(source)
    if network.n_steps_ < steps:
        print(f"The time was over after {network.n_steps_} of {steps} steps; the same command goes on.")
    draw_curve(network, arguments.folder / "learning_curve.png")
    return save(network, arguments.folder / f"{NAME}.npz")


def save(network: PhysicsReconstructor, path: Path) -> Path:
    """Write the network, unless the file has it already, perhaps calibrated; keep another one beside it."""
    if path.is_file():
        same = np.array_equal(PhysicsReconstructor.load(path).weights_, network.weights_.astype(np.float16))
        if same:
            return path
        path.replace(path.with_name(f"{NAME}.before.npz"))
    return network.save(path)


def draw_curve(network: PhysicsReconstructor, path: Path) -> None:
    """Draw the learning curve, where there is something to draw with."""
    if find_spec("matplotlib") is None:
        return print("No learning curve: matplotlib is not there.")
    from scatterkit.plotting import learning_curve

    learning_curve(network.history_).savefig(path, dpi=120)
    return print(f"Written: {path}")


def judge(path: Path, samples: HeldOut) -> None:
    """Calibrate the network of a file by half of the samples, keep it so, and say by the others how good it is."""
    network, half = PhysicsReconstructor.load(path), len(samples.seen) // 2
    known, samples = samples.part(slice(half)), samples.part(slice(half, None))
    print(f"Calibrating with {half} held-out bodies.", flush=True)
    network.calibrate(known.seen, known.volumes, mask=known.masks, coverage=COVERAGE).save(path)
    simulator = sk.MSFTSimulator()
    true = simulator.transform(samples.volumes)
    print(f"Medians of {len(true)} other held-out bodies, at {GRID} voxels:")
    for kind, patterns, masks in (("clean", samples.clean, None), ("artifacts", samples.seen, samples.masks)):
        found = network.predict(patterns, mask=masks)
        fronts = sk.metrics.front_iou(samples.volumes, found)
        losses = sk.metrics.scatter_loss(true, simulator.transform(found))
        print(f"{kind:>9}: front IoU {np.median(fronts):.3f}, scatter loss {np.median(losses):.2e}")
    judge_bounds(network, samples)


def judge_bounds(network: PhysicsReconstructor, samples: HeldOut) -> None:
    """Say how often the bounds hold and how wide they are, and how many patterns are called unusual."""
    low, high = network.predict_interval(samples.seen, mask=samples.masks)
    depth = np.concatenate([front_depth(volume) for volume in samples.volumes])
    both = np.isfinite(depth) & np.isfinite(low)
    held = (low <= depth) & (depth <= high) & both
    columns = both.sum(axis=(1, 2))
    parts = held.sum(axis=(1, 2)) / np.maximum(columns, 1)
    bodies_held = np.mean((parts >= COVERAGE) | (columns == 0))
    print(
        f"   bounds: hold in {bodies_held:.1%} of the bodies in {COVERAGE:.0%} of the columns, "
        f"in {held.sum() / max(both.sum(), 1):.1%} of all columns; mean width {(high - low)[both].mean():.1f} nm"
    )
    unusual = np.mean(network.plausibility(samples.seen, mask=samples.masks) < 0.05)
    print(f"   p-values: {unusual:.1%} are below 5 %")


def front_depth(volume: Images) -> Images:
    """Give the depth of a body's front behind its apex [nm], (1, y, x) in the canonical pose; NaN beside the body."""
    box = float(sk.MSFTSimulator().box)
    entrance, silhouette = front_surface(canonical_pose(volume[None], box, whole_voxels=False), box)
    front = np.where(silhouette >= 0.5, entrance, np.nan)
    return front - np.nanmin(front)


def on_gpu(device: str) -> bool:
    """Whether to compute on a GPU, as asked for or as there is one."""
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before the backend is loaded
        return False
    from scatterkit.simulation.kernels.tensor_backends import has_gpu

    if device == "gpu" and not has_gpu():
        raise SystemExit("There is no GPU that Keras' backend can compute on. Use --device cpu.")
    return has_gpu()


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("runs/silver"), help="for everything written")
    parser.add_argument("--samples", type=int, default=150_000, help="bodies of the pool, 33 kB each")
    parser.add_argument("--jobs", type=int, default=-1, help="processes that simulate the pool; -1 for all")
    parser.add_argument("--steps", type=int, help="training steps; by default 60 000, on a GPU 20 000")
    parser.add_argument(
        "--begin", type=Path, help="weights of another round, under a name of their own, to begin with"
    )
    parser.add_argument(
        "--minutes", type=float, help="time for training; without --steps it says how many, by a trial"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    parser.add_argument(
        "--bodies", choices=("auto", "pool", "fresh"), default="auto", help="fresh ones on a GPU, else a pool"
    )
    parser.add_argument(
        "--held-out",
        type=int,
        default=2000,
        help="samples to calibrate and judge with, at least 30, or 0 for none; 2000 take two GB of memory, and on"
        " a busy core an hour",
    )
    parser.add_argument("--judge", action="store_true", help="do not train: judge the weights in the folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true", help="a tiny network on few samples: does it run?")
    arguments = parser.parse_args()
    if 0 < arguments.held_out < FEWEST:
        parser.error(f"--held-out: at least {FEWEST}, or 0 for none")
    return arguments


def main() -> None:
    """Simulate, train, calibrate, judge."""
    arguments = parsed()
    gpu = on_gpu(arguments.device)
    fresh = gpu if arguments.bodies == "auto" else arguments.bodies == "fresh"
    choices = ON_GPU if gpu else ON_CPU
    if arguments.small:
        choices, arguments.samples = SMALL, min(arguments.samples, 24)
        arguments.held_out = min(arguments.held_out, FEWEST)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / f"{NAME}.npz"
    if not arguments.judge:
        path = train(arguments, choices, fresh)
    if arguments.held_out:
        judge(path, held_out(arguments, fresh))
    print(f"Written: {path}, {path.stat().st_size / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
