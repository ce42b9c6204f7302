"""Metrics of volumes, aligned by whole voxels first: translations do not change a pattern."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from scatterkit._validation import Positive, check_value, fail
from scatterkit.metrics._pairs import Values, check_pair, per_sample

Volume = NDArray[Any]
VOLUMES = "volumes (n, z, y, x) or (z, y, x)"
FILLED = 0.5  # occupancy from which a voxel counts as material
N_LENGTHS = 3  # absorption lengths that a pattern can see


def volume_iou(a: ArrayLike, b: ArrayLike) -> Values:
    """Intersection over union of two bodies, aligned by the translation of largest overlap.

    Parameters
    ----------
    a, b : array-like of shape (n, z, y, x) or (z, y, x)
        Occupancies in [0, 1].

    Returns
    -------
    float or ndarray of shape (n,)
        Sum of the voxels' minima over the sum of their maxima; 1 for two empty volumes.

    Notes
    -----
    The translation is one of whole voxels: equal bodies that lie half a voxel apart stay a little under 1.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.metrics import volume_iou
    >>> cube = np.zeros((8, 8, 8))
    >>> cube[1:5, 1:5, 1:5] = 1
    >>> volume_iou(cube, np.roll(cube, 3, axis=0))
    1.0
    """
    return per_sample(_aligned_iou, *_checked(a, b, "volume_iou"))


def front_iou(a: ArrayLike, b: ArrayLike, *, absorption_length: float = 12.5, box: float = 318.75) -> Values:
    """Intersection over union of the bodies' fronts, the part that a pattern can see.

    Parameters
    ----------
    a, b : array-like of shape (n, z, y, x) or (z, y, x)
        Occupancies in [0, 1].
    absorption_length : float [nm], default 12.5
        The material's; the front is the first three of these of material along the beam.
    box : float [nm], default 318.75
        Side of the cube that the volumes fill.

    Returns
    -------
    float or ndarray of shape (n,)
        One value per pair, fronts aligned by the translation of largest overlap.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.metrics import front_iou
    >>> short, long = np.zeros((2, 64, 64, 64))
    >>> short[10:30, 20:40, 20:40] = 1
    >>> long[10:50, 20:40, 20:40] = 1
    >>> front_iou(short, long)
    1.0
    """
    check_value(absorption_length, Positive("nm"), name="absorption_length", owner="front_iou")
    check_value(box, Positive("nm"), name="box", owner="front_iou")
    single, first, second = _checked(a, b, "front_iou")
    thickness = N_LENGTHS * absorption_length / (box / first.shape[1])

    def iou(a: Volume, b: Volume) -> float:
        # of the bounding boxes alone, which are small beside the box
        fronts = (_front(_cropped(volume)[0] if volume.any() else volume, thickness) for volume in (a, b))
        return _aligned_iou(*fronts)

    return per_sample(iou, single, first, second)


def footprint_iou(a: ArrayLike, b: ArrayLike) -> Values:
    """Intersection over union of the bodies' outlines as seen along the beam.

    Parameters
    ----------
    a, b : array-like of shape (n, z, y, x) or (z, y, x)
        Occupancies in [0, 1].

    Returns
    -------
    float or ndarray of shape (n,)
        One value per pair, outlines aligned by the translation of largest overlap.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.metrics import footprint_iou
    >>> thin, thick = np.zeros((2, 8, 8, 8))
    >>> thin[2, 2:6, 2:6] = thick[2:6, 2:6, 3:5] = 1
    >>> footprint_iou(thin, thick)
    0.5
    """
    single, first, second = _checked(a, b, "footprint_iou")

    def iou(a: Volume, b: Volume) -> float:
        return _aligned_iou(_footprint(a)[None], _footprint(b)[None])

    return per_sample(iou, single, first, second)


def front_depth_error(a: ArrayLike, b: ArrayLike, *, box: float = 318.75) -> Values:
    """Mean distance along the beam between two bodies' front surfaces.

    Parameters
    ----------
    a, b : array-like of shape (n, z, y, x) or (z, y, x)
        Occupancies in [0, 1].
    box : float [nm], default 318.75
        Side of the cube that the volumes fill.

    Returns
    -------
    float or ndarray of shape (n,)
        Mean absolute difference in nm over the columns that both bodies fill, outlines aligned, the shift
        along the beam chosen to make it least; NaN where a body is empty.

    Notes
    -----
    Within a column the surface's place between two slices follows from the occupancy. Whether the outlines
    agree is for `footprint_iou` to say.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.metrics import front_depth_error
    >>> flat, step = np.zeros((2, 8, 8, 8))
    >>> flat[2:6, 2:6, 2:6] = step[2:6, 2:6, 2:6] = 1
    >>> step[2, 2:6, 2] = 0
    >>> front_depth_error(flat, step, box=80.0)
    2.5
    """
    check_value(box, Positive("nm"), name="box", owner="front_depth_error")
    single, first, second = _checked(a, b, "front_depth_error")
    step = box / first.shape[1]

    def error(a: Volume, b: Volume) -> float:
        outlines = _footprint(a), _footprint(b)
        if not all(outline.any() for outline in outlines):
            return np.nan
        _, *shift = best_shift(outlines[0][None], outlines[1][None])
        (outline_a, outline_b), depths = outlines, (entry_depth(a), entry_depth(b))
        rows, columns = np.nonzero(outline_b)
        target = rows + shift[0], columns + shift[1]
        inside = np.logical_and.reduce([(t >= 0) & (t < n) for t, n in zip(target, a.shape[1:], strict=True)])
        rows, columns, target = rows[inside], columns[inside], (target[0][inside], target[1][inside])
        shared = outline_a[target]
        difference = (depths[0][target] - depths[1][rows, columns])[shared]
        return float(np.mean(np.abs(difference - np.median(difference)))) * step

    return per_sample(error, single, first, second)


def best_shift(a: Volume, b: Volume) -> tuple[int, ...]:
    """Give the translation of b, in whole voxels along each axis, for which it overlaps most with a.

    Parameters
    ----------
    a, b : ndarray of equal number of axes
        Occupancies, neither empty.

    Returns
    -------
    tuple of int
        How far to move b towards larger indices.
    """
    (part_a, start_a), (part_b, start_b) = _cropped(a), _cropped(b)
    shape = [n + m - 1 for n, m in zip(part_a.shape, part_b.shape, strict=True)]
    padded = [fft.next_fast_len(n, real=True) for n in shape]
    product = fft.rfftn(part_a, padded) * np.conj(fft.rfftn(part_b, padded))
    overlap = fft.irfftn(product, padded)
    peak = np.unravel_index(int(np.argmax(overlap)), overlap.shape)
    lags = [
        int(p) - size if p >= n else int(p) for p, size, n in zip(peak, padded, part_a.shape, strict=True)
    ]
    return tuple(lag + i - j for lag, i, j in zip(lags, start_a, start_b, strict=True))


def entry_depth(volume: Volume) -> NDArray[np.float64]:
    """Give where the beam enters a body, column by column.

    Parameters
    ----------
    volume : ndarray of shape (z, y, x)
        Occupancies in [0, 1].

    Returns
    -------
    ndarray of float64, shape (y, x) [voxel]
        Distance of the front surface from the entrance of the box; NaN in columns without material.

    Notes
    -----
    The first voxel that is at least half full and the one before it say where the surface lies between them.
    """
    filled = volume >= FILLED
    first = np.argmax(filled, axis=0)[None]
    here = np.take_along_axis(volume, first, axis=0)[0].astype(np.float64)
    before = np.take_along_axis(volume, np.maximum(first - 1, 0), axis=0)[0] * (first[0] > 0)
    return np.where(filled.any(axis=0), first[0] + 1 - here - before, np.nan)


def _checked(a: ArrayLike, b: ArrayLike, owner: str) -> tuple[bool, Volume, Volume]:
    slack = 1e-5  # sums of coverage may overshoot by rounding
    first, second, single = check_pair(a, b, ndim=3, owner=owner, what=VOLUMES, low=-slack, high=1 + slack)
    if len(set(first.shape[1:])) > 1:
        raise fail("a", owner, "volumes of as many voxels along z, y and x", f"shape {first.shape[1:]}")
    return single, first, second


def _aligned_iou(a: Volume, b: Volume) -> float:
    total = float(a.sum(dtype=np.float64) + b.sum(dtype=np.float64))
    if not (a.any() and b.any()):
        return 1.0 if total == 0 else 0.0
    shared = _overlap(a, b, best_shift(a, b))
    return shared / (total - shared)


def _overlap(a: Volume, b: Volume, shift: tuple[int, ...]) -> float:
    """Sum of the voxels' minima, b moved."""
    here = tuple(slice(max(s, 0), min(n, m + s)) for s, n, m in zip(shift, a.shape, b.shape, strict=True))
    there = tuple(slice(part.start - s, part.stop - s) for part, s in zip(here, shift, strict=True))
    return float(np.minimum(a[here], b[there]).sum(dtype=np.float64))


def _cropped(volume: Volume) -> tuple[NDArray[np.float32], list[int]]:
    """The bounding box of what is not empty, and where it starts."""
    axes = range(volume.ndim)
    filled = [np.flatnonzero(volume.any(axis=tuple(k for k in axes if k != axis))) for axis in axes]
    box = tuple(slice(int(where[0]), int(where[-1]) + 1) for where in filled)
    return volume[box].astype(np.float32), [part.start for part in box]


def _front(volume: Volume, thickness: float) -> Volume:
    """The first material along the beam, up to a thickness in voxels."""
    before = np.cumsum(volume, axis=0) - volume
    return np.clip(thickness - before, 0, volume)


def _footprint(volume: Volume) -> NDArray[np.bool_]:
    return volume.max(axis=0) >= FILLED
