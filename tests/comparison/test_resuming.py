"""Comparisons that were cut go on, whatever cut them; other calls are told so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparison_tools import CUBES, SIMULATOR, Known, patterns, short_fit

from scatterkit.comparison import Comparison, compare
from scatterkit.comparison._methods import Method
from scatterkit.comparison._records import Record, parts_of, record_of
from scatterkit.fitting import RetrievalFitter
from scatterkit.fitting._pattern_fitter import PatternFitter

TESTS = Path(__file__).parent
FIRST = {"short": short_fit(), "longer": short_fit(max_simulations=6)}
KILLED = """
import os, signal, sys
import test_resuming as cut
from scatterkit.fitting import MultiStartFitter

run, counted = MultiStartFitter._search, []

def search(self, *arguments):
    counted.append(self.max_simulations)
    if sum(number > 1 for number in counted) == 4:  # two of the runs are the warm-ups
        os.kill(os.getpid(), getattr(signal, sys.argv[2]))
    return run(self, *arguments)

MultiStartFitter._search = search
cut.run(sys.argv[1])
"""


def run(folder: Any, **changed: Any) -> Comparison:
    arguments: dict[str, Any] = {"reconstructors": FIRST, "X": patterns(), "y": CUBES, **changed}
    return compare(**arguments, results=folder)


def finished(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("method*.npz"))


@pytest.mark.parametrize("name", [pytest.param("SIGKILL", marks=pytest.mark.slow), "SIGINT"])
def test_a_call_that_was_cut_goes_on(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = os.pathsep.join([str(TESTS), *sys.path])
    command = [sys.executable, "-c", KILLED, str(tmp_path), name]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    assert ended.returncode == -getattr(signal, name), ended.stderr
    there = finished(tmp_path)
    assert there == [
        "method000_sample000000.npz",
        "method000_sample000001.npz",
        "method001_sample000000.npz",
    ]
    stamps = {path: (tmp_path / path).stat().st_mtime_ns for path in there}
    asked, answer = [], Method.run
    monkeypatch.setattr(Method, "run", lambda self, *given: asked.append(self.name) or answer(self, *given))
    comparison = run(tmp_path)
    assert asked == ["longer", "short", "longer", "short", "longer"]
    assert {path: (tmp_path / path).stat().st_mtime_ns for path in there} == stamps
    whole = compare(FIRST, patterns(), CUBES)
    for metric in set(whole.metrics) - {"seconds"}:
        np.testing.assert_array_equal(comparison.dataset[metric].values, whole.dataset[metric].values)
    np.testing.assert_array_equal(comparison.dataset.predicted.values, whole.dataset.predicted.values)


def test_a_finished_call_is_read_without_any_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(tmp_path)
    monkeypatch.setattr(PatternFitter, "fit", None)
    again = run(tmp_path)
    assert again.dataset.identical(first.dataset)
    for name in first.methods:
        pairs = zip(again.bodies[name], first.bodies[name], strict=True)
        assert all(np.array_equal(a.vertices, b.vertices) for a, b in pairs)


CHANGED: list[tuple[dict[str, Any], str]] = [
    ({"reconstructors": {"short": short_fit(), "longer": short_fit(max_simulations=7)}}, "reconstructors"),
    ({"reconstructors": {"longer": FIRST["longer"], "short": FIRST["short"]}}, "reconstructors"),
    ({"budget": 5.0}, "reconstructors"),
    ({"X": patterns() * 0.9}, "patterns"),
    ({"mask": np.arange(32 * 32).reshape(32, 32) > 5}, "masks"),
    ({"y": None}, "true bodies"),
    ({"y": CUBES[::-1]}, "true bodies"),
    ({"grid": 32}, "settings"),
    ({"eps": 10.0}, "settings"),
]


def test_another_call_is_told_what_differs(tmp_path: Path) -> None:
    run(tmp_path, X=patterns())
    for changed, named in CHANGED:
        with pytest.raises(ValueError, match=f"'results' parameter of compare .* other .*{named}"):
            run(tmp_path, **changed)
    quiet = {name: short_fit(**one.get_params(deep=False) | {"verbose": True}) for name, one in FIRST.items()}
    run(tmp_path, reconstructors=quiet)  # what is shown is no part of it


def test_a_damaged_record_is_made_again(tmp_path: Path) -> None:
    first = run(tmp_path)
    record = tmp_path / finished(tmp_path)[2]
    record.write_bytes(record.read_bytes()[:100])
    again = run(tmp_path)
    np.testing.assert_array_equal(again.dataset.residual.values, first.dataset.residual.values)
    assert record.stat().st_size > 1000


def test_failures_and_volumes_are_kept_too() -> None:
    volume = np.random.default_rng(0).uniform(size=(4, 4, 4)).astype(np.float32)
    record = Record(volume, 1.5, 7.0, {"residual": 0.1}, volume[0], (np.arange(3.0), np.arange(3.0)))
    back = record_of(*parts_of(record))
    np.testing.assert_array_equal(back.body, volume)
    np.testing.assert_array_equal(back.curve, record.curve)
    assert (back.seconds, back.n_simulations, back.figures) == (1.5, 7.0, {"residual": 0.1})
    lost = record_of(*parts_of(Record(failure="ValueError: dark")))
    assert lost.failure == "ValueError: dark"
    assert lost.body is lost.predicted is None
    assert np.isnan(lost.seconds)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something else"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_cannot_be_told_from_others_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"components whose parameters JSON can hold.*'known'"):
        run(tmp_path / "a", reconstructors={"known": Known(CUBES)})
    drawn = short_fit(random_state=np.random.default_rng(0))
    with pytest.raises(ValueError, match="Give an integer instead"):
        run(tmp_path / "b", reconstructors={"fit": drawn})
    library = RetrievalFitter((patterns(), CUBES), 0, simulator=SIMULATOR, n_pixels=200, max_simulations=2)
    assert run(tmp_path / "c", reconstructors={"retrieval": library}).dataset.failure.values.tolist() == [
        [""] * 4
    ]
