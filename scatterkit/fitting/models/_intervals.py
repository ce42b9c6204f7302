"""Which intervals of a ratio a model accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scatterkit._validation import Range


@dataclass(frozen=True)
class AroundOne:
    """A pair (low, high) of positive floats with 1 between them."""

    def accepts(self, value: Any) -> bool:
        return Range(low=0, open_low=True).accepts(value) and bool(value[0] <= 1 <= value[1])

    def describe(self) -> str:
        return "two floats (low, high) with 0 < low <= 1 <= high"
