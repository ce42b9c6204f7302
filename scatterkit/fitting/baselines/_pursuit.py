"""One search for one pattern: looks at bodies, what they may cost, the best so far, and its way."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.fitting._pattern_fitter import FittedPattern
from scatterkit.fitting._planes import Floats, centred, with_box
from scatterkit.fitting.baselines._scattering import Scattering
from scatterkit.response import DetectorResponse, fit_response
from scatterkit.solids import Solid

LOG_EPS = np.log(10.0) * np.array([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0])
"""Where eps is looked for first, in units of the median intensity."""

STEP = 0.25 * math.log(10.0)
"""Step of the finer search for eps, which a parabola ends."""

FEWEST_POINTS = 200
"""No look at fewer points than this, whatever the q limit."""

NOTED = 0.98
"""An improvement enters the record where the residual falls below this part of the last one noted."""

PASSES = 2
"""How often pixels that turn out to be clipped are left out of gain and offset."""

FINISHING = 0.05
"""Part of the time budget that is kept for judging the best bodies on all pixels."""

N_JUDGED = 5
"""Bodies that are judged at the end, at most."""

REFITTED = 0.7
"""The whole response is fitted again where the residual falls below this part of the one it was fitted at."""

Planes = tuple[Floats, Floats]


class BudgetSpentError(Exception):
    """Raised in place of the simulation that would have been too much."""


@dataclass
class Improvement:
    """A body that was better than all before it."""

    seconds: float
    simulations: int
    residual: float
    planes: Planes
    label: str

    def entry(self, limit: float) -> dict[str, Any]:
        """Give the improvement as an entry of a fitter's history."""
        return {
            "seconds": self.seconds,
            "simulations": self.simulations,
            "start": self.label,
            "residual": self.residual,
            "solid": solid_of(self.planes, limit),
        }


@dataclass
class Labelled:
    """The best body of a label, and the response that its residual was taken with."""

    residual: float
    planes: Planes
    response: DetectorResponse | None


def solid_of(planes: Planes, limit: float, name: str | None = None) -> Solid:
    """Give the body of half-spaces, clipped to the cube of a half width and put into the middle of the box."""
    return centred(Solid.from_halfspaces(*with_box(*planes, limit), name))


class Pursuit:
    """The residual of bodies against one pattern, within a budget of time and simulations.

    A look simulates a body at some of the measured pixels and finds gain, offset and eps that bring it closest;
    saturation and the shift of the centre are those of the last fit of the whole response, which is made anew on
    all pixels when the residual has fallen a good way.

    Parameters
    ----------
    scattering : Scattering
        How bodies scatter.
    pattern, mask : ndarray of shape (rows, columns)
        What was measured, and where.
    max_shift : float [pixel]
        Largest shift of the pattern's centre.
    n_pixels : int
        Number of pixels that are looked at, drawn once.
    time_budget : float [s]
        Time for the search, from now on.
    max_simulations : int or None
        Number of simulated patterns that end it.
    rng : numpy.random.Generator
        Draws the pixels.
    on_look : callable
        Called with the pursuit after every simulation.
    """

    def __init__(
        self,
        scattering: Scattering,
        pattern: NDArray[np.float32],
        mask: NDArray[np.bool_],
        *,
        max_shift: float,
        n_pixels: int,
        time_budget: float,
        max_simulations: int | None,
        rng: np.random.Generator,
        on_look: Callable[[Pursuit], None] = lambda pursuit: None,
    ) -> None:
        self.begun = time.monotonic()
        self.end = self.begun + time_budget
        self.deadline = self.end - FINISHING * time_budget
        self.max_simulations = math.inf if max_simulations is None else max_simulations
        self.scattering, self.pattern, self.mask, self.max_shift = scattering, pattern, mask, max_shift
        self.on_look, self.simulations = on_look, 0
        measured = np.flatnonzero(mask)
        chosen = rng.choice(measured, min(n_pixels, measured.size), replace=False)
        chosen = chosen[np.argsort(scattering.q.ravel()[chosen], kind="stable")]
        self.pixels = np.stack(np.unravel_index(chosen, mask.shape), axis=1).astype(np.float64)
        self.target = pattern.ravel()[chosen].astype(np.float64)
        self.q = scattering.q.ravel()[chosen]
        self.response: DetectorResponse | None = None
        self.fitted_at = math.inf
        self.points = scattering.at(self.pixels)
        self.improvements: list[Improvement] = []
        self.best: Improvement | None = None
        self.by_label: dict[str, Labelled] = {}

    def residual(self, normals: Floats, offsets: Floats, *, q_limit: float = 1.0, label: str = "") -> float:
        """Give the mean squared difference of a body's pattern, below a fraction of the largest measured q.

        A look at all q is remembered where it is the best so far. The first look is at all q.

        Raises
        ------
        BudgetSpentError
            If time or simulations are used up.
        """
        n = self._count_within(q_limit)
        if self.best is None and n < self.target.size:  # so that there is a body, whenever the search ends
            self.residual(normals, offsets, label=label)
        self.spend()
        intensity = self.points.intensity(normals, offsets, n)
        return self._noted(self._compared(intensity, n)[0], intensity, (normals, offsets), label)

    def gradient(
        self, normals: Floats, offsets: Floats, *, q_limit: float = 1.0, label: str = ""
    ) -> tuple[float, Floats, Floats]:
        """Give the residual as `residual` does, and its gradient by normals ``(k, 3)`` and offsets ``(k,)``."""
        n = self._count_within(q_limit)
        if self.best is None:
            self.residual(normals, offsets, label=label)
        self.spend()
        intensity, pullback = self.points.look(normals, offsets, n)
        value, log_eps = self._compared(intensity, n)
        by_intensity = _slope(intensity, self.target[:n], log_eps, self._saturation())
        return (self._noted(value, intensity, (normals, offsets), label), *pullback(by_intensity))

    def _noted(self, value: float, intensity: Floats, planes: Planes, label: str) -> float:
        self.on_look(self)
        is_body = intensity.size == self.target.size and intensity.any()
        if is_body and (self.best is None or value < self.best.residual):
            value = self._remember(value, planes, label)
        if is_body and (label not in self.by_label or value < self.best_of(label).residual):
            kept = (np.array(planes[0]), np.array(planes[1]))
            self.by_label[label] = Labelled(value, kept, self.response)
        return value

    def best_of(self, label: str) -> Labelled:
        """Give the best body of a label, its residual with the present response."""
        found = self.by_label[label]
        if found.response is not self.response:
            intensity = self.points.intensity(*found.planes, self.target.size)
            found.residual, found.response = self._compared(intensity, self.target.size)[0], self.response
        return found

    def spend(self) -> None:
        """Count one simulation; the first one is always allowed, so that there is a body."""
        over = self.simulations >= self.max_simulations or time.monotonic() > self.deadline
        if over and self.simulations > 0:
            raise BudgetSpentError
        self.simulations += 1

    def judge(self, planes: Planes, start: DetectorResponse | None = None) -> tuple[float, DetectorResponse]:
        """Give residual and response of a body from all measured pixels."""
        picture = self.scattering.picture(*planes)
        response, residual = fit_response(
            self.pattern, picture, self.mask, max_shift=self.max_shift, start=start
        )
        return residual, response

    def finished(self, named: dict[str, Planes] | None = None, *, interrupted: bool = False) -> FittedPattern:
        """Judge the best body anew on all pixels, and others by name while there is time; give them in order."""
        if self.best is None:
            raise KeyboardInterrupt if interrupted else RuntimeError("No light gets to the measured pixels.")
        limit = self.scattering.limit
        found: list[tuple[float, Solid, DetectorResponse]] = []
        best = self.best
        bodies = [(best.label, best.planes)]
        # a label's best body may be another one than the best of all, which had the same label before a refit
        bodies += [
            item for item in (named or {}).items() if item[0] != best.label or not _same(item[1], best.planes)
        ]
        for name, planes in bodies[:N_JUDGED]:
            if found and (interrupted or time.monotonic() > self.end):
                break
            residual, response = self.judge(planes, self.response)
            found.append((residual, solid_of(planes, limit, name or None), response))
        found.sort(key=lambda item: item[0])
        residual, solid, response = found[0]
        if self.improvements[-1] is not best:
            self.improvements.append(best)
        return FittedPattern(
            solid=solid,
            response=response,
            residual=residual,
            candidates=[(value, body) for value, body, _ in found],
            history=[improvement.entry(limit) for improvement in self.improvements],
            simulations=self.simulations,
            interrupted=interrupted,
        )

    def _remember(self, value: float, planes: Planes, label: str) -> float:
        if value < REFITTED * self.fitted_at:
            value = self._refitted(value, planes)
            if self.best is not None and value >= self.best.residual:
                return value
        seconds = time.monotonic() - self.begun
        kept = (np.array(planes[0]), np.array(planes[1]))
        self.best = Improvement(seconds, self.simulations, value, kept, label)
        if not self.improvements or value < NOTED * self.improvements[-1].residual:
            self.improvements.append(self.best)
        return value

    def _refitted(self, value: float, planes: Planes) -> float:
        """Fit the whole response anew; where that moves the centre, compare bodies there from now on."""
        _, response = self.judge(planes, self.response)
        before = self.response
        self.response, self.fitted_at = response, value
        self.points = self.scattering.at(self.pixels - np.asarray(response.shift))
        again, _ = self._compared(self.points.intensity(*planes, self.target.size), self.target.size)
        if again > value:  # the rest of the pixels did not speak for it
            self.response = before
            self.points = self.scattering.at(self.pixels - self._shift())
            return value
        if self.best is not None:
            others = self.points.intensity(*self.best.planes, self.target.size)
            self.best.residual, _ = self._compared(others, self.target.size)
        return again

    def _shift(self) -> Floats:
        return np.zeros(2) if self.response is None else np.asarray(self.response.shift)

    def _count_within(self, q_limit: float) -> int:
        if q_limit >= 1:
            return self.target.size
        within = int(np.searchsorted(self.q, q_limit * self.q[-1], side="right"))
        return min(max(within, FEWEST_POINTS), self.target.size)

    def _saturation(self) -> float:
        return math.inf if self.response is None else self.response.saturation

    def _compared(self, intensity: Floats, n: int) -> tuple[float, float]:
        """Give the smallest mean squared difference over all eps, and the logarithm of that eps."""
        target, saturation = self.target[:n], self._saturation()
        positive = intensity[intensity > 0]
        if positive.size == 0:
            return float(target.var()), 0.0
        log_eps = math.log(float(np.median(positive))) + LOG_EPS
        near = log_eps[np.argmin(_costs(intensity, target, log_eps, saturation))] + STEP * np.arange(-2, 3)
        costs = _costs(intensity, target, near, saturation)
        i = int(np.clip(np.argmin(costs), 1, 3))
        left, centre, right = costs[i - 1 : i + 2]
        bend = max(left - 2 * centre + right, 1e-300)
        vertex = near[i] + STEP * float(np.clip(0.5 * (left - right) / bend, -1, 1))
        cost = float(_costs(intensity, target, np.array([vertex]), saturation)[0])
        lowest = int(np.argmin(costs))
        return min((cost, vertex), (float(costs[lowest]), float(near[lowest])))


def _same(one: Planes, other: Planes) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _costs(intensity: Floats, target: Floats, log_eps: Floats, saturation: float) -> Floats:
    """Mean squared differences for each eps, gain and offset in closed form over the pixels that are not clipped."""
    log = np.log(intensity + np.exp(log_eps)[:, None])
    gain, offset = _line(log, target, saturation)
    model = np.clip(gain[:, None] * log + offset[:, None], 0, saturation)
    return np.asarray(((model - target) ** 2).mean(axis=1))


def _line(log: Floats, target: Floats, saturation: float) -> tuple[Floats, Floats]:
    """Gain and offset of least squares for each row, over the pixels at which the row is not clipped then."""
    unclipped = (target > 0) & (target < saturation)
    gain, offset = _weighted_line(log, target, np.broadcast_to(unclipped, log.shape).astype(np.float64))
    for _ in range(PASSES):
        linear = gain[:, None] * log + offset[:, None]
        weights = ((linear > 0) & (linear < saturation)).astype(np.float64)
        gain, offset = _weighted_line(log, target, weights)
    return gain, offset


def _weighted_line(log: Floats, target: Floats, weights: Floats) -> tuple[Floats, Floats]:
    weights = weights + 1e-9  # where all are clipped, none is
    total = weights.sum(axis=1)
    x_mean = np.einsum("ij,ij->i", weights, log) / total
    y_mean = weights @ target / total
    spread = log - x_mean[:, None]
    weights *= spread
    variance = np.einsum("ij,ij->i", weights, spread) / total
    gain = np.maximum(weights @ target / total, 0) / np.maximum(variance, 1e-12)
    return gain, y_mean - gain * x_mean


def _slope(intensity: Floats, target: Floats, log_eps: float, saturation: float) -> Floats:
    """Derivative of the mean squared difference by the intensity; at its optimum the response feels no change."""
    raised = intensity + math.exp(log_eps)
    log = np.log(raised)
    (gain,), (offset,) = _line(log[None], target, saturation)
    linear = gain * log + offset
    passed = (linear > 0) & (linear < saturation)
    error = np.clip(linear, 0, saturation) - target
    return np.asarray(2 / target.size * error * passed * gain / raised)
