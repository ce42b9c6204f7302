"""What the reconstruction benchmark tries: methods that give bodies for cases, and how good the bodies are."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from benchmarking import FULL
from fit_trials import GRID, LOSSES, WIDEST_SHIFT, Array, Case, make_fitter, placed_overlap
from reconstruction_cases import Task

from scatterkit.comparison._judging import Judge
from scatterkit.fitting import RetrievalFitter
from scatterkit.fitting._planes import centred
from scatterkit.metrics import footprint_iou, front_iou, scatter_loss
from scatterkit.reconstruction import PhysicsReconstructor, PlaneDecoder, Refiner, SupportDecoder
from scatterkit.reconstruction.decoders.names import make_decoder
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

METHODS = ("retrieval", "network", "refined", "published", "fit")
BY_NETWORK = {"network": "model", "refined": "model", "published": "published"}
"""Which file each method takes."""
BUDGETED = ("refined", "fit")
"""Methods that take the seconds that they are given; others take what they need."""
JUDGE = Judge(MSFTSimulator(), GRID, max_shift=0.0, eps=1e2)
Body = Solid | Array | None


@dataclass(frozen=True)
class Setting:
    """How methods are tried."""

    budget: float
    n_jobs: int
    seed: int
    files: dict[str, str]

    def key(self, method: str, split: str, nr: int, patterns: str) -> tuple[Any, ...]:
        """What tells one result from others in a file of results."""
        budget = self.budget if method in BUDGETED else None
        return method, split, nr, patterns, budget, self.seed, self.files.get(BY_NETWORK.get(method, ""))


def record_key(record: dict[str, Any]) -> tuple[Any, ...]:
    """The same of a record."""
    names = ("method", "split", "nr", "patterns", "budget", "seed", "file")
    return tuple(record[name] for name in names)


def at_once(method: str, n_jobs: int) -> int:
    """How many patterns of one kind a method takes together: what is lost where a run is cut."""
    return {"network": 64, "published": 32, "retrieval": 16}.get(method, 2 * n_jobs)


@lru_cache(maxsize=2)
def load_network(name: str) -> PhysicsReconstructor:
    """The network of a file, or of a name that the package has weights for."""
    if Path(name).is_file():
        return PhysicsReconstructor.load(name)
    return PhysicsReconstructor.from_pretrained(name)


def reconstruct(
    method: str, patterns: str, cases: Sequence[Case], setting: Setting
) -> tuple[list[Body], float]:
    """Give a body for each case, None where a method has none, and the seconds that each took one core or process."""
    X = np.stack([case.pattern for case in cases])
    mask = np.stack([np.ones(X.shape[1:], bool) if case.mask is None else case.mask for case in cases])
    solve = _by_network if method in BY_NETWORK else _by_fit
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No body was made", category=RuntimeWarning)
        found, seconds = solve(method, patterns, X, mask, setting)
    workers = min(setting.n_jobs, len(cases)) if method in BUDGETED else 1
    return found, seconds * workers / len(cases)


def _by_network(
    method: str, patterns: str, X: Array, mask: Array, setting: Setting
) -> tuple[list[Body], float]:
    network = load_network(setting.files[BY_NETWORK[method]])
    refiner = Refiner(
        seconds=setting.budget,
        max_shift=WIDEST_SHIFT[patterns],
        loss=LOSSES.get(("convex", patterns), "squared"),
        n_jobs=setting.n_jobs,
    )
    by_planes = isinstance(make_decoder(network.decoder), (PlaneDecoder, SupportDecoder))
    give = network.predict_solids if by_planes else network.predict
    network.set_params(refine=False)
    for _ in range(2):  # no clock sees compilation: of few patterns it is the second call that compiles
        give(X, mask=mask)
    network.set_params(refine=refiner if method == "refined" else False)
    begun = time.perf_counter()
    found = give(X, mask=mask)
    return list(found), time.perf_counter() - begun


def _by_fit(method: str, patterns: str, X: Array, mask: Array, setting: Setting) -> tuple[list[Body], float]:
    if method == "retrieval":
        fitter: Any = RetrievalFitter(n_steps=0, max_shift=WIDEST_SHIFT[patterns], random_state=setting.seed)
        fitter.fit(X[:1], mask=mask[:1])  # makes the library, once for an experiment
    else:
        fitter = make_fitter("convex", patterns, setting.budget, setting.seed, MSFTSimulator())
        fitter.set_params(n_jobs=setting.n_jobs)
    begun = time.perf_counter()
    fitter.fit(X, mask=mask)
    return list(fitter.solids_), time.perf_counter() - begun


def judge(body: Body, case: Case, placed: bool) -> dict[str, Any]:
    """Scatter loss of a body, and overlap of its front and outline with the true ones."""
    if body is None or not (isinstance(body, Solid) or body.any()):
        return {"failure": "no body"}
    fine = JUDGE.volume(body, FULL) if isinstance(body, Solid) else body
    coarse = JUDGE.volume(body, GRID)
    figures = {
        "failure": None,
        "voxels": len(fine),
        "scatter_loss": float(scatter_loss(JUDGE.intensity(fine), case.intensity)),
        "front_iou": float(front_iou(coarse, case.volume)),
        "footprint_iou": float(footprint_iou(coarse, case.volume)),
    }
    if placed and isinstance(body, Solid):
        figures["placed_front_iou"] = placed_overlap(centred(body), case)
    return figures


def described(method: str, task: Task, width: float, setting: Setting, seconds: float) -> dict[str, Any]:
    """What a record says beside its figures."""
    names = ("method", "split", "nr", "patterns", "budget", "seed", "file")
    key = setting.key(method, task.split, task.row.nr, task.patterns)
    return dict(zip(names, key, strict=True)) | {
        "polyhedron": task.row.polyhedron,
        "width": width,
        "seconds": seconds,
        "n_jobs": setting.n_jobs,
    }
