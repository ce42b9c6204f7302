"""Several artifacts at once, one after the other: any list of filters, and the published simulated experiment."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._counters import keys_of
from scatterkit._validation import Constraint, Instance, fail, shown
from scatterkit.augmentation.base import Filter, Params
from scatterkit.augmentation.geometry import Shift
from scatterkit.augmentation.masks import BlindSpot, CentralHole, Crop
from scatterkit.augmentation.noise import ShotNoise
from scatterkit.augmentation.optics import Saturation


class _Sequence(Filter):
    """Filters in a row. A parameter of step i carries the name ``i.parameter``."""

    @abstractmethod
    def _steps(self) -> list[Filter]:
        """Give the filters in the order in which they act."""

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
        whole = dict(params)
        for i, step in enumerate(self._steps()):
            own = step.complete(_own(params, i))
            whole.update({f"{i}.{name}": values for name, values in own.items()})
        return whole

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
            The filter's name under ``filter``, and what its steps say of themselves under ``steps``.
        """
        said = [step.describe(_own(params, i), index) for i, step in enumerate(self._steps())]
        return {"filter": type(self).__name__, "steps": said}

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        found, steps = {}, self._steps()
        step_keys = keys_of(keys.view(np.uint32), np.arange(len(steps))[:, None])
        for i, (step, key) in enumerate(zip(steps, step_keys, strict=True)):
            own = step.params_of_keys(key, shape)
            found.update({f"{i}.{name}": values for name, values in own.items()})
        return found

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        for i, step in enumerate(self._steps()):
            X = step._apply(X, _own(params, i), ops)
        return X

    def _apply_mask(self, mask: Any, params: Mapping[str, Any], ops: Any) -> Any:
        for i, step in enumerate(self._steps()):
            mask = step._apply_mask(mask, _own(params, i), ops)
        return mask


class Chain(_Sequence):
    """Filters that act one after the other on every pattern.

    Parameters
    ----------
    steps : list of Filter
        The filters, in the order in which they act.

    See Also
    --------
    SimulatedExperiment : The published chain.
    Augmenter : Applies one of several filters to each pattern.

    Notes
    -----
    ``sample_params`` gives the steps' parameters under names such as ``0.shift``: those of ``shift`` of the first step.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import CentralHole, Chain, Shift
    >>> chain = Chain([Shift(), CentralHole()])
    >>> params = chain.sample_params(2, random_state=0)
    >>> sorted(params)
    ['0.shift', '1.radius']
    >>> chain.apply(np.ones((2, 128, 128)), params).shape
    (2, 128, 128)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(self, steps: list[Filter]) -> None:
        self.steps = steps

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_filters(self.steps, name="steps", owner="Chain")
        for step in self.steps:
            step._check_parameters()

    def _steps(self) -> list[Filter]:
        return list(self.steps)


class SimulatedExperiment(_Sequence):
    """The published chain of artifacts: what a whole experiment does to a pattern.

    Shot noise, shift, blind spot, saturation, hole, crop and a second shift, in this order.

    Parameters
    ----------
    shot_noise : ShotNoise, optional
        The first step; the published one by default, like all that follow.
    first_shift : Shift, optional
        The beam's place on the detector.
    blind_spot : BlindSpot, optional
        The detector's blind spot.
    saturation : Saturation, optional
        The detector's upper end.
    hole : CentralHole, optional
        The detector's hole.
    crop : Crop, optional
        The detector's outline.
    second_shift : Shift, optional
        The detector's place in the image.

    See Also
    --------
    Chain : Any other list of filters.

    Notes
    -----
    Published by T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021), with the default ranges of each filter.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import SimulatedExperiment
    >>> experiment = SimulatedExperiment()
    >>> params = experiment.sample_params(1, random_state=0)
    >>> seen = experiment.apply(np.ones((1, 128, 128)), params)
    >>> measured = experiment.apply_mask(np.ones((1, 128, 128)), params)
    >>> [step["filter"] for step in experiment.describe(params, 0)["steps"]][:3]
    ['ShotNoise', 'Shift', 'BlindSpot']
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "shot_noise": Instance((ShotNoise,), optional=True),
        "first_shift": Instance((Shift,), optional=True),
        "blind_spot": Instance((BlindSpot,), optional=True),
        "saturation": Instance((Saturation,), optional=True),
        "hole": Instance((CentralHole,), optional=True),
        "crop": Instance((Crop,), optional=True),
        "second_shift": Instance((Shift,), optional=True),
    }

    def __init__(
        self,
        shot_noise: ShotNoise | None = None,
        first_shift: Shift | None = None,
        blind_spot: BlindSpot | None = None,
        saturation: Saturation | None = None,
        hole: CentralHole | None = None,
        crop: Crop | None = None,
        second_shift: Shift | None = None,
    ) -> None:
        self.shot_noise = shot_noise
        self.first_shift = first_shift
        self.blind_spot = blind_spot
        self.saturation = saturation
        self.hole = hole
        self.crop = crop
        self.second_shift = second_shift

    def _check_parameters(self) -> None:
        super()._check_parameters()
        for step in self._steps():
            step._check_parameters()

    def _steps(self) -> list[Filter]:
        given = [self.shot_noise, self.first_shift, self.blind_spot, self.saturation, self.hole, self.crop]
        published = [ShotNoise, Shift, BlindSpot, Saturation, CentralHole, Crop, Shift]
        pairs = zip([*given, self.second_shift], published, strict=True)
        return [kind() if step is None else step for step, kind in pairs]


def _own(params: Params, i: int) -> dict[str, Any]:
    """Give the parameters of one step by their own names."""
    start = f"{i}."
    return {name.removeprefix(start): values for name, values in params.items() if name.startswith(start)}


def check_filters(value: Any, *, name: str, owner: str) -> None:
    """Raise unless the value is a list of filters, not empty."""
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(f, Filter) for f in value):
        raise fail(name, owner, "a list of filters, not empty", shown(value))
