"""The gallery's scripts: what they import and say, and, slowly, that they run and leave nothing behind."""

from __future__ import annotations

import ast
import importlib
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GALLERY = Path(__file__).parents[1] / "examples" / "gallery"
SCRIPTS = sorted(GALLERY.glob("*/plot_*.py"))
LONGEST = 130  # lines
FOLDERS = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|usr|work|Users|data|mnt)\b|\b[A-Z]:\\\\")
BY_PYTHON = """
import runpy, sys, warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", module="keras|tensorflow|ml_dtypes")  # theirs to mend
runpy.run_path(sys.argv[1], run_name="__main__")
"""
by_name = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")


def imports(script: Path) -> list[tuple[str, str]]:
    """Give what a script imports from scatterkit: modules and names, the latter empty where all is imported."""
    found = []
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "scatterkit":
            found += [(str(node.module), alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(one.name, "") for one in node.names if one.name.split(".")[0] == "scatterkit"]
    return found


def test_both_rooms_have_scripts() -> None:
    rooms = {path.parent for path in GALLERY.glob("*/GALLERY_HEADER.rst")}
    assert {room.name for room in rooms} == {"paper", "stories"}
    assert {path.parent for path in SCRIPTS} == rooms


def test_every_file_of_the_gallery_is_one_that_it_shows() -> None:
    assert {path for path in GALLERY.rglob("*.py") if "__pycache__" not in path.parts} == set(SCRIPTS)


@by_name
def test_a_script_compiles_and_begins_with_a_title(script: Path) -> None:
    tree = ast.parse(script.read_text(), filename=str(script))
    compile(tree, str(script), "exec")
    title, underline, blank, *prose = (ast.get_docstring(tree) or "").splitlines()
    assert title
    assert re.fullmatch("=+", underline)
    assert len(underline) >= len(title)
    assert blank == ""
    assert any(prose)


@by_name
def test_headings_are_underlined_in_full(script: Path) -> None:
    lines = script.read_text().splitlines()
    for above, below in itertools.pairwise(lines):
        if re.fullmatch(r"# -{3,}", below):
            assert len(below) >= len(above), above


@by_name
def test_a_script_imports_public_names_alone(script: Path) -> None:
    found = imports(script)
    assert found, "a script of the gallery shows scatterkit"
    for module, name in found:
        assert not any(part.startswith("_") for part in module.split(".")), module
        assert len(module.split(".")) <= 2, f"{module} is inside a room"
        if name:
            room = importlib.import_module(module)
            assert name in {*room.__all__, "OnTheFly"}, f"{module} does not offer {name}"
            assert hasattr(room, name)


@by_name
def test_a_script_is_short_and_knows_no_folder_of_any_computer(script: Path) -> None:
    text = script.read_text()
    assert len(text.splitlines()) <= LONGEST
    assert not FOLDERS.findall(text)


@pytest.mark.slow
@by_name
def test_a_script_runs_and_leaves_nothing_behind(script: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    command = [sys.executable, "-c", BY_PYTHON, str(script)]
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=600
    )
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == []
