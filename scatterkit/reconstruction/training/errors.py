"""What goes wrong in a training."""

from __future__ import annotations


class TrainingError(RuntimeError):
    """A training came to nothing: its loss was not finite again and again."""
