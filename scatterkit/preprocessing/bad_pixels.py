"""Dead, hot and saturated pixels, and masks that grow about them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from scatterkit._validation import Integer, Positive, Real, check_array, check_value, fail, shown
from scatterkit.preprocessing._frames import check_frames
from scatterkit.preprocessing.background import MAD, dark_background, dithered, is_whole

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SIZE = 5  # edge of the square of neighbours
_CLUSTER = 2  # so many neighbours may be bad along with a pixel
_AREA = 15  # edge of the square over which noise is compared
LEAST_FRAMES = 5
_NOISE_OF_NOISE = 1.16  # relative error of a median absolute deviation of n numbers, times the root of n
_EVENTS = 25


def find_outliers(
    frame: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    threshold: float = 6.0,
    noise: ArrayLike | float = 1.0,
    gain: float = 1.0,
) -> tuple[Mask, Mask]:
    """Find single pixels that stick out of their neighbourhood, up or down.

    Parameters
    ----------
    frame : array_like of shape (rows, columns) [ADU]
        A frame, its background subtracted.
    mask : array_like of bool of shape (rows, columns), optional
        True where measured; other pixels are nobody's neighbours.
    threshold : float [1], default=6.0
        Least distance from the neighbours in units of their scatter.
    noise : float [ADU] or array_like of shape (rows, columns), default=1.0
        Standard deviation without light, to which photon noise is added.
    gain : float [photons/ADU], default=1.0
        Photons per unit of the frame.

    Returns
    -------
    hot, dead : ndarray of bool of shape (rows, columns)
        True where a pixel sticks out upwards, or downwards. Dead pixels in the dark do not show.

    Notes
    -----
    The neighbours are the 24 of the square of 5. A pixel is hot if it exceeds their median by the threshold times
    their scatter, and the third highest of them by the threshold times that one's noise; dead likewise
    downwards. The scatter is the largest of 1.4826 times the median absolute deviation and the noise, with
    that of the photons, upwards of one more. A fringe or a streak has its like beside it and is therefore no
    outlier, nor is the edge of one; clusters of more than three bad pixels are not found here. Next to borders
    and masked pixels there are fewer neighbours; with fewer than eight nothing is said.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import find_outliers
    >>> frame = np.random.default_rng(0).poisson(100, size=(64, 64)).astype(float)
    >>> frame[10, 20], frame[30, 40] = 400, 0
    >>> hot, dead = find_outliers(frame)
    >>> np.argwhere(hot).tolist(), np.argwhere(dead).tolist()
    ([[10, 20]], [[30, 40]])
    """
    owner = "find_outliers"
    flags = None if mask is None else np.asarray(mask)[None]
    frames, masks = check_frames(np.asarray(frame)[None], flags, owner=owner, name="frame")
    check_value(threshold, Positive(), name="threshold", owner=owner)
    check_value(gain, Positive("photons/ADU"), name="gain", owner=owner)
    values, measured = frames[0], masks[0]
    scatter = _noise(noise, values.shape, owner)
    # where it is dark one photon more is possible, one less is not
    hot = _above(values, measured, threshold, scatter, gain, least=1.0)
    return hot, _above(-values, measured, threshold, scatter, gain)


def _noise(noise: ArrayLike | float, shape: tuple[int, ...], owner: str) -> Array:
    if np.ndim(noise) == 0:
        check_value(noise, Real(low=0, unit="ADU"), name="noise", owner=owner)
        return np.full(shape, noise, dtype=np.float32)
    return check_array(noise, name="noise", owner=owner, shape=shape, low=0, what="noise (rows, columns)")


def _above(
    values: Array, measured: Mask, threshold: float, noise: Array, gain: float, least: float = 0.0
) -> Mask:
    """Pixels above their neighbourhood; values may have been negated. Light is at least so many photons."""

    def deviation(level: Array, own: Array) -> Array:
        """Standard deviation at a level of light."""
        return np.sqrt(own**2 + (np.abs(level) + least / gain) / gain)

    # cheap and necessary: far above the lowest neighbour
    padded = np.where(measured, values, np.inf)
    lowest = ndimage.minimum_filter(padded, size=_SIZE, mode="constant", cval=np.inf)
    with np.errstate(invalid="ignore"):
        rows, columns = np.nonzero(measured & (values - lowest > threshold * noise))
    near = _neighbours(np.where(measured, values, np.nan), rows, columns)
    enough = np.isfinite(near).sum(axis=1) >= 8
    rows, columns, near = rows[enough], columns[enough], near[enough]
    if len(rows) == 0:
        return np.zeros(values.shape, dtype=bool)
    here, own = values[rows, columns], noise[rows, columns]
    median = np.nanmedian(near, axis=1)
    mad = MAD * np.nanmedian(np.abs(near - median[:, None]), axis=1)
    high = np.sort(np.where(np.isfinite(near), near, -np.inf), axis=1)[:, -1 - _CLUSTER]
    bad = here - median > threshold * np.maximum(mad, deviation(median, own))
    bad &= here - high > threshold * deviation(high, own)
    result = np.zeros(values.shape, dtype=bool)
    result[rows[bad], columns[bad]] = True
    return result


def _neighbours(values: Array, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Array:
    """Values about places (n, 24); NaN off the frame."""
    half = _SIZE // 2
    padded = np.pad(values, half, constant_values=np.nan)
    steps = [(i, j) for i in range(_SIZE) for j in range(_SIZE) if (i, j) != (half, half)]
    return np.stack([padded[rows + i, columns + j] for i, j in steps], axis=1)


def find_bad_pixels(
    frames: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    threshold: float = 6.0,
) -> tuple[Mask, Mask]:
    """Find pixels that are bad in many dark frames: by their level and by their noise.

    Parameters
    ----------
    frames : array_like of shape (n, rows, columns) [ADU]
        Frames without light; at least five.
    mask : array_like of bool of shape (rows, columns) or (n, rows, columns), optional
        True where measured. Pixels that are not measured in every frame are not looked at.
    threshold : float [1], default=6.0
        Least distance from what is usual about the pixel, in units of the scatter.

    Returns
    -------
    hot, dead : ndarray of bool of shape (rows, columns)
        Hot: level or noise far above what is usual. Dead: always the same where others are not, or far
        below.

    See Also
    --------
    find_bad_in_shots : The same from frames with light.

    Notes
    -----
    Level is the median over the frames, noise 1.4826 times the median absolute deviation. The level must
    stick out as ``find_outliers`` says, and by the threshold times 1.4826 times the median absolute deviation over
    squares of 15 x 15 pixels. The noise's logarithm is compared with its median over such squares,
    in units of its scatter, but at least that of n normally distributed numbers. Frames of whole
    numbers that vary too little, such as few photons, say nothing about dead pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import find_bad_pixels
    >>> darks = np.random.default_rng(0).normal(100, 3, size=(20, 32, 32))
    >>> darks[:, 5, 6] += 60
    >>> darks[:, 20, 7] = 0
    >>> hot, dead = find_bad_pixels(darks)
    >>> np.argwhere(hot).tolist(), np.argwhere(dead).tolist()
    ([[5, 6]], [[20, 7]])
    """
    values, measured = _many(frames, mask, threshold, "find_bad_pixels")
    # medians of whole numbers come in steps, beside which the scatter of most pixels is zero
    level, noise = dark_background(dithered(values))
    still, restless = _by_noise(values, noise, measured, threshold)
    level = level - _usual(level, measured).astype(np.float32)
    # few neighbours tell their scatter badly; the square about them tells it better
    own = (MAD * _usual(np.abs(level), measured)).astype(np.float32)
    # what the light's own noise does is in the noise over the frames
    hot = _above(level, measured & ~still, threshold, own, np.inf)
    low = _above(-level, measured & ~still, threshold, own, np.inf)
    return (hot | restless) & measured, (low | still) & measured


def find_bad_in_shots(
    frames: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    threshold: float = 6.0,
    noise: ArrayLike | float = 1.0,
    gain: float = 1.0,
) -> tuple[Mask, Mask]:
    """Find pixels that are bad in at least half of many shots, or the same in all of them.

    Parameters
    ----------
    frames : array_like of shape (n, rows, columns) [ADU]
        Shots, their background subtracted; at least five.
    mask : array_like of bool of shape (rows, columns) or (n, rows, columns), optional
        True where measured. Pixels that are not measured in every frame are not looked at.
    threshold : float [1], default=6.0
        As ``find_outliers`` has it.
    noise : float [ADU] or array_like of shape (rows, columns), default=1.0
        Standard deviation without light, to which photon noise is added.
    gain : float [photons/ADU], default=1.0
        Photons per unit of the frames.

    Returns
    -------
    hot, dead : ndarray of bool of shape (rows, columns)
        True where a pixel sticks out upwards in at least half of the shots; or does so downwards, or never
        changes where those about it do. The latter also holds of pixels that are saturated in all shots.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import find_bad_in_shots
    >>> shots = np.random.default_rng(0).poisson(200, size=(6, 32, 32)).astype(float)
    >>> shots[:, 5, 6] += 600
    >>> shots[:, 20, 7] = 200
    >>> hot, dead = find_bad_in_shots(shots)
    >>> np.argwhere(hot).tolist(), np.argwhere(dead).tolist()
    ([[5, 6]], [[20, 7]])
    """
    values, measured = _many(frames, mask, threshold, "find_bad_in_shots")
    found = [find_outliers(f, measured, threshold=threshold, noise=noise, gain=gain) for f in values]
    hot, low = (np.mean(flags, axis=0) >= 0.5 for flags in zip(*found, strict=True))
    still, _ = _by_noise(values, np.ones_like(values[0]), measured, threshold)
    return hot, (low | (still & (np.ptp(values, axis=0) == 0))) & measured


def _many(frames: ArrayLike, mask: ArrayLike | None, threshold: float, owner: str) -> tuple[Array, Mask]:
    """Checked frames, and the pixels that are measured in all of them."""
    values, masks = check_frames(frames, mask, owner=owner, name="frames")
    check_value(threshold, Positive(), name="threshold", owner=owner)
    if len(values) < LEAST_FRAMES:
        raise fail("frames", owner, f"at least {LEAST_FRAMES} frames", f"{len(values)}")
    measured = np.asarray(masks.all(axis=0))
    if not measured.any():
        allowed = "a boolean array that leaves a pixel which is measured in every frame"
        raise fail("mask", owner, allowed, "a mask without such a pixel")
    return values, measured


def _by_noise(frames: Array, noise: Array, measured: Mask, threshold: float) -> tuple[Mask, Mask]:
    """Pixels that vary far less, or far more, from frame to frame than those about them."""
    ratio = np.exp(threshold * _NOISE_OF_NOISE / np.sqrt(len(frames)))
    usual = _usual(noise, measured)
    logs = np.log(noise[measured & (noise > 0)] / usual[measured & (noise > 0)].clip(1e-30))
    scatter = MAD * np.median(np.abs(logs)) if logs.size else 0.0
    restless = (usual > 0) & (noise > usual * max(ratio, np.exp(threshold * scatter)))
    # a chance of few equal values makes the median deviation zero, but not the standard deviation
    deviation = frames.std(axis=0, dtype=np.float64)
    common = _usual(deviation, measured)
    # whole numbers that hardly vary are the same by chance, also once a background has been subtracted
    least = np.sqrt(_EVENTS / len(frames)) if is_whole(frames - frames[0]) else 0.0
    still = (common > least) & (deviation < common / ratio)
    return still & measured, restless & measured


def _usual(noise: NDArray[np.floating], measured: Mask) -> NDArray[np.float64]:
    """Median over squares of measured pixels, interpolated between their middles."""
    n_rows, n_columns = (-(-n // _AREA) for n in noise.shape)
    padded = np.full((n_rows * _AREA, n_columns * _AREA), np.nan)
    padded[: noise.shape[0], : noise.shape[1]] = np.where(measured, noise, np.nan)
    squares = (
        padded.reshape(n_rows, _AREA, n_columns, _AREA).transpose(0, 2, 1, 3).reshape(n_rows, n_columns, -1)
    )
    known = np.isfinite(squares).any(axis=2)
    medians = np.full((n_rows, n_columns), np.median(noise[measured]), dtype=np.float64)
    medians[known] = np.nanmedian(squares[known], axis=1)
    places = [(np.arange(n) + 0.5) / _AREA - 0.5 for n in noise.shape]
    return ndimage.map_coordinates(medians, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest")


def saturation_level(
    frames: ArrayLike, mask: ArrayLike | None = None, *, min_pixels: int = 4
) -> float | None:
    """Find the level at which a detector saturates, from the pixels that pile up at the highest value.

    Parameters
    ----------
    frames : array_like of shape (n, rows, columns) [ADU]
        Raw frames, before anything is subtracted.
    mask : array_like of bool of shape (rows, columns) or (n, rows, columns), optional
        True where measured.
    min_pixels : int, default=4
        So many pixels with the same highest value, in all frames together, are a pile. Higher values that
        fewer pixels have, such as one stuck pixel, are left out.

    Returns
    -------
    float or None [ADU]
        The highest value, if more than twice as many pixels have it as any of the three values next below, or
        as all those left out above; None where nothing piles up.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import saturation_level
    >>> frames = np.random.default_rng(0).poisson(50, size=(1, 64, 64))
    >>> print(saturation_level(frames), saturation_level(np.minimum(frames, 60)))
    None 60.0
    """
    owner = "saturation_level"
    values, masks = check_frames(frames, mask, owner=owner, name="frames")
    check_value(min_pixels, Integer(2), name="min_pixels", owner=owner)
    levels, counts = np.unique(values[masks], return_counts=True)
    above = np.cumsum(counts[::-1])[::-1] - counts
    # a pixel that is stuck in every frame is one pixel
    for i in np.flatnonzero((counts >= min_pixels) & (2 * above < counts.max()))[::-1]:
        if ((values == levels[i]) & masks).any(axis=0).sum() >= min_pixels:
            piled = i > 0 and counts[i] > 2 * max(counts[max(i - 3, 0) : i].max(), above[i])
            return float(levels[i]) if piled else None
    return None


def grow_mask(mask: ArrayLike, n_pixels: int = 1) -> Mask:
    """Grow what is masked out by some pixels in all directions, diagonals included.

    Parameters
    ----------
    mask : array_like of bool of shape (rows, columns) or (n, rows, columns)
        True where measured.
    n_pixels : int, default=1
        By how many pixels; 0 leaves the mask as it is.

    Returns
    -------
    ndarray of bool, shape of mask
        True where measured, and nothing masked is so close.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.preprocessing import grow_mask
    >>> mask = np.ones((5, 5), dtype=bool)
    >>> mask[2, 2] = False
    >>> int(grow_mask(mask).sum())
    16
    """
    check_value(n_pixels, Integer(0), name="n_pixels", owner="grow_mask")
    raw = np.asarray(mask)
    if raw.ndim not in (2, 3) or raw.size == 0 or (raw.dtype != bool and not np.isin(raw, (0, 1)).all()):
        allowed = "a boolean array of shape (rows, columns) or (n, rows, columns), not empty"
        raise fail("mask", "grow_mask", allowed, shown(raw) if raw.ndim in (2, 3) else f"shape {raw.shape}")
    return ~grown(~raw.astype(bool), n_pixels)


def grown(flags: Mask, n_pixels: int) -> Mask:
    """Flags that also stand on all pixels up to so many rows and columns away."""
    if n_pixels == 0:
        return flags.copy()
    size = (1,) * (flags.ndim - 2) + (2 * n_pixels + 1,) * 2
    return ndimage.maximum_filter(flags, size=size, mode="constant", cval=False)
