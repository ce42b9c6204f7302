"""One way to turn ``random_state`` into a NumPy Generator."""

from __future__ import annotations

import numbers

import numpy as np

from scatterkit._validation import fail, shown

RandomState = None | int | np.random.Generator


def check_random_state(random_state: RandomState, *, owner: str = "this object") -> np.random.Generator:
    """Give a Generator: a fresh one for None, a seeded one for an int, the Generator itself otherwise.

    scikit-learn's function of this name refuses Generators, hence our own.
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if random_state is None:
        return np.random.default_rng()
    if (
        isinstance(random_state, numbers.Integral)
        and not isinstance(random_state, bool)
        and random_state >= 0
    ):
        return np.random.default_rng(int(random_state))
    raise fail(
        "random_state", owner, "None, an integer >= 0 or a numpy.random.Generator", shown(random_state)
    )


def seed_of(random_state: RandomState, *, owner: str = "this object") -> int:
    """Give an int as it is, and a seed drawn from a Generator, or from a fresh one for None."""
    generator = check_random_state(random_state, owner=owner)
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(generator.integers(2**63))
