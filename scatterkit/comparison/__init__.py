"""Methods side by side: the same patterns, the same judge, and what their differences are worth."""

from scatterkit.comparison._comparing import compare
from scatterkit.comparison.body_view import view_body
from scatterkit.comparison.comparison import Comparison

__all__ = ["Comparison", "compare", "view_body"]
