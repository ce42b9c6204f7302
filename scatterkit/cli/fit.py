"""``scatterkit fit``: bodies fitted to patterns."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from scatterkit.cli._errors import Interrupted
from scatterkit.cli._inputs import add_patterns, masks_of, read_patterns, size_of
from scatterkit.cli._options import add_experiment, add_run_options, make_simulator
from scatterkit.cli._outputs import check_output, say, write_whole
from scatterkit.cli._record import make_record
from scatterkit.cli._results import (
    Found,
    add_results,
    check_results,
    frame_numbers,
    nothing_found,
    write_results,
)
from scatterkit.cli._told import OF_PATTERNS, adopt_experiment, warn_of_another

DESCRIPTION = """\
Fit a body to each pattern through the scattering physics, without a network.

What the detector did to the pattern is fitted along. A convex body takes a minute or so, other models minutes;
--seconds limits that. --report tells facets, their uncertainty, and what the pattern does not tell. After Ctrl-C
the best bodies so far are written."""
EPILOG = """\
examples:
  scatterkit fit pattern.npz -o body.stl --report body.txt --figure body.png
  scatterkit fit run.cxi --frames 3 7 --mask mask.png --log --model icosahedron --seconds 60 -o bodies.nc
  scatterkit fit barke2015 --frames 0 --model catalogue -o cluster.nc"""

SETTINGS = {
    "starts": ("n_starts", int, "starts of a round; 24"),
    "rounds": ("n_rounds", int, "rounds at most; 3"),
    "kept": ("n_kept", int, "starts that are followed to the end; 2"),
    "steps": ("n_steps", int, "steps from a start to the end; 144, by voxels 600"),
    "grid": ("grid", int, "voxels along each edge of volumes; 64"),
    "max_shift": ("max_shift", float, "largest shift of the centre that is looked for [pixels]; 3"),
}
"""Options, and the fitter's parameters that they are."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_patterns(parser)
    add_results(parser)
    group = parser.add_argument_group("the fit")
    group.add_argument(
        "--model",
        default="convex",
        metavar="NAME",
        help="convex (default), support, star, ellipsoid, union, a body of the catalogue by name, or catalogue: all",
    )
    group.add_argument(
        "--seconds", type=float, metavar="S", help="time for one pattern; the search then ends in order"
    )
    group.add_argument("--method", choices=("auto", "facets", "voxels"), default="auto", help="how to search")
    group.add_argument(
        "--loss",
        choices=("squared", "robust"),
        default="squared",
        help="robust: for faults that no mask tells",
    )
    for name, (_, kind, words) in SETTINGS.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=words)
    group.add_argument("--report", metavar="TXT", help="write all that the fits tell")
    add_experiment(parser, OF_PATTERNS)
    add_run_options(
        parser, needed=("patterns", "output"), jobs="patterns, or starts, that are fitted at once"
    )


def run(args: argparse.Namespace) -> None:
    """Fit, and write the bodies, and what is known of them."""
    check_results(args)
    report = None if args.report is None else check_output(args, args.report, (".txt",), "--report")
    adopt_experiment(args)
    fitter = make_fitter(args)
    fitter._check_parameters()  # before files are read
    data = read_patterns(args)
    check_results(args, data.sizes["sample"])
    warn_of_another(args, data, fitter._simulator(), "the experiment")
    say(args, size_of(data))
    from sklearn.base import clone

    X, masks = data["pattern"].values, masks_of(data)
    plain = clone(fitter).set_params(verbose=False, n_jobs=1)  # which change no result
    record = make_record(args, components={"fitter": plain}, inputs=(args.patterns, args.mask))
    stopped = False
    try:
        fitter.fit(X, mask=masks)
    except KeyboardInterrupt:
        stopped = True
    solids = getattr(fitter, "solids_", [])
    found = fitted(fitter, X, masks, [number for number, solid in enumerate(solids) if solid is not None])
    if stopped and found is None:
        raise Interrupted("No body was there yet, and nothing was written.")
    if stopped:
        record["stopped"] = True  # by hand: the same command may get further
    write_results(args, data, found or nothing_found(), fitter._simulator(), record)
    if report is not None and found is not None:
        text = report_text(fitter, X, masks, found, frame_numbers(args, found.numbers))
        write_whole(report, lambda to: to.write_text(text, encoding="utf-8"), record)
        say(args, f"wrote {report}")
    if stopped:
        raise Interrupted(f"The best bodies so far were written to {args.output}.")


def make_fitter(args: argparse.Namespace) -> Any:
    """Give the fitter that the options describe."""
    from scatterkit.fitting import ForwardFitter

    given = {
        parameter: getattr(args, name)
        for name, (parameter, _, _) in SETTINGS.items()
        if getattr(args, name) is not None
    }
    return ForwardFitter(
        args.model,
        make_simulator(args),
        method=args.method,
        loss=args.loss,
        time_budget=args.seconds,
        n_jobs=args.jobs,
        random_state=args.seed,
        verbose=not args.quiet,
        **given,
    )


def fitted(fitter: Any, X: Any, masks: Any, made: list[int]) -> Found | None:
    """Give the bodies of the patterns that have one; None without any."""
    if not made:
        return None
    from scatterkit.fitting._pattern_tasks import volumes_of

    bodies = [fitter.solids_[number] for number in made]
    volumes = volumes_of(bodies, fitter.grid, fitter._simulator().box)
    pictures = fitter.predict_pattern(X[made], mask=None if masks is None else masks[made])
    return Found(made, bodies, volumes, pictures, np.asarray(fitter.residuals_)[made])


def report_text(fitter: Any, X: Any, masks: Any, found: Found, frames: list[int]) -> str:
    """Give the reports of all patterns that have a body."""
    made = list(found.numbers)
    reports = fitter.report(X[made], mask=None if masks is None else masks[made])
    parts = [f"pattern {number}\n{report}" for number, report in zip(frames, reports, strict=True)]
    return "\n\n".join(parts) + "\n"
