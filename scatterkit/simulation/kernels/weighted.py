"""Complex weights through a kernel of real volumes: refraction and propagation for every linear transform."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels import waves
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]


@lru_cache(maxsize=16)
def linear_plan(plan: MSFTPlan) -> MSFTPlan:
    """The same transform without any absorption: linear in the volume."""
    return replace(plan, optical_step=0.0, phase_step=0.0, self_absorption="none", propagation="msft")


@dataclass(frozen=True)
class ByWeights:
    """A kernel of real volumes, applied to the real and imaginary parts of what the slices scatter."""

    kernel: Any

    def field(self, volumes: Array, plan: MSFTPlan) -> Array:
        """Scattered fields ``(n, rows, columns)`` of volumes ``(n, z, y, x)``."""
        weights = np.stack([waves.weights(np.asarray(rho, np.float64), plan) for rho in volumes])
        real, imag = (
            self.kernel.field(part.astype(np.float32), linear_plan(plan))
            for part in (weights.real, weights.imag)
        )
        return real + 1j * imag

    def adjoint(
        self, volumes: Array, plan: MSFTPlan, field_gradient: Array, *, within_body: bool = False
    ) -> Array:
        """Gradient by the volumes, of their shape."""
        real, imag = (
            self.kernel.adjoint(volumes, linear_plan(plan), g, within_body=within_body)
            for g in (field_gradient, -1j * field_gradient)
        )
        return np.stack(
            [
                waves.weights_adjoint(np.asarray(rho, np.float64), plan, by_weight)
                for rho, by_weight in zip(volumes, real + 1j * imag, strict=True)
            ]
        )
