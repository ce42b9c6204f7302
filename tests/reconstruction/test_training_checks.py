"""What a training refuses before it looks at data, and how one goes on."""

from __future__ import annotations

import numpy as np
import pytest
from training_tools import bodies, eager, patterns, reconstructor

from scatterkit.reconstruction import ExactPhysicsLoss, PhysicsLoss, Ramp, SurfaceLoss, WeightedLoss
from scatterkit.reconstruction.training._optimizer import Optimizer, first_state

__all__ = ["eager"]
EXACT = WeightedLoss([SurfaceLoss(), ExactPhysicsLoss()], [1.0, Ramp()])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": EXACT, "decoder": "depth"}, "'loss' parameter .* decoder without half-spaces"),
        ({"loss": EXACT, "jit": True}, "'jit' parameter .* leaves the graph"),
        ({"loss": "annealed", "training_grid": 4}, "'training_grid' parameter .* patterns of voxels"),
    ],
)
def test_losses_that_do_not_fit_are_refused_first(parameters, message):
    network = reconstructor(**parameters)
    for call in (network.fit, network.partial_fit):
        with pytest.raises(ValueError, match=message):
            call("no file of this name")


def test_gpus_are_refused_first(monkeypatch):
    monkeypatch.setattr("scatterkit.simulation.kernels.tensor_backends.has_gpu", lambda: True)
    with pytest.raises(ValueError, match=r"'loss' parameter .* on a GPU"):
        reconstructor(loss=EXACT).fit("no file of this name")


def test_losses_say_what_they_need():
    assert (EXACT.on_host, EXACT.needs_planes, EXACT.needs_own_grid) == (True, True, False)
    assert [PhysicsLoss(simulate_truth=b).needs_own_grid for b in (False, True)] == [True, False]


def test_constant_rates_rise_where_moments_begin_anew():
    optimizer = Optimizer(1e-3, "constant", 1000, 0.0, 1.0, 0.999)
    state = first_state(np.zeros(2, np.float32), [], False)
    state["step"] = np.int32(5000)
    after, report = optimizer.updated(state, np.ones(2), np.ones(2, np.float32), np.float32(1), [])
    assert float(report["rate"]) == pytest.approx(1e-3 / 50)
    assert int(after["step"]) == 5001


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_warm_starts_go_on_in_the_same_session(tmp_path):
    Y = bodies()
    X = patterns(Y)
    network = reconstructor(n_steps=2).fit(X, Y)
    begin = network.weights_
    network.set_params(warm_start=True, n_steps=20, checkpoint=tmp_path / "cut", time_budget=1e-6)
    assert network.fit(X, Y).n_steps_ < 20
    assert network.set_params(time_budget=None).fit(X, Y).n_steps_ == 20
    whole = reconstructor(n_steps=2).fit(X, Y).set_params(warm_start=True, n_steps=20)
    np.testing.assert_array_equal(whole.weights_, begin)
    np.testing.assert_allclose(whole.fit(X, Y).weights_, network.weights_, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="'checkpoint' parameter"):
        network.fit(X, Y)  # it is finished
