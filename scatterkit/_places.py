"""Where the package's own files lie, and where data are looked for; quick to import, and to ask."""

from __future__ import annotations

import os
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

VARIABLE = "SCATTERKIT_DATA"
WEIGHTS = ".npz"


def local_roots() -> list[Path]:
    """Give the folders on this computer that may hold published files, the most specific first.

    These are the folder that the environment variable ``SCATTERKIT_DATA`` names (or ``scatter2d3d`` in it),
    then ``shared/data/scatter2d3d`` beside the project when running from a checkout.
    """
    roots = []
    if named := os.environ.get(VARIABLE):
        roots += [Path(named).expanduser(), Path(named).expanduser() / "scatter2d3d"]
    project = project_folder()
    if project is not None:
        roots.append(project.parent / "shared" / "data" / "scatter2d3d")
    return roots


def project_folder() -> Path | None:
    """Give the checkout that the package runs from, or None when it is installed elsewhere."""
    import scatterkit

    folder = Path(str(scatterkit.__file__)).resolve().parents[1]
    return folder if (folder / "pyproject.toml").is_file() else None


def cache_folder() -> Path:
    """Give the user's cache folder for scatterkit."""
    import pooch

    return Path(pooch.os_cache("scatterkit"))


def weights_folder() -> Traversable:
    """Give the folder of the package that holds the weights of trained networks."""
    return files("scatterkit") / "reconstruction" / "weights"


def weight_names(folder: Traversable) -> list[str]:
    """Give the names of the trained networks in a folder."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(entry.name.removesuffix(WEIGHTS) for entry in found if entry.name.endswith(WEIGHTS))
