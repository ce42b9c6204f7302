"""All classes of the catalogue on one pattern: the best wins, with the evidence for each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from scatterkit.fitting._pattern_fitter import FittedPattern
from scatterkit.fitting.engines import FitRequest
from scatterkit.fitting.models import CatalogueBody
from scatterkit.solids import Ellipsoid, Solid, catalogue_names

Fit = Callable[[FitRequest, CatalogueBody], FittedPattern]

N_VARIED = 3
"""Classes that are also stretched and cut: those that fit best as they are."""

EXACT = 1e-6
"""Residual of a class beneath which none is varied."""


@lru_cache(maxsize=1)
def class_names() -> tuple[str, ...]:
    """Give the convex classes of fixed shape."""
    names = (name for name in catalogue_names("published") if name != "random_polyhedron")
    return tuple(name for name in names if Solid.from_catalogue(name).is_convex)


def fit_catalogue(request: FitRequest, fit: Fit) -> FittedPattern:
    """Fit every class as it is, then the best ones stretched and cut along each of their axes.

    Parameters
    ----------
    request : FitRequest
        The pattern. A time budget is shared out: a part to each class that is still to come.
    fit : callable
        Fits one body model.

    Returns
    -------
    FittedPattern
        The best body; its candidates are the best of each class, and its evidence their residuals.
    """
    ends = None if request.time_budget is None else time.monotonic() + request.time_budget
    best: dict[str, FittedPattern] = {}

    def attempt(name: str, model: CatalogueBody, n_left: int) -> None:
        budget = None if ends is None else max((ends - time.monotonic()) / n_left, 0.1)
        if ends is not None and time.monotonic() > ends and best:
            return
        found = fit(replace(request, time_budget=budget), model)
        if name not in best or found.residual < best[name].residual:
            best[name] = found

    names = class_names()
    n_after = 2 * N_VARIED
    for number, name in enumerate(names):
        attempt(name, CatalogueBody(name), len(names) - number + n_after)
    names_by_residual = sorted(best, key=lambda name: best[name].residual)
    if best[names_by_residual[0]].residual <= EXACT:
        names_by_residual = []  # nothing is left to be explained
    varied = [(name, label) for name in names_by_residual[:N_VARIED] for label in axis_labels(name)]
    for number, (name, label) in enumerate(varied):
        attempt(name, CatalogueBody(name, stretch_axis=label, cut_axis=label), len(varied) - number)
    ranked = sorted(best, key=lambda name: best[name].residual)
    candidates = [(best[name].residual, best[name].candidates[0][1]) for name in ranked]
    evidence = {name: float(best[name].residual) for name in ranked}
    return replace(best[ranked[0]], candidates=candidates, evidence=evidence)


def axis_labels(name: str) -> tuple[str, ...]:
    """Give the labels of the axes along which a class may be stretched and cut."""
    solid = Solid.from_catalogue(name)
    return ("z",) if isinstance(solid, Ellipsoid) else tuple(solid.symmetry_axes)


__all__ = ["axis_labels", "class_names", "fit_catalogue"]
