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
from scatterkit.simulation.plan import MSFTPlan

MODULES = {"keras": "tensors"}
"""Where a kernel's module is not named like the backend."""
COMPLETE = ("keras", "reference")
"""Kernels that take every plan as it is."""


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
    kernel = importlib.import_module(f"scatterkit.simulation.kernels.{MODULES.get(name, name)}")
    if name in COMPLETE:
        return kernel
    # The matrix and FFT kernels compute one quadrant or half of the detector and mirror it.
    real = kernel if name == "pixels" or mirrors(plan) else ByQuadrants(kernel)
    if complex_weights(plan):
        weighted = importlib.import_module("scatterkit.simulation.kernels.weighted")
        return weighted.ByWeights(real)
    return real
