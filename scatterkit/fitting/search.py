"""The search for a body: many coarse starts, the best few refined, the best kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scatterkit.fitting._planes import Floats
from scatterkit.fitting.descent import Candidate, Stage, box_limit, descend, occupancy_of
from scatterkit.fitting.models import BodyModel, ConvexBody
from scatterkit.fitting.objective import PatternObjective

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Schedule:
    """How a search spends its steps.

    Parameters
    ----------
    screening : Stage
        What every start goes through.
    refinement : tuple of Stage
        What the best ``n_kept`` go through afterwards.
    n_screened : int
        Starts that are screened; more are ranked by one look first.
    n_kept : int
        Starts that are refined.
    """

    screening: Stage
    refinement: tuple[Stage, ...]
    n_screened: int
    n_kept: int

    @property
    def n_steps(self) -> int:
        """Steps of a whole search."""
        refinement = sum(stage.n_steps for stage in self.refinement)
        return self.n_screened * self.screening.n_steps + self.n_kept * refinement


def default_schedule(model: BodyModel, grid: int, n_steps: int, n_kept: int, n_starts: int) -> Schedule:
    """Give the schedule for a body model; a body with few numbers needs few steps.

    The stages work on a coarser grid first, from low q to high: from a sphere of the right size, a fit with all
    q from the beginning sticks.
    """
    free = isinstance(model, ConvexBody)
    coarse = max(8, 3 * grid // 4)
    first = round(n_steps * (0.3 if free else 0.4))
    second = round(n_steps * (0.35 if free else 0.3))
    return Schedule(
        screening=Stage(coarse, 1.2, (0.2 if free else 0.3, 0.65), (1.0, 1.0), first),
        refinement=(
            Stage(grid, 1.2, (0.6, 1.0), (1.0, 0.6), second),
            Stage(grid, 1.0, (1.0, 1.0), (0.6, 0.03), n_steps - first - second),
        ),
        n_screened=n_starts,
        n_kept=min(n_kept, n_starts),
    )


class Search:
    """One search for one pattern.

    Parameters
    ----------
    model : BodyModel
        What bodies may be.
    objective : PatternObjective
        What they are compared with.
    schedule : Schedule
        How many steps go where.
    time_budget : float or None [s]
        When to stop; the schedule's steps become larger then, so that the search still ends in order.
    report : callable
        Called with a dict after every step.
    """

    def __init__(
        self,
        model: BodyModel,
        objective: PatternObjective,
        schedule: Schedule,
        *,
        time_budget: float | None,
        report: Report,
    ) -> None:
        self.model, self.objective, self.schedule, self.report = model, objective, schedule, report
        self.begun = time.monotonic()
        self.deadline = np.inf if time_budget is None else self.begun + time_budget

    def run(self, radii: Floats, rng: np.random.Generator) -> list[Candidate]:
        """Give the refined candidates, best first."""
        candidates = self._rank_starts(radii, rng)
        for number, candidate in enumerate(candidates):
            self._descend(candidate, self.schedule.screening, self._share(number, len(candidates), 0.5))
        candidates = self._by_full_residual(candidates, self.schedule.screening)
        kept = candidates[: self.schedule.n_kept]
        stages = [(candidate, stage) for candidate in kept for stage in self.schedule.refinement]
        for number, (candidate, stage) in enumerate(stages):
            self._descend(candidate, stage, self._share(number, len(stages), 1.0))
        return self._by_full_residual(kept, self.schedule.refinement[-1])

    def _rank_starts(self, radii: Floats, rng: np.random.Generator) -> list[Candidate]:
        points = self.model.starts(radii, rng)
        labels = [f"start {number + 1}" for number in range(len(points))]
        still = np.zeros_like(self.model.rates(points[0]))
        limit = box_limit(self.objective.simulator.box)
        # a step of zero lets the model bring a start that is too large into the box
        points = [self.model.move(point, still, limit) for point in points]
        candidates = [Candidate(point, label) for point, label in zip(points, labels, strict=True)]
        if len(candidates) <= self.schedule.n_screened:
            return candidates
        return self._by_full_residual(candidates, self.schedule.screening)[: self.schedule.n_screened]

    def _by_full_residual(self, candidates: list[Candidate], stage: Stage) -> list[Candidate]:
        """Sort candidates by their residual over the whole mask; those without a body come last."""
        box = self.objective.simulator.box
        for number, candidate in enumerate(candidates):
            if time.monotonic() > self.deadline and number > 0 and np.isfinite(candidate.residual):
                continue
            volume = occupancy_of(self.model, candidate.point, stage, box)
            if not volume.any():
                candidate.residual = np.inf
                continue
            look = self.objective.evaluate(volume, self.objective.mask, candidate.response)
            candidate.residual, candidate.response = look.residual, look.response
        return sorted(candidates, key=lambda candidate: candidate.residual)

    def _share(self, number: int, total: int, until: float) -> float:
        """Deadline of piece ``number`` of ``total`` equal ones that together may last to a part of the budget."""
        if np.isinf(self.deadline):
            return np.inf
        now = time.monotonic()
        end = self.begun + until * (self.deadline - self.begun)
        return now + max(end - now, 0) / (total - number)

    def _descend(self, candidate: Candidate, stage: Stage, deadline: float) -> None:
        def on_step(current: Candidate, residual: float) -> None:
            self.report(
                {
                    "seconds": time.monotonic() - self.begun,
                    "simulations": self.objective.n_evaluations,
                    "start": current.label,
                    "grid": stage.grid,
                    "residual": residual,
                }
            )

        descend(self.model, candidate, self.objective, stage, deadline=deadline, on_step=on_step)
