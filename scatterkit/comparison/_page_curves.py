"""Curves of a comparison's page: how good the best body so far is after so much time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scatterkit.comparison._page_tables import values_of
from scatterkit.comparison._svg import Line, log_chart

if TYPE_CHECKING:
    from scatterkit.comparison.comparison import Comparison


def residual_chart(comparison: Comparison, samples: Sequence[int], words: str) -> str:
    """Give each method's median over samples of the best residual so far; nothing where that is not known.

    A sample without an answer yet counts as infinitely bad. A line ends with the method's longest sample.
    """
    if "best_residual" not in comparison.dataset:
        return ""
    best = comparison.dataset["best_residual"].transpose("method", "sample", "elapsed")
    values = np.asarray(best.values, np.float64)[:, samples]
    medians = np.median(np.where(np.isfinite(values), values, np.inf), axis=1)
    elapsed = np.asarray(best["elapsed"].values, np.float64)
    ends = np.full(len(medians), np.inf)
    if "seconds" in comparison.metrics:
        seconds = values_of(comparison, "seconds")[:, samples]
        ends = np.where(np.isfinite(seconds), seconds, -np.inf).max(axis=1)
    lines = [
        Line(name, elapsed, row, float(end))
        for name, row, end in zip(comparison.methods, medians, ends, strict=True)
    ]
    y_label = "best residual so far" if len(samples) == 1 else "median of the best residual so far"
    return log_chart(lines, "time for a sample (s)", y_label, f"{y_label.capitalize()} over time {words}")
