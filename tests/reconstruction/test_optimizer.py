"""AdamW, schedules, clipping, running mean and the guard against what is not finite, in NumPy and against Keras."""

from __future__ import annotations

import numpy as np
import pytest
from network_tools import array, keras, tensor

from scatterkit.reconstruction.training._optimizer import (
    CALM,
    FIRST_SCALE,
    LARGEST_SCALE,
    Optimizer,
    first_state,
)

N = 6
START = np.linspace(-1, 1, N).astype(np.float32)
DECAYED = (np.arange(N) % 2).astype(np.float32)


def optimizer(**parameters):
    defaults = {"learning_rate": 0.01, "schedule": "constant", "n_steps": 1, "weight_decay": 0.0}
    return Optimizer(**defaults | {"clip_norm": 1e9, "ema": 0.9} | parameters)


def gradients(n=8):
    return np.random.default_rng(0).normal(size=(n, N)).astype(np.float32)


def trained(rule, pulls, losses=None, scaled=False):
    """States and reports of steps along given gradients."""
    state, states, reports = first_state(START, [np.float32([1.0])], scaled), [], []
    for i, pull in enumerate(pulls):
        loss = np.float32(1.0 if losses is None else losses[i])
        with np.errstate(invalid="ignore"):
            state, report = rule.updated(state, DECAYED, state["scale"] * pull, loss, [np.float32([i])])
        states.append(state)
        reports.append(report)
    return states, reports


@pytest.mark.parametrize("clip", [1e9, 1.0])
def test_weights_go_where_keras_takes_them(clip):
    variable = keras.Variable(START)
    theirs = keras.optimizers.AdamW(
        0.01, weight_decay=0.05, epsilon=1e-8, global_clipnorm=None if clip > 1e6 else clip
    )
    rule = Optimizer(0.01, "constant", 1, 0.05, clip, 0.9)
    state = first_state(START, [], False)
    for pull in gradients():
        theirs.apply([tensor(pull)], [variable])
        state, _ = rule.updated(state, np.ones(N, np.float32), pull, np.float32(1), [])
        np.testing.assert_allclose(state["weights"], array(variable), rtol=2e-5, atol=1e-6)


def test_only_marked_weights_decay():
    (state,), _ = trained(optimizer(weight_decay=0.5), np.zeros((1, N), np.float32))
    np.testing.assert_allclose(state["weights"], START * (1 - 0.005 * DECAYED), rtol=1e-6)


def test_running_mean_of_the_weights():
    states, _ = trained(optimizer(ema=0.9), gradients(100))
    expected = START.astype(np.float64)
    for n, state in enumerate(states, 1):
        kept = min(0.9, n / (9 + n))
        expected = kept * expected + (1 - kept) * state["weights"]
        np.testing.assert_allclose(state["average"], expected, rtol=1e-5, atol=1e-6)


def test_tensors_give_what_arrays_give():
    rule, pulls = optimizer(weight_decay=0.1, clip_norm=0.5), gradients()
    expected = trained(rule, pulls)[0][-1]
    state = {
        k: [tensor(v[0])] if k == "others" else keras.ops.convert_to_tensor(v)
        for k, v in first_state(START, [np.float32([1])], False).items()
    }
    for i, pull in enumerate(pulls):
        state, _ = rule.updated(state, tensor(DECAYED), tensor(pull), tensor(1.0), [tensor([i])])
    for name in ("weights", "average", "first", "second", "step"):
        np.testing.assert_allclose(array(state[name]), expected[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("bad", ["loss", "gradient"])
def test_steps_that_are_not_finite_change_counters_alone(bad):
    pulls, losses = gradients(4), np.ones(4)
    if bad == "loss":
        losses[1:3] = np.nan, np.inf
    else:
        pulls[1, 2], pulls[2, 0] = np.nan, np.inf
    states, reports = trained(optimizer(), pulls, losses)
    for name in ("weights", "first", "second", "average"):
        np.testing.assert_array_equal(states[2][name], states[0][name])
        assert np.abs(states[3][name] - states[0][name]).max() > 0
    assert [r["good"] for r in reports] == [1, 0, 0, 1]
    assert [int(s["streak"]) for s in states] == [0, 1, 2, 0]
    assert [int(s["bad"]) for s in states] == [0, 1, 2, 2]
    assert [int(s["step"]) for s in states] == [1, 2, 3, 4]
    assert [int(s["updates"]) for s in states] == [1, 1, 1, 2]
    assert [float(s["others"][0][0]) for s in states] == [0, 0, 0, 3]


def test_scale_of_the_loss_halves_after_an_overflow_and_doubles_after_a_calm_time():
    pulls = np.ones((CALM + 3, N), np.float32)
    pulls[1] = np.inf
    states, _ = trained(optimizer(scaled=True), pulls, scaled=True)
    scales = [float(s["scale"]) for s in states]
    assert scales[:3] == [FIRST_SCALE, FIRST_SCALE / 2, FIRST_SCALE / 2]
    assert scales[CALM : CALM + 2] == [FIRST_SCALE / 2, FIRST_SCALE]
    assert max(scales) <= LARGEST_SCALE
    plain = trained(optimizer(), np.delete(pulls, 1, axis=0))[0]
    np.testing.assert_allclose(states[20]["weights"], plain[19]["weights"], rtol=1e-5)


def test_schedules():
    def rates(schedule, n=2000):
        rule = optimizer(learning_rate=2.0, schedule=schedule, n_steps=n)
        return np.array([float(rule.rate(step)) for step in range(n)])

    cosine, cycle, constant = map(rates, ("cosine", "one_cycle", "constant"))
    assert cosine[0] == pytest.approx(0.02)
    assert cosine[99] == pytest.approx(2.0)
    assert cosine[1050] == pytest.approx(0.02 + 1.98 / 2, rel=1e-3)
    assert cosine[-1] == pytest.approx(0.02, rel=0.01)
    assert cycle[0] == pytest.approx(2 / 25)
    assert cycle.argmax() == 600
    assert cycle[600] == pytest.approx(2.0)
    assert cycle[-1] == pytest.approx(2e-4, rel=0.05)
    assert constant[100:].tolist() == [2.0] * 1900
    for found in (cosine, cycle):
        peak = found.argmax()
        assert (np.diff(found[: peak + 1]) > -1e-6).all()
        assert (np.diff(found[peak:]) < 1e-6).all()


def test_one_step_is_enough_for_any_schedule():
    for schedule in ("cosine", "one_cycle", "constant"):
        assert 0 < float(optimizer(schedule=schedule, n_steps=1).rate(0)) <= 0.01
