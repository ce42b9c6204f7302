"""From volumes to the field at the pixels by pairs of real products, in Keras tensors of any backend."""

from __future__ import annotations

import math
from contextlib import nullcontext
from functools import partial
from typing import Any

from keras import ops

from scatterkit.simulation.kernels import tensor_waves, waves
from scatterkit.simulation.kernels.tensor_backends import by_parts, constants, exact_products
from scatterkit.simulation.kernels.tensor_tables import Sheet, Tables, tables
from scatterkit.simulation.plan import MSFTPlan

Tensor = Any
Pair = tuple[Tensor, Tensor]
_PIXELS_AT_ONCE = 1024
_RECYCLED = 2**26
"""Bytes up to which memory allocators keep freed blocks for later, instead of asking for new pages each time."""


def scatter(volumes: Tensor, plan: MSFTPlan, exact: bool = True) -> Pair:
    """Real and imaginary part of the scattered fields ``(n, rows, columns)`` of volumes ``(n, z, y, x)``.

    Unless ``exact``, products have the precision that the backend is set to.
    """
    with exact_products() if exact else nullcontext():
        transform = partial(_transform, plan=plan, t=constants(tables(plan)))
        size = max(1, _RECYCLED // working_memory(plan))
        return by_parts(transform, tensor_waves.weights(volumes, plan), size)


def multiply_adds(plan: MSFTPlan) -> float:
    """Count the multiply-adds of all products with tables for one volume; a gradient takes as many again."""
    _, n_y, n_x = plan.grid_shape
    t = tables(plan)
    half_z, half_y, half_x = (n - n // 2 for n in plan.grid_shape)
    projecting = sum(p.shape[0] for p in t.projections) * half_z * n_y * n_x
    n_q_y, n_q_x = t.along_y.shape[2], t.along_x.shape[2]
    along_x = 4 * t.channels * half_y * half_x * n_q_x
    along_y = 4 * t.channels * half_y * n_q_x * (n_q_y if t.separable else 1)
    depth = 4 * t.channels * n_q_x * (n_q_y if t.separable else 1) * len(t.sheets)
    return float(len(_parts(plan)) * (projecting + along_x + along_y + depth) + _passed(plan))


def _passed(plan: MSFTPlan) -> float:
    if plan.complex_step == 0 or plan.propagation in waves.DIFFRACTING:
        return 0.0
    return math.prod(plan.grid_shape) * float(tensor_waves.block_width(plan.grid_shape[0]))


def _parts(plan: MSFTPlan) -> range:
    return range(2 if waves.complex_weights(plan) else 1)


def working_memory(plan: MSFTPlan) -> int:
    """Bytes that a volume's field and gradient take, about."""
    t = tables(plan)
    voxels = math.prod(plan.grid_shape)
    if t.separable:
        transforms = 4 * t.channels * t.along_x.shape[2] * (t.along_y.shape[1] + t.along_y.shape[2])
    else:
        transforms = 4 * t.channels * t.along_y.shape[1] * min(t.along_x.shape[2], _PIXELS_AT_ONCE)
    diffracting = plan.propagation in waves.DIFFRACTING
    padded = math.prod(waves.padded_shape(plan)) * plan.grid_shape[0] if diffracting else 0
    return 4 * (len(_parts(plan)) * (8 * voxels + 2 * transforms) + 8 * padded)


def _transform(parts: tuple[Tensor, ...], plan: MSFTPlan, t: Tables) -> Pair:
    """The field of what the slices scatter."""
    if len(parts) == 2:
        parts = tensor_waves.times(parts, (t.shift[0], t.shift[1])) if t.shift else parts
        # the transform is linear: of both parts at once, as a batch of twice the length
        sums = _sums(ops.concatenate(parts, axis=0), plan, t)
    else:
        sums = _sums(parts[0], plan, t)
    fields = []
    for sheet, by_parity in zip(t.sheets, sums, strict=True):
        real, imag = _image(by_parity, plan, t)
        if len(parts) == 2:
            (real, minus), (imag, plus) = ops.split(real, 2, axis=0), ops.split(imag, 2, axis=0)
            real, imag = real - plus, imag + minus
        fields.append(_respond((real, imag), sheet.response))
    return sum(f[0] for f in fields), sum(f[1] for f in fields)


def _respond(field: Pair, response: tuple[Tensor, ...]) -> Pair:
    if len(response) == 1:
        return field[0] * response[0], field[1] * response[0]
    return tensor_waves.times(field, (response[0], response[1]))


def _sums(weights: Tensor, plan: MSFTPlan, t: Tables) -> list[dict[str, Pair]]:
    """Sums over slices by sheet, with cosines and sines of Qz z, keyed by the parities (cosine, sine) along y, x."""
    _, n_y, n_x = plan.grid_shape
    halves = {}
    for x, along_x in zip("cs", _fold(_channels(weights, plan, t), 3, n_x), strict=True):
        for y, along_y in zip("cs", _fold(along_x, 2, n_y), strict=True):
            halves[y + x] = along_y
    if t.separable:
        lines = {key: _lines(half, key, t) for key, half in halves.items()}
        return [{key: _over_slices(lines[key], sheet) for key in lines} for sheet in t.sheets]
    return [{key: _pixels(half, key, t, t.sheets[0]) for key, half in halves.items()}]


def _channels(weights: Tensor, plan: MSFTPlan, t: Tables) -> Tensor:
    """Even channels and then odd ones, ``(n, channel, y, x)``: pairs of slices, or depth modes."""
    n_z, n_y, n_x = plan.grid_shape
    parts = _fold(weights, 1, n_z)
    if t.projections:
        flat = (ops.reshape(part, (-1, n_z - n_z // 2, n_y * n_x)) for part in parts)
        modes = (ops.matmul(p, part) for p, part in zip(t.projections, flat, strict=True))
        parts = tuple(ops.reshape(m, (-1, m.shape[1], n_y, n_x)) for m in modes)
    return ops.concatenate(parts, axis=1)


def _lines(half: Tensor, key: str, t: Tables) -> Tensor:
    """Transform along x, then along y: ``(n, channel, x, y)``."""
    columns = ops.matmul(half, t.along_x["cs".index(key[1])])
    return ops.matmul(ops.transpose(columns, (0, 1, 3, 2)), t.along_y["cs".index(key[0])])


def _over_slices(channels: Tensor, sheet: Sheet) -> Pair:
    even, odd = ops.split(channels, [sheet.cosines.shape[0]], axis=1)
    return ops.sum(even * sheet.cosines, axis=1), ops.sum(odd * sheet.sines, axis=1)


def _pixels(half: Tensor, key: str, t: Tables, sheet: Sheet) -> Pair:
    """Transform to pixels that share neither rows nor columns, some at a time: ``(n, pixel)``."""
    along_y, along_x = t.along_y["cs".index(key[0])], t.along_x["cs".index(key[1])]
    n = along_x.shape[1]
    sums = []
    for start in range(0, n, _PIXELS_AT_ONCE):
        some = slice(start, min(start + _PIXELS_AT_ONCE, n))
        channels = ops.sum(ops.matmul(half, along_x[:, some]) * along_y[:, some], axis=2)
        sums.append(_over_slices(channels, Sheet(sheet.cosines[:, some], sheet.sines[:, some], ())))
    return tuple(ops.concatenate(part, axis=1) for part in zip(*sums, strict=True))


def _image(sums: dict[str, Pair], plan: MSFTPlan, t: Tables) -> Pair:
    """Real and imaginary part at all pixels, before their response."""
    (a_cc, b_cc), (a_cs, b_cs), (a_sc, b_sc), (a_ss, b_ss) = (sums[key] for key in ("cc", "cs", "sc", "ss"))
    if t.quadrant is None:
        real, imag = a_cc - a_ss + b_sc + b_cs, b_cc - b_ss - a_sc - a_cs
        return _placed(real, plan, t), _placed(imag, plan, t)
    rows, columns = plan.detector_shape
    shape = (-1, t.quadrant[1], t.quadrant[0])

    def unfolded(*quarters: Tensor) -> Tensor:
        """Of parts that are even along y and x, odd along x alone, odd along y alone, and odd along both."""
        even, odd_x, odd_y, odd = (ops.reshape(q, shape) for q in quarters)
        halves = _unfold(even, odd_x, 1, columns), _unfold(odd_y, odd, 1, columns)
        return ops.transpose(_unfold(*halves, 2, rows), (0, 2, 1))

    return unfolded(a_cc, b_cs, b_sc, -a_ss), unfolded(b_cc, -a_cs, -a_sc, -b_ss)


def _placed(values: Tensor, plan: MSFTPlan, t: Tables) -> Tensor:
    padded = ops.pad(values, ((0, 0), (0, 1)))
    return ops.reshape(ops.take(padded, t.places, axis=1), (-1, *plan.detector_shape))


def _fold(a: Tensor, axis: int, n: int) -> Pair:
    """Even and odd part about the middle of an axis, on its upper half."""
    lower, upper = ops.split(a, [n // 2], axis=axis)
    lower = ops.flip(lower, axis=axis)
    if n % 2:  # the middle itself has no partner
        before = [(0, 0)] * len(a.shape)
        before[axis] = (1, 0)
        lower = ops.pad(lower, before)
    return upper + lower, upper - lower


def _unfold(even: Tensor, odd: Tensor, axis: int, n: int) -> Tensor:
    """From steps 0 upwards along an axis to all n pixels, zero where no step leads."""
    steps = even.shape[axis]
    n_after = min(steps, (n + 1) // 2)
    _, before = ops.split(even - odd, [1], axis=axis)
    after, _ = ops.split(even + odd, [n_after], axis=axis)
    whole = ops.concatenate([ops.flip(before, axis=axis), after], axis=axis)
    margins = [(0, 0)] * 3
    margins[axis] = (n // 2 - (steps - 1), n - n // 2 - n_after)
    return ops.pad(whole, margins)
