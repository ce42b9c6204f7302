"""``scatterkit simulate``: patterns of bodies."""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING, Any

from scatterkit.cli._errors import UsageError
from scatterkit.cli._inputs import add_bodies, is_mesh, read_bodies
from scatterkit.cli._options import add_experiment, add_output, add_run_options, make_simulator
from scatterkit.cli._outputs import PATTERNS, check_count, check_output, say, write_patterns
from scatterkit.cli._record import make_record

if TYPE_CHECKING:
    import xarray as xr

    from scatterkit.solids import Solid

DESCRIPTION = """\
Simulate the diffraction patterns of bodies: of mesh files, or of the catalogue by name, size and orientation.

The output's ending says the format: .npy (patterns alone), .npz and .nc (with all that is known), .tif (float32),
.png (16-bit grey, for patterns in [0, 1]; name_{}.png for several)."""
EPILOG = """\
examples:
  scatterkit simulate icosahedron --size 80 --rotate 0.3 0.5 0.2 -o star.nc
  scatterkit simulate body.stl --centre --wavelength 5 --absorption-length 30 -o body.png
  scatterkit simulate cube octahedron --random-orientation --seed 4 -o two.npz
  scatterkit simulate --config star.nc -o again.nc     # the same once more"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_bodies(parser)
    add_output(parser, f"where the patterns go: {', '.join(PATTERNS)}")
    group = parser.add_argument_group("the simulation")
    group.add_argument("--exact", action="store_true", help="without voxels, for convex polyhedra")
    group.add_argument("--grid", type=int, metavar="N", help="voxels along each edge of the box; 64")
    group.add_argument(
        "--scale",
        choices=("log", "none"),
        default="log",
        help="logarithm in [0, 1] (default), or intensities as they are",
    )
    group.add_argument("--volumes", action="store_true", help="keep the volumes too, in .npz and .nc")
    add_experiment(parser)
    add_run_options(parser, needed=("bodies", "output"), jobs="threads")


def run(args: argparse.Namespace) -> None:
    """Simulate, and write the patterns."""
    path = check_output(args, args.output, PATTERNS, numbers=range(len(args.bodies)))
    check_count(path, len(args.bodies))
    _check(args, path.suffix.lower())
    simulator = make_simulator(args)
    bodies = read_bodies(args)
    say(args, f"{len(bodies)} bod{'ies' if len(bodies) > 1 else 'y'}")
    data, components = simulated(args, bodies, simulator)
    files = tuple(name for name in args.bodies if is_mesh(name))
    write_patterns(path, data, make_record(args, components=components, inputs=files))
    say(args, f"wrote {path}")


def _check(args: argparse.Namespace, suffix: str) -> None:
    if args.volumes and suffix not in (".npz", ".nc"):
        raise UsageError("--volumes needs an output that ends in .npz or .nc")
    if args.exact and (args.volumes or args.grid is not None):
        raise UsageError("--exact goes without voxels: leave out --grid and --volumes")
    if suffix == ".png" and args.scale == "none":
        raise UsageError("a PNG holds patterns in [0, 1]: write .tif, .npy, .npz or .nc with --scale none")


def simulated(
    args: argparse.Namespace, bodies: list[Solid], simulator: Any
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Give the patterns as a data set, and the components that made them."""
    from sklearn.base import clone

    from scatterkit.datasets import make_dataset
    from scatterkit.experiment import grid_step
    from scatterkit.simulation import LogScaler
    from scatterkit.solids import Rasterizer

    components: dict[str, Any] = {}
    volumes = None
    if args.exact:
        components["simulator"] = exact_simulator(simulator)
        intensities = components["simulator"].transform(bodies)
    else:
        rasterizer = Rasterizer(grid=64 if args.grid is None else args.grid, box=simulator.box)
        volumes = rasterizer.set_params(n_jobs=args.jobs).transform(bodies)
        components = {"rasterizer": rasterizer.set_params(n_jobs=None), "simulator": simulator}
        threads = None if args.jobs == -1 else args.jobs
        intensities = clone(simulator).set_params(n_threads=threads).transform(volumes)
    if args.scale == "log":
        components["scaler"] = LogScaler()
        intensities = components["scaler"].transform(intensities)
    _warn_of_nothing(intensities)
    names = [body.name or "body" for body in bodies]
    data = make_dataset(
        intensities,
        volumes=volumes if args.volumes else None,
        coords={"label": names},
        box=simulator.box if args.volumes else None,
    )
    data.attrs.update(wavelength=simulator.wavelength, box=simulator.box)
    dq = grid_step(simulator)
    if dq is not None:
        data.attrs["dq"] = dq
    return data, components


def _warn_of_nothing(patterns: Any) -> None:
    dark = [str(number) for number, pattern in enumerate(patterns) if not pattern.any()]
    if dark:
        warnings.warn(
            f"nothing is scattered by body {', '.join(dark)}: it fills no voxel. Lengths must be nm: see --magnify",
            stacklevel=2,
        )


def exact_simulator(simulator: Any) -> Any:
    """Give the simulator of polyhedra for the same experiment."""
    from scatterkit.simulation import PolyhedronSimulator

    names = ("wavelength", "absorption_length", "absorption", "refractive_index", "propagation", "detector")
    return PolyhedronSimulator(**{name: getattr(simulator, name) for name in names})
