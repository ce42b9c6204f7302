"""How the records of a comparison lie in one data set, with units; and on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.comparison._judging import OF_BODIES, OF_PATTERNS
from scatterkit.comparison._records import Record

if TYPE_CHECKING:
    import xarray as xr

FORMAT = "scatterkit comparison"
N_TIMES = 200
COSTS = ("seconds", "n_simulations")
METRICS: dict[str, dict[str, str]] = {
    "residual": {
        "long_name": "mean squared difference of pattern and fit over the mask",
        "units": "1",
        "better": "lower",
    },
    "scatter_loss": {"long_name": "scatter loss beside the true body", "units": "1", "better": "lower"},
    "front_iou": {"long_name": "overlap of the fronts (IoU)", "units": "1", "better": "higher"},
    "volume_iou": {"long_name": "overlap of the volumes (IoU)", "units": "1", "better": "higher"},
    "footprint_iou": {"long_name": "overlap of the outlines (IoU)", "units": "1", "better": "higher"},
    "seconds": {"long_name": "time for the sample", "units": "s", "better": "lower"},
    "n_simulations": {"long_name": "simulated patterns", "units": "1", "better": "lower"},
}
BEST = {
    "long_name": "best residual so far, as the method counts it, never below what the judge says at its end",
    "units": "1",
    "better": "lower",
}


def dataset_of(
    records: Mapping[str, Sequence[Record]],
    patterns: NDArray[np.float32],
    masks: NDArray[np.bool_],
    samples: Sequence[str],
    *,
    with_truth: bool,
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Put records of all methods and samples into one data set."""
    import xarray as xr

    pair, picture = ("method", "sample"), ("sample", "row", "column")
    rows = list(records.values())
    variables: dict[str, Any] = {
        name: (pair, np.array([[one.figures.get(name, np.nan) for one in row] for row in rows]))
        for name in (*OF_PATTERNS, *(OF_BODIES if with_truth else ()))
    }
    variables |= {
        name: (pair, np.array([[getattr(one, name) for one in row] for row in rows])) for name in COSTS
    }
    variables = {name: (*parts, METRICS[name]) for name, parts in variables.items()}
    variables["failure"] = (pair, np.array([[one.failure for one in row] for row in rows], dtype=object))
    nothing = np.full(patterns.shape[1:], np.nan, np.float32)
    predicted = [[nothing if one.predicted is None else one.predicted for one in row] for row in rows]
    variables["predicted"] = (("method", *picture), np.array(predicted, np.float32))
    variables["pattern"], variables["mask"] = (picture, patterns), (picture, masks)
    elapsed = common_times(rows)
    best = [[best_so_far(one, elapsed) for one in row] for row in rows]
    variables["best_residual"] = (("method", "sample", "elapsed"), np.array(best), BEST)
    coords = {
        "method": np.array(list(records), dtype=object),
        "sample": np.array(list(samples), dtype=object),
        "elapsed": ("elapsed", elapsed, {"long_name": "time for the sample", "units": "s"}),
    }
    return xr.Dataset(variables, coords, {"format": FORMAT, **attrs})


def common_times(rows: Sequence[Sequence[Record]]) -> NDArray[np.float64]:
    """Give times, evenly on a logarithmic scale, from the first thing that any method said to the last."""
    found = [one.curve[0] for row in rows for one in row] + [[one.seconds for row in rows for one in row]]
    times = np.concatenate(found).astype(np.float64)
    times = times[np.isfinite(times) & (times > 0)]
    if not times.size:
        return np.ones(1)
    if times.min() == times.max():
        return times[:1]
    elapsed = np.geomspace(times.min(), times.max(), N_TIMES)
    elapsed[-1] = times.max()  # whatever powers round to, the last answer is in
    return elapsed


def best_so_far(record: Record, elapsed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the best residual at each time: as the method noted it, and once it has ended as it was judged.

    What a method notes of some of the pixels may be lower than what the judge finds over all. It then counts as the
    judge's: no body on the way was better than the last.
    """
    judged = record.figures.get("residual", np.nan)
    seconds, residuals = record.curve
    last = np.searchsorted(seconds, elapsed, side="right") - 1
    best = np.full(len(elapsed), np.nan)
    if len(seconds):
        noted = np.fmax(np.minimum.accumulate(residuals), judged)
        best = np.where(last >= 0, noted[np.maximum(last, 0)], np.nan)
    return np.where(elapsed >= record.seconds, judged, best)


def with_texts(dataset: xr.Dataset) -> xr.Dataset:
    """Give a data set whose texts are Python's, as Zarr stores them, without settings of a file it came from."""
    plain = dataset.copy()
    for name in plain.variables:
        if plain[name].dtype.kind in "UT":
            plain[name] = plain[name].astype(object)
        plain[name].encoding = {}
    plain.encoding = {}
    return plain
