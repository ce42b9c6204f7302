"""Light inside a body, in plain NumPy and double precision: what every slice scatters, for every propagation.

A slice's weights are w = o(rho) u, with u the field that reaches it and o(rho) the material as seen through its
own voxel, o = (1 - t) / s with t = exp(-s rho) and s = gamma dz where self-absorption is exact. Along straight
rays u is the product of t over the slices before. With diffraction u <- P(t u), P the free propagation by a
slice's thickness, in a frame that moves with the incident wave. P acts on the scattered field v = u - 1 on a padded
grid whose margin lets it fade: v <- P(v + O S), S = (t - 1) u being what the slice adds, and O = 1 but for
"wide". Where voxels are shares of the columns' width, straight rays go as in shares.py.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from scatterkit.simulation.kernels import shares
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
DIFFRACTING = ("pmsft", "hare", "wide")
_GAP = 10
"""Width of the margin between the box and its periodic copies [wavelengths]."""
_FADING = 30.0
"""How strongly waves fade in the margin: at angle theta their amplitude falls by exp(-_FADING / (3 tan theta)).

With both, the far field of bodies that fill a box of 24 wavelengths is within 1 % of that with a margin of 60
wavelengths, at 40 to 70 degrees, and within 0.1 % at less. A wider margin only costs time, a narrower or
steeper one reflects.
"""


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


def _length(n: int, step: float, wavelength: float) -> int:
    """Voxels along an axis of the padded grid: FFTs are fast for multiples of 8 with factors 2, 3 and 5."""
    length = 8 * math.ceil((n + _GAP * wavelength / step) / 8)
    while not _is_smooth(length):
        length += 8
    return length


def _is_smooth(length: int) -> bool:
    for factor in (2, 3, 5):
        while length % factor == 0:
            length //= factor
    return length == 1


def padded_shape(plan: MSFTPlan) -> tuple[int, int]:
    """Shape (y, x) of the grid on which light propagates; the box is its first rows and columns."""
    wavelength = 2 * math.pi / plan.wavenumber
    n_y, n_x = (
        _length(n, step, wavelength) for n, step in zip(plan.grid_shape[1:], plan.voxel[1:], strict=True)
    )
    return n_y, n_x


def _transverse(plan: MSFTPlan) -> Array:
    """Squared transverse wave vector of the padded grid's frequencies (y, x)."""
    q_y, q_x = (
        2 * np.pi * np.fft.fftfreq(length, step)
        for length, step in zip(padded_shape(plan), plan.voxel[1:], strict=True)
    )
    return q_y[:, None] ** 2 + q_x[None, :] ** 2


@lru_cache(maxsize=8)
def propagator(plan: MSFTPlan) -> Array:
    """Phases of free propagation by a slice's thickness, over the frequencies of the padded grid (y, x).

    Evanescent waves decay.
    """
    k, transverse = plan.wavenumber, _transverse(plan)
    if plan.propagation == "hare":
        return np.exp(-1j * transverse / (2 * k) * plan.voxel[0])
    k_z = np.sqrt((k**2 - transverse).astype(np.complex128))
    return np.exp(1j * (k_z - k) * plan.voxel[0])


@lru_cache(maxsize=8)
def oblique(plan: MSFTPlan) -> Array | None:
    """Give O: by how much more than a straight wave an oblique one gains, over the frequencies as ``propagator``.

    A wave at transverse q goes through material with k_n = sqrt(n^2 k^2 - q^2) instead of k_z, while slices add
    k (n - 1) whatever its angle. The ratio of both is O = (n + 1) k / (k_n + k_z). None where O is not applied.
    """
    if plan.propagation != "wide":
        return None
    k, transverse = plan.wavenumber, _transverse(plan)
    n = 1 + 1j * plan.complex_step / (k * plan.voxel[0])
    k_n = np.sqrt((n * k) ** 2 - transverse + 0j)
    k_n = np.where(k_n.imag < 0, -k_n, k_n)  # evanescent waves decay, also where rounding has n grow
    return (n + 1) * k / (k_n + np.sqrt(k**2 - transverse + 0j))


@lru_cache(maxsize=8)
def absorber(plan: MSFTPlan) -> Array:
    """What is left of the scattered field after a slice, over the padded grid (y, x): 1 within the box.

    Outside, it lets waves fade that would otherwise come back in through the opposite side.
    """
    along_y, along_x = (
        _fading(n, length, plan.voxel[0] / step)
        for n, length, step in zip(plan.grid_shape[1:], padded_shape(plan), plan.voxel[1:], strict=True)
    )
    return along_y[:, None] * along_x[None, :]


def _fading(n: int, length: int, slope: float) -> Array:
    """Along one axis; ``slope`` is the slices' thickness over the voxels' width."""
    outside = np.arange(length) - n + 1
    distance = np.clip(np.minimum(outside, length - n + 1 - outside), 0, None) / ((length - n + 1) / 2)
    return np.exp(-_FADING * slope / (length - n) * distance**2)


def _propagate(plan: MSFTPlan, scattered: Array, added: Array) -> Array:
    """Carry the scattered field on the padded grid, and what a slice adds to it, on by a slice's thickness."""
    gain = oblique(plan)
    if gain is None:
        transform = scipy.fft.fft2(scattered + added)
    else:
        transform = scipy.fft.fft2(scattered) + gain * scipy.fft.fft2(added)
    return absorber(plan) * scipy.fft.ifft2(propagator(plan) * transform)


def _propagate_adjoint(plan: MSFTPlan, gradient: Array) -> tuple[Array, Array]:
    """Gradients by the scattered field and by what a slice adds to it."""
    transform = propagator(plan).conj() * scipy.fft.fft2(absorber(plan) * gradient)
    by_scattered, gain = scipy.fft.ifft2(transform), oblique(plan)
    return by_scattered, by_scattered if gain is None else scipy.fft.ifft2(gain.conj() * transform)


def _straight_rays(rho: Array, step: complex | float) -> Array:
    passed = np.cumsum(rho, axis=0) - rho
    return np.exp(-step * passed)


def _diffracted(rho: Array, plan: MSFTPlan) -> Array:
    """Field that reaches each slice, within the box: the incident wave 1 and the scattered field."""
    scattered, added = np.zeros((2, *padded_shape(plan)), dtype=np.complex128)
    box = tuple(slice(n) for n in plan.grid_shape[1:])
    reaching = np.empty(rho.shape, dtype=np.complex128)
    for here, change in zip(reaching, np.expm1(-plan.complex_step * rho), strict=True):
        here[:] = 1 + scattered[box]
        added[box] = change * here
        scattered = _propagate(plan, scattered, added)
    return reaching


def _reaching(rho: Array, plan: MSFTPlan) -> Array:
    """Field that reaches each slice."""
    if plan.propagation in DIFFRACTING:
        return _diffracted(rho, plan)
    return _straight_rays(rho, _step(plan))


def weights(rho: Array, plan: MSFTPlan) -> Array:
    """What the slices ``(z, y, x)`` of a volume scatter, in units of filled voxels."""
    if plan.self_absorption == "shares":
        return shares.weights(rho, _step(plan))
    own, _ = own_material(rho, _step(plan), plan.self_absorption)
    return own * _reaching(rho, plan)


def weights_adjoint(rho: Array, plan: MSFTPlan, by_weight: Array) -> Array:
    """Gradient by the volume of a loss whose gradient by the weights is dL/dRe w + i dL/dIm w."""
    if plan.self_absorption == "shares":
        return shares.weights_adjoint(rho, _step(plan), by_weight)
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
    by_scattered = np.zeros(padded_shape(plan), dtype=np.complex128)
    box = tuple(slice(n) for n in plan.grid_shape[1:])
    step = plan.complex_step
    changes = np.expm1(-step * rho)
    result = np.empty(rho.shape)
    for z in reversed(range(len(rho))):
        by_scattered, by_added = _propagate_adjoint(plan, by_scattered)
        result[z] = -(np.conj(by_added[box]) * step * (1 + changes[z]) * u[z]).real
        by_scattered[box] += by_added[box] * changes[z].conj() + own[z].conj() * by_weight[z]
    return result
