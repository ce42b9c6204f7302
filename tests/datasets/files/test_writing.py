"""Files and folders that are there in full or not at all, whatever goes wrong, and whoever else writes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets.files._writing import replacing, replacing_folder, target_path


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "table").write_text("old")
    return folder


def write_folder(target: Path, *, overwrite: bool) -> None:
    with replacing_folder(target, overwrite=overwrite) as partial:
        (partial / "table").write_text("new")


def test_a_folder_is_replaced(old: Path) -> None:
    write_folder(old, overwrite=True)
    assert (old / "table").read_text() == "new"
    assert hidden(old.parent) == []


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def refuse(self: Path, target: Any) -> Path:
        if self.suffix == ".partial":
            raise OSError("no space left")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no space left"):
        write_folder(old, overwrite=True)
    assert (old / "table").read_text() == "old"
    assert hidden(old.parent) == []


def test_the_new_folder_is_in_place_before_the_old_one_goes(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(path)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(PermissionError):
        write_folder(old, overwrite=True)
    assert (old / "table").read_text() == "new"
    assert [(old.parent / name / "table").read_text() for name in hidden(old.parent)] == ["old"]


def test_a_folder_that_appeared_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "set"
    with (
        pytest.raises(FileExistsError, match="appeared while"),
        replacing_folder(target, overwrite=False),
    ):
        target.mkdir()
    assert list(target.iterdir()) == hidden(tmp_path) == []


def write_as_another_does(target: Path) -> None:
    with replacing(target, overwrite=False) as partial:
        partial.write_text("mine")
        target.write_text("another's")


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_appeared_meanwhile_stays(
    tmp_path: Path, has_links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("Operation not supported")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "set.cxi"
    with replacing(target, overwrite=False) as partial:
        partial.write_text("first")
    assert target.read_text() == "first"
    target.unlink()
    with pytest.raises(FileExistsError, match="appeared while"):
        write_as_another_does(target)
    assert target.read_text() == "another's"
    with replacing(target, overwrite=True) as partial:
        partial.write_text("mine")
    assert target.read_text() == "mine"
    assert hidden(tmp_path) == []


def test_what_gets_its_name_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    flushed: list[int] = []  # of what had no name then
    fsync = os.fsync

    def record(descriptor: int) -> None:
        if not file.exists() and not folder.exists():
            flushed.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    write_folder(folder, overwrite=False)
    assert {path.stat().st_ino for path in (folder, folder / "table")} <= set(flushed)
    shutil.rmtree(folder)
    with replacing(file, overwrite=True) as partial:
        partial.write_text("content")
    assert file.stat().st_ino in flushed


def test_paths_that_are_no_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidParameterError, match=r"'path' parameter.*\., which exists"):
        target_path(".", owner="write", overwrite=False, folder=True)
    for path in (".", "..", "/"):
        with pytest.raises(InvalidParameterError, match="a folder other than those one works in"):
            target_path(path, owner="write", overwrite=True, folder=True)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert target_path("link", owner="write", overwrite=True, folder=True) == tmp_path / "real"
