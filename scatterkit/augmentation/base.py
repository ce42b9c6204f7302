"""What every artifact filter shares: parameters drawn in NumPy, then applied purely, by NumPy or Keras."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._arrays import NUMPY, is_tensor, namespace
from scatterkit._counters import keys_of, uniform
from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import Integer, check_array, check_value, fail, shown
from scatterkit.base import Component

Params = Mapping[str, Any]
_BLOCK = (
    128 * 128
)  # pixels that NumPy works on at once: intermediate results then stay in the processor's cache


class Filter(Component, ABC):
    """One artifact of an experiment, on log-scaled patterns in [0, 1].

    A filter of your own says how many uniform random numbers a sample takes (``n_draws``), turns them into its
    parameters (``_params``), and applies these (``_apply``, and ``_apply_mask`` where the artifact takes what a pixel
    told). It draws nothing else: noise on pixels comes from the sample's key by `pixel_uniform`. So the same
    parameters give the same image in NumPy and Keras.

    See Also
    --------
    Augmenter : Draws filters for samples.

    Notes
    -----
    ``_params(draws, keys, shape)`` gets uniform random numbers (n, n_draws), the samples' keys (n,) and the shape of
    the patterns, and gives arrays of shape (n, ...) by name. ``_apply(X, params, ops)`` and ``_apply_mask(mask, params,
    ops)`` are written once, with the functions ``ops`` of NumPy or ``keras.ops``, whichever X and params belong to.
    What these would compute unlike each other, such as tables of a distribution, comes from the parameters by
    ``_tables(params)``, in NumPy; ``tables`` names them.

    Examples
    --------
    A detector whose gain falls off towards its right edge:

    >>> import numpy as np
    >>> from scatterkit.augmentation import Filter
    >>> class GainSlope(Filter):
    ...     n_draws = 1
    ...
    ...     def __init__(self, fall=(0.0, 0.5)):
    ...         self.fall = fall
    ...
    ...     def _params(self, draws, keys, shape):
    ...         low, high = self.fall
    ...         return {"fall": low + (high - low) * draws[:, 0]}
    ...
    ...     def _apply(self, X, params, ops):
    ...         across = np.linspace(0, 1, X.shape[2], dtype=np.float32)
    ...         return X * (1 - params["fall"][:, None, None] * across)
    >>> GainSlope().apply(np.ones((1, 2, 3)), {"fall": [0.2]}).round(2).tolist()
    [[[1.0, 0.8999999761581421, 0.800000011920929], [1.0, 0.8999999761581421, 0.800000011920929]]]
    """

    n_draws: ClassVar[int] = 0
    tables: ClassVar[tuple[str, ...]] = ()

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

    def complete(self, params: Params) -> dict[str, Any]:
        """Add the tables that follow from the parameters, which compiled functions need with them.

        Parameters
        ----------
        params : mapping of str to ndarray of shape (n, ...)
            As ``sample_params`` gives them.

        Returns
        -------
        dict of str to ndarray of shape (n, ...)
            The parameters and tables.
        """
        if all(name in params for name in self.tables):
            return dict(params)
        if any(map(is_tensor, params.values())):
            given = f"tensors of {sorted(params)}"
            raise fail(
                "params", type(self).__name__, "completed by complete() before they are tensors", given
            )
        return {**params, **self._tables(params)}

    def describe(self, params: Params, index: int) -> dict[str, Any]:
        """Say in words and plain numbers what is done to one sample.

        Parameters
        ----------
        params : mapping of str to ndarray of shape (n, ...)
            As ``sample_params`` gives them.
        index : int
            Number of the sample.

        Returns
        -------
        dict of str to object
            The filter's name under ``filter``, and its parameters.
        """
        own = {name: _plain(values[index]) for name, values in params.items() if name not in self.tables}
        return {"filter": type(self).__name__, **own}

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
        return self._run(self._apply, X, params, name="X", high=None)

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
        return self._run(self._apply_mask, mask, params, name="mask", high=1)

    @abstractmethod
    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        """Turn uniform random numbers (n, n_draws) and the pixels' keys (n,) into parameters."""

    def _tables(self, params: Params) -> dict[str, NDArray[Any]]:
        return {}

    @abstractmethod
    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        """Give the patterns with the artifact; X, params and ops belong to one library."""

    def _apply_mask(self, mask: Any, params: Mapping[str, Any], ops: Any) -> Any:
        return mask

    def _run(
        self, function: Callable[..., Any], X: Any, params: Params, *, name: str, high: float | None
    ) -> Any:
        """Give function(X, params, ops), with arguments of one library."""
        self._check_parameters()
        owner, ops = type(self).__name__, namespace(X)
        arrays = {key: _single(value) for key, value in self.complete(params).items()}
        try:
            if ops is NUMPY:
                low = None if high is None else 0
                images = check_images(X, name=name, owner=owner, low=low, high=high)
                check_lengths(arrays, len(images), owner)
                return _in_blocks(function, images, arrays)
            tensors = {key: ops.convert_to_tensor(value) for key, value in arrays.items()}
            return ops.cast(function(ops.cast(X, "float32"), tensors, ops), "float32")
        except KeyError as error:
            raise fail("params", owner, f"a mapping that holds {error}", shown(sorted(params))) from error


def check_images(
    X: Any, *, name: str, owner: str, low: float | None = None, high: float | None = None
) -> NDArray[np.float32]:
    """Give finite float32 images (n, y, x), or raise."""
    what = "images (n, y, x)"
    return check_array(X, name=name, owner=owner, shape=(None, None, None), low=low, high=high, what=what)


def check_lengths(arrays: Mapping[str, Any], n: int, owner: str) -> None:
    """Raise unless every parameter has one entry for each of n samples."""
    for name, values in arrays.items():
        if len(values) != n:
            raise fail("params", owner, f"for {n} patterns", f"{len(values)} of {name!r}")


def _in_blocks(
    function: Callable[..., Any], X: NDArray[np.float32], params: Mapping[str, Any]
) -> NDArray[np.float32]:
    """Give function(X, params, NUMPY), a few patterns at a time."""
    results = np.empty_like(X)
    size = max(1, _BLOCK // (X.shape[1] * X.shape[2]))
    for start in range(0, len(X), size):
        block = slice(start, start + size)
        results[block] = function(X[block], {name: value[block] for name, value in params.items()}, NUMPY)
    return results


def _single(value: Any) -> Any:
    """Give an array in the precision that filters compute with; a tensor as it is."""
    if is_tensor(value):
        return value
    array = np.asarray(value)
    kinds = {"f": np.float32, "i": np.int32, "u": np.int32}
    return array.astype(kinds.get(array.dtype.kind, array.dtype), copy=False)


def _plain(value: Any) -> Any:
    """Give a number, or tuples of them, of as few digits as name it."""
    array = np.asarray(value)
    if array.ndim:
        return tuple(map(_plain, array))
    return float(str(array)) if array.dtype.kind == "f" else array.item()


def spread(values: Any) -> Any:
    """Give numbers of shape (n,) such that they go along with patterns (n, y, x)."""
    return values[:, None, None]


def pixel_uniform(keys: Any, shape: tuple[int, int], ops: Any, stream: int = 0) -> Any:
    """Give uniform random numbers (n, y, x) in [0, 1), the same in NumPy and Keras: noise for a `Filter`.

    Parameters
    ----------
    keys : array of int32 of shape (n,)
        The samples' keys, as a filter's ``_params`` gets them.
    shape : tuple of int
        Rows and columns.
    ops : namespace
        ``keras.ops``, or NumPy's, as a filter's ``_apply`` gets it.
    stream : int, default=0
        Number of the field, where a filter takes several.

    Returns
    -------
    array of float32 of shape (n, y, x)
        Uniform random numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import Filter, pixel_uniform
    >>> class Grain(Filter):
    ...     def _params(self, draws, keys, shape):
    ...         return {"key": keys}
    ...
    ...     def _apply(self, X, params, ops):
    ...         return X * (0.9 + 0.2 * pixel_uniform(params["key"], X.shape[1:], ops))
    >>> grain = Grain()
    >>> params = grain.sample_params(1, random_state=0)
    >>> round(float(grain.apply(np.ones((1, 128, 128)), params).std()), 3)
    0.058
    """
    count = shape[0] * shape[1]
    counters = ops.reshape(
        ops.convert_to_tensor(np.arange(stream * count, (stream + 1) * count, dtype=np.int32)), (1, *shape)
    )
    return uniform(spread(keys), counters, ops)
