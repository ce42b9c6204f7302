"""Fixtures and settings of all tests."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType

import hypothesis
import matplotlib as mpl
import pytest

mpl.use("Agg")  # no test opens a window

# examples are few and without a deadline: a first call may compile, and a machine may be busy
hypothesis.settings.register_profile("scatterkit", max_examples=20, deadline=None, derandomize=True)
hypothesis.settings.load_profile("scatterkit")


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    """Keras, which takes seconds to load: only the tests that need it do so."""
    return importlib.import_module("keras")


@pytest.fixture(scope="session")
def sample_root() -> Path:
    """The folder of the published sample set (exp/, train/, val/, test/), or a skip with its reason."""
    from scatterkit.datasets.published._locate import VARIABLE, local_roots

    for root in local_roots():
        if all((root / part).is_dir() for part in ("exp", "train", "val", "test")):
            return root
    named = os.environ.get(VARIABLE)
    pytest.skip(
        f"published sample data not found, or not all of its folders: {VARIABLE} is "
        f"{'not set' if named is None else repr(named)} and shared/data/scatter2d3d is not beside the project"
    )
