"""Single-precision tables of the Keras kernel: everything about a plan that does not depend on the volumes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels.depth_modes import depth_modes
from scatterkit.simulation.kernels.quadrants import mirrors, quadrants
from scatterkit.simulation.kernels.waves import complex_weights
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
_WORTHWHILE = 0.8
"""Depth modes are used where they are at most this many per slice: projecting costs as well."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A part of the detector's plane over which Qz mirrors.

    ``cosines`` and ``sines`` turn depth channels into sums over slices, (channel, x, y) or (channel, pixel);
    ``response`` holds its real part and, where it has one, its imaginary part.
    """

    cosines: Array
    sines: Array
    response: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Tables:
    """What the transform multiplies by.

    Parameters
    ----------
    shift : tuple of ndarray
        Cosine and sine of Q0 z, ``(z, 1, 1)``, by which complex weights are multiplied first, so that the rest
        of the phases has half the bandwidth; empty for real weights.
    projections : tuple of ndarray
        Even and odd depth modes on half the slices, ``(mode, half z)``; empty where slices are kept.
    along_y, along_x : ndarray of shape (2, half grid, steps or pixels)
        Cosines and sines.
    sheets : tuple of Sheet
        The detector is their sum.
    quadrant : tuple of int or None
        Steps from the middle (y, x) that are seen; None where every pixel is computed for itself.
    separable : bool
        Whether ``along_y`` and ``along_x`` belong to rows and columns instead of pixels.
    places : ndarray
        Without quadrants: where in the list of computed values, then a zero, each pixel finds its own.
    """

    shift: tuple[Array, ...]
    projections: tuple[Array, ...]
    along_y: Array
    along_x: Array
    sheets: tuple[Sheet, ...]
    quadrant: tuple[int, int] | None
    separable: bool
    places: Array

    @property
    def channels(self) -> int:
        """Real depth channels that are transformed."""
        sheet = self.sheets[0]
        return len(sheet.cosines) + len(sheet.sines)


@lru_cache(maxsize=8)
def tables(plan: MSFTPlan) -> Tables:
    """Give the tables of a plan."""
    seen = plan.response != 0
    q_z = plan.q_z[seen] if seen.any() else np.zeros(1)
    low, high = float(q_z.min()), float(q_z.max())
    middle = (low + high) / 2 if complex_weights(plan) else 0.0
    modes = depth_modes(low - middle, high - middle, plan.z)
    half_z = plan.z[len(plan.z) // 2 :]
    if len(modes) <= _WORTHWHILE * len(plan.z):
        basis = modes.even, modes.odd
        projections = tuple(_single(part[:, len(plan.z) // 2 :]) for part in basis)
    else:
        basis, projections = None, ()
    shift = tuple(_single(f(middle * plan.z)[:, None, None]) for f in (np.cos, np.sin)) if middle else ()

    def sheet(part: MSFTPlan, q_z: Array) -> Sheet:
        phase = (q_z - middle) * (half_z if basis is None else plan.z).reshape(-1, *[1] * q_z.ndim)
        cosines, sines = np.cos(phase), np.sin(phase)
        if basis is not None:
            cosines, sines = np.tensordot(basis[0], cosines, axes=1), np.tensordot(basis[1], sines, axes=1)
        real, imag = _single(part.response.real), _single(part.response.imag)
        return Sheet(_single(cosines), _single(sines), (real, imag) if imag.any() else (real,))

    if _is_symmetric(plan):
        return _of_quadrants(plan, sheet, shift, projections)
    return _of_pixels(plan, sheet, shift, projections)


def _of_quadrants(plan: MSFTPlan, sheet: Any, shift: tuple, projections: tuple) -> Tables:
    steps = _steps(plan.response, 0), _steps(plan.response, 1)
    rows, columns = (np.arange(n) for n in steps)
    pixels = np.ix_(plan.response.shape[0] // 2 - rows, plan.response.shape[1] // 2 - columns)
    q_y, q_x = (-np.broadcast_to(q, plan.detector_shape)[pixels] for q in (plan.q_y, plan.q_x))
    parts = (plan,) if mirrors(plan) else quadrants(plan)
    depth = [part.q_z[pixels] for part in parts]
    if plan.separable:
        q_y, q_x, depth = q_y[:, 0], q_x[0], [q.T for q in depth]
    else:
        q_y, q_x, *depth = (q.T.ravel() for q in (q_y, q_x, *depth))
    sheets = tuple(sheet(part, q) for part, q in zip(parts, depth, strict=True))
    along = _lateral(plan.y, q_y), _lateral(plan.x, q_x)
    return Tables(shift, projections, *along, sheets, steps, plan.separable, np.empty(0, dtype=np.int32))


def _of_pixels(plan: MSFTPlan, sheet: Any, shift: tuple, projections: tuple) -> Tables:
    seen = plan.response != 0
    q_y, q_x = (np.broadcast_to(q, seen.shape)[seen] for q in (plan.q_y, plan.q_x))
    places = np.full(seen.shape, q_y.size, dtype=np.int32)
    places[seen] = np.arange(q_y.size)
    sheets = (sheet(plan, plan.q_z[seen]),)
    along = _lateral(plan.y, q_y), _lateral(plan.x, q_x)
    return Tables(shift, projections, *along, sheets, None, False, places.ravel())


def _is_symmetric(plan: MSFTPlan) -> bool:
    """Whether mirrored pixels see mirrored wave vectors; those of an even side's first line have no partner."""
    rows, columns = plan.detector_shape
    for q, odd_axis in ((plan.q_y, 0), (plan.q_x, 1)):
        q = np.broadcast_to(q, plan.detector_shape)[1 - rows % 2 :, 1 - columns % 2 :]
        if not np.allclose(q, -np.flip(q, odd_axis)) or not np.allclose(q, np.flip(q, 1 - odd_axis)):
            return False
    return plan.separable or mirrors(plan)


def _steps(response: Array, axis: int) -> int:
    """Steps from the middle along an axis, 0 upwards, as far as any pixel is seen."""
    seen = np.flatnonzero((response != 0).any(axis=1 - axis))
    return 1 + int(np.abs(seen - response.shape[axis] // 2).max(initial=0))


def _lateral(r: Array, q: Array) -> Array:
    phase = r[len(r) // 2 :, None] * q
    return _single(np.stack([np.cos(phase), np.sin(phase)]))


def _single(values: Array) -> Array:
    return np.ascontiguousarray(values, dtype=np.float32)
