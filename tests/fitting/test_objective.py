"""The residual of a pattern and its gradient."""

import numpy as np
import pytest

from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.fitting._plane_kernels import soft_occupancy
from scatterkit.fitting._planes import spread_directions
from scatterkit.fitting.objective import PatternObjective, trimmed
from scatterkit.response import DetectorResponse, fit_response
from scatterkit.simulation import MSFTSimulator

BOX = 318.75


def body(radius, n=24):
    offsets = radius * (1 + 0.2 * np.sin(np.arange(30)))
    return soft_occupancy(spread_directions(30), offsets, n, BOX, 15.0)


@pytest.fixture(scope="module")
def problem():
    simulator = MSFTSimulator()
    response = DetectorResponse(eps=50.0, gain=0.07, offset=-0.2, saturation=0.8, shift=(0.6, -1.2))
    measured = response.apply(simulator.transform(body(70)[None])[0])
    rows, columns = np.indices(measured.shape) - 64
    radius = np.hypot(rows, columns)
    return simulator, measured, (radius < 30) & (radius > 2)


def test_trimming_the_detector_changes_nothing(problem):
    simulator, measured, mask = problem
    objective = PatternObjective(simulator, measured, mask, max_shift=3.0)
    assert objective.measured.shape == (70, 70)
    look = objective.evaluate(body(64), objective.mask, None)
    _, residual = fit_response(measured, simulator.transform(body(64)[None])[0], mask)
    assert look.residual == pytest.approx(residual, rel=1e-3)


def test_the_right_body_has_no_residual(problem):
    objective = PatternObjective(*problem, max_shift=3.0)
    assert objective.evaluate(body(70), objective.mask, None).residual < 1e-6


def test_gradient_is_the_derivative_at_the_best_response(problem):
    objective = PatternObjective(*problem, max_shift=3.0)
    volume = body(62)
    look = objective.evaluate(volume, objective.mask, None)
    for _ in range(20):  # the response's own optimum: there the residual does not feel its change
        look = objective.evaluate(volume, objective.mask, look.response)
    gradient = look.gradient()
    direction = np.where(
        (volume > 0.05) & (volume < 0.95), np.sin(np.arange(volume.size)).reshape(volume.shape), 0
    )
    ahead, behind = (
        objective.evaluate(
            (volume + sign * 0.01 * direction).astype(np.float32), objective.mask, look.response
        )
        for sign in (1, -1)
    )
    change = (ahead.residual - behind.residual) / 0.02
    assert change == pytest.approx(float(np.vdot(gradient, direction)), rel=0.03)


def test_the_q_limit_leaves_enough_pixels(problem):
    objective = PatternObjective(*problem, max_shift=3.0)
    few, all_pixels = objective.within(0.0), objective.within(1.0)
    assert 200 <= np.count_nonzero(few) < 220
    assert np.count_nonzero(all_pixels) == np.count_nonzero(problem[2])


def test_only_uniform_grids_are_trimmed():
    mask = np.zeros((64, 64), bool)
    mask[30:40, 28:36] = True
    simulator, window = trimmed(MSFTSimulator(detector=QGrid(64)), mask, margin=2)
    assert simulator.detector.shape == (18, 12)
    assert window == (slice(23, 41), slice(26, 38))
    flat = MSFTSimulator(detector=FlatDetector(64))
    assert trimmed(flat, mask, margin=2)[1] == (slice(0, 64), slice(0, 64))
