"""Compiled loops over a volume's slices with a complex step, where voxels are shares of the columns' width.

The formulas are those of shares.py. ``light``, of shape (5, x), is what is known of a row's columns before a slice:
the brightness beside the material, real and imaginary, that in it, and the filled share of the last slice.
A brightness is the light over the share that it fills, and means nothing where that is 0.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Scalar = Any  # complex64 or float32: Python's numbers would make the loops compute in double precision
_TINY = np.float32(1e-12)  # shares beneath it scatter nothing
_NEGLIGIBLE = np.float32(1e-14)  # intensity beneath which light adds nothing in single precision


@numba.njit(cache=True, nogil=True)
def _factors(step: Scalar) -> tuple[Scalar, Scalar]:
    """What a filled voxel scatters of the light in it, and what it lets pass."""
    s = np.complex128(step)
    passed = np.exp(-s)
    own = 1 - s / 2 + s * s / 6 if abs(s) < 1e-5 else (1 - passed) / s
    return np.complex64(own), np.complex64(passed)


@numba.njit(cache=True, nogil=True)
def _enter(light: Array) -> None:
    light[:] = 0
    light[0] = 1


@numba.njit(cache=True, nogil=True, fastmath=True)
def _is_dark(light: Array) -> bool:
    brightest = np.float32(0)
    for x in range(light.shape[1]):
        c = light[4, x]
        beside, inside = light[0, x] ** 2 + light[1, x] ** 2, light[2, x] ** 2 + light[3, x] ** 2
        brightest = max(brightest, (np.float32(1) - c) * beside + c * inside)
    return bool(brightest < _NEGLIGIBLE)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _weigh_row(rho: Array, light: Array, own: Scalar, passed: Scalar, real: Array, imag: Array) -> None:
    """Write what a row scatters and carry the light to the next slice."""
    b_real, b_imag, a_real, a_imag, share = light[0], light[1], light[2], light[3], light[4]
    one, zero = np.float32(1), np.float32(0)
    own_real, own_imag, passed_real, passed_imag = own.real, own.imag, passed.real, passed.imag
    for x in range(rho.size):
        r, c = rho[x], share[x]
        grows = r > c
        new = abs(r - c) / max(r if grows else one - r, _TINY)
        enters, leaves = (new if grows else zero), (zero if grows else new)
        u, v = b_real[x] - a_real[x], b_imag[x] - a_imag[x]
        inside_real, inside_imag = a_real[x] + enters * u, a_imag[x] + enters * v
        b_real[x] -= leaves * u
        b_imag[x] -= leaves * v
        real[x] = r * (own_real * inside_real - own_imag * inside_imag)
        imag[x] = r * (own_real * inside_imag + own_imag * inside_real)
        a_real[x] = passed_real * inside_real - passed_imag * inside_imag
        a_imag[x] = passed_real * inside_imag + passed_imag * inside_real
        share[x] = r


@numba.njit(cache=True, nogil=True, fastmath=True)
def _pull_row(
    rho: Array,
    light: Array,
    own: Scalar,
    passed: Scalar,
    real: Array,
    imag: Array,
    behind: Array,
    gradient: Array,
) -> None:
    """Gradient by a row, given those by what it scatters and, in ``behind``, by the light that leaves it.

    ``behind``, shaped as the light but for light in place of brightness, becomes that before the row.
    """
    b_real, b_imag, a_real, a_imag, share = light[0], light[1], light[2], light[3], light[4]
    by_b_real, by_b_imag, by_a_real, by_a_imag, by_share = (
        behind[0],
        behind[1],
        behind[2],
        behind[3],
        behind[4],
    )
    one, zero = np.float32(1), np.float32(0)
    own_real, own_imag, passed_real, passed_imag = own.real, own.imag, passed.real, passed.imag
    for x in range(rho.size):
        r, c, g, h = rho[x], share[x], real[x], imag[x]
        p, q = by_a_real[x], by_a_imag[x]
        inside_real = passed_real * p + passed_imag * q + own_real * g + own_imag * h
        inside_imag = passed_real * q - passed_imag * p + own_real * h - own_imag * g
        gain_real, gain_imag = inside_real - by_b_real[x], inside_imag - by_b_imag[x]
        from_beside = (r >= c) & (c < one)
        u, v = (b_real[x] if from_beside else a_real[x]), (b_imag[x] if from_beside else a_imag[x])
        slope = gain_real * u + gain_imag * v
        grows = (r >= c) & (r > zero)
        kept = (one - r if grows else r) / max(one - c if grows else c, _TINY)
        enters, leaves = (one - kept if grows else zero), (zero if grows else one - kept)
        gradient[x] = by_share[x] + slope
        by_share[x] = -slope * kept
        by_a_real[x] = inside_real - leaves * gain_real
        by_a_imag[x] = inside_imag - leaves * gain_imag
        by_b_real[x] += enters * gain_real
        by_b_imag[x] += enters * gain_imag


@numba.njit(cache=True, nogil=True)
def weigh_shares(
    volume: Array, box: Array, rows: tuple[int, int], step: Scalar, real: Array, imag: Array
) -> None:
    """Write what some rows of a box scatter into ``real`` and ``imag``, which must be zero."""
    z0, z1 = box[0]
    x0, x1 = box[2]
    own, passed = _factors(step)
    light = np.empty((5, x1 - x0), dtype=np.float32)
    for y in range(box[1, 0] + rows[0], box[1, 0] + rows[1]):
        _enter(light)
        for z in range(z0, z1):
            if _is_dark(light):
                break
            _weigh_row(volume[z, y, x0:x1], light, own, passed, real[z, y, x0:x1], imag[z, y, x0:x1])


@numba.njit(cache=True, nogil=True)
def pull_shares(
    volume: Array,
    box: Array,
    rows: tuple[int, int],
    step: Scalar,
    real: Array,
    imag: Array,
    gradient: Array,
) -> None:
    """Transpose of weigh_shares, linearised: ``real`` and ``imag`` are gradients by what is scattered."""
    z0, z1 = box[0]
    x0, x1 = box[2]
    own, passed = _factors(step)
    lights = np.empty((z1 - z0 + 1, 5, x1 - x0), dtype=np.float32)
    unused = np.empty((2, x1 - x0), dtype=np.float32)
    for y in range(box[1, 0] + rows[0], box[1, 0] + rows[1]):
        _enter(lights[0])
        for z in range(z1 - z0):
            lights[z + 1] = lights[z]
            _weigh_row(volume[z0 + z, y, x0:x1], lights[z + 1], own, passed, unused[0], unused[1])
        behind = np.zeros((5, x1 - x0), dtype=np.float32)
        for z in range(z1 - 1, z0 - 1, -1):
            _pull_row(
                volume[z, y, x0:x1],
                lights[z - z0],
                own,
                passed,
                real[z, y, x0:x1],
                imag[z, y, x0:x1],
                behind,
                gradient[z, y, x0:x1],
            )
