"""One trial of the fit benchmark: a published test row, its pattern, one method, and how good the body is."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from benchmarking import FULL, coarser, with_artifacts
from numpy.typing import NDArray
from scipy.optimize import minimize

from scatterkit.datasets import (
    SampleRow,
    published_simulator,
    read_pattern,
    read_table,
    read_volume,
    solid_from_row,
)
from scatterkit.datasets.published._locate import local_roots
from scatterkit.fitting import ForwardFitter, make_baseline
from scatterkit.fitting.answers import facet_table
from scatterkit.metrics import front_iou, scatter_loss
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.solids import Ellipsoid, Rasterizer, Solid

Array = NDArray[Any]
GRID = 64
HALF_BOX = 159.375  # nm
TRUTH = "truth"
MODELS = ("convex", "star")
BASELINES = {"B1": "B1-simplex", "B2": "B2-cmaes", "B3": "B3-multistart", "B4": "B4-retrieval"}
METHODS = (*MODELS, *BASELINES, TRUTH)
PATTERNS = ("ideal", "artifacts", "published")
SIZES = ("small", "middle", "large")
WIDEST_SHIFT = {"ideal": 3.0, "artifacts": 10.0, "published": 3.0}
"""Shifts that are looked for, in pixels; the artifacts move the centre by up to 10 along rows and columns."""
LOSSES = {("convex", "artifacts"): "robust"}
"""The blind spot dims pixels far around the masked ones; fits by voxels and baselines know squared differences only."""
MOST_CANDIDATES = 8
CURVE_FROM, CURVE_POINTS = 0.5, 10
"""From when (in s) and how often the best body so far is judged, where the fitter noted it."""


@dataclass(frozen=True)
class Trial:
    """What is tried: a row of the test table, its pattern, a method and its budget."""

    method: str
    patterns: str
    nr: int
    size_class: str
    budget: float
    seed: int

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells one trial from another in a file of results."""
        return (self.method, self.patterns, self.nr, self.budget, self.seed)


@dataclass(frozen=True)
class Case:
    """A pattern with what a user knows of it, and the truth to judge by."""

    pattern: Array
    mask: Array | None
    simulator: MSFTSimulator
    intensity: Array  # of the true body, without artifacts, on the centred grid
    volume: Array  # of the true body, 64^3


def find_root() -> Path | None:
    """The folder of the published sample set, if it is here."""
    return next((root for root in local_roots() if (root / "test" / "infos1.csv").is_file()), None)


def rows_by_size(root: Path, n: int) -> list[tuple[str, SampleRow]]:
    """So many rows: thirds by size, evenly spaced ranks of each; sizes alternate, so that a cut run has all."""
    ordered = sorted(read_table(root / "test" / "infos1.csv"), key=lambda row: row.size)
    thirds = np.array_split(np.arange(len(ordered)), len(SIZES))
    chosen = []
    for number, (name, third) in enumerate(zip(SIZES, thirds, strict=True)):
        count = n // len(SIZES) + (number < n % len(SIZES))
        # one alone is the middle one
        ranks = np.linspace(0, len(third) - 1, count).round() if count != 1 else [len(third) // 2]
        chosen += [(place, number, name, ordered[third[int(rank)]]) for place, rank in enumerate(ranks)]
    return [(name, row) for _, _, name, row in sorted(chosen, key=lambda entry: entry[:2])]


@lru_cache(maxsize=1)
def rows_by_number(root: Path) -> dict[int, SampleRow]:
    """All rows of the test table."""
    return {row.nr: row for row in read_table(root / "test" / "infos1.csv")}


def make_case(row: SampleRow, patterns: str) -> Case:
    """Make or read the pattern of a row."""
    return case_of(row, patterns, *true_intensity_and_volume(row))


def true_intensity_and_volume(row: SampleRow) -> tuple[Array, Array]:
    """Simulate the published volume of 192^3 voxels; give its intensity, and the volume at 64^3."""
    fine = read_volume(row.volume_path)[None]
    return MSFTSimulator().transform(fine)[0], coarser(fine, GRID)[0]


def case_of(row: SampleRow, patterns: str, intensity: Array, volume: Array) -> Case:
    """Make or read the pattern of a row whose true intensity and volume are known."""
    if patterns == "published":
        return Case(read_pattern(row.pattern_path), None, published_simulator(), intensity, volume)
    X, mask = LogScaler().transform(intensity[None]), None
    if patterns == "artifacts":
        # a row has the same artifacts whichever others are tried
        X, masks, _ = with_artifacts(X, seed=row.nr)
        mask = masks[0]
    return Case(X[0], mask, MSFTSimulator(), intensity, volume)


def make_fitter(method: str, patterns: str, budget: float, seed: int, simulator: MSFTSimulator) -> Any:
    """Give a method as a fitter of one pattern on one thread."""
    shared: dict[str, Any] = {
        "simulator": simulator,
        "max_shift": WIDEST_SHIFT[patterns],
        "time_budget": budget,
        "random_state": seed,
    }
    if method in BASELINES:
        return make_baseline(BASELINES[method], **shared)
    return ForwardFitter(method, loss=LOSSES.get((method, patterns), "squared"), **shared)


_warm: set[tuple[str, str]] = set()


def warm_up(trial: Trial, case: Case) -> None:
    """Load kernels and libraries of patterns once in each process, before any clock starts."""
    if (trial.method, trial.patterns) not in _warm:
        fitter = make_fitter(trial.method, trial.patterns, 1.0, 0, case.simulator)
        fitter.fit(case.pattern[None], mask=case.mask)
        _warm.add((trial.method, trial.patterns))


def run_trial(trial: Trial, root: Path) -> dict[str, Any]:
    """Fit and judge; a fit that fails is recorded with its reason."""
    row = rows_by_number(root)[trial.nr]
    case = make_case(row, trial.patterns)
    record = asdict(trial) | {
        "polyhedron": row.polyhedron,
        "diameter": 2 * HALF_BOX * row.size,
        "width": mean_width(case.volume),
        "true_lit_faces": None if row.is_random else lit_faces(solid_from_row(row)),
    }
    try:
        if trial.method == TRUTH:
            return record | {"failure": None} | true_body(row, case)
        warm_up(trial, case)
        fitter = make_fitter(trial.method, trial.patterns, trial.budget, trial.seed, case.simulator)
        begun = time.perf_counter()
        fitter.fit(case.pattern[None], mask=case.mask)
        seconds = time.perf_counter() - begun
    except Exception as error:  # one bad fit must not end a run of hours
        return record | {"failure": f"{type(error).__name__}: {error}"}
    return record | {"failure": None, "seconds": seconds} | judge_fit(fitter, case, trial.budget)


def judge_fit(fitter: Any, case: Case, budget: float) -> dict[str, Any]:
    """Figures of a fitter of one pattern."""
    solid, history = fitter.solids_[0], fitter.history_[0]
    candidates = fitter.candidates_[0][:MOST_CANDIDATES]
    return {
        **judge_body(solid, case),
        "residual": float(fitter.residuals_[0]),
        "simulations": int(history[-1]["simulations"]) if history and "simulations" in history[-1] else None,
        "lit_faces": lit_faces(solid),
        "candidates": [[float(value), placed_overlap(body, case)] for value, body in candidates],
        "curve": list(curve(history, case, budget)),
    }


def true_body(row: SampleRow, case: Case) -> dict[str, Any]:
    """Figures of the body rebuilt from its row: what the best of fits could reach."""
    if row.is_random:
        return {"failure": "random hulls cannot be rebuilt from their rows"}
    return judge_body(solid_from_row(row), case)


def judge_body(solid: Solid, case: Case) -> dict[str, float]:
    """Scatter loss of the body on the full grid, and overlap of its front."""
    intensity = MSFTSimulator().transform(Rasterizer(grid=FULL).transform([solid]))[0]
    return {
        "scatter_loss": float(scatter_loss(intensity, case.intensity)),
        "front_iou": front_overlap(solid, case),
        "placed_front_iou": placed_overlap(solid, case),
    }


def front_overlap(solid: Solid, case: Case) -> float:
    """Front IoU at 64^3, the body where the fitter put it but for whole voxels."""
    return float(front_iou(Rasterizer(grid=GRID).transform([solid])[0], case.volume))


def placed_overlap(solid: Solid, case: Case) -> float:
    """Front IoU at 64^3 at the best place between voxels: a shift changes no intensity, and no pattern tells it."""
    edge = 2 * HALF_BOX / GRID
    room = HALF_BOX - np.abs(solid.bounds).max(axis=0)

    def lack(shift: Array) -> float:
        moved = np.clip(edge * shift, -room, room)
        return -front_overlap(solid.shift(moved), case)

    corners = np.vstack([np.zeros(3), 0.4 * np.eye(3)])
    options = {"initial_simplex": corners, "maxfev": 40, "xatol": 0.02, "fatol": 5e-4}
    return -float(minimize(lack, corners[0], method="Nelder-Mead", options=options).fun)


def lit_faces(solid: Solid) -> int | None:
    """Number of faces that the beam strikes; None for bodies that are no convex polyhedra."""
    return len(facet_table(solid)) if solid.is_convex and not isinstance(solid, Ellipsoid) else None


def mean_width(volume: Array) -> float:
    """Mean width of the silhouette over all azimuths, nm: the circumference of its convex hull over pi (Cauchy)."""
    from scipy.spatial import ConvexHull

    edge = 2 * HALF_BOX / len(volume)
    pixels = np.argwhere((volume > 0.5).any(axis=0))
    corners = np.concatenate([pixels + offset for offset in np.ndindex(2, 2)])
    return float(ConvexHull(corners).area * edge / math.pi)


def curve(history: list[dict[str, Any]], case: Case, budget: float) -> Iterator[dict[str, Any]]:
    """How the best body got better: at some times, with loss and front IoU where the fitter noted the body."""
    entries = [entry for entry in history if "simulations" in entry]
    reach = max((entry.get("q", 0.0) for entry in entries), default=0.0)
    # residuals over part of the q range are not comparable
    entries = [entry for entry in entries if entry.get("q", reach) >= 0.999 * reach]
    shown = None
    for limit in np.geomspace(min(CURVE_FROM, budget), budget, CURVE_POINTS):
        known = [entry for entry in entries if entry["seconds"] <= limit]
        if not known:
            continue
        best = min(known, key=lambda entry: entry["residual"])
        point = {"seconds": float(limit), "residual": float(best["residual"])}
        if "solid" in best:
            if best is not shown:
                shown, judged = best, judge_body(best["solid"], case)
            point |= judged
        yield point | {"simulations": int(best["simulations"])}


def read_results(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Records of files of results, one JSON object a line; a last line that a cut run left torn is dropped."""
    records = []
    for path in paths:
        lines = path.read_text(encoding="utf-8").split("\n")
        records += [json.loads(line) for line in lines[:-1] if line]
    return records


def trial_key(record: dict[str, Any]) -> tuple[Any, ...]:
    """The key of a record's trial."""
    return Trial(**{name: record[name] for name in Trial.__dataclass_fields__}).key


def mend(path: Path) -> None:
    """Drop a line that a cut run left torn, so that the next one begins a line of its own."""
    if path.exists():
        text = path.read_text(encoding="utf-8")
        if text and not text.endswith("\n"):
            path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")
