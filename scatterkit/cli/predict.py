"""``scatterkit predict``: bodies from patterns by a trained network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from scatterkit._places import weight_names, weights_folder
from scatterkit.cli._errors import CommandError, Interrupted
from scatterkit.cli._inputs import add_patterns, masks_of, read_patterns, size_of
from scatterkit.cli._options import add_run_options
from scatterkit.cli._outputs import say
from scatterkit.cli._record import make_record
from scatterkit.cli._results import (
    Found,
    add_results,
    check_more,
    check_results,
    nothing_found,
    write_results,
)
from scatterkit.cli._told import warn_of_another

DESCRIPTION = """\
Predict the bodies behind patterns by a trained network: one that comes with the package, or a file of
"scatterkit train". The network says what the experiment is. --refine follows each answer through the exact physics."""
EPILOG = """\
examples:
  scatterkit predict patterns.nc -o bodies.nc
  scatterkit predict pattern.png --model silver.npz -o body.stl --figure body.png
  scatterkit predict barke2015 --refine 10 --bounds -o clusters.nc"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_patterns(parser)
    add_results(parser)
    group = parser.add_argument_group("the network")
    group.add_argument(
        "--model",
        default="silver-13.5nm",
        metavar="NAME",
        help="a model file, or a name of 'scatterkit info'",
    )
    group.add_argument("--refine", type=float, metavar="S", help="refine each body for about so many seconds")
    group.add_argument(
        "--bounds",
        action="store_true",
        help="bounds of the front's depth, in .npz and .nc: depth_low, depth_high [nm]",
    )
    add_run_options(parser, needed=("patterns", "output"), jobs="patterns refined at once")


def run(args: argparse.Namespace) -> None:
    """Predict, and write the bodies."""
    path, _ = check_results(args)
    check_more(path, args.bounds, "--bounds")
    network = load_network(args)
    data = read_patterns(args)
    check_results(args, data.sizes["sample"])
    warn_of_another(args, data, network._simulator(), "the network")
    say(args, size_of(data))
    try:
        found = predicted(network, data, args.bounds)
    except KeyboardInterrupt:
        raise Interrupted("Nothing was written.") from None
    files = (args.patterns, args.model, args.mask)
    record = make_record(args, components={"network": network}, inputs=files)
    write_results(args, data, found, network._simulator(), record)


def load_network(args: argparse.Namespace) -> Any:
    """Give the network of a file or of the package, which refines where asked for."""
    path = Path(args.model).expanduser()
    names = weight_names(weights_folder())
    if args.model not in names and not path.is_file():
        raise CommandError(
            f"--model must be a model file, or one of {', '.join(names)}. Got {args.model} instead"
        )
    from scatterkit.reconstruction import PhysicsReconstructor, Refiner

    if path.suffix == ".npz" or path.exists():
        network = PhysicsReconstructor.load(path)
    else:
        network = PhysicsReconstructor.from_pretrained(args.model)
    refine = False if args.refine is None else Refiner(seconds=args.refine, n_jobs=args.jobs)
    return network.set_params(refine=refine, verbose=False)


def predicted(network: Any, data: Any, bounds: bool) -> Found:
    """Give what the network makes of patterns; each is refined once."""
    from scatterkit.fitting._pattern_tasks import volumes_of
    from scatterkit.reconstruction._answers import intensities_of, recorded

    X, masks = data["pattern"].values, masks_of(data)
    seen = np.ones(X.shape, np.bool_) if masks is None else masks
    solids = network.predict_solids(X, mask=masks)
    simulator = network._simulator()
    made = [number for number, solid in enumerate(solids) if solid is not None]
    if not made:
        return nothing_found()
    bodies = [solids[number] for number in made]
    if network.refine:
        volumes = volumes_of(bodies, int(network.grid), simulator.box)
        fitted, residuals = recorded(X[made], intensities_of(simulator, bodies, None), seen[made])
    else:
        volumes = network.predict(X[made], mask=seen[made])
        fitted = network.predict_pattern(X[made], mask=seen[made])
        residuals = np.array(
            [np.mean((f - x)[m] ** 2) for f, x, m in zip(fitted, X[made], seen[made], strict=True)]
        )
    more: dict[str, tuple[tuple[str, ...], Any]] = {}
    if bounds:
        dims = ("sample", "y", "x")
        low, high = network.predict_interval(X[made], mask=seen[made])
        more = {"depth_low": (dims, low), "depth_high": (dims, high)}
    return Found(made, bodies, volumes, fitted, residuals, more)
