"""Noise of single photons, at a stated number of photons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Constraint, Range
from scatterkit.augmentation._common import log_within
from scatterkit.augmentation._intensities import DYNAMIC_RANGE, rescaled
from scatterkit.augmentation._photon_counts import photon_counts
from scatterkit.augmentation.base import Filter, pixel_uniform, spread

_STEPS = 4096  # tabulated logarithms of intensity per factor e
_LONGEST = 24 * _STEPS  # beyond the largest dynamic range allowed, 1e9


class PhotonNoise(Filter):
    """The noise of a weak pattern: Poisson counts at a stated number of photons.

    Parameters
    ----------
    photons : pair of float [photons], default=(1e4, 1e7)
        Range of the number of photons expected in the whole pattern, drawn logarithmically.
    dynamic_range : pair of float [1], default=(1000.0, 300000.0)
        Range of (I + eps) / eps for the intensity I at a pattern's value one, drawn logarithmically.

    See Also
    --------
    scatterkit.simulation.PhotonCounts : Counts from intensities.
    StrayLight : Light that the body did not scatter.

    Notes
    -----
    A pattern of ``LogScaler`` holds X = log((I + eps) / (I_min + eps)) / log((I_max + eps) / (I_min + eps)), and has
    lost both limits. The lower is taken as zero, as it is where the pattern reaches to the rim of the Ewald sphere; the
    upper one is ``dynamic_range`` = (I_max + eps) / eps. Then I / eps = dynamic_range^X - 1, so that eps itself
    cancels. The default covers about 90 % of the bodies that ``SolidSampler`` draws, with the simulator's and the
    scaler's defaults. ``sample_params`` gives ``photons``, ``log_range`` = log(dynamic_range) and ``key``: where the
    intensities are known, put log((I_max + eps) / eps) there.

    The intensities are scaled to sum to the photons, every pixel gets a Poisson count of its share, and the counts
    are scaled back, log-scaled with the same eps and mapped to [0, 1] as ``LogScaler`` does. Values below zero count
    as no light. The mask stays as it is: a pixel without photons was measured.

    Counts follow from a pixel's uniform random number by the inverse distribution function. Below a mean of 25 it is
    exact, of a mean that was rounded by at most 0.1 % of the standard deviation; above, the distribution function is
    off by less than 1e-4. Intensities are rounded by at most 0.012 %. NumPy and Keras,
    function by function on a CPU, give the same counts. Compiled functions round a few means otherwise: with
    TensorFlow's graphs and with XLA, one count in about a million pixels differed by one (9 and 4 of 8.4 million).

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import PhotonNoise
    >>> noise = PhotonNoise(photons=(200.0, 200.0))
    >>> noisy = noise.apply(np.full((1, 64, 64), 0.5), noise.sample_params(1, (64, 64), random_state=0))
    >>> int((noisy > 0).sum())  # pixels with a photon
    213
    """

    n_draws: ClassVar[int] = 2
    _constraints: ClassVar[dict[str, Constraint]] = {
        "photons": Range(low=0, high=1e12, unit="photons", open_low=True),
        "dynamic_range": DYNAMIC_RANGE,
    }

    def __init__(
        self,
        photons: tuple[float, float] = (1e4, 1e7),
        dynamic_range: tuple[float, float] = (1e3, 3e5),
    ) -> None:
        self.photons = photons
        self.dynamic_range = dynamic_range

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        photons = log_within(self.photons, draws[:, 0])
        log_range = np.log(log_within(self.dynamic_range, draws[:, 1]))
        return {
            "photons": photons.astype(np.float32),
            "log_range": log_range.astype(np.float32),
            "key": keys,
        }

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        share, brightest = _exact_shares(X, params["log_range"], ops)
        total = _exact_total(share, ops)
        per_share = spread(params["photons"]) / ops.where(total > 0, total, ops.ones_like(total))
        uniforms = pixel_uniform(params["key"], tuple(X.shape[1:]), ops)
        counts = photon_counts(share * per_share, uniforms, ops)
        return rescaled(counts * (brightest / per_share), ops)


@cache
def _falling() -> NDArray[np.float32]:
    """Give exp(-i / 4096)."""
    values: NDArray[np.float64] = np.exp(-np.arange(_LONGEST + 1) / _STEPS)
    return values.astype(np.float32)


def _exact_shares(X: Any, log_range: Any, ops: Any) -> tuple[Any, Any]:
    """Give intensities to the same bit in all libraries: I / (I_max + eps), (n, y, x), and (I_max + eps) / eps."""
    table = ops.convert_to_tensor(_falling())
    logs = ops.minimum(ops.maximum(X, 0.0) * spread(log_range), _LONGEST / _STEPS)
    level = ops.cast(ops.floor(logs * _STEPS + 0.5), "int32")
    top = ops.max(level, axis=(1, 2), keepdims=True)
    dark = ops.take(table, top)
    return ops.take(table, top - level) - dark, 1 / dark


def _exact_total(share: Any, ops: Any) -> Any:
    """Sum numbers in [0, 1] over pixels, in whole numbers, for their sum does not depend on the order."""
    n_bits = 30 - math.ceil(math.log2(share.shape[1] * share.shape[2]))
    total, rest = 0.0, share
    for i in range(1, math.ceil(30 / n_bits) + 1):
        rest = rest * 2.0**n_bits
        whole = ops.floor(rest)
        units = ops.sum(ops.cast(whole, "int32"), axis=(1, 2), keepdims=True)
        total, rest = total + ops.cast(units, "float32") * 2.0 ** (-n_bits * i), rest - whole
    return total
