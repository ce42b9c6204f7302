"""From the command line to a command, and from what it raises to an exit code."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from scatterkit.cli._config import apply_config
from scatterkit.cli._errors import (
    DONE,
    FAILED,
    INTERRUPTED,
    USAGE,
    Interrupted,
    UsageError,
    in_options,
    one_line,
    shown,
)
from scatterkit.cli._options import Formatter
from scatterkit.cli._outputs import say
from scatterkit.cli._record import package_version

COMMANDS = {
    "info": "versions, devices, trained networks, and where data are looked for",
    "simulate": "diffraction patterns of bodies",
    "generate": "a training set of random bodies and their patterns",
    "train": "a network that turns patterns into bodies",
    "predict": "bodies from patterns by a trained network",
    "fit": "bodies fitted to patterns, without a network",
    "view": "pictures of bodies and patterns",
    "compare": "several methods on the same patterns",
}
"""Every command, which is a module of its name, in a few words."""

DESCRIPTION = """\
One wide-angle diffraction pattern of a nanoparticle in, one 3D body out.

Lengths are in nm, angles in radians, q in rad/nm. The beam travels along +z. Without options the experiment is the
published one: silver at a wavelength of 13.5 nm."""

EPILOG = """\
exit codes:
  0 done; 1 failed; 2 options that are wrong; 130 stopped by Ctrl-C

"scatterkit COMMAND --help" tells more."""


def build_parser() -> argparse.ArgumentParser:
    """Give the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="scatterkit", description=DESCRIPTION, epilog=EPILOG, formatter_class=Formatter
    )
    parser.add_argument("--version", action="version", version=f"scatterkit {package_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, words in COMMANDS.items():
        module = import_module(f"scatterkit.cli.{name}")
        sub = commands.add_parser(
            name,
            help=words,
            description=module.DESCRIPTION,
            epilog=module.EPILOG,
            formatter_class=Formatter,
            allow_abbrev=False,
        )
        module.add_options(sub)
        sub.set_defaults(run=module.run, parser=sub)
        sub.usage = _usage_line(sub)
    return parser


def _usage_line(parser: argparse.ArgumentParser) -> str:
    """Give what a command needs, in a line: its help lists the options, which would hide what an error says."""
    needed = parser.get_default("needed") or ()
    parts = []
    for action in parser._actions:
        if not action.option_strings:
            name = shown(action) + ("..." if action.nargs == "*" else "")
            parts.append(name if action.dest in needed else f"[{name}]")
        elif action.dest in needed:
            parts.append(f"{action.option_strings[0]} {action.metavar}" + ("..." if action.nargs else ""))
    return " ".join(["%(prog)s", *parts, "[options]"])


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Its name and options; those that the program was called with by default.

    Returns
    -------
    int
        0 where it is done, 1 where it failed, 2 where the options are wrong, 130 after Ctrl-C.
    """
    try:
        args = _parsed(argv)
    except SystemExit as end:  # argparse has said why
        return end.code if isinstance(end.code, int) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    if args.command is None:
        build_parser().print_help(sys.stderr)
        return USAGE
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets on standard error
    try:
        with _plain_warnings(args), _telling_compilation(args):
            args.run(args)
    except UsageError as error:
        return _usage(args, str(error))
    except KeyboardInterrupt as stop:
        hint = f" {stop.hint}" if isinstance(stop, Interrupted) else ""
        _tell(args, f"stopped.{hint}")
        return INTERRUPTED
    except BrokenPipeError:  # who read standard output has enough, such as head
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # what is still to be flushed goes nowhere
        return FAILED
    except Exception as error:  # whatever it is, users get one line
        if args.debug:
            raise
        _tell(args, f"error: {in_options(one_line(error), args.command, args.parser)}")
        return FAILED
    return DONE


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse twice where a file of settings is given: it puts other defaults in their place."""
    parser = build_parser()
    args = _known(parser, argv)
    if getattr(args, "config", None) is not None:
        apply_config(args.parser, args.config, args.command, COMMANDS)
        args = _known(parser, argv)
    if args.command is not None:
        missing = [name for name in getattr(args, "needed", ()) if getattr(args, name) in (None, [])]
        if missing:
            names = {action.dest: shown(action) for action in args.parser._actions}
            args.parser.error("needed: " + ", ".join(names[name] for name in missing))
    return args


def _known(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse; of an option that there is not, the command itself says what may have been meant."""
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        own = getattr(args, "parser", parser)
        options = [option for action in own._actions for option in action.option_strings]
        meant = [close for text in unknown for close in get_close_matches(text.split("=")[0], options, n=1)]
        hint = f". Did you mean {', '.join(meant)}?" if meant else ""
        own.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    return args


def _usage(args: argparse.Namespace, message: str) -> int:
    with suppress(SystemExit):
        args.parser.error(message)
    return USAGE


def _tell(args: argparse.Namespace, text: str) -> None:
    print(f"scatterkit {args.command}: {text}", file=sys.stderr)


@contextmanager
def _plain_warnings(args: argparse.Namespace) -> Iterator[None]:
    """Show warnings as lines for users, without the place in the source."""

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, (UserWarning, RuntimeWarning)):
            _tell(args, f"warning: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def _telling_compilation(args: argparse.Namespace) -> Iterator[None]:
    """Say why nothing is seen for a while, the first time on a computer."""
    if args.command == "info":  # computes nothing
        yield
        return
    from scatterkit.simulation.kernels.compilation import telling_compilation

    with telling_compilation(lambda: say(args, "compiling kernels, once on a computer: up to two minutes")):
        yield
