"""The faces of a convex body given by half-spaces, and where back faces lie behind front faces along the beam.

Faces are found by clipping each plane with all others, in the plane's own two coordinates: no hull is needed, and a
body of 40 half-spaces takes some 0.1 ms. A polygon is given by its corners in its plane, from its own centroid.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

_SAME_CORNER = 1e-7  # nm: corners closer than this are one, where many faces meet


@njit(cache=True, nogil=True)
def _clip(polygon: Any, n: int, g0: float, g1: float, g2: float, out: Any) -> int:
    """Keep of a convex polygon where g0 + g1 u + g2 v <= 0; give how many corners are left."""
    count = 0
    previous_u, previous_v = polygon[n - 1, 0], polygon[n - 1, 1]
    before = g0 + g1 * previous_u + g2 * previous_v
    for m in range(n):
        u, v = polygon[m, 0], polygon[m, 1]
        here = g0 + g1 * u + g2 * v
        if (before < 0.0 and here > 0.0) or (before > 0.0 and here < 0.0):
            share = before / (before - here)
            out[count, 0] = previous_u + share * (u - previous_u)
            out[count, 1] = previous_v + share * (v - previous_v)
            count += 1
        if here <= 0.0:
            out[count, 0], out[count, 1] = u, v
            count += 1
        previous_u, previous_v, before = u, v, here
    return count


@njit(cache=True, nogil=True, inline="always")
def _dot(a: Any, b: Any) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True, nogil=True)
def _tangents(normal: Any, frame: Any) -> None:
    """Write two unit vectors that make a right-handed frame with a normal."""
    least = 0
    for k in range(1, 3):
        if abs(normal[k]) < abs(normal[least]):
            least = k
    scale = 1.0 / math.sqrt(1.0 - normal[least] ** 2)
    for k in range(3):
        frame[0, k] = ((1.0 if k == least else 0.0) - normal[least] * normal[k]) * scale
    frame[1] = np.cross(normal, frame[0])


@njit(cache=True, nogil=True)
def _without_repeats(polygon: Any, n: int, out: Any) -> int:
    """Copy the corners of a polygon that differ; give how many."""
    kept = 0
    for m in range(n):
        following = m + 1 if m + 1 < n else 0
        distance = abs(polygon[m, 0] - polygon[following, 0]) + abs(polygon[m, 1] - polygon[following, 1])
        if distance > _SAME_CORNER:
            out[kept] = polygon[m]
            kept += 1
    return kept if kept > 2 else 0


@njit(cache=True, nogil=True)
def face_polygons(normals: Any, offsets: Any, reach: float) -> Any:
    """Give the faces of the body {r : normals @ r <= offsets} in a cube of half width ``reach``.

    Gives tangents ``(k, 2, 3)``, corners ``(k, k + 4, 2)`` along them from the foot of the perpendicular from
    the origin, and their numbers ``(k,)``, zero where a plane has no face. Of equal planes the first has it.
    """
    n_planes = offsets.shape[0]
    frames = np.empty((n_planes, 2, 3))
    most = n_planes + 4  # a clip adds one corner at most
    corners = np.zeros((n_planes, most, 2))
    counts = np.zeros(n_planes, np.int64)
    here, spare = np.empty((most, 2)), np.empty((most, 2))
    for i in range(n_planes):
        _tangents(normals[i], frames[i])
        n = 4
        here[0], here[1] = (-reach, -reach), (reach, -reach)
        here[2], here[3] = (reach, reach), (-reach, reach)
        for j in range(n_planes):
            if j == i:
                continue
            cosine = _dot(normals[i], normals[j])
            g0 = offsets[i] * cosine - offsets[j]
            g1, g2 = _dot(frames[i, 0], normals[j]), _dot(frames[i, 1], normals[j])
            if abs(g1) + abs(g2) < 1e-12:  # parallel
                if g0 > 0.0 or (cosine > 0.0 and j < i and g0 > -1e-9):
                    n = 0
                    break
                continue
            n = _clip(here, n, g0, g1, g2, spare)
            here, spare = spare, here
            if n < 3:
                break
        counts[i] = _without_repeats(here, n, corners[i]) if n >= 3 else 0
    return frames, corners, counts


@njit(cache=True, nogil=True)
def _area_and_centroid(polygon: Any, n: int) -> Any:
    """Area and centroid of a convex polygon, its corners counter-clockwise."""
    area, along_u, along_v = 0.0, 0.0, 0.0
    u0, v0 = polygon[0, 0], polygon[0, 1]
    for m in range(1, n - 1):
        au, av = polygon[m, 0] - u0, polygon[m, 1] - v0
        bu, bv = polygon[m + 1, 0] - u0, polygon[m + 1, 1] - v0
        part = 0.5 * (au * bv - av * bu)
        area += part
        along_u += part * (au + bu) / 3
        along_v += part * (av + bv) / 3
    if area <= 0.0:
        return 0.0, u0, v0
    return area, u0 + along_u / area, v0 + along_v / area


@njit(cache=True, nogil=True)
def _behind(polygon: Any, n: int, face: Any, n_face: int, foot: Any, frame: Any, spare: Any) -> Any:
    """Clip a back face by the column behind a front face, its corners (x, y, z) in ``face``."""
    for m in range(n_face):
        following = m + 1 if m + 1 < n_face else 0
        ax, ay = face[m, 0], face[m, 1]
        ex, ey = face[following, 0] - ax, face[following, 1] - ay
        # seen from above, a front face's corners go clockwise: its inside is to the right of each edge
        g0 = ex * (foot[1] - ay) - ey * (foot[0] - ax)
        g1 = ex * frame[0, 1] - ey * frame[0, 0]
        g2 = ex * frame[1, 1] - ey * frame[1, 0]
        n = _clip(polygon, n, g0, g1, g2, spare)
        polygon, spare = spare, polygon
        if n < 3:
            return 0, polygon, spare
    return n, polygon, spare


@njit(cache=True, nogil=True)
def _write_depths(
    part: Any, polygon: Any, foot: Any, frame: Any, normal: Any, offset: float, lowest: float, highest: float
) -> float:
    """Write the depth behind a front plane, whose face lies between two z, at a polygon's corners; give the least."""
    least = np.inf
    for m in range(part.shape[0]):
        point = foot + polygon[m, 0] * frame[0] + polygon[m, 1] * frame[1]
        entrance = (offset - normal[0] * point[0] - normal[1] * point[1]) / normal[2]
        part[m, 2] = max(point[2] - min(max(entrance, lowest), highest), 0.0)
        least = min(least, part[m, 2])
    return least


@njit(cache=True, nogil=True)
def _pairs(normals: Any, counts: Any) -> Any:
    """List front faces, each with -1, and back faces with every front face that might be before them."""
    has_face = np.flatnonzero(counts > 0)
    fronts, backs = has_face[normals[has_face, 2] < 0.0], has_face[normals[has_face, 2] >= 0.0]
    pairs = np.empty((fronts.size * (1 + backs.size), 2), np.int64)
    pairs[: fronts.size, 0], pairs[: fronts.size, 1] = fronts, -1
    at = fronts.size
    for i in backs:
        pairs[at : at + fronts.size, 0], pairs[at : at + fronts.size, 1] = i, fronts
        at += fronts.size
    return pairs


@njit(cache=True, nogil=True)
def _corner_points(feet: Any, frames: Any, polygons: Any, counts: Any) -> Any:
    """Give the corners (x, y, z) of all faces."""
    points = np.zeros((counts.size, polygons.shape[1], 3))
    for i in range(counts.size):
        for m in range(counts[i]):
            points[i, m] = feet[i] + polygons[i, m, 0] * frames[i, 0] + polygons[i, m, 1] * frames[i, 1]
    return points


@njit(cache=True, nogil=True)
def lit_polygons(normals: Any, offsets: Any, reach: float, opacity: float, darkest: float) -> Any:
    """Give the front faces, and the parts of back faces that light reaches, each behind one front face.

    A part whose whole depth, times ``opacity``, is beyond ``darkest`` is left out. Gives tangents ``(k, 2, 3)`` of all
    planes, and for each polygon its plane, the front plane before it (-1 for a front face), its first corner in the
    list of corners (one entry more), its centroid along the tangents from the foot of the perpendicular, its
    area; and for each corner its two coordinates from the centroid, and the depth of material before it.
    """
    frames, polygons, counts = face_polygons(normals, offsets, reach)
    feet = normals * offsets.reshape(-1, 1)
    points = _corner_points(feet, frames, polygons, counts)
    pairs = _pairs(normals, counts)
    n_most = len(pairs)
    own, before = np.empty(n_most, np.int64), np.empty(n_most, np.int64)
    start, centroids, areas = np.zeros(n_most + 1, np.int64), np.empty((n_most, 2)), np.empty(n_most)
    corners = np.empty((1024, 3))
    most = 2 * polygons.shape[1]
    work, spare = np.empty((most, 2)), np.empty((most, 2))
    count = 0
    for i, j in pairs:
        n = counts[i]
        work[:n] = polygons[i, :n]
        if j >= 0:
            n, work, spare = _behind(work, n, points[j], counts[j], feet[i], frames[i], spare)
        if n < 3:
            continue
        area, u0, v0 = _area_and_centroid(work, n)
        if area <= 1e-12:
            continue
        first = start[count]
        while first + n > corners.shape[0]:
            corners = np.concatenate((corners, np.empty_like(corners)))
        part = corners[first : first + n]
        part[:, 0], part[:, 1], part[:, 2] = work[:n, 0] - u0, work[:n, 1] - v0, 0.0
        least = 0.0
        if j >= 0:
            z_in = points[j, : counts[j], 2]
            least = _write_depths(
                part, work, feet[i], frames[i], normals[j], offsets[j], z_in.min(), z_in.max()
            )
        if opacity * least > darkest:
            continue
        own[count], before[count], areas[count] = i, j, area
        centroids[count] = (u0, v0)
        count += 1
        start[count] = first + n
    return (
        frames,
        own[:count].copy(),
        before[:count].copy(),
        start[: count + 1].copy(),
        centroids[:count].copy(),
        areas[:count].copy(),
        corners[: start[count]].copy(),
    )
