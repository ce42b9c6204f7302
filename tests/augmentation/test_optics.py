"""Saturation, blur and stray light, against formulas and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from scatterkit._validation import InvalidParameterError
from scatterkit.augmentation import Blur, NoiseFloor, Saturation, StrayLight
from scatterkit.response import DetectorResponse
from scatterkit.simulation import LogScaler

RNG = np.random.default_rng(11)
X = RNG.random((6, 128, 128)).astype(np.float32)


def test_saturation():
    gains = np.linspace(1, 1.5, 6, dtype=np.float32)
    expected = np.minimum(gains[:, None, None] * X, 1)
    np.testing.assert_array_equal(Saturation().apply(X, {"gain": gains}), expected)
    mask = (X > 0.5).astype(np.float32)
    np.testing.assert_array_equal(Saturation().apply_mask(mask, {"gain": gains}), mask)


def test_gains():
    n = 4000
    params = Saturation().sample_params(n, random_state=0)
    assert stats.kstest(params["gain"], stats.uniform(1, 0.5).cdf).pvalue > 1e-3
    found = Saturation().apply(np.full((n, 1, 1), 0.8), params)[:, 0, 0]
    # min(0.8 g, 1) with g even from 1 to 1.5: saturated for g > 1.25, half of the time
    mean, square = 0.5 * 0.9 + 0.5, 0.5 * (1 - 0.8**3) / 0.6 + 0.5
    assert abs(found.mean() - mean) < 4 * found.std() / np.sqrt(n)
    assert found.var() == pytest.approx(square - mean**2, rel=0.05)
    assert (found == 1).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(n))


SIGMAS = [0.0, 1e-3, 0.124, 0.125, 0.126, 0.374, 0.375, 0.5, 0.62, 0.7, 0.875, 0.9999]


@pytest.mark.parametrize("shape", [(128, 128), (17, 40), (3, 2), (1, 5)])
def test_blur_is_scipys(shape):
    images = RNG.random((len(SIGMAS), *shape)).astype(np.float32)
    found = Blur().apply(images, {"sigma": SIGMAS})
    for image, result, sigma in zip(images, found, SIGMAS, strict=True):
        expected = ndimage.gaussian_filter(image.astype(np.float64), np.float32(sigma))
        np.testing.assert_allclose(result, expected, atol=1e-6)


def test_wide_blurs():
    sigmas = np.float32([0.3, 2.2, 3.1])
    found = Blur(sigma=(0.0, 3.1)).apply(X[:3], {"sigma": sigmas})
    for image, result, sigma in zip(X, found, sigmas, strict=False):
        expected = ndimage.gaussian_filter(image.astype(np.float64), float(sigma))
        np.testing.assert_allclose(result, expected, atol=1e-6)


def test_sigmas_and_what_blurs_leave_of_noise():
    n = 3000
    params = Blur().sample_params(n, random_state=3)
    assert stats.kstest(params["sigma"], stats.uniform(0, 1).cdf).pvalue > 1e-3
    noise = RNG.standard_normal((n, 32, 32)).astype(np.float32)
    left = Blur().apply(noise, params)[:, 8:-8, 8:-8].var()
    # white noise keeps the sum of squared weights, once for each axis
    k = np.arange(-4, 5)
    sigma = (np.arange(2000)[:, None] + 0.5) / 2000
    weights = np.exp(-(k**2) / (2 * sigma**2)) * (np.abs(k) <= np.floor(4 * sigma + 0.5))
    weights /= weights.sum(axis=1, keepdims=True)
    assert left == pytest.approx(((weights**2).sum(axis=1) ** 2).mean(), rel=0.05)


def test_blurs_erode_the_mask_where_zeros_leak_in():
    mask = np.ones((3, 40, 40))
    mask[:, :, :20] = 0
    found = Blur().apply_mask(mask, {"sigma": [0.0, 0.3, 1.0]})
    # share of a step that leaks over an edge, one and two pixels away: 0.4 % for 0.3; 30 % and 6.7 % for 1
    lost = (mask - found).sum(axis=2)[:, 20]
    assert lost.tolist() == [0, 0, 2]
    np.testing.assert_array_equal(Blur().apply_mask(np.ones((1, 40, 40)), {"sigma": [1.0]}), 1)


EPS = 100.0
DETECTOR_LIGHT = RNG.exponential(1.0, (4, 64, 64)) * 1e4
DETECTOR_LIGHT[:, 0, 0] = 0  # as where |q| exceeds the wave number


def log_ranges(light: np.ndarray) -> np.ndarray:
    return np.log(light.max(axis=(1, 2)) / EPS + 1)


def stray_light(params: dict[str, np.ndarray], i: int, shape: tuple[int, int]) -> np.ndarray:
    """The stated model, in intensities that sum to one."""
    y, x = np.indices(shape) - np.array(shape)[:, None, None] // 2
    g_y, g_x = params["gradient"][i]
    even = 1 + g_y * y / (shape[0] / 2) + g_x * x / (shape[1] / 2)
    even = np.maximum(even, 0)
    halo = (1 + (x**2 + y**2) / params["halo_width"][i].astype(float) ** 2) ** -1.5
    share = params["halo"][i]
    return (1 - share) * even / even.sum() + share * halo / halo.sum()


def test_stray_light_adds_to_intensities():
    patterns = LogScaler(eps=EPS).transform(DETECTOR_LIGHT)
    artifact = StrayLight()
    params = artifact.sample_params(4, (64, 64), random_state=5)
    params["log_range"] = log_ranges(DETECTOR_LIGHT)
    found = artifact.apply(patterns, params)
    for i, light in enumerate(DETECTOR_LIGHT):
        stray = params["level"][i] * light.sum() * stray_light(params, i, (64, 64))
        expected = LogScaler(eps=EPS).transform((light + stray)[None])[0]
        np.testing.assert_allclose(found[i], expected, atol=2e-5)


def test_stray_light_parameters():
    n = 3000
    params = StrayLight().sample_params(n, (256, 300), random_state=1)
    uniform = stats.uniform(0, 1).cdf
    assert stats.kstest(np.log10(params["level"]), stats.uniform(-3, 2).cdf).pvalue > 1e-3
    assert stats.kstest(params["halo"], uniform).pvalue > 1e-3
    assert stats.kstest(params["halo_width"], stats.uniform(8, 32).cdf).pvalue > 1e-3  # twice 128 pixels
    assert stats.kstest(np.hypot(*params["gradient"].T), stats.uniform(0, 0.5).cdf).pvalue > 1e-3
    angles = np.arctan2(*params["gradient"].T) % (2 * np.pi)
    assert stats.kstest(angles / (2 * np.pi), uniform).pvalue > 1e-3
    decades = params["log_range"] / np.log(10)
    assert stats.kstest(decades, stats.uniform(3, np.log10(300)).cdf).pvalue > 1e-3


def test_little_stray_light_changes_little():
    patterns = LogScaler(eps=EPS).transform(DETECTOR_LIGHT)
    found = StrayLight(level=(1e-9, 1e-9))
    np.testing.assert_allclose(found.apply(patterns, found.sample_params(4, (64, 64))), patterns, atol=1e-5)


def test_noise_floor_is_what_a_detector_responds():
    patterns = LogScaler(eps=EPS).transform(DETECTOR_LIGHT)
    artifact = NoiseFloor()
    params = artifact.sample_params(4, (64, 64), random_state=5)
    params["log_range"] = log_ranges(DETECTOR_LIGHT)
    found = artifact.apply(patterns, params)
    for i, light in enumerate(DETECTOR_LIGHT):
        brightest = light.max()
        eps = float(params["floor"][i]) * brightest
        lowest = eps + float(params["threshold"][i]) * brightest
        gain = 1 / np.log((brightest + eps) / lowest)
        response = DetectorResponse(eps, gain, -gain * np.log(lowest))
        np.testing.assert_allclose(found[i], response.apply(light), atol=2e-4)
        assert 0 < (found[i] == 0).mean() < 0.5
        assert found[i].max() == pytest.approx(1, abs=1e-5)


def test_noise_floor_parameters():
    params = NoiseFloor().sample_params(3000, (64, 64), random_state=1)
    assert stats.kstest(np.log10(params["floor"]), stats.uniform(-6, 3).cdf).pvalue > 1e-3
    assert stats.kstest(np.log10(params["threshold"]), stats.uniform(-5, 2).cdf).pvalue > 1e-3
    decades = params["log_range"] / np.log(10)
    assert stats.kstest(decades, stats.uniform(3, np.log10(300)).cdf).pvalue > 1e-3


def test_a_pattern_dimmed_before_keeps_its_brightest_pixel_as_the_reference():
    floor = NoiseFloor((1e-9, 1e-9), (1e-3, 1e-3), (1e4, 1e4))
    pattern = np.float32([[[0.2, 0.5]]])
    light = np.expm1(pattern.astype(float) * np.log(1e4))
    expected = max(np.log(light[0, 0, 0] / light[0, 0, 1] / 1e-3) / np.log(1e3), 0)
    np.testing.assert_allclose(floor.apply(pattern, floor.sample_params(1)), [[[expected, 1]]], atol=1e-5)


@pytest.mark.parametrize("kind", [Saturation, Blur, StrayLight, NoiseFloor])
@pytest.mark.parametrize("shape", [(128, 128), (65, 65), (30, 48), (1, 1)])
def test_shapes_and_patterns_without_light(kind, shape):
    artifact = kind()
    params = artifact.sample_params(20, shape, random_state=0)
    np.testing.assert_array_equal(artifact.apply(np.zeros((20, *shape)), params), 0)
    found = artifact.apply(RNG.random((20, *shape)), params)
    assert found.shape == (20, *shape)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("artifact", "name"),
    [
        (Saturation(gain=(-1.0, 1.0)), "gain"),
        (Blur(sigma=1.0), "sigma"),
        (StrayLight(level=(0.0, 0.1)), "level"),
        (StrayLight(halo=(0.0, 1.5)), "halo"),
        (StrayLight(halo_width=(0.0, 1.0)), "halo_width"),
        (StrayLight(gradient=(0.0, 2.0)), "gradient"),
        (StrayLight(dynamic_range=(1.0, 1e3)), "dynamic_range"),
        (NoiseFloor(floor=(0.0, 1e-3)), "floor"),
        (NoiseFloor(threshold=(1e-3, 1.0)), "threshold"),
        (NoiseFloor(dynamic_range=(1.0, 1e3)), "dynamic_range"),
    ],
)
def test_bad_parameters_are_named(artifact, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of {type(artifact).__name__} must be"):
        artifact.sample_params(1)


def test_a_blur_wider_than_its_kernel_is_refused():
    with pytest.raises(
        InvalidParameterError, match=r"'params' parameter of Blur must be widths up to .* = 1"
    ):
        Blur().apply(np.ones((1, 32, 32)), {"sigma": [3.0]})
