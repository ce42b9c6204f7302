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
_TINY = 1e-12


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
    if treatment == "shares":
        return _shares(rho, step)
    depth = passed(rho, plan.grid_shape[0])
    if treatment != "exact":
        part = _OWN_PART[treatment]
        light = _attenuated(depth + part * rho if part else depth, step)
        return tuple(rho * u for u in light)
    light = _attenuated(depth, step)
    if len(light) == 1:
        return (_blocked(rho, step)[0] / step.real * light[0],)
    return times(_own(rho, step, treatment), light)


def _shares(rho: Tensor, step: complex) -> tuple[Tensor, ...]:
    """As shares.py: light in the material and beside it, carried on from slice to slice."""
    own, left = -np.expm1(-step) / step, np.exp(-step)
    n = 1 if step.imag == 0 else 2

    def advance(state: tuple[Tensor, ...], values: tuple[Tensor, ...]) -> tuple[Any, Any]:
        inside, beside, before = state[:n], state[n:-1], state[-1]
        share = values[0]
        into, out_of, kept_inside, kept_beside = _moves(share, before)
        lit = tuple(a * kept_inside + b * into for a, b in zip(inside, beside, strict=True))
        beside = tuple(b * kept_beside + a * out_of for a, b in zip(inside, beside, strict=True))
        return (*_scaled(lit, left), *beside, share), _scaled(lit, own)

    dark, bright = ops.zeros_like(rho[:, 0]), ops.ones_like(rho[:, 0])
    start = (dark, bright, dark) if n == 1 else (dark, dark, bright, dark, dark)
    by_slice = scan(advance, start, (ops.transpose(rho, (1, 0, 2, 3)),), n)
    return tuple(ops.transpose(part, (1, 0, 2, 3)) for part in by_slice)


def _moves(share: Tensor, before: Tensor) -> tuple[Tensor, ...]:
    """Portions of the light that enter the material and that leave it, and that stay in it and beside it.

    Where voxels stay empty or full, all light in the material leaves and all beside it enters, though there is none;
    and a term of value zero gives the gradient by the voxel, which cannot change but one way.
    """
    grows = ops.logical_and(share >= before, share > 0)
    empty = ops.logical_and(share <= 0, before <= 0)
    full = ops.logical_and(share >= 1, before >= 1)
    room, filled = ops.maximum(1 - before, _TINY), ops.maximum(before, _TINY)
    into = ops.where(grows, ops.where(full, 1.0, (share - before) / room), 0.0)
    out_of = ops.where(grows, 0.0, ops.where(empty, 1.0, (before - share) / filled))
    kept_inside = ops.where(grows, 1.0, ops.where(empty, 0.0, share / filled))
    kept_beside = ops.where(grows, ops.where(full, 0.0, (1 - share) / room), 1.0)
    filling, clearing = ops.where(empty, share, 0.0), ops.where(full, 1 - share, 0.0)
    return into + filling, out_of + clearing, kept_inside - clearing, kept_beside - filling


def _scaled(light: tuple[Tensor, ...], factor: complex) -> tuple[Tensor, ...]:
    """Light times a number."""
    if len(light) == 1:
        return (light[0] * factor.real,)
    return times((light[0], light[1]), (factor.real, factor.imag))


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
    real, imag = scan(advance, (nothing, nothing), blocked, 2)
    return ops.transpose(real, (1, 0, 2, 3)), ops.transpose(imag, (1, 0, 2, 3))


def _difference(a: Pair, b: Pair) -> Pair:
    return a[0] - b[0], a[1] - b[1]


def _constant(values: NDArray[np.complex128]) -> Pair:
    real, imag = (ops.convert_to_tensor(part.astype(np.float32)) for part in (values.real, values.imag))
    return real, imag
