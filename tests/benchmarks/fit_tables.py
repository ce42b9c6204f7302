"""Tables and the figure of the fit benchmark, from its records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarking import print_table, shown
from fit_trials import METHODS, SIZES, trial_key

Record = dict[str, Any]
LARGE = 185.0
"""Bodies wider than this, in nm, are where gradient descent from a sphere gets stuck."""
GROUPS: dict[str, Callable[[Record], bool]] = {
    "all": lambda record: True,
    **{name: lambda record, name=name: record["size_class"] == name for name in SIZES},
    "diameter > 185 nm": lambda record: record["diameter"] > LARGE,
    "mean width > 185 nm": lambda record: record["width"] > LARGE,
}
HEADER = (
    "bodies: method",
    "n",
    "failed",
    "scatter loss",
    "front IoU",
    "best placed",
    "residual",
    "seconds (longest)",
    "simulations",
    "lit faces (true)",
    "best is best",
)
FRONTS = ("front_iou", "placed_front_iou")
DRAWN = ("scatter_loss", "placed_front_iou")
WORST = {"scatter_loss": 1.0, "placed_front_iou": 0.0, "front_iou": 0.0}
"""What a fit without a body counts as."""
SAME_FRONT = 0.01
"""Candidates whose front IoU differs by no more are equally good."""
STYLES = {  # colours that can be told apart by people who see red and green alike (Okabe and Ito)
    "convex": ("#0072B2", "o"),
    "star": ("#E69F00", "*"),
    "B1": ("#009E73", "s"),
    "B2": ("#CC79A7", "^"),
    "B3": ("#56B4E9", "D"),
    "B4": ("#D55E00", "v"),
    "truth": ("#555555", "x"),
}
LABELS = {"B1": "B1 simplex", "B2": "B2 CMA-ES", "B3": "B3 multi-start", "B4": "B4 retrieval"}


def print_tables(records: Sequence[Record], *, markdown: bool = False) -> None:
    """Print a table for each kind of patterns and budget."""
    latest = {trial_key(record): record for record in records}.values()
    kinds = {(record["patterns"], record["budget"]): None for record in latest}
    for patterns, budget in kinds:
        chosen = [record for record in latest if (record["patterns"], record["budget"]) == (patterns, budget)]
        print(f"\nPatterns: {patterns}. At most {budget:g} s for a body, {_computer(chosen)}.")
        print("Medians with quartiles in brackets. A fit that failed counts as a loss of 1 and no overlap.")
        rows = [cells(method, name, group) for method, name, group in _groups(chosen)]
        if markdown:
            print_markdown(HEADER, rows)
        else:
            print_table(HEADER, rows)
        print(
            "front IoU: the body moved by whole voxels upon the true one; best placed: also between voxels, since no "
            "pattern tells the place.\n"
            "best is best: share of the bodies, of those with several candidates, where the one of least residual has "
            f"the best front (to {SAME_FRONT:g} of front IoU).\nsimulations: those of B1 to B4 are counted until "
            "their last improvement."
        )


def _computer(records: Sequence[Record]) -> str:
    loads = {(record["n_jobs"], record["cores"]) for record in records}
    n_jobs, cores = max(loads)
    return f"{n_jobs} bodies at once on {cores} cores, one thread each"


def _groups(records: Sequence[Record]) -> Iterator[tuple[str, str, list[Record]]]:
    # random hulls cannot be rebuilt from their rows: no failure of a method
    tried = [record for record in records if record["method"] != "truth" or not record["failure"]]
    for name, belongs in GROUPS.items():
        for method in METHODS:
            group = [record for record in tried if record["method"] == method and belongs(record)]
            if group:
                yield method, name, group


def cells(method: str, name: str, group: Sequence[Record]) -> list[str]:
    """A row of the table."""
    done = [record for record in group if not record["failure"]]
    return [
        f"{name}: {LABELS.get(method, method)}",
        str(len(group)),
        str(len(group) - len(done)),
        spread([record.get("scatter_loss", WORST["scatter_loss"]) for record in group], ".1e"),
        *(spread([record.get(name, WORST[name]) for record in group], ".2f") for name in FRONTS),
        shown(median(done, "residual"), ".1e"),
        _with(median(done, "seconds"), max((record.get("seconds", 0.0) for record in done), default=None)),
        shown(median(done, "simulations"), ".0f"),
        _with(median(done, "lit_faces"), median(done, "true_lit_faces")),
        shown(best_is_best(done), ".0%"),
    ]


def _with(value: float | None, other: float | None) -> str:
    """A whole number and another one in brackets."""
    return "-" if value is None else f"{value:.0f} ({shown(other, '.0f')})"


def median(records: Sequence[Record], name: str) -> float | None:
    """Median of what is known."""
    values = [record[name] for record in records if record.get(name) is not None]
    return float(np.median(values)) if values else None


def spread(values: Sequence[float], form: str) -> str:
    """Median with quartiles."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:{form}} [{low:{form}}, {high:{form}}]"


def best_is_best(records: Sequence[Record]) -> float | None:
    """Share of fits whose candidate of least residual has the best front, of those with several candidates."""
    told = []
    for record in records:
        pairs = record.get("candidates") or []
        if len(pairs) > 1:
            fronts = [front for _, front in sorted(pairs)]
            told.append(fronts[0] >= max(fronts) - SAME_FRONT)
    return float(np.mean(told)) if told else None


def print_markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table in Markdown, numbers to the right."""
    print("\n| " + " | ".join(header) + " |")
    print("|---" + "|---:" * (len(header) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def draw_figure(records: Sequence[Record], path: Path) -> Path:
    """Draw loss and front IoU against size, and against time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.5), layout="constrained")
    axes = figure.subplots(2, 2, sharey="row", sharex="col")
    for method in METHODS:
        own = [record for record in records if record["method"] == method and not record["failure"]]
        if own:
            against_size(axes[:, 0], own, method)
            against_time(axes[:, 1], own, method)
    for ax in axes[0]:
        ax.set_yscale("log")
    axes[0, 0].set_ylabel("scatter loss")
    axes[1, 0].set_ylabel("front IoU, best placed")
    axes[1, 0].set_ylim(0, 1.03)
    axes[1, 0].set_xlabel("mean width of the true silhouette (nm)")
    axes[1, 1].set_xlabel("seconds for a body")
    axes[1, 1].set_xscale("log")
    axes[0, 0].set_title("final bodies; lines: medians of bodies alike in width")
    axes[0, 1].set_title("best body so far, medians; symbols: end, with quartiles")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(STYLES))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    return path


def against_size(axes: Any, records: Sequence[Record], method: str) -> None:
    """Each body, and a line through the medians of groups of bodies alike in width."""
    color, marker = STYLES[method]
    ordered = sorted(records, key=lambda record: record["width"])
    groups = [group for group in np.array_split(np.arange(len(ordered)), min(6, len(ordered))) if len(group)]
    widths = np.array([record["width"] for record in ordered])
    for ax, name in zip(axes, DRAWN, strict=True):
        values = np.array([record[name] for record in ordered])
        ax.plot(widths, values, marker, color=color, ms=4, alpha=0.35, mew=0 if marker != "x" else 1)
        medians = [(np.median(widths[group]), np.median(values[group])) for group in groups]
        label = LABELS.get(method, method)
        ax.plot(*zip(*medians, strict=True), marker=marker, color=color, ms=6, label=label)


def against_time(axes: Any, records: Sequence[Record], method: str) -> None:
    """Medians of the best bodies so far where they are known, and of the end."""
    color, marker = STYLES[method]
    times = sorted({point["seconds"] for record in records for point in record.get("curve", [])})
    ends = [record["seconds"] for record in records if "seconds" in record]
    for ax, name in zip(axes, DRAWN, strict=True):
        rows = [[value_at(record, time, name) for time in times] for record in records]
        medians = np.median(rows, axis=0) if times else np.zeros(0)
        known = medians != WORST[name]
        ax.step(np.array(times)[known], medians[known], where="post", color=color, alpha=0.8)
        values = [record[name] for record in records]
        if not ends:  # the true body takes no time
            ax.axhline(np.median(values), color=color, ls=":")
            continue
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        across = np.quantile(ends, [0.25, 0.5, 0.75])
        reach = {
            "xerr": [[across[1] - across[0]], [across[2] - across[1]]],
            "yerr": [[middle - low], [high - middle]],
        }
        ax.errorbar(across[1], middle, **reach, color=color, marker=marker, ms=8, lw=1, capsize=3)


def value_at(record: Record, time: float, name: str) -> float:
    """A figure of the best body at a time; a fit that had ended has its last, one without a body yet has nothing."""
    known = [point for point in record.get("curve", []) if point["seconds"] <= time and name in point]
    return known[-1][name] if known else WORST[name]
