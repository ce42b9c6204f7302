"""Intervals against the bootstrap's own closed form and against simulated coverage; ranks against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, rankdata

from scatterkit.comparison._statistics import median_interval, paired

SETTINGS = {"confidence": 0.95, "n_resamples": 4000, "seed": 0}


@pytest.mark.parametrize("n", [11, 29, 53])
def test_the_interval_is_that_of_the_exact_bootstrap_distribution(n: int) -> None:
    # a resample's median is at most the k-th value where more than half of the draws are among the first k
    values = np.sort(np.random.default_rng(n).normal(size=n))
    cumulated = binom.sf(n // 2, n, np.arange(1, n + 1) / n)
    expected = [values[np.searchsorted(cumulated, part)] for part in (0.025, 0.975)]
    found = median_interval(values, confidence=0.95, n_resamples=20000, rng=np.random.default_rng(0))
    near = [np.abs(cumulated - part).min() for part in (0.025, 0.975)]
    assert min(near) > 4 * np.sqrt(0.025 * 0.975 / 20000), "the case is on an edge: choose another"
    np.testing.assert_allclose(found, expected)


def test_intervals_cover_the_true_median() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(300):
        values = rng.lognormal(size=41)  # whose median is 1
        low, high = median_interval(values, confidence=0.9, n_resamples=400, rng=rng)
        inside += low <= 1.0 <= high
    assert 0.85 < inside / 300 < 0.96  # 0.9, with three standard deviations of the count on either side


def test_wins_and_ties_are_those_of_paired_ranks() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = rng.integers(0, 6, (2, 200)).astype(float)
    found = paired(ours, theirs, "lower", **SETTINGS)
    ranks = rankdata([ours, theirs], axis=0)[0]  # 1 where ours is lower, 2 where higher, 1.5 where tied
    assert found["share_won"] == np.mean(ranks == 1)
    assert found["share_tied"] == np.mean(ranks == 1.5)
    assert 2 - ranks.mean() == pytest.approx(found["share_won"] + found["share_tied"] / 2)
    other = paired(ours, theirs, "higher", **SETTINGS)
    assert other["share_won"] == np.mean(ranks == 2)


def test_pairs_with_a_missing_figure_are_left_out_and_counted() -> None:
    ours = np.array([1.0, np.nan, 3.0, 4.0, np.inf])
    theirs = np.array([2.0, 2.0, np.nan, 5.5, 1.0])
    found = paired(ours, theirs, "lower", **SETTINGS)
    assert (found["n_pairs"], found["n_left_out"]) == (2, 3)
    assert (found["method_median"], found["reference_median"], found["median_difference"]) == (
        2.5,
        3.75,
        -1.25,
    )
    assert found["share_won"] == 1


def test_pairing_sees_what_medians_alone_hide() -> None:
    rng = np.random.default_rng(3)
    hard = rng.lognormal(sigma=2, size=60)
    found = paired(0.9 * hard, hard, "lower", **SETTINGS)
    assert found["high"] < 0 < found["share_won"] == 1
    unpaired = paired(0.9 * rng.permutation(hard), hard, "lower", **SETTINGS)
    assert unpaired["low"] < 0 < unpaired["high"]


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_pairs_have_no_interval(n: int) -> None:
    found = paired(np.ones(n), np.zeros(n), "lower", **SETTINGS)
    assert np.isnan([found["low"], found["high"]]).all()
    assert np.isnan(found["median_difference"]) == (n == 0)


def test_a_method_beside_itself_is_tied() -> None:
    values = np.random.default_rng(4).normal(size=30)
    found = paired(values, values, "lower", **SETTINGS)
    assert (found["low"], found["high"], found["share_tied"]) == (0, 0, 1)
