"""Metrics of diffraction patterns."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._arrays import NUMPY
from scatterkit._log_scaling import log_scaled
from scatterkit._validation import Positive, check_array, check_mask, check_value
from scatterkit.metrics._pairs import Values, check_masks, check_pair, per_sample
from scatterkit.response import fit_response

Pattern = NDArray[np.float32]
Mask = NDArray[np.bool_]
PATTERNS = "patterns (n, y, x) or (y, x)"


def scatter_loss(a: ArrayLike, b: ArrayLike, eps: float = 1e2, mask: ArrayLike | None = None) -> Values:
    """Mean squared difference of two log-scaled intensities, each scaled to [0, 1].

    Parameters
    ----------
    a, b : array-like of shape (n, y, x) or (y, x)
        Intensities.
    eps : float [intensity], default 1e2
        Added before the logarithm, in the intensities' unit.
    mask : array-like of bool, shape (y, x) or (n, y, x), optional
        True where to compare (and to look for minimum and maximum).

    Returns
    -------
    float or ndarray of shape (n,)
        One value per pair of patterns.

    References
    ----------
    T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021).

    Examples
    --------
    >>> from scatterkit.metrics import scatter_loss
    >>> scatter_loss([[0.0, 900.0]], [[900.0, 0.0]])
    1.0
    """
    owner = "scatter_loss"
    check_value(eps, Positive(), name="eps", owner=owner)
    first, second, single = check_pair(a, b, ndim=2, owner=owner, what=PATTERNS)
    masks = check_masks(mask, first.shape, owner=owner)

    def loss(a: Pattern, b: Pattern, mask: Mask) -> float:
        difference = _scaled_log(a[mask], eps) - _scaled_log(b[mask], eps)
        return float(np.mean(difference**2))

    return per_sample(loss, single, first, second, masks)


def pattern_residual(measured: ArrayLike, simulated: ArrayLike, mask: ArrayLike | None = None) -> Values:
    """Mean squared difference of a measured pattern and the recorded form of a simulated one.

    The detector's response (eps, gain, offset, saturation, shift of the centre) is fitted to each pair.

    Parameters
    ----------
    measured : array-like of shape (n, y, x) or (y, x)
        Log-scaled measured patterns in [0, 1].
    simulated : array-like, shape of measured
        Simulated intensities (not log-scaled).
    mask : array-like of bool, shape (y, x) or (n, y, x), optional
        True where the detector measured.

    Returns
    -------
    float or ndarray of shape (n,)
        One value per pair of patterns.

    See Also
    --------
    scatterkit.response.fit_response : The fit, with the response found.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.metrics import pattern_residual
    >>> intensity = np.random.default_rng(0).exponential(size=(32, 32))
    >>> measured = np.clip(0.2 * np.log(3 * intensity + 0.2) + 0.4, 0, 0.6)
    >>> pattern_residual(measured, intensity) < 1e-5
    True
    """
    owner = "pattern_residual"
    names = ("measured", "simulated")
    first, second, single = check_pair(measured, simulated, ndim=2, owner=owner, what=PATTERNS, names=names)
    masks = check_masks(mask, first.shape, owner=owner)
    return per_sample(lambda *pair: fit_response(*pair)[1], single, first, second, masks)


def r_factor(measured: ArrayLike, simulated: ArrayLike, mask: ArrayLike | None = None) -> Values:
    """Crystallographic R factor of two intensities: relative mean difference of their amplitudes.

    Parameters
    ----------
    measured : array-like of shape (n, y, x) or (y, x)
        Measured intensities.
    simulated : array-like, shape of measured
        Simulated intensities; a common factor is fitted by least squares on the amplitudes.
    mask : array-like of bool, shape (y, x) or (n, y, x), optional
        True where the detector measured.

    Returns
    -------
    float or ndarray of shape (n,)
        sum abs(Fm - s Fs) / sum Fm with F the square roots of the intensities; NaN where all Fm are zero.

    Examples
    --------
    >>> from scatterkit.metrics import r_factor
    >>> r_factor([[4.0, 16.0]], [[1.0, 4.0]])
    0.0
    """
    owner = "r_factor"
    names = ("measured", "simulated")
    first, second, single = check_pair(measured, simulated, ndim=2, owner=owner, what=PATTERNS, names=names)
    masks = check_masks(mask, first.shape, owner=owner)

    def factor(measured: Pattern, simulated: Pattern, mask: Mask) -> float:
        f_measured, f_simulated = (np.sqrt(part[mask].astype(np.float64)) for part in (measured, simulated))
        power = f_simulated @ f_simulated
        scale = f_measured @ f_simulated / power if power > 0 else 0.0
        total = f_measured.sum()
        return float(np.abs(f_measured - scale * f_simulated).sum() / total) if total > 0 else np.nan

    return per_sample(factor, single, first, second, masks)


def radial_profile(
    pattern: ArrayLike, mask: ArrayLike | None = None
) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Mean of a pattern over the azimuth, at whole distances from the zero frequency.

    Parameters
    ----------
    pattern : array-like of shape (y, x)
        A pattern; the zero frequency at pixel ``[n // 2, n // 2]``.
    mask : array-like of bool, shape (y, x), optional
        True where it counts.

    Returns
    -------
    radius : ndarray of int of shape (k,) [pixels]
        Distances that some pixel has, rounded.
    mean : ndarray of float64 of shape (k,)
        The pattern's mean over these pixels.

    See Also
    --------
    scatterkit.plotting.show_radial_profiles : Draws such profiles.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.metrics import radial_profile
    >>> radius, mean = radial_profile(np.hypot(*np.mgrid[-2:3, -2:3]) < 1.2)
    >>> radius.tolist(), mean.tolist()
    ([0, 1, 2, 3], [1.0, 0.5, 0.0, 0.0])
    """
    owner = "radial_profile"
    values = check_array(pattern, name="pattern", owner=owner, shape=(None, None), what="a pattern (y, x)")
    flags = check_mask(mask, values.shape, owner=owner)
    return _azimuthal_means(values, np.ones(values.shape, bool) if flags is None else flags)


def _azimuthal_means(pattern: Pattern, mask: Mask) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Give rounded distances from the zero frequency that a pixel of the mask has, and the means there."""
    rows, columns = (np.arange(n) - n // 2 for n in pattern.shape)
    radius = np.rint(np.hypot(rows[:, None], columns)).astype(int)[mask]
    n = np.bincount(radius)
    there = np.flatnonzero(n)
    return there, np.bincount(radius, pattern[mask])[there] / n[there]


def radial_profile_correlation(a: ArrayLike, b: ArrayLike, mask: ArrayLike | None = None) -> Values:
    """Pearson correlation of two patterns' means over the azimuth.

    Parameters
    ----------
    a, b : array-like of shape (n, y, x) or (y, x)
        Patterns, best log-scaled; the zero frequency at pixel ``[n // 2, n // 2]``.
    mask : array-like of bool, shape (y, x) or (n, y, x), optional
        True where to compare. Radii without any such pixel are left out.

    Returns
    -------
    float or ndarray of shape (n,)
        One value per pair; NaN where a profile is constant.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.metrics import radial_profile_correlation
    >>> y, x = np.mgrid[-8:8, -8:8]
    >>> pattern = np.hypot(x, y)
    >>> round(radial_profile_correlation(pattern, 2 * pattern + 1), 6)
    1.0
    """
    owner = "radial_profile_correlation"
    first, second, single = check_pair(a, b, ndim=2, owner=owner, what=PATTERNS, low=None)
    masks = check_masks(mask, first.shape, owner=owner)

    def correlation(a: Pattern, b: Pattern, mask: Mask) -> float:
        profiles = [_azimuthal_means(part, mask)[1] for part in (a, b)]
        centred = [profile - profile.mean() for profile in profiles]
        norms = [float(np.linalg.norm(part)) for part in centred]
        return float(centred[0] @ centred[1] / (norms[0] * norms[1])) if min(norms) > 0 else np.nan

    return per_sample(correlation, single, first, second, masks)


def _scaled_log(intensity: Pattern, eps: float) -> NDArray[np.float64]:
    """The logarithm of one pattern's pixels in double precision, scaled to [0, 1]."""
    return np.asarray(log_scaled(intensity.astype(np.float64)[None], eps, True, None, NUMPY)[0])
