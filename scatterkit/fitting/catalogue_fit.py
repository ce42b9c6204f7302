"""All classes of the catalogue on one pattern: the best wins, with the evidence for each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from scatterkit.fitting._pattern_fitter import FittedPattern
from scatterkit.fitting.engines import FitRequest
from scatterkit.fitting.models import CatalogueBody
from scatterkit.fitting.models.catalogue import axis_labels, class_names

Fit = Callable[[FitRequest, CatalogueBody], FittedPattern]

N_VARIED = 3
"""Classes that are also stretched and cut: those that fit best as they are."""

EXACT = 1e-6
"""Residual of a class beneath which none is varied."""

SHORTEST = 0.1
"""Least time for a class in s: it cannot be fitted in less."""


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
        The best body; its candidates are the best of each class, and its evidence their residuals: NaN for classes
        that were not tried, because time was over or the user stopped the work.
    """
    contest = _Contest(request, fit)
    interrupted = False
    try:
        contest.run()
    except KeyboardInterrupt:
        if not contest.best:
            raise
        interrupted = True
    return contest.result(interrupted)


class _Contest:
    """The best body of each class so far."""

    def __init__(self, request: FitRequest, fit: Fit) -> None:
        self.request, self.fit = request, fit
        budget = request.time_budget
        self.ends = math.inf if budget is None else time.monotonic() + budget
        self.best: dict[str, FittedPattern] = {}

    def run(self) -> None:
        """Try all classes as they are, then variants of the best."""
        names = class_names()
        n_after = 2 * N_VARIED
        for number, name in enumerate(names):
            self._attempt(name, CatalogueBody(name), len(names) - number + n_after)
        best = self._ranked()
        if self.best[best[0]].residual <= EXACT:
            return  # nothing is left to be explained
        varied = [(name, label) for name in best[:N_VARIED] for label in axis_labels(name)]
        for number, (name, label) in enumerate(varied):
            model = CatalogueBody(name, stretch_axis=label, cut_axis=label)
            self._attempt(name, model, len(varied) - number)

    def result(self, interrupted: bool) -> FittedPattern:
        """Give the best body, with what is known of each class."""
        names = self._ranked()
        found = [self.best[name] for name in names]
        candidates = [(each.residual, each.candidates[0][1]) for each in found]
        untried = [name for name in class_names() if name not in self.best]
        evidence = {name: float(self.best[name].residual) for name in names} | dict.fromkeys(
            untried, math.nan
        )
        caveat = f"Time was over before these classes were tried: {', '.join(untried)}"
        return replace(
            found[0],
            candidates=candidates,
            evidence=evidence,
            interrupted=interrupted,
            point=None,  # its meaning depends on the class
            caveat=caveat if untried and not interrupted else "",
        )

    def _attempt(self, name: str, model: CatalogueBody, n_left: int) -> None:
        left = self.ends - time.monotonic()
        if left <= 0 and self.best:
            return
        budget = None if math.isinf(left) else max(left / n_left, SHORTEST)
        found = self.fit(replace(self.request, time_budget=budget), model)
        if name not in self.best or _rank(found) < _rank(self.best[name]):
            self.best[name] = found
        if found.interrupted:
            raise KeyboardInterrupt

    def _ranked(self) -> list[str]:
        return sorted(self.best, key=lambda name: _rank(self.best[name]))


def _rank(found: FittedPattern) -> float:
    return found.residual if math.isfinite(found.residual) else math.inf


__all__ = ["fit_catalogue"]
