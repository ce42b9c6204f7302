"""AdamW on one vector of weights, with the weights' running mean: pure functions of tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scatterkit._arrays import namespace

Tensor = Any
State = dict[str, Any]
"""Tensors of a training: vectors "weights", "first", "second" (moments) and "average"; "others", a list of what the
network carries along without a gradient; numbers "step", "updates", "streak", "bad", "calm" (int32) and "scale"."""

BETAS = (0.9, 0.999)
TINY = 1e-8
SCHEDULES = ("cosine", "one_cycle", "constant")
WARM_UP, MOST_WARM_UP = 0.05, 1000
"""Part of the steps in which the rate rises, and steps after which it has risen in any case."""
PEAK, FIRST_PART, LAST_PART = 0.3, 1 / 25, 1e-4
"""Of one cycle: where its peak is, and rates at both ends as parts of the highest."""
FLOOR = 0.01
"""Rate at the end of a cosine as a part of the highest."""
FIRST_SCALE, LARGEST_SCALE, CALM = 2.0**15, 2.0**24, 2000
"""Scale of the loss in half precision: the first, the largest, and steps without overflow before it is doubled."""


@dataclass(frozen=True)
class Optimizer:
    """How weights follow gradients.

    Parameters
    ----------
    learning_rate : float [1]
        Highest rate.
    schedule : {"cosine", "one_cycle", "constant"}
        How the rate goes in ``n_steps`` steps.
    n_steps : int
        Length of the schedule.
    weight_decay : float [1]
        Part of a weight that is taken off per step, times the rate.
    clip_norm : float [1]
        Longest gradient, over all weights.
    ema : float [1]
        Part of the running mean of the weights that is kept per step, in the end.
    scaled : bool
        Whether losses are scaled, for half precision.

    References
    ----------
    I. Loshchilov and F. Hutter, ICLR 2019, arXiv:1711.05101; one cycle: L. N. Smith and N. Topin, arXiv:1708.07120.
    """

    learning_rate: float
    schedule: str
    n_steps: int
    weight_decay: float
    clip_norm: float
    ema: float
    scaled: bool = False

    def rate(self, step: Any) -> Any:
        """Give the rate at a step, a number or a tensor."""
        ops = namespace(step)
        at = ops.cast(step, "float32")
        if self.schedule == "one_cycle":
            peak = max(PEAK * self.n_steps, 1.0)
            rising = _between(ops.clip(at / peak, 0.0, 1.0), FIRST_PART, 1.0, ops)
            falling = _between(
                ops.clip((at - peak) / max(self.n_steps - peak, 1.0), 0.0, 1.0), 1.0, LAST_PART, ops
            )
            return self.learning_rate * ops.where(at < peak, rising, falling)
        warm = max(1.0, min(WARM_UP * self.n_steps, MOST_WARM_UP))
        rate = self.learning_rate * ops.minimum((at + 1.0) / warm, 1.0)
        if self.schedule == "constant":
            return rate
        part = ops.clip((at - warm) / max(self.n_steps - warm, 1.0), 0.0, 1.0)
        return rate * _between(part, 1.0, FLOOR, ops)

    def updated(
        self, state: State, decayed: Any, gradient: Tensor, loss: Tensor, others: list[Tensor]
    ) -> tuple[State, Mapping[str, Tensor]]:
        """Give the state after a step, and a report of it; a step that is not finite changes nothing but counters.

        ``gradient`` is that of the scaled loss, ``loss`` the loss itself; ``decayed`` is one where weights decay.
        """
        ops = namespace(gradient)
        gradient = gradient / state["scale"]
        norm = ops.sqrt(ops.sum(gradient * gradient))
        good = ops.logical_and(ops.isfinite(loss), ops.isfinite(norm))
        clipped = gradient * (self.clip_norm / ops.maximum(norm, self.clip_norm))
        # a constant rate rises wherever moments begin anew, also behind the first steps of a network
        rate = self.rate(state["updates" if self.schedule == "constant" else "step"])
        new = self._moved(state, decayed, clipped, rate, ops)
        # what the network carries along (means of batches, say) may be spoilt too; counters of random numbers go on
        pairs = zip(others, state["others"], strict=True)
        new["others"] = [ops.where(good, n, o) if _is_float(n) else n for n, o in pairs]
        for name in ("weights", "first", "second", "average"):
            new[name] = ops.where(good, new[name], state[name])
        ok = ops.cast(good, "int32")
        new["updates"] = state["updates"] + ok
        new["bad"] = state["bad"] + 1 - ok
        new["streak"] = (state["streak"] + 1) * (1 - ok)
        new["step"] = state["step"] + 1
        new["scale"], new["calm"] = self._scaled(state, good, ops)
        return new, {"loss": loss, "norm": norm, "rate": rate, "good": ok}

    def _moved(self, state: State, decayed: Any, gradient: Tensor, rate: Any, ops: Any) -> State:
        weights, (keep, keep_square) = state["weights"], BETAS
        n = ops.cast(state["updates"], "float32") + 1.0
        first = keep * state["first"] + (1.0 - keep) * gradient
        second = keep_square * state["second"] + (1.0 - keep_square) * gradient * gradient
        mean = first / (1.0 - ops.exp(n * math.log(keep)))
        spread = ops.sqrt(second / (1.0 - ops.exp(n * math.log(keep_square))))
        step = mean / (spread + TINY) + self.weight_decay * decayed * weights
        moved = weights - rate * step
        kept = ops.minimum(self.ema, n / (9.0 + n))
        return {
            "weights": moved,
            "first": first,
            "second": second,
            "average": kept * state["average"] + (1.0 - kept) * moved,
        }

    def _scaled(self, state: State, good: Tensor, ops: Any) -> tuple[Tensor, Tensor]:
        """Give the next scale of the loss: half after an overflow, twice after a calm time."""
        if not self.scaled:
            return state["scale"], state["calm"]
        calm = ops.where(good, state["calm"] + 1, 0)
        grown = ops.where(calm >= CALM, ops.minimum(2.0 * state["scale"], LARGEST_SCALE), state["scale"])
        scale = ops.where(good, grown, ops.maximum(0.5 * state["scale"], 1.0))
        return scale, ops.cast(ops.where(calm >= CALM, 0, calm), "int32")


def first_state(weights: np.ndarray, others: list[np.ndarray], scaled: bool) -> State:
    """Give the state before the first step, in arrays."""
    numbers = {name: np.int32(0) for name in ("step", "updates", "streak", "bad", "calm")}
    vectors = {"weights": weights.astype(np.float32), "average": weights.astype(np.float32)}
    zeros = {name: np.zeros(weights.shape, np.float32) for name in ("first", "second")}
    return {
        **vectors,
        **zeros,
        **numbers,
        "others": others,
        "scale": np.float32(FIRST_SCALE if scaled else 1),
    }


def _between(part: Any, start: float, stop: float, ops: Any) -> Any:
    """Go from one number to another along half a cosine."""
    return stop + (start - stop) * (0.5 + 0.5 * ops.cos(math.pi * part))


def _is_float(tensor: Any) -> bool:
    return "float" in str(tensor.dtype)
