"""Compiled sums of the scattering of a convex body's faces, and of its derivatives by every half-space.

Over a polygon in its plane, where the exponent is i K.r with a constant, in general complex, in-plane vector K,
the divergence theorem with the field conj(K) exp(i K.r) / (i |K|^2) turns the integral of exp(i K.r), and its first
moments, into sums over edges. With u = K.h, h half of an edge, the mean of exp(i K.r) over the edge is D / u, and its
first moment i (D - u S) / u^2, where S and D are half of the sum and of the difference (over i) of the ends'
exponentials. Where K is next to nothing the polygon scatters as its area. Work goes by blocks of pixels, so that
every loop runs over neighbours in memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

BLOCK = 128
"""Pixels that are worked on at once."""
_NEXT_TO_NOTHING = 1e-6  # square of K times the polygon's radius under which it scatters as its area
_SINE = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(7))
_COSINE = tuple((-1) ** k / math.factorial(2 * k) for k in range(8))
_SHORT = 2.5e-5  # square of an edge's u under which series are used


@njit(cache=True, nogil=True, fastmath=True)
def _sines(phase: Any, cosine: Any, sine: Any, n: int) -> None:
    """Cosine and sine to 1e-13 by series over an eighth of a turn to both sides, which vector registers take."""
    for k in range(n):
        turns = phase[k] * 0.6366197723675814
        whole = np.rint(turns)
        t = (turns - whole) * 1.5707963267948966
        t2 = t * t
        s = _SINE[6]
        c = _COSINE[7]
        for term in range(5, -1, -1):
            s = _SINE[term] + t2 * s
        for term in range(6, -1, -1):
            c = _COSINE[term] + t2 * c
        s *= t
        quarter = whole - 4.0 * np.floor(whole * 0.25)
        odd = quarter == 1.0 or quarter == 3.0
        sine[k] = (c if odd else s) * (-1.0 if quarter >= 2.0 else 1.0)
        cosine[k] = (s if odd else c) * (-1.0 if (quarter == 1.0 or quarter == 2.0) else 1.0)


@njit(cache=True, nogil=True, fastmath=True)
def _add_edge(
    a_r: Any, a_i: Any, b_r: Any, b_i: Any, k1: Any, k2: Any, shape: Any, fading: Any, sums: Any, n: int
) -> None:
    """Add an edge's part to the sums (integral, moments along both axes; each real, imaginary) before 1 / (i |K|^2).

    ``shape`` holds the edge's middle and half (u, v); ``fading`` the imaginary parts of K and of u.
    """
    m1, m2, h1, h2 = shape
    k1_i, k2_i, u_i = fading
    normal_1, normal_2 = 2.0 * h2, -2.0 * h1
    k_i = -(k1_i * normal_1 + k2_i * normal_2)
    for k in range(n):
        u = k1[k] * h1 + k2[k] * h2
        s_r, s_i = 0.5 * (a_r[k] + b_r[k]), 0.5 * (a_i[k] + b_i[k])
        d_r, d_i = 0.5 * (b_i[k] - a_i[k]), -0.5 * (b_r[k] - a_r[k])
        square = u * u + u_i * u_i
        inverse = 1.0 / max(square, 1e-300)
        mean_r, mean_i = (d_r * u + d_i * u_i) * inverse, (d_i * u - d_r * u_i) * inverse
        rest_r, rest_i = mean_r - s_r, mean_i - s_i
        first_r, first_i = (rest_r * u + rest_i * u_i) * inverse, (rest_i * u - rest_r * u_i) * inverse
        if square < _SHORT:
            series_r, series_i = 1.0 + (u * u - u_i * u_i) / 3.0, 2.0 * u * u_i / 3.0
            mean_r, mean_i = s_r * series_r - s_i * series_i, s_r * series_i + s_i * series_r
            first_r, first_i = d_r / 3.0, d_i / 3.0
        k_r = k1[k] * normal_1 + k2[k] * normal_2
        g_r, g_i = k_r * mean_r - k_i * mean_i, k_r * mean_i + k_i * mean_r
        t_r, t_i = -(k_r * first_i + k_i * first_r), k_r * first_r - k_i * first_i
        sums[0, k] += g_r
        sums[1, k] += g_i
        sums[2, k] += m1 * g_r + h1 * t_r
        sums[3, k] += m1 * g_i + h1 * t_i
        sums[4, k] += m2 * g_r + h2 * t_r
        sums[5, k] += m2 * g_i + h2 * t_i


@njit(cache=True, nogil=True, fastmath=True)
def _finish(k1: Any, k2: Any, k1_i: float, k2_i: float, small: Any, mean: Any, sums: Any, n: int) -> None:
    """Turn sums over edges into integral and first moments; ``mean`` is what a polygon gives where K is small."""
    fading = k1_i * k1_i + k2_i * k2_i
    for k in range(n):
        v = 1.0 / max(k1[k] * k1[k] + k2[k] * k2[k] + fading, 1e-300)
        f_r, f_i = sums[1, k] * v, -sums[0, k] * v
        a_r, a_i = sums[3, k] * v, -sums[2, k] * v
        b_r, b_i = sums[5, k] * v, -sums[4, k] * v
        a_r -= (k1[k] * f_i - k1_i * f_r) * v
        a_i += (k1[k] * f_r + k1_i * f_i) * v
        b_r -= (k2[k] * f_i - k2_i * f_r) * v
        b_i += (k2[k] * f_r + k2_i * f_i) * v
        if small[k] > 0.0:
            f_r, f_i = mean[0, k], mean[1, k]
            a_r, a_i, b_r, b_i = 0.0, 0.0, 0.0, 0.0
        sums[0, k], sums[1, k], sums[2, k] = f_r, f_i, a_r
        sums[3, k], sums[4, k], sums[5, k] = a_i, b_r, b_i


@njit(cache=True, nogil=True, fastmath=True)
def _polygon(
    q: Any,
    gamma: complex,
    centre: Any,
    frame: Any,
    fall: Any,
    corners: Any,
    area: float,
    work: Any,
    sums: Any,
) -> None:
    """Integral and first moments of exp(i Q.r - gamma depth) over a polygon, for a block of pixels.

    ``centre`` is its centroid, ``fall`` how the depth of material before it grows along its tangents.
    """
    n, n_corners = q.shape[0], corners.shape[0]
    k1, k2, small = work[0], work[1], work[3]
    mean = work[4:6]
    real, imag, phases = (
        work[6 : 6 + n_corners],
        work[6 + n_corners : 6 + 2 * n_corners],
        work[2],
    )
    depth = corners[0, 2] - fall[0] * corners[0, 0] - fall[1] * corners[0, 1]
    radius = 0.0
    for m in range(n_corners):
        radius = max(radius, corners[m, 0] ** 2 + corners[m, 1] ** 2)
    k1_i, k2_i = gamma.real * fall[0], gamma.real * fall[1]
    for k in range(n):
        z, y, x = q[k, 0], q[k, 1], q[k, 2]
        k1[k] = z * frame[0, 2] - y * frame[0, 1] - x * frame[0, 0] - gamma.imag * fall[0]
        k2[k] = z * frame[1, 2] - y * frame[1, 1] - x * frame[1, 0] - gamma.imag * fall[1]
        square = k1[k] * k1[k] + k2[k] * k2[k] + k1_i * k1_i + k2_i * k2_i
        small[k] = 1.0 if square * radius < _NEXT_TO_NOTHING else 0.0
        if small[k] > 0.0:
            at_centre = z * centre[2] - y * centre[1] - x * centre[0] - gamma.imag * depth
            left = area * math.exp(-gamma.real * depth)
            mean[0, k], mean[1, k] = left * math.cos(at_centre), left * math.sin(at_centre)
    for m in range(n_corners):
        u, v = corners[m, 0], corners[m, 1]
        for k in range(n):
            base = q[k, 0] * centre[2] - q[k, 1] * centre[1] - q[k, 2] * centre[0] - gamma.imag * depth
            phases[k] = base + k1[k] * u + k2[k] * v
        _sines(phases, real[m], imag[m], n)
        left = math.exp(-gamma.real * corners[m, 2])
        for k in range(n):
            real[m, k] *= left
            imag[m, k] *= left
    sums[:, :n] = 0.0
    for m in range(n_corners):
        o = m + 1 if m + 1 < n_corners else 0
        shape = (
            0.5 * (corners[m, 0] + corners[o, 0]),
            0.5 * (corners[m, 1] + corners[o, 1]),
            0.5 * (corners[o, 0] - corners[m, 0]),
            0.5 * (corners[o, 1] - corners[m, 1]),
        )
        fading = (k1_i, k2_i, 0.5 * gamma.real * (corners[o, 2] - corners[m, 2]))
        _add_edge(real[m], imag[m], real[o], imag[o], k1, k2, shape, fading, sums, n)
    _finish(k1, k2, k1_i, k2_i, small, mean, sums, n)


@njit(cache=True, nogil=True, fastmath=True)
def _add_columns(columns: Any, first: int, turn: Any, f_r: Any, f_i: Any, sums: Any, n: int) -> None:
    """Add (f_r + i f_i) times a polygon's share to the derivatives by an offset and two turns of a normal.

    ``turn`` (2, 3): the tangents' components along a point of the plane, as constants and per moment.
    """
    for k in range(n):
        i_r, i_i = sums[0, k], sums[1, k]
        columns[first, 0, k] += f_r[k] * i_r - f_i[k] * i_i
        columns[first, 1, k] += f_r[k] * i_i + f_i[k] * i_r
        for way in range(2):
            m_r = turn[way, 0] * i_r + turn[way, 1] * sums[2, k] + turn[way, 2] * sums[4, k]
            m_i = turn[way, 0] * i_i + turn[way, 1] * sums[3, k] + turn[way, 2] * sums[5, k]
            columns[first + 1 + way, 0, k] -= f_r[k] * m_r - f_i[k] * m_i
            columns[first + 1 + way, 1, k] -= f_r[k] * m_i + f_i[k] * m_r


@njit(cache=True, nogil=True, fastmath=True)
def _add_moments(moments: Any, weight: float, centre: Any, frame: Any, sums: Any, n: int) -> None:
    """Add a polygon's first moments along z, y and x."""
    for axis in range(3):
        at, along_u, along_v = centre[2 - axis], frame[0, 2 - axis], frame[1, 2 - axis]
        for k in range(n):
            moments[axis, 0, k] += weight * (at * sums[0, k] + along_u * sums[2, k] + along_v * sums[4, k])
            moments[axis, 1, k] += weight * (at * sums[1, k] + along_u * sums[3, k] + along_v * sums[5, k])


@njit(cache=True, nogil=True)
def _turns(
    centre: Any, frame: Any, plane_frame: Any, slope_x: float, slope_y: float, z: float, same: bool
) -> Any:
    """How the tangents of a plane meet its points over a polygon: (centre, along u, along v) for each tangent.

    The polygon lies in the plane itself (``same``), or behind it, where the plane's z is ``z`` at the centroid.
    """
    turn = np.zeros((2, 3))
    for way in range(2):
        t = plane_frame[way]
        if same:
            turn[way, 0] = t[0] * centre[0] + t[1] * centre[1] + t[2] * centre[2]
            turn[way, 1 + way] = 1.0
        else:
            turn[way, 0] = t[0] * centre[0] + t[1] * centre[1] + t[2] * z
            for axis in range(2):
                rise = slope_x * frame[axis, 0] + slope_y * frame[axis, 1]
                turn[way, 1 + axis] = t[0] * frame[axis, 0] + t[1] * frame[axis, 1] + t[2] * rise
    return turn


@njit(cache=True, nogil=True)
def _before(normals: Any, offsets: Any, j: int, centre: Any, frame: Any) -> Any:
    """How the front plane j lies before a polygon: its slopes and its z at the centroid, and the growth of depth."""
    fall = np.zeros(2)
    if j < 0:
        return 0.0, 0.0, 0.0, fall
    slope_x, slope_y = -normals[j, 0] / normals[j, 2], -normals[j, 1] / normals[j, 2]
    z_in = offsets[j] / normals[j, 2] + slope_x * centre[0] + slope_y * centre[1]
    fall[:] = frame[:, 2] - slope_x * frame[:, 0] - slope_y * frame[:, 1]
    return slope_x, slope_y, z_in, fall


@njit(cache=True, nogil=True)
def _inverse_rates(q: Any, gamma: complex, rate: Any) -> None:
    """Real and imaginary parts of 1 / (i q_z - gamma)."""
    for k in range(q.shape[0]):
        real, imag = -gamma.real, q[k, 0] - gamma.imag
        scale = 1.0 / (real * real + imag * imag)
        rate[0, k], rate[1, k] = real * scale, -imag * scale


@njit(cache=True, nogil=True)
def _own_weight(q: Any, rate: Any, front: bool, weight: Any) -> None:
    """What a shift of a polygon's own plane brings: i q_z / rate of an entrance, 1 of an exit."""
    for k in range(q.shape[0]):
        weight[0, k] = -q[k, 0] * rate[1, k] if front else 1.0
        weight[1, k] = q[k, 0] * rate[0, k] if front else 0.0


@njit(cache=True, nogil=True)
def _shadow_weight(gamma: complex, rate: Any, share: float, n: int, weight: Any) -> None:
    """What a shift of the front plane brings to a polygon behind it, which it darkens: gamma / rate."""
    for k in range(n):
        weight[0, k] = share * (gamma.real * rate[0, k] - gamma.imag * rate[1, k])
        weight[1, k] = share * (gamma.real * rate[1, k] + gamma.imag * rate[0, k])


@njit(cache=True, nogil=True)
def _write_derivatives(
    E: Any, columns: Any, moments: Any, rate: Any, first: int, n: int, jacobian: Any, slopes: Any
) -> None:
    """Turn derivatives of the field into those of its squared modulus, 2 Re(conj(E) dE)."""
    for c in range(columns.shape[0]):
        for k in range(n):
            jacobian[c, first + k] = 2.0 * (E[0, k] * columns[c, 0, k] + E[1, k] * columns[c, 1, k])
    for axis in range(3):
        for k in range(n):
            # exp(i q.r) brings i r (z) or -i r (y, x)
            m_r = moments[axis, 0, k] * rate[0, k] - moments[axis, 1, k] * rate[1, k]
            m_i = moments[axis, 0, k] * rate[1, k] + moments[axis, 1, k] * rate[0, k]
            slope = 2.0 * (E[1, k] * m_r - E[0, k] * m_i)
            squared = E[0, k] * E[0, k] + E[1, k] * E[1, k]
            slopes[axis, first + k] = slope + 2.0 * squared * rate[1, k] if axis == 0 else -slope


@njit(cache=True, nogil=True)
def scatter(
    q: Any,
    gamma: complex,
    normals: Any,
    offsets: Any,
    polygons: Any,
    column: Any,
    field: Any,
    jacobian: Any,
    slopes: Any,
) -> None:
    """Write the integral of exp(i q_z z - i q_perp.r - gamma depth) over the body for each row (q_z, q_y, q_x) of q.

    ``polygons`` is what ``lit_polygons`` gives. ``column`` numbers the planes that derivatives are wanted of, -1 for
    others; rows 3 c to 3 c + 2 of ``jacobian`` become the derivatives of the squared modulus by the offset of plane c
    and by turns of its normal along its two tangents, and rows of ``slopes`` the derivatives by q_z, q_y and q_x. A
    jacobian without rows asks for none of them.
    """
    frames, own, before, start, centroids, areas, corners = polygons
    n_columns = jacobian.shape[0]
    most = np.diff(start).max() if own.size else 0
    work, sums = np.empty((6 + 2 * most, BLOCK)), np.empty((6, BLOCK))
    columns, moments = np.zeros((n_columns, 2, BLOCK)), np.zeros((3, 2, BLOCK))
    rate, weight, E = np.empty((2, BLOCK)), np.empty((2, BLOCK)), np.empty((2, BLOCK))
    for first in range(0, q.shape[0], BLOCK):
        part = q[first : first + BLOCK]
        n = part.shape[0]
        E[:], columns[:], moments[:] = 0.0, 0.0, 0.0
        _inverse_rates(part, gamma, rate)
        for p in range(own.size):
            i, j = own[p], before[p]
            frame, normal = frames[i], normals[i]
            centre = normal * offsets[i] + centroids[p, 0] * frame[0] + centroids[p, 1] * frame[1]
            slope_x, slope_y, z_in, fall = _before(normals, offsets, j, centre, frame)
            _polygon(part, gamma, centre, frame, fall, corners[start[p] : start[p + 1]], areas[p], work, sums)
            for k in range(n):
                E[0, k] += normal[2] * (sums[0, k] * rate[0, k] - sums[1, k] * rate[1, k])
                E[1, k] += normal[2] * (sums[0, k] * rate[1, k] + sums[1, k] * rate[0, k])
            if n_columns == 0:
                continue
            _add_moments(moments, normal[2], centre, frame, sums, n)
            if column[i] >= 0:
                _own_weight(part, rate, j < 0, weight)
                turn = _turns(centre, frame, frame, 0.0, 0.0, 0.0, True)
                _add_columns(columns, 3 * column[i], turn, weight[0], weight[1], sums, n)
            if j >= 0 and column[j] >= 0:
                _shadow_weight(gamma, rate, normal[2] / normals[j, 2], n, weight)
                turn = _turns(centre, frame, frames[j], slope_x, slope_y, z_in, False)
                _add_columns(columns, 3 * column[j], turn, weight[0], weight[1], sums, n)
        for k in range(n):
            field[first + k] = complex(E[0, k], E[1, k])
        if n_columns > 0:
            _write_derivatives(E, columns, moments, rate, first, n, jacobian, slopes)
