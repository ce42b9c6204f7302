"""Methods side by side: the same patterns, the same judge, and what their differences are worth."""

from scatterkit.comparison._comparing import compare
from scatterkit.comparison.comparison import Comparison

__all__ = ["Comparison", "compare"]
