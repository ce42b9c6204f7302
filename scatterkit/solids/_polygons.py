"""Plane sections into triangles: ear clipping, holes joined by bridges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scatterkit.solids._mesh import Points

Plane = NDArray[np.float64]


def triangulate(points: Points, loops: list[list[int]], normal: Points) -> NDArray[np.int64]:
    """Give triangles ``(t, 3)`` that fill loops of vertex numbers in the plane across a normal.

    Loops are simple; outer ones run counter-clockwise seen against the normal, holes clockwise. No vertex
    is added, so that the result fits the surface that ends there.
    """
    u = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    u /= np.linalg.norm(u)
    flat = points @ np.stack([u, np.cross(normal, u)], axis=1)
    areas = [signed_area(flat[loop]) for loop in loops]
    outer = [loop for loop, area in zip(loops, areas, strict=True) if area > 0]
    holes = [loop for loop, area in zip(loops, areas, strict=True) if area <= 0]
    for hole in sorted(holes, key=lambda loop: -flat[loop, 0].max()):
        inside = [loop for loop in outer if contains(flat[loop], flat[hole[0]])]
        home = min(inside or outer, key=lambda loop: signed_area(flat[loop]))
        outer[outer.index(home)] = _bridged(flat, home, hole)
    triangles = [triangle for loop in outer for triangle in _ears(flat, loop)]
    return np.array(triangles, dtype=np.int64).reshape(-1, 3)


def signed_area(polygon: Plane) -> float:
    """Give the area of a polygon, positive where it runs counter-clockwise."""
    x, y = (polygon - polygon[0]).T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def contains(polygon: Plane, point: Plane) -> bool:
    """Whether a point is inside a polygon (parity of the edges to its right)."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    spans = (a[:, 1] > point[1]) != (b[:, 1] > point[1])
    a, b = a[spans], b[spans]
    x = a[:, 0] + (point[1] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return bool(np.count_nonzero(x > point[0]) % 2)


def _bridged(flat: Plane, outer: list[int], hole: list[int]) -> list[int]:
    """Join a hole to the loop around it by a bridge that is walked both ways.

    The bridge is the shortest one, from the hole's rightmost corner, that crosses no edge of either.
    """
    start = int(np.argmax(flat[hole, 0]))
    tip = flat[hole[start]]
    distances = np.linalg.norm(flat[outer] - tip, axis=1)
    for end in np.argsort(distances):
        inward = _in_corner(flat, outer, int(end), tip)
        if inward and not any(_crosses(tip, flat[outer[end]], flat[loop]) for loop in (outer, hole)):
            break
    else:
        end = int(np.argmin(distances))
    turned = hole[start:] + hole[:start]
    return [*outer[: end + 1], *turned, turned[0], *outer[end:]]


def _in_corner(flat: Plane, loop: list[int], at: int, point: Plane) -> bool:
    """Whether the way from a loop's corner to a point starts inside the loop."""
    before, corner, after = (flat[loop[(at + step) % len(loop)]] for step in (-1, 0, 1))
    left = _turn(before, corner, point) > 0, _turn(corner, after, point) > 0
    return all(left) if _turn(before, corner, after) > 0 else any(left)


def _turn(a: Plane, b: Plane, c: Plane) -> float:
    """Give twice the area of a triangle, positive where it turns left."""
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _crosses(p: Plane, q: Plane, polygon: Plane) -> bool:
    """Whether a segment properly crosses an edge of a polygon."""
    a, b = polygon, np.roll(polygon, -1, axis=0)

    def side(start: Plane, end: Plane, point: Plane) -> Plane:
        way, to = end - start, point - start
        return np.sign(way[..., 0] * to[..., 1] - way[..., 1] * to[..., 0])

    apart = (side(p, q, a) * side(p, q, b) < 0) & (side(a, b, p) * side(a, b, q) < 0)
    return bool(apart.any())


def _ears(flat: Plane, loop: list[int]) -> list[tuple[int, int, int]]:
    """Cut ears off a simple counter-clockwise loop; the roundest first, so that slivers stay rare."""
    rest, triangles = list(loop), []
    while len(rest) > 3:
        corners = flat[rest]
        before, after = np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0)
        turn = (corners[:, 0] - before[:, 0]) * (after[:, 1] - before[:, 1])
        turn -= (corners[:, 1] - before[:, 1]) * (after[:, 0] - before[:, 0])
        lengths = [
            np.sum((a - b) ** 2, axis=1) for a, b in ((before, corners), (corners, after), (after, before))
        ]
        roundness = turn / np.maximum(np.sum(lengths, axis=0), np.finfo(float).tiny)
        order = np.argsort(-roundness, kind="stable")
        ear = next((int(i) for i in order if turn[i] > 0 and _is_ear(flat, rest, int(i))), int(order[0]))
        triangles.append((rest[ear - 1], rest[ear], rest[(ear + 1) % len(rest)]))
        del rest[ear]
    return [*triangles, (rest[0], rest[1], rest[2])]


def _is_ear(flat: Plane, rest: list[int], at: int) -> bool:
    """Whether no other corner lies in the triangle at a corner."""
    a, b, c = (flat[rest[(at + step) % len(rest)]] for step in (-1, 0, 1))
    ends = {rest[at - 1], rest[at], rest[(at + 1) % len(rest)]}
    others = flat[[number for number in rest if number not in ends]]
    inside = np.ones(len(others), dtype=bool)
    for p, q in ((a, b), (b, c), (c, a)):
        inside &= (q[0] - p[0]) * (others[:, 1] - p[1]) - (q[1] - p[1]) * (others[:, 0] - p[0]) >= 0
    return not inside.any()
