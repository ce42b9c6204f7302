"""``scatterkit compare``: several methods on the same patterns."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from scatterkit.cli._errors import CommandError, Interrupted, UsageError
from scatterkit.cli._inputs import add_patterns, masks_of, read_patterns, size_of
from scatterkit.cli._options import add_experiment, add_run_options, make_simulator
from scatterkit.cli._outputs import check_folder, check_free, check_output, say, write_whole
from scatterkit.cli._record import make_record, sidecar_of, write_sidecar
from scatterkit.cli._told import (
    OF_PATTERNS,
    adopt_experiment,
    numbers_of,
    warn_of_another,
    warn_of_difference,
)

DESCRIPTION = """\
Run several methods on the same patterns, judge their bodies alike, and print a table.

METHODS are trained networks (names of "scatterkit info", model files), the same with "+refine", body models that are
fitted (convex, star, catalogue, icosahedron, ...), and the baselines B1-simplex, B2-cmaes, B3-multistart and
B4-retrieval. Where the patterns come with their volumes, bodies are compared with these. With --results a run that was
stopped goes on."""
EPILOG = """\
examples:
  scatterkit compare bodies.nc --methods convex B4-retrieval --budget 20 -o comparison
  scatterkit compare barke2015 --methods silver-13.5nm silver-13.5nm+refine convex --results parts --html report.html"""
REFINE = "+refine"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_patterns(parser)
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", help="folder to make, for figures, patterns and bodies"
    )
    parser.add_argument("--html", metavar="PAGE", help="page of figures, patterns and bodies, .html")
    group = parser.add_argument_group("the comparison")
    group.add_argument("--methods", nargs="+", metavar="NAME", help="what is compared, see above")
    group.add_argument(
        "--budget", type=float, metavar="S", help="seconds for one body, of methods that take them"
    )
    group.add_argument(
        "--results", metavar="FOLDER", help="keeps what is finished; the same command goes on from there"
    )
    group.add_argument(
        "--grid", type=int, default=64, metavar="N", help="voxels along each edge for comparing bodies"
    )
    add_experiment(parser, OF_PATTERNS)
    add_run_options(parser, needed=("patterns", "methods"))


def run(args: argparse.Namespace) -> None:
    """Compare, print the table, and write what was asked for."""
    folder, page = check_targets(args)
    is_told = adopt_experiment(args)
    simulator = make_simulator(args)
    methods = make_methods(args, simulator)
    networks = networks_of(methods)
    if networks and not is_told:
        name, network = next(iter(networks.items()))
        simulator = network._simulator()
        for fitter in methods.keys() - networks:
            methods[fitter].set_params(simulator=simulator)
        say(args, f"the experiment is that of {name}")
    data = read_patterns(args, volumes=True)
    warn_of_another(args, data, simulator, "the experiment")
    for name, network in networks.items():
        warn_of_difference("the experiment has", numbers_of(simulator), network._simulator(), name)
    say(args, f"{size_of(data)}, {len(methods)} methods")
    from scatterkit.comparison import compare

    try:
        found = compare(
            methods,
            data["pattern"].values,
            data["volume"].values if "volume" in data else None,
            mask=masks_of(data),
            simulator=simulator,
            budget=args.budget,
            grid=args.grid,
            results=args.results,
            verbose=not args.quiet,
        )
    except KeyboardInterrupt:
        hint = (
            "Give the same command again to go on."
            if args.results
            else "Next time, --results keeps what is done."
        )
        raise Interrupted(hint) from None
    record = make_record(args, components=methods, inputs=(args.patterns, args.mask))
    print(found.table())
    if folder is not None:
        found.save(folder, overwrite=args.force)
        write_sidecar(folder, record)
        say(args, f"wrote {folder}")
    if page is not None:
        write_whole(page, lambda to: found.to_html(to), record)
        say(args, f"wrote {page}")


def check_targets(args: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """Give where the comparison goes, all that can be wrong with it told."""
    page = None if args.html is None else check_output(args, args.html, (".html",), "--html")
    if args.output is None:
        return None, page
    folder = Path(args.output).expanduser()
    if folder.exists() and not args.force:
        raise CommandError(f"{folder} exists: give --force to replace it")
    if folder.exists() and not is_comparison(folder):
        raise CommandError(f"--force replaces a comparison, and {folder} is none")
    if args.results and Path(args.results).expanduser().resolve().is_relative_to(folder.resolve()):
        raise UsageError("--results must lie outside of --output, which is made as a whole")
    check_folder(folder)
    check_free(args, sidecar_of(folder))
    return folder, page


def is_comparison(folder: Path) -> bool:
    """Whether a folder is what another comparison left."""
    from scatterkit.comparison.comparison import DATA

    return (folder / DATA).is_dir()


def make_methods(args: argparse.Namespace, simulator: Any) -> dict[str, Any]:
    """Give the methods by the names that the user gave them."""
    if len(set(args.methods)) < len(args.methods):
        raise UsageError("--methods names a method twice")
    return {name: make_method(name, simulator, args.seed) for name in args.methods}


def networks_of(methods: dict[str, Any]) -> dict[str, Any]:
    """Give those methods that have an experiment of their own."""
    from scatterkit.reconstruction import PhysicsReconstructor

    return {name: method for name, method in methods.items() if isinstance(method, PhysicsReconstructor)}


def make_method(name: str, simulator: Any, seed: int) -> Any:
    """Give the method that a name means."""
    from scatterkit.fitting import ForwardFitter, make_baseline
    from scatterkit.fitting.baselines.names import BASELINES
    from scatterkit.reconstruction import PhysicsReconstructor, pretrained_names

    network, refine = name.removesuffix(REFINE), name.endswith(REFINE)
    if Path(network).suffix == ".npz":
        return PhysicsReconstructor.load(network).set_params(refine=refine)
    if network in pretrained_names():
        return PhysicsReconstructor.from_pretrained(network, refine=refine)
    if name in BASELINES:
        return make_baseline(name, simulator=simulator, random_state=seed)
    fitter = ForwardFitter(name, simulator, random_state=seed)
    try:
        fitter._check_parameters()
    except ValueError as error:
        known = ", ".join([*pretrained_names(), *BASELINES])
        raise CommandError(
            f'--methods knows no {name!r}. There are {known}, model files (.npz), and what "scatterkit fit" takes '
            "as --model"
        ) from error
    return fitter
