"""What every slice scatters, as waves.py has it, in pairs of real Keras tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from scatterkit.simulation.kernels import waves
from scatterkit.simulation.kernels.tensor_backends import scan
from scatterkit.simulation.plan import MSFTPlan

Tensor = Any
Pair = tuple[Tensor, Tensor]
_OWN_PART = {"none": 0.0, "half": 0.5, "full": 1.0}
_ONE_BLOCK = 16


def times(a: Pair, b: Pair) -> Pair:
    """Product of complex numbers."""
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def weights(rho: Tensor, plan: MSFTPlan) -> tuple[Tensor, ...]:
    """What the slices of volumes ``(n, z, y, x)`` scatter: real part and, where there is one, imaginary part."""
    step, treatment = plan.complex_step, plan.self_absorption
    if plan.propagation in waves.DIFFRACTING:
        return times(_own(rho, step, treatment), _diffracted(rho, plan))
    if step == 0:
        return (rho,)
    depth = passed(rho, plan.grid_shape[0])
    if treatment != "exact":
        part = _OWN_PART[treatment]
        light = _attenuated(depth + part * rho if part else depth, step)
        return tuple(rho * u for u in light)
    light = _attenuated(depth, step)
    if len(light) == 1:
        return (_blocked(rho, step)[0] / step.real * light[0],)
    return times(_own(rho, step, treatment), light)


def passed(rho: Tensor, n_slices: int) -> Tensor:
    """Material before each slice: sums along z by products with triangles of ones, in blocks where that is cheaper."""
    width = block_width(n_slices)
    blocks = ops.reshape(rho, (-1, n_slices // width, width, math.prod(rho.shape[2:])))
    before = ops.matmul(np.tril(np.ones((width, width), dtype=np.float32), -1), blocks)
    if width < n_slices:
        n = n_slices // width
        totals = ops.sum(blocks, axis=2)
        before = before + ops.matmul(np.tril(np.ones((n, n), dtype=np.float32), -1), totals)[:, :, None]
    return ops.reshape(before, (-1, *rho.shape[1:]))


def block_width(n_slices: int) -> int:
    """Slices of a block of ``passed``."""
    if n_slices <= _ONE_BLOCK:
        return n_slices
    return max(d for d in range(1, math.isqrt(n_slices) + 1) if n_slices % d == 0)


def _attenuated(depth: Tensor, step: complex) -> tuple[Tensor, ...]:
    """exp(-step depth)."""
    amplitude = ops.exp(-step.real * depth)
    if step.imag == 0:
        return (amplitude,)
    phase = step.imag * depth
    return amplitude * ops.cos(phase), -amplitude * ops.sin(phase)


def _blocked(rho: Tensor, step: complex) -> Pair:
    """1 - exp(-step rho), without a difference of nearly equal numbers."""
    absorbed = -ops.expm1(-step.real * rho)
    if step.imag == 0:
        return absorbed, ops.zeros_like(rho)
    amplitude, half = ops.exp(-step.real * rho), ops.sin(0.5 * step.imag * rho)
    return absorbed + 2 * amplitude * half * half, amplitude * ops.sin(step.imag * rho)


def _own(rho: Tensor, step: complex, treatment: str) -> Pair:
    """Material of a voxel as seen through the voxel itself."""
    if treatment == "exact" and step != 0:
        inverse = 1 / step
        return times(_blocked(rho, step), (inverse.real, inverse.imag))
    part = _OWN_PART.get(treatment, 0.0)
    if part == 0:
        return rho, ops.zeros_like(rho)
    real, *imag = _attenuated(part * rho, step)
    return rho * real, (rho * imag[0] if imag else ops.zeros_like(rho))


def _diffracted(rho: Tensor, plan: MSFTPlan) -> Pair:
    """Light that reaches the slices: the incident wave 1 and the scattered field, carried on from slice to slice."""
    (length_y, length_x), (n_y, n_x) = waves.padded_shape(plan), plan.grid_shape[1:]
    factor, gain = _constant(waves.propagator(plan)), waves.oblique(plan)
    oblique = None if gain is None else _constant(gain)
    kept = ops.convert_to_tensor(waves.absorber(plan).astype(np.float32))
    around = ((0, 0), (0, length_y - n_y), (0, length_x - n_x))

    def advance(field: Pair, blocked: Pair) -> tuple[Pair, Pair]:
        light = 1 + field[0][:, :n_y, :n_x], field[1][:, :n_y, :n_x]
        lost = tuple(ops.pad(part, around) for part in times(blocked, light))
        if oblique is None:
            transform = ops.fft2(_difference(field, lost))
        else:
            transform = _difference(ops.fft2(field), times(ops.fft2(lost), oblique))
        real, imag = ops.ifft2(times(transform, factor))
        return (kept * real, kept * imag), light

    blocked = tuple(ops.transpose(part, (1, 0, 2, 3)) for part in _blocked(rho, plan.complex_step))
    nothing = ops.pad(ops.zeros_like(rho[:, 0]), around)
    real, imag = scan(advance, (nothing, nothing), blocked)
    return ops.transpose(real, (1, 0, 2, 3)), ops.transpose(imag, (1, 0, 2, 3))


def _difference(a: Pair, b: Pair) -> Pair:
    return a[0] - b[0], a[1] - b[1]


def _constant(values: NDArray[np.complex128]) -> Pair:
    real, imag = (ops.convert_to_tensor(part.astype(np.float32)) for part in (values.real, values.imag))
    return real, imag
