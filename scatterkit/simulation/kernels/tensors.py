"""The multi-slice Fourier transform in Keras tensors, on TensorFlow, JAX or PyTorch, in real arithmetic.

Volumes are folded about their middle along z, y and x, so that products with half tables of cosines and sines
give even and odd parts; on one quadrant of the detector these give the field on all. Gradients are the backend's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels import tensor_backends as backends
from scatterkit.simulation.kernels.reference import keep_body
from scatterkit.simulation.kernels.tensor_transform import scatter, working_memory
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
_MEMORY = 2**29
"""Bytes that a call may use at a time, about."""


def field(volumes: Array, plan: MSFTPlan) -> NDArray[np.complex64]:
    """Scattered field of volumes ``(n, z, y, x)`` as complex64 ``(n, rows, columns)``."""
    backends.forbid_tensorfloat()
    fields = np.empty((len(volumes), *plan.detector_shape), dtype=np.complex64)
    for some in _groups(len(volumes), plan):
        result = backends.compiled(scatter, plan)(_single(volumes[some]))
        fields.real[some], fields.imag[some] = result
    return fields


def adjoint(
    volumes: Array, plan: MSFTPlan, field_gradient: Array, *, within_body: bool = False
) -> NDArray[np.float32]:
    """Gradient by the volumes of a loss whose gradient by the field is dL/dRe E + i dL/dIm E."""
    backends.forbid_tensorfloat()
    gradients = np.empty(np.shape(volumes), dtype=np.float32)
    for some in _groups(len(volumes), plan):
        g = field_gradient[some]
        parts = _single(volumes[some]), _single(g.real), _single(g.imag)
        gradients[some] = backends.compiled_pullback(scatter, plan)(*parts)
    if within_body:
        for gradient, rho in zip(gradients, volumes, strict=True):
            keep_body(gradient, rho)
    return gradients


def _groups(n: int, plan: MSFTPlan) -> list[slice]:
    """Equal parts of a batch, as few as memory allows: every length is compiled anew."""
    at_once = max(1, _MEMORY // working_memory(plan))
    size = math.ceil(n / math.ceil(n / at_once))
    return [slice(start, start + size) for start in range(0, n, size)]


def _single(values: Array) -> NDArray[np.float32]:
    return np.require(values, dtype=np.float32, requirements=("C", "W"))
