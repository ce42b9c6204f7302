"""Partly filled voxels as shares of a column's width, in plain NumPy and double precision.

A column of voxels holds two amounts of light: that in its material, and that beside it. Where the filled share
grows from one slice to the next, as much of the light beside the material enters as the growth is of the room left;
where it shrinks, light leaves in proportion. Only the light in the material is darkened, by filled voxels:
with A in the material, a slice scatters A (1 - exp(-s)) / s, and A exp(-s) passes, s = gamma dz.

The weights have kinks where the share stays as it was. There the gradient is that of growth; in
empty and in full voxels, which cannot change but one way, it is the derivative that way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_TINY = 1e-12  # shares beneath it scatter nothing


def _factors(step: complex | float) -> tuple[complex | float, complex | float]:
    """What a filled voxel scatters of the light in it, and what it lets pass."""
    own = -np.expm1(-step) / step if step != 0 else 1.0
    return own, np.exp(-step)


def _move(share: Array, before: Array, inside: Array, beside: Array) -> tuple[Array, Array]:
    """Light in the material and beside it as the filled share changes."""
    grows = share > before
    entering = np.where(grows, share - before, 0) / np.maximum(1 - before, _TINY)
    leaving = np.where(grows, 0, before - share) / np.maximum(before, _TINY)
    moved = beside * entering - inside * leaving
    return inside + moved, beside - moved


def _light(rho: Array, step: complex | float) -> tuple[Array, Array]:
    """Light in the material and beside it in every slice, before it is darkened there."""
    _, passed = _factors(step)
    inside, beside = np.empty((2, *rho.shape), type(step))
    before = np.zeros(rho.shape[1:])
    for z, share in enumerate(rho):
        last = (inside[z - 1] * passed, beside[z - 1]) if z else (np.zeros_like(before), np.ones_like(before))
        inside[z], beside[z] = _move(share, before, *last)
        before = share
    return inside, beside


def weights(rho: Array, step: complex | float) -> Array:
    """What the slices ``(z, y, x)`` of a volume scatter, in units of filled voxels."""
    own, _ = _factors(step)
    return own * _light(rho, step)[0]


def weights_adjoint(rho: Array, step: complex | float, by_weight: Array) -> Array:
    """Gradient by the volume of a loss whose gradient by the weights is dL/dRe w + i dL/dIm w."""
    own, passed = np.conj(_factors(step))
    nothing = np.zeros((1, *rho.shape[1:]))
    shares = np.concatenate([nothing, rho])
    light = _light(rho, step)
    insides = np.concatenate([nothing, light[0] * _factors(step)[1]])
    besides = np.concatenate([nothing + 1, light[1]])
    by_inside, by_beside = np.zeros((2, *rho.shape[1:]), dtype=np.complex128)
    by_before = np.zeros(rho.shape[1:])
    result = np.empty(rho.shape)
    for z in reversed(range(len(rho))):
        share, before, inside, beside = rho[z], shares[z], insides[z], besides[z]
        by_inside = by_inside * passed + own * by_weight[z]
        gain = by_inside - by_beside
        room, filled = np.maximum(1 - before, _TINY), np.maximum(before, _TINY)
        source = np.where((share >= before) & (before < 1), beside / room, inside / filled)
        slope = (gain.conj() * source).real
        enters = (share >= before) & (share > 0)
        kept = np.where(enters, (1 - share) / room, share / filled)
        result[z], by_before = by_before + slope, -slope * kept
        by_inside, by_beside = (
            np.where(enters, by_inside, by_inside - (1 - kept) * gain),
            np.where(enters, by_beside + (1 - kept) * gain, by_beside),
        )
    return result
