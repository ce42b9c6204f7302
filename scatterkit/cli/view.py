"""``scatterkit view``: pictures of bodies and patterns."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scatterkit.cli._errors import CommandError, UsageError
from scatterkit.cli._inputs import MEASURED, is_mesh, open_patterns, read_body
from scatterkit.cli._options import add_output, add_run_options
from scatterkit.cli._outputs import check_output, say, write_figure, write_whole
from scatterkit.cli._record import make_record
from scatterkit.cli._told import told_simulator

if TYPE_CHECKING:
    import xarray as xr
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
PUBLISHED_BOX = 318.75
PUBLISHED_LENGTH = 12.5


class Bodies(NamedTuple):
    """Bodies to be drawn, their names, and the absorption length of the field in them [nm], where it is known."""

    solids: list[Any]
    names: list[str]
    absorption_length: float | None


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
    bodies = bodies_of(args)
    inputs = (args.input,) if Path(args.input).is_file() else ()
    record = make_record(args, inputs=inputs)
    if path.suffix.lower() == ".html":
        write_page(args, path, bodies, record)
        say(args, f"wrote {path}")
        return
    figure = pattern_figure(args) if bodies is None else body_figure(args, bodies)
    write_figure(path, figure, record)
    say(args, f"wrote {path}")


def bodies_of(args: argparse.Namespace) -> Bodies | None:
    """Give the bodies to be drawn; None where patterns are."""
    name, path = args.input, Path(args.input).expanduser()
    is_name = not (path.exists() or path.suffix or name == MEASURED or "*" in name)
    if is_mesh(name) or is_name:
        if args.what == "pattern":
            raise UsageError(f"{name} is a body")
        if args.frames is not None or args.box is not None:
            raise UsageError("--frames and --box are for volumes and patterns")
        body = read_body(name, None, None, np.random.default_rng(args.seed))
        return Bodies([body], [body.name or "body 0"], PUBLISHED_LENGTH if is_name else absorption_of(name))
    found = volumes_of(args, path)
    if found is None:
        if args.side is not None:
            raise UsageError("--from is for bodies")
        return None
    from scatterkit.reconstruction._answers import solids_of

    volumes, numbers, box = found
    made = dict(zip(numbers, solids_of(None, volumes, box), strict=True))
    bodies = {f"body {number}": solid for number, solid in made.items() if solid is not None}
    if not bodies:
        raise CommandError(f"{name} holds no body: no volume is half full anywhere")
    return Bodies(list(bodies.values()), list(bodies), absorption_of(name))


def absorption_of(name: str) -> float | None:
    """Give the absorption length of the field in bodies of a file, None where it does not tell, or nothing absorbs."""
    from scatterkit.simulation._attenuation import attenuation

    simulator = told_simulator(name)
    decay = 0.0 if simulator is None or not hasattr(simulator, "absorption") else attenuation(simulator).real
    return 1 / decay if decay > 0 else None


def volumes_of(args: argparse.Namespace, path: Path) -> tuple[NDArray[np.float32], list[int], float] | None:
    """Give the volumes that are to be drawn as bodies, their numbers and their box; None where patterns are."""
    if path.suffix.lower() == ".npy" and path.is_file():
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        if values.ndim < 4 and not (args.what == "body" and values.ndim == 3):
            if args.what == "body":
                raise CommandError(f"{args.input} of shape {values.shape} holds no volumes")
            return None
        values = values.reshape(-1, *values.shape[-3:])
        numbers = chosen(args, len(values))
        return np.array(values[numbers], np.float32), numbers, box_of(args, None)
    if args.what != "body":
        return None
    data = open_patterns(args.input, args.frames)
    if "volume" not in data:
        raise CommandError(f"{args.input} holds no volumes")
    volumes = data["volume"][: None if args.frames else MOST]
    numbers = list(range(len(volumes))) if args.frames is None else args.frames
    return np.asarray(volumes.values, np.float32), numbers, box_of(args, data)


def chosen(args: argparse.Namespace, n: int) -> list[int]:
    """Give which of n samples are drawn."""
    if args.frames is None:
        return list(range(min(n, MOST)))
    if min(args.frames) < 0 or max(args.frames) >= n:
        raise CommandError(f"--frames must be numbers from 0 to {n - 1}")
    return list(args.frames)


def box_of(args: argparse.Namespace, data: xr.Dataset | None) -> float:
    """Give the box that volumes fill: as the user, the data set or the file's record says; else the published."""
    from scatterkit.plotting import samples

    box = args.box if data is None or args.box is not None else samples.box_of(data)
    if box is None:
        box = getattr(told_simulator(args.input), "box", PUBLISHED_BOX)
    return float(box)


def write_page(args: argparse.Namespace, path: Path, bodies: Bodies | None, record: dict[str, Any]) -> None:
    """Write a page with one body."""
    if bodies is None or len(bodies.solids) != 1:
        raise CommandError("a page shows one body: say which by --what body and --frames N")
    if args.side is not None:
        raise UsageError("a page can be turned: leave out --from")
    from scatterkit.comparison import view_body

    body, length = bodies.solids[0], bodies.absorption_length
    write_whole(path, lambda to: view_body(body, to, absorption_length=length, title=args.title), record)


def body_figure(args: argparse.Namespace, bodies: Bodies) -> Any:
    """Draw bodies beside each other."""
    from scatterkit.plotting import show_solids

    return show_solids(bodies.solids, names=bodies.names, view=args.side or "perspective", title=args.title)


def pattern_figure(args: argparse.Namespace) -> Any:
    """Draw the patterns of a file, and their bodies where it holds them."""
    from scatterkit.plotting import show_dataset

    data = open_patterns(args.input, args.frames)
    if args.what == "pattern" and "volume" in data:
        data = data.drop_vars("volume")
    return show_dataset(
        data, n=min(MOST, data.sizes["sample"]) if args.frames is None else len(args.frames), title=args.title
    )
