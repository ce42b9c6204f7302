"""Complex weights through a kernel of real volumes: refraction and propagation for every linear transform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation.kernels import _share_kernels as shares
from scatterkit.simulation.kernels import _wave_kernels as loops
from scatterkit.simulation.kernels import propagation
from scatterkit.simulation.kernels._slice_kernels import bounding_box
from scatterkit.simulation.kernels.threads import share_out
from scatterkit.simulation.kernels.waves import DIFFRACTING
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]


@lru_cache(maxsize=16)
def linear_plan(plan: MSFTPlan) -> MSFTPlan:
    """The same transform without any absorption: linear in the volume."""
    return replace(plan, optical_step=0.0, phase_step=0.0, self_absorption="none", propagation="msft")


@dataclass(frozen=True)
class ByWeights:
    """A kernel of real volumes, applied to the real and imaginary parts of what the slices scatter.

    Bodies are taken as many at a time as there are threads, each with two volumes of its own.
    """

    kernel: Any

    def field(self, volumes: Array, plan: MSFTPlan) -> NDArray[np.complex64]:
        """Scattered fields ``(n, rows, columns)`` of volumes ``(n, z, y, x)``."""
        volumes = np.ascontiguousarray(volumes, dtype=np.float32)
        fields = np.empty((len(volumes), *plan.detector_shape), dtype=np.complex64)
        for some in _groups(len(volumes)):
            real, imag = parts = np.zeros((2, *volumes[some].shape), dtype=np.float32)
            _weigh(volumes[some], plan, real, imag)
            by_part = self.kernel.field(parts.reshape(-1, *plan.grid_shape), linear_plan(plan))
            n = len(real)
            fields[some] = by_part[:n] + 1j * by_part[n:]
        return fields

    def adjoint(
        self, volumes: Array, plan: MSFTPlan, field_gradient: Array, *, within_body: bool = False
    ) -> NDArray[np.float32]:
        """Gradient by the volumes, of their shape."""
        volumes = np.ascontiguousarray(volumes, dtype=np.float32)
        gradients = np.zeros(volumes.shape, dtype=np.float32)
        for some in _groups(len(volumes)):
            g = np.asarray(field_gradient[some], dtype=np.complex64)
            real, imag = (
                self.kernel.adjoint(volumes[some], linear_plan(plan), part, within_body=within_body)
                for part in (g, -1j * g)
            )
            _pull(volumes[some], plan, real, imag, within_body, gradients[some])
        return gradients


def _groups(n: int) -> list[slice]:
    size = numba.get_num_threads()
    return [slice(start, start + size) for start in range(0, n, size)]


def _boxes(volumes: Array) -> Array:
    return np.stack([bounding_box(volume) for volume in volumes])


def _weigh(volumes: Array, plan: MSFTPlan, real: Array, imag: Array) -> None:
    """Write the parts of what the slices scatter into arrays of zeros."""
    material = _boxes(volumes)
    if plan.propagation in DIFFRACTING:
        propagation.weights(volumes, material, plan, real, imag)
        return
    work = shares.weigh_shares if plan.self_absorption == "shares" else loops.weigh_rays
    _by_rows(work, volumes, material, plan, real, imag)


def _pull(
    volumes: Array, plan: MSFTPlan, real: Array, imag: Array, within_body: bool, gradients: Array
) -> None:
    """Turn gradients by the parts of what the slices scatter into gradients by the volumes."""
    material = _boxes(volumes)
    whole = np.broadcast_to([(0, n) for n in plan.grid_shape], material.shape)
    boxes = material if within_body else whole
    if plan.propagation in DIFFRACTING:
        propagation.pull_weights(volumes, material, boxes, plan, real, imag, gradients)
        return
    work = shares.pull_shares if plan.self_absorption == "shares" else loops.pull_rays
    _by_rows(work, volumes, boxes, plan, real, imag, gradients)


def _by_rows(work: Callable[..., None], volumes: Array, boxes: Array, plan: MSFTPlan, *others: Array) -> None:
    """Share out rows of bodies, within their boxes: as few shares as give every thread one."""
    n_threads, n = numba.get_num_threads(), len(volumes)
    shares = -(-n_threads // n)
    physics: tuple[Any, ...] = loops.attenuation(plan)
    if plan.self_absorption == "shares":
        physics = physics[:1]  # filled voxels alone darken, all alike

    def some_rows(i: int) -> None:
        body, share = divmod(i, shares)
        n_rows = int(boxes[body, 1, 1] - boxes[body, 1, 0])
        rows = share * n_rows // shares, (share + 1) * n_rows // shares
        work(volumes[body], boxes[body], rows, *physics, *(other[body] for other in others))

    share_out(some_rows, n * shares, n_threads)
