"""Places on a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def centres(grid: int, box: float) -> NDArray[np.float32]:
    """Centres of the voxels along an axis [nm], from the centre of the box."""
    return (((np.arange(grid) + 0.5) / grid - 0.5) * box).astype(np.float32)
