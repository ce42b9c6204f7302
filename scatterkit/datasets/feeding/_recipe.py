"""How a batch is put together: what the network sees, what it is to give, and where the mask goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone

from scatterkit._validation import Choice, check_value, fail, shown
from scatterkit.augmentation import Augmenter
from scatterkit.datasets.schema import MASK, NORMALS, OFFSETS, PATTERN, VOLUME

VARIABLES = (PATTERN, VOLUME)
TARGETS = (*VARIABLES, MASK, NORMALS, OFFSETS)
MASK_PLACES = Choice((None, "channel", "input"))


@dataclass(frozen=True)
class Recipe:
    """Names of the variables in x and y, and the mask's place: none, x's second channel, or a second input."""

    x: str
    y: str | tuple[str, ...] | None
    mask: str | None

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the variables in y."""
        if self.y is None:
            return ()
        return (self.y,) if isinstance(self.y, str) else self.y

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of all variables that it takes, without masks, which a set may lack."""
        return tuple(name for name in dict.fromkeys((self.x, *self.targets)) if name != MASK)

    @property
    def needs_masks(self) -> bool:
        """Whether masks are part of a batch."""
        return self.mask is not None or MASK in self.targets

    def pack(self, x: Any, mask: Any, values: Mapping[str, Any], ops: Any) -> tuple[Any, ...]:
        """Put arrays or tensors together: ``(x,)`` or ``(x, y)``, of which either may be a tuple itself."""
        if self.mask == "channel":
            x = ops.stack([x, ops.cast(mask, "float32")], axis=-1)
        elif self.mask == "input":
            x = (x, ops.cast(mask, "float32"))
        if self.y is None:
            return (x,)
        targets = tuple(values[name] for name in self.targets)
        return (x, targets[0] if isinstance(self.y, str) else targets)


def check_recipe(x: Any, y: Any, mask: Any, *, owner: str) -> Recipe:
    """Give what the parameters mean, or raise."""
    check_value(x, Choice(VARIABLES), name="x", owner=owner)
    check_value(mask, MASK_PLACES, name="mask", owner=owner)
    several = isinstance(y, (tuple, list)) and len(y) > 0
    if not (y is None or y in TARGETS or (several and all(name in TARGETS for name in y))):
        raise fail(
            "y",
            owner,
            "'volume', 'pattern', 'mask', 'normals', 'offsets', a tuple of these, or None",
            shown(y),
        )
    if MASK in (y if several else (y,)) and x != PATTERN:
        raise fail("y", owner, f"without 'mask' where x is {x!r}", shown(y))
    if mask is not None and x != PATTERN:
        raise fail("mask", owner, f"None where x is {x!r}", shown(mask))
    return Recipe(x, tuple(y) if several else y, mask)


def seeded(augmenter: Augmenter | None, seed: int) -> Augmenter | None:
    """Give an augmenter with a seed: its own, or that of the batches."""
    if augmenter is None:
        return None
    augmenter._check_parameters()
    return augmenter if augmenter.random_state is not None else clone(augmenter).set_params(random_state=seed)
