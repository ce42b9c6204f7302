"""The mask as a second channel of a network's input."""

from __future__ import annotations

from typing import Any

import numpy as np

from scatterkit._arrays import NUMPY, namespace
from scatterkit._validation import Real, check_array, check_value, fail
from scatterkit.augmentation.base import check_images

_OWNER = "stack_mask"


def stack_mask(X: Any, mask: Any = None, *, saturation: float | None = None) -> Any:
    """Stack patterns and masks into channels, so that a network can tell what is dark from what is missing.

    Parameters
    ----------
    X : array_like or Keras tensor of shape (n, y, x)
        Log-scaled patterns.
    mask : array_like or Keras tensor of shape (n, y, x) or (y, x), optional
        True or 1 where a pixel is measured; everywhere by default.
    saturation : float [of the pattern's full scale], optional
        Pixels at or above it count as not measured in the mask's channel, but keep their value: bright there and zero
        in the mask means "at least that bright". By default saturated pixels count as measured.

    Returns
    -------
    ndarray or Keras tensor of float32 of shape (n, y, x, 2)
        Patterns, zero where they were not measured, and masks of 0 and 1.

    Raises
    ------
    InvalidParameterError
        If patterns and masks do not go together.

    See Also
    --------
    Augmenter.augment : Gives patterns with the masks that go with them.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import stack_mask
    >>> patterns = np.array([[[0.2, 0.6, 1.0]]])
    >>> stack_mask(patterns, [[True, False, True]], saturation=1.0)[0, 0].tolist()
    [[0.20000000298023224, 1.0], [0.0, 0.0], [1.0, 0.0]]
    """
    check_value(saturation, Real(optional=True), name="saturation", owner=_OWNER)
    ops = namespace(X) if mask is None else namespace(X, mask)
    if ops is NUMPY:
        X = check_images(X, name="X", owner=_OWNER)
    X = ops.cast(X, "float32")
    measured = ops.ones_like(X) if mask is None else ops.ones_like(X) * _as_floats(mask, tuple(X.shape), ops)
    # tensors may hold NaN where nothing was measured, and a product would keep it
    patterns = ops.where(measured > 0, X, ops.zeros_like(X))
    if saturation is not None:
        measured = measured * ops.cast(ops.less(X, saturation), "float32")
    return ops.stack([patterns, measured], axis=-1)


def _as_floats(mask: Any, shape: tuple[int | None, ...], ops: Any) -> Any:
    """Give a mask of 0 and 1 that goes with patterns of a shape, or raise."""
    given = tuple(np.shape(mask)) if ops is NUMPY else tuple(mask.shape)
    if len(shape) != 3 or (given != shape[1:] and (len(given) != 3 or not _agree(given, shape))):
        allowed = f"an array of the shape of the patterns, {shape}, or of one, {shape[1:]}"
        raise fail("mask", _OWNER, allowed, f"shape {given}")
    if ops is NUMPY:
        mask = check_array(mask, name="mask", owner=_OWNER, shape=given, low=0, high=1)
        if not np.isin(mask, (0, 1)).all():
            raise fail("mask", _OWNER, "an array of booleans or of 0 and 1", "other numbers")
    return ops.cast(mask, "float32")


def _agree(given: tuple[int | None, ...], shape: tuple[int | None, ...]) -> bool:
    """Whether two shapes are equal as far as they are known."""
    return all(a == b or a is None or b is None for a, b in zip(given, shape, strict=True))
