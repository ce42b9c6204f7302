"""Networks that come with the package: found by name, offline, as they were saved."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from training_tools import GRID, PIXELS, bodies, patterns, reconstructor

from scatterkit._places import weights_folder
from scatterkit._validation import InvalidParameterError
from scatterkit.experiment import QGrid
from scatterkit.reconstruction import PhysicsReconstructor, Refiner, _pretrained, pretrained_names
from scatterkit.simulation import MSFTSimulator

WEIGHTS = weights_folder()
X = patterns(bodies())

OFFLINE = """
import socket

def refused(*args, **kwargs):
    raise OSError("no network here")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused
import numpy as np
import scatterkit as sk

model = sk.PhysicsReconstructor.from_pretrained({name!r})
bodies = [sk.Solid.from_catalogue("icosahedron", circumradius=r) for r in (50.0, 90.0)]
X = sk.LogScaler().transform(sk.PolyhedronSimulator().transform(bodies))
volumes = model.predict(X)
assert volumes.shape == (2, 64, 64, 64) and np.isfinite(volumes).all()
assert volumes[0].sum() < volumes[1].sum(), "the larger body is to be found the larger one"
low, high = model.predict_interval(X)
assert (low <= high)[np.isfinite(low)].all() and np.isfinite(low).any()
assert ((0 < model.plausibility(X)) & (model.plausibility(X) <= 1)).all()
"""


@pytest.fixture(scope="module")
def trained():
    return reconstructor(n_steps=2).fit(X, bodies())


@pytest.fixture
def shelf(trained, tmp_path, monkeypatch):
    """A folder of weights in place of the package's, with one small network."""
    trained.calibration_ = {
        "coverage": 0.5,
        "factor": 1.0,
        "misfits": [0.01],
        "made_for": trained._experiment(),
    }
    trained.save(tmp_path / "tiny.npz", dtype="float32")
    (tmp_path / "tiny.md").write_text("# tiny\n")
    monkeypatch.setattr(_pretrained, "weights_folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.usefixtures("shelf")
def test_it_is_what_was_saved(trained):
    assert pretrained_names() == ["tiny"]
    model = PhysicsReconstructor.from_pretrained("tiny")
    np.testing.assert_array_equal(model.weights_, trained.weights_)
    np.testing.assert_array_equal(model.predict(X), trained.predict(X))
    assert model.calibration_ == trained.calibration_


@pytest.mark.usefixtures("shelf")
def test_parameters_are_taken_over():
    model = PhysicsReconstructor.from_pretrained("tiny", refine=Refiner(seconds=3.0), verbose=True)
    assert (model.refine.seconds, model.verbose) == (3.0, True)
    assert hasattr(model, "calibration_")
    assert hasattr(
        PhysicsReconstructor.from_pretrained("tiny", simulator__n_threads=2, grid=GRID), "calibration_"
    )
    finer = PhysicsReconstructor.from_pretrained("tiny", grid=2 * GRID)
    assert finer.predict(X[:1]).shape == (1, *(2 * GRID,) * 3)
    assert not hasattr(finer, "calibration_")  # intervals were learnt on another grid
    assert not hasattr(
        PhysicsReconstructor.from_pretrained("tiny", simulator__mask=np.ones((PIXELS,) * 2)), "calibration_"
    )


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("name", ["gold", "", "../tiny", "tiny.npz", None, 3])
def test_other_names_are_refused_with_those_there_are(name):
    with pytest.raises(InvalidParameterError, match=r"'name' parameter of .* must be 'tiny'\. Got"):
        PhysicsReconstructor.from_pretrained(name)


@pytest.mark.usefixtures("shelf")
def test_parameters_that_do_not_fit_the_weights_are_refused():
    with pytest.raises(InvalidParameterError, match=r"'decoder' parameter of .* must be left out"):
        PhysicsReconstructor.from_pretrained("tiny", decoder="support")
    with pytest.raises(InvalidParameterError, match=r"'encoder' parameter of .* must be left out"):
        PhysicsReconstructor.from_pretrained("tiny", encoder__width=9)
    other = MSFTSimulator(detector=QGrid(2 * PIXELS, dq=0.01))
    with pytest.raises(InvalidParameterError, match=f"'simulator' parameter .* {PIXELS} x {PIXELS} pixels"):
        PhysicsReconstructor.from_pretrained("tiny", simulator=other)
    with pytest.raises(InvalidParameterError, match="'batch_size' parameter"):
        PhysicsReconstructor.from_pretrained("tiny", batch_size=0)
    with pytest.raises(ValueError, match="refinement"):
        PhysicsReconstructor.from_pretrained("tiny", refinement=True)


def test_without_weights_it_says_so(tmp_path, monkeypatch):
    for folder in (tmp_path, tmp_path / "nowhere"):
        monkeypatch.setattr(_pretrained, "weights_folder", lambda folder=folder: folder)
        assert pretrained_names() == []
        with pytest.raises(InvalidParameterError, match="where none are"):
            PhysicsReconstructor.from_pretrained()


def test_a_damaged_file_is_named(shelf):
    (shelf / "torn.npz").write_bytes((shelf / "tiny.npz").read_bytes()[:500])
    with pytest.raises(ValueError, match=r"torn\.npz is damaged"):
        PhysicsReconstructor.from_pretrained("torn")


@pytest.mark.parametrize("name", pretrained_names())
def test_every_network_has_a_card_and_is_small(name):
    assert (WEIGHTS / f"{name}.md").is_file()
    assert (WEIGHTS / f"{name}.npz").stat().st_size <= 16 * 2**20


@pytest.mark.parametrize("name", pretrained_names())
def test_a_network_works_in_a_fresh_process_without_a_connection(name):
    result = subprocess.run(
        [sys.executable, "-c", OFFLINE.format(name=name)],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
