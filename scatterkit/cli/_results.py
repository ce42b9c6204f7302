"""What was found for each pattern: bodies, their patterns, files and figures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.cli._errors import CommandError, UsageError
from scatterkit.cli._inputs import MESHES
from scatterkit.cli._outputs import (
    BODIES,
    check_count,
    check_output,
    numbered,
    say,
    write_figure,
    write_set,
    write_whole,
)

if TYPE_CHECKING:
    import xarray as xr

    from scatterkit.solids import Solid


@dataclass
class Found:
    """Bodies of some patterns; `numbers` are their places among those that were read."""

    numbers: Sequence[int]
    solids: Sequence[Solid]
    volumes: NDArray[np.float32]
    fitted: NDArray[np.float32]
    residuals: NDArray[np.float64]
    more: dict[str, tuple[tuple[str, ...], NDArray[Any]]] = field(default_factory=dict)


def nothing_found() -> Found:
    """Give what was found where no pattern gave a body."""
    empty = np.zeros((0, 1, 1), np.float32)
    return Found([], [], empty, empty, np.zeros(0))


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add where bodies go."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help=f"where the bodies go: {', '.join(MESHES)} (body_{{}}.stl for several), .npy (volumes), .npz and .nc "
        "(volumes, patterns, fits and residuals)",
    )
    parser.add_argument("--figure", metavar="PNG", help="draw pattern, fit and body; name_{}.png for several")


def check_results(args: argparse.Namespace, n: int | None = None) -> tuple[Path, Path | None]:
    """Give the paths of bodies and figures, all that can be wrong with them told.

    Of how many patterns they are, n, may not be known yet.
    """
    numbers = frame_numbers(args, range(n)) if n is not None else args.frames or ()
    path = check_output(args, args.output, BODIES, numbers=numbers)
    figure = None
    if args.figure is not None:
        figure = check_output(args, args.figure, (".png",), "--figure", numbers=numbers)
    if n is not None:
        check_count(path, n)
        if figure is not None:
            check_count(figure, n, "--figure")
    return path, figure


def frame_numbers(args: argparse.Namespace, numbers: Sequence[int]) -> list[int]:
    """Give the numbers by which the user knows patterns, from their places among those that were read."""
    return list(numbers) if args.frames is None else [args.frames[number] for number in numbers]


def check_more(path: Path, asked: bool, option: str) -> None:
    """Raise if something is asked for that the output's format cannot hold."""
    if asked and path.suffix.lower() not in (".npz", ".nc"):
        raise UsageError(f"{option} needs an output that ends in .npz or .nc")


def result_set(data: xr.Dataset, found: Found, simulator: Any, frames: list[int]) -> xr.Dataset:
    """Give patterns and bodies as one data set."""
    from scatterkit.datasets import make_dataset
    from scatterkit.experiment import grid_step

    given = data.isel(sample=list(found.numbers))
    kept = {
        str(name): given[name].values
        for name in given.coords
        if given[name].dims == ("sample",) and name not in ("sample", "residual", "number_read")
    }
    result = make_dataset(
        given["pattern"].values,
        masks=given["mask"].values if "mask" in given else None,
        volumes=found.volumes,
        coords={**kept, "residual": found.residuals, "number_read": frames},
        attrs={"wavelength": simulator.wavelength, "box": simulator.box},
        box=simulator.box,
    )
    dq = grid_step(simulator)
    if dq is not None:
        result.attrs["dq"] = dq
    result["fitted"] = (("sample", "row", "column"), found.fitted)
    for name, (dims, values) in found.more.items():
        result[name] = (dims, values)
    return result


def write_results(
    args: argparse.Namespace, data: xr.Dataset, found: Found, simulator: Any, record: dict[str, Any]
) -> None:
    """Write bodies and figures, and tell the residuals.

    Whether files may be replaced was asked before the work, which is not to be lost to what has come meanwhile.
    """
    if not len(found.numbers):
        raise CommandError("no body was made of any pattern")
    path = Path(args.output).expanduser()
    figure = None if args.figure is None else Path(args.figure).expanduser()
    suffix, frames = path.suffix.lower(), frame_numbers(args, found.numbers)
    if suffix in MESHES:
        for number, solid in zip(frames, found.solids, strict=True):
            write_whole(numbered(path, number), solid.to_file, record)
    elif suffix == ".npy":
        write_whole(path, lambda to: np.save(to, found.volumes), record)
    else:
        write_set(path, result_set(data, found, simulator, frames), record)
    if figure is not None:
        draw(figure, data, found, simulator, frames, record)
    for number, residual in zip(frames, found.residuals, strict=True):
        print(f"pattern {number}: residual {residual:.3g}")
    say(args, f"wrote {path}")


def draw(
    path: Path, data: xr.Dataset, found: Found, simulator: Any, frames: list[int], record: dict[str, Any]
) -> None:
    """Draw each pattern, its fit, and the body from three sides."""
    from scatterkit.experiment import grid_step
    from scatterkit.plotting import reconstruction_figure

    for place, number in enumerate(found.numbers):
        pattern = data["pattern"].values[number]
        mask = data["mask"].values[number] if "mask" in data else None
        drawn = reconstruction_figure(
            pattern, found.fitted[place], mask, found.solids[place], dq=grid_step(simulator)
        )
        write_figure(numbered(path, frames[place]), drawn, record)
