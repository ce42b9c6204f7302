"""Filter for the dark end of a logarithmic scale: a constant background, and a threshold below which all is zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Constraint, Range
from scatterkit.augmentation._common import log_within
from scatterkit.augmentation._intensities import DYNAMIC_RANGE, relative_intensities
from scatterkit.augmentation.base import Filter, spread


class NoiseFloor(Filter):
    """The dark end of a measured logarithmic scale: a constant background, and nothing below a threshold.

    Parameters
    ----------
    floor : pair of float [of the brightest pixel], default=(1e-6, 1e-3)
        Range of the constant background intensity, drawn logarithmically.
    threshold : pair of float [of the brightest pixel], default=(1e-5, 1e-3)
        Range of the intensity that is shown as zero, as everything darker is, drawn logarithmically.
    dynamic_range : pair of float [1], default=(1000.0, 300000.0)
        Range of (I + eps) / eps for the intensity I at a pattern's value one, drawn logarithmically.

    See Also
    --------
    StrayLight : A background that is not the same everywhere.
    PhotonNoise : Noise of single photons; says what ``dynamic_range`` is.
    scatterkit.response.fit_response : Finds floor, gain and offset of a measured pattern when the body is known.

    Notes
    -----
    ``sample_params`` gives ``floor``, ``threshold`` and ``log_range``, the logarithm of the dynamic range. The pattern
    is brought back to intensities I relative to its brightest pixel, as ``PhotonNoise`` does, and becomes
    log((I + f) / (t + f)) / log((1 + f) / (t + f)), not less than zero, with floor f and threshold t. Patterns printed
    in a colour scale, and those of detectors with a discriminator, end in the dark like that, several decades above
    the weakest light of a simulation. A pattern without light stays as it is, and so does the mask: a dark pixel was
    measured. The model is ours; the default ranges lie about the responses that ``fit_response`` finds in the measured
    patterns of I. Barke et al., Nat. Commun. 6, 6187 (2015).

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import NoiseFloor
    >>> params = {"floor": np.float32([1e-9]), "threshold": np.float32([1e-2]), "log_range": np.log([1e4])}
    >>> NoiseFloor().apply(np.linspace(0, 1, 5).reshape(1, 1, 5), params).round(2)
    array([[[0. , 0. , 0. , 0.5, 1. ]]], dtype=float32)
    """

    n_draws: ClassVar[int] = 3
    _constraints: ClassVar[dict[str, Constraint]] = {
        "floor": Range(low=0, open_low=True),
        "threshold": Range(low=0, high=0.5, open_low=True),
        "dynamic_range": DYNAMIC_RANGE,
    }

    def __init__(
        self,
        floor: tuple[float, float] = (1e-6, 1e-3),
        threshold: tuple[float, float] = (1e-5, 1e-3),
        dynamic_range: tuple[float, float] = (1e3, 3e5),
    ) -> None:
        self.floor = floor
        self.threshold = threshold
        self.dynamic_range = dynamic_range

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        params = {
            "floor": log_within(self.floor, draws[:, 0]),
            "threshold": log_within(self.threshold, draws[:, 1]),
            "log_range": np.log(log_within(self.dynamic_range, draws[:, 2])),
        }
        return {name: values.astype(np.float32) for name, values in params.items()}

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        light = relative_intensities(X, params["log_range"], ops)
        brightest = ops.max(light, axis=(1, 2), keepdims=True)
        lit = brightest > 0
        floor, threshold = spread(params["floor"]), spread(params["threshold"])
        raised = light / ops.where(lit, brightest, ops.ones_like(brightest)) + floor
        lowest = threshold + floor
        shown = ops.maximum(ops.log(raised / lowest), 0.0) / ops.log((1 + floor) / lowest)
        return ops.where(lit, shown, X)
