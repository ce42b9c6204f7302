"""Patterns and bodies from whatever the user names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.cli._errors import CommandError, UsageError

if TYPE_CHECKING:
    import xarray as xr

    from scatterkit.solids import Solid

MESHES = (".stl", ".ply", ".obj", ".glb")
PICTURES = (".tif", ".tiff", ".edf", ".cbf", ".png")
MEASURED = "barke2015"
PATTERN_FILES = (
    ".npy, .npz, .nc, .cxi or .h5, pictures (.tif, .edf, .cbf, .png; also a folder or 'run/*.tif'), a generated set, "
    f"or {MEASURED} for the published measured patterns"
)


MOST_SCALED = 1.5
"""Log-scaled patterns do not reach this, even with noise."""


def add_patterns(parser: argparse.ArgumentParser) -> None:
    """Add where patterns come from."""
    parser.add_argument("patterns", nargs="?", help=f"log-scaled patterns in [0, 1]: {PATTERN_FILES}")
    group = parser.add_argument_group("the patterns")
    group.add_argument(
        "--frames", type=int, nargs="+", metavar="N", help="which patterns, counted from 0; all by default"
    )
    group.add_argument("--mask", metavar="FILE", help="picture or .npy, not zero where a pixel was measured")
    group.add_argument(
        "--log", action="store_true", help="the patterns are intensities: scale their logarithm first"
    )


def read_patterns(args: argparse.Namespace, *, volumes: bool = False) -> xr.Dataset:
    """Give the patterns that the options name, log-scaled where asked for, with masks, and volumes if wanted."""
    data = open_patterns(args.patterns, args.frames)
    if not volumes:
        data = data.drop_vars("volume", errors="ignore")
    data = data.load()
    if args.mask is not None:
        measured = _mask(Path(args.mask), data["pattern"].shape[1:])
        before = data["mask"].values if "mask" in data else True
        data["mask"] = (
            ("sample", "row", "column"),
            np.broadcast_to(measured, data["pattern"].shape) & before,
        )
    if args.log:
        data["pattern"] = (data["pattern"].dims, _log_scaled(data["pattern"].values, masks_of(data)))
    _check_scaled(args, data)
    return data


def _log_scaled(patterns: NDArray[np.float32], masks: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Scale the logarithm of intensities; what detectors write where they measured nothing does not count."""
    from scatterkit.simulation import LogScaler

    if masks is None:
        return LogScaler().transform(patterns)
    pairs = zip(patterns, masks, strict=True)
    return np.concatenate([LogScaler(mask=m).transform(np.where(m, p, 0)[None]) for p, m in pairs])


def _check_scaled(args: argparse.Namespace, data: xr.Dataset) -> None:
    """Raise if patterns are intensities; what is a little above 1 may be noise."""
    values, masks = data["pattern"].values, masks_of(data)
    highest = np.max(values, initial=0.0, where=True if masks is None else masks)
    if highest > MOST_SCALED:
        raise CommandError(
            f"patterns must be log-scaled, in [0, 1]. Those of {args.patterns} reach {highest:.3g}: "
            "give --log if they are intensities"
        )


def masks_of(data: xr.Dataset) -> NDArray[np.bool_] | None:
    """Give the masks of a data set, or None."""
    return np.asarray(data["mask"].values, dtype=np.bool_) if "mask" in data else None


def open_patterns(name: str, frames: list[int] | None) -> xr.Dataset:
    """Read patterns of any format; of a data set of several, those that are asked for.

    Generated sets are read when their values are asked for.
    """
    path, suffix = Path(name).expanduser(), Path(name).suffix.lower()
    if name == MEASURED and not path.exists():
        return _measured(frames)
    if not path.exists() and "*" not in name:
        raise CommandError(f"there is no file {name}")
    from scatterkit import datasets

    if path.is_dir() and (path / "zarr.json").exists():
        data = datasets.open_dataset(path)
        chosen = list(range(data.sizes["sample"])) if frames is None else frames
        return _checked_frames(data, chosen)
    if suffix in (".npy", ".npz"):
        return datasets.read_numpy(path, frames=frames)
    if suffix in (".nc", ".nc4"):
        return datasets.read_netcdf(path, frames=frames)
    if suffix in (".cxi", ".h5", ".hdf5"):
        return datasets.read_cxi(path, frames=frames)
    if suffix in PICTURES or path.is_dir() or "*" in name:
        return _pictures(path, frames)
    if not path.exists():
        raise CommandError(f"there is no file {name}")
    raise CommandError(f"{name} is of no format that patterns are read from: {PATTERN_FILES}")


def _checked_frames(data: xr.Dataset, frames: list[int]) -> xr.Dataset:
    n = data.sizes["sample"]
    if min(frames) < 0 or max(frames) >= n:
        raise CommandError(
            f"--frames must be numbers from 0 to {n - 1}. Got {' '.join(map(str, frames))} instead"
        )
    return data.isel(sample=frames)


def _pictures(path: Path, frames: list[int] | None) -> xr.Dataset:
    """Read pictures; those of `simulate` say by what they were multiplied."""
    from scatterkit.datasets import read_images
    from scatterkit.datasets.files.images import names_of, picture_files

    files = picture_files(path)
    data = read_images(files, frames=frames)
    by_name = dict(zip(names_of(files), files, strict=True))
    levels = [_grey_levels(by_name[str(name)]) for name in data["file"].values]
    data["pattern"] = data["pattern"] / np.array(levels, np.float32)[:, None, None]
    return data


def _grey_levels(path: Path) -> float:
    """Give by what the pattern of a picture was multiplied."""
    from scatterkit.cli._carried import read_record

    record = read_record(path) if path.suffix.lower() == ".png" else None
    return float((record or {}).get("grey_levels", 1))


def _measured(frames: list[int] | None) -> xr.Dataset:
    from scatterkit.datasets import fetch_barke2015, make_dataset

    found = fetch_barke2015("available")
    data = make_dataset(
        found.patterns,
        masks=found.masks,
        coords={"label": list(found.labels), "number": list(found.numbers)},
        attrs={"dq": found.dq},
    )
    return data if frames is None else _checked_frames(data, frames)


def _mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    if path.suffix.lower() == ".npy":
        values = np.load(path, allow_pickle=False)
    else:
        from scatterkit.datasets import read_images

        values = read_images(path, gap_values=False)["pattern"].values[0]
    if values.shape not in (shape, (1, *shape)):
        raise CommandError(
            f"--mask must be of shape {shape}, as the patterns are. Got {values.shape} instead"
        )
    flags: NDArray[np.bool_] = np.asarray(values.reshape(shape) != 0)
    return flags


def add_bodies(parser: argparse.ArgumentParser) -> None:
    """Add where bodies come from, and how they are placed."""
    parser.add_argument(
        "bodies",
        nargs="*",
        metavar="BODY",
        help=f"mesh files in nm ({', '.join(MESHES)}), or names of the catalogue such as truncated_octahedron",
    )
    group = parser.add_argument_group("the bodies")
    group.add_argument("--size", type=float, metavar="NM", help="circumradius of catalogue bodies [nm]; 100")
    group.add_argument(
        "--magnify", type=float, metavar="F", help="factor for all lengths of mesh files: 0.1 for Angstrom"
    )
    group.add_argument("--rotate", type=float, nargs=3, metavar=("X", "Y", "Z"), help="rotation vector [rad]")
    group.add_argument(
        "--random-orientation", action="store_true", help="orientations drawn by --seed, one per body"
    )
    group.add_argument("--centre", action="store_true", help="move bodies into the middle of the box")


def read_bodies(args: argparse.Namespace) -> list[Solid]:
    """Give the bodies that the options name, turned and moved."""
    if args.rotate is not None and args.random_orientation:
        raise UsageError("give either --rotate or --random-orientation")
    are_files = [is_mesh(name) for name in args.bodies]
    if args.size is not None and all(are_files):
        raise UsageError("--size is for catalogue bodies; --magnify is for mesh files")
    if args.magnify is not None and not any(are_files):
        raise UsageError("--magnify is for mesh files; --size is for catalogue bodies")
    if args.rotate is not None and np.linalg.norm(args.rotate) > 2 * np.pi:
        raise UsageError(
            "--rotate is in radians, and no longer than a full turn (2 pi): 45 degrees are 0.785"
        )
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(args.seed)
    bodies = []
    for name in args.bodies:
        body = read_body(name, args.size, args.magnify, rng)
        if args.centre:
            body = body.shift(-np.mean(body.bounds, axis=0))
        if args.rotate is not None:
            body = body.rotate(Rotation.from_rotvec(args.rotate))
        if args.random_orientation:
            body = body.rotate(Rotation.random(rng=rng))
        bodies.append(body)
    return bodies


def read_body(name: str, size: float | None, factor: float | None, rng: np.random.Generator) -> Solid:
    """Give a body of a mesh file or of the catalogue."""
    from scatterkit.solids import Solid

    if is_mesh(name):
        body = Solid.from_file(name)
        return body if factor is None else body.scale(factor)
    if Path(name).exists():
        raise CommandError(f"{name} is of no format that bodies are read from: {', '.join(MESHES)}")
    return Solid.from_catalogue(name, 100.0 if size is None else size, random_state=rng)


def is_mesh(name: str) -> bool:
    """Whether a name is that of a mesh file."""
    return Path(name).suffix.lower() in MESHES


def size_of(data: Any) -> str:
    """Give how many patterns there are, in words."""
    n = data.sizes["sample"]
    return f"{n} pattern" + ("s" if n > 1 else "")
