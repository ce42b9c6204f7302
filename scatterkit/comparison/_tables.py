"""A comparison as text: medians and quartiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


def rows_of(dataset: xr.Dataset, metrics: Sequence[str]) -> list[list[str]]:
    """Give the cells of a table: a row of names, and one for each method."""
    failures = dataset["failure"].transpose("method", "sample").values if "failure" in dataset else None
    heads = [f"{name} [s]" if dataset[name].attrs.get("units") == "s" else name for name in metrics]
    rows = [["method", *heads, *(["failed"] if failures is not None else [])]]
    for place, method in enumerate(dataset["method"].values):
        cells = [quartiles(dataset[name].isel(method=place).values) for name in metrics]
        if failures is not None:
            failed = sum(bool(text) for text in failures[place])
            cells.append(f"{failed} of {dataset.sizes['sample']}")
        rows.append([str(method), *cells])
    return rows


def quartiles(values: np.ndarray) -> str:
    """Give the median, and the quartiles in brackets; a dash where there is nothing."""
    there = values[np.isfinite(values)]
    if not there.size:
        return "-"
    low, median, high = np.quantile(there, [0.25, 0.5, 0.75])
    return f"{median:.3g} ({low:.3g} to {high:.3g})"


def text_of(rows: Sequence[Sequence[str]]) -> str:
    """Give rows as text, their columns in line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
