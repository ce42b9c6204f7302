"""What the samplers of bodies share: drawing apart from building, numbers within ranges, weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._random import RandomState
from scatterkit._validation import Integer, check_value, fail, shown
from scatterkit.base import Component
from scatterkit.solids.solid import Solid


class BodySampler(Component, ABC):
    """Bodies by number: sample i depends on the seed and on i alone; what is drawn is apart from the body."""

    random_state: RandomState

    def sample(self, n: int, *, start: int = 0) -> list[Solid]:
        """Give bodies.

        Parameters
        ----------
        n : int
            How many.
        start : int, default=0
            Number of the first: ``sample(2, start=5)`` gives the sixth and the seventh body of the seed.

        Returns
        -------
        list of Solid
            The bodies.
        """
        return [self.build(descriptor) for descriptor in self.sample_params(n, start=start)]

    def sample_params(self, n: int, *, start: int = 0) -> list[Any]:
        """Give what makes the bodies, without making them.

        Parameters
        ----------
        n : int
            How many.
        start : int, default=0
            Number of the first.

        Returns
        -------
        list
            One descriptor for each body, as `build` takes it.
        """
        check_start(n, start, owner=type(self).__name__)
        return self._descriptors(n, start)

    @abstractmethod
    def build(self, descriptor: Any) -> Solid:
        """Make the body of a descriptor."""

    @abstractmethod
    def _descriptors(self, n: int, start: int) -> list[Any]:
        """Draw n descriptors, the first one's number being ``start``; the parameters are checked here."""


def check_start(n: int, start: int, *, owner: str) -> None:
    """Raise unless n samples from a number on make sense."""
    check_value(n, Integer(low=1), name="n", owner=owner)
    check_value(start, Integer(low=0), name="start", owner=owner)


def between(ends: tuple[float, float], draw: float) -> float:
    """Give the number that lies a share (0 to 1) of the way from one end to the other."""
    return float(ends[0] + draw * (ends[1] - ends[0]))


def check_weights(
    given: Any, name: str, known: Callable[[str], str], *, owner: str, of: str
) -> tuple[list[str], NDArray[np.float64]]:
    """Give names and their shares, which sum to 1; all alike where no weights are given.

    ``known`` gives a name in its own spelling, or raises; ``of`` says what the names are.
    """
    if isinstance(given, str) or not isinstance(given, (Sequence, Mapping)) or len(given) == 0:
        allowed = f"a sequence of {of}, or a mapping of names to weights, not empty"
        raise fail(name, owner, allowed, shown(given))
    names = [known(key) for key in given]
    weights = np.array([given[key] for key in given] if isinstance(given, Mapping) else np.ones(len(names)))
    fine = weights.dtype.kind in "iuf" and np.isfinite(weights).all() and weights.min() >= 0 and weights.sum()
    if not fine:
        raise fail(name, owner, "a mapping of names to weights >= 0, not all zero", shown(given))
    return names, weights / weights.sum()
