"""Photon noise: its counts against SciPy's Poisson distribution, its patterns against the same formula in float64."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scatterkit._arrays import NUMPY
from scatterkit._counters import keys_of, uniform
from scatterkit.augmentation import PhotonNoise
from scatterkit.augmentation._photon_counts import photon_counts
from scatterkit.augmentation.base import pixel_uniform
from scatterkit.simulation import LogScaler

MEANS = [0.01, 0.1, 0.7, 3.0, 12.5, 24.9, 25.1, 60.0, 300.0, 1e4, 1e5]


def counts_of(mean: float, uniforms: np.ndarray) -> np.ndarray:
    return photon_counts(np.full(uniforms.shape, mean, np.float32), uniforms, NUMPY)


def table_mean(mean: float) -> float:
    """The mean that is meant: below 25 the square of a multiple of 1/1024."""
    mean = float(np.float32(mean))
    return float(np.rint(np.sqrt(mean) * 1024) / 1024) ** 2 if mean < 24.99 else mean


@pytest.mark.parametrize("mean", MEANS)
def test_distribution_functions(mean):
    """No statistics: the share of evenly spread numbers that give at most k is the distribution function."""
    n = 1 << 19
    counts = counts_of(mean, (np.arange(n) / n).astype(np.float32))
    assert (np.diff(counts) >= 0).all()
    values, firsts = np.unique(counts, return_index=True)
    np.testing.assert_array_equal(values, np.rint(values))
    shares = np.append(firsts[1:], n) / n
    expected = stats.poisson.cdf(values, table_mean(mean))
    # the last value stands for the tail that these numbers do not resolve; the quantiles' table has 2^16 steps
    allowed = 1.5 / n if mean < 25 else 1e-4 + 2.0**-16
    assert np.abs(shares - expected)[:-1].max(initial=0) < allowed
    assert expected[-1] > 1 - 2 / n - allowed


@pytest.mark.parametrize("mean", MEANS)
def test_tails(mean):
    bits = np.concatenate([np.arange(2000), 2**24 - 1 - np.arange(2000)])
    counts = counts_of(mean, (bits / 2**24).astype(np.float32))
    expected = stats.poisson.ppf((bits + 0.5) / 2**24, table_mean(mean))
    # at the far end of a tail the quantile's error is some thousandths of the standard deviation
    assert np.abs(counts - expected).max() <= 1 + 0.01 * np.sqrt(mean)
    assert counts.min() >= 0


@pytest.mark.parametrize("mean", MEANS)
def test_samples_are_poisson(mean):
    n = 200_000
    counts = counts_of(mean, uniform(keys_of(int(100 * mean)), np.arange(n, dtype=np.int32)))
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / n)
    # the variance of a sample variance, from the fourth cumulant, which is the mean too
    assert abs(counts.var() - mean) < 4 * np.sqrt((mean + 2 * mean**2) / n)
    edges = np.unique(stats.poisson.ppf(np.linspace(0.002, 0.998, 60), mean))
    cdf = np.concatenate([[0], stats.poisson.cdf(edges, mean), [1]])
    found = np.diff(np.concatenate([[0], np.searchsorted(np.sort(counts), edges, side="right"), [n]]))
    used = np.diff(cdf) * n > 5
    chi_squared = np.sum((found - np.diff(cdf) * n)[used] ** 2 / (np.diff(cdf) * n)[used])
    assert stats.chi2(max(used.sum() - 1, 1)).sf(chi_squared) > 1e-3


def test_no_light_gives_no_photons():
    assert not counts_of(0.0, uniform(keys_of(0), np.arange(10_000, dtype=np.int32))).any()


def rings(n: int, shape: tuple[int, int] = (128, 128)) -> np.ndarray:
    """Intensities of spheres, about as bright as simulated ones, and zero at one corner."""
    y, x = np.indices(shape) - np.array(shape)[:, None, None] // 2
    q = np.hypot(y, x) + 1e-6
    radii = np.linspace(0.2, 0.5, n)[:, None, None]
    light = 2e6 * (3 * (np.sin(q * radii) - q * radii * np.cos(q * radii)) / (q * radii) ** 3) ** 2
    light[:, 0, 0] = 0
    return light


@pytest.mark.parametrize("photons", [300.0, 1e4, 1e6, 1e8])
def test_patterns_of_a_number_of_photons(photons):
    eps, light = 100.0, rings(3)
    patterns = LogScaler(eps=eps).transform(light)
    params = PhotonNoise().sample_params(3, random_state=4)
    params["photons"] = np.full(3, photons)
    params["log_range"] = np.log(light.max(axis=(1, 2)) / eps + 1)
    found = PhotonNoise().apply(patterns, params)
    uniforms = pixel_uniform(params["key"], (128, 128), NUMPY).astype(np.float64) + 2.0**-25
    per_photon = light.sum(axis=(1, 2), keepdims=True) / photons
    expected = LogScaler(eps=eps).transform(stats.poisson.ppf(uniforms, light / per_photon) * per_photon)
    # means are rounded in the fourth digit, so that a few counts differ by one
    assert (np.abs(found - expected) < 2e-4).mean() > 0.99
    assert np.abs(found - expected).mean() < 2e-4


def test_all_photons_are_there():
    """A flat pattern's values are those of 0, 1, 2, ... photons."""
    n, photons, shape = 300, 500.0, (32, 32)
    noise = PhotonNoise(photons=(photons, photons))
    found = noise.apply(np.full((n, *shape), 0.5), noise.sample_params(n, shape, random_state=0))
    counts = np.stack([np.unique(pattern, return_inverse=True)[1].reshape(shape) for pattern in found])
    totals = counts.sum(axis=(1, 2))
    assert abs(totals.mean() - photons) < 4 * np.sqrt(photons / n)
    assert totals.var() == pytest.approx(photons, rel=4 * np.sqrt(2 / n))
    # pixels know nothing of their neighbours
    neighbours = np.corrcoef(counts[:, :, 1:].ravel(), counts[:, :, :-1].ravel())[0, 1]
    assert abs(neighbours) < 4 / np.sqrt(counts.size)


def test_with_many_photons_the_pattern_returns():
    patterns = LogScaler(eps=100.0).transform(rings(3))
    noise = PhotonNoise(photons=(1e12, 1e12))
    found = noise.apply(patterns, noise.sample_params(3, random_state=0))
    assert np.abs(found - patterns).max() < 2e-3


def test_parameters():
    n = 3000
    params = PhotonNoise().sample_params(n, random_state=1)
    assert stats.kstest(np.log10(params["photons"]), stats.uniform(4, 3).cdf).pvalue > 1e-3
    decades = params["log_range"] / np.log(10)
    assert stats.kstest(decades, stats.uniform(3, np.log10(300)).cdf).pvalue > 1e-3
    assert len(np.unique(params["key"])) == n


def test_keras_counts_the_same_photons():
    """Exactly, but for last bits that a compiler may change: a count in 10^5 at most, 10^6 as a rule."""
    import keras
    import tensorflow as tf

    patterns = LogScaler(eps=100.0).transform(rings(16))
    noise = PhotonNoise()
    params = noise.sample_params(16, random_state=2)
    expected = noise.apply(patterns, params)
    tensor = keras.ops.convert_to_tensor(patterns)
    np.testing.assert_allclose(np.asarray(noise.apply(tensor, params)), expected, atol=1e-6)
    for jit in (False, True):
        found = np.asarray(tf.function(lambda X: noise.apply(X, params), jit_compile=jit)(tensor))
        assert (np.abs(found - expected) > 1e-5).mean() <= 1e-5


@pytest.mark.parametrize("shape", [(128, 128), (65, 65), (300, 480), (1, 1)])
def test_shapes_and_patterns_without_light(shape):
    noise = PhotonNoise()
    params = noise.sample_params(4, shape, random_state=0)
    np.testing.assert_array_equal(noise.apply(np.zeros((4, *shape)), params), 0)
    beyond = np.random.default_rng(0).normal(0.5, 0.5, (4, *shape))
    found = noise.apply(beyond, params)
    assert found.shape == (4, *shape)
    assert found.min() >= 0
    assert found.max() <= 1
    mask = np.ones((4, *shape))
    np.testing.assert_array_equal(noise.apply_mask(mask, params), mask)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"photons": (0.0, 10.0)}, "photons"),
        ({"photons": 1e6}, "photons"),
        ({"dynamic_range": (1.0, 10.0)}, "dynamic_range"),
        ({"dynamic_range": (1e3, 1e10)}, "dynamic_range"),
    ],
)
def test_bad_parameters_are_named(parameters, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of PhotonNoise must be"):
        PhotonNoise(**parameters).sample_params(1)
