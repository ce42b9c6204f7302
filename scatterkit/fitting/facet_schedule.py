"""How a search by facets spends its steps, and what may be proposed to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scatterkit.fitting._planes import Floats

Start = tuple[Floats, tuple[float, float]]
"""A point of the model, and a shift of the pattern's centre."""
FIRST_FRINGE = 2.5
"""A descent begins with the pixels up to this q times the radius: before the first dark fringe of a disc."""


@dataclass(frozen=True)
class FacetSchedule:
    """How a search spends its steps.

    Parameters
    ----------
    n_starts : int
        Starts of a round.
    n_rounds : int
        Rounds at most.
    n_steps : int
        Steps at each q limit.
    growth : float [1]
        Factor between one q limit and the next.
    survivors : tuple of (float, float)
        Up to q limits in units of the first, what part of a round's starts is followed.
    n_finished : int
        How many of a round are refined on all pixels.
    n_pixels : int
        Pixels that are looked at on the way, at most.
    good_enough : float [1]
        A residual below which no other round is begun.
    begin : float [1]
        The first q limit times the radius: less than the first fringe where nothing is known but the size.
    """

    n_starts: int = 24
    n_rounds: int = 3
    n_steps: int = 8
    growth: float = 1.25
    survivors: tuple[tuple[float, float], ...] = (
        (1.9, 1.0),
        (2.9, 0.42),
        (4.5, 0.25),
        (8.0, 0.17),
        (math.inf, 0.12),
    )
    n_finished: int = 2
    n_pixels: int = 2000
    good_enough: float = 1e-4
    begin: float = FIRST_FRINGE

    def n_followed(self, q: float) -> int:
        """Give how many starts of a round are followed at a q limit, in units of the first; one more than finished."""
        part = next(part for limit, part in self.survivors if q <= limit)
        return max(round(part * self.n_starts), self.n_finished + 1)


class Proposals(NamedTuple):
    """Starts that are followed before a search draws its own, how, and in what part of its time at most."""

    starts: Sequence[Start]
    schedule: FacetSchedule
    part: float
