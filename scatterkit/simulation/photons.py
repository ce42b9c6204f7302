"""Photon counts with Poisson noise."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import Constraint, Positive, check_patterns
from scatterkit.base import StatelessTransformer


class PhotonCounts(StatelessTransformer):
    """Turn intensities into photon counts with Poisson noise.

    Each pattern is scaled so that the counts expected in all its pixels sum to ``photons``; every pixel's
    count is then drawn from the Poisson distribution of its expectation.

    Parameters
    ----------
    photons : float [photons], default=1e6
        Expected number of photons in all of a pattern.
    random_state : int, numpy.random.Generator or None, default=None
        An int gives the same noise at every call.

    See Also
    --------
    scatterkit.simulation.MSFTSimulator : Simulates intensities.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.simulation import PhotonCounts
    >>> counts = PhotonCounts(photons=1000, random_state=0).transform(np.ones((1, 8, 8)))
    >>> bool(abs(counts.sum() - 1000) < 5 * 1000**0.5)
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {"photons": Positive()}

    def __init__(self, photons: float = 1e6, random_state: RandomState = None) -> None:
        self.photons = photons
        self.random_state = random_state

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Draw counts.

        Parameters
        ----------
        X : array_like of shape (n, y, x)
            Intensities, not negative, in any unit.

        Returns
        -------
        ndarray of float32 of shape (n, y, x)
            Whole numbers of photons; zero for a pattern without any intensity.
        """
        self._check_parameters()
        generator = check_random_state(self.random_state, owner=type(self).__name__)
        intensities = check_patterns(X, owner=type(self).__name__).astype(np.float64)
        totals = intensities.sum(axis=(1, 2), keepdims=True)
        expected = intensities * (self.photons / np.where(totals > 0, totals, 1))
        return generator.poisson(expected).astype(np.float32)
