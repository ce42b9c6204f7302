"""Bad pixels are found, signal is not taken for one; saturation and growing masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from simulated_shots import Shots, shots

from scatterkit.preprocessing import (
    dark_background,
    find_bad_in_shots,
    find_bad_pixels,
    find_outliers,
    grow_mask,
    saturation_level,
)


@pytest.fixture(scope="module")
def measured() -> Shots:
    return shots(6, n_pixels=256, total=3e6, seed=2)


def test_dark_frames_tell_hot_and_dead_pixels(measured: Shots) -> None:
    hot, dead = find_bad_pixels(measured.darks, measured.mask)
    np.testing.assert_array_equal(hot, measured.hot)
    np.testing.assert_array_equal(dead, measured.dead)


def test_shots_tell_most_of_them(measured: Shots) -> None:
    light = measured.frames - np.median(measured.darks[:, 0, 0])
    hot, dead = find_bad_in_shots(light, measured.mask, noise=12.0, gain=measured.gain)
    assert (hot & measured.hot).sum() > 0.9 * measured.hot.sum()
    assert (dead & measured.dead).sum() == measured.dead.sum()
    assert ((hot | dead) & ~measured.hot & ~measured.dead).sum() <= 3


def test_streaks_and_fringes_are_no_outliers(measured: Shots) -> None:
    """Polyhedra have streaks of some pixels' width; light alone, with photon noise."""
    rng = np.random.default_rng(0)
    for expected in measured.photons:
        hot, dead = find_outliers(rng.poisson(expected), noise=0.5)
        assert (hot | dead).mean() < 2e-5


@pytest.mark.parametrize("rate", [0.02, 0.3, 2.0, 30.0])
def test_photon_noise_is_no_outlier(rate: float) -> None:
    frame = np.random.default_rng(3).poisson(rate, size=(256, 256))
    hot, dead = find_outliers(frame, noise=0.0)
    assert (hot | dead).sum() <= 1


def test_clusters_up_to_three_pixels_are_found() -> None:
    frame = np.random.default_rng(4).normal(50, 2, size=(40, 40))
    bad = np.zeros(frame.shape, dtype=bool)
    bad[10, 10] = bad[20, 20:22] = bad[30, 5:8] = bad[0, 0] = True
    frame[bad] += 500
    hot, dead = find_outliers(frame)
    np.testing.assert_array_equal(hot, bad)
    assert not dead.any()
    upside_down, down = find_outliers(1000 - frame, noise=2.0)
    np.testing.assert_array_equal(down, bad)
    assert not upside_down.any()


def test_a_line_is_signal() -> None:
    frame = np.random.default_rng(5).poisson(20, size=(64, 64)).astype(float)
    frame[:, 30] = 5000
    frame[np.arange(64), np.arange(64)] = 5000
    hot, dead = find_outliers(frame)
    inner = np.zeros(frame.shape, dtype=bool)
    inner[2:-2, 2:-2] = True
    assert not ((hot | dead) & inner).any()


def test_gain_scales_the_photon_noise() -> None:
    """10 photons above 100 are nothing, 100 are something, whatever the unit."""
    for gain in (0.01, 1.0, 20.0):
        frame = np.random.default_rng(6).poisson(100, size=(32, 32)) / gain
        frame[10, 10], frame[20, 20] = 125 / gain, 250 / gain
        hot, _ = find_outliers(frame, gain=gain, noise=0.0)
        assert np.argwhere(hot).tolist() == [[20, 20]]


def test_masked_pixels_are_neither_found_nor_neighbours() -> None:
    frame = np.full((32, 32), 10.0)
    mask = np.ones(frame.shape, dtype=bool)
    mask[:, 14:18] = False
    frame[:, 14:18] = np.nan
    frame[8, 13] = 500
    hot, dead = find_outliers(frame, mask)
    assert np.argwhere(hot).tolist() == [[8, 13]]
    assert not dead.any()


def test_dead_pixels_need_variation_that_chance_cannot_hide() -> None:
    sparse = np.random.default_rng(7).poisson(0.05, size=(20, 64, 64))
    hot, dead = find_bad_pixels(sparse)
    assert not hot.any()
    assert not dead.any()


def test_a_restless_pixel_is_hot() -> None:
    frames = np.random.default_rng(8).normal(0, 1, size=(30, 48, 48))
    frames[:, 7, 9] *= 30
    hot, dead = find_bad_pixels(frames)
    assert np.argwhere(hot).tolist() == [[7, 9]]
    assert not dead.any()


def test_false_positives_among_many_good_pixels() -> None:
    rng = np.random.default_rng(9)
    for n in (5, 10, 40):
        offsets = rng.normal(100, 4, size=(200, 200))
        hot, dead = find_bad_pixels(rng.normal(offsets, 2.0, size=(n, 200, 200)))
        assert (hot | dead).sum() <= 1


@pytest.mark.parametrize("n", [5, 10, 20, 50])
@pytest.mark.parametrize("sigma", [0.3, 0.5, 1.0, 1.5, 3.0])
def test_medians_of_whole_numbers_come_in_steps(n: int, sigma: float) -> None:
    """A converter's dark frames: pixels whose medians differ by half a unit are as good as others."""
    frames = np.rint(100 + np.random.default_rng(0).normal(0, sigma, size=(n, 64, 64)))
    hot, dead = find_bad_pixels(frames)
    assert (hot | dead).sum() <= 2
    frames[:, 5, 6] += 60
    frames[:, 20, 7] = 0
    hot, dead = find_bad_pixels(frames.astype(np.uint16))
    assert hot[5, 6]
    assert dead[20, 7]
    assert (hot | dead).sum() <= 4


def test_shots_of_whole_numbers_less_a_background_that_is_none() -> None:
    """Medians of an even number of dark frames may end in a half; a few equal values are chance all the same."""
    rng = np.random.default_rng(0)
    darks, shots = (np.rint(100 + rng.normal(0, 0.5, size=(n, 64, 64))) for n in (20, 6))
    level, noise = dark_background(darks)
    hot, dead = find_bad_in_shots(shots - level, noise=noise, gain=10.0)
    assert (hot | dead).sum() <= 2


def test_saturation_is_the_pile_at_the_top(measured: Shots) -> None:
    assert saturation_level(measured.frames, measured.mask) == 16383.0
    assert saturation_level(measured.darks, measured.mask & ~measured.dead & ~measured.hot) is None


@pytest.mark.parametrize("rate", [0.3, 3.0, 300.0])
def test_counts_do_not_pile_up_by_themselves(rate: float) -> None:
    counts = np.random.default_rng(10).poisson(rate, size=(4, 128, 128))
    assert saturation_level(counts) is None
    assert saturation_level(np.full((1, 8, 8), 3.0)) is None


def test_saturation_looks_at_measured_pixels_alone() -> None:
    frames = np.random.default_rng(11).normal(100, 5, size=(2, 32, 32))
    frames[:, :4] = 1e6
    mask = np.ones((32, 32), dtype=bool)
    mask[:4] = False
    assert saturation_level(frames) == 1e6
    assert saturation_level(frames, mask) is None


@pytest.mark.parametrize("n_frames", [1, 20])
def test_a_stuck_pixel_does_not_hide_where_the_others_pile_up(n_frames: int) -> None:
    """In one frame it is alone at its value; in twenty it has that value twenty times."""
    rng = np.random.default_rng(12)
    frames = np.minimum(rng.poisson(200, size=(n_frames, 64, 64)), 230)
    unclipped = rng.poisson(200, size=(n_frames, 64, 64))
    assert saturation_level(frames) == 230
    for values in (frames, unclipped):
        values[:, 5, 6] = 65535
        values[:, 40, 41] = 40000
    assert saturation_level(frames) == 230
    assert saturation_level(unclipped) is None


@given(n=st.integers(0, 4), seed=st.integers(0, 100))
def test_growing_is_a_dilation_of_the_masked_pixels(n: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((13, 17)) > 0.02
    expected = mask
    if n:
        expected = ~ndimage.binary_dilation(~mask, np.ones((3, 3)), iterations=n)
    np.testing.assert_array_equal(grow_mask(mask, n), expected)
    both = grow_mask(np.stack([mask, np.ones_like(mask)]), n)
    np.testing.assert_array_equal(both, [expected, np.ones_like(mask)])


@pytest.mark.parametrize(
    ("function", "arguments", "options", "match"),
    [
        (find_outliers, [np.ones((2, 8, 8))], {}, "'frame'"),
        (find_outliers, [np.ones((8, 8))], {"threshold": 0}, "'threshold'"),
        (find_outliers, [np.ones((8, 8))], {"gain": -1.0}, "'gain'"),
        (find_outliers, [np.ones((8, 8))], {"noise": -1.0}, "'noise'"),
        (find_outliers, [np.ones((8, 8))], {"noise": np.ones((4, 4))}, "'noise'"),
        (find_outliers, [np.ones((8, 8)), np.zeros((8, 8), bool)], {}, "empty mask"),
        (find_outliers, [np.full((8, 8), np.inf)], {}, "infinite"),
        (find_bad_pixels, [np.ones((4, 8, 8))], {}, "at least 5 frames"),
        (find_bad_in_shots, [np.ones((4, 8, 8))], {}, "at least 5 frames"),
        (find_bad_pixels, [np.ones((6, 8, 8))], {"mask": np.ones(3)}, "'mask'"),
        (saturation_level, [np.ones((8, 8))], {}, "'frames'"),
        (saturation_level, [np.ones((1, 8, 8))], {"min_pixels": 1}, "'min_pixels'"),
        (grow_mask, [np.ones(8, bool)], {}, "'mask'"),
        (grow_mask, [np.full((8, 8), 0.5)], {}, "'mask'"),
        (grow_mask, [np.ones((8, 8), bool), -1], {}, "'n_pixels'"),
    ],
)
def test_bad_input(function: object, arguments: list[object], options: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        function(*arguments, **options)


def test_pixels_measured_in_no_frame_in_common() -> None:
    mask = np.zeros((6, 4, 4), dtype=bool)
    mask[::2, :2] = mask[1::2, 2:] = True
    with pytest.raises(ValueError, match="measured in every frame"):
        find_bad_pixels(np.ones((6, 4, 4)), mask)
