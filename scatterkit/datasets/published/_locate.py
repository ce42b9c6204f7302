"""Where published files are looked for: a named folder, beside the project, the user's cache, the network."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

VARIABLE = "SCATTERKIT_DATA"


class DataNotFoundError(OSError):
    """Published data are neither on this computer nor to be downloaded."""


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


def has_hash(path: Path, sha256: str) -> bool:
    """Whether a file has the published content."""
    return hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def find(names: tuple[str, ...], sha256: str, roots: list[Path]) -> Path | None:
    """Give the first file of one of some names under some folders, its content checked, or None."""
    for path in (root / name for root in roots for name in names):
        if path.is_file():
            if has_hash(path, sha256):
                return path
            raise DataNotFoundError(
                f"{path} is not the published file (expected SHA256 {sha256}): remove it or replace it."
            )
    return None


def find_cached(name: str, sha256: str, folder: Path) -> Path | None:
    """Give a file downloaded before; a damaged one counts as absent, so that it is downloaded anew."""
    path = folder / name
    return path if path.is_file() and has_hash(path, sha256) else None


def download(url: str, name: str, sha256: str, folder: Path, *, timeout: float = 20.0) -> Path:
    """Download a file into a folder and check its content; an OSError or ValueError says what failed."""
    import pooch

    path = pooch.retrieve(
        url,
        known_hash=f"sha256:{sha256}",
        fname=name,
        path=folder,
        downloader=pooch.HTTPDownloader(timeout=timeout),
    )
    return Path(path)
