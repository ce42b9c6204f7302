"""What every artifact filter shares: parameters drawn in NumPy, then applied purely, by NumPy or Keras."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._arrays import NUMPY, namespace
from scatterkit._counters import keys_of, uniform
from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import Integer, check_value
from scatterkit.base import Component

Params = Mapping[str, NDArray[Any]]


class Filter(Component, ABC):
    """One artifact of an experiment, on log-scaled patterns in [0, 1].

    A subclass says how many uniform random numbers a sample takes (``n_draws``), turns them into its parameters
    (``_params``), and applies these (``_apply``, ``_apply_mask``). It draws nothing else: noise on pixels comes from
    the sample's key by ``scatterkit._counters``. So the same parameters give the same image in NumPy and Keras.

    ``_apply`` and ``_apply_mask`` are written once, with the functions ``ops`` of NumPy or ``keras.ops``.
    """

    n_draws: ClassVar[int] = 0

    def sample_params(
        self, n: int, shape: tuple[int, int] = (128, 128), random_state: RandomState = None
    ) -> dict[str, NDArray[Any]]:
        """Draw the parameters of n samples.

        Parameters
        ----------
        n : int
            How many.
        shape : tuple of int, default=(128, 128)
            Rows and columns of the patterns.
        random_state : int, numpy.random.Generator or None, default=None
            An int gives the same parameters at every call.

        Returns
        -------
        dict of str to ndarray of shape (n, ...)
            The parameters, by name.
        """
        check_value(n, Integer(low=1), name="n", owner=type(self).__name__)
        generator = check_random_state(random_state, owner=type(self).__name__)
        return self.params_of_keys(keys_of(generator.integers(2**63, size=n)), shape)

    def params_of_keys(
        self, keys: NDArray[np.int32], shape: tuple[int, int] = (128, 128)
    ) -> dict[str, NDArray[Any]]:
        """Give the parameters that belong to the samples' keys.

        Parameters
        ----------
        keys : ndarray of int32 of shape (n,)
            One key for each sample; equal keys give equal parameters.
        shape : tuple of int, default=(128, 128)
            Rows and columns of the patterns.

        Returns
        -------
        dict of str to ndarray of shape (n, ...)
            The parameters, by name.
        """
        self._check_parameters()
        draws = uniform(keys[:, None], np.arange(self.n_draws, dtype=np.int32)[None]).astype(np.float64)
        # pixels get a key of their own, so that their noise has nothing to do with the draws
        return self._params(draws, keys_of(keys.view(np.uint32), 1), shape)

    def apply(self, X: Any, params: Params) -> Any:
        """Apply the artifact with given parameters.

        Parameters
        ----------
        X : array_like or Keras tensor of shape (n, y, x)
            Log-scaled patterns in [0, 1].
        params : mapping of str to ndarray of shape (n, ...)
            As ``sample_params`` gives them.

        Returns
        -------
        ndarray or Keras tensor of float32 of shape (n, y, x)
            The patterns with the artifact.
        """
        X, params, ops = _together(X, params)
        return ops.cast(self._apply(X, params, ops), "float32")

    def apply_mask(self, mask: Any, params: Params) -> Any:
        """Say which pixels still tell about the body once the artifact is applied.

        Parameters
        ----------
        mask : array_like or Keras tensor of shape (n, y, x)
            1 where a pixel is measured, else 0.
        params : mapping of str to ndarray of shape (n, ...)
            As ``sample_params`` gives them.

        Returns
        -------
        ndarray or Keras tensor of float32 of shape (n, y, x)
            The mask after the artifact: 0 where it took the information, or moved in what was missing.
        """
        mask, params, ops = _together(mask, params)
        return ops.cast(self._apply_mask(mask, params, ops), "float32")

    @abstractmethod
    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        """Turn uniform random numbers (n, n_draws) and the pixels' keys (n,) into parameters."""

    @abstractmethod
    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        """Give the patterns with the artifact; X, params and ops belong to one library."""

    def _apply_mask(self, mask: Any, params: Mapping[str, Any], ops: Any) -> Any:
        return mask


def _together(X: Any, params: Params) -> tuple[Any, dict[str, Any], Any]:
    """Give patterns and parameters as arrays of one library, and its functions."""
    ops = namespace(X)
    X = np.asarray(X, np.float32) if ops is NUMPY else X
    return X, {name: ops.convert_to_tensor(value) for name, value in params.items()}, ops


def spread(values: Any) -> Any:
    """Give numbers of shape (n,) such that they go along with patterns (n, y, x)."""
    return values[:, None, None]


def pixel_uniform(keys: Any, shape: tuple[int, int], ops: Any, stream: int = 0) -> Any:
    """Give uniform random numbers (n, y, x) in [0, 1), the same in NumPy and Keras.

    Parameters
    ----------
    keys : array of int32 of shape (n,)
        The samples' keys.
    shape : tuple of int
        Rows and columns.
    ops : namespace
        ``keras.ops``, or NumPy's.
    stream : int, default=0
        Number of the field, where a filter takes several.

    Returns
    -------
    array of float32 of shape (n, y, x)
        Uniform random numbers.
    """
    count = shape[0] * shape[1]
    counters = ops.reshape(
        ops.convert_to_tensor(np.arange(stream * count, (stream + 1) * count, dtype=np.int32)), (1, *shape)
    )
    return uniform(spread(keys), counters, ops)
