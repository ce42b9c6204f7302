"""Compiled sums of the exact scattering of a polyhedron: columns of material, and exponentials over them.

Over a simplex with n + 1 corners, an exponential whose exponent s is linear integrates to n! times the
volume times the divided difference exp[s_0, ..., s_n] of its exponents at the corners (Hermite-Genocchi).
Divided differences are stable for any complex exponents, equal and nearly equal ones included, if the
points furthest apart are the ones that are divided by, and a Taylor series takes over where all are close
(McCurdy, Ng and Parlett, Math. Comp. 43, 501, 1984). So faces, edges and corners need no special cases.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
from numba import njit, prange

_CLOSE = 0.25  # square of the distance of exponents beneath which the Taylor series is used
_THIN = 1e-2  # optical thickness beneath which front and back terms would cancel
_INVERSE_FACTORIALS = tuple(1.0 / factorial(k) for k in range(19))


@njit(cache=True, nogil=True, inline="always")
def _square(a: Any) -> float:
    return a.real * a.real + a.imag * a.imag


@njit(cache=True, nogil=True, inline="always")
def _ratio(a: Any, b: Any) -> Any:
    """a / b, without the checks of the built-in division."""
    scale = 1.0 / (b.real * b.real + b.imag * b.imag)
    return complex((a.real * b.real + a.imag * b.imag) * scale, (a.imag * b.real - a.real * b.imag) * scale)


@njit(cache=True, nogil=True)
def _difference2(a: Any, b: Any, exp_a: Any, exp_b: Any) -> Any:
    """exp[a, b]."""
    d = b - a
    if _square(d) > _CLOSE:
        return _ratio(exp_b - exp_a, d)
    series = complex(_INVERSE_FACTORIALS[15], 0.0)
    for k in range(14, 0, -1):
        series = series * d + _INVERSE_FACTORIALS[k]
    return exp_a * series


@njit(cache=True, nogil=True)
def _series(mean: Any, e2: Any, e3: Any, e4: Any, first: int) -> Any:
    """Taylor series of a divided difference about the mean of its points.

    It is the sum of h_k / (k + first)!, h_k the complete homogeneous polynomials of the points' distances from
    their mean, which follow from the elementary ones e2, e3, e4 by recurrence.
    """
    h1, h2, h3, h4 = 1 + 0j, 0j, 0j, 0j
    total = complex(_INVERSE_FACTORIALS[first], 0.0)
    for k in range(1, 15):
        h = -e2 * h2 + e3 * h3 - e4 * h4
        total += h * _INVERSE_FACTORIALS[k + first]
        h1, h2, h3, h4 = h, h1, h2, h3
    return np.exp(mean) * total


@njit(cache=True, nogil=True)
def _difference3(a: Any, b: Any, c: Any, exp_a: Any, exp_b: Any, exp_c: Any) -> Any:
    """exp[a, b, c]."""
    ab, bc, ca = _square(a - b), _square(b - c), _square(c - a)
    if max(ab, bc, ca) < _CLOSE:
        mean = (a + b + c) / 3
        a, b, c = a - mean, b - mean, c - mean
        return _series(mean, a * b + (a + b) * c, a * b * c, 0j, 2)
    if ab >= bc and ab >= ca:
        b, c, exp_b, exp_c = c, b, exp_c, exp_b
    elif bc >= ca:
        a, b, exp_a, exp_b = b, a, exp_b, exp_a
    left, right = _difference2(a, b, exp_a, exp_b), _difference2(b, c, exp_b, exp_c)
    return _ratio(right - left, c - a)


@njit(cache=True, nogil=True)
def _difference4(a: Any, b: Any, c: Any, d: Any) -> Any:
    """exp[a, b, c, d]."""
    points = (a, b, c, d)
    furthest, i, j = 0.0, 0, 1
    for m in range(3):
        for n in range(m + 1, 4):
            distance = _square(points[m] - points[n])
            if distance > furthest:
                furthest, i, j = distance, m, n
    if furthest < _CLOSE:
        mean = (a + b + c + d) / 4
        a, b, c, d = a - mean, b - mean, c - mean, d - mean
        ab, cd = a * b, c * d
        return _series(mean, ab + cd + (a + b) * (c + d), ab * (c + d) + cd * (a + b), ab * cd, 3)
    m = 0
    while m in (i, j):
        m += 1
    n = 6 - i - j - m
    p, q, r, s = points[i], points[m], points[n], points[j]
    exp_p, exp_q, exp_r, exp_s = np.exp(p), np.exp(q), np.exp(r), np.exp(s)
    left, right = _difference3(p, q, r, exp_p, exp_q, exp_r), _difference3(q, r, s, exp_q, exp_r, exp_s)
    return _ratio(right - left, s - p)


@njit(cache=True, nogil=True)
def _surface_sum(exponents: Any, triangles: Any, double_areas: Any) -> Any:
    """Integral of exp(s) over projected triangles, s linear in each and given at the corners."""
    exponentials = np.exp(exponents)
    total = 0j
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        total += double_areas[t] * _difference3(
            exponents[i], exponents[j], exponents[k], exponentials[i], exponentials[j], exponentials[k]
        )
    return total


@njit(cache=True, nogil=True)
def _column_sum(front: Any, back: Any, thickness: Any, triangles: Any, double_areas: Any) -> Any:
    """Integral of exp(s) over triangular columns of material, each cut into three tetrahedra."""
    total = 0j
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        column = thickness[i] * _difference4(front[i], front[j], front[k], back[i])
        column += thickness[j] * _difference4(front[j], front[k], back[i], back[j])
        column += thickness[k] * _difference4(front[k], back[i], back[j], back[k])
        total += double_areas[t] * column
    return total


@njit(cache=True, nogil=True, parallel=True)
def scatter(
    q: Any, gamma: complex, points: Any, triangles: Any, double_areas: Any, front: Any, field: Any
) -> None:
    """Write the integral of exp(i q_z z - i q_perp.r - gamma depth) over the body for each row of q.

    ``q`` has rows (q_z, q_y, q_x), ``points`` rows (x, y, z at entrance, z at exit). ``front`` holds corners,
    triangles and double projected areas of the entrance faces alone: their term needs no overlaps.
    """
    x, y, z_in = points[:, 0], points[:, 1], points[:, 2]
    thickness = points[:, 3] - z_in
    corners, front_triangles, front_areas = front
    thickest = thickness.max()
    for pixel in prange(q.shape[0]):
        q_z, q_y, q_x = q[pixel, 0], q[pixel, 1], q[pixel, 2]
        rate = complex(-gamma.real, q_z - gamma.imag)
        lit = 1j * (q_z * z_in - q_x * x - q_y * y)
        exits = lit + rate * thickness
        if abs(rate) * thickest < _THIN:
            field[pixel] = _column_sum(lit, exits, thickness, triangles, double_areas)
        else:
            entrances = 1j * (q_z * corners[:, 2] - q_x * corners[:, 0] - q_y * corners[:, 1])
            back = _surface_sum(exits, triangles, double_areas)
            field[pixel] = (back - _surface_sum(entrances, front_triangles, front_areas)) / rate


@njit(cache=True, nogil=True)
def _clip(polygon: Any, n: int, ax: float, ay: float, bx: float, by: float, out: Any) -> int:
    """Keep of a convex polygon what lies left of the line from a to b; give how many corners are left."""
    count = 0
    previous = polygon[n - 1]
    before = (bx - ax) * (previous[1] - ay) - (by - ay) * (previous[0] - ax)
    for m in range(n):
        corner = polygon[m]
        here = (bx - ax) * (corner[1] - ay) - (by - ay) * (corner[0] - ax)
        if (before < 0 < here) or (here < 0 < before):
            share = before / (before - here)
            for axis in range(2):
                out[count, axis] = previous[axis] + share * (corner[axis] - previous[axis])
            count += 1
        if here >= 0:
            out[count, :2] = corner[:2]
            count += 1
        previous, before = corner, here
    return count


@njit(cache=True, nogil=True)
def _height(plane: Any, x: float, y: float) -> float:
    """z of a plane (slope x, slope y, z at the origin, lowest, highest z of its face) over a point."""
    return min(max(plane[0] * x + plane[1] * y + plane[2], plane[3]), plane[4])


@njit(cache=True, nogil=True)
def overlaps(
    front: Any, front_start: Any, front_planes: Any, back: Any, back_start: Any, back_planes: Any
) -> Any:
    """Give the triangles of the overlaps of front and back faces seen along z, corners (x, y, z_in, z_out).

    ``front`` and ``back`` list the corners (x, y) of all faces, counter-clockwise seen from above; face i has
    those from ``start[i]`` to ``start[i + 1]``.
    """
    n_most = 0
    for i in range(front_start.size - 1):
        n_most = max(n_most, front_start[i + 1] - front_start[i])
    work, spare = np.empty((n_most + back.shape[0] + 4, 2)), np.empty((n_most + back.shape[0] + 4, 2))
    found = np.empty((1024, 3, 4))
    count = 0
    for i in range(front_start.size - 1):
        for j in range(back_start.size - 1):
            n = front_start[i + 1] - front_start[i]
            work[:n] = front[front_start[i] : front_start[i + 1]]
            for m in range(back_start[j], back_start[j + 1]):
                a = back[m]
                b = back[m + 1 if m + 1 < back_start[j + 1] else back_start[j]]
                n = _clip(work, n, a[0], a[1], b[0], b[1], spare)
                work, spare = spare, work
                if n < 3:
                    break
            if n < 3:
                continue
            if count + n > found.shape[0]:
                larger = np.empty((2 * found.shape[0] + n, 3, 4))
                larger[:count] = found[:count]
                found = larger
            for m in range(1, n - 1):
                for corner, place in enumerate((0, m, m + 1)):
                    x, y = work[place, 0], work[place, 1]
                    found[count, corner, 0] = x
                    found[count, corner, 1] = y
                    found[count, corner, 2] = _height(front_planes[i], x, y)
                    found[count, corner, 3] = _height(back_planes[j], x, y)
                count += 1
    return found[:count]
