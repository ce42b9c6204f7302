"""Depth modes: the few functions of depth that span the phases exp(i Qz z) of all pixels.

Over a depth L and an interval of wave vectors of width W, the cosines have about W L / (2 pi) + 6 degrees of
freedom at single precision if the interval begins at zero, half of it if zero is its middle, and so do the sines,
however many slices there are. At the published geometry W L is 148.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_TOLERANCE = 1e-7  # of the largest singular value: the rounding of single precision
_SAMPLES_PER_RADIAN = 2


@dataclass(frozen=True, eq=False)
class DepthModes:
    """Orthonormal functions of the slices, each ``(mode, z)``, for the cosines and for the sines of q z."""

    even: Array
    odd: Array

    def __len__(self) -> int:
        return len(self.even) + len(self.odd)


def depth_modes(q_low: float, q_high: float, z: Array) -> DepthModes:
    """Find the depth modes of an interval of wave vectors, in double precision.

    Parameters
    ----------
    q_low, q_high : float [rad/nm]
        Ends of the interval.
    z : ndarray [nm]
        The slices, symmetric about 0.

    Returns
    -------
    DepthModes
        At most as many modes as slices. Within 1e-6, cos(q z) is the sum of the even modes times their scalar
        products with it, and sin(q z) that of the odd modes.
    """
    n_samples = 32 + int(_SAMPLES_PER_RADIAN * (q_high - q_low) * np.ptp(z))
    # Chebyshev points, for equidistant ones would approximate the ends of the interval badly
    nodes = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n_samples) + 0.5) / n_samples)
    phase = (q_low + (q_high - q_low) * nodes)[:, None] * z
    return DepthModes(_span(np.cos(phase)), _span(np.sin(phase)))


def _span(rows: Array) -> Array:
    _, singular, modes = np.linalg.svd(rows, full_matrices=False)
    scale = max(float(singular[0]), np.sqrt(len(rows)))  # sines may all be zero
    return modes[singular > _TOLERANCE * scale]
