"""Compiled loops over a volume's slices with a complex step: refraction, absorption and their gradients.

s = gamma dz rho is a voxel's step, t = exp(-s) what it does to the field, and p = (1 - t) / s.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels._slice_kernels import EXACT, FULL, HALF, NONE, TREATMENTS
from scatterkit.simulation.plan import MSFTPlan

_NEGLIGIBLE = np.float32(1e-14)  # intensity beneath which light adds nothing in single precision
_SAFE_STEP = 0.5  # largest argument of the series in _decay

Array = NDArray[Any]
Scalar = Any  # complex64 or float32: Python's numbers would make the loops compute in double precision


def attenuation(plan: MSFTPlan) -> tuple[Scalar, int, int]:
    """What the loops must know: gamma dz, how often the series needs it halved, treatment."""
    n_halvings = 0
    while abs(plan.complex_step) / 2**n_halvings > _SAFE_STEP:
        n_halvings += 1
    return np.complex64(plan.complex_step), n_halvings, TREATMENTS[plan.self_absorption]


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")
def _decay(a: Scalar, b: Scalar) -> Any:
    """Give the real and imaginary parts of p and of 1 - t for s = a + ib: Taylor series, error 1e-8 at 0.5.

    In real numbers, for so the loops vectorise.
    """
    one = np.float32(1)
    u, v = one - a * np.float32(1 / 8), -b * np.float32(1 / 8)
    u, v = one - np.float32(1 / 7) * (a * u - b * v), -np.float32(1 / 7) * (a * v + b * u)
    u, v = one - np.float32(1 / 6) * (a * u - b * v), -np.float32(1 / 6) * (a * v + b * u)
    u, v = one - np.float32(1 / 5) * (a * u - b * v), -np.float32(1 / 5) * (a * v + b * u)
    u, v = one - np.float32(1 / 4) * (a * u - b * v), -np.float32(1 / 4) * (a * v + b * u)
    u, v = one - np.float32(1 / 3) * (a * u - b * v), -np.float32(1 / 3) * (a * v + b * u)
    u, v = one - np.float32(1 / 2) * (a * u - b * v), -np.float32(1 / 2) * (a * v + b * u)
    return u, v, a * u - b * v, a * v + b * u


@numba.njit(cache=True, nogil=True, fastmath=True)
def _decay_row(rho: Array, step: Scalar, n_halvings: int, p: Array, lost: Array) -> None:
    """Write p and 1 - t of a row of voxels, real and imaginary parts as rows."""
    scale = np.float32(0.5**n_halvings)
    a, b = scale * step.real, scale * step.imag
    p_real, p_imag, lost_real, lost_imag = p[0], p[1], lost[0], lost[1]
    for x in range(rho.size):
        p_real[x], p_imag[x], lost_real[x], lost_imag[x] = _decay(a * rho[x], b * rho[x])
    for _ in range(n_halvings):  # p(2s) = p(s) (1 + t) / 2 and t(2s) = t^2
        for x in range(rho.size):
            u, v = np.float32(1) - np.float32(0.5) * lost_real[x], np.float32(-0.5) * lost_imag[x]
            p_real[x], p_imag[x] = p_real[x] * u - p_imag[x] * v, p_real[x] * v + p_imag[x] * u
            u, v = np.float32(2) * u, np.float32(2) * v
            lost_real[x], lost_imag[x] = (
                lost_real[x] * u - lost_imag[x] * v,
                lost_real[x] * v + lost_imag[x] * u,
            )


@numba.njit(cache=True, nogil=True, fastmath=True)
def _own_row(
    rho: Array, step: Scalar, n_halvings: int, treatment: int, own: Array, lost: Array, spare: Array
) -> None:
    """Write a row's material as seen through its own voxels, and what the voxels take from the light."""
    _decay_row(rho, step, n_halvings, own, lost)
    if treatment == EXACT:
        for x in range(rho.size):
            own[0, x] *= rho[x]
            own[1, x] *= rho[x]
        return
    if treatment == HALF:
        _decay_row(rho, np.float32(0.5) * step, n_halvings, own, spare)
    elif treatment == FULL:
        spare[:] = lost
    else:
        spare[:] = 0
    for x in range(rho.size):
        own[0, x] = rho[x] * (np.float32(1) - spare[0, x])
        own[1, x] = -rho[x] * spare[1, x]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _slope_row(
    rho: Array, step: Scalar, n_halvings: int, treatment: int, lost: Array, slope: Array, spare: Array
) -> None:
    """Write the derivative of _own_row by the material."""
    if treatment == HALF:
        _decay_row(rho, np.float32(0.5) * step, n_halvings, spare, slope)
    elif treatment == NONE:
        slope[:] = 0
    else:
        slope[:] = lost
    portion = np.float32(0)
    if treatment == HALF:
        portion = np.float32(0.5)
    elif treatment == FULL:
        portion = np.float32(1)
    a, b = portion * step.real, portion * step.imag
    for x in range(rho.size):  # (1 - portion s) t
        u, v = np.float32(1) - a * rho[x], -b * rho[x]
        t_real, t_imag = np.float32(1) - slope[0, x], -slope[1, x]
        slope[0, x], slope[1, x] = u * t_real - v * t_imag, u * t_imag + v * t_real


@numba.njit(cache=True, nogil=True, fastmath=True)
def _weigh_row(
    rho: Array,
    light: Array,
    step: Scalar,
    n_halvings: int,
    treatment: int,
    scratch: Array,
    real: Array,
    imag: Array,
    behind: Array,
) -> None:
    """Write what a row scatters of the light, and add to the field behind it what the row does to the light."""
    own, lost = scratch[0], scratch[1]
    _own_row(rho, step, n_halvings, treatment, own, lost, scratch[2])
    for x in range(rho.size):
        u, v = light[x].real, light[x].imag
        real[x] = u * own[0, x] - v * own[1, x]
        imag[x] = u * own[1, x] + v * own[0, x]
        behind[x] -= light[x] * (lost[0, x] + np.complex64(1j) * lost[1, x])


@numba.njit(cache=True, nogil=True, fastmath=True)
def _pull_row(
    rho: Array,
    light: Array,
    real: Array,
    imag: Array,
    step: Scalar,
    n_halvings: int,
    treatment: int,
    scratch: Array,
    by_added: Array,
    by_light: Array,
    gradient: Array,
) -> None:
    """Gradient by a row, given those by what it scatters, by what it adds, and, in ``by_light``, by what it lets pass.

    ``by_light`` becomes the gradient by the light that reaches the row.
    """
    own, lost, slope = scratch[0], scratch[1], scratch[2]
    _own_row(rho, step, n_halvings, treatment, own, lost, slope)
    _slope_row(rho, step, n_halvings, treatment, lost, slope, scratch[3])
    i = np.complex64(1j)
    for x in range(rho.size):
        kept = lost[0, x] + i * lost[1, x]
        by_weight = real[x] - i * imag[x]  # conjugated, as is the next
        by_change = np.conj(by_added[x])
        slopes = by_weight * (slope[0, x] + i * slope[1, x]) - by_change * (step * (np.float32(1) - kept))
        gradient[x] = light[x].real * slopes.real - light[x].imag * slopes.imag
        by_light[x] += np.conj(by_weight * (own[0, x] + i * own[1, x]) - by_change * kept)


@numba.njit(cache=True, nogil=True)
def weigh_rays(
    volume: Array,
    box: Array,
    rows: tuple[int, int],
    step: Scalar,
    n_halvings: int,
    treatment: int,
    real: Array,
    imag: Array,
) -> None:
    """Write what straight rays in some rows of a box scatter into ``real`` and ``imag``, which must be zero."""
    z0, z1 = box[0]
    x0, x1 = box[2]
    for y in range(box[1, 0] + rows[0], box[1, 0] + rows[1]):
        light = np.ones(x1 - x0, dtype=np.complex64)
        scratch = np.empty((3, 2, x1 - x0), dtype=np.float32)
        for z in range(z0, z1):
            brightest = np.float32(0)
            for x in range(light.size):
                brightest = max(brightest, light[x].real ** 2 + light[x].imag ** 2)
            if brightest < _NEGLIGIBLE:
                break
            row, out = volume[z, y, x0:x1], (real[z, y, x0:x1], imag[z, y, x0:x1])
            _weigh_row(row, light, step, n_halvings, treatment, scratch, out[0], out[1], light)


@numba.njit(cache=True, nogil=True)
def pull_rays(
    volume: Array,
    box: Array,
    rows: tuple[int, int],
    step: Scalar,
    n_halvings: int,
    treatment: int,
    real: Array,
    imag: Array,
    gradient: Array,
) -> None:
    """Transpose of weigh_rays, linearised: ``real`` and ``imag`` are gradients by what is scattered."""
    z0, z1 = box[0]
    x0, x1 = box[2]
    for y in range(box[1, 0] + rows[0], box[1, 0] + rows[1]):
        light = np.ones((z1 - z0 + 1, x1 - x0), dtype=np.complex64)
        unused = np.empty((2, x1 - x0), dtype=np.float32)
        scratch = np.empty((4, 2, x1 - x0), dtype=np.float32)
        for z in range(z1 - z0):
            light[z + 1] = light[z]
            row, behind = volume[z0 + z, y, x0:x1], light[z + 1]
            _weigh_row(row, light[z], step, n_halvings, treatment, scratch, unused[0], unused[1], behind)
        by_light = np.zeros(x1 - x0, dtype=np.complex64)
        for z in range(z1 - 1, z0 - 1, -1):
            _pull_row(
                volume[z, y, x0:x1],
                light[z - z0],
                real[z, y, x0:x1],
                imag[z, y, x0:x1],
                step,
                n_halvings,
                treatment,
                scratch,
                by_light,
                by_light,
                gradient[z, y, x0:x1],
            )


@numba.njit(cache=True, nogil=True, fastmath=True)
def scatter_slice(
    rho: Array,
    window: Array,
    scattered: Array,
    behind: Array,
    step: Scalar,
    n_halvings: int,
    treatment: int,
    reaching: Array,
    real: Array,
    imag: Array,
) -> None:
    """Write what a slice scatters and the light that reaches it, and add what it does to the light to ``behind``.

    The light is the incident wave 1 and the scattered field. All happens within a window (y, x) of the slice
    and of the padded grid; ``reaching`` has its shape. ``behind`` may be the scattered field itself.
    """
    y0, y1 = window[0]
    x0, x1 = window[1]
    scratch = np.empty((3, 2, x1 - x0), dtype=np.float32)
    for y in range(y0, y1):
        light, row = reaching[y - y0], scattered[y, x0:x1]
        for x in range(light.size):
            light[x] = np.float32(1) + row[x]
        out = real[y, x0:x1], imag[y, x0:x1], behind[y, x0:x1]
        _weigh_row(rho[y, x0:x1], light, step, n_halvings, treatment, scratch, out[0], out[1], out[2])


@numba.njit(cache=True, nogil=True)
def pull_slice(
    rho: Array,
    window: Array,
    by_scattered: Array,
    by_behind: Array,
    step: Scalar,
    n_halvings: int,
    treatment: int,
    reaching: Array,
    real: Array,
    imag: Array,
    gradient: Array,
) -> None:
    """Transpose of scatter_slice, linearised: the gradient by a slice, and by the field that reaches it."""
    y0, y1 = window[0]
    x0, x1 = window[1]
    scratch = np.empty((4, 2, x1 - x0), dtype=np.float32)
    for y in range(y0, y1):
        _pull_row(
            rho[y, x0:x1],
            reaching[y - y0],
            real[y, x0:x1],
            imag[y, x0:x1],
            step,
            n_halvings,
            treatment,
            scratch,
            by_behind[y, x0:x1],
            by_scattered[y, x0:x1],
            gradient[y, x0:x1],
        )


@numba.njit(cache=True, nogil=True, fastmath=True)
def multiply(values: Array, factors: Array) -> None:
    """Multiply arrays (y, x) of equal shape, in place."""
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            values[y, x] *= factors[y, x]


@numba.njit(cache=True, nogil=True, fastmath=True)
def multiply_add(values: Array, factors: Array, more: Array, more_factors: Array) -> None:
    """Multiply arrays (y, x) of equal shape, in place, and add others' product."""
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            values[y, x] = values[y, x] * factors[y, x] + more[y, x] * more_factors[y, x]


@numba.njit(cache=True, nogil=True, fastmath=True)
def fade(field: Array, kept: Array, n_y: int, n_x: int) -> None:
    """Multiply a field by factors that are 1 within its first rows and columns."""
    for y in range(field.shape[0]):
        for x in range(n_x if y < n_y else 0, field.shape[1]):
            field[y, x] *= kept[y, x]
