"""From random numbers to planes of convex bodies, for NumPy arrays and Keras tensors alike.

Sums over the three axes are written out: a matrix product may be rounded to a few digits on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scatterkit.solids._halfspace_families import FAR, N_PLANES, FamilyTables

N_CUTS, N_WALLS = 2, 6
N_DIRECTIONS = 256
_PARALLEL = 1e-3
"""Planes that meet at a smaller angle have no edge, as far as float32 tells."""

# the random numbers of a body: single ones by place, then four for every plane of the family
_FAMILY, _SIZE, _STRETCH, _AXIS, _TURN, _CUT_AXIS, _IS_CUT, _CUT, _GROUP = 0, 1, 2, 3, 4, 7, 8, 10, 12
_SINGLE = 16


class Ranges(NamedTuple):
    """What is drawn from: shares of the families, ranges of the numbers."""

    shares: tuple[float, ...]
    size: tuple[float, float]
    stretch: tuple[float, float]
    cut: tuple[float, float]
    cut_probability: float
    max_radius: float


@dataclass(frozen=True)
class Draws:
    """What was drawn for n bodies; ``group`` (n, 3) and ``faces`` (n, planes, 4) are uniform in [0, 1)."""

    family: Any
    size: Any
    stretch: Any
    axis: Any
    quaternion: Any
    cut_axis: Any
    cuts: Any
    group: Any
    faces: Any


def counters(ops: Any) -> Any:
    """Give the counters of a body's random numbers, ``(1, n)``."""
    return ops.convert_to_tensor(np.arange(_SINGLE + 4 * N_PLANES, dtype=np.int32)[None])


def draw(u: Any, ranges: Ranges, ops: Any) -> Draws:
    """Turn uniform numbers ``(n, counters)`` into what is drawn for each body."""
    size = _within(ranges.size, u[:, _SIZE])
    stretch = ops.minimum(_within(ranges.stretch, u[:, _STRETCH]), ranges.max_radius / size)
    bounds = np.cumsum(ranges.shares)[:-1].astype(np.float32)
    cut = _within(ranges.cut, u[:, _CUT : _CUT + N_CUTS])
    is_cut = u[:, _IS_CUT : _IS_CUT + N_CUTS] < ranges.cut_probability
    return Draws(
        family=ops.sum(ops.cast(u[:, :1] >= ops.convert_to_tensor(bounds[None]), "int32"), axis=1),
        size=size,
        stretch=stretch,
        axis=ops.cast(ops.floor(3 * u[:, _AXIS]), "int32"),
        quaternion=_quaternion(u[:, _TURN], u[:, _TURN + 1], u[:, _TURN + 2], ops),
        cut_axis=ops.cast(ops.floor(3 * u[:, _CUT_AXIS]), "int32"),
        cuts=ops.where(is_cut, cut, ops.full_like(cut, FAR)),
        group=u[:, _GROUP : _GROUP + 3],
        faces=ops.reshape(u[:, _SINGLE:], (-1, N_PLANES, 4)),
    )


def planes(drawn: Draws, tables: FamilyTables, box: float, ops: Any) -> tuple[Any, Any]:
    """Give unit normals ``(n, planes, 3)`` and offsets ``(n, planes)`` in nm, the walls of the box last."""
    normals, offsets = _family_planes(drawn, tables, ops)
    offsets = offsets - _dot(normals, _centroid(normals, offsets, ops)[:, None])
    offsets = offsets * (drawn.size / _circumradius(normals, offsets, ops))[:, None]
    axes = _of_family(tables.axes, drawn.family, ops)
    cut_axis = _pick(axes, drawn.cut_axis, ops)
    normals = ops.concatenate([normals, cut_axis[:, None], -cut_axis[:, None]], axis=1)
    offsets = ops.concatenate([offsets, drawn.cuts * drawn.size[:, None]], axis=1)
    normals, offsets = _stretched(normals, offsets, _pick(axes, drawn.axis, ops), drawn.stretch, ops)
    return _with_walls(_turned(normals, drawn.quaternion, ops), offsets, box, ops)


def _within(ends: tuple[float, float], u: Any) -> Any:
    return ends[0] + u * (ends[1] - ends[0])


def _quaternion(a: Any, b: Any, c: Any, ops: Any) -> Any:
    """Give uniform rotations, scalar last (K. Shoemake, Graphics Gems III, 124 (1992))."""
    near, far = ops.sqrt(1 - a), ops.sqrt(a)
    b, c = 2 * np.pi * b, 2 * np.pi * c
    return ops.stack([near * ops.sin(b), near * ops.cos(b), far * ops.sin(c), far * ops.cos(c)], axis=1)


def _of_family(table: NDArray[Any], family: Any, ops: Any) -> Any:
    return ops.take(ops.convert_to_tensor(table), family, axis=0)


def _pick(axes: Any, number: Any, ops: Any) -> Any:
    """Give one of three vectors ``(n, 3, 3)`` for each body."""
    chosen = ops.cast(number[:, None] == ops.convert_to_tensor(np.arange(3, dtype=np.int32)[None]), "float32")
    return ops.sum(axes * chosen[:, :, None], axis=1)


def _dot(a: Any, b: Any) -> Any:
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def _normalised(vectors: Any, ops: Any) -> Any:
    return vectors / ops.sqrt(_dot(vectors, vectors))[..., None]


def _family_planes(drawn: Draws, tables: FamilyTables, ops: Any) -> tuple[Any, Any]:
    """Give the families' planes, shaken; in units in which a body is about 1 in radius."""
    rows = {
        name: _of_family(getattr(tables, name), drawn.family, ops) for name in tables.__dataclass_fields__
    }
    u = drawn.faces
    azimuth, height = 2 * np.pi * u[..., 0], 2 * u[..., 1] - 1
    width = ops.sqrt(1 - height * height)
    anywhere = ops.stack([width * ops.cos(azimuth), width * ops.sin(azimuth), height], axis=-1)
    normals = _normalised(rows["normals"] + rows["scatter"][..., None] * anywhere, ops)
    factor = rows["low"] + rows["width"] * ops.take_along_axis(drawn.group, rows["group"], axis=1)
    return normals, rows["distances"] * factor * (1 + rows["spread"] * (2 * u[..., 2] - 1))


def directions() -> NDArray[np.float32]:
    """Give directions spread evenly over the sphere, ``(256, 3)``: a Fibonacci lattice and its opposites.

    Of a body with an inversion centre they give the centroid without error.
    """
    i = np.arange(N_DIRECTIONS // 2) + 0.5
    z = 1 - 2 * i / N_DIRECTIONS
    azimuth = np.pi * (1 + 5**0.5) * i
    width = np.sqrt(1 - z**2)
    upper = np.stack([width * np.cos(azimuth), width * np.sin(azimuth), z], axis=1).astype(np.float32)
    return np.concatenate([upper, -upper])


def _steepness(normals: Any, offsets: Any, ways: Any) -> Any:
    """Give n.u / d for directions ``(n or 1, m, 3)``: 1 / radius is the largest of the planes', ``(n, m, planes)``."""
    return _dot(normals[:, None], ways[:, :, None]) / offsets[:, None]


def _centroid(normals: Any, offsets: Any, ops: Any) -> Any:
    """Give the centre of mass, by sums over directions of r^3 / 3 and r^4 / 4."""
    ways = ops.convert_to_tensor(directions()[None])
    radius = 1 / ops.max(_steepness(normals, offsets, ways), axis=2)
    cubes = radius * radius * radius
    return 0.75 * ops.sum((cubes * radius)[..., None] * ways, axis=1) / ops.sum(cubes, axis=1)[:, None]


def _circumradius(normals: Any, offsets: Any, ops: Any) -> Any:
    """Give the distance of the farthest corner: the ends of every edge, where two planes meet within the others."""
    first, second = np.triu_indices(N_PLANES, k=1)
    a, b = ([ops.take(normals[..., i], index, axis=1) for i in range(3)] for index in (first, second))
    way = ops.stack(_cross(a, b), axis=-1)
    length = ops.sqrt(_dot(way, way))
    crossed = length > _PARALLEL
    way = way / ops.where(crossed, length, 1.0)[..., None]
    # the point of the line that is nearest to the origin
    w = [way[..., i] for i in range(3)]
    p, q = ops.take(offsets, first, axis=1), ops.take(offsets, second, axis=1)
    inverse = ops.where(crossed, 1 / ops.where(crossed, length, 1.0), 0.0)
    foot = ops.stack(
        [inverse * (p * x + q * y) for x, y in zip(_cross(b, w), _cross(w, a), strict=True)], axis=-1
    )
    slope = _dot(normals[:, None], way[:, :, None])
    room = offsets[:, None] - _dot(normals[:, None], foot[:, :, None])
    level = ops.absolute(slope) < _PARALLEL
    reach = room / ops.where(level, 1.0, slope)
    last = ops.min(ops.where(ops.logical_and(slope > 0, ops.logical_not(level)), reach, FAR), axis=2)
    start = ops.max(ops.where(ops.logical_and(slope < 0, ops.logical_not(level)), reach, -FAR), axis=2)
    beyond = ops.max(ops.where(level, -room, -1.0), axis=2) > _PARALLEL
    is_edge = ops.logical_and(crossed, ops.logical_and(last > start, ops.logical_not(beyond)))
    farthest = _dot(foot, foot) + ops.maximum(start * start, last * last)
    return ops.sqrt(ops.max(ops.where(is_edge, farthest, 0.0), axis=1))


def _cross(a: Any, b: Any) -> list[Any]:
    return [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]


def _stretched(normals: Any, offsets: Any, axis: Any, stretch: Any, ops: Any) -> tuple[Any, Any]:
    """Stretch bodies along an axis: their normals shrink by the factor along it."""
    along = _dot(normals, axis[:, None])
    normals = normals + ((1 / stretch - 1)[:, None] * along)[..., None] * axis[:, None]
    lengths = ops.sqrt(_dot(normals, normals))
    return normals / lengths[..., None], offsets / lengths


def _turned(vectors: Any, quaternion: Any, ops: Any) -> Any:
    """Rotate: v + 2 w (q x v) + 2 q x (q x v)."""
    w = quaternion[:, None, 3]
    q = [quaternion[:, None, i] for i in range(3)]
    v = [vectors[..., i] for i in range(3)]
    once = _cross(q, v)
    twice = _cross(q, once)
    return ops.stack([v[i] + 2 * (w * once[i] + twice[i]) for i in range(3)], axis=-1)


def _with_walls(normals: Any, offsets: Any, box: float, ops: Any) -> tuple[Any, Any]:
    """Add the walls of the box, which bound every body, however the planes fell."""
    walls = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
    like = ops.zeros_like(offsets[:, :N_WALLS])
    return (
        ops.concatenate([normals, like[..., None] + ops.convert_to_tensor(walls[None])], axis=1),
        ops.concatenate([offsets, like + box / 2], axis=1),
    )
