"""``scatterkit view``: pictures of bodies and patterns."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scatterkit.cli._errors import CommandError, UsageError
from scatterkit.cli._inputs import MEASURED, is_mesh, open_patterns, read_body
from scatterkit.cli._options import add_output, add_run_options
from scatterkit.cli._outputs import check_output, say, write_figure, write_whole
from scatterkit.cli._record import make_record

if TYPE_CHECKING:
    from numpy.typing import NDArray

DESCRIPTION = """\
Draw bodies or patterns as a PNG, or one body as a page (.html) where it can be turned, zoomed and cut.

INPUT is a body (mesh file, name of the catalogue, or volumes in .npy, .npz or .nc) or a file of patterns of any format
that the package reads. Bodies are seen from before the beam, aslant; what the beam strikes is blue."""
EPILOG = """\
examples:
  scatterkit view body.stl -o body.png
  scatterkit view body.stl -o body.html
  scatterkit view pattern.nc -o pattern.png
  scatterkit view bodies.nc --what body --frames 0 2 -o two.png
  scatterkit view truncated_octahedron --from beam -o shape.png"""

MOST = 12
"""Samples that are drawn unless --frames says which."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("input", nargs="?", help="a body or patterns")
    add_output(parser, "where the picture goes: .png, or .html for one body")
    parser.add_argument(
        "--what",
        choices=("auto", "pattern", "body"),
        default="auto",
        help="of files that hold both; auto shows both",
    )
    parser.add_argument(
        "--frames", type=int, nargs="+", metavar="N", help=f"which samples; {MOST} of them by default"
    )
    parser.add_argument(
        "--from",
        dest="side",
        choices=("beam", "side", "top", "perspective"),
        help="where bodies are seen from; perspective",
    )
    parser.add_argument(
        "--box", type=float, metavar="NM", help="edge of the cube that volumes fill [nm]; 318.75"
    )
    parser.add_argument("--title", help="above the picture")
    add_run_options(parser, needed=("input", "output"))


def run(args: argparse.Namespace) -> None:
    """Draw, and write the picture."""
    path = check_output(args, args.output, (".png", ".html"))
    solids = bodies_of(args)
    inputs = (args.input,) if Path(args.input).is_file() else ()
    record = make_record(args, inputs=inputs)
    if path.suffix.lower() == ".html":
        write_page(args, path, solids, record)
        say(args, f"wrote {path}")
        return
    figure = pattern_figure(args) if solids is None else body_figure(args, solids)
    write_figure(path, figure, record)
    say(args, f"wrote {path}")


def bodies_of(args: argparse.Namespace) -> list[Any] | None:
    """Give the bodies to be drawn; None where patterns are."""
    name, path = args.input, Path(args.input).expanduser()
    is_body = is_mesh(name) or not (path.exists() or path.suffix or name == MEASURED or "*" in name)
    if is_body:
        if args.what == "pattern":
            raise UsageError(f"{name} is a body")
        if args.frames is not None or args.box is not None:
            raise UsageError("--frames and --box are for volumes and patterns")
        return [read_body(name, None, None, np.random.default_rng(args.seed))]
    volumes = volumes_of(args, path)
    if volumes is None:
        if args.side is not None:
            raise UsageError("--from is for bodies")
        return None
    from scatterkit.reconstruction._answers import solids_of

    found = [solid for solid in solids_of(None, volumes, box_of(args, path)) if solid is not None]
    if not found:
        raise CommandError(f"{name} holds no body: no volume is half full anywhere")
    return found


def volumes_of(args: argparse.Namespace, path: Path) -> NDArray[np.float32] | None:
    """Give the volumes that are to be drawn as bodies, None where patterns are."""
    if path.suffix.lower() == ".npy" and path.is_file():
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        if values.ndim < 4 and not (args.what == "body" and values.ndim == 3):
            if args.what == "body":
                raise CommandError(f"{args.input} of shape {values.shape} holds no volumes")
            return None
        values = values.reshape(-1, *values.shape[-3:])
        return np.array(values[chosen(args, len(values))], np.float32)
    if args.what != "body":
        return None
    data = open_patterns(args.input, args.frames)
    if "volume" not in data:
        raise CommandError(f"{args.input} holds no volumes")
    return np.asarray(data["volume"].values[: None if args.frames else MOST], np.float32)


def chosen(args: argparse.Namespace, n: int) -> list[int]:
    """Give which of n samples are drawn."""
    if args.frames is None:
        return list(range(min(n, MOST)))
    if min(args.frames) < 0 or max(args.frames) >= n:
        raise CommandError(f"--frames must be numbers from 0 to {n - 1}")
    return list(args.frames)


def box_of(args: argparse.Namespace, path: Path) -> float:
    """Give the box that volumes fill: what the user says, or the file, or the published one."""
    if args.box is not None:
        return float(args.box)
    if path.suffix.lower() == ".nc":
        return float(open_patterns(args.input, [0]).attrs.get("box", 318.75))
    return 318.75


def write_page(
    args: argparse.Namespace, path: Path, solids: list[Any] | None, record: dict[str, Any]
) -> None:
    """Write a page with one body."""
    if solids is None or len(solids) != 1:
        raise CommandError("a page shows one body: say which by --what body and --frames N")
    if args.side is not None:
        raise UsageError("a page can be turned: leave out --from")
    from scatterkit.comparison import view_body

    body = solids[0]
    write_whole(path, lambda to: view_body(body, to, title=args.title), record)


def body_figure(args: argparse.Namespace, solids: list[Any]) -> Any:
    """Draw bodies beside each other."""
    from scatterkit.plotting import show_solids

    names = [solid.name or f"body {number}" for number, solid in enumerate(solids)]
    return show_solids(solids, names=names, view=args.side or "perspective", title=args.title)


def pattern_figure(args: argparse.Namespace) -> Any:
    """Draw the patterns of a file, and their bodies where it holds them."""
    from scatterkit.plotting import show_dataset

    data = open_patterns(args.input, args.frames)
    if args.what == "pattern" and "volume" in data:
        data = data.drop_vars("volume")
    return show_dataset(
        data, n=min(MOST, data.sizes["sample"]) if args.frames is None else len(args.frames), title=args.title
    )
