"""Fixtures of the tests of generated sets: one that is whole, one that was interrupted, copies to be changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from generation_cases import N_SAMPLES, begin, small_generator


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that are not about power cuts."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole set, to be looked at only."""
    path = tmp_path_factory.mktemp("sets") / "set.zarr"
    small_generator().generate(path, N_SAMPLES, verbose=False)
    return path


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interrupted set, to be looked at only."""
    return begin(tmp_path_factory.mktemp("begun") / "set.zarr")


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """A whole set of one's own."""
    return Path(shutil.copytree(whole, tmp_path / "set.zarr"))


@pytest.fixture
def interrupted(begun: Path, tmp_path: Path) -> Path:
    """An interrupted set of one's own."""
    return Path(shutil.copytree(begun, tmp_path / "set.zarr"))
