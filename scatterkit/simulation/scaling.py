"""Logarithmic scaling of intensities, as published patterns are stored."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._arrays import NUMPY
from scatterkit._log_scaling import log_scaled
from scatterkit._validation import Boolean, Constraint, Positive, check_mask, check_patterns
from scatterkit.base import StatelessTransformer


class LogScaler(StatelessTransformer):
    """Scale intensities to log(I + eps), each pattern to [0, 1].

    Parameters
    ----------
    eps : float [of the intensities], default=100.0
        Added to the intensities. The published value goes with fields counted in voxels of the
        published 64^3 grid, as ``MSFTSimulator`` does.
    normalize : bool, default=True
        Map each pattern's smallest and largest measured value to 0 and 1.
    mask : array_like of bool of shape (y, x), optional
        True where a pixel is measured; other pixels do not count for the range and are zero.

    See Also
    --------
    scatterkit.simulation.MSFTSimulator : Simulates intensities.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.simulation import LogScaler
    >>> LogScaler(eps=1.0).transform(np.array([[[0.0, 9.0], [99.0, 9.0]]]))
    array([[[0. , 0.5],
            [1. , 0.5]]], dtype=float32)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {"eps": Positive(), "normalize": Boolean()}

    def __init__(self, eps: float = 1e2, normalize: bool = True, mask: ArrayLike | None = None) -> None:
        self.eps = eps
        self.normalize = normalize
        self.mask = mask

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Scale patterns.

        Parameters
        ----------
        X : array_like of shape (n, y, x)
            Intensities, not negative.

        Returns
        -------
        ndarray of float32 of shape (n, y, x)
            Scaled patterns; a pattern of one value throughout becomes zero where it is normalised.
        """
        self._check_parameters()
        intensities = check_patterns(X, owner=type(self).__name__)
        mask = check_mask(self.mask, intensities.shape[1:], owner=type(self).__name__)
        return log_scaled(intensities, float(self.eps), self.normalize, mask, NUMPY)
