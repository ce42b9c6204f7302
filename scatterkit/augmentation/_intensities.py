"""From log-scaled patterns back to intensities, and to log-scaled patterns again."""

from __future__ import annotations

from typing import Any

from scatterkit._log_scaling import log_scaled
from scatterkit._validation import Constraint, Range
from scatterkit.augmentation.base import spread

DYNAMIC_RANGE: Constraint = Range(low=1.001, high=1e9)
"""Check of the dynamic range (I + eps) / eps of the light at a pattern's value one."""


def relative_intensities(X: Any, log_range: Any, ops: Any) -> Any:
    """Give I / eps for log-scaled patterns, taking 0 for no light; what lies below 0 counts as 0.

    Parameters
    ----------
    X : array of float32 of shape (n, y, x)
        Patterns X = log(1 + I / eps) / log_range.
    log_range : array of float32 of shape (n,)
        log((I + eps) / eps) where X is one.
    ops : namespace
        ``keras.ops``, or NumPy's.

    Returns
    -------
    array of float32 of shape (n, y, x)
        Intensities over eps.
    """
    return ops.expm1(ops.maximum(X, 0.0) * spread(log_range))


def rescaled(light: Any, ops: Any) -> Any:
    """Scale intensities over eps to log(1 + I / eps), each pattern to [0, 1], as ``LogScaler`` does."""
    return log_scaled(light, 1.0, True, None, ops)
