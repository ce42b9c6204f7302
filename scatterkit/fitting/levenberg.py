"""Levenberg-Marquardt descent of a body made of half-spaces, on its exact pattern."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from scatterkit.fitting._planes import Floats, with_box
from scatterkit.fitting.facet_objective import RESPONSE_STEPS, FacetObjective, Integers, PixelLook
from scatterkit.fitting.models import PlaneModel

LONGEST = 16.0
"""Largest step along any direction, in units of the model's own steps."""
FAR = 3.0
"""How much further away the cube's sides across the beam are while a body is fitted: a search recentres it."""
TRIES = 6
"""Dampings that are tried for a step."""


@dataclass
class Trial:
    """A body on its way: the model's point, the response it was last seen under, and what came of it.

    ``first_q`` and ``width`` are the q limit it began at and half its width in nm then, ``center`` the shift.
    ``unexplained`` is the residual in units of the variance of what was measured there.
    """

    point: Floats
    label: str
    response: Floats | None = None
    residual: float = np.inf
    damping: float = 1e-2
    first_q: float = 0.0
    width: float = 1.0
    center: tuple[float, float] = (0.0, 0.0)
    unexplained: float = np.inf


@dataclass(frozen=True)
class _System:
    """The normal equations in steps of the model, then of the response."""

    matrix: Floats
    gradient: Floats
    n_body: int

    def step(self, damping: float) -> Floats | None:
        """Give the damped step, its length limited."""
        diagonal = np.diag(self.matrix).copy()
        # alike in all steps of the body, in the model's own units: damping each by its own weight, as usual, lets
        # numbers that hardly show in the pattern run away
        diagonal[: self.n_body] = diagonal[: self.n_body].mean()
        lift = np.diag(damping * diagonal + 1e-14)
        try:
            step: Floats = -cho_solve(cho_factor(self.matrix + lift), self.gradient)
        except (LinAlgError, ValueError):
            return None
        longest = float(np.abs(step[: self.n_body]).max())
        return step * min(1.0, LONGEST / longest) if longest > 0 else step


class Levenberg:
    """Damped least squares over the numbers of a model and the detector's response.

    Parameters
    ----------
    model : PlaneModel
        What bodies may be.
    objective : FacetObjective
        What they are compared with.
    limit : float [nm]
        Half width of the cube that bodies stay in.

    References
    ----------
    D. W. Marquardt, J. Soc. Indust. Appl. Math. 11, 431 (1963).
    """

    def __init__(self, model: PlaneModel, objective: FacetObjective, limit: float) -> None:
        self.model, self.objective, self.limit = model, objective, limit

    def planes(self, point: Floats) -> tuple[Floats, Floats]:
        """Give the half-spaces of a point, with those of the cube, which is longer along the beam."""
        normals, offsets = with_box(*self.model.planes(point), self.limit)
        offsets[[-4, -1]] *= FAR  # of x, y, z, -x, -y, -z
        return normals, offsets

    def descend(
        self,
        trial: Trial,
        pixels: Integers,
        n_steps: int,
        *,
        free: bool,
        darkest: float,
        tolerance: float = 1e-4,
        until: float = math.inf,
        centred: bool = False,
    ) -> None:
        """Move a trial down the residual on some pixels; it is changed in place.

        With ``free``, the response is fitted along; else it is matched to the pattern's mean and spread at every
        step, but for the shift; with ``centred``, the shift is held. Ends where a step gains less than a fraction
        ``tolerance`` of the residual, and at ``until``, a value of ``time.monotonic()``.
        """
        eps: float | None = None
        # far from the body most pixels are off: there a loss that hardly counts these leads nowhere
        scale = self.objective.scale if free else math.inf
        known = trial.response is not None and trial.response[1] > 0
        start = trial.response if free and known else None
        if start is None and trial.response is not None and self.objective.max_shift > 0:
            start = self._rematched(trial, pixels, darkest)
        found = self.objective.look(self.planes(trial.point), start, pixels, darkest, scale=scale)
        if found is None:
            trial.residual = trial.unexplained = np.inf
            return
        look, response = found
        if not free:
            eps = float(np.exp(response[0]))
        for _ in range(n_steps):
            if time.monotonic() > until:
                break
            step = self._accepted(trial, look, response, pixels, darkest, eps, scale, centred)
            if step is None:
                break
            gained = 1 - step[0].cost / max(look.cost, 1e-30)
            look, response = step
            if gained < tolerance:
                break
        trial.response, trial.residual = response, look.cost
        trial.unexplained = look.cost / max(float(self.objective.measured[pixels].var()), 1e-12)

    def _rematched(self, trial: Trial, pixels: Integers, darkest: float) -> Floats:
        """Match a response anew, with the shift that was found."""
        assert trial.response is not None
        shift = trial.response[3:]
        intensity = self.objective.intensity(self.planes(trial.point), pixels, shift, darkest)
        response = self.objective.matched(intensity, pixels)
        response[3:] = shift
        return response

    def _accepted(
        self,
        trial: Trial,
        look: PixelLook,
        response: Floats,
        pixels: Integers,
        darkest: float,
        eps: float | None,
        scale: float,
        centred: bool,
    ) -> tuple[PixelLook, Floats] | None:
        """Take the first step that lowers the residual, with ever more damping; None where none does."""
        rates = np.asarray(self.model.rates(trial.point), np.float64)
        frozen = np.zeros(5, bool)
        frozen[:3] = eps is not None
        frozen[3:] = centred or self.objective.max_shift == 0
        system = self._system(trial.point, look, rates, frozen)
        for _ in range(TRIES):
            step = system.step(trial.damping)
            if step is not None:
                body = (step[: rates.size] * rates.ravel()).reshape(rates.shape)
                point = self.model.move(trial.point, body, self.limit)
                moved = response + step[rates.size :] * RESPONSE_STEPS
                moved = self.objective.bounded(moved)
                found = self.objective.look(self.planes(point), moved, pixels, darkest, eps, scale)
                if found is not None and found[0].cost < look.cost:
                    trial.point = point
                    trial.damping = max(trial.damping / 3, 1e-6)
                    return found
            trial.damping = min(trial.damping * 4, 1e6)
        trial.damping = min(trial.damping, 1.0)
        return None

    def _system(self, point: Floats, look: PixelLook, rates: Floats, frozen: Floats) -> _System:
        turned, shifted = self.model.plane_tangent(point)
        own = look.faces < len(shifted)  # the sides of the cube stay where they are
        faces, n = look.faces[own], look.error.size
        rows = np.repeat(own, 3)
        slopes = np.concatenate([look.by_planes[rows], look.by_response])
        errors = look.error.astype(np.float32)
        planes = np.empty((faces.size, 3, rates.size))
        planes[:, 0] = shifted[faces]
        planes[:, 1:] = np.einsum("fwi,fit->fwt", look.tangents[own], turned[faces])
        n_planes = 3 * faces.size
        to_steps = np.zeros((n_planes + 5, rates.size + 5))
        to_steps[:n_planes, : rates.size] = planes.reshape(n_planes, rates.size) * rates.ravel()
        to_steps[n_planes:, rates.size :] = np.diag(np.where(frozen, 0, RESPONSE_STEPS))
        squared = (slopes @ slopes.T).astype(np.float64) / n
        gradient = (slopes @ errors).astype(np.float64) / n
        matrix = to_steps.T @ squared @ to_steps
        body = matrix[: rates.size, : rates.size]
        # rounding alone would move a body along shifts, which change no intensity
        shifts = self.model.shifts(point) / np.where(rates.ravel() > 0, rates.ravel(), 1)
        if len(shifts):
            unit = np.linalg.qr(shifts.T)[0]
            body += np.trace(body) / rates.size * unit @ unit.T
        return _System(matrix, to_steps.T @ gradient, rates.size)
