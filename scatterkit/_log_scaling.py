"""Logarithmic scaling for arrays and tensors alike."""

from __future__ import annotations

from typing import Any


def log_scaled(intensities: Any, eps: float, normalize: bool, mask: Any, ops: Any) -> Any:
    """Give log(I + eps) of intensities ``(n, ...)``, each scaled to [0, 1] over its mask's pixels if ``normalize``.

    Pixels outside of the mask (None: no such pixels) become zero. ``ops`` are NumPy's functions or ``keras.ops``.
    """
    logs = ops.log(intensities + eps)
    return unit_scaled(logs, mask, ops) if normalize else _or(logs, mask, 0.0, ops)


def unit_scaled(values: Any, mask: Any, ops: Any) -> Any:
    """Give arrays ``(n, ...)``, each scaled to [0, 1] over its mask's pixels; others become zero, as constants do."""
    axes = tuple(range(1, len(values.shape)))
    low = ops.min(_or(values, mask, float("inf"), ops), axis=axes, keepdims=True)
    high = ops.max(_or(values, mask, -float("inf"), ops), axis=axes, keepdims=True)
    scaled = (values - low) / ops.where(high > low, high - low, ops.ones_like(high))
    return _or(scaled, mask, 0.0, ops)


def _or(values: Any, mask: Any, other: float, ops: Any) -> Any:
    return values if mask is None else ops.where(mask, values, ops.full_like(values, other))
