"""What the package imports is declared, and the extras that its messages and pages name are there."""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from pathlib import Path

import pytest

import scatterkit

PROJECT = Path(__file__).parents[2]
PACKAGE = Path(scatterkit.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# modules whose distribution has another name, or comes with another one
DISTRIBUTIONS = {
    "PIL": "pillow",
    "google_crc32c": "google-crc32c",
    "lazy_loader": "lazy-loader",
    "llvmlite": "numba",
    "sklearn": "scikit-learn",
}
NETWORKS = ("tf", "tf-cpu", "torch")
LOADERS = ("import_module", "needed")  # functions that import what their first argument names
EXTRA = re.compile(r"(?:scatterkit|\.)\[([a-z,-]+)\]")


def names_of(requirements: list[str]) -> set[str]:
    """The distributions that requirements name, the package's own extras followed."""
    found = set()
    for requirement in requirements:
        if own := re.match(r"scatterkit\[(.*?)\]", requirement):
            found |= set().union(*(provided(extra) for extra in own[1].split(",")))
        else:
            name = re.match(r"[\w-]+", requirement)
            assert name is not None
            found.add(name[0].lower())
    return found


def provided(extra: str) -> set[str]:
    return names_of(METADATA["optional-dependencies"][extra])


@functools.cache
def imported(source: Path) -> set[str]:
    """The distributions that a file imports at its top or inside functions, Python's own left out."""
    modules = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                modules |= {name.name for name in names}
            case ast.ImportFrom(module=str(module), level=0):
                modules.add(module)
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(str(module)), *_]
            ):
                modules |= {module} if name in LOADERS else set()
    tops = {module.partition(".")[0] for module in modules} - {"scatterkit"} - sys.stdlib_module_names
    return {DISTRIBUTIONS.get(top, top) for top in tops}


CORE = names_of(METADATA["dependencies"])
NAMING = [source for source in SOURCES if "scatterkit[" in source.read_text(encoding="utf-8")]


def test_everything_imported_is_declared() -> None:
    declared = CORE | set().union(*(provided(extra) for extra in METADATA["optional-dependencies"]))
    declared.add("jax")  # for those who choose it; no extra installs it
    found = {name for source in SOURCES for name in imported(source)}
    assert {"numpy", "scikit-learn", "tensorflow", "fabio", "hdf5plugin"} <= found
    assert found <= declared


def test_every_dependency_is_imported() -> None:
    """Only what xarray, Keras or another one needs at run time may be declared and not imported."""
    found = {name for source in SOURCES for name in imported(source)}
    assert found >= CORE
    for extra in ("files", "fit"):
        assert provided(extra) <= found


@pytest.mark.parametrize("source", NAMING, ids=lambda source: source.stem)
def test_a_message_names_the_extra_that_has_what_is_missing(source: Path) -> None:
    """What such a file imports beyond the core is in the extras that it names."""
    named = EXTRA.findall(source.read_text(encoding="utf-8"))
    extras = {extra for group in named for extra in group.split(",")}
    assert extras <= set(METADATA["optional-dependencies"])
    lacking = imported(source) - CORE - set().union(*(provided(extra) for extra in extras))
    assert lacking <= {"tensorflow", "jax"}  # under another name in `tf-cpu`; and a library without an extra


def test_pages_name_extras_that_are_there() -> None:
    pages = [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]
    installs = [
        line
        for page in pages
        for line in page.read_text(encoding="utf-8").splitlines()
        if "pip install" in line or "scatterkit[" in line
    ]
    named = {extra for line in installs for group in EXTRA.findall(line) for extra in group.split(",")}
    assert {"tf-cpu", "files", "fit", "dask"} <= named
    assert named <= set(METADATA["optional-dependencies"])


def test_all_is_every_extra_for_users_but_the_network_libraries() -> None:
    tools = ("all", "docs", "test", "dev")
    others = set(METADATA["optional-dependencies"]) - {*NETWORKS, *tools}
    assert provided("all") == set().union(*(provided(extra) for extra in others))
