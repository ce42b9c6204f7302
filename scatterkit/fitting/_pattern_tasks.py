"""The fits of several patterns, one after the other or by processes; a bad pattern does not stop the others."""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from numpy.typing import NDArray
from sklearn.base import clone

from scatterkit._progress import progress_bar
from scatterkit._validation import InvalidParameterError, fail
from scatterkit.response import DetectorResponse
from scatterkit.solids import Rasterizer, Solid

BUGS = (AssertionError, AttributeError, TypeError)
"""What no pattern can be blamed for."""


@dataclass(frozen=True)
class FittedPattern:
    """What the fit of one pattern gave; ``interrupted`` where the user stopped it before its end.

    There is no solid where no body could be made. ``deviance`` is Poisson's, per pixel, of fits by photon counts.
    ``simulations`` were made, where they are counted. The user is warned of ``caveat``. ``point`` has the numbers of
    the body model, where a fitter has one model.
    """

    solid: Solid | None
    response: DetectorResponse | None
    residual: float
    candidates: list[tuple[float, Solid]]
    history: list[dict[str, Any]] = field(default_factory=list)
    evidence: dict[str, float] = field(default_factory=dict)
    deviance: float = math.nan
    simulations: float = math.nan
    interrupted: bool = False
    caveat: str = ""
    point: NDArray[np.float64] | None = None


Task = tuple[NDArray[np.float32], NDArray[np.bool_], np.random.Generator, dict[str, Any]]
"""A pattern, its mask, what draws, and what else the fitter's ``_fit_one`` is given, by name."""
Outcome = tuple[int, FittedPattern | Exception]


def one_by_one(fitter: Any, tasks: list[Task]) -> Generator[Outcome]:
    """Give number and outcome of each pattern, in order."""
    for number, task in enumerate(tasks):
        yield _attempt(fitter, number, *task, f"pattern {number + 1} of {len(tasks)}")


def by_processes(fitter: Any, tasks: list[Task], n_jobs: int) -> Generator[Outcome]:
    """Give number and outcome of each pattern as they come: none must be lost behind a slow one."""
    verbose = bool(fitter.get_params(deep=False).get("verbose", False))
    alone = clone(fitter).set_params(n_jobs=1, **({"verbose": False} if verbose else {}))
    with (
        parallel_config(backend="loky", inner_max_num_threads=1),
        progress_bar(len(tasks), description="patterns", verbose=verbose, unit="pattern") as bar,
    ):
        workers = Parallel(
            n_jobs=n_jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs"
        )
        jobs = (delayed(_attempt)(alone, number, *task, "") for number, task in enumerate(tasks))
        with _closed_quietly(workers(jobs)) as results:
            for found in results:
                bar.update()
                yield found


@contextmanager
def _closed_quietly(results: Generator[Any]) -> Iterator[Generator[Any]]:
    """Close the generator of results without joblib's advice about those that were not taken."""
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*tasks.*", category=UserWarning)
            results.close()


def _attempt(
    fitter: Any,
    number: int,
    pattern: NDArray[np.float32],
    mask: NDArray[np.bool_],
    rng: np.random.Generator,
    given: dict[str, Any],
    title: str,
) -> Outcome:
    """Fit one pattern; or say why that cannot be, which must not stop the others."""
    try:
        if np.ptp(pattern[mask]) == 0:
            allowed = "patterns with contrast over the mask"
            raise fail("X", type(fitter).__name__, allowed, "a constant pattern")
        return number, fitter._fit_one(pattern, mask, rng, title, **given)
    except InvalidParameterError as error:  # a TypeError too
        return number, error
    except BUGS:
        raise
    except Exception as error:
        return number, error


def volumes_of(solids: Sequence[Solid | None], grid: int, box: float) -> NDArray[np.float32]:
    """Give the volumes of bodies, nothing but zeros where none was made."""
    volumes = np.zeros((len(solids), grid, grid, grid), np.float32)
    made = {i: solid for i, solid in enumerate(solids) if solid is not None}
    if made:
        volumes[list(made)] = Rasterizer(grid=grid, box=box).transform(list(made.values()))
    return volumes


def warn_of(failures: dict[int, str], places: Sequence[int]) -> None:
    """Warn of patterns without a body, whose places among all fitted ones come in the order of the user's patterns."""
    failed = {number: failures[place] for number, place in enumerate(places) if place in failures}
    if failed:
        told = "; ".join(f"{number}: {why}" for number, why in failed.items())
        warnings.warn(f"No body was made of some patterns ({told})", RuntimeWarning, stacklevel=3)


__all__ = ["FittedPattern", "Outcome", "Task", "by_processes", "one_by_one", "volumes_of", "warn_of"]
