"""What free bodies assume about the back, which the pattern does not tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BACK_WEIGHT = 3e-7
"""Default strength: weak beside any residual, enough to keep the back from growing into the box."""


def short_back_gradient(volume: NDArray[np.float32], box: float, weight: float) -> NDArray[np.float32] | None:
    """Gradient ``(z, 1, 1)`` of a cost on slices deeper behind the front than the body is wide; None without one."""
    n = volume.shape[0]
    lit = np.flatnonzero(volume.sum(axis=(1, 2)) > 1)
    if weight == 0 or lit.size == 0:
        return None
    step = box / n
    width = 2 * np.sqrt(volume.max(axis=0).sum() / np.pi) * step
    depth = (np.arange(n) - lit[0] + 0.5) * step
    # per voxel of a 64^3 grid, so that the weight means the same on every grid
    cost = weight * (64 / n) ** 3 * np.maximum(depth - min(width, 0.9 * box), 0) / box
    return cost.astype(np.float32)[:, None, None]
