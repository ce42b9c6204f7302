"""Metrics of surfaces: orientation of facets, distance of surfaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import Positive, check_array, check_value, fail
from scatterkit.metrics._pairs import Values, per_sample

Points = NDArray[np.float64]


def facet_angle_error(
    a: ArrayLike | Sequence[ArrayLike],
    b: ArrayLike | Sequence[ArrayLike],
    weights_a: ArrayLike | Sequence[ArrayLike] | None = None,
    weights_b: ArrayLike | Sequence[ArrayLike] | None = None,
) -> Values:
    """Mean angle between each facet and the nearest one of the other body.

    Parameters
    ----------
    a, b : array-like of shape (k, 3), or a sequence of those
        Facet normals of one body, or of one body per sample; their lengths do not matter. Bodies may have
        different numbers of facets.
    weights_a, weights_b : array-like of shape (k,), or a sequence of those, optional
        Weights of the facets, such as their areas; equal by default.

    Returns
    -------
    float or ndarray of shape (n,)
        Angle in rad: the mean of both directions (a to b, b to a), each a weighted mean over its facets.

    Notes
    -----
    For the side that the pattern sees, give only normals with a negative z component.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.metrics import facet_angle_error
    >>> cube = np.vstack([np.eye(3), -np.eye(3)])
    >>> facet_angle_error(cube, [[1, 0, 1]])  # 45 degrees to two facets, 90 to two, 135 to two; and 45 back
    1.178...
    """
    owner = "facet_angle_error"
    single = _is_single(a)
    if single:
        sides: list[Any] = [[a], [b], [weights_a], [weights_b]]
    else:
        sides = [list(a), list(b)]  # type: ignore[arg-type]
        n = len(sides[0])
        for name, weights in (("weights_a", weights_a), ("weights_b", weights_b)):
            sides.append([None] * n if weights is None else list(weights))  # type: ignore[arg-type]
            _check_length(sides[-1], n, name, owner)
        _check_length(sides[1], n, "b", owner)

    def error(a: ArrayLike, b: ArrayLike, weights_a: Any, weights_b: Any) -> float:
        first, second = _unit_vectors(a, "a", owner), _unit_vectors(b, "b", owner)
        angles = np.arccos(np.clip(first @ second.T, -1, 1))
        there = np.average(angles.min(axis=1), weights=_weights(weights_a, len(first), "weights_a", owner))
        back = np.average(angles.min(axis=0), weights=_weights(weights_b, len(second), "weights_b", owner))
        return float(there + back) / 2

    return per_sample(error, single, *sides)


def hausdorff(a: Any, b: Any, *, spacing: float = 1.0) -> Values:
    """Hausdorff distance of two surfaces: the largest distance of a point of one from the other.

    Parameters
    ----------
    a, b : body, array-like of shape (k, 3) [nm], or a sequence of either
        Bodies with vertices and triangular faces (``Solid``, ``trimesh.Trimesh``), or points on a surface.
    spacing : float [nm], default 1.0
        Largest distance of neighbouring samples along a triangle's edges.

    Returns
    -------
    float or ndarray of shape (n,)
        Distance in nm. The samples make it too large or too small by less than the spacing.

    Notes
    -----
    The bodies are taken where they are: move them upon each other first if only their shapes matter.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.metrics import hausdorff
    >>> hausdorff([[0, 0, 0], [1, 0, 0]], [[0, 0, 0], [1, 0, 2]])
    2.0
    """
    owner = "hausdorff"
    check_value(spacing, Positive("nm"), name="spacing", owner=owner)
    single = hasattr(a, "faces") or _is_single(a)
    bodies_a, bodies_b = ([a], [b]) if single else (list(a), list(b))
    _check_length(bodies_b, len(bodies_a), "b", owner)

    def distance(a: Any, b: Any) -> float:
        from scipy.spatial import KDTree

        points = surface_points(a, spacing, name="a"), surface_points(b, spacing, name="b")
        trees = [KDTree(part) for part in points]
        return float(max(trees[1].query(points[0])[0].max(), trees[0].query(points[1])[0].max()))

    return per_sample(distance, single, bodies_a, bodies_b)


def surface_points(body: Any, spacing: float, *, name: str = "body") -> Points:
    """Give points that cover a surface evenly.

    Parameters
    ----------
    body : body or array-like of shape (k, 3) [nm]
        A body with vertices and triangular faces; or points, which are given back.
    spacing : float [nm]
        Largest distance of neighbouring points along a triangle's edges.
    name : str, default "body"
        What an error message calls the body.

    Returns
    -------
    ndarray of float64, shape (m, 3)
        The points; each triangle's corners and edges are covered, too.
    """
    owner = "hausdorff"
    if not hasattr(body, "faces"):
        return check_array(body, name=name, owner=owner, shape=(None, 3), dtype=np.float64, what="points")
    vertices: Points = np.asarray(body.vertices, dtype=np.float64)
    triangles = vertices[np.asarray(body.faces)]
    longest = np.linalg.norm(triangles - np.roll(triangles, 1, axis=1), axis=2).max(axis=1)
    n_parts = np.maximum(np.ceil(longest / spacing), 1).astype(int)
    return np.concatenate(
        [(_barycentric(n) @ triangles[n_parts == n]).reshape(-1, 3) for n in np.unique(n_parts)]
    )


def _barycentric(n: int) -> Points:
    """Weights of the corners for the points that cut each edge of a triangle into n."""
    i, j = np.indices((n + 1, n + 1)).reshape(2, -1)
    kept = i + j <= n
    i, j = i[kept], j[kept]
    return np.column_stack([i, j, n - i - j]) / n


def _is_single(value: Any) -> bool:
    """Whether a value is one list of vectors rather than a sequence of those (or of bodies)."""
    if isinstance(value, np.ndarray):
        return value.ndim < 3 and value.dtype != object
    try:
        first = next(iter(value))
    except (TypeError, StopIteration):
        return True
    return not hasattr(first, "faces") and np.ndim(first) < 2


def _check_length(values: list[Any], n: int, name: str, owner: str) -> None:
    if len(values) != n:
        raise fail(name, owner, f"as many as 'a', {n}", f"{len(values)}")


def _unit_vectors(value: ArrayLike, name: str, owner: str) -> Points:
    vectors = check_array(value, name=name, owner=owner, shape=(None, 3), dtype=np.float64, what="normals")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if (lengths == 0).any():
        raise fail(name, owner, "normals of non-zero length", "a zero vector")
    units: Points = vectors / lengths
    return units


def _weights(value: ArrayLike | None, n: int, name: str, owner: str) -> Points | None:
    if value is None:
        return None
    weights = check_array(value, name=name, owner=owner, shape=(n,), dtype=np.float64, low=0, what="weights")
    if weights.sum() == 0:
        raise fail(name, owner, "weights that are not all zero", "zeros")
    return weights
