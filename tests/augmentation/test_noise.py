"""Noise filters against SciPy's distributions and the published formulas' moments."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scatterkit._arrays import NUMPY
from scatterkit._counters import keys_of
from scatterkit.augmentation import PoissonNoise, SaltAndPepper, ShotNoise, UniformNoise
from scatterkit.augmentation._poisson import bisected, poisson, poisson_table
from scatterkit.augmentation.base import pixel_uniform

SHAPE = (64, 48)


def pattern(n=1, shape=SHAPE):
    return np.random.default_rng(0).random((n, *shape), dtype=np.float32)


def uniforms(keys, shape=SHAPE):
    return pixel_uniform(np.asarray(keys, np.int32), shape, NUMPY).astype(np.float64)


def scipy_counts(u, rate):
    """The inverse of SciPy's distribution function, moved off its steps."""
    return stats.poisson.ppf(u + 2.0**-25, rate)


def test_uniform_noise_is_the_formula():
    noisy = UniformNoise().apply(pattern(2), {"amplitude": [0.15, 0.0], "key": [5, 6]})
    np.testing.assert_allclose(noisy[0], pattern(2)[0] + 0.15 * uniforms([5])[0], atol=1e-6)
    np.testing.assert_array_equal(noisy[1], pattern(2)[1])


def test_uniform_noise_has_the_published_moments():
    """Effect a u with a in [0, 0.2): mean 0.05, variance 0.2^2 / 9 - 0.05^2, and the variance of a pattern's mean."""
    n = 2000
    effect = UniformNoise().apply(np.zeros((n, 8, 8)), UniformNoise().sample_params(n, random_state=0))
    means = effect.mean(axis=(1, 2))
    assert means.mean() == pytest.approx(0.05, abs=4 * 0.1 / np.sqrt(12 * n))
    assert effect.var() == pytest.approx(0.2**2 / 9 - 0.05**2, rel=0.05)
    assert effect.max() > 0.19
    assert effect.min() >= 0


def test_amplitudes_fill_their_range_evenly():
    drawn = UniformNoise((0.3, 0.5)).sample_params(3000, random_state=1)["amplitude"]
    assert stats.kstest(drawn, stats.uniform(0.3, 0.2).cdf).pvalue > 1e-3


@pytest.mark.parametrize("rate", [0.3, 1.0, 10.0, 37.2, 100.0])
def test_numbers_are_poisson_distributed(rate):
    rates = np.full(30, rate, np.float32)
    u = pixel_uniform(keys_of(3, np.arange(30)), (50, 40), NUMPY)
    counts = poisson(u, poisson_table(rates, 100.0), NUMPY)
    np.testing.assert_array_equal(counts, scipy_counts(u.astype(np.float64), np.float32(rate)))
    edges = np.unique(stats.poisson.ppf(np.linspace(0, 1, 22)[1:-1], rate))
    found = np.bincount(np.searchsorted(edges, counts.ravel(), side="left"), minlength=len(edges) + 1)
    shares = np.diff(stats.poisson.cdf(edges, rate), prepend=0, append=1)
    assert stats.chisquare(found, shares * counts.size).pvalue > 1e-3
    assert counts.mean() == pytest.approx(rate, abs=5 * np.sqrt(rate / counts.size))
    assert counts.var() == pytest.approx(rate, rel=0.05)


def test_both_ways_to_look_numbers_up_agree():
    table = poisson_table([0.01, 1.0, 10.0, 55.5, 100.0], 100.0)
    drawn = np.random.default_rng(0).integers(2**24, size=(5, 20000), dtype=np.int32)
    edges = np.clip(table[:, :200], 0, 2**24 - 1)
    bits = np.concatenate([drawn, edges, np.maximum(edges - 1, 0), np.full((5, 1), 2**24 - 1)], axis=1)
    bits = bits.astype(np.int32)
    by_search = np.stack([np.searchsorted(*pair, side="right") for pair in zip(table, bits, strict=True)])
    np.testing.assert_array_equal(bisected(bits, table, NUMPY), by_search)
    u = (bits / 2.0**24).astype(np.float32)[:, None]
    np.testing.assert_array_equal(poisson(u, table, NUMPY)[:, 0], by_search)


def test_poisson_noise_is_the_formula():
    noisy = PoissonNoise().apply(pattern(), {"amplitude": [0.07], "rate": [1.0], "key": [9]})
    expected = pattern() + 0.07 * scipy_counts(uniforms([9]), 1.0)
    np.testing.assert_allclose(noisy, expected / expected.max(), atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_poisson_noise_has_the_published_moments(level):
    """Variance over squared mean of (c + a N) / max is a^2 / (c + a)^2, whatever the largest value."""
    n, amplitude = 200, 0.1
    params = {"amplitude": np.full(n, amplitude), "rate": np.ones(n), "key": np.arange(n)}
    noisy = PoissonNoise().apply(np.full((n, *SHAPE), level), params).astype(np.float64)
    np.testing.assert_array_equal(noisy.max(axis=(1, 2)), 1)
    ratio = noisy.var(axis=(1, 2)) / noisy.mean(axis=(1, 2)) ** 2
    assert ratio.mean() == pytest.approx(amplitude**2 / (level + amplitude) ** 2, rel=0.02)


def test_shot_noise_is_the_formula():
    noisy = ShotNoise().apply(pattern(), {"rate": [42.5], "key": [11]})
    expected = pattern() * scipy_counts(uniforms([11]), 42.5)
    np.testing.assert_allclose(noisy, expected / expected.max(), atol=1e-6)


def test_shot_noise_has_the_published_moments():
    """With rate 10^(r + 1), variance over squared mean is 10^-(r + 1): (0.1 - 0.01) / ln 10 on average."""
    n = 1500
    params = ShotNoise().sample_params(n, SHAPE, random_state=2)
    assert stats.kstest(np.log10(params["rate"]), stats.uniform(1, 1).cdf).pvalue > 1e-3
    noisy = ShotNoise().apply(np.ones((n, *SHAPE)), params).astype(np.float64)
    ratio = noisy.var(axis=(1, 2)) / noisy.mean(axis=(1, 2)) ** 2
    np.testing.assert_allclose(ratio, 1 / params["rate"], rtol=0.15)
    assert ratio.mean() == pytest.approx(0.09 / np.log(10), rel=0.05)


def test_rates_of_ones_own_may_exceed_the_range():
    noisy = ShotNoise((1.0, 2.0)).apply(pattern(), {"rate": [500.0], "key": [1]})
    expected = pattern() * scipy_counts(uniforms([1]), 500.0)
    np.testing.assert_allclose(noisy, expected / expected.max(), atol=1e-6)


def test_salt_and_pepper_hits_the_share_and_halves_it():
    n = 400
    params = SaltAndPepper().sample_params(n, SHAPE, random_state=3)
    assert stats.kstest(params["probability"], stats.uniform(0, 0.05).cdf).pvalue > 1e-3
    hit = SaltAndPepper().apply(np.full((n, *SHAPE), 0.5), params)
    assert set(np.unique(hit)) == {0, 0.5, 1}
    for value in (0, 1):
        count, expected = (hit == value).sum(), float(params["probability"].sum()) / 2 * hit[0].size
        assert count == pytest.approx(expected, abs=5 * np.sqrt(expected))
    assert (hit != 0.5).mean() == pytest.approx(0.025, rel=0.1)


def test_salt_and_pepper_clips_what_it_does_not_hit():
    X = np.linspace(-1, 2, 64 * 48, dtype=np.float32).reshape(1, *SHAPE)
    found = SaltAndPepper().apply(X, {"probability": [0.0], "key": [1]})
    np.testing.assert_array_equal(found, X.clip(0, 1))


def test_the_mask_knows_hit_pixels_only_if_asked_to():
    params = {"probability": [0.05], "key": [4]}
    measured = np.ones((1, *SHAPE))
    assert SaltAndPepper().apply_mask(measured, params).all()
    hit = SaltAndPepper().apply(np.full((1, *SHAPE), 0.5), params) != 0.5
    assert 0 < hit.sum() < 300
    np.testing.assert_array_equal(SaltAndPepper(known=True).apply_mask(measured, params) == 0, hit)


@pytest.mark.parametrize("kind", [UniformNoise, PoissonNoise, ShotNoise])
def test_noise_leaves_the_mask(kind):
    measured = (pattern(2) > 0.5).astype(np.float32)
    np.testing.assert_array_equal(kind().apply_mask(measured, kind().sample_params(2)), measured)
