"""The wheel and the source archive hold what they should, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
BESIDE = ("pyproject.toml", "setup.cfg", "README.md", "LICENSE", "MANIFEST.in", "Makefile")
FOLDERS = ("docs", "examples", "tests")  # of the source archive alone
LARGEST_WHEEL = 8e6  # bytes; the trained network takes 5 million of them
LARGEST_CODE = 3e6  # bytes of the rest, unpacked
CACHES = shutil.ignore_patterns("__pycache__", "*.pyc")
MADE = ("docs/_build", "docs/api/generated", "docs/gallery", "docs/sg_execution_times.rst")  # by Sphinx


def built(kind: str, source: Path, target: Path) -> Path:
    """Build a wheel or a source archive in a process of its own, without a network."""
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(target)!r}))"
    result = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return target / result.stdout.splitlines()[-1]


def ignored(folder: str, names: list[str]) -> set[str]:
    """Give what of a folder of the project is made by tools, and in no archive."""
    place = Path(folder).relative_to(PROJECT)
    return CACHES(folder, names) | {name for name in names if str(place / name) in MADE}


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, without caches: a build leaves folders behind."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(PROJECT / "scatterkit", folder / "scatterkit", ignore=CACHES)
    for name in BESIDE:
        shutil.copy(PROJECT / name, folder)
    return folder


@pytest.fixture(scope="module")
def package(copy: Path) -> set[str]:
    return {f"scatterkit/{name}" for name in files_below(copy / "scatterkit")}


@pytest.fixture(scope="module")
def wheel(copy: Path, package: set[str], tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(built("wheel", copy, tmp_path_factory.mktemp("wheel")))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile, package: set[str]) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert {Path(name).suffix for name in package} == {
        ".py",
        ".pyi",
        ".typed",
        ".csv",
        ".js",
        ".css",
        ".npz",
        ".md",
    }
    assert held == package


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    (place,) = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    said = Parser().parsestr(wheel.read(f"{place}/METADATA").decode())
    assert said["Name"] == "scatterkit"
    assert said["License-Expression"] == "MIT"
    assert said["Requires-Python"] == ">=3.11"
    assert "scatterkit = scatterkit.cli:main" in wheel.read(f"{place}/entry_points.txt").decode()
    assert wheel.read(f"{place}/licenses/LICENSE") == (PROJECT / "LICENSE").read_bytes()


def test_the_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    parts = wheel.infolist()
    assert sum(part.compress_size for part in parts) < LARGEST_WHEEL
    assert sum(part.file_size for part in parts if not part.filename.endswith(".npz")) < LARGEST_CODE


@pytest.mark.slow
def test_the_source_archive_gives_the_same_wheel(copy: Path, wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    for name in FOLDERS:
        shutil.copytree(PROJECT / name, copy / name, ignore=ignored)
    archive = built("sdist", copy, tmp_path)
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    left_by_builds = ("build/", "scatterkit.egg-info/")
    expected = {name for name in files_below(copy) if not name.startswith(left_by_builds)}
    made = {"PKG-INFO", "setup.cfg"}
    assert "examples/gallery/paper/GALLERY_HEADER.rst" in expected
    assert {n for n in files_below(unpacked) if not n.startswith(left_by_builds)} - made == expected - made
    again = zipfile.ZipFile(built("wheel", unpacked, tmp_path))
    assert {p.filename: p.CRC for p in again.infolist()} == {p.filename: p.CRC for p in wheel.infolist()}
