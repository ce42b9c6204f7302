"""The search for a body made of half-spaces: many starts from the pattern itself, followed from low q to high."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any, NamedTuple

import numpy as np

from scatterkit.fitting._planes import Floats, box_limit
from scatterkit.fitting.facet_objective import FacetObjective, Integers
from scatterkit.fitting.facet_schedule import FacetSchedule, Proposals, Start
from scatterkit.fitting.levenberg import Levenberg, Trial
from scatterkit.fitting.models import PlaneModel
from scatterkit.fitting.models._merging import MERGE_TOLERANCE
from scatterkit.response import DetectorResponse
from scatterkit.simulation.facets import corners_of
from scatterkit.simulation.kernels.threads import single_blas_thread

Report = Callable[[dict[str, Any]], None]
Choose = Callable[[Trial], Integers]

HIDDEN, BEYOND_HOLE = 1.25, 3.0
"""Where a hole hides that, about, it begins with this much more beyond, about one fringe: less fits any blob."""
CENTRED = 1.9
"""Up to this q limit in units of its first, a start's centre is held: few fringes do not tell it from a slant."""
SHALLOW, DEEP = 5.0, 12.0
"""Decay lengths of the field beyond which depths are left out, on the way and in the end."""
SPARE = 0.25
"""Room behind the last lit point, in units of the body's width: a back that reaches twice as far is cut off there."""
SWOLLEN = 2.5
"""Factor of its width by which a start is hardly ever wrong."""
FEW, FEWEST = 3, 100
"""So few pixels within a hole do not show what is in it; a descent begins with so many at least, where there are."""
GROWING, REFINING = 0.65, 0.9
"""Parts of a time budget after which starts grow no more, and after which none is refined: the rest merges faces."""


@dataclass(frozen=True)
class Found:
    """A body that a search ended at; with the deviance per pixel where it was refined by photon counts.

    Faces of it may have been ``merged``, for which its residual was let grow.
    """

    point: Floats
    label: str
    residual: float
    response: DetectorResponse
    deviance: float = math.nan
    merged: bool = False


class _Seen(NamedTuple):
    """Of the pixels about a centre: the least q, but for a few; that up to which there are enough; the largest."""

    hole: float
    enough: float
    most: float


class FacetSearch:
    """One search for one pattern.

    Parameters
    ----------
    model : PlaneModel
        What bodies may be.
    objective : FacetObjective
        What they are compared with.
    schedule : FacetSchedule
        How many steps go where.
    time_budget : float or None [s]
        When to end.
    n_jobs : int
        Bodies followed at once, each on one thread.
    report : callable
        Called with a dict after every descent, by one thread at a time.
    """

    def __init__(
        self,
        model: PlaneModel,
        objective: FacetObjective,
        schedule: FacetSchedule,
        *,
        time_budget: float | None,
        n_jobs: int,
        report: Report,
    ) -> None:
        self.model, self.objective, self.schedule = model, objective, schedule
        self.limit = box_limit(objective.simulator.box)
        self.levenberg = Levenberg(model, objective, self.limit)
        self.n_jobs, self.report = n_jobs, report
        self.begun = time.monotonic()
        self.deadline = math.inf if time_budget is None else self.begun + time_budget
        self.stage = (self.begun, self.deadline)
        self.cancelled, self.lock = Event(), Lock()
        self.found: list[Found] = []
        self.in_hand: list[Trial] = []
        self.seen: dict[tuple[float, float], _Seen] = {}

    def run(
        self,
        draw: Callable[[int], Sequence[Start]],
        rng: np.random.Generator,
        proposals: Proposals | None = None,
    ) -> list[Found]:
        """Give the refined bodies, best first; ``draw`` gives so many starts, or more.

        Where proposals leave no more than what is good enough, or no time, nothing is drawn.
        """
        own = self.schedule
        if proposals is not None:
            self.schedule, self.stage = proposals.schedule, (self.begun, self._until(proposals.part))
            try:
                self._round(proposals.starts, "proposal", rng)
            except ValueError:
                if not own.n_rounds:
                    raise
            self.schedule, self.stage = own, (time.monotonic(), self.deadline)
            if self._is_good() or time.monotonic() > self.deadline:
                return self._simplified()
        for number in range(own.n_rounds):
            begun = time.monotonic()
            self._round(draw(own.n_starts), f"round {number + 1}, start", rng)
            took = time.monotonic() - begun
            if self._is_good() or time.monotonic() + took > self.deadline:
                break
        return self._simplified()

    def _round(self, starts: Sequence[Start], label: str, rng: np.random.Generator) -> None:
        """Follow starts to their ends."""
        trials = [self._trial(start, f"{label} {i}") for i, start in enumerate(self._with_inside(starts), 1)]
        try:
            self._finish(self._grow(self._ranked(trials, rng), rng))
        except KeyboardInterrupt:
            self._save()
            raise
        if not self.found:
            raise ValueError(f"no start of {self.model!r} gave a body with a pattern")

    def _is_good(self) -> bool:
        return bool(self.found) and self.found[0].residual <= self.schedule.good_enough

    def _save(self) -> None:
        """Keep the best body on its way, where nothing is finished."""
        if not self.found and self.in_hand:
            self._keep(min(self.in_hand, key=self._rank))

    def _until(self, part: float) -> float:
        """Give when a part of the time for the rounds in hand is over."""
        begun, end = self.stage
        return end if math.isinf(end) else begun + part * (end - begun)

    def _trial(self, start: Start, label: str) -> Trial:
        point, center = start
        if self.objective.max_shift == 0:
            return Trial(point, label)
        return Trial(point, label, np.array([0.0, 0.0, 0.0, *center]), center=center)

    def _with_inside(self, starts: Sequence[Start]) -> list[Start]:
        """Leave out starts whose half-spaces have nothing in common in the box."""
        kept = [start for start in starts if len(corners_of(*self.levenberg.planes(start[0]))[0])]
        if not kept:
            raise ValueError(f"no start of {self.model!r} has a body with an inside in the box")
        return kept

    def _ranked(self, trials: list[Trial], rng: np.random.Generator) -> list[Trial]:
        """Of more starts than are followed, take those whose patterns come closest over the first fringes."""
        if len(trials) <= self.schedule.n_starts:
            return trials
        radius = float(np.median([self._radius(trial) for trial in trials]))
        q = 2 * max(self._begin(trial.center, max(radius, 1e-9)) for trial in trials)
        pixels = self._pixels(trials, q, self.schedule.n_pixels // 2, rng)
        for trial in trials:
            self.levenberg.descend(trial, pixels(trial), 0, free=False, darkest=SHALLOW)
        return sorted(trials, key=lambda trial: trial.unexplained)[: self.schedule.n_starts]

    def _seen_from(self, center: tuple[float, float]) -> _Seen:
        """Give what q are seen about a centre."""
        if center not in self.seen:
            in_order = np.sort(self.objective.q_under(center))
            hole, enough = (float(in_order[min(n, in_order.size) - 1]) for n in (FEW, FEWEST))
            self.seen[center] = _Seen(hole, enough, float(in_order[-1]))
        return self.seen[center]

    def _begin(self, center: tuple[float, float], radius: float) -> float:
        """Give the q limit that a start of some radius begins at: where a hole hides the first fringe, beyond it."""
        seen = self._seen_from(center)
        if seen.hole * radius <= HIDDEN:
            return max(self.schedule.begin / radius, seen.enough)
        # a few limits are left to grow through
        return max(min(seen.enough + BEYOND_HOLE / radius, seen.most / self.schedule.growth**3), seen.enough)

    def _pixels(self, trials: Sequence[Trial], q: float, at_most: int, rng: np.random.Generator) -> Choose:
        """Give the pixels up to a q, about each trial's own centre, and never too few."""
        chosen = {}
        for center in dict.fromkeys(trial.center for trial in trials):
            limit = max(q, self._seen_from(center).enough)
            chosen[center] = self.objective.within(limit, at_most, rng, center)
        return lambda trial: chosen[trial.center]

    def _grow(self, trials: list[Trial], rng: np.random.Generator) -> list[Trial]:
        """Follow starts to higher and higher q, the best of them further than the others."""
        radii = [max(self._radius(trial), 1e-3 * self.limit) for trial in trials]
        self.objective.expect(float(np.median(radii)))
        for trial, radius in zip(trials, radii, strict=True):
            trial.width, trial.first_q = radius, self._begin(trial.center, radius)
        q = min(trial.first_q for trial in trials)
        typical = float(np.median([trial.first_q for trial in trials]))
        self.in_hand = trials
        until = self._until(GROWING)
        while q < self.objective.q_max and time.monotonic() < until:
            ready = [trial for trial in trials if trial.first_q <= q * self.schedule.growth]
            pixels = self._pixels(ready, q, self.schedule.n_pixels, rng)
            self._descend(ready, pixels, free=False, darkest=SHALLOW, until=until, q=q)
            if len(ready) == len(trials):
                trials = sorted(trials, key=self._rank)[: self.schedule.n_followed(q / typical)]
                self.in_hand = trials
            q *= self.schedule.growth
        return sorted(trials, key=self._rank)[: self.schedule.n_followed(math.inf)]

    def _rank(self, trial: Trial) -> tuple[bool, float]:
        """Sort by what is left unexplained, after those that shrank or swelled beyond belief, which explain a blob."""
        return not 1 / SWOLLEN < self._radius(trial) / trial.width < SWOLLEN, trial.unexplained

    def _finish(self, trials: list[Trial]) -> None:
        """Refine the best of a round on all pixels, the response with them."""
        pixels = np.arange(self.objective.q.size)
        few = pixels[:: max(1, pixels.size // (2 * self.schedule.n_pixels))]
        until = self._until(REFINING)
        self._descend(trials, few, free=True, darkest=SHALLOW, until=until)
        trials = sorted(trials, key=self._rank)[: self.schedule.n_finished]
        self._descend(trials, pixels, free=True, darkest=DEEP, until=until)
        # the last descent may have turned the order: where time is over, the best one is kept
        for number, trial in enumerate(sorted(trials, key=self._rank)):
            if number == 0 or time.monotonic() < self.deadline:
                self._keep(trial)

    def _keep(self, trial: Trial) -> None:
        if np.isfinite(trial.residual):
            self.found.append(self._judged(trial))
            self.found.sort(key=lambda found: found.residual)

    def _judged(self, trial: Trial) -> Found:
        """Judge a body, its back cut off only where the pattern has nothing against that."""
        verdicts = []
        for spare in (SPARE, math.inf):
            body = replace(trial)
            self._recentre(body, spare)
            response, residual = self.objective.judged(self.levenberg.planes(body.point), trial.response)
            verdicts.append(Found(body.point, trial.label, residual, response))
        short, whole = verdicts
        return short if short.residual <= (1 + MERGE_TOLERANCE) * whole.residual else whole

    def _simplified(self) -> list[Found]:
        """Merge faces of the best body as long as that costs no more than the tolerance."""
        best = self.found[0]
        if time.monotonic() > self.deadline:
            return self.found
        pixels = np.arange(self.objective.q.size)[:: max(1, self.objective.q.size // 4000)]
        trial = self._from(best)
        self._descend([trial], pixels, free=True, darkest=SHALLOW)
        allowed, merged = (1 + MERGE_TOLERANCE) * trial.residual, False
        tried = iter(self.model.simpler(trial.point, self.limit))
        while (point := next(tried, None)) is not None and time.monotonic() < self.deadline:
            other = Trial(point, best.label, response=trial.response)
            self._descend([other], pixels, free=True, darkest=SHALLOW, until=self.deadline)
            if other.residual <= allowed:
                trial, merged = other, True
                tried = iter(self.model.simpler(trial.point, self.limit))
        if merged:
            pixels = np.arange(self.objective.q.size)
            self._descend([trial], pixels, free=True, darkest=DEEP, until=self.deadline)
            self.found[0] = replace(self._judged(trial), merged=True)
        return self.found

    def _from(self, found: Found) -> Trial:
        r = found.response
        response = np.array([math.log(r.eps), r.gain, r.offset, *r.shift])
        return Trial(found.point, found.label, response=response)

    def _radius(self, trial: Trial) -> float:
        corners, _ = corners_of(*self.levenberg.planes(trial.point))
        return float(np.sqrt(np.prod(np.ptp(corners[:, :2], axis=0)))) / 2 if len(corners) else 0.0

    def _recentre(self, trial: Trial, room: float = SPARE) -> None:
        """Shift a body to the middle of the box, which changes no intensity, and cut a back that is out of sight."""
        normals, offsets = self.levenberg.planes(trial.point)
        corners, faces = corners_of(normals, offsets)
        if not len(corners):
            return
        first, last = corners.min(axis=0), corners.max(axis=0)
        spare = room * math.sqrt((last[0] - first[0]) * (last[1] - first[1]))
        lit_to = corners[normals[faces, 2] < 0, 2].max(initial=first[2])
        longest = first[2] + 2 * self.limit
        if last[2] > min(lit_to + 2 * spare, longest):
            trial.point = self.model.with_short_back(trial.point, min(lit_to + spare, longest))
            corners, _ = corners_of(*self.levenberg.planes(trial.point))
            first, last = corners.min(axis=0), corners.max(axis=0)
        trial.point = self.model.recentred(trial.point, -(first + last) / 2)

    def _descend(
        self,
        trials: list[Trial],
        pixels: Integers | Choose,
        *,
        free: bool,
        darkest: float,
        until: float = math.inf,
        q: float = math.inf,
    ) -> None:
        """Take trials through the steps of one q limit, several at a time; the first of them beyond ``until`` too."""

        def follow(trial: Trial) -> None:
            if self.cancelled.is_set() or (time.monotonic() > until and trial is not trials[0]):
                return
            self._recentre(trial)
            chosen = pixels(trial) if callable(pixels) else pixels
            held = q <= CENTRED * trial.first_q
            self.levenberg.descend(
                trial, chosen, self.schedule.n_steps, free=free, darkest=darkest, until=until, centred=held
            )
            entry = {
                "seconds": time.monotonic() - self.begun,
                "simulations": self.objective.n_evaluations,
                "start": trial.label,
                "q": min(float(self.objective.q_under(trial.center)[chosen].max()), self.objective.q_max),
                "residual": trial.residual,
            }
            with self.lock:
                self.report(entry)

        if self.n_jobs == 1:
            for trial in trials:
                follow(trial)
            return
        with single_blas_thread(), ThreadPoolExecutor(self.n_jobs) as pool:
            try:
                list(pool.map(follow, trials))
            except BaseException:
                self.cancelled.set()
                raise
