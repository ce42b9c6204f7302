"""Intervals that hold as often as they say, and patterns that are told to be unusual."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from training_tools import GRID, bodies, eager, patterns, reconstructor

from scatterkit.metrics.volumes import entry_depth
from scatterkit.reconstruction import PhysicsReconstructor, canonical_pose
from scatterkit.reconstruction.views import View

__all__ = ["eager"]
VOXEL = 318.75 / GRID


def depths_in_pose(volumes):
    """Depth of the front behind its apex in the canonical pose, by the metric's definition."""
    depths = [entry_depth(volume) * VOXEL for volume in canonical_pose(volumes, 318.75, whole_voxels=False)]
    return np.stack([depth - np.nanmin(depth) for depth in depths])


@pytest.fixture(scope="module")
def calibrated():
    (X, Y), (held_out, true) = ((patterns(volumes), volumes) for volumes in (bodies(24, 1), bodies(24, 5)))
    network = reconstructor(n_steps=100, learning_rate=5e-3).fit(X, Y)
    return network.calibrate(held_out, true, coverage=0.8)


def test_intervals_hold_as_often_as_they_say(calibrated):
    Y = bodies(40, seed=2)
    low, high = calibrated.predict_interval(patterns(Y))
    assert low.shape == high.shape == (40, GRID, GRID)
    lit = np.isfinite(low)
    np.testing.assert_array_equal(lit, np.isfinite(high))
    assert (low[lit] >= 0).all()
    assert (high[lit] > low[lit]).all()
    true = np.where(lit, depths_in_pose(Y), np.nan)
    held = [
        np.mean(
            (low[i] <= true[i] + 1e-3)[np.isfinite(true[i])]
            & (true[i] - 1e-3 <= high[i])[np.isfinite(true[i])]
        )
        for i in range(40)
        if np.isfinite(true[i]).any()
    ]
    # 0.8 of the columns in 0.8 of the bodies; a binomial of 40 with that mean is hardly ever below 0.6
    assert np.mean(np.array(held) >= 0.8) > 0.6


def test_fronts_are_those_of_the_metric(calibrated):
    Y = bodies(5, seed=3)
    depths, lit = calibrated._fronts(Y)
    expected = depths_in_pose(Y)
    both = lit & np.isfinite(expected)
    assert both.sum() > 20
    np.testing.assert_allclose(depths[both], expected[both], atol=0.02 * VOXEL)


def test_plausibility_is_uniform_for_the_same_and_small_for_others(calibrated):
    own = np.sort(calibrated.plausibility(patterns(bodies(24, seed=5))))
    # its own patterns: one after the other, but for equal ones, which share a place
    assert (own >= np.arange(2, 26) / 25 - 1e-9).all()
    assert own.mean() < 0.65
    noise = np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)
    np.testing.assert_allclose(calibrated.plausibility(noise), 1 / 25)


def test_calibrations_are_kept_and_forgotten(calibrated, tmp_path):
    X = patterns(bodies(2, seed=4))
    again = PhysicsReconstructor.load(calibrated.save(tmp_path / "file.npz", "float32"))
    np.testing.assert_array_equal(again.predict_interval(X), calibrated.predict_interval(X))
    again._set_fitted(again.weights_, again.others_, [], 1, None)
    for call in (again.predict_interval, again.plausibility):
        with pytest.raises(NotFittedError, match="not calibrated"):
            call(X)


@pytest.mark.parametrize("number", range(8))
def test_volumes_of_views_are_turned_back(number):
    view = View(bool(number & 4), bool(number & 2), bool(number & 1))
    volume = np.random.default_rng(0).random((3, 5, 5)).astype(np.float32)
    turned = np.stack(
        [
            np.flip(s.T if view.exchanged else s, [a for a, t in enumerate((view.rows, view.columns)) if t])
            for s in volume
        ]
    )
    np.testing.assert_array_equal(view.undone_volume(turned), volume)


@pytest.mark.parametrize(
    ("n", "arguments", "message"),
    [
        (3, {}, "'X' parameter of PhysicsReconstructor must be at least 9 patterns"),
        (12, {"coverage": 1.0}, "'coverage' parameter"),
        (12, {"y": bodies(3)}, r"'y' parameter .* volumes of shape \(12, 8, 8, 8\)"),
    ],
)
def test_refusals(calibrated, n, arguments, message):
    Y = bodies(n)
    with pytest.raises(ValueError, match=message):
        calibrated.calibrate(patterns(Y), **{"y": Y} | arguments)
