"""Mesh files, read and written by trimesh."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import fail, shown

if TYPE_CHECKING:
    import trimesh

SUFFIXES = (".stl", ".ply", ".obj", ".glb")


def _checked(path: str | PathLike[str], owner: str) -> Path:
    allowed = "the name of a file that ends in " + ", ".join(SUFFIXES)
    if not isinstance(path, (str, PathLike)) or Path(path).suffix.lower() not in SUFFIXES:
        raise fail("path", owner, allowed, shown(path))
    return Path(path)


def read_mesh(path: str | PathLike[str], *, owner: str) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Give vertices, faces and the file's stem; equal vertices are merged (STL keeps none shared)."""
    import trimesh

    file = _checked(path, owner)
    if not file.is_file():
        raise FileNotFoundError(f"There is no mesh file at {str(file)!r}.")
    try:
        mesh = trimesh.load_mesh(file)
        vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    except Exception as error:  # readers of broken files raise anything
        raise fail(
            "path", owner, "a readable mesh file", f"{str(file)!r}, which trimesh cannot read,"
        ) from error
    if len(faces) == 0:
        raise fail("path", owner, "a mesh file with triangles", f"{str(file)!r}, which holds none,")
    vertices, number = np.unique(vertices, axis=0, return_inverse=True)
    return vertices, number.ravel()[faces], file.stem


def write_mesh(mesh: trimesh.Trimesh, path: str | PathLike[str], *, owner: str) -> None:
    """Write a mesh in the format that the file's name tells."""
    mesh.export(_checked(path, owner))
