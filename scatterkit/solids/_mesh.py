"""Checks and measures of closed triangle meshes, as plain functions of arrays."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components

from scatterkit._validation import check_array, fail

Points = NDArray[np.float64]
Triangles = NDArray[np.int64]

FLAT = 1e-9
"""A mesh whose volume is below this fraction of its bounding sphere's cube is flat."""
PROBES = 32
"""Triangles, at most, that tell whether a part of a surface lies in another."""
ON_SURFACE = 0.1
"""A surface winds less often than this around points outside; more often, around those on its faces."""


def clean_mesh(vertices: ArrayLike, faces: ArrayLike, *, owner: str) -> tuple[Points, Triangles]:
    """Give vertices and outward triangles of a closed surface, without unused vertices; or raise."""
    points = check_array(
        vertices, name="vertices", owner=owner, shape=(None, 3), dtype=np.float64, what="points in nm"
    )
    triangles = _triangles(faces, len(points), owner)
    if not len(triangles):
        raise fail("faces", owner, "the triangles of a closed surface", "triangles without three corners")
    given, triangles = triangles, consistent(triangles, owner)
    disagreed = (given != triangles).any(axis=1)
    used, triangles = np.unique(triangles, return_inverse=True)
    points, triangles = points[used], triangles.reshape(-1, 3).astype(np.int64)
    triangles = _outward(points, triangles, disagreed, owner)
    extent = float(np.ptp(points, axis=0).max())
    if volume(points, triangles) <= FLAT * extent**3:
        raise fail("faces", owner, "the surface of a body of positive volume", "a flat surface")
    return np.ascontiguousarray(points), np.ascontiguousarray(triangles)


def _outward(points: Points, triangles: Triangles, disagreed: NDArray[np.bool_], owner: str) -> Triangles:
    """Turn each part that lies in no other outward, and what lies in it along with it: so cavities stay cavities.

    Whether a part in another is a cavity, only its triangles say: they must have agreed. It stays as it is where those
    around it did not agree.
    """
    part = _parts(triangles)
    holder = _holders(points, triangles, part)
    nested, mixed = holder != np.arange(len(holder)), np.bincount(part, weights=disagreed) > 0
    if (nested & mixed).any():
        allowed = "triangles that are turned alike in each part that lies in another, which may be a cavity"
        raise fail("faces", owner, allowed, "such a part with triangles turned at random")
    a, b, c = _corners(points, triangles)
    inward = np.bincount(part, weights=np.einsum("ij,ij->i", a, np.cross(b, c))) < 0
    turn = inward[holder] & ~(nested & mixed[holder])
    return np.where(turn[part][:, None], triangles[:, ::-1], triangles)


def _parts(triangles: Triangles) -> NDArray[np.int64]:
    """Number the parts of a surface: triangles that share an edge are of one part."""
    n = len(triangles)
    _, edges = np.unique(_edge_numbers(triangles), return_inverse=True)
    ends = (np.arange(3 * n) % n, n + edges)  # triangles and edges are the nodes
    graph = coo_matrix((np.ones(3 * n), ends), shape=(n + edges.max() + 1,) * 2)
    return np.unique(connected_components(graph, directed=False)[1][:n], return_inverse=True)[1].astype(
        np.int64
    )


def _holders(points: Points, triangles: Triangles, part: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give for each part the outermost one that it lies in, itself if there is none."""
    members = np.split(np.argsort(part, kind="stable"), np.cumsum(np.bincount(part))[:-1])
    bounds = [
        (points[triangles[own]].min(axis=(0, 1)), points[triangles[own]].max(axis=(0, 1))) for own in members
    ]
    low, high = np.swapaxes(bounds, 0, 1)
    holders = np.arange(len(members))
    by_size = np.argsort(-np.prod(high - low, axis=1), kind="stable")
    for rank, inner in enumerate(by_size):
        larger = by_size[:rank]
        around = ((low[larger] <= low[inner]) & (high[larger] >= high[inner])).all(axis=1)
        few = members[inner][:: -(-len(members[inner]) // PROBES)]
        probes = points[triangles[few]].mean(axis=1)
        for outer in larger[around]:
            if _windings(probes, points[triangles[members[outer]]]).min() > ON_SURFACE:
                holders[inner] = outer
                break
    return holders


def _windings(probes: Points, corners: Points) -> NDArray[np.float64]:
    """Give how often a closed surface winds around points, whichever way: 0 outside, 1 inside, 1/2 on a face.

    By the solid angles of its triangles: A. van Oosterom and J. Strackee, IEEE Trans. Biomed. Eng. 30, 125 (1983).
    """
    windings = []
    for probe in probes:
        a, b, c = np.moveaxis(corners - probe, 1, 0)
        la, lb, lc = (np.linalg.norm(side, axis=1) for side in (a, b, c))
        above = np.einsum("ij,ij->i", a, np.cross(b, c))
        dots = [np.einsum("ij,ij->i", *pair) for pair in ((a, b), (b, c), (c, a))]
        below = la * lb * lc + dots[0] * lc + dots[1] * la + dots[2] * lb
        windings.append(abs(np.arctan2(above, below).sum()) / (2 * np.pi))
    return np.array(windings)


def _triangles(faces: ArrayLike, n_vertices: int, owner: str) -> Triangles:
    allowed = "an integer array of shape (any, 3), each row the vertex numbers of a triangle"
    array: NDArray[Any] = check_array(faces, name="faces", owner=owner, shape=(None, 3), dtype=np.float64)
    if not np.array_equal(array, np.rint(array)):
        raise fail("faces", owner, allowed, "numbers that are no integers")
    triangles = array.astype(np.int64)
    if triangles.min() < 0 or triangles.max() >= n_vertices:
        given = f"numbers from {triangles.min()} to {triangles.max()}"
        raise fail("faces", owner, f"{allowed} (0 to {n_vertices - 1})", given)
    a, b, c = triangles.T
    return triangles[(a != b) & (b != c) & (c != a)]


def directed_edges(triangles: Triangles) -> NDArray[np.int64]:
    """Give each triangle's directed edges, ``(3 f, 2)``; edge i of triangle t stands in row ``i f + t``."""
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def consistent(triangles: Triangles, owner: str) -> Triangles:
    """Turn triangles so that neighbours agree; raise where the surface has an open edge."""
    edges = directed_edges(triangles)
    undirected, which, counts = np.unique(_edge_numbers(triangles), return_inverse=True, return_counts=True)
    n_open = int(np.count_nonzero(counts % 2))
    if n_open:
        allowed = "the triangles of a closed surface (each edge shared by two)"
        raise fail("faces", owner, allowed, f"{n_open} open edges of {len(undirected)}")
    balance = np.bincount(which, weights=np.where(edges[:, 0] < edges[:, 1], 1.0, -1.0))
    if not balance.any():
        return triangles
    if counts.max() > 2:
        allowed = "triangles that are turned alike, or a surface whose edges are each shared by two triangles"
        raise fail(
            "faces", owner, allowed, f"edges shared by up to {counts.max()} triangles turned at random"
        )
    return _turned(triangles, edges, which, owner)


def _turned(
    triangles: Triangles, edges: NDArray[np.int64], which: NDArray[np.int64], owner: str
) -> Triangles:
    """Walk each connected part, turning triangles that disagree with the neighbour they are reached from."""
    n = len(triangles)
    order = np.argsort(which, kind="stable").reshape(-1, 2)  # the two directed edges of each undirected one
    first, second = order.T % n
    agree = (edges[order[:, 0]] != edges[order[:, 1]]).any(axis=1)
    relation = np.where(agree, 1, -1)
    graph = coo_matrix(
        (np.r_[relation, relation], (np.r_[first, second], np.r_[second, first])), shape=(n, n)
    ).tocsr()
    linked = abs(graph)
    signs = np.zeros(n, dtype=np.int64)
    for start in range(n):
        if signs[start]:
            continue
        nodes, parents = breadth_first_order(linked, start, directed=False)
        signs[start] = 1
        for node in nodes[1:]:
            signs[node] = signs[parents[node]] * np.sign(graph[parents[node], node])
    if not np.array_equal(signs[first] * signs[second], relation):
        raise fail("faces", owner, "a surface with an inside and an outside", "a one-sided surface")
    return np.where(signs[:, None] > 0, triangles, triangles[:, ::-1])


def volume(points: Points, triangles: Triangles) -> float:
    """Give the enclosed volume, positive for outward triangles (divergence theorem)."""
    a, b, c = _corners(points, triangles)
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def centroid(points: Points, triangles: Triangles) -> Points:
    """Give the centre of mass of the enclosed body."""
    a, b, c = _corners(points, triangles)
    parts = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
    middle = points[triangles[0, 0]]
    return middle + (parts[:, None] * (a + b + c)).sum(axis=0) / (4 * parts.sum())


def _corners(points: Points, triangles: Triangles) -> tuple[Points, Points, Points]:
    corners = points[triangles] - points[triangles[0, 0]]  # near the origin: no cancellation
    return corners[:, 0], corners[:, 1], corners[:, 2]


def area_vectors(points: Points, triangles: Triangles) -> Points:
    """Give each triangle's outward normal times its area, ``(f, 3)``."""
    a, b, c = _corners(points, triangles)
    return np.cross(b - a, c - a) / 2


LOW = 30.0
"""Heights of triangles, in tolerances, up to which their planes do not tell to which face they belong."""


def flat_patches(points: Points, triangles: Triangles, tolerance: float) -> NDArray[np.int64]:
    """Number the faces: neighbouring triangles in one plane (within a length) carry the same number.

    Triangles that are next to nothing high lie in the planes of several neighbours that meet there, so they join none
    of them. They go to the largest triangle around them in whose plane they lie; slivers, whose own plane is
    uncertain, else to the nearest plane.
    """
    areas = area_vectors(points, triangles)
    size = np.linalg.norm(areas, axis=1)
    normals = areas / np.maximum(size, np.finfo(float).tiny)[:, None]
    n = len(triangles)
    pairs = np.argsort(_edge_numbers(triangles), kind="stable").reshape(-1, 2) % n
    heights = 2 * size / _longest_edges(points, triangles)
    low = heights < LOW * tolerance
    broad = pairs[~low[pairs].any(axis=1)]
    across, homes = _around_low(points, triangles, pairs, low, heights < tolerance, tolerance)
    candidates = np.vstack([broad, across])
    candidates = np.take_along_axis(candidates, np.argsort(-size[candidates], axis=1), axis=1)
    first, second = candidates.T  # the larger triangle gives the plane
    away = points[triangles[second]] - points[triangles[first, 0]][:, None, :]
    distance = np.abs(np.einsum("ij,ikj->ik", normals[first], away)).max(axis=1)
    same_side = np.einsum("ij,ij->i", normals[first], normals[second]) > 0
    joined = np.vstack([candidates[(distance <= tolerance) & same_side], homes])
    graph = coo_matrix((np.ones(len(joined)), tuple(joined.T)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _longest_edges(points: Points, triangles: Triangles) -> NDArray[np.float64]:
    corners = points[triangles]
    return np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)


def _around_low(
    points: Points,
    triangles: Triangles,
    pairs: NDArray[np.int64],
    low: NDArray[np.bool_],
    sliver: NDArray[np.bool_],
    tolerance: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the pairs of broad triangles around chains of low ones, and low ones with those that they go to."""
    touching = pairs[low[pairs].all(axis=1)]
    graph = coo_matrix((np.ones(len(touching)), tuple(touching.T)), shape=(len(low), len(low)))
    chain = connected_components(graph, directed=False)[1]
    mixed = pairs[low[pairs].sum(axis=1) == 1]
    mixed = np.where(low[mixed[:, :1]], mixed, mixed[:, ::-1])  # the low one, then the broad triangle
    across: list[tuple[int, int]] = []
    homes: list[tuple[int, int]] = []
    for number in np.unique(chain[mixed[:, 0]]):
        around = np.unique(mixed[chain[mixed[:, 0]] == number, 1])
        across += list(combinations(around.tolist(), 2))
        members = np.flatnonzero((chain == number) & low)
        found, lies = _homes(points, triangles[members], triangles[around], tolerance)
        settled = lies | sliver[members]
        homes += zip(members[settled], around[found[settled]], strict=True)
    return np.array(across, dtype=np.int64).reshape(-1, 2), np.array(homes, dtype=np.int64).reshape(-1, 2)


def _homes(
    points: Points, low: Triangles, broad: Triangles, tolerance: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Give for each low triangle the largest one in whose plane it lies, or else the nearest; and whether it does."""
    areas = area_vectors(points, broad)
    size = np.linalg.norm(areas, axis=1)
    away = points[low][:, None] - points[broad[:, 0]][:, None]  # (low, broad, corner, xyz)
    distance = np.abs(np.einsum("bx,lbcx->lbc", areas / size[:, None], away)).max(axis=2)
    lies = distance <= tolerance
    return np.argmin(np.where(lies, -size, distance), axis=1), lies.any(axis=1)


def _edge_numbers(triangles: Triangles) -> NDArray[np.int64]:
    edges = np.sort(directed_edges(triangles), axis=1)
    return edges[:, 0] * (triangles.max() + 1) + edges[:, 1]


def section_loops(edges: NDArray[np.int64]) -> list[list[int]]:
    """Chain directed edges into closed loops of vertex numbers."""
    following: dict[int, list[int]] = {}
    for start, end in edges.tolist():
        following.setdefault(start, []).append(end)
    loops = []
    while following:
        start = next(iter(following))
        loop, node = [], start
        while True:
            loop.append(node)
            ends = following[node]
            step = ends.pop()
            if not ends:
                del following[node]
            node = step
            if node == start:
                break
        loops.append(loop)
    return loops
