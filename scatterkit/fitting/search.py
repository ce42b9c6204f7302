"""The search for a body: many coarse starts, the best few refined, the best kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

import numpy as np

from scatterkit.fitting._planes import Floats, box_limit
from scatterkit.fitting.descent import Candidate, Stage, descend, occupancy_of
from scatterkit.fitting.models import BodyModel
from scatterkit.fitting.models._merging import MERGE_TOLERANCE
from scatterkit.fitting.objective import PatternObjective
from scatterkit.simulation.kernels.threads import numba_threads, single_blas_thread

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
    polish : Stage
        What the best body goes through each time two of its faces are tried as one.
    """

    screening: Stage
    refinement: tuple[Stage, ...]
    n_screened: int
    n_kept: int
    polish: Stage

    @property
    def n_steps(self) -> int:
        """Steps of a whole search, but for those that merge faces."""
        refinement = sum(stage.n_steps for stage in self.refinement)
        return self.n_screened * self.screening.n_steps + self.n_kept * refinement


def default_schedule(model: BodyModel, grid: int, n_steps: int, n_kept: int, n_starts: int) -> Schedule:
    """Give the schedule for a body model; a body with few numbers needs few steps.

    The stages work on a coarser grid first, from low q to high: from a sphere of the right size, a fit with all
    q from the beginning sticks.
    """
    free = model.grows_from_spheres
    coarse = max(8, 3 * grid // 4)
    first = round(n_steps * (0.3 if free else 0.15))
    second = round(n_steps * 0.35)
    return Schedule(
        screening=Stage(coarse, 1.2, (0.2 if free else 0.4, 0.65), (1.0, 1.0), first),
        refinement=(
            Stage(grid, 1.2, (0.6, 1.0), (1.0, 0.6), second),
            Stage(grid, 1.0, (1.0, 1.0), (0.6, 0.03), n_steps - first - second),
        ),
        n_screened=n_starts if free else 3 * n_starts,  # orientations have many more local minima
        n_kept=n_kept,
        polish=Stage(grid, 1.0, (1.0, 1.0), (0.5, 0.05), max(n_steps // 10, 10)),
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
        When to stop; steps that do not fit are left out of every stage alike, so that the search ends in order.
    n_jobs : int
        Bodies followed at once, each on one thread; with 1 a body may use all threads.
    report : callable
        Called with a dict after every step, by one thread at a time.
    """

    def __init__(
        self,
        model: BodyModel,
        objective: PatternObjective,
        schedule: Schedule,
        *,
        time_budget: float | None,
        n_jobs: int,
        report: Report,
    ) -> None:
        self.model, self.objective, self.schedule = model, objective, schedule
        self.n_jobs, self.report = n_jobs, report
        self.begun = time.monotonic()
        self.deadline = np.inf if time_budget is None else self.begun + time_budget
        self.cancelled, self.lock = Event(), Lock()
        self.limit, self.n_steps = box_limit(objective.simulator.box), schedule.n_steps
        self.in_hand: list[Candidate] = []

    def run(self, radii: Floats, rng: np.random.Generator) -> list[Candidate]:
        """Give the refined candidates, best first."""
        candidates = self._rank_starts(radii, rng)
        self._descend_all(candidates, (self.schedule.screening,), until=0.5)
        candidates = self._ranked(candidates, self.schedule.screening)
        self.in_hand = candidates[: self.schedule.n_kept]
        self._descend_all(self.in_hand, self.schedule.refinement, until=0.75)
        self.in_hand = self._ranked(self.in_hand, self.schedule.refinement[-1])
        self._simplify()
        return self.in_hand

    def best_in_hand(self) -> list[Candidate]:
        """Give the best candidates so far, as many as are refined; none that was not looked at."""
        seen = [candidate for candidate in self.in_hand if math.isfinite(candidate.residual)]
        return sorted(seen, key=lambda candidate: candidate.residual)[: self.schedule.n_kept]

    def _simplify(self) -> None:
        """Merge faces of the first body in hand as long as that costs no more than the tolerance."""
        polish, best = self.schedule.polish, self.in_hand[0]
        allowed = (1 + MERGE_TOLERANCE) * best.residual
        trials = iter(self.model.simpler(best.point, self.limit))
        while (point := next(trials, None)) is not None and time.monotonic() < self.deadline:
            self.n_steps += polish.n_steps
            trial = Candidate(point, best.label, response=best.response, merged=True)
            self._descend(trial, polish, self.deadline)
            self._ranked([trial], polish)
            if trial.residual <= allowed:
                self.in_hand[0] = best = trial
                trials = iter(self.model.simpler(best.point, self.limit))

    def _rank_starts(self, radii: Floats, rng: np.random.Generator) -> list[Candidate]:
        points = self.model.starts(radii, rng)
        labels = [f"start {number + 1}" for number in range(len(points))]
        still = np.zeros_like(self.model.rates(points[0]))
        # a step of zero lets the model bring a start that is too large into the box
        points = [self.model.move(point, still, self.limit) for point in points]
        self.in_hand = candidates = [
            Candidate(point, label) for point, label in zip(points, labels, strict=True)
        ]
        if len(candidates) <= self.schedule.n_screened:
            return candidates
        return self._ranked(candidates, self.schedule.screening, until=0.2)[: self.schedule.n_screened]

    def _ranked(self, candidates: list[Candidate], stage: Stage, until: float = np.inf) -> list[Candidate]:
        """Sort candidates by their residual over the whole mask; those not looked at in time come last."""
        deadline = self._deadline(until)

        def look(candidate: Candidate) -> None:
            if self.cancelled.is_set():  # what was known before is known still
                return
            if time.monotonic() > deadline and candidate is not candidates[0]:
                candidate.residual = np.inf
                return
            volume = occupancy_of(self.model, candidate.point, stage, self.objective.simulator.box)
            if not volume.any():
                candidate.residual = np.inf
                return
            found = self.objective.evaluate(volume, self.objective.mask, candidate.response)
            candidate.residual, candidate.response = found.residual, found.response

        self._each(look, candidates)
        return sorted(candidates, key=lambda candidate: candidate.residual)

    def _descend_all(self, candidates: list[Candidate], stages: tuple[Stage, ...], until: float) -> None:
        """Take every candidate through some stages, which together may last to a part of the time budget."""
        end = self._deadline(until)
        rounds = math.ceil(len(candidates) / self.n_jobs)
        seconds = max(end - time.monotonic(), 0) / (rounds * len(stages))

        def follow(candidate: Candidate) -> None:
            for stage in stages:
                self._descend(candidate, stage, time.monotonic() + seconds)

        self._each(follow, candidates)

    def _deadline(self, until: float) -> float:
        """When a part of the time budget is over."""
        if np.isinf(self.deadline) or np.isinf(until):
            return np.inf
        return self.begun + until * (self.deadline - self.begun)

    def _each(self, work: Callable[[Candidate], None], candidates: list[Candidate]) -> None:
        """Do a piece of work for each candidate, several at a time."""
        if self.n_jobs == 1:
            for candidate in candidates:
                work(candidate)
            return

        def on_one_thread(candidate: Candidate) -> None:
            with numba_threads(1):
                work(candidate)

        with single_blas_thread(), ThreadPoolExecutor(self.n_jobs) as pool:
            try:
                list(pool.map(on_one_thread, candidates))
            except BaseException:
                self.cancelled.set()
                raise

    def _descend(self, candidate: Candidate, stage: Stage, deadline: float) -> None:
        def on_step(current: Candidate) -> None:
            entry = {
                "seconds": time.monotonic() - self.begun,
                "simulations": self.objective.n_evaluations,
                "start": current.label,
                "grid": stage.grid,
                "residual": current.residual,
            }
            with self.lock:
                self.report(entry)

        descend(
            self.model,
            candidate,
            self.objective,
            stage,
            deadline=deadline,
            cancelled=self.cancelled,
            on_step=on_step,
        )
