"""Light inside a body, in plain NumPy and double precision: what every slice scatters, for every propagation.

A slice's weights are w = o(rho) u, with u the field that reaches it and o(rho) the material as seen through its
own voxel, o = (1 - t) / s with t = exp(-s rho) and s = gamma dz where self-absorption is exact. Along straight
rays u is the product of t over the slices before. With diffraction u <- P(t u), P the free propagation by a
slice's thickness, in a frame that moves with the incident wave.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
DIFFRACTING = ("pmsft", "hare")


def complex_weights(plan: MSFTPlan) -> bool:
    """Whether the weights of the slices are complex numbers."""
    return plan.phase_step != 0 or plan.propagation in DIFFRACTING


def own_material(rho: Array, step: complex | float, treatment: str) -> tuple[Array, Array]:
    """Material of a voxel as seen through the voxel itself, and its derivative by rho."""
    depth = step * rho
    match treatment:
        case "none":
            return rho, np.ones_like(rho)
        case "half":
            return rho * np.exp(-depth / 2), (1 - depth / 2) * np.exp(-depth / 2)
        case "full":
            return rho * np.exp(-depth), (1 - depth) * np.exp(-depth)
        case "exact":
            return (-np.expm1(-depth) / step if step != 0 else rho), np.exp(-depth)
    raise ValueError(f"unknown self-absorption {treatment!r}")


def _step(plan: MSFTPlan) -> complex | float:
    """gamma dz, real where that suffices."""
    return plan.complex_step if complex_weights(plan) else plan.optical_step


@lru_cache(maxsize=8)
def propagator(plan: MSFTPlan) -> Array:
    """Phases of free propagation by a slice's thickness, over the frequencies of the padded grid (y, x).

    The grid is at least twice as wide as the box. Evanescent waves decay.
    """
    lengths = [scipy.fft.next_fast_len(2 * n) for n in plan.grid_shape[1:]]
    q_y, q_x = (
        2 * np.pi * np.fft.fftfreq(length, step) for length, step in zip(lengths, plan.voxel[1:], strict=True)
    )
    k, transverse = plan.wavenumber, q_y[:, None] ** 2 + q_x[None, :] ** 2
    if plan.propagation == "hare":
        return np.exp(-1j * transverse / (2 * k) * plan.voxel[0])
    k_z = np.sqrt((k**2 - transverse).astype(np.complex128))
    return np.exp(1j * (k_z - k) * plan.voxel[0])


def _propagation(plan: MSFTPlan) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Free propagation of a field on the padded grid by a slice's thickness, and its adjoint."""
    phases = propagator(plan)
    return (
        lambda u: scipy.fft.ifft2(phases * scipy.fft.fft2(u)),
        lambda u: scipy.fft.ifft2(phases.conj() * scipy.fft.fft2(u)),
    )


def _straight_rays(rho: Array, step: complex | float) -> Array:
    passed = np.cumsum(rho, axis=0) - rho
    return np.exp(-step * passed)


def _diffracted(rho: Array, plan: MSFTPlan) -> Array:
    """Field that reaches each slice, within the box."""
    propagate, _ = _propagation(plan)
    u = np.ones(propagator(plan).shape, dtype=np.complex128)
    box = tuple(slice(n) for n in plan.grid_shape[1:])
    reaching = np.empty(rho.shape, dtype=np.complex128)
    for here, transmission in zip(reaching, np.exp(-plan.complex_step * rho), strict=True):
        here[:] = u[box]
        u[box] *= transmission
        u = propagate(u)
    return reaching


def _reaching(rho: Array, plan: MSFTPlan) -> Array:
    """Field that reaches each slice."""
    if plan.propagation in DIFFRACTING:
        return _diffracted(rho, plan)
    return _straight_rays(rho, _step(plan))


def weights(rho: Array, plan: MSFTPlan) -> Array:
    """What the slices ``(z, y, x)`` of a volume scatter, in units of filled voxels."""
    own, _ = own_material(rho, _step(plan), plan.self_absorption)
    return own * _reaching(rho, plan)


def weights_adjoint(rho: Array, plan: MSFTPlan, by_weight: Array) -> Array:
    """Gradient by the volume of a loss whose gradient by the weights is dL/dRe w + i dL/dIm w."""
    own, slope = own_material(rho, _step(plan), plan.self_absorption)
    u = _reaching(rho, plan)
    direct = (np.conj(by_weight) * slope * u).real
    if plan.propagation in DIFFRACTING:
        return direct + _behind_diffracted(rho, plan, u, own, by_weight)
    shadow = np.conj(by_weight) * own * u
    behind = np.cumsum(shadow[::-1], axis=0)[::-1] - shadow  # what lies deeper is darkened by this voxel
    return direct - (_step(plan) * behind).real


def _behind_diffracted(rho: Array, plan: MSFTPlan, u: Array, own: Array, by_weight: Array) -> Array:
    """Gradient through the field that leaves each slice."""
    _, pull = _propagation(plan)
    by_field = np.zeros(propagator(plan).shape, dtype=np.complex128)
    box = tuple(slice(n) for n in plan.grid_shape[1:])
    step = plan.complex_step
    transmissions = np.exp(-step * rho)
    result = np.empty(rho.shape)
    for z in reversed(range(len(rho))):
        by_field = pull(by_field)
        result[z] = -(np.conj(by_field[box]) * step * transmissions[z] * u[z]).real
        by_field[box] = by_field[box] * transmissions[z].conj() + own[z].conj() * by_weight[z]
    return result
