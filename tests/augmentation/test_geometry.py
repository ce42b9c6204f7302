"""Shift and rotation against SciPy's, for patterns and masks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from scatterkit.augmentation import Rotation, Shift

SHAPES = [(64, 64), (33, 48), (7, 5), (2, 9), (1, 6)]
TOLERANCE = 1e-5


def pattern(shape, n=1):
    return np.random.default_rng(sum(shape)).random((n, *shape), dtype=np.float32)


def mask(shape):
    measured = np.ones((1, *shape), np.float32)
    measured[:, shape[0] // 3 : shape[0] // 2] = 0
    measured[:, :, shape[1] // 2] = 0
    return measured


def of_given(X, function, *parameters, **options):
    return np.stack([function(image.astype(np.float64), *parameters, **options) for image in X])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "shift", [(0, 0), (1, -2), (0.5, 0.25), (-4.7, 3.3), (1e-6, -1e-6), (0.999999, 4.0001), (-60.4, 30)]
)
def test_shift_is_scipys(shape, shift):
    shift = np.float32(shift)
    found = Shift().apply(pattern(shape), {"shift": shift[None]})
    expected = of_given(pattern(shape), ndimage.shift, shift.astype(np.float64), mode="constant")
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


@pytest.mark.parametrize("shape", [(64, 64), (33, 48)])
@pytest.mark.parametrize("shift", [(0, 0), (1, -2), (0.5, 0.25), (-4.7, 3.3), (70, 0)])
def test_shifted_masks_keep_pixels_between_measured_ones(shape, shift):
    """Linear interpolation gives one only where all pixels that it uses are measured."""
    left = Shift().apply_mask(mask(shape), {"shift": [shift]})
    linear = of_given(mask(shape), ndimage.shift, shift, order=1, mode="constant")
    np.testing.assert_array_equal(left, linear > 1 - 1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("degrees", [0, 1, 30, 45, 60, 90, 133, 180, 217, 270, 359])
def test_rotation_is_scipys(shape, degrees):
    found = Rotation().apply(pattern(shape), {"angle": [np.deg2rad(degrees)]})
    expected = of_given(pattern(shape), ndimage.rotate, degrees, reshape=False)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_rotation_of_the_published_size_is_scipys():
    angles = Rotation().sample_params(12, random_state=0)["angle"]
    found = Rotation().apply(pattern((128, 128), 12), {"angle": angles})
    for image, turned, angle in zip(pattern((128, 128), 12), found, angles, strict=True):
        expected = ndimage.rotate(image.astype(np.float64), np.rad2deg(angle), reshape=False)
        np.testing.assert_allclose(turned, expected, atol=TOLERANCE)


@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 180, 301])
def test_turned_masks_keep_pixels_between_measured_ones(degrees):
    left = Rotation().apply_mask(mask((33, 33)), {"angle": [np.deg2rad(degrees)]})
    linear = of_given(mask((33, 33)), ndimage.rotate, degrees, order=1, reshape=False)
    np.testing.assert_array_equal(left, linear > 1 - 1e-6)


def test_quarter_turns_are_exact_but_for_rounding():
    X = pattern((16, 16))
    for k in range(4):
        found = Rotation().apply(X, {"angle": [k * np.pi / 2]})
        np.testing.assert_allclose(found[0], np.rot90(X[0], k), atol=1e-6)
        assert Rotation().apply_mask(np.ones((1, 16, 16)), {"angle": [k * np.pi / 2]}).all()


def test_shifts_fill_their_range_evenly_and_grow_with_the_pattern():
    drawn = Shift().sample_params(3000, random_state=1)["shift"]
    for axis in (0, 1):
        assert stats.kstest(drawn[:, axis], stats.uniform(-5, 10).cdf).pvalue > 1e-3
    assert abs(stats.pearsonr(*drawn.T).statistic) < 0.08
    twice = Shift().sample_params(3000, (256, 300), random_state=1)["shift"]
    np.testing.assert_allclose(twice, 2 * drawn, rtol=1e-6)


def test_angles_are_whole_degrees_all_alike():
    angles = np.rad2deg(Rotation().sample_params(36000, random_state=1)["angle"])
    degrees = np.rint(angles).astype(int)
    np.testing.assert_allclose(angles, degrees, atol=1e-9)
    assert (degrees.min(), degrees.max()) == (0, 359)
    assert stats.chisquare(np.bincount(degrees)).pvalue > 1e-3


def test_other_steps_stay_in_the_range():
    angles = Rotation(angle=(-0.1, 0.1), step=0.05).sample_params(500, random_state=0)["angle"]
    np.testing.assert_allclose(np.unique(angles), [-0.1, -0.05, 0, 0.05, 0.1], atol=1e-12)
