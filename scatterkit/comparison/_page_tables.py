"""Tables of a comparison's page: medians, paired differences, samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scatterkit._html import note, text, wide
from scatterkit.comparison._layout import METRICS
from scatterkit.comparison._svg import number, signed

if TYPE_CHECKING:
    import xarray as xr

    from scatterkit.comparison.comparison import Comparison

Values = NDArray[np.float64]

HEADS = {
    "residual": "residual",
    "scatter_loss": "scatter loss",
    "front_iou": "front IoU",
    "volume_iou": "volume IoU",
    "footprint_iou": "outline IoU",
    "seconds": "seconds",
    "n_simulations": "simulations",
}
FEW = 10
"""Pairs below which an interval of the bootstrap is too narrow."""
FEWEST = 6
"""Pairs below which nothing can be told at 95 %: five wins of five come by chance once in 16 times, 2 / 2**5."""

BETTER = {"lower": "less is better", "higher": "more is better"}


def values_of(comparison: Comparison, metric: str) -> Values:
    """Give a figure ``(method, sample)``."""
    return np.asarray(comparison.dataset[metric].transpose("method", "sample").values, np.float64)


def failures_of(comparison: Comparison) -> NDArray[np.object_]:
    """Give why there is no answer ``(method, sample)``, empty where there is one."""
    if "failure" not in comparison.dataset:
        return np.full((len(comparison.methods), len(comparison.samples)), "", object)
    return np.asarray(comparison.dataset["failure"].transpose("method", "sample").values, object)


def better_of(metric: str) -> str:
    """Say whether a figure is better lower or higher."""
    return METRICS[metric]["better"]


def best_places(values: Values, better: str) -> NDArray[np.bool_]:
    """Give which of some values are the best one, each column for itself; nowhere where all are NaN."""
    worst = np.inf if better == "lower" else -np.inf
    known = np.where(np.isfinite(values), values, worst)
    best = known.min(axis=0) if better == "lower" else known.max(axis=0)
    return np.isfinite(values) & (values == best)


def median_table(comparison: Comparison) -> str:
    """Give medians and quartiles of all figures over the samples that a method has them for."""
    metrics, failed = comparison.metrics, (failures_of(comparison) != "").sum(axis=1)
    better = {metric: better_of(metric) for metric in metrics}
    heads = [f"{_head(metric)}<br><small>{BETTER[better[metric]]}</small>" for metric in metrics]
    columns = [_quartile_cells(values_of(comparison, metric), better[metric]) for metric in metrics]
    n = len(comparison.samples)
    rows = [
        f'<tr><th scope="row">{text(method)}</th>{"".join(column[i] for column in columns)}'
        f"<td>{failed[i]} of {n}</td></tr>"
        for i, method in enumerate(comparison.methods)
    ]
    words = (
        f"Medians over {n} sample{'s' * (n != 1)}, quartiles below them, the best median of each column in bold with "
        "★. Samples on which a method failed have no figures and are not in its medians: a method that failed on hard "
        "ones looks better than it is."
    )
    return note(words) + _table(["method", *heads, "failed"], rows)


def _between(low: float, high: float) -> str:
    return f"<br><small>{number(low)} to {number(high)}</small>" if np.isfinite(low) else ""


def _quartile_cells(values: Values, better: str) -> list[str]:
    known = [row[np.isfinite(row)] for row in values]
    quartiles = np.array([np.quantile(row, [0.25, 0.5, 0.75]) if row.size else [np.nan] * 3 for row in known])
    best = best_places(quartiles[:, 1], better)
    return [
        f"<td>{_marked(number(median), bool(won))}{_between(low, high)}</td>"
        for (low, median, high), won in zip(quartiles, best, strict=True)
    ]


def difference_table(comparison: Comparison, reference: str) -> str:
    """Give the paired differences of all figures from those of one method, with their intervals."""
    parts = []
    for metric in comparison.metrics:
        found = comparison.differences(metric, reference=reference)
        better = str(found.attrs["better"])
        rows = [
            _difference_row(HEADS.get(metric, metric), better, method, found.sel({"method": method}))
            for method in comparison.methods
            if method != reference
        ]
        parts += rows
    heads = ["figure", "method", "median difference", "95 % interval"]
    heads += ["in words", "better on", "pairs (left out)"]
    words = (
        "Sample by sample, a method's figure minus that of the reference, with bootstrap intervals of the median. An "
        "interval that leaves out zero says that another set of samples of the same kind would most probably give a "
        "difference of the same sign; among twenty such intervals, one is expected to be off. Pairs are left out where "
        f"one of both has no figure. With fewer than about {FEW} pairs intervals are too short, with fewer than "
        f"{FEWEST} they tell nothing."
    )
    return note(words) + _table(heads, parts)


def _difference_row(name: str, better: str, method: str, found: xr.Dataset) -> str:
    value = {key: float(found[key]) for key in _KEYS}
    pairs = f"{value['n_pairs']:.0f}" + (f" ({value['n_left_out']:.0f})" if value["n_left_out"] else "")
    interval = f"{signed(value['low'])} to {signed(value['high'])}" if np.isfinite(value["low"]) else "–"
    cells = [
        signed(value["median_difference"]),
        interval,
        _verdict(value["low"], value["high"], better, int(value["n_pairs"])),
        f"{value['share_won']:.0%}" if np.isfinite(value["share_won"]) else "–",
        pairs,
    ]
    inner = "".join(f"<td>{text(cell)}</td>" for cell in cells)
    return f'<tr><td>{text(name)}</td><th scope="row">{text(method)}</th>{inner}</tr>'


_KEYS = ("median_difference", "low", "high", "share_won", "n_pairs", "n_left_out")


def _verdict(low: float, high: float, better: str, n_pairs: int) -> str:
    """Say in words what an interval tells."""
    if n_pairs < FEWEST:
        return "too few pairs"
    few = " (few pairs)" if n_pairs < FEW else ""
    if low <= 0 <= high:
        return "no clear difference" + few
    return ("better ▲" if (high < 0) == (better == "lower") else "worse ▼") + few


def worst_first(comparison: Comparison) -> list[int]:
    """Give the samples in the order of the best figure that any method reached, unsolved ones first."""
    metric = _judged_by(comparison)
    values = values_of(comparison, metric) * (1 if better_of(metric) == "lower" else -1)
    known = np.where(np.isfinite(values), values, np.inf).min(axis=0)
    return [int(i) for i in np.argsort(-known, kind="stable")]


def _judged_by(comparison: Comparison) -> str:
    return "residual" if "residual" in comparison.metrics else comparison.metrics[0]


def sample_table(comparison: Comparison, order: Sequence[int]) -> str:
    """Give the samples with each method's figures, to be sorted by a click on a heading."""
    shown: list[str] = [name for name in ("residual", "front_iou") if name in comparison.metrics]
    shown = shown or comparison.metrics[:1]
    heads = [_sorter("sample", "text")]
    columns = []
    for metric in shown:
        better, values = better_of(metric), values_of(comparison, metric)
        best = best_places(values, better)
        for i, method in enumerate(comparison.methods):
            heads.append(_sorter(f"{method}: {HEADS.get(metric, metric)}", "number"))
            columns.append([_number_cell(v, bool(b)) for v, b in zip(values[i], best[i], strict=True)])
    rows = [
        f'<tr><th scope="row" data-value="{text(comparison.samples[i])}">'
        f'<a href="#sample-{i}">{text(comparison.samples[i])}</a></th>{"".join(column[i] for column in columns)}</tr>'
        for i in order
    ]
    words = (
        "Worst first: by the best residual that any method reached on the sample. A click on a heading sorts by it; "
        "a click on a name goes to the sample. ★ marks the best method."
    )
    return note(words) + _table(heads, rows, "sortable", raw=True)


def figure_table(comparison: Comparison, sample: int) -> str:
    """Give all figures of one sample, and why methods failed on it."""
    metrics, failures = comparison.metrics, failures_of(comparison)[:, sample]
    values = {metric: values_of(comparison, metric)[:, sample] for metric in metrics}
    best = {metric: best_places(values[metric], better_of(metric)) for metric in metrics}
    rows = []
    for i, method in enumerate(comparison.methods):
        cells = "".join(_number_cell(values[metric][i], bool(best[metric][i])) for metric in metrics)
        failure = f'<td class="warning">{text(failures[i])}</td>' if failures[i] else "<td></td>"
        rows.append(f'<tr><th scope="row">{text(method)}</th>{cells}{failure}</tr>')
    return _table(["method", *map(_head, metrics), "failure" if any(failures) else ""], rows)


def _number_cell(value: float, best: bool) -> str:
    key = repr(float(value)) if np.isfinite(value) else ""
    return f'<td data-value="{key}">{_marked(number(float(value)), best)}</td>'


def _marked(words: str, best: bool) -> str:
    return f'<strong>{words} <span title="best">★</span></strong>' if best else words


def _head(metric: str) -> str:
    return text(HEADS.get(metric, metric))


def _sorter(words: str, kind: str) -> str:
    return f'<th scope="col"><button type="button" data-kind="{kind}">{text(words)}</button></th>'


def _table(heads: Iterable[str], rows: Iterable[str], kind: str = "figures", raw: bool = False) -> str:
    """Give a table; heads are HTML."""
    cells = "".join(heads) if raw else "".join(f'<th scope="col">{head}</th>' for head in heads)
    body = "".join(rows)
    return wide(
        "Table", f'<table class="{kind}"><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>'
    )
