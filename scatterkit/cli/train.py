"""``scatterkit train``: a network from a training set."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from scatterkit.cli._errors import CommandError, Interrupted, UsageError
from scatterkit.cli._options import (
    add_experiment,
    add_output,
    add_run_options,
    is_own_experiment,
    make_simulator,
)
from scatterkit.cli._outputs import check_output, say, write_figure
from scatterkit.cli._record import make_record, sidecar_of, write_sidecar

DESCRIPTION = """\
Train a network that turns patterns into bodies, by the scattering physics.

DATA is a set or a pool of "scatterkit generate", which says what the experiment is. Without DATA bodies are drawn
without end while the network is trained. Checkpoints lie in a folder beside the model; a training that was stopped
goes on when the same command is given again. The model is one file for "scatterkit predict"."""
EPILOG = """\
examples:
  scatterkit train silver.zarr --steps 5000 --validation 50 -o silver.npz --curve silver.png
  scatterkit train --steps 100000 --time 3600 -o endless.npz
  scatterkit train pool --decoder planes --loss surface --config network.toml -o planes.npz"""

SETTINGS = {
    "batch_size": (int, "N", "samples of a step; 32"),
    "learning_rate": (float, "R", "highest learning rate; 1e-3"),
    "grid": (int, "N", "voxels along each edge of predicted volumes; that of DATA, or 64"),
    "training_grid": (int, "N", "the same while training; as --grid"),
    "validation": (float, "N", "samples kept for validation, or their part of all below one; 0"),
    "validate_every": (int, "N", "steps between validations; 1000"),
    "ema": (float, "P", "part of the weights' running mean that is kept per step; 0.999"),
    "weight_decay": (float, "W", "decay of weights; 0.02"),
}
CHOICES = {
    "encoder": ("compact", "published"),
    "decoder": ("planes", "support", "depth", "voxels"),
    "loss": ("annealed", "surface", "visible", "hybrid", "supervised", "physics"),
    "schedule": ("cosine", "one_cycle", "constant"),
    "precision": ("float32", "bfloat16", "float16"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "data", nargs="?", help="a generated set or pool; without it bodies are drawn without end"
    )
    add_output(parser, "the model file, .npz")
    group = parser.add_argument_group("the training")
    group.add_argument(
        "--steps",
        type=int,
        default=10_000,
        metavar="N",
        help="training steps; 10000, which take hours without an accelerator",
    )
    group.add_argument(
        "--time", type=float, metavar="S", help="seconds after which the training stops in order"
    )
    for name, (kind, metavar, words) in SETTINGS.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=words)
    for name, choices in CHOICES.items():
        group.add_argument(
            f"--{name}", choices=choices, help=f"{choices[0]} by default" if name != "loss" else "annealed"
        )
    group.add_argument(
        "--augment", action="store_true", help="show the network patterns with the published artifacts"
    )
    group.add_argument(
        "--checkpoint", metavar="FOLDER", help="folder of checkpoints; beside the model by default"
    )
    group.add_argument(
        "--checkpoint-minutes", type=float, metavar="M", help="time between two checkpoints; 10"
    )
    group.add_argument("--curve", metavar="PNG", help="draw the learning curve")
    add_experiment(parser)
    add_run_options(parser, needed=("output",))


def run(args: argparse.Namespace) -> None:
    """Train, and write the model."""
    path = check_output(args, args.output, (".npz",))
    _check_sidecar(args, path)
    curve = None if args.curve is None else check_output(args, args.curve, (".png",), "--curve")
    if args.data is not None and is_own_experiment(args):
        raise UsageError("DATA says what the experiment is: leave out its options")
    if args.data is not None and not Path(args.data).expanduser().is_dir():
        raise CommandError(f"there is no set or pool {args.data}")
    folder = path.with_suffix(".checkpoint") if args.checkpoint is None else Path(args.checkpoint)
    source, network = prepare(args, folder)
    say(args, f"checkpoints in {folder}")
    try:
        network.fit(source)
    except KeyboardInterrupt:
        raise Interrupted(f"{folder} has a checkpoint: give the same command again to go on.") from None
    network.save(path)
    record = make_record(args, components={"network": network.set_params(checkpoint=None, verbose=False)})
    record["training"] = {"steps": int(network.n_steps_), "data": _description(args)}
    write_sidecar(path, record)
    if curve is not None:
        _draw(curve, network, record)
    if network.n_steps_ >= args.steps:
        if args.checkpoint is None:
            shutil.rmtree(folder, ignore_errors=True)  # made here, and of no use now
        say(args, f"wrote {path} after {network.n_steps_} steps")
        return
    say(args, f"wrote {path} after {network.n_steps_} of {args.steps} steps: the time was over. To go on, give the "
        "same command with --force.")  # fmt: skip


def _check_sidecar(args: argparse.Namespace, path: Path) -> None:
    if sidecar_of(path).exists() and not args.force:
        raise CommandError(f"{sidecar_of(path)} exists: give --force to replace it")


def prepare(args: argparse.Namespace, folder: Path | None) -> tuple[Any, Any]:
    """Give what is trained on, and the network to be trained."""
    from scatterkit.augmentation import Augmenter
    from scatterkit.reconstruction import PhysicsReconstructor

    names = (*SETTINGS, *CHOICES, "checkpoint_minutes")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if "validation" in given and float(given["validation"]).is_integer():
        given["validation"] = int(given["validation"])
    source, simulator, grid = _source(args)
    if grid is not None:
        given.setdefault("grid", grid)
    network = PhysicsReconstructor(
        simulator,
        Augmenter() if args.augment else None,
        n_steps=args.steps,
        time_budget=args.time,
        checkpoint=folder,
        random_state=args.seed,
        verbose=not args.quiet,
        **given,
    )
    return source, network


def _source(args: argparse.Namespace) -> tuple[Any, Any, int | None]:
    """Give what is trained on, its simulator, and its grid where it has one."""
    if args.data is None:
        from scatterkit.solids import HalfSpaceSampler
        from scatterkit.solids._box_shares import fitting_sampler_params

        simulator = make_simulator(args)
        sampler = HalfSpaceSampler(random_state=args.seed, **fitting_sampler_params(simulator.box))
        return sampler, simulator, None
    from scatterkit.datasets import BodyPool, DatasetGenerator, open_dataset

    path = Path(args.data).expanduser()
    if (path / "pool.json").exists():
        pool = BodyPool(path)
        return pool, pool.simulator, None
    data = open_dataset(path)
    generator = DatasetGenerator.from_store(path)
    return path, generator.simulator, data.sizes["x"] if "volume" in data else None


def _description(args: argparse.Namespace) -> str:
    """Say what was trained on, whatever its place."""
    if args.data is None:
        return "endless samples of HalfSpaceSampler"
    from scatterkit.datasets import BodyPool, open_dataset

    path = Path(args.data).expanduser()
    if (path / "pool.json").exists():
        return BodyPool(path).description
    data = open_dataset(path)
    return f"{data.sizes['sample']} samples of {data.attrs.get('generator', 'a set')}"


def _draw(path: Path, network: Any, record: dict[str, Any]) -> None:
    from scatterkit.plotting import learning_curve

    write_figure(path, learning_curve(network.history_), record)
