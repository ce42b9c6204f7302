"""Where published files are looked for: a named folder, beside the project, the user's cache, the network."""

from __future__ import annotations

import hashlib
from pathlib import Path

from scatterkit._places import VARIABLE, cache_folder, local_roots

__all__ = [
    "VARIABLE",
    "DataNotFoundError",
    "cache_folder",
    "download",
    "find",
    "find_cached",
    "has_hash",
    "local_roots",
]


class DataNotFoundError(OSError):
    """Published data are neither on this computer nor to be downloaded."""


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
