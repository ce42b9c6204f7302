"""Photon counts."""

from __future__ import annotations

import numpy as np
import pytest

from scatterkit.simulation import PhotonCounts

PATTERNS = np.random.default_rng(0).random((3, 64, 64)) * np.array([1.0, 1e3, 1e-6])[:, None, None]


def test_counts_are_whole_and_sum_to_the_expected_number():
    counts = PhotonCounts(photons=2e5, random_state=1).transform(PATTERNS)
    assert counts.dtype == np.float32
    np.testing.assert_array_equal(counts, np.round(counts))
    np.testing.assert_allclose(counts.sum(axis=(1, 2)), 2e5, atol=5 * np.sqrt(2e5))


def test_noise_is_of_poisson():
    expected = 40.0
    counts = PhotonCounts(photons=expected * 256**2, random_state=2).transform(np.ones((1, 256, 256)))
    assert abs(counts.mean() - expected) < 5 * np.sqrt(expected) / 256
    assert abs(counts.var() / expected - 1) < 5 * np.sqrt(2) / 256


def test_dark_pixels_and_patterns_stay_dark():
    patterns = PATTERNS.copy()
    patterns[0] = 0
    patterns[1, :32] = 0
    counts = PhotonCounts(random_state=0).transform(patterns)
    assert not counts[0].any()
    assert not counts[1, :32].any()
    assert abs(counts[1].sum() - 1e6) < 5e3


def test_random_state():
    def draw(state):
        return PhotonCounts(photons=1e4, random_state=state).transform(PATTERNS)

    np.testing.assert_array_equal(draw(7), draw(7))
    assert (draw(7) != draw(8)).any()
    generator = np.random.default_rng(7)
    first, second = draw(generator), draw(generator)
    np.testing.assert_array_equal(first, draw(7))
    assert (first != second).any()


@pytest.mark.parametrize(
    ("parameters", "patterns", "name"),
    [
        ({"photons": 0}, PATTERNS, "photons"),
        ({"photons": np.inf}, PATTERNS, "photons"),
        ({"random_state": "seed"}, PATTERNS, "random_state"),
        ({}, -PATTERNS, "X"),
        ({}, PATTERNS * np.nan, "X"),
    ],
)
def test_bad_input_is_named(parameters, patterns, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of PhotonCounts"):
        PhotonCounts(**parameters).transform(patterns)
