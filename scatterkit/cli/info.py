"""``scatterkit info``: what is installed, what computes, and where data are."""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scatterkit._places import VARIABLE, cache_folder, local_roots, weight_names, weights_folder
from scatterkit.cli._options import add_talk_options
from scatterkit.cli._record import package_version

DESCRIPTION = (
    "Say what is installed, what computes, which trained networks there are, and where data are looked for."
)
EPILOG = """\
examples:
  scatterkit info
  scatterkit info --json
  scatterkit info --devices     # loads the network library, which takes seconds, and asks it"""

PACKAGES = ("numpy", "scipy", "numba", "pyfftw", "scikit-learn", "xarray", "zarr", "matplotlib", "trimesh")
EXTRAS = (
    "keras",
    "tensorflow",
    "torch",
    "jax",
    "dask",
    "h5netcdf",
    "tifffile",
    "fabio",
    "hdf5plugin",
    "cmaes",
)
KERNELS = {"matrix": "numba", "fft": "pyfftw", "pixels": "numba", "reference": "numpy", "keras": "keras"}
"""Kernels of the simulator, and the package that each needs."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.add_argument(
        "--devices", action="store_true", help="load the network library and ask for its devices"
    )
    add_talk_options(parser)


def run(args: argparse.Namespace) -> None:
    """Print what there is."""
    facts = gather(args.devices)
    print(json.dumps(facts, indent=2) if args.json else "\n".join(_lines(facts)))


def gather(ask_devices: bool = False) -> dict[str, Any]:
    """Give what there is; nothing heavy is imported unless devices are asked for."""
    backend = keras_backend()
    facts: dict[str, Any] = {
        "scatterkit": package_version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: installed(name) for name in (*PACKAGES, *EXTRAS)},
        "kernels": {name: find_spec(package) is not None for name, package in KERNELS.items()},
        "keras_backend": backend,
        "processors": {
            "usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "present": os.cpu_count(),
        },
        "threads": {name: os.environ[name] for name in sorted(os.environ) if name.endswith("_NUM_THREADS")},
        "pretrained": weight_names(weights_folder()),
        "data": {
            "variable": {VARIABLE: os.environ.get(VARIABLE)},
            "folders": {str(folder): folder.is_dir() for folder in local_roots()},
            "cache": str(cache_folder()),
        },
    }
    if ask_devices:
        facts["devices"] = devices(backend)
    return facts


def installed(name: str) -> str | None:
    """Give the version of a package, None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        pass
    try:
        return version(f"{name}-cpu")
    except PackageNotFoundError:
        return None


def keras_backend() -> str | None:
    """Give the library that Keras will compute with, by its own rules; None without Keras."""
    if find_spec("keras") is None:
        return None
    if named := os.environ.get("KERAS_BACKEND"):
        return named
    folder = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    try:
        settings = json.loads(Path(folder, "keras.json").read_text(encoding="utf-8"))
        return str(settings.get("backend", "tensorflow"))
    except (OSError, ValueError, AttributeError):
        return "tensorflow"


def devices(backend: str | None) -> list[str]:
    """Give the devices that the network library sees."""
    if backend is None or find_spec(backend) is None:
        return []
    from scatterkit.simulation.kernels.tensor_backends import device_names

    return device_names()


def _lines(facts: dict[str, Any]) -> list[str]:
    there = {name: number for name, number in facts["packages"].items() if number}
    absent = [name for name, number in facts["packages"].items() if not number]
    processors, data = facts["processors"], facts["data"]
    threads = ", ".join(f"{name}={value}" for name, value in facts["threads"].items())
    rows = [
        ("scatterkit", facts["scatterkit"]),
        ("python", f"{facts['python']} on {facts['platform']}"),
        ("packages", ", ".join(f"{name} {number}" for name, number in there.items())),
        ("not installed", ", ".join(absent) or "nothing of what could be used"),
        ("kernels", ", ".join(name for name, usable in facts["kernels"].items() if usable)),
        (
            "networks by",
            facts["keras_backend"] or "nothing: Keras is not installed (pip install 'scatterkit[tf]')",
        ),
        (
            "processors",
            f"{processors['usable']} usable of {processors['present']}" + (f"; {threads}" if threads else ""),
        ),
        ("trained", ", ".join(facts["pretrained"]) or "no networks in the package"),
        ("data", _places(data["folders"])),
        ("cache", data["cache"]),
    ]
    if "devices" in facts:
        rows.append(("devices", ", ".join(facts["devices"]) or "none"))
    return [f"{name:<14}{value}" for name, value in rows]


def _places(folders: dict[str, bool]) -> str:
    if not folders:
        return f"no folder: {VARIABLE} is not set"
    return ", ".join(path if is_there else f"{path} (not there)" for path, is_there in folders.items())
