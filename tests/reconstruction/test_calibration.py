"""Intervals that hold as often as they say, and patterns that are told to be unusual."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from training_tools import GRID, bodies, eager, patterns, reconstructor

from scatterkit.metrics.volumes import entry_depth
from scatterkit.reconstruction import CompactEncoder, PhysicsReconstructor, canonical_pose
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


def test_useless_frames_are_unusual(calibrated):
    X = patterns(bodies(3, seed=5))
    linear = np.exp(np.log(1e8) * (X[:1] - 1))
    blank = np.stack([np.zeros_like(X[0]), np.full_like(X[0], 0.4)])
    with pytest.warns(RuntimeWarning, match="No body"):
        np.testing.assert_allclose(calibrated.plausibility(blank), 1 / 25)
    with pytest.warns(RuntimeWarning, match=r"No body was made of patterns \[0, 1\]"):
        assert not calibrated.predict(blank).any()
    with pytest.warns(RuntimeWarning, match="No body"):
        assert calibrated.predict_solids(blank) == [None, None]
    assert np.isnan(calibrated.predict_interval(blank)).all()
    with pytest.warns(RuntimeWarning, match=r"Patterns \[0\] look like linear intensities"):
        calibrated.predict(linear)
    faint = 0.02 * np.random.default_rng(0).random((2, 32, 32)).astype(np.float32)
    np.testing.assert_allclose(calibrated.plausibility(faint), 1 / 25)


def test_few_photons_on_a_log_scale_are_not_taken_for_linear_intensities(calibrated):
    counts = np.random.default_rng(0).poisson(30 * np.exp(16 * (patterns(bodies(1, seed=5)) - 1)))
    assert np.quantile(counts, 0.9) == 0
    calibrated.plausibility(np.log1p(counts) / np.log1p(counts.max()))


def test_noise_below_zero_is_cut(calibrated):
    X = patterns(bodies(2, seed=5))
    noisy = X.copy()
    noisy[:, 3, 4], X[:, 3, 4] = -0.2, 0
    np.testing.assert_array_equal(calibrated.predict(noisy), calibrated.predict(X))
    noisy[:, 3, 4] = -0.5
    with pytest.raises(ValueError, match=r"'X' parameter .* noise down to -0.3. Got values down to -0.5"):
        calibrated.predict(noisy)


def test_calibrations_and_weights_are_for_their_own(calibrated):
    X = patterns(bodies(1, seed=5))
    copied = copy.deepcopy(calibrated)
    other = clone(copied.simulator).set_params(box=300.0)
    with pytest.raises(ValueError, match=r"'simulator' parameter .* that of the calibration"):
        copied.set_params(simulator=other).predict_interval(X)
    with pytest.raises(ValueError, match=r"'grid' parameter .* that of the calibration"):
        copy.deepcopy(calibrated).set_params(grid=16).plausibility(X)
    for name, value in {"encoder": CompactEncoder(width=4), "decoder": "support"}.items():
        changed = copy.deepcopy(calibrated).set_params(**{name: value})
        for call in (changed.predict, changed.partial_fit):
            with pytest.raises(ValueError, match=f"'{name}' parameter .* that of the training"):
                call(X)
    assert copy.deepcopy(calibrated).set_params(grid=16).predict(X).shape == (1, 16, 16, 16)


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
