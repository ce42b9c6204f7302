"""Dark frames and backgrounds from the frames themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scatterkit.preprocessing import dark_background, ring_background


def darks(n: int = 60, shape: tuple[int, int] = (24, 20)) -> np.ndarray:
    rng = np.random.default_rng(0)
    level = 100 + np.arange(shape[1])
    return rng.normal(level, 3.0, size=(n, *shape))


@pytest.mark.parametrize(("method", "level", "noise"), [("mean", np.mean, None), ("median", np.median, None)])
def test_level_and_noise_are_scipys(method: str, level: object, noise: None) -> None:
    frames = darks().astype(np.float32)
    found, spread = dark_background(frames, method=method)
    np.testing.assert_allclose(found, level(frames.astype(np.float64), axis=0), rtol=1e-6)
    if method == "mean":
        expected = stats.tstd(frames.astype(np.float64), axis=0)
    else:
        expected = stats.median_abs_deviation(frames, axis=0) / stats.norm.ppf(0.75)
    np.testing.assert_allclose(spread, expected, rtol=1e-4)


def test_the_median_stands_cosmic_rays() -> None:
    frames = darks()
    clean, _ = dark_background(frames)
    frames[3, 5, 5] = 1e5
    level, noise = dark_background(frames)
    assert abs(level[5, 5] - clean[5, 5]) < 1
    assert noise[5, 5] < 6


@pytest.mark.parametrize("method", ["mean", "median"])
def test_masked_values_do_not_count(method: str) -> None:
    frames = darks()
    mask = np.ones(frames.shape, dtype=bool)
    mask[:30, 4, 4] = False
    mask[:, 7, 7] = False
    spoiled = np.where(mask, frames, np.nan)
    level, noise = dark_background(spoiled, method=method, mask=mask)
    alone, _ = dark_background(frames[30:, 4:5, 4:5], method=method)
    np.testing.assert_allclose(level[4, 4], alone[0, 0], rtol=1e-6)
    assert level[7, 7] == noise[7, 7] == 0
    whole, _ = dark_background(frames, method=method)
    np.testing.assert_allclose(level[10:], whole[10:], rtol=1e-6)


def test_a_single_frame_has_no_noise() -> None:
    frames = darks(1)
    level, noise = dark_background(frames, method="mean")
    np.testing.assert_allclose(level, frames[0], rtol=1e-6)
    assert not noise.any()


def test_rings_find_a_radial_background_under_a_few_peaks() -> None:
    rng = np.random.default_rng(1)
    rows, columns = np.indices((160, 160))
    radius = np.hypot(rows - 75.0, columns - 85.0)
    background = 20 + 80 * np.exp(-radius / 60)
    peaks = 1e4 * (rng.random((160, 160)) < 0.1) * np.exp(-radius / 30)
    frame = background + peaks + rng.normal(0, 2, radius.shape)
    found = ring_background(frame, (75.0, 85.0), width=6)
    outside = radius > 12
    assert np.abs(found - background)[outside].max() < 4
    assert abs((found - background)[outside].mean()) < 0.7


def test_rings_inside_the_signal_take_the_value_of_the_next() -> None:
    rows, columns = np.indices((96, 96))
    radius = np.hypot(rows - 48, columns - 48)
    frame = np.where(radius < 24, 1e5, 7.0)
    found = ring_background(frame, (48, 48), inner_radius=25)
    np.testing.assert_allclose(found, 7.0, rtol=1e-6)


def test_rings_do_not_see_masked_pixels() -> None:
    frame = np.full((64, 64), 5.0)
    mask = np.ones(frame.shape, dtype=bool)
    mask[20:40] = False
    frame[20:40] = np.nan
    np.testing.assert_allclose(ring_background(frame, (30, 30), mask=mask), 5.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"frame": np.ones((2, 3, 4))}, "frames of shape"),
        ({"frame": np.full((8, 8), np.nan)}, "NaN"),
        ({"center": (1,)}, "'center'"),
        ({"inner_radius": 1e3}, "'inner_radius'"),
        ({"quantile": 0.7}, "'quantile'"),
        ({"width": 0.5}, "'width'"),
        ({"smoothing": 0}, "'smoothing'"),
    ],
)
def test_bad_input_of_rings(change: dict[str, object], match: str) -> None:
    given = {"frame": np.ones((8, 8)), "center": (4, 4)} | change
    with pytest.raises(ValueError, match=match):
        ring_background(**given)


@pytest.mark.parametrize(
    ("value", "options", "match"),
    [
        (np.ones((3, 3)), {}, "'darks' .* shape"),
        (np.empty((0, 3, 3)), {}, "not empty"),
        (np.ones((2, 3, 3)), {"method": "mode"}, "'method'"),
        (np.ones((2, 3, 3)), {"mask": np.zeros((3, 3), bool)}, "empty mask"),
        (np.ones((2, 3, 3)), {"mask": np.ones((4, 4), bool)}, "'mask'"),
        (np.ones((2, 3, 3), complex), {}, "complex"),
        ([["a"]], {}, "'darks'"),
    ],
)
def test_bad_darks(value: object, options: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        dark_background(value, **options)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sigma", [0.3, 0.5, 1.0, 3.0])
def test_noise_of_whole_numbers_is_not_in_steps(sigma: float, masked: bool) -> None:
    """The median absolute deviation of the numbers themselves would be zero, or a multiple of a half."""
    frames = np.rint(100 + np.random.default_rng(0).normal(0, sigma, size=(100, 32, 32)))
    mask = np.ones((32, 32), dtype=bool)
    mask[3, 4] = not masked
    level, noise = dark_background(frames, mask=mask)
    np.testing.assert_array_equal(level[mask], np.median(frames, axis=0)[mask])
    assert np.median(noise[mask]) == pytest.approx(np.hypot(sigma, np.sqrt(1 / 12)), rel=0.35)
    assert noise[mask].min() > 0.25
    assert (noise[3, 4] == 0) == masked


def test_what_never_changes_has_no_noise() -> None:
    for n in (1, 8):
        for mask in (None, np.eye(6, dtype=bool)):
            _, noise = dark_background(np.full((n, 6, 6), 7), mask=mask)
            assert not noise.any()
