"""Options that several commands share, and the experiment that they describe."""

from __future__ import annotations

import argparse
from typing import Any

from scatterkit.cli._errors import UsageError

NOT_SET_BY_FILES = {"help", "config", "debug", "quiet", "force"}
PLACES = {"output", "figure", "report", "curve", "html", "results", "checkpoint", "checkpoint_minutes"}
NO_PARAMETERS = NOT_SET_BY_FILES | PLACES | {"command", "run", "parser", "needed", "jobs", "digests"}
"""What the command line says of a run, but not of its result."""

EXPERIMENT = {
    "wavelength": ("NM", "wavelength [nm]; 13.5 by default"),
    "absorption_length": ("NM", "depth over which the field falls to 1/e [nm]; 12.5 by default"),
    "box": ("NM", "edge of the cube around the body [nm]; 318.75 by default"),
    "dq": ("Q", "distance of neighbouring pixels [rad/nm]; 2 pi / 850 by default"),
    "distance": ("MM", "from sample to a flat detector [mm], in the place of --dq"),
    "pixel_size": ("MM", "edge of a flat detector's pixels [mm]; 0.5 by default, needs --distance"),
    "density": ("G", "density of --material [g/cm^3]; elements have their own"),
}
"""Numbers of the experiment: what stands for them, and what they are."""
EXPERIMENT_OPTIONS = (*EXPERIMENT, "pixels", "material", "absorption", "propagation")


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help with the line breaks of descriptions and examples."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)


def add_run_options(parser: argparse.ArgumentParser, *, needed: tuple[str, ...], jobs: str = "") -> None:
    """Add what every command has that makes something."""
    group = parser.add_argument_group("the run")
    group.add_argument(
        "--config",
        metavar="FILE",
        help="TOML file of options, underscores for dashes, or an output, which is made once more; "
        "the command line wins",
    )
    group.add_argument("--seed", type=int, default=0, metavar="N", help="draws all that is random; default 0")
    if jobs:
        group.add_argument("--jobs", type=int, default=1, metavar="N", help=f"{jobs}; -1 for all processors")
    group.add_argument("--force", action="store_true", help="replace outputs that exist")
    add_talk_options(group)
    parser.set_defaults(needed=needed)


def add_talk_options(group: Any) -> None:
    """Add what says how much a command tells."""
    group.add_argument(
        "--quiet", action="store_true", help="no progress, no messages but errors and warnings"
    )
    group.add_argument("--debug", action="store_true", help="errors with their traceback")


def add_output(parser: argparse.ArgumentParser, words: str) -> None:
    """Add where the result goes."""
    parser.add_argument("-o", "--output", metavar="PATH", help=words)


def add_experiment(parser: argparse.ArgumentParser, default: str = "silver at 13.5 nm, as published") -> None:
    """Add wavelength, material, box and detector."""
    group = parser.add_argument_group("the experiment", f"By default {default}.")
    for name, (metavar, words) in EXPERIMENT.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=float, metavar=metavar, help=words)
    group.add_argument(
        "--pixels", type=int, nargs="+", metavar="N", help="pixels a side, or rows columns; 128"
    )
    group.add_argument(
        "--material", metavar="FORMULA", help="absorption by its refractive index, such as Ag or SiO2"
    )
    group.add_argument(
        "--absorption",
        choices=("published", "intensity"),
        help="what falls to 1/e over the absorption length: the field as published (default), or the intensity",
    )
    group.add_argument(
        "--propagation",
        choices=("msft", "pmsft", "wide", "hare", "born"),
        help="how light travels in the body: straight rays (msft, default), diffracted, or undisturbed",
    )


def is_own_experiment(args: argparse.Namespace) -> bool:
    """Whether any option says what the experiment is."""
    return any(getattr(args, name) is not None for name in EXPERIMENT_OPTIONS)


def make_simulator(args: argparse.Namespace) -> Any:
    """Give the simulator of the experiment that the options describe."""
    from scatterkit.simulation import MSFTSimulator

    names = ("wavelength", "absorption_length", "box", "absorption", "propagation")
    given: dict[str, Any] = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    given |= _material(args, given)
    detector = _detector(args)
    if detector is not None:
        given["detector"] = detector
    simulator = MSFTSimulator(**given)
    simulator.plan((1, 1, 1))  # tells wrong values before any work
    return simulator


def _material(args: argparse.Namespace, given: dict[str, Any]) -> dict[str, Any]:
    if args.material is None:
        if args.density is not None:
            raise UsageError("--density needs --material")
        return {}
    if {"absorption_length", "absorption"} & given.keys():
        raise UsageError("give either --material, or --absorption-length and --absorption")
    from scatterkit.experiment import refractive_index

    index = refractive_index(args.material, wavelength=given.get("wavelength", 13.5), density=args.density)
    return {"absorption": "index", "refractive_index": index}


def _detector(args: argparse.Namespace) -> Any:
    """Give the detector, or None for the default one."""
    if args.distance is None:
        if args.pixel_size is not None:
            raise UsageError("--pixel-size needs --distance")
    elif args.dq is not None:
        raise UsageError("give either --dq or --distance")
    if args.pixels is not None and len(args.pixels) > 2:
        raise UsageError("--pixels takes one number, or rows and columns")
    if args.pixels is None and args.dq is None and args.distance is None:
        return None
    from scatterkit.experiment import FlatDetector, QGrid

    given: dict[str, Any] = {}
    if args.pixels is not None:
        given["n_pixels"] = args.pixels[0] if len(args.pixels) == 1 else tuple(args.pixels)
    if args.distance is None:
        return QGrid(**given | ({} if args.dq is None else {"dq": args.dq}))
    return FlatDetector(
        **given,
        distance=args.distance,
        **({} if args.pixel_size is None else {"pixel_size": args.pixel_size}),
    )


def parameters_of(args: argparse.Namespace) -> dict[str, Any]:
    """Give the options that the result depends on."""
    return {name: value for name, value in sorted(vars(args).items()) if name not in NO_PARAMETERS}
