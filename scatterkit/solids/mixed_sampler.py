"""Random bodies from several samplers at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from scatterkit._counters import keys_of, uniform
from scatterkit._random import RandomState, seed_of
from scatterkit._validation import Constraint, Instance, check_value, fail, shown
from scatterkit.solids._sampling import BodySampler
from scatterkit.solids.solid import Solid

_OWNER = "MixedSampler"
_CHOICE = 0x4D49
"""Counter of the random number that chooses, apart from those that samplers draw."""


@dataclass(frozen=True)
class MixedDescriptor:
    """Which sampler drew a body, and what it drew; `MixedSampler.build` makes the body of it.

    Parameters
    ----------
    member : int
        The sampler's place in the mix, from zero.
    drawn : object
        The sampler's own descriptor.
    """

    member: int
    drawn: Any


class MixedSampler(BodySampler):
    """Random bodies, each from one of several samplers.

    Sample i depends on the seed and on i alone: which sampler draws it, and what body that is.

    Parameters
    ----------
    samplers : sequence of BodySampler
        The samplers. Their own ``random_state`` must be None: each gets a seed from the mix's.
    weights : array-like of shape (n_samplers,) [1], optional
        How likely each is, in any unit; all alike by default.
    random_state : int, numpy.random.Generator or None
        An int gives the same bodies at each call; a Generator or None draws one seed at each call.

    See Also
    --------
    HalfSpaceSampler : Random convex bodies as half-spaces.
    SolidSampler : Random bodies of the catalogue.

    Examples
    --------
    >>> from scatterkit.solids import HalfSpaceSampler, MixedSampler, SolidSampler
    >>> sampler = MixedSampler([HalfSpaceSampler(), SolidSampler()], weights=[3, 1], random_state=7)
    >>> [descriptor.member for descriptor in sampler.sample_params(6)]
    [1, 0, 1, 0, 0, 0]
    >>> len(sampler.sample(2, start=1))
    2
    """

    _constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(
        self,
        samplers: Sequence[BodySampler],
        weights: ArrayLike | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.samplers = samplers
        self.weights = weights
        self.random_state = random_state

    def build(self, descriptor: MixedDescriptor) -> Solid:
        """Make the body of a descriptor.

        Parameters
        ----------
        descriptor : MixedDescriptor
            What a mix of the same samplers drew.

        Returns
        -------
        Solid
            The body.
        """
        check_value(descriptor, Instance((MixedDescriptor,)), name="descriptor", owner=_OWNER)
        samplers = self._samplers()
        if not 0 <= descriptor.member < len(samplers):
            allowed = f"of one of {len(samplers)} samplers"
            raise fail("descriptor", _OWNER, allowed, f"member {descriptor.member}")
        return samplers[descriptor.member].build(descriptor.drawn)

    def _descriptors(self, n: int, start: int) -> list[MixedDescriptor]:
        samplers, shares = self._samplers(), self._shares()
        seed = seed_of(self.random_state, owner=_OWNER)
        draws = uniform(keys_of(seed, np.arange(start, start + n)), np.array([_CHOICE], np.int32))
        members = np.searchsorted(np.cumsum(shares)[:-1], draws, side="right")
        drawn: list[Any] = [None] * n
        for member, sampler in enumerate(samplers):
            places = np.flatnonzero(members == member)
            if not len(places):
                continue
            word = np.random.SeedSequence([seed, member, 1]).generate_state(1, np.uint32)[0]
            own = clone(sampler).set_params(random_state=int(word))
            first, last = int(places[0]), int(places[-1])
            found = own.sample_params(last - first + 1, start=start + first)
            for place in places:
                drawn[place] = MixedDescriptor(member, found[place - first])
        return drawn

    def _samplers(self) -> list[BodySampler]:
        allowed = "a sequence of samplers of bodies, not empty, whose random_state is None"
        given = self.samplers
        if isinstance(given, (str, BodySampler)) or not isinstance(given, Sequence) or not len(given):
            raise fail("samplers", _OWNER, allowed, shown(given))
        for number, sampler in enumerate(given):
            if not isinstance(sampler, BodySampler) or sampler.random_state is not None:
                raise fail("samplers", _OWNER, allowed, f"{shown(sampler)} at place {number}")
        return list(given)

    def _shares(self) -> NDArray[np.float64]:
        n = len(self.samplers)
        if self.weights is None:
            return np.full(n, 1 / n)
        weights = np.asarray(self.weights)
        fine = weights.shape == (n,) and weights.dtype.kind in "iuf" and np.isfinite(weights).all()
        if not fine or weights.min() < 0 or weights.sum() <= 0:
            raise fail(
                "weights",
                _OWNER,
                f"None or {n} numbers >= 0, not all zero, one per sampler",
                shown(self.weights),
            )
        return weights / weights.sum()
