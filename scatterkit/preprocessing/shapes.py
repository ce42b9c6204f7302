"""Shapes that a detector leaves in its frames: the central hole and the circular edge, given or found."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from scatterkit._validation import (
    Constraint,
    Integer,
    Numbers,
    Positive,
    Real,
    check_array,
    check_mask,
    check_value,
    fail,
    shown,
)

Mask = NDArray[np.bool_]
Place = tuple[float, float]


def distance_from(shape: tuple[int, ...], center: Place) -> NDArray[np.float64]:
    """Distance of every pixel from a place [pixels]."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(rows - center[0], columns - center[1])


def annular_mask(
    shape: tuple[int, int], inner: float = 0.0, outer: float = math.inf, *, center: Place | None = None
) -> Mask:
    """Give the mask of a round detector with a round hole.

    Parameters
    ----------
    shape : tuple of int (rows, columns)
        Size of the patterns.
    inner : float [pixels], default=0.0
        Radius of the hole for the direct beam: pixels whose middle is nearer to the centre are not measured.
    outer : float [pixels], default=inf
        Radius of the detector's edge: pixels farther away are not measured.
    center : pair of float [pixels], optional
        Row and column of the centre; by default where patterns have q = 0, which is [rows // 2, columns // 2].

    Returns
    -------
    ndarray of bool of shape (rows, columns)
        True where measured.

    Raises
    ------
    InvalidParameterError
        If ``shape`` or ``center`` is no pair of numbers, a radius is negative, or ``outer`` is below ``inner``.

    See Also
    --------
    central_hole : The hole of a frame that shows one.
    scatterkit.augmentation.CentralHole : Holes of random radii.

    Examples
    --------
    >>> from scatterkit.preprocessing import annular_mask
    >>> mask = annular_mask((128, 128), inner=2.5, outer=50)
    >>> mask[64, [64, 67, 115]].tolist()
    [False, True, False]
    """
    owner = "annular_mask"
    if not (isinstance(shape, tuple) and len(shape) == 2 and all(Integer(low=1).accepts(n) for n in shape)):
        raise fail("shape", owner, "a pair of positive integers (rows, columns)", shown(shape))
    for name, value in (("inner", inner), ("outer", outer)):
        check_value(value, _RADIUS, name=name, owner=owner)
    if outer < inner:
        raise fail("outer", owner, f"at least inner, {inner:g} pixels", shown(outer))
    if not _PLACE.accepts(center):
        raise fail("center", owner, _PLACE.describe(), shown(center))
    distance = distance_from(shape, (shape[0] // 2, shape[1] // 2) if center is None else center)
    return (distance >= inner) & (distance <= outer)


def central_hole(
    frame: ArrayLike, center: Place | None = None, *, radius: float = 6.0, darkness: float = 0.6
) -> Mask:
    """Find the dark hole about the middle of a frame, through which the direct beam leaves.

    Parameters
    ----------
    frame : array_like of shape (rows, columns)
        Intensities or grey values.
    center : pair of float [pixels], optional
        Row and column about which to look; by default the frame's middle.
    radius : float [pixels], default=6.0
        How far from there the hole may reach.
    darkness : float [1], default=0.6
        Pixels are dark under this share of the median within twice the radius.

    Returns
    -------
    ndarray of bool of shape (rows, columns)
        True in the largest connected dark region; nowhere True if there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import central_hole
    >>> frame = np.full((33, 33), 100.0)
    >>> frame[15:19, 14:18] = 0
    >>> int(central_hole(frame).sum())
    16
    """
    values, place = _checked(frame, center, radius, darkness, "central_hole")
    near = distance_from(values.shape, place) < radius
    labels, n = ndimage.label(near & (values < _level(values, place, radius, darkness)))
    if n == 0:
        return np.zeros(values.shape, dtype=bool)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == int(np.argmax(sizes))


def hole_center(
    frame: ArrayLike, center: Place | None = None, *, radius: float = 6.0, darkness: float = 0.6
) -> Place | None:
    """Find the middle of the central hole: its centroid, every pixel weighted by how dark it is.

    Parameters
    ----------
    frame : array_like of shape (rows, columns)
        Intensities or grey values.
    center : pair of float [pixels], optional
        Row and column about which to look; by default the frame's middle.
    radius : float [pixels], default=6.0
        How far from there the hole may reach.
    darkness : float [1], default=0.6
        Pixels are dark under this share of the median within twice the radius.

    Returns
    -------
    tuple of float (row, column) [pixels], or None
        The hole's middle; None where there is no hole.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import hole_center
    >>> frame = np.full((33, 33), 100.0)
    >>> frame[15:19, 14:18] = 0
    >>> hole_center(frame)
    (16.5, 15.5)
    """
    values, place = _checked(frame, center, radius, darkness, "hole_center")
    hole = central_hole(values, place, radius=radius, darkness=darkness)
    if not hole.any():
        return None
    weights = np.clip(_level(values, place, radius, darkness) - values, 0, None) * hole
    row, column = ndimage.center_of_mass(weights)
    return float(row), float(column)


@dataclass(frozen=True)
class Circle:
    """A circle on a detector.

    Parameters
    ----------
    center : tuple of float (row, column) [pixels]
        Its middle.
    radius : float [pixels]
        Its radius.
    rms : float [pixels]
        Root mean square distance from the circle of the edge that was fitted.
    arc : float [1]
        Share of the circle along which there is an edge.
    """

    center: Place
    radius: float
    rms: float
    arc: float


def fit_edge(mask: ArrayLike) -> Circle | None:
    """Fit a circle to the outer edge of the measured area, as a round detector has it.

    The frame's own borders are no edge, nor are those of holes and of gaps between modules. Points that lie far off
    are left out, five times over.

    Parameters
    ----------
    mask : array_like of bool of shape (rows, columns)
        True where measured.

    Returns
    -------
    Circle or None
        The circle; None where the measured area has less than 16 pixels of an edge inside the frame.

    Notes
    -----
    Least squares of the algebraic distance (I. Kasa, IEEE Trans. Instrum. Meas. IM-25, 8 (1976)), good where much
    of the circle is seen. Points over three times the scaled median distance are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import fit_edge
    >>> rows, columns = np.indices((64, 64))
    >>> circle = fit_edge((rows - 30.3) ** 2 + (columns - 32.6) ** 2 < 25**2)
    >>> [round(c, 1) for c in circle.center]
    [30.3, 32.6]
    """
    raw = np.asarray(mask)
    if raw.ndim != 2:
        raise fail("mask", "fit_edge", "a boolean array of shape (rows, columns)", f"shape {raw.shape}")
    flags = check_mask(raw, raw.shape, owner="fit_edge")
    assert flags is not None
    rows, columns = _outer_edge(flags)
    if len(rows) < 16:
        return None
    keep = np.ones(len(rows), dtype=bool)
    for _ in range(5):
        center, radius = _circle(rows[keep], columns[keep])
        off = np.hypot(rows - center[0], columns - center[1]) - radius
        scale = 1.4826 * np.median(np.abs(off[keep]))
        keep = np.abs(off) <= max(3 * scale, 0.5)
        if keep.sum() < 16:
            return None
    angles = np.arctan2(rows[keep] - center[0], columns[keep] - center[1])
    seen = np.unique(np.floor((angles + math.pi) / (2 * math.pi) * 72).astype(int) % 72)
    return Circle(center, radius, float(np.sqrt(np.mean(off[keep] ** 2))), len(seen) / 72)


def _outer_edge(flags: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places just outside the outermost measured pixels of each row and column, but for the frame's borders.

    So neither holes nor gaps between modules are edges.
    """
    rows, columns = [], []
    for axis in (0, 1):
        lines = np.swapaxes(flags, 0, axis)
        across = np.flatnonzero(lines.any(axis=0))
        n = len(lines)
        first, last = lines.argmax(axis=0)[across], n - 1 - lines[::-1].argmax(axis=0)[across]
        inside = np.concatenate([first > 0, last < n - 1])
        along = np.concatenate([first - 0.5, last + 0.5])[inside]
        beside = np.tile(across, 2)[inside].astype(float)
        rows.append(along if axis == 0 else beside)
        columns.append(beside if axis == 0 else along)
    return np.concatenate(rows), np.concatenate(columns)


def _circle(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> tuple[Place, float]:
    design = np.stack([rows, columns, np.ones(len(rows))], axis=1)
    a, b, c = np.linalg.lstsq(design, rows**2 + columns**2, rcond=None)[0]
    return (float(a / 2), float(b / 2)), math.sqrt(max(0.0, c + (a**2 + b**2) / 4))


def shapes_near(mask: Mask, place: Place, max_shift: float) -> dict[str, Place]:
    """Middles of a compact hole in the mask near a place and of a circular edge."""
    found: dict[str, Place] = {}
    hole = _hole_in_mask(mask, place, max_shift)
    if hole is not None:
        found["hole"] = hole
    circle = fit_edge(mask)
    if circle is not None and circle.rms < 1 and circle.arc > 1 / 3:
        found["edge"] = circle.center
    return found


def _hole_in_mask(mask: Mask, place: Place, max_shift: float) -> Place | None:
    """Centroid of the masked region next to a place, where it is compact and inside the frame."""
    labels, _ = ndimage.label(~mask)
    rows, columns = np.nonzero(labels)
    if len(rows) == 0:
        return None
    near = int(np.argmin(np.hypot(rows - place[0], columns - place[1])))
    row, column = rows[near], columns[near]
    region = labels == labels[row, column]
    inside = not (region[[0, -1]].any() or region[:, [0, -1]].any())
    height, width = (np.ptp(part) + 1 for part in np.nonzero(region))
    # a gap that crosses the hole, or a single bad pixel, is no hole
    compact = min(height, width) >= 3 and max(height, width) <= 1.5 * min(height, width)
    middle = ndimage.center_of_mass(region)
    if not (inside and compact and math.dist(middle, place) <= max_shift):
        return None
    return float(middle[0]), float(middle[1])


_RADIUS = Real(low=0, unit="pixels", finite=False)
_PLACE = Numbers(2, "pixels", optional=True)
_CONSTRAINTS: dict[str, Constraint] = {
    "radius": Positive("pixels"),
    "darkness": Real(low=0, high=1, open_low=True),
}


def _checked(
    frame: ArrayLike, center: Place | None, radius: float, darkness: float, owner: str
) -> tuple[NDArray[np.float64], Place]:
    values = check_array(
        frame, name="frame", owner=owner, shape=(None, None), dtype=np.float64, what="a frame (rows, columns)"
    )
    for name, value in (("radius", radius), ("darkness", darkness)):
        check_value(value, _CONSTRAINTS[name], name=name, owner=owner)
    if not _PLACE.accepts(center):
        raise fail("center", owner, _PLACE.describe(), shown(center))
    rows, columns = values.shape
    return values, ((rows - 1) / 2, (columns - 1) / 2) if center is None else center


def _level(values: NDArray[np.float64], place: Place, radius: float, darkness: float) -> float:
    ring = distance_from(values.shape, place) < 2 * radius
    if not ring.any():
        return -math.inf
    return darkness * float(np.median(values[ring]))
