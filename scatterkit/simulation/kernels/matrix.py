"""Pruned Fourier transform by real matrix products, onto exactly the wanted wave vectors.

The body's bounding box is folded about its middle along z, y and x, so that real products with cosines and sines on
one quadrant of the detector give all four; the phase of the box's middle is applied at the end. Bodies are shared
out among threads, or pairs of rows of one body: a share needs nothing of the others but that sums add up.

A thread keeps 16 Z y x + 32 Q bytes, with y and x half the extents of the body's bounding box (x rounded up to 8), Z
the depth modes or slices, and Q the pixels of a quadrant; and up to a megabyte, or 36 z x bytes if that is more, while
rows are folded. A plan keeps 4 s Q bytes of phases where bodies are taken by slices, s on the grid, and 8 m Q for
every class of extents, 16 at most, that is projected to m modes of either parity.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import fail
from scatterkit.simulation.kernels import _fold_kernels as folding
from scatterkit.simulation.kernels import _matrix_kernels as products
from scatterkit.simulation.kernels import _quadrant_kernels as pixels
from scatterkit.simulation.kernels import _slice_kernels as slices
from scatterkit.simulation.kernels import gridding
from scatterkit.simulation.kernels._tiles import LANES, ROWS
from scatterkit.simulation.kernels.body_modes import half_modes
from scatterkit.simulation.kernels.costs import chosen_modes, matrix_multiply_adds
from scatterkit.simulation.kernels.threads import share_out
from scatterkit.simulation.kernels.workspace import workspace
from scatterkit.simulation.plan import MSFTPlan

Array = NDArray[Any]
_WORTH_SHARING = 2e7
"""Multiply-adds of a body that is worth waking another thread for."""


def _up(n: int, step: int) -> int:
    return -(-n // step) * step


@dataclass(frozen=True, eq=False)
class _Tables:
    """Single-precision phases of one quadrant of the detector; rows are filled up to tiles, columns to vectors."""

    lateral_y: Array  # cosines and sines, (parity, |q_y| or nodes, half grid)
    lateral_x: Array  # (parity, half grid, |q_x| or nodes)
    lateral_y_back: Array  # the same, transposed
    lateral_x_back: Array
    q_z: Array  # (|q_y|, |q_x|), in double precision
    halvings: Array  # exp(i Qz 2^b dz / 2), (b, part, |q_y|, |q_x|)
    seen: Array  # how many columns each tile of rows needs
    nodes: Array  # first node of a pixel, (y or x, |q_y|, |q_x|); empty where the pixels are the nodes
    windows: Array  # (y or x, |q_y|, |q_x|, offset)
    q: tuple[Array, Array]  # |q_y| of the first column and |q_x| of the first row
    response: Array  # (|q_y|, below, left, part, |q_x|)

    @property
    def sums_shape(self) -> tuple[int, ...]:
        """Parity along z, x and y, |q_y|, |q_x|."""
        return 2, 2, 2, *self.q_z.shape


@lru_cache(maxsize=8)
def _tables(plan: MSFTPlan) -> _Tables:
    quadrant = _quadrant(plan)
    q_y, q_x = (-np.broadcast_to(q, plan.detector_shape)[quadrant] for q in (plan.q_y, plan.q_x))
    _, n_y, n_x = plan.grid_shape
    dz, dy, dx = plan.voxel
    if plan.separable:
        along_y, along_x = _lateral(q_y[:, 0], n_y, dy), _lateral(q_x[0], n_x, dx)
        nodes, windows = np.empty((2, 0, 0), dtype=np.int64), np.empty((2, 0, 0, 0), dtype=np.float32)
    else:
        step_y, step_x = gridding.spacing(n_y * dy), gridding.spacing(n_x * dx)
        along_y = _lateral(gridding.nodes(q_y.max(), step_y), n_y, dy, correct=step_y)
        along_x = _lateral(gridding.nodes(q_x.max(), step_x), n_x, dx, correct=step_x)
        found = gridding.windows(q_y, step_y), gridding.windows(q_x, step_x)
        nodes, windows = np.stack([w[0] for w in found]), np.stack([w[1] for w in found])
    q_z = _filled(plan.q_z[quadrant], ROWS, LANES)
    doublings = np.arange((2 * max(plan.grid_shape[0], 1)).bit_length())
    waves = np.exp(1j * q_z * (dz / 2 * 2.0**doublings)[:, None, None])
    return _Tables(
        lateral_y=_single(_filled(along_y.transpose(0, 2, 1), ROWS, 1)),
        lateral_x=_single(_filled(along_x, 1, LANES)),
        lateral_y_back=_single(_filled(along_y, ROWS, ROWS, room=ROWS)),
        lateral_x_back=_single(_filled(along_x.transpose(0, 2, 1), 1, LANES)),
        q_z=q_z,
        halvings=_single(np.stack([waves.real, waves.imag], axis=1)),
        seen=_seen(plan, quadrant),
        nodes=nodes,
        windows=windows,
        q=(_filled(q_y[:, :1], ROWS, 1)[:, 0].copy(), _filled(q_x[:1], 1, LANES)[0]),
        response=_quadrants(plan.response, q_z.shape),
    )


def _quadrant(plan: MSFTPlan) -> tuple[Array, Array]:
    """Indices of the pixels with q = -0, -1, ... steps, the longer side, as far as any pixel is seen."""
    for q, axis in ((plan.q_y, 0), (plan.q_x, 1)):
        n = q.shape[axis]
        start = n // 2 - (n - 1) // 2
        inner = np.take(q, np.arange(start, n), axis=axis)
        if not np.allclose(inner, -np.flip(inner, axis=axis)):
            allowed = (
                "'auto', 'pixels' or 'reference' for this detector ('matrix' needs one that is symmetric about the "
                "direct beam)"
            )
            raise fail("backend", "MSFTSimulator", allowed, "'matrix'")
    seen = plan.response != 0
    rows, columns = (_distances(seen.any(axis=axis)) for axis in (1, 0))
    return len(seen) // 2 - rows[:, None], seen.shape[1] // 2 - columns[None, :]


def _distances(seen: Array) -> Array:
    """Distances from the middle, 0 upwards, up to the largest that is seen."""
    return np.arange(1 + np.abs(np.flatnonzero(seen) - len(seen) // 2).max(initial=0))


def _seen(plan: MSFTPlan, quadrant: tuple[Array, Array]) -> Array:
    """Up to which column, in whole vectors, any pixel of each tile of rows is seen in any quadrant."""
    n_y, n_x = (i.size for i in quadrant)
    rows, columns = (
        np.abs(i - n // 2) for i, n in zip(np.nonzero(plan.response), plan.detector_shape, strict=True)
    )
    last = np.zeros(-(-n_y // ROWS), dtype=np.int64)
    np.maximum.at(last, rows // ROWS, columns + 1)
    return np.minimum(-(-last // LANES) * LANES, _up(n_x, LANES))


def _filled(table: Array, rows: int, columns: int, room: int = 0) -> Array:
    """Lengthen the last two axes by zeros to whole multiples, and that of rows by some more."""
    n_y, n_x = table.shape[-2:]
    widths = [(0, 0)] * (table.ndim - 2) + [(0, -n_y % rows + room), (0, -n_x % columns)]
    return np.pad(table, widths)


def _single(table: Array) -> Array:
    return np.ascontiguousarray(table, dtype=np.float32)


def _lateral(q: Array, n: int, step: float, correct: float | None = None) -> Array:
    r = (np.arange(-(-n // 2)) + 0.5)[:, None] * step
    factor = 1.0 if correct is None else gridding.correction(r, correct)
    return np.asarray(factor * np.stack([np.cos(r * q), np.sin(r * q)]))


@dataclass(frozen=True, eq=False)
class _Modes:
    """Depth modes of bodies of some extents, or pairs of slices, of which a body needs the first ones."""

    projection: Array  # (parity z, mode, pair of slices); empty for pairs of slices
    back: Array  # the same, transposed
    phases: Array  # (parity z, mode, |q_y|, |q_x|)


@lru_cache(maxsize=32)
def _modes(plan: MSFTPlan, pairs: int | None) -> _Modes:
    n = -(-plan.grid_shape[0] // 2) if pairs is None else pairs
    z = (np.arange(n) + 0.5) * plan.voxel[0]
    waves = np.exp(1j * _tables(plan).q_z * z[:, None, None])
    phases = np.stack([waves.real, waves.imag])
    if pairs is None:
        nothing = np.empty((2, 0, 0), dtype=np.float32)
        return _Modes(nothing, nothing, _single(phases))
    values = half_modes(plan, pairs).values
    phases = np.einsum("cmz,czyx->cmyx", values, phases, optimize=True)
    back = values.transpose(0, 2, 1)
    return _Modes(_single(_filled(values, ROWS, 1)), _single(back), _single(phases))


@dataclass(frozen=True, eq=False)
class _Body:
    """What the loops must know of a body: its bounding box and how it is folded."""

    plan: MSFTPlan
    box: Array
    halves: tuple[int, int, int]  # half the extents, rounded up
    modes: _Modes
    n_shares: int

    @property
    def steps(self) -> int:
        """Half slices from the middle of the box to that of the folded body."""
        return 2 * (int(self.box[0, 0]) + self.halves[0]) - self.plan.grid_shape[0]

    @property
    def shares(self) -> list[tuple[int, int]]:
        """Pairs of rows for each thread, from the middle outwards."""
        n = self.halves[1]
        size = _up(-(-n // self.n_shares), 2)
        return [(first, min(first + size, n)) for first in range(0, n, size)]

    def workspace(self, rows: tuple[int, int]) -> Array:
        """Room for the folded modes of some rows."""
        half_z, _, half_x = self.halves
        n = self.modes.projection.shape[1] or half_z
        return workspace("modes", (2, n, _up(rows[1] - rows[0], 2), 2, 2, _up(half_x, LANES)))

    def factors(self) -> tuple[Array, int, tuple[Array, Array], tuple[float, float], Array]:
        """What every pixel's factor is computed from."""
        plan, tables = self.plan, _tables(self.plan)
        _, half_y, half_x = self.halves
        y = (self.box[1, 0] + half_y - plan.grid_shape[1] / 2) * plan.voxel[1]
        x = (self.box[2, 0] + half_x - plan.grid_shape[2] / 2) * plan.voxel[2]
        if plan.separable:
            return tables.halvings, self.steps, tables.q, (float(y), float(x)), tables.response
        response = plan.response * np.exp(-1j * (plan.q_y * y + plan.q_x * x))
        return tables.halvings, self.steps, tables.q, (0.0, 0.0), _quadrants(response, tables.q_z.shape)


def _body(plan: MSFTPlan, box: Array, n_threads: int) -> _Body:
    z, y, x = (box[:, 1] - box[:, 0]).tolist()
    light = matrix_multiply_adds(plan, (z, y, x)) < _WORTH_SHARING
    return _Body(
        plan=plan,
        box=box,
        halves=(-(-z // 2), -(-y // 2), -(-x // 2)),
        modes=_modes(plan, chosen_modes(plan, (z, y, x))),
        n_shares=1 if light else n_threads,
    )


def _quadrants(response: Array, shape: tuple[int, ...]) -> Array:
    """Response by quadrants, (|q_y|, below, left, part, |q_x|), zero where a quadrant has no pixel."""
    quadrants = np.zeros((shape[0], 2, 2, 2, shape[1]), dtype=np.float32)
    rows, columns = response.shape
    for below, left in np.ndindex(2, 2):
        lines = response[: rows // 2 + 1][::-1] if below else response[rows // 2 :]
        part = (lines[:, : columns // 2 + 1][:, ::-1] if left else lines[:, columns // 2 :])[
            : shape[0], : shape[1]
        ]
        target = quadrants[: part.shape[0], below, left, :, : part.shape[1]]
        target[:] = np.stack([part.real, part.imag], axis=1)
    return quadrants


def _parts(values: Array) -> Array:
    """Real and imaginary parts as a new last axis, without a copy where the type allows."""
    values = np.ascontiguousarray(values, dtype=np.complex64)
    return values.view(np.float32).reshape(*values.shape, 2)


def _bounding_box(volume: Array, n_threads: int) -> Array:
    """Bounding box of a volume, its slices shared out where they are many."""
    n = len(volume)
    if n_threads == 1 or volume.size < 2**20:
        return slices.bounding_box(volume)
    bounds = [n * i // n_threads for i in range(n_threads + 1)]
    boxes = np.zeros((n_threads, 3, 2), dtype=np.int64)

    def find(i: int) -> None:
        boxes[i] = slices.bounding_box(volume, bounds[i], bounds[i + 1])

    share_out(find, n_threads, n_threads)
    boxes = boxes[boxes[:, 0, 1] > 0]
    if not len(boxes):
        return np.zeros((3, 2), dtype=np.int64)
    return np.stack([boxes[..., 0].min(axis=0), boxes[..., 1].max(axis=0)], axis=-1)


def field(volumes: Array, plan: MSFTPlan) -> NDArray[np.complex64]:
    """Scattered field of volumes ``(n, z, y, x)`` as complex64 ``(n, rows, columns)``."""
    fields = np.zeros((len(volumes), *plan.detector_shape), dtype=np.complex64)
    volumes = np.ascontiguousarray(volumes, dtype=np.float32)

    def work(i: int, n_threads: int) -> None:
        box = _bounding_box(volumes[i], n_threads)
        if box.any():
            _field_of_body(volumes[i], _body(plan, box, n_threads), fields[i])

    _by_bodies(work, len(volumes))
    return fields


def _by_bodies(work: Any, n: int) -> None:
    """Call ``work`` for every body with the threads that it may use."""
    n_threads = numba.get_num_threads()
    if n >= n_threads:
        share_out(lambda i: work(i, 1), n, n_threads)
    else:
        for i in range(n):
            work(i, n_threads)


def _field_of_body(volume: Array, body: _Body, E: Array) -> None:
    tables, modes, shares = _tables(body.plan), body.modes, body.shares
    sums = workspace("sums", (len(shares), *tables.sums_shape))

    def add(i: int) -> None:
        rows = shares[i]
        folded = body.workspace(rows)
        sums[i] = 0
        absorption = slices.absorption(body.plan)
        folding.fold_rows(volume, body.box, *absorption, rows, modes.projection, folded)
        products.add_sums(
            folded,
            rows,
            body.halves[2],
            tables.lateral_y,
            tables.lateral_x,
            modes.phases,
            tables.seen,
            tables.nodes,
            tables.windows,
            sums[i],
        )

    share_out(add, len(shares), len(shares))
    pixels.field_from_sums(sums, *body.factors(), _parts(E))


def adjoint(
    volumes: Array, plan: MSFTPlan, field_gradient: Array, *, within_body: bool = False
) -> NDArray[np.float32]:
    """Gradient by the volumes of a loss whose gradient by the field is dL/dRe E + i dL/dIm E."""
    volumes = np.ascontiguousarray(volumes, dtype=np.float32)
    gradients = np.zeros(volumes.shape, dtype=np.float32)
    whole = np.array([(0, n) for n in plan.grid_shape])

    def work(i: int, n_threads: int) -> None:
        box = _bounding_box(volumes[i], n_threads) if within_body else whole
        if box.any():
            _adjoint_of_body(volumes[i], _body(plan, box, n_threads), field_gradient[i], gradients[i])

    _by_bodies(work, len(volumes))
    return gradients


def _adjoint_of_body(volume: Array, body: _Body, g: Array, gradient: Array) -> None:
    tables, modes, shares = _tables(body.plan), body.modes, body.shares
    sums = workspace("sums", tables.sums_shape)
    sums[:] = 0
    pixels.sums_from_field(_parts(g), *body.factors(), sums)

    def spread(i: int) -> None:
        rows = shares[i]
        folded = body.workspace(rows)
        products.spread_sums(
            sums,
            rows,
            body.halves[2],
            tables.lateral_y_back,
            tables.lateral_x_back,
            modes.phases,
            tables.seen,
            tables.nodes,
            tables.windows,
            folded,
        )
        absorption = slices.absorption(body.plan)
        folding.unfold_rows(folded, rows, modes.back, volume, body.box, *absorption, gradient)

    share_out(spread, len(shares), len(shares))
