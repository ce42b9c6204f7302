"""What a detector records without light from the sample: dark frames, and an estimate from a frame itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, stats

from scatterkit._validation import Choice, Integer, Numbers, Real, check_value, fail, shown
from scatterkit.preprocessing._frames import check_frames
from scatterkit.preprocessing.shapes import Place, distance_from

Array = NDArray[np.float32]

MAD = 1.4826
"""Standard deviation of normally distributed numbers over their median absolute deviation."""
_ROUNDING = 1 / 12  # variance of numbers spread evenly over a unit


def dark_background(
    darks: ArrayLike, *, method: str = "median", mask: ArrayLike | None = None
) -> tuple[Array, Array]:
    """Give the mean level and the noise of every pixel from frames without light.

    Parameters
    ----------
    darks : array_like of shape (n, rows, columns) [ADU]
        Frames without light from the sample.
    method : {"median", "mean"}, default="median"
        The median stands single hits by cosmic rays; the mean has a fifth less noise.
    mask : array_like of bool of shape (rows, columns) or (n, rows, columns), optional
        True where measured. A pixel that is measured in no frame gets zero.

    Returns
    -------
    level : ndarray of float32 of shape (rows, columns) [ADU]
        Median or mean over the frames.
    noise : ndarray of float32 of shape (rows, columns) [ADU]
        Standard deviation over the frames: 1.4826 times the median absolute deviation, or the standard
        deviation itself; zero for a single frame, and where no pixel of any frame changes.

    Notes
    -----
    The median absolute deviation of whole numbers is a multiple of a half, often zero. It is therefore taken of
    numbers spread evenly over the unit that was rounded, and the variance of that, 1/12, taken off again; at least
    as much is left, as rounding itself makes.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import dark_background
    >>> darks = np.random.default_rng(0).normal(100, 3, size=(200, 8, 8))
    >>> level, noise = dark_background(darks)
    >>> bool(abs(level.mean() - 100) < 0.2), bool(abs(noise.mean() - 3) < 0.2)
    (True, True)
    """
    owner = "dark_background"
    check_value(method, Choice(("median", "mean")), name="method", owner=owner)
    frames, masks = check_frames(darks, mask, owner=owner, name="darks")
    if not masks.all():
        return _masked_level(frames, masks, method)
    if method == "mean":
        level = frames.mean(axis=0, dtype=np.float64)
        noise = frames.std(axis=0, dtype=np.float64, ddof=1) if len(frames) > 1 else np.zeros_like(level)
        return level.astype(np.float32), noise.astype(np.float32)
    level = np.median(frames, axis=0)
    spread = dithered(frames)
    deviation = MAD * np.median(np.abs(spread - np.median(spread, axis=0)), axis=0)
    return level, _undithered(deviation, frames, bool(np.ptp(frames, axis=0).any()))


def dithered(frames: Array) -> Array:
    """Whole numbers spread evenly over what was rounded to them; other numbers as they are."""
    if not is_whole(frames):
        return frames
    return frames + np.random.default_rng(0).random(frames.shape, dtype=np.float32) - np.float32(0.5)


def is_whole(frames: Array) -> bool:
    """Whether all numbers are whole, as a detector's converter gives them."""
    return bool((frames == np.rint(frames)).all())


def _undithered(deviation: NDArray[np.floating], frames: Array, changes: bool) -> Array:
    """The noise without that of dithering, but at least that of rounding; none if nothing ever changes."""
    if not changes:
        return np.zeros(deviation.shape, dtype=np.float32)
    if is_whole(frames):
        deviation = np.sqrt(np.maximum(deviation**2 - _ROUNDING, _ROUNDING))
    return deviation.astype(np.float32)


def _masked_level(frames: Array, masks: NDArray[np.bool_], method: str) -> tuple[Array, Array]:
    values = np.ma.masked_array(frames, ~masks)
    if method == "mean":
        level, noise = values.mean(axis=0), values.std(axis=0, ddof=1 if len(frames) > 1 else 0)
    else:
        level = np.ma.median(values, axis=0)
        spread = np.ma.masked_array(dithered(frames), ~masks)
        deviation = MAD * np.ma.median(abs(spread - np.ma.median(spread, axis=0)), axis=0)
        changes = bool(np.ma.ptp(values, axis=0).any())
        noise = _undithered(np.ma.filled(deviation, 0), frames, changes)
        noise[~masks.any(axis=0)] = 0
    return level.filled(0).astype(np.float32), np.ma.filled(noise, 0).astype(np.float32)


def ring_background(
    frame: ArrayLike,
    center: Place,
    *,
    mask: ArrayLike | None = None,
    inner_radius: float = 0.0,
    width: float = 8.0,
    quantile: float = 0.2,
    smoothing: int = 3,
) -> Array:
    """Estimate a smooth background from the low values on rings outside the signal.

    Parameters
    ----------
    frame : array_like of shape (rows, columns) [ADU]
        The frame.
    center : pair of float [pixels]
        Row and column of the direct beam.
    mask : array_like of bool of shape (rows, columns), optional
        True where measured.
    inner_radius : float [pixels], default=0.0
        Where there is no ring without signal, that is inside this radius, the next ring's value is taken.
    width : float [pixels], default=8.0
        Width of the rings.
    quantile : float [1], default=0.2
        Share of the ring's pixels that hold background alone, and lie lower than those with signal.
    smoothing : int, default=3
        Rings over which the running median of the estimates is taken.

    Returns
    -------
    ndarray of float32 of shape (rows, columns) [ADU]
        The background, a function of the radius alone.

    Notes
    -----
    The quantile of normally distributed noise lies under its mean. The noise comes from the distance of two
    quantiles, at ``quantile`` and a quarter of it, and the mean from both, as for pixels with background
    alone; signal in more than half of a ring's pixels lifts the estimate. Use it where there are no dark
    frames; it takes away what of the signal is the same all around.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import ring_background
    >>> frame = np.random.default_rng(0).normal(50, 2, size=(128, 128))
    >>> bool(abs(ring_background(frame, (64, 64)) - 50).max() < 1)
    True
    """
    owner = "ring_background"
    flags = None if mask is None else np.asarray(mask)[None]
    frames, masks = check_frames(np.asarray(frame)[None], flags, owner=owner, name="frame")
    check_value(inner_radius, Real(low=0, unit="pixels"), name="inner_radius", owner=owner)
    check_value(width, Real(low=1, unit="pixels"), name="width", owner=owner)
    check_value(quantile, Real(low=0, high=0.5, open_low=True), name="quantile", owner=owner)
    check_value(smoothing, Integer(1), name="smoothing", owner=owner)
    if not Numbers(2, "pixels").accepts(center):
        raise fail("center", owner, "a pair of finite floats in pixels", shown(center))
    radius = distance_from(frames[0].shape, center)
    ring = np.floor(radius / width).astype(int)
    outside = masks[0] & (radius >= inner_radius)
    if not outside.any():
        raise fail("inner_radius", owner, "a float that leaves measured pixels outside", shown(inner_radius))
    radii, levels = _levels(frames[0][outside], ring[outside], quantile)
    smooth = ndimage.median_filter(levels, size=smoothing, mode="nearest")
    return np.interp(radius, (radii + 0.5) * width, smooth).astype(np.float32)


def _levels(
    values: Array, ring: NDArray[np.int64], quantile: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Numbers of the rings with enough pixels, and their background."""
    low, lower = stats.norm.ppf([quantile, quantile / 4])
    order = np.argsort(ring, kind="stable")
    numbers, starts = np.unique(ring[order], return_index=True)
    parts = np.split(values[order].astype(np.float64), starts[1:])
    enough = [len(part) * quantile >= 8 for part in parts]
    if not any(enough):  # few pixels in all: they are one ring
        parts, numbers, enough = [values.astype(np.float64)], numbers[:1], [True]
    kept = [part for part, good in zip(parts, enough, strict=True) if good]
    found = np.array([np.quantile(part, [quantile, quantile / 4]) for part in kept])
    noise = (found[:, 0] - found[:, 1]) / (low - lower)
    return numbers[np.array(enough)], found[:, 0] - low * noise
