"""What the samplers of bodies share: numbers within ranges, and weights as parameters, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import fail, shown


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
