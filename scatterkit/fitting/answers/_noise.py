"""What noise does to a log-scaled pattern, and how a residual's own scatter is summed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from scatterkit.fitting._planes import Floats
from scatterkit.response import DetectorResponse

FEW = 60.0
"""Up to this mean, moments of a logarithm of counts are summed; beyond, two terms of a series suffice."""
LARGEST_LAG = 8
UNCORRELATED = 0.1
"""Pixels whose residuals correlate less than this count as independent."""


class Moments(NamedTuple):
    """Variance of the recorded values, and how far their mean lies from the recorded value of the mean."""

    variance: Floats
    bias: Floats


def photon_moments(intensity: Floats, photon: float, response: DetectorResponse) -> Moments:
    """Give the moments of gain * log(photon * count + eps), counts of Poisson's law with mean intensity / photon.

    Parameters
    ----------
    intensity : ndarray of shape (n,)
        Intensities.
    photon : float [intensity]
        What one photon adds to the intensity.
    response : DetectorResponse
        Gain and eps; what is clipped has no weight in a fit, so that clipping is left out.
    """
    means = intensity / photon
    level = response.eps / photon
    grid = np.geomspace(1e-6, FEW, 400)
    counts = np.arange(200)
    chance = np.exp(counts * np.log(grid[:, None]) - grid[:, None] - special.gammaln(counts + 1))
    logs = np.log1p(counts / level)
    first, second = chance @ logs, chance @ logs**2
    few = np.maximum(means, grid[0])
    variance = np.interp(np.log(few), np.log(grid), second - first**2) * np.minimum(means / grid[0], 1)
    bias = np.interp(np.log(few), np.log(grid), first - np.log1p(grid / level)) * np.minimum(
        means / grid[0], 1
    )
    many = means > FEW
    relative = means[many] / (means[many] + level) ** 2
    variance[many], bias[many] = relative, -0.5 * relative
    return Moments(response.gain**2 * variance, response.gain * bias)


def correlation_length(residual: Floats, mask: NDArray[np.bool_]) -> int:
    """Give the number of pixels, at most 8, over which a residual (n,) on a mask is correlated; 1: not at all."""
    image = np.zeros(mask.shape)
    image[mask] = residual - residual.mean()
    variance = float(image[mask] @ image[mask]) / residual.size
    if variance == 0:
        return 1
    for lag in range(1, LARGEST_LAG):
        if neighbour_correlation(image, mask, lag) < UNCORRELATED:
            return lag
    return LARGEST_LAG


def neighbour_correlation(image: Floats, mask: NDArray[np.bool_], lag: int = 1) -> float:
    """Correlation of a centred picture with itself, moved along the rows or columns by a lag; mean of both."""
    variance = float(np.mean(image[mask] ** 2))
    if variance == 0 or lag >= min(image.shape):
        return 0.0
    found = []
    for axis in (0, 1):
        values, flags = np.moveaxis(image, axis, 0), np.moveaxis(mask, axis, 0)
        both = flags[lag:] & flags[:-lag]
        if both.any():
            found.append(float(np.mean((values[lag:] * values[:-lag])[both])) / variance)
    return float(np.mean(found)) if found else 0.0


def residual_scatter(jacobian: Floats, residual: Floats, mask: NDArray[np.bool_], length: int) -> Floats:
    """Estimate J Sigma J^T, (p, p), from the residual itself, whose pixels are neither alike nor independent.

    Products of residuals at pixels less than ``length`` apart along both axes count, with weights that fall linearly
    with their distance and keep the matrix positive: T. G. Conley, J. Econometrics 92, 1 (1999).
    """
    scores = jacobian * residual
    if length == 1:
        return scores @ scores.T
    weights = 1 - np.abs(np.arange(1 - length, length)) / length
    image = np.zeros(mask.shape)
    spread = np.empty_like(scores)
    for score, out in zip(scores, spread, strict=True):
        image[mask] = score
        wide = ndimage.convolve1d(image, weights, axis=0, mode="constant")
        out[:] = ndimage.convolve1d(wide, weights, axis=1, mode="constant")[mask]
    summed: Floats = scores @ spread.T
    return (summed + summed.T) / 2
