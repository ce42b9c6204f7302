"""Checks of raw frames and their masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import fail, shown

WHAT = "frames (n, rows, columns) of finite numbers where they are measured"


def check_frames(
    X: ArrayLike,
    mask: ArrayLike | None,
    *,
    owner: str,
    shape: tuple[int, int] | None = None,
    name: str = "X",
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Give frames as float32 ``(n, rows, columns)``, zero where masked, and a mask for each, or raise."""
    raw = np.asarray(X)
    wanted = "(any, any, any)" if shape is None else f"(any, {shape[0]}, {shape[1]})"
    if raw.dtype.kind not in "buif":
        raise fail(name, owner, WHAT, f"type {raw.dtype}" if raw.size else shown(X))
    if raw.ndim != 3 or raw.size == 0 or (shape is not None and raw.shape[1:] != shape):
        raise fail(name, owner, f"frames of shape {wanted}, not empty", f"shape {raw.shape}")
    masks = each_mask(mask, raw.shape, owner=owner)
    frames = raw.astype(np.float32)
    if raw.dtype.kind == "f":
        bad = int(np.count_nonzero(masks & ~np.isfinite(frames)))
        if bad:
            given = f"{bad} NaN or infinite pixels of {frames.size} (mask=numpy.isfinite(X) leaves them out)"
            raise fail(name, owner, WHAT, given)
    frames[~masks] = 0
    return frames, masks


def each_mask(
    mask: ArrayLike | None, shape: tuple[int, ...], *, owner: str, name: str = "mask", empty: bool = False
) -> NDArray[np.bool_]:
    """Give flags of shape ``(n, rows, columns)``; None is all True, or all False where masks may be empty."""
    if mask is None:
        return np.broadcast_to(np.bool_(not empty), shape)
    raw: NDArray[Any] = np.asarray(mask)
    allowed = f"a boolean array of shape {shape[1:]} or {shape}"
    if raw.shape not in (shape, shape[1:]):
        raise fail(name, owner, allowed, f"shape {raw.shape}")
    if raw.dtype != bool and not np.isin(raw, (0, 1)).all():
        raise fail(name, owner, allowed, f"other values, of type {raw.dtype}")
    flags = raw.astype(bool)
    if not empty and not flags.any(axis=(-2, -1)).all():
        raise fail(name, owner, allowed + " with at least one True pixel in each frame", "an empty mask")
    return np.broadcast_to(flags, shape)
