"""The formula in plain NumPy and double precision: the yardstick of every other kernel.

E(q) = response(q) * sum over slices z of exp(+i Qz z) * FT[w_z](q), w_z what a slice scatters (waves.py),
with FT[f](q) = sum over voxels r of f(r) exp(-i q.r).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels import waves
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
_PIXELS_AT_ONCE = 2048


def _separable_transforms(plan: MSFTPlan) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    left = np.exp(-1j * plan.q_y * plan.y)
    right = np.exp(-1j * plan.x[:, None] * plan.q_x)
    return lambda f: left @ f @ right, lambda g: left.conj().T @ g @ right.conj().T


def _pixelwise_transforms(plan: MSFTPlan) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    q_y, q_x = (q.reshape(-1, 1) for q in np.broadcast_arrays(plan.q_y, plan.q_x))
    chunks = [slice(i, i + _PIXELS_AT_ONCE) for i in range(0, len(q_y), _PIXELS_AT_ONCE)]

    def forward(f: Array) -> Array:
        parts = [
            np.sum(np.exp(-1j * q_y[c] * plan.y) * (np.exp(-1j * q_x[c] * plan.x) @ f.T), axis=1)
            for c in chunks
        ]
        return np.concatenate(parts).reshape(plan.detector_shape)

    def adjoint(g: Array) -> Array:
        values = g.reshape(-1, 1)
        parts = [(values[c] * np.exp(1j * q_y[c] * plan.y)).T @ np.exp(1j * q_x[c] * plan.x) for c in chunks]
        return np.sum(parts, axis=0)

    return forward, adjoint


def _transforms(plan: MSFTPlan) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """The transverse Fourier transform of a slice, and its adjoint."""
    return _separable_transforms(plan) if plan.separable else _pixelwise_transforms(plan)


def field(volumes: Array, plan: MSFTPlan) -> NDArray[np.complex128]:
    """Scattered field of volumes ``(n, z, y, x)`` as complex128 ``(n, rows, columns)``."""
    transform, _ = _transforms(plan)
    fields = np.zeros((len(volumes), *plan.detector_shape), dtype=np.complex128)
    for E, rho in zip(fields, np.asarray(volumes, dtype=np.float64), strict=True):
        for z, weight in zip(plan.z, waves.weights(rho, plan), strict=True):
            E += np.exp(1j * plan.q_z * z) * transform(weight)
        E *= plan.response
    return fields


def keep_body(gradient: Array, rho: Array) -> None:
    """Zero a gradient outside the bounding box of the material."""
    box = np.ix_(*(_span(np.any(rho, axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))))
    kept = gradient[box]
    gradient[:] = 0
    gradient[box] = kept


def _span(occupied: Any) -> Array:
    where = np.flatnonzero(occupied)
    return np.arange(where[0], where[-1] + 1) if where.size else where


def adjoint(
    volumes: Array, plan: MSFTPlan, field_gradient: Array, *, within_body: bool = False
) -> NDArray[np.float64]:
    """Gradient by the volumes of a loss whose gradient by the field is dL/dRe E + i dL/dIm E."""
    _, transform_adjoint = _transforms(plan)
    gradients = np.zeros(np.shape(volumes), dtype=np.float64)
    for result, rho, g in zip(gradients, np.asarray(volumes, dtype=np.float64), field_gradient, strict=True):
        g = plan.response.conj() * g
        by_weight = np.stack([transform_adjoint(np.exp(-1j * plan.q_z * z) * g) for z in plan.z])
        result[:] = waves.weights_adjoint(rho, plan, by_weight)
        if within_body:
            keep_body(result, rho)
    return gradients
