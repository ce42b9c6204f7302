"""The Python examples of the documentation's pages run, in order, in an empty folder.

A block fenced by three backticks and ``python`` is run; a ``{code-block} python`` is not. On the page of the command
line, the lines of ``console`` blocks are run.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from scatterkit.cli import _main
from scatterkit.reconstruction import pretrained_names

PROJECT = Path(__file__).parents[1]
DOCS = PROJECT / "docs"
FAST = ("concepts", "generated_bodies")
SLOW = (
    "files",
    "augmentation",
    "comparison",
    "datasets",
    "experiment",
    "feeding",
    "forward_fitting",
    "index",
    "keras",
    "looking",
    "preprocessing",
    "propagation",
)
NEED_WEIGHTS = ("reconstruction", "start")  # of a trained network in the package
NEED_OTHER_FILES = ("sample_tables",)  # the published sample set
# what a page tells its reader to run first
FIRST = {"looking": ("generate_dataset.py", "--samples", "300", "--stop", "0.5", "--output", "demo_output")}

# a warning of Keras's own use of NumPy
KERAS = "ignore::DeprecationWarning:keras.src.backend.tensorflow.core"
# Blocks keep their places in the page, so that an error names its line there.
RUN_BLOCKS = r"""
import re, sys
from pathlib import Path

page = Path(sys.argv[1])
text = page.read_text(encoding="utf-8")
for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
    lines_before = text[: block.start(1)].count("\n")
    exec(compile("\n" * lines_before + block[1], str(page), "exec"), globals())
"""
COMMANDS = "command_line"  # the page whose console blocks are run too


def run(folder: Path, *arguments: str) -> None:
    quiet = {"MPLBACKEND": "Agg", "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-W", KERAS, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **quiet},
        timeout=600,
    )
    assert result.returncode == 0, result.stderr


def test_every_page_with_such_blocks_is_known() -> None:
    blocks = re.compile(r"^```python$", re.MULTILINE)
    found = {page.stem for page in DOCS.glob("*.md") if blocks.search(page.read_text(encoding="utf-8"))}
    assert found == {*FAST, *SLOW, *NEED_WEIGHTS, *NEED_OTHER_FILES}


TAKE_LONG = (*SLOW, *(NEED_WEIGHTS if pretrained_names() else ()))


@pytest.mark.parametrize("page", [*FAST, *(pytest.param(p, marks=pytest.mark.slow) for p in TAKE_LONG)])
def test_the_examples_of_a_page_run(page: str, tmp_path: Path) -> None:
    if page in FIRST:
        script, *arguments = FIRST[page]
        run(tmp_path, str(PROJECT / "examples" / script), *arguments)
    run(tmp_path, "-c", RUN_BLOCKS, str(DOCS / f"{page}.md"))


def commands_of(page: str) -> list[str]:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


def test_the_page_of_commands_shows_every_command() -> None:
    assert {line.split()[1] for line in commands_of(COMMANDS)} == set(_main.COMMANDS)
    assert all(line.startswith("scatterkit ") for line in commands_of(COMMANDS))


@pytest.mark.slow
def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    for line in commands_of(COMMANDS):
        run(tmp_path, "-m", *shlex.split(line))


def test_the_settings_of_the_page_are_options(tmp_path: Path) -> None:
    text = (DOCS / f"{COMMANDS}.md").read_text(encoding="utf-8")
    (settings,) = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "run.toml").write_text(settings, encoding="utf-8")
    run(tmp_path, "-m", "scatterkit", "simulate", "--config", "run.toml", "--pixels", "16", "-o", "a.npy")


PAGES = [PROJECT / "README.md", *sorted(DOCS.glob("*.md"))]
CODE = re.compile(r"^```.*?^```$|\$\$.*?\$\$|\$[^$\n]*\$", re.MULTILINE | re.DOTALL)  # and formulas
LINK = re.compile(r"\]\(([^)\s]+)\)")
WEB = ("http://", "https://", "mailto:")
# paths of the project, as text names them; NAME stands for others
NAMED = re.compile(
    r"(?<![\w/.-])((?:examples|tests|docs|scatterkit)/[\w./-]*\w\.(?:py|md|rst|png|webp|svg|npz))\b"
)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST name them."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", title)) for title in titles)
    return {title.strip().lower().replace(" ", "-") for title in plain}


def broken_links(page: Path) -> list[str]:
    """The links of a page that lead to no file, or to no heading of one."""
    broken = []
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith(WEB):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if name.startswith(("gallery/", "api/")) and page.parent == DOCS:
            continue  # Sphinx makes these, and complains itself
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A title: *plain*\n\n[a](#a-title-plain) [b](page.md#nothing) [c](none.md) [d](https://a.b/c)\n",
        encoding="utf-8",
    )
    assert broken_links(page) == ["page.md#nothing", "none.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_of_the_project_that_a_page_names_are_there(page: Path) -> None:
    named = NAMED.findall(page.read_text(encoding="utf-8"))
    scripts = re.findall(r"`(bench_\w+\.py)", page.read_text(encoding="utf-8"))
    missing = {path for path in named if "NAME" not in path and not (PROJECT / path).exists()}
    missing |= {name for name in scripts if not (PROJECT / "tests" / "benchmarks" / name).exists()}
    assert missing == set()
