"""Paired statistics: what a difference between methods is worth on samples that both were tried on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
AT_ONCE = 1 << 22
"""Numbers that are drawn at once."""


def median_interval(
    values: Values, *, confidence: float, n_resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Give the percentile bootstrap interval of a median; NaN for fewer than two values.

    Not BCa: its acceleration comes from leaving out one value at a time, which tells nothing of a median's spread.
    """
    from scipy.stats import bootstrap

    if len(values) < 2:
        return np.nan, np.nan
    found = bootstrap(
        (values,),
        np.median,
        method="percentile",
        confidence_level=confidence,
        n_resamples=n_resamples,
        batch=max(1, AT_ONCE // len(values)),
        rng=rng,
    ).confidence_interval
    return float(found.low), float(found.high)


def paired(
    values: Values, reference: Values, better: str, *, confidence: float, n_resamples: int, seed: int
) -> dict[str, Any]:
    """Compare a method with a reference, sample by sample; pairs with NaN are left out and counted."""
    both = np.isfinite(values) & np.isfinite(reference)
    ours, theirs = values[both], reference[both]
    differences = ours - theirs
    # the same resamples for all methods: they then differ by what the methods did alone
    rng = np.random.default_rng(seed)
    low, high = median_interval(differences, confidence=confidence, n_resamples=n_resamples, rng=rng)
    gains = -differences if better == "lower" else differences
    n = len(differences)
    return {
        "method_median": float(np.median(ours)) if n else np.nan,
        "reference_median": float(np.median(theirs)) if n else np.nan,
        "median_difference": float(np.median(differences)) if n else np.nan,
        "low": low,
        "high": high,
        "share_won": float(np.mean(gains > 0)) if n else np.nan,
        "share_tied": float(np.mean(gains == 0)) if n else np.nan,
        "n_pairs": n,
        "n_left_out": int(np.size(both) - n),
    }
