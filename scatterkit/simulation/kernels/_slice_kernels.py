"""Compiled loops over a volume's slices: bounding box, absorption, its gradient.

``light``, of shape (states, x), is what is known of a row's columns before a slice: their transmission. Where voxels
are shares of the columns' width (shares.py), it is the brightness beside the material, that in it, and the filled
share of the last slice; a brightness is the light over the share that it fills, and means nothing where that is 0.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.plan import MSFTPlan

EXACT, HALF, FULL, NONE, SHARES = range(5)
TREATMENTS = {"exact": EXACT, "half": HALF, "full": FULL, "none": NONE, "shares": SHARES}
NEGLIGIBLE = np.float32(1e-7)  # transmission beneath which a slice adds nothing in single precision
TINY = np.float32(1e-12)  # shares beneath it scatter nothing
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


@numba.njit(cache=True, nogil=True, inline="always")
def n_states(treatment: int) -> int:
    """How many numbers say what light a column holds."""
    return 3 if treatment == SHARES else 1


@numba.njit(cache=True, nogil=True, fastmath=True)
def enter(light: Array) -> None:
    """Set a row's light to that before the first slice."""
    light[:] = 0
    light[0] = 1


@numba.njit(cache=True, nogil=True, fastmath=True)
def is_dark(light: Array) -> bool:
    """Whether a row's light is negligible; the sum, unlike the largest, is found in vector registers."""
    total = np.float32(0)
    if len(light) == 1:
        for x in range(light.shape[1]):
            total += light[0, x]
    else:
        for x in range(light.shape[1]):
            total += light[0, x] + light[2, x] * (light[1, x] - light[0, x])
    return bool(total < NEGLIGIBLE)


@numba.njit(cache=True, nogil=True, fastmath=True)
def weigh_row(rho: Array, light: Array, step: Scalar, n_halvings: int, treatment: int, out: Array) -> None:
    """Write the row's attenuated material and carry the light to the next slice."""
    if treatment == SHARES:
        _weigh_shares(rho, light[0], light[1], light[2], step, n_halvings, out)
        return
    transmission = light[0]
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


@numba.njit(cache=True, nogil=True, fastmath=True)
def _weigh_shares(
    rho: Array, beside: Array, inside: Array, share: Array, step: Scalar, n_halvings: int, out: Array
) -> None:
    """As weigh_row. Light that enters does not change the brightness beside the material, nor light that leaves
    that in it: so each becomes a mean of both, without any loss of digits."""
    one = np.float32(1)
    own, passed = _decay_anywhere(step, n_halvings)
    for x in range(rho.size):
        r, c, a, b = rho[x], share[x], inside[x], beside[x]
        enters = r > c
        new = abs(r - c) / max(r if enters else one - r, TINY)
        difference = b - a
        a += new * difference if enters else np.float32(0)
        b -= np.float32(0) if enters else new * difference
        out[x] = own * a * r
        inside[x] = passed * a
        beside[x] = b
        share[x] = r


def bounding_box(volume: Array, z0: int = 0, z1: int | None = None) -> Array:
    """First and one past last index of the material along z, y, x, in some slices; all zero where they are empty."""
    # as integers, for floats would not be compared in parallel
    return _bounding_box(volume.view(np.uint32), z0, len(volume) if z1 is None else z1)


@numba.njit(cache=True, nogil=True)
def _is_empty(values: Array) -> bool:
    occupied = np.uint32(0)
    for i in range(values.size):
        occupied |= values[i]
    return bool(occupied == 0)


@numba.njit(cache=True, nogil=True)
def _mark(row: Array, columns: Array) -> None:
    """Mark the columns that a row occupies."""
    for x in range(row.size):
        columns[x] |= row[x]


@numba.njit(cache=True, nogil=True)
def _bounding_box(volume: Array, z0: int, z1: int) -> Array:
    _, ny, nx = volume.shape
    box = np.zeros((3, 2), dtype=np.int64)
    first_z, last_z, y0, y1 = z1, z0, ny, 0
    columns = np.zeros(nx, dtype=np.uint32)
    for z in range(z0, z1):
        if _is_empty(volume[z].ravel()):
            continue
        first_z, last_z = min(first_z, z), z + 1
        y = 0
        while y < y0 and _is_empty(volume[z, y]):
            y += 1
        y0 = y
        y = ny
        while y > y1 and _is_empty(volume[z, y - 1]):
            y -= 1
        y1 = y
        for y in range(y0, y1):
            _mark(volume[z, y], columns)
    if last_z > z0:
        occupied = np.flatnonzero(columns)
        box[0] = first_z, last_z
        box[1] = y0, y1
        box[2] = occupied[0], occupied[-1] + 1
    return box


@numba.njit(cache=True, nogil=True, parallel=True)
def weigh_slices(volume: Array, box: Array, step: Scalar, n_halvings: int, treatment: int, out: Array) -> int:
    """Attenuate the slices within a box into ``out`` (z, y, x); give how many slices light reaches."""
    nz, ny, nx = out.shape
    z0, y0, x0 = box[:, 0]
    reached = np.zeros(ny, dtype=np.int64)
    for y in numba.prange(ny):
        light = np.empty((n_states(treatment), nx), dtype=np.float32)
        enter(light)
        out[:, y] = 0
        for z in range(nz):
            if is_dark(light):
                break
            reached[y] = z + 1
            row = volume[z0 + z, y0 + y, x0 : x0 + nx]
            weigh_row(row, light, step, n_halvings, treatment, out[z, y])
    return reached.max()


@numba.njit(cache=True, nogil=True, fastmath=True)
def pull_row(
    rho: Array,
    light: Array,
    step: Scalar,
    n_halvings: int,
    treatment: int,
    behind: Array,
    gradient: Array,
) -> None:
    """Turn the gradient by the attenuated material into that by the material, one row of one slice.

    ``behind`` has the shape of the light before the slice: what deeper slices add up to, or, where voxels are shares,
    the gradients by the light beside the material and in it, and by the filled share.
    """
    if treatment == SHARES:
        _pull_shares(
            rho, light[0], light[1], light[2], step, n_halvings, behind[0], behind[1], behind[2], gradient
        )
        return
    transmission, deeper = light[0], behind[0]
    if n_halvings == 0:
        for x in range(rho.size):
            s = step * rho[x]
            p = _decay(s)
            t = np.float32(1) - s * p
            h = transmission[x] * gradient[x]
            gradient[x] = h * _own_slope(s, t, treatment) - step * deeper[x]
            deeper[x] += h * _own(rho[x], p, t, treatment)
    else:
        for x in range(rho.size):
            s = step * rho[x]
            p, t = _decay_anywhere(s, n_halvings)
            h = transmission[x] * gradient[x]
            gradient[x] = h * _own_slope(s, t, treatment) - step * deeper[x]
            deeper[x] += h * _own(rho[x], p, t, treatment)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _pull_shares(
    rho: Array,
    beside: Array,
    inside: Array,
    share: Array,
    step: Scalar,
    n_halvings: int,
    by_beside: Array,
    by_inside: Array,
    by_share: Array,
    gradient: Array,
) -> None:
    """As pull_row; its sides of the kinks are those of shares.py."""
    one = np.float32(1)
    own, passed = _decay_anywhere(step, n_halvings)
    for x in range(rho.size):
        r, c = rho[x], share[x]
        by_a, by_b = passed * by_inside[x] + own * gradient[x], by_beside[x]
        gain = by_a - by_b
        slope = gain * (beside[x] if (r >= c) & (c < one) else inside[x])
        enters = (r >= c) & (r > np.float32(0))
        inverse = one / max(one - c if enters else c, TINY)
        kept = (one - r if enters else r) * inverse
        moved = (one - kept) * gain
        gradient[x] = by_share[x] + slope
        by_share[x] = -slope * kept
        by_inside[x] = by_a - (np.float32(0) if enters else moved)
        by_beside[x] = by_b + (moved if enters else np.float32(0))


@numba.njit(cache=True, nogil=True, parallel=True)
def pull_absorption(
    volume: Array, box: Array, step: Scalar, n_halvings: int, treatment: int, gradient: Array
) -> None:
    """Within a box, turn the gradient by the attenuated material into that by the material, in place."""
    z0, z1 = box[0]
    x0, x1 = box[2]
    for y in numba.prange(box[1, 0], box[1, 1]):
        lights = np.empty((z1 - z0 + 1, n_states(treatment), x1 - x0), dtype=np.float32)
        unused = np.empty(x1 - x0, dtype=np.float32)
        enter(lights[0])
        for z in range(z1 - z0):
            lights[z + 1] = lights[z]
            weigh_row(volume[z0 + z, y, x0:x1], lights[z + 1], step, n_halvings, treatment, unused)
        behind = np.zeros(lights[0].shape, dtype=np.float32)
        for z in range(z1 - z0 - 1, -1, -1):
            row = volume[z0 + z, y, x0:x1]
            part = gradient[z0 + z, y, x0:x1]
            pull_row(row, lights[z], step, n_halvings, treatment, behind, part)
