"""One of several artifacts for every sample of every epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._arrays import NUMPY, is_tensor, namespace
from scatterkit._counters import keys_of, uniform
from scatterkit._random import RandomState, check_random_state, seed_of
from scatterkit._validation import Constraint, Integer, Real, check_mask, check_value, fail, shown
from scatterkit.augmentation.base import Filter, check_images, check_lengths, spread
from scatterkit.augmentation.experiment import SimulatedExperiment
from scatterkit.augmentation.geometry import Rotation, Shift
from scatterkit.augmentation.masks import Bar, BlindSpot, CentralHole, Crop
from scatterkit.augmentation.noise import PoissonNoise, SaltAndPepper, ShotNoise, UniformNoise
from scatterkit.augmentation.optics import Blur, Saturation
from scatterkit.augmentation.params import UNTOUCHED, AugmentationParams, Augmented
from scatterkit.base import StatelessTransformer

PUBLISHED: tuple[type[Filter], ...] = (
    UniformNoise,
    PoissonNoise,
    ShotNoise,
    Shift,
    CentralHole,
    SaltAndPepper,
    Crop,
    Saturation,
    BlindSpot,
    SimulatedExperiment,
)
"""The published random choice, with equal probabilities."""
MIXES: dict[str, tuple[type[Filter], ...]] = {
    "published": PUBLISHED,
    "all": (*PUBLISHED, Blur, Rotation, Bar),
}


class Augmenter(StatelessTransformer):
    """Give every pattern one of several artifacts, another one in every epoch.

    Parameters
    ----------
    filters : {"published", "all"} or list of Filter or of (Filter, weight), default="published"
        What to choose from, with equal probabilities or with the weights given beside the filters. "published" are
        the ten of the published random choice, "all" has blur, rotation and bar too. A filter without a weight
        weighs one.
    random_state : int, numpy.random.Generator or None, default=None
        With an int, sample i of epoch e gets the same artifact at every call, alone or in any batch.
    probability : float [1], default=1.0
        How likely a sample gets an artifact at all. The others stay as they are, masks too.

    See Also
    --------
    Chain : Several filters one after the other, to be one of the choices.
    Filter : The base of all filters, also of your own.

    Notes
    -----
    The choice, from ten filters with equal probabilities, is that of T. Stielow and S. Scheel, Phys. Rev. E 103, 053312
    (2021). With arrays each filter works on its own samples only. With Keras tensors all filters work on all samples
    and each sample's result is picked, such that shapes do not change and the whole can be compiled: draw the
    parameters outside, and hand ``params.tree()`` to the compiled function together with the patterns.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import Augmenter, CentralHole, Shift
    >>> augmenter = Augmenter([(Shift(), 3), CentralHole()], random_state=0)
    >>> patterns = np.ones((4, 128, 128), dtype=np.float32)
    >>> augmented = augmenter.augment(patterns, epoch=2)
    >>> [line["filter"] for line in augmented.params.history()]
    ['Shift', 'CentralHole', 'Shift', 'CentralHole']
    >>> again = augmenter.apply(patterns, augmented.params)
    >>> bool((again == augmented.patterns).all())
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {"probability": Real(0, 1)}

    def __init__(
        self,
        filters: str | list[Filter | tuple[Filter, float]] = "published",
        random_state: RandomState = None,
        probability: float = 1.0,
    ) -> None:
        self.filters = filters
        self.random_state = random_state
        self.probability = probability

    def named_filters(self) -> dict[str, Filter]:
        """Give the filters to choose from.

        Returns
        -------
        dict of str to Filter
            By the name of their class; a number follows where a name was there before.
        """
        named: dict[str, Filter] = {}
        for filter_, _ in self._weighted():
            kind = type(filter_).__name__
            count = sum(type(other) is type(filter_) for other in named.values())
            named[f"{kind}_{count + 1}" if count else kind] = filter_
        return named

    def sample_params(
        self, samples: int | ArrayLike, *, epoch: int = 0, shape: tuple[int, int] = (128, 128)
    ) -> AugmentationParams:
        """Draw which filter each sample gets, and the parameters of all filters.

        Parameters
        ----------
        samples : int or array_like of int of shape (n,)
            How many samples (then their numbers are 0 to n - 1), or their numbers in the data set.
        epoch : int, default=0
            Number of the epoch.
        shape : tuple of int, default=(128, 128)
            Rows and columns of the patterns.

        Returns
        -------
        AugmentationParams
            They depend on ``random_state``, the epoch and the sample's own number alone.
        """
        self._check_parameters()
        indices = _indices(samples)
        check_value(epoch, Integer(low=0), name="epoch", owner="Augmenter")
        keys = keys_of(seed_of(self.random_state, owner="Augmenter"), epoch, indices)
        weights = np.array([weight for _, weight in self._weighted()], np.float64)
        shares = float(self.probability) * np.cumsum(weights) / weights.sum()
        draws = uniform(keys, np.zeros(1, np.int32)).astype(np.float64)
        choice = np.searchsorted(shares, draws, side="right").clip(max=len(weights) - 1).astype(np.int32)
        choice[draws >= self.probability] = UNTOUCHED
        filters = self.named_filters()
        own = keys_of(keys.view(np.uint32), np.arange(1, len(filters) + 1)[:, None])
        values = {
            label: filter_.params_of_keys(key, shape)
            for key, (label, filter_) in zip(own, filters.items(), strict=True)
        }
        return AugmentationParams(filters, choice, values)

    def apply(self, X: Any, params: AugmentationParams | Mapping[str, Any]) -> Any:
        """Apply to each sample the filter that was chosen for it.

        Parameters
        ----------
        X : array_like or Keras tensor of shape (n, y, x)
            Log-scaled patterns in [0, 1].
        params : AugmentationParams or mapping
            From ``sample_params``, or its ``tree()``, which compiled functions take.

        Returns
        -------
        ndarray or Keras tensor of float32 of shape (n, y, x)
            The patterns with their artifacts.
        """
        return self._run("apply", X, params, high=None)

    def apply_mask(self, mask: Any, params: AugmentationParams | Mapping[str, Any]) -> Any:
        """Say which pixels still tell about the body once the artifacts are applied.

        Parameters
        ----------
        mask : array_like or Keras tensor of shape (n, y, x)
            1 where a pixel is measured, else 0.
        params : AugmentationParams or mapping
            From ``sample_params``, or its ``tree()``, which compiled functions take.

        Returns
        -------
        ndarray or Keras tensor of float32 of shape (n, y, x)
            The masks after the artifacts.
        """
        return self._run("apply_mask", mask, params, high=1)

    def augment(
        self, X: Any, mask: ArrayLike | None = None, *, indices: ArrayLike | None = None, epoch: int = 0
    ) -> Augmented:
        """Draw parameters and apply them, to patterns and masks.

        It is not for compiled functions, which would draw once and for all: hand ``params.tree()`` to them.

        Parameters
        ----------
        X : array_like or Keras tensor of shape (n, y, x)
            Log-scaled patterns in [0, 1].
        mask : array_like of bool of shape (y, x) or (n, y, x), optional
            True where a pixel is measured; everywhere by default.
        indices : array_like of int of shape (n,), optional
            The samples' numbers in the data set; 0 to n - 1 by default.
        epoch : int, default=0
            Number of the epoch.

        Returns
        -------
        Augmented
            Patterns, masks and parameters.
        """
        self._check_parameters()
        ops = namespace(X)
        X = check_images(X, name="X", owner="Augmenter") if ops is NUMPY else X
        n, shape = X.shape[0], tuple(X.shape[1:])
        numbers = np.arange(n) if indices is None else _indices(indices)
        if len(numbers) != n:
            raise fail("indices", "Augmenter", f"one for each of {n} patterns", f"{len(numbers)} of them")
        flags: Any = np.ones(()) if mask is None else check_mask(mask, shape, owner="Augmenter", n=n)
        masks = ops.convert_to_tensor(np.broadcast_to(flags, (n, *shape)).astype(np.float32))
        params = self.sample_params(numbers, epoch=epoch, shape=shape)
        left = ops.cast(self.apply_mask(masks, params), "bool")
        return Augmented(self.apply(X, params), left, params)

    def transform(self, X: Any) -> Any:
        """Give patterns with artifacts, those of epoch 0.

        Parameters
        ----------
        X : array_like or Keras tensor of shape (n, y, x)
            Log-scaled patterns in [0, 1].

        Returns
        -------
        ndarray or Keras tensor of float32 of shape (n, y, x)
            The patterns with their artifacts.
        """
        X = X if is_tensor(X) else check_images(X, name="X", owner="Augmenter")
        return self.apply(X, self.sample_params(X.shape[0], shape=tuple(X.shape[1:])))

    def _run(
        self, method: str, X: Any, params: AugmentationParams | Mapping[str, Any], *, high: float | None
    ) -> Any:
        """Give what the chosen filters' method makes of each sample."""
        filters = self.named_filters()
        if isinstance(params, AugmentationParams):
            params = params.tree() if is_tensor(X) else {"choice": params.choice, **params.values}
        missing = [name for name in ("choice", *filters) if name not in params]
        if missing:
            raise fail("params", "Augmenter", "drawn for its filters", f"none of {shown(missing)}")
        if is_tensor(X):
            return _picked(method, X, params, filters)
        low = None if high is None else 0
        name = "X" if high is None else "mask"
        images = check_images(X, name=name, owner="Augmenter", low=low, high=high)
        choice = np.asarray(params["choice"])
        check_lengths({"choice": choice}, len(images), "Augmenter")
        results = images.copy()
        for k, (label, filter_) in enumerate(filters.items()):
            rows = np.flatnonzero(choice == k)
            if len(rows):
                own = {name: np.asarray(values)[rows] for name, values in params[label].items()}
                results[rows] = getattr(filter_, method)(images[rows], own)
        return results

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_random_state(self.random_state, owner="Augmenter")
        for filter_, _ in self._weighted():
            filter_._check_parameters()

    def _weighted(self) -> list[tuple[Filter, float]]:
        """Give the filters with their weights, or raise."""
        if isinstance(self.filters, str) and self.filters in MIXES:
            return [(kind(), 1.0) for kind in MIXES[self.filters]]
        pairs = self.filters if isinstance(self.filters, (list, tuple)) else []
        found = [pair if isinstance(pair, (list, tuple)) else (pair, 1.0) for pair in pairs]
        if not found or not all(map(_is_weighted_filter, found)):
            allowed = (
                "'published', 'all', or a list of filters or of (filter, weight above 0) pairs, not empty"
            )
            raise fail("filters", "Augmenter", allowed, shown(self.filters))
        return [(filter_, float(weight)) for filter_, weight in found]


def _picked(method: str, X: Any, params: Mapping[str, Any], filters: Mapping[str, Filter]) -> Any:
    """Apply all filters to all samples, and pick each sample's own."""
    ops = namespace(X)
    result = ops.cast(X, "float32")
    images, choice = result, ops.convert_to_tensor(params["choice"])
    for k, (label, filter_) in enumerate(filters.items()):
        chosen = spread(ops.equal(choice, k))
        result = ops.where(chosen, getattr(filter_, method)(images, params[label]), result)
    return result


def _is_weighted_filter(pair: Any) -> bool:
    if len(pair) != 2 or not isinstance(pair[0], Filter):
        return False
    weight = pair[1]
    number = isinstance(weight, (int, float, np.integer, np.floating)) and not isinstance(weight, bool)
    return number and bool(np.isfinite(weight)) and weight > 0


def _indices(samples: int | ArrayLike) -> NDArray[np.int64]:
    """Give samples' numbers, or raise."""
    raw = np.asarray(samples)
    if raw.ndim == 0 and raw.dtype.kind in "iu" and raw > 0:
        return np.arange(int(raw))
    if raw.ndim != 1 or raw.dtype.kind not in "iu" or not raw.size or raw.min() < 0:
        allowed = "a number of samples above 0, or whole numbers >= 0 of samples"
        raise fail("samples", "Augmenter", allowed, shown(samples))
    return raw
