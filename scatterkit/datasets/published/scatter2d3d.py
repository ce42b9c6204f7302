"""How the published patterns were simulated and stored, quirks included."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from scatterkit._validation import check_array, fail
from scatterkit.experiment import QGrid, Wavevectors
from scatterkit.simulation import MSFTSimulator

Array = NDArray[Any]

PADDED = 512
"""Pixels to which the publisher padded a slice before its Fourier transform."""

LEVELS = 256


class PublishedGrid(QGrid):
    """The grid of wave vectors of the published patterns, on which two grids are mixed.

    The publisher's lateral Fourier transform samples steps of ``dq`` from zero. The longitudinal wave vector,
    and which pixels lie within the wave number, were taken on ``linspace(-pi/dx, pi/dx, 512)`` instead, which
    includes both ends: its steps are 512/511 of ``dq``, and it passes zero half a step beside the pixel of
    the direct beam. So Qz is not symmetric about the beam. Use this grid to reproduce the published patterns,
    `QGrid` for physics.

    Parameters
    ----------
    n_pixels : int or pair of int, default=128
        Pixels along each axis, or (rows, columns).
    dq : float [rad/nm], default=2 * pi / 850
        Distance of neighbouring pixels of the lateral transform.

    See Also
    --------
    published_simulator : A simulator with this grid.

    Examples
    --------
    >>> from scatterkit.datasets import PublishedGrid
    >>> detector = PublishedGrid(n_pixels=4, dq=0.1)
    >>> detector.wavevectors(wavenumber=0.465)[1]
    array([[-0.2, -0.1,  0. ,  0.1]])
    >>> detector.depth_wavevectors(wavenumber=0.465)[1].round(3)
    array([[-0.25, -0.15, -0.05,  0.05]])
    """

    def depth_wavevectors(self, wavenumber: float) -> Wavevectors:
        """Give the transverse wave vector from which the longitudinal one was computed at every pixel.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light; this grid does not depend on it.

        Returns
        -------
        q_y, q_x : ndarray of float64 [rad/nm]
            Shapes ``(rows, 1)`` and ``(1, columns)``.
        """
        q_y, q_x = self.wavevectors(wavenumber)
        step = PADDED / (PADDED - 1)
        # The pictures count pixels against q; this package turns them, and with them the half step's sign.
        return step * (q_y - self.dq / 2), step * (q_x - self.dq / 2)


def published_simulator(**overrides: Any) -> MSFTSimulator:
    """Give the simulator that the published patterns come from.

    Parameters
    ----------
    **overrides : object
        Parameters of `MSFTSimulator` to set otherwise.

    Returns
    -------
    MSFTSimulator
        Silver at 13.5 nm, voxels as points, each attenuated by its own full thickness, on a `PublishedGrid`.

    Examples
    --------
    >>> from scatterkit.datasets import published_simulator
    >>> published_simulator(backend="matrix").voxel_response
    'point'
    """
    parameters: dict[str, Any] = {
        "detector": PublishedGrid(),
        "voxel_response": "point",
        "self_absorption": "full",
    }
    return MSFTSimulator(**(parameters | overrides))


def published_levels(intensity: ArrayLike, eps: float) -> NDArray[np.uint8]:
    """Give the 8-bit levels as which the publisher stores an intensity.

    Parameters
    ----------
    intensity : array-like of shape (y, x)
        The intensity.
    eps : float [unit of intensity]
        Added before the logarithm, which is then scaled to [0, 1].

    Returns
    -------
    ndarray of uint8, shape (y, x)
        The levels: 256 steps of equal width.

    Examples
    --------
    >>> from scatterkit.datasets import published_levels
    >>> published_levels([[0.0, 9.0], [99.0, 999.0]], eps=1.0).tolist()
    [[0, 85], [170, 255]]
    """
    scaled = np.log(np.asarray(intensity, dtype=np.float64) + eps)
    scaled -= scaled.min()
    scaled /= max(float(scaled.max()), np.finfo(float).tiny)
    return np.minimum(np.floor(LEVELS * scaled), LEVELS - 1).astype(np.uint8)


class PublishedFit(NamedTuple):
    """How well a simulated intensity agrees with a published pattern.

    Parameters
    ----------
    eps : float [unit of intensity]
        The value with which most pixels have the pattern's 8-bit level: the publisher drew one for each
        pattern.
    correlation : float [1]
        Highest Pearson correlation of log(intensity + eps) with the pattern over all eps.
    identical : float [1]
        Share of the pixels whose 8-bit level is the pattern's.
    """

    eps: float
    correlation: float
    identical: float


def fit_published(pattern: ArrayLike, intensity: ArrayLike) -> PublishedFit:
    """Find the eps with which an intensity becomes a published pattern, and how well it does.

    Parameters
    ----------
    pattern : array-like of shape (y, x)
        A published pattern as `read_pattern` gives it, in [0, 1].
    intensity : array-like of shape (y, x)
        The simulated intensity.

    Returns
    -------
    PublishedFit
        Values ``eps``, ``correlation`` and ``identical``.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.datasets import fit_published, published_levels
    >>> intensity = np.random.default_rng(0).exponential(1e4, size=(32, 32))
    >>> fit = fit_published(published_levels(intensity, eps=300.0) / 255, intensity)
    >>> round(fit.eps), round(fit.correlation, 4), fit.identical
    (300, 1.0, 1.0)
    """
    given = check_array(
        pattern, name="pattern", owner="fit_published", shape=(None, None), dtype=np.float64, low=0, high=1
    )
    power = check_array(
        intensity, name="intensity", owner="fit_published", shape=given.shape, dtype=np.float64, low=0
    )
    for name, array in (("pattern", given), ("intensity", power)):
        if array.min() == array.max():
            raise fail(
                name, "fit_published", "an array that is not constant", f"{array.flat[0]:g} everywhere"
            )
    exponent, correlation = _best_correlation(given, power)
    levels = np.round(given * (LEVELS - 1))
    exponent, identical = _most_identical(levels, power, exponent)
    return PublishedFit(10.0**exponent, correlation, identical)


def _best_correlation(pattern: Array, intensity: Array) -> tuple[float, float]:
    """Give log10(eps) of the highest correlation, and that correlation."""
    target = pattern - pattern.mean()
    target /= np.sqrt(np.sum(target**2))
    top = np.log10(intensity.max())

    def score(exponent: float) -> float:
        log = np.log(intensity + 10.0**exponent)
        log -= log.mean()
        # sums, not BLAS: for a picture, waking its threads takes longer than the product
        return float(np.sum(log * target) / np.sqrt(np.sum(log**2)))

    exponents = np.linspace(
        top - 10, top + 1, 23
    )  # eps is far under the peak, and above the bottom of 8 bits
    start = exponents[np.argmax([score(exponent) for exponent in exponents])]
    best = minimize_scalar(lambda x: -score(x), bounds=(start - 0.5, start + 0.5), options={"xatol": 1e-5})
    return float(best.x), -float(best.fun)


def _most_identical(levels: Array, intensity: Array, exponent: float) -> tuple[float, float]:
    """Give log10(eps) near one, with which most pixels get their level, and the share that does."""

    def share(candidate: float) -> float:
        return float((published_levels(intensity, 10.0**candidate) == levels).mean())

    width = 0.05
    for _ in range(5):
        candidates = np.linspace(exponent - width, exponent + width, 21)
        shares = np.array([share(candidate) for candidate in candidates])
        exponent = float(candidates[shares == shares.max()].mean())
        width /= 7
    return exponent, share(exponent)
