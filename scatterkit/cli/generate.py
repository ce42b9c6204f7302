"""``scatterkit generate``: training sets."""

from __future__ import annotations

import argparse
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from scatterkit.cli._errors import CommandError, Interrupted, UsageError
from scatterkit.cli._options import add_experiment, add_output, add_run_options, make_simulator
from scatterkit.cli._outputs import check_folder, check_free, say
from scatterkit.cli._record import make_record, sidecar_of, write_sidecar

DESCRIPTION = """\
Generate a training set: random bodies, their volumes and their log-scaled diffraction patterns.

A set is a Zarr store that carries all parameters. A run that was stopped goes on when the same command is given
again, and ends with the same bytes; with more --samples a finished set grows."""
EPILOG = """\
examples:
  scatterkit generate --samples 1000 -o silver.zarr
  scatterkit generate --samples 5000 --classes icosahedron decahedron --size 40 120 --jobs 2 -o two.zarr
  scatterkit generate --samples 100000 --pool --bodies halfspaces --jobs -1 -o pool    # patterns and planes alone"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_output(parser, "folder of the set, such as silver.zarr")
    group = parser.add_argument_group("the set")
    group.add_argument("--samples", type=int, metavar="N", help="how many samples the set is to have")
    group.add_argument(
        "--bodies",
        choices=("catalogue", "halfspaces"),
        default="catalogue",
        help="bodies of the catalogue, stretched (default), or random convex bodies of half-spaces",
    )
    group.add_argument(
        "--classes", nargs="+", metavar="NAME", help="names of the catalogue; the published by default"
    )
    group.add_argument("--size", type=float, nargs=2, metavar=("LOW", "HIGH"), help="sizes [nm]; 31 154.75")
    group.add_argument("--grid", type=int, metavar="N", help="voxels along each edge of the box; 64")
    group.add_argument("--block", type=int, metavar="N", help="samples of a file; 256, of a pool 512")
    group.add_argument("--pool", action="store_true", help="a pool: convex bodies as planes, without volumes")
    add_experiment(parser)
    add_run_options(parser, needed=("samples", "output"), jobs="worker processes")


def run(args: argparse.Namespace) -> None:
    """Generate what the set still lacks."""
    if args.classes is not None and args.bodies == "halfspaces":
        raise UsageError("--classes is for bodies of the catalogue")
    if args.pool and args.grid is not None:
        raise UsageError("a pool has no volumes: leave out --grid")
    path = Path(args.output).expanduser()
    check_folder(path)
    if not path.exists():
        check_free(args, sidecar_of(path))
    simulator = make_simulator(args)
    sampler = make_sampler(args, simulator.box)
    replaced = args.force and path.exists()
    try:
        with _replacing(path, args.pool) if replaced else nullcontext():
            n = _pool(args, path, sampler, simulator) if args.pool else _store(args, path, sampler, simulator)
    except Interrupted:
        raise
    except KeyboardInterrupt:
        again = "the same command again" + (", without --force," if replaced else "")
        raise Interrupted(f"What is finished is kept: give {again} to go on.") from None
    write_sidecar(path, make_record(args))
    say(args, f"{path} has {n} samples")


def make_sampler(args: argparse.Namespace, box: float) -> Any:
    """Give what draws the bodies."""
    from scatterkit.solids import HalfSpaceSampler, SolidSampler
    from scatterkit.solids._box_shares import fitting_sampler_params

    given = fitting_sampler_params(box) | ({} if args.size is None else {"size": tuple(args.size)})
    if args.bodies == "halfspaces":
        return HalfSpaceSampler(**given)
    return SolidSampler(classes=args.classes, **given)


def _store(args: argparse.Namespace, path: Path, sampler: Any, simulator: Any) -> int:
    from scatterkit.datasets import DatasetGenerator
    from scatterkit.solids import Rasterizer

    generator = DatasetGenerator(
        sampler,
        Rasterizer(grid=64 if args.grid is None else args.grid, box=simulator.box),
        simulator,
        random_state=args.seed,
        **({} if args.block is None else {"shard_size": args.block}),
    )
    data = generator.generate(path, args.samples, n_jobs=args.jobs, verbose=not args.quiet)
    return int(data.sizes["sample"])


def _pool(args: argparse.Namespace, path: Path, sampler: Any, simulator: Any) -> int:
    from scatterkit.datasets import make_pool

    sampler.set_params(random_state=args.seed)
    given = {} if args.block is None else {"block_size": args.block}
    pool = make_pool(
        path, sampler, args.samples, simulator=simulator, n_jobs=args.jobs, verbose=not args.quiet, **given
    )
    return len(pool)


@contextmanager
def _replacing(path: Path, pool: bool) -> Iterator[None]:
    """Have a set out of the way of a new one; it comes back where nothing comes of that."""
    _check_set(path, pool)
    place = path.resolve()
    old = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.old")
    place.rename(old)
    try:
        yield
    except BaseException as stop:
        if _has_samples(place, pool):
            shutil.rmtree(old)
            raise
        shutil.rmtree(place, ignore_errors=True)
        old.rename(place)
        if isinstance(stop, KeyboardInterrupt):
            raise Interrupted(f"{path} is as it was.") from None
        raise
    shutil.rmtree(old)


def _has_samples(path: Path, pool: bool) -> bool:
    """Whether a set, finished or not, has samples that are kept."""
    if pool:
        return any(path.glob("bodies-*.npy"))
    from scatterkit.datasets import GenerationError, open_dataset

    try:
        open_dataset(path, partial=True)
    except (OSError, ValueError, GenerationError):
        return False
    return True


def _check_set(path: Path, pool: bool) -> None:
    """Raise unless what is to be replaced is a set."""
    from scatterkit.datasets import BodyPool, DatasetGenerator

    try:
        BodyPool(path) if pool else DatasetGenerator.from_store(path)
    except (OSError, ValueError) as error:
        kind = "pool" if pool else "generated set"
        raise CommandError(f"--force replaces a {kind}, and {path} is none") from error
