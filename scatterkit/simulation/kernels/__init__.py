"""Kernels of the multi-slice Fourier transform: one formula, three inner loops.

Every kernel is a module with ``field(volumes, plan)`` and
``adjoint(volumes, plan, field_gradient, within_body=False)``.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol

from numpy.typing import NDArray

from scatterkit.simulation.kernels.costs import cheapest
from scatterkit.simulation.kernels.quadrants import ByQuadrants, mirrors
from scatterkit.simulation.kernels.waves import complex_weights
from scatterkit.simulation.kernels.weighted import ByWeights
from scatterkit.simulation.plan import MSFTPlan


class Kernel(Protocol):
    """What a kernel offers."""

    def field(self, volumes: NDArray[Any], plan: MSFTPlan) -> NDArray[Any]:
        """Scattered fields ``(n, rows, columns)`` of volumes ``(n, z, y, x)``."""

    def adjoint(
        self,
        volumes: NDArray[Any],
        plan: MSFTPlan,
        field_gradient: NDArray[Any],
        *,
        within_body: bool = False,
    ) -> NDArray[Any]:
        """Gradient by the volumes, of their shape."""


def get(backend: str, plan: MSFTPlan) -> Kernel:
    """Give the kernel of a backend's name; ``"auto"`` is the cheapest for the plan."""
    name = cheapest(plan) if backend == "auto" else backend
    kernel = importlib.import_module(f"scatterkit.simulation.kernels.{name}")
    if name == "reference":
        return kernel
    # All kernels but the plain formula compute one quadrant or half of the detector and mirror it.
    real = kernel if mirrors(plan) else ByQuadrants(kernel)
    return ByWeights(real) if complex_weights(plan) else real
