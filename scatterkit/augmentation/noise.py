"""Filters that add noise: uniform, Poisson, shot noise, and salt and pepper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Boolean, Constraint, Positive, Range
from scatterkit.augmentation._common import brightest_to_one, log_within, within
from scatterkit.augmentation._poisson import poisson, poisson_table
from scatterkit.augmentation.base import Filter, Params, pixel_uniform, spread


class UniformNoise(Filter):
    """Noise of even distribution, added to every pixel.

    Parameters
    ----------
    amplitude : pair of float [of the pattern's full scale], default=(0.0, 0.2)
        Range of the largest noise, drawn uniformly.

    See Also
    --------
    PoissonNoise : Noise of photons that have nothing to do with the pattern.

    Notes
    -----
    The pattern becomes X + a u, with ``amplitude`` a of the sample and u uniform in [0, 1), drawn for every pixel from
    the sample's ``key``. It may exceed 1 and is not rescaled; the mask stays. Published by T. Stielow and S. Scheel,
    Phys. Rev. E 103, 053312 (2021), with this range.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import UniformNoise
    >>> noise = UniformNoise(amplitude=(0.1, 0.1))
    >>> noisy = noise.apply(np.zeros((1, 128, 128)), noise.sample_params(1, random_state=0))
    >>> round(float(noisy.mean()), 2)
    0.05
    """

    n_draws: ClassVar[int] = 1
    _constraints: ClassVar[dict[str, Constraint]] = {"amplitude": Range(low=0)}

    def __init__(self, amplitude: tuple[float, float] = (0.0, 0.2)) -> None:
        self.amplitude = amplitude

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        return {"amplitude": within(self.amplitude, draws[:, 0]).astype(np.float32), "key": keys}

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        return X + spread(params["amplitude"]) * pixel_uniform(params["key"], tuple(X.shape[1:]), ops)


class PoissonNoise(Filter):
    """Poisson numbers of one rate, added to every pixel.

    Parameters
    ----------
    amplitude : pair of float [of the pattern's full scale], default=(0.0, 0.1)
        Range of what one count adds, drawn uniformly.
    rate : float [counts], default=1.0
        Expected number in every pixel.

    See Also
    --------
    ShotNoise : Poisson numbers that multiply the pattern.

    Notes
    -----
    The pattern becomes X + a N with ``amplitude`` a of the sample and N from the Poisson distribution of ``rate``,
    drawn for every pixel from the sample's ``key``; then it is divided by its largest value. The mask stays.
    Published by T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021), with this range and rate.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import PoissonNoise
    >>> params = {"amplitude": [0.1], "rate": [1.0], "key": [7]}
    >>> noisy = PoissonNoise().apply(np.zeros((1, 128, 128)), params)
    >>> print(np.unique(noisy * 6).round(3))  # the brightest pixel counts 6
    [0. 1. 2. 3. 4. 5. 6.]
    """

    n_draws: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("table",)
    _constraints: ClassVar[dict[str, Constraint]] = {"amplitude": Range(low=0), "rate": Positive("counts")}

    def __init__(self, amplitude: tuple[float, float] = (0.0, 0.1), rate: float = 1.0) -> None:
        self.amplitude = amplitude
        self.rate = rate

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        amplitude = within(self.amplitude, draws[:, 0]).astype(np.float32)
        return {"amplitude": amplitude, "rate": np.full_like(amplitude, self.rate), "key": keys}

    def _tables(self, params: Params) -> dict[str, NDArray[Any]]:
        return {"table": poisson_table(params["rate"], self.rate)}

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        numbers = poisson(pixel_uniform(params["key"], tuple(X.shape[1:]), ops), params["table"], ops)
        return brightest_to_one(X + spread(params["amplitude"]) * numbers, ops)


class ShotNoise(Filter):
    """Poisson numbers of one rate that multiply every pixel: the published shot noise.

    Parameters
    ----------
    rate : pair of float [counts], default=(10.0, 100.0)
        Range of the expected number; its logarithm is drawn uniformly.

    See Also
    --------
    PhotonNoise : Counting noise of a stated number of photons, as the physics has it.

    Notes
    -----
    The pattern becomes X N with N from the Poisson distribution of ``rate``, drawn for every pixel from the sample's
    ``key``; then it is divided by its largest value. With a uniform r in [0, 1), the rate is 10^(r + 1). The relative
    noise of a pixel does not depend on its brightness. The mask stays. Published by T. Stielow and S. Scheel, Phys.
    Rev. E 103, 053312 (2021), with this range.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import ShotNoise
    >>> noisy = ShotNoise().apply(np.ones((1, 128, 128)), {"rate": [100.0], "key": [3]})
    >>> round(float(noisy.std() / noisy.mean()), 2)
    0.1
    """

    n_draws: ClassVar[int] = 1
    tables: ClassVar[tuple[str, ...]] = ("table",)
    _constraints: ClassVar[dict[str, Constraint]] = {"rate": Range(low=0, open_low=True, unit="counts")}

    def __init__(self, rate: tuple[float, float] = (10.0, 100.0)) -> None:
        self.rate = rate

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        return {"rate": log_within(self.rate, draws[:, 0]).astype(np.float32), "key": keys}

    def _tables(self, params: Params) -> dict[str, NDArray[Any]]:
        return {"table": poisson_table(params["rate"], self.rate[1])}

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        numbers = poisson(pixel_uniform(params["key"], tuple(X.shape[1:]), ops), params["table"], ops)
        return brightest_to_one(X * numbers, ops)


class SaltAndPepper(Filter):
    """Single pixels that show full scale or nothing.

    Parameters
    ----------
    probability : pair of float [1], default=(0.0, 0.05)
        Range of the share of pixels that are hit, drawn uniformly; half of them become 1, the others 0.
    known : bool, default=False
        Whether the mask leaves the hit pixels out, as after a search for hot and dead pixels. By default it does
        not: they lie elsewhere in every pattern, and whoever measures does not know where.

    Notes
    -----
    ``sample_params`` gives ``probability`` and the ``key`` that tells which pixels are hit. The others are clipped to
    [0, 1]. Published by T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021), with this range.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import SaltAndPepper
    >>> gray = np.full((1, 128, 128), 0.5)
    >>> hit = SaltAndPepper().apply(gray, {"probability": [0.05], "key": [3]})
    >>> [round(float((hit == value).mean()), 3) for value in (0, 0.5, 1)]
    [0.026, 0.948, 0.026]
    """

    n_draws: ClassVar[int] = 1
    _constraints: ClassVar[dict[str, Constraint]] = {"probability": Range(low=0, high=1), "known": Boolean()}

    def __init__(self, probability: tuple[float, float] = (0.0, 0.05), known: bool = False) -> None:
        self.probability = probability
        self.known = known

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        return {"probability": within(self.probability, draws[:, 0]).astype(np.float32), "key": keys}

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        drawn, probability = self._drawn(X, params, ops)
        untouched = ops.where(drawn < probability, ops.zeros_like(X), ops.clip(X, 0, 1))
        return ops.where(drawn < probability / 2, ops.ones_like(X), untouched)

    def _apply_mask(self, mask: Any, params: Mapping[str, Any], ops: Any) -> Any:
        if not self.known:
            return mask
        drawn, probability = self._drawn(mask, params, ops)
        return mask * ops.cast(drawn >= probability, "float32")

    def _drawn(self, X: Any, params: Mapping[str, Any], ops: Any) -> tuple[Any, Any]:
        return pixel_uniform(params["key"], tuple(X.shape[1:]), ops), spread(params["probability"])
