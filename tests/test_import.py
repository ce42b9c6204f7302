"""What ``import scatterkit`` costs, and that every public name is there."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import scatterkit

HEAVY = ("keras", "matplotlib", "numba", "pyfftw", "scipy", "sklearn", "tensorflow", "trimesh")


def loaded_after(statement: str) -> set[str]:
    """The heavy packages that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split()) & set(HEAVY)


def test_import_loads_nothing_heavy() -> None:
    assert loaded_after("import scatterkit") == set()


def test_listing_the_names_loads_nothing_heavy() -> None:
    assert loaded_after("import scatterkit; dir(scatterkit)") == set()


def test_a_simulator_needs_no_network_library_and_no_plots() -> None:
    loaded = loaded_after("from scatterkit import MSFTSimulator, Rasterizer, Solid; MSFTSimulator()")
    assert "sklearn" in loaded
    assert loaded.isdisjoint({"keras", "matplotlib", "tensorflow"})


def test_an_augmenter_of_arrays_needs_no_network_library_and_no_plots() -> None:
    loaded = loaded_after(
        "import numpy as np; from scatterkit import Augmenter; Augmenter().augment(np.ones((2, 9, 9)))"
    )
    assert loaded.isdisjoint({"keras", "matplotlib", "numba", "tensorflow"})


def test_names_are_listed() -> None:
    expected = {"ForwardFitter", "MSFTSimulator", "Rasterizer", "Solid", "SolidSampler", "metrics"}
    assert expected <= set(scatterkit.__all__)
    assert set(scatterkit.__all__) <= set(dir(scatterkit))


@pytest.mark.parametrize("name", scatterkit.__all__)
def test_every_name_resolves(name: str) -> None:
    value = getattr(scatterkit, name)
    if isinstance(value, type):
        home = importlib.import_module(value.__module__)
        assert getattr(home, name) is value
        assert value.__module__.startswith("scatterkit.")


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        scatterkit.no_such_name  # noqa: B018
