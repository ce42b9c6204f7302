"""Compiled loops over a volume's slices: bounding box, absorption, its gradient."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.plan import MSFTPlan

EXACT, HALF, FULL, NONE = range(4)
TREATMENTS = {"exact": EXACT, "half": HALF, "full": FULL, "none": NONE}
NEGLIGIBLE = np.float32(1e-7)  # transmission beneath which a slice adds nothing in single precision
_SAFE_STEP = 0.5  # largest argument of the polynomial in _decay

Array = NDArray[Any]
Scalar = Any  # float32: a Python float would make the loops compute in double precision


def absorption(plan: MSFTPlan) -> tuple[Scalar, int, int]:
    """What the loops must know: optical step, how often the polynomial needs it halved, treatment."""
    n_halvings = 0
    while plan.optical_step / 2**n_halvings > _SAFE_STEP:
        n_halvings += 1
    return np.float32(plan.optical_step), n_halvings, TREATMENTS[plan.self_absorption]


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")
def _decay(s: Scalar) -> Scalar:
    """(1 - exp(-s)) / s for small s: Taylor series, error 1e-8 at 0.5; vectorises, which exp does not."""
    p = np.float32(1 / 5040) - s * np.float32(1 / 40320)
    p = np.float32(1 / 720) - s * p
    p = np.float32(1 / 120) - s * p
    p = np.float32(1 / 24) - s * p
    p = np.float32(1 / 6) - s * p
    p = np.float32(1 / 2) - s * p
    return np.float32(1) - s * p


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")
def _decay_anywhere(s: Scalar, n_halvings: int) -> Any:
    """_decay(s) and exp(-s) for any s: for large ones 1 - s * _decay(s) would lose all digits."""
    one = np.float32(1)
    s = s * np.float32(0.5**n_halvings)
    p = _decay(s)
    t = one - s * p
    for _ in range(n_halvings):
        p *= np.float32(0.5) * (one + t)
        t *= t
    return p, t


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")
def _own(rho: Scalar, p: Scalar, t: Scalar, treatment: int) -> Scalar:
    """A voxel's material as seen through the voxel itself; p is _decay(s), t is exp(-s)."""
    if treatment == EXACT:
        return rho * p
    if treatment == HALF:
        return rho * np.sqrt(t)
    if treatment == FULL:
        return rho * t
    return rho


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")
def _own_slope(s: Scalar, t: Scalar, treatment: int) -> Scalar:
    """Derivative of _own by rho."""
    one = np.float32(1)
    if treatment == EXACT:
        return t
    if treatment == HALF:
        return (one - np.float32(0.5) * s) * np.sqrt(t)
    if treatment == FULL:
        return (one - s) * t
    return one


@numba.njit(cache=True, nogil=True, fastmath=True)
def weigh_row(
    rho: Array, transmission: Array, step: Scalar, n_halvings: int, treatment: int, out: Array
) -> None:
    """Write the row's attenuated material and carry the transmission to the next slice."""
    if n_halvings == 0:
        for x in range(rho.size):
            s = step * rho[x]
            p = _decay(s)
            t = np.float32(1) - s * p
            out[x] = transmission[x] * _own(rho[x], p, t, treatment)
            transmission[x] *= t
    else:
        for x in range(rho.size):
            s = step * rho[x]
            p, t = _decay_anywhere(s, n_halvings)
            out[x] = transmission[x] * _own(rho[x], p, t, treatment)
            transmission[x] *= t


def bounding_box(volume: Array, z0: int = 0, z1: int | None = None) -> Array:
    """First and one past last index of the material along z, y, x, in some slices; all zero where they are empty."""
    # as integers, for floats would not be compared in parallel
    return _bounding_box(volume.view(np.uint32), z0, len(volume) if z1 is None else z1)


@numba.njit(cache=True, nogil=True)
def _bounding_box(volume: Array, z0: int, z1: int) -> Array:
    _, ny, nx = volume.shape
    box = np.zeros((3, 2), dtype=np.int64)
    first_z, last_z, y0, y1, x0, x1 = z1, z0, ny, 0, nx, 0
    for z in range(z0, z1):
        for y in range(ny):
            row = volume[z, y]
            occupied = np.uint32(0)
            for x in range(nx):
                occupied |= row[x]
            if occupied != 0:
                first_z = min(first_z, z)
                last_z = z + 1
                y0 = min(y0, y)
                y1 = max(y1, y + 1)
                x = 0
                while x < x0 and row[x] == 0:
                    x += 1
                x0 = min(x0, x)
                x = nx
                while x > x1 and row[x - 1] == 0:
                    x -= 1
                x1 = max(x1, x)
    if last_z > z0 and y1 > 0:
        box[0] = first_z, last_z
        box[1] = y0, y1
        box[2] = x0, x1
    return box


@numba.njit(cache=True, nogil=True, parallel=True)
def weigh_slices(volume: Array, box: Array, step: Scalar, n_halvings: int, treatment: int, out: Array) -> int:
    """Attenuate the slices within a box into ``out`` (z, y, x); give how many slices light reaches."""
    nz, ny, nx = out.shape
    z0, y0, x0 = box[:, 0]
    reached = np.zeros(ny, dtype=np.int64)
    for y in numba.prange(ny):
        light = np.ones(nx, dtype=np.float32)
        out[:, y] = 0
        for z in range(nz):
            if light.max() < NEGLIGIBLE:
                break
            reached[y] = z + 1
            row = volume[z0 + z, y0 + y, x0 : x0 + nx]
            weigh_row(row, light, step, n_halvings, treatment, out[z, y])
    return reached.max()


@numba.njit(cache=True, nogil=True, fastmath=True)
def pull_row(
    rho: Array,
    transmission: Array,
    step: Scalar,
    n_halvings: int,
    treatment: int,
    behind: Array,
    gradient: Array,
) -> None:
    """Turn the gradient by the attenuated material into that by the material, one row of one slice."""
    if n_halvings == 0:
        for x in range(rho.size):
            s = step * rho[x]
            p = _decay(s)
            t = np.float32(1) - s * p
            h = transmission[x] * gradient[x]
            gradient[x] = h * _own_slope(s, t, treatment) - step * behind[x]
            behind[x] += h * _own(rho[x], p, t, treatment)
    else:
        for x in range(rho.size):
            s = step * rho[x]
            p, t = _decay_anywhere(s, n_halvings)
            h = transmission[x] * gradient[x]
            gradient[x] = h * _own_slope(s, t, treatment) - step * behind[x]
            behind[x] += h * _own(rho[x], p, t, treatment)


@numba.njit(cache=True, nogil=True, parallel=True)
def pull_absorption(
    volume: Array, box: Array, step: Scalar, n_halvings: int, treatment: int, gradient: Array
) -> None:
    """Within a box, turn the gradient by the attenuated material into that by the material, in place."""
    z0, z1 = box[0]
    x0, x1 = box[2]
    for y in numba.prange(box[1, 0], box[1, 1]):
        transmissions = np.ones((z1 - z0 + 1, x1 - x0), dtype=np.float32)
        unused = np.empty(x1 - x0, dtype=np.float32)
        for z in range(z1 - z0):
            transmissions[z + 1] = transmissions[z]
            weigh_row(volume[z0 + z, y, x0:x1], transmissions[z + 1], step, n_halvings, treatment, unused)
        behind = np.zeros(x1 - x0, dtype=np.float32)
        for z in range(z1 - z0 - 1, -1, -1):
            row = volume[z0 + z, y, x0:x1]
            part = gradient[z0 + z, y, x0:x1]
            pull_row(row, transmissions[z], step, n_halvings, treatment, behind, part)
