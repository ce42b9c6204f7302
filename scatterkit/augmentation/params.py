"""What an augmenter drew for its samples, to be applied, told and stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from scatterkit._validation import check_array, fail, shown
from scatterkit.augmentation.base import Filter, check_lengths

if TYPE_CHECKING:
    from scatterkit.augmentation.augmenter import Augmenter

UNTOUCHED = -1
"""The choice for samples that get no artifact."""


@dataclass(frozen=True)
class AugmentationParams:
    """What an augmenter is going to do to each of n samples.

    Parameters
    ----------
    filters : dict of str to Filter
        The augmenter's filters, by name.
    choice : ndarray of int32 of shape (n,)
        Which of the filters each sample gets, by number; -1 for none.
    values : dict of str to dict of str to ndarray of shape (n, ...)
        The parameters of every filter for every sample, chosen or not, such that shapes do not depend on the choice.

    See Also
    --------
    Augmenter.sample_params : Draws them.

    Examples
    --------
    >>> from scatterkit.augmentation import Augmenter, Saturation, Shift
    >>> params = Augmenter([Shift(), Saturation()], random_state=2).sample_params(2)
    >>> [line["filter"] for line in params.history()]
    ['Saturation', 'Shift']
    """

    filters: Mapping[str, Filter]
    choice: NDArray[np.int32]
    values: Mapping[str, Mapping[str, NDArray[Any]]]

    def __len__(self) -> int:
        return len(self.choice)

    def __getitem__(self, samples: slice | ArrayLike) -> AugmentationParams:
        """Give the parameters of some samples, by a slice or a list of numbers."""
        rows = samples if isinstance(samples, slice) else np.atleast_1d(samples)
        values = {label: {k: v[rows] for k, v in own.items()} for label, own in self.values.items()}
        return AugmentationParams(self.filters, self.choice[rows], values)

    def history(self) -> list[dict[str, Any]]:
        """Say what is done to each sample.

        Returns
        -------
        list of dict
            For each sample the chosen filter's name under ``filter``, and its parameters; None there, and nothing
            else, for a sample without artifacts. It can be written as JSON.
        """
        labels = list(self.filters)
        return [
            {"filter": None}
            if k == UNTOUCHED
            else self.filters[labels[k]].describe(self.values[labels[k]], i)
            for i, k in enumerate(self.choice)
        ]

    def tree(self) -> dict[str, Any]:
        """Give everything that a compiled function needs, as arrays in nested dicts.

        Returns
        -------
        dict of str to (ndarray of shape (n, ...) or dict)
            ``choice``, and under each filter's name its parameters and tables. ``Augmenter.apply`` takes it for
            parameters, with arrays or tensors in it.
        """
        whole = {label: f.complete(self.values[label]) for label, f in self.filters.items()}
        single = {
            label: {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in own.items()}
            for label, own in whole.items()
        }
        return {"choice": self.choice, **single}

    def to_dict(self) -> dict[str, NDArray[Any]]:
        """Give the parameters as a flat dict, to be stored.

        Returns
        -------
        dict of str to ndarray of shape (n, ...)
            ``choice`` and names such as ``Shift/shift``, for ``numpy.savez``; with ``tolist`` of each for JSON.
        """
        flat = {f"{label}/{k}": v for label, own in self.values.items() for k, v in own.items()}
        return {"choice": self.choice, **flat}

    @classmethod
    def from_dict(
        cls, stored: Mapping[str, ArrayLike], augmenter: Augmenter, *, shape: tuple[int, int] = (128, 128)
    ) -> AugmentationParams:
        """Take up stored parameters again.

        Parameters
        ----------
        stored : mapping of str to array_like of shape (n, ...)
            What ``to_dict`` gave; lists do too.
        augmenter : Augmenter
            One with the filters they were drawn for.
        shape : (int, int), default (128, 128)
            Pixels (y, x) of the patterns, which filters such as `PanelGaps` must fit.

        Returns
        -------
        AugmentationParams
            The parameters, which give the same images to the last bit.

        Raises
        ------
        ValueError
            If they are not those of the augmenter's filters.
        """
        filters = augmenter.named_filters()
        # of names and types alone: the augmenter's own Generator must not move on
        probe = clone(augmenter).set_params(random_state=0).sample_params([0], shape=shape)
        expected = set(probe.to_dict())
        if set(stored) != expected:
            given = shown(sorted(set(stored) ^ expected))
            raise fail(
                "stored", "from_dict", "the parameters of the augmenter's filters", f"unlike names {given}"
            )
        choice = check_array(
            stored["choice"], name="choice", owner="from_dict", shape=(None,), dtype=np.int32
        )
        if choice.min() < UNTOUCHED or choice.max() >= len(filters):
            raise fail("choice", "from_dict", f"numbers of {len(filters)} filters", shown(choice))
        values = {
            label: {k: np.asarray(stored[f"{label}/{k}"], v.dtype) for k, v in own.items()}
            for label, own in probe.values.items()
        }
        for own in values.values():
            check_lengths(own, len(choice), "from_dict")
        return cls(filters, choice, values)


@dataclass(frozen=True)
class Augmented:
    """Patterns with artifacts, what is left of the masks, and what was done.

    Parameters
    ----------
    patterns : ndarray or Keras tensor of float32 of shape (n, y, x)
        The patterns with the artifacts.
    masks : ndarray or Keras tensor of bool of shape (n, y, x)
        True where a pixel still tells about the body.
    params : AugmentationParams
        What was done; ``params.history()`` says it in words.

    See Also
    --------
    Augmenter.augment : Makes them.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import Augmenter
    >>> augmented = Augmenter(random_state=1).augment(np.ones((3, 32, 32)))
    >>> patterns, masks, params = augmented
    """

    patterns: Any
    masks: Any
    params: AugmentationParams

    def __iter__(self) -> Iterator[Any]:
        """Give patterns, masks and parameters in turn, to be unpacked."""
        return iter((self.patterns, self.masks, self.params))
