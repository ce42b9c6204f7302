"""Filters of the light and the detector: saturation, blur, stray light."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._arrays import NUMPY
from scatterkit._validation import Constraint, Range, fail
from scatterkit.augmentation._common import log_within, pixel_scale, within
from scatterkit.augmentation._intensities import DYNAMIC_RANGE, relative_intensities, rescaled
from scatterkit.augmentation.base import Filter, spread


class Saturation(Filter):
    """The detector's limit: patterns are brightened and cut off at one.

    Parameters
    ----------
    gain : pair of float [1], default=(1.0, 1.5)
        Range of the factor, drawn uniformly.

    See Also
    --------
    stack_mask : Can mark saturated pixels in the mask channel.

    Notes
    -----
    ``sample_params`` gives ``gain``; the pattern becomes min(gain X, 1). The mask stays as it is: a saturated pixel
    still tells that the light was at least that bright, and can be told from the pattern by its value of one. To keep
    such pixels apart, use ``stack_mask`` with ``saturation=1``. Published by T. Stielow and S. Scheel, Phys. Rev. E
    103, 053312 (2021), with this range.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import Saturation
    >>> Saturation().apply([[[0.2, 0.6, 0.9]]], {"gain": np.float32([1.5])}).round(3)
    array([[[0.3, 0.9, 1. ]]], dtype=float32)
    """

    n_draws: ClassVar[int] = 1
    _constraints: ClassVar[dict[str, Constraint]] = {"gain": Range(low=0)}

    def __init__(self, gain: tuple[float, float] = (1.0, 1.5)) -> None:
        self.gain = gain

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        return {"gain": within(self.gain, draws[:, 0]).astype(np.float32)}

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        return ops.minimum(spread(params["gain"]) * X, 1.0)


class Blur(Filter):
    """A blurred pattern: convolution with a Gaussian.

    Parameters
    ----------
    sigma : pair of float [pixels], default=(0.0, 1.0)
        Range of the standard deviation, drawn uniformly.

    See Also
    --------
    scipy.ndimage.gaussian_filter : The same for one image.

    Notes
    -----
    ``sample_params`` gives ``sigma``; parameters of your own may not exceed the upper end of the range, which sets the
    kernel's size. As in ``scipy.ndimage.gaussian_filter`` the Gaussian is cut off after four standard deviations and
    patterns are continued by reflection. Pixels that were missing are zero, and the blur draws them into their
    neighbours: the mask becomes zero where more than a twentieth of a pixel's value comes from missing pixels.
    Filter and range are those of the code of T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import Blur
    >>> Blur().apply([[[0.0, 0.0, 1.0, 0.0, 0.0]]], {"sigma": np.float32([0.5])}).round(2)
    array([[[0.  , 0.11, 0.79, 0.11, 0.  ]]], dtype=float32)
    """

    n_draws: ClassVar[int] = 1
    _constraints: ClassVar[dict[str, Constraint]] = {"sigma": Range(low=0, unit="pixels")}

    largest_leak: ClassVar[float] = 0.05  # share of its value from missing pixels that a pixel may have

    def __init__(self, sigma: tuple[float, float] = (0.0, 1.0)) -> None:
        self.sigma = sigma

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        return {"sigma": within(self.sigma, draws[:, 0]).astype(np.float32)}

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        weights = self._weights(params["sigma"], ops)
        for axis in (1, 2):
            X = _convolved(X, weights, axis, ops)
        return X

    def _apply_mask(self, mask: Any, params: Mapping[str, Any], ops: Any) -> Any:
        measured_share = self._apply(mask, params, ops)
        return mask * ops.cast(measured_share >= 1 - self.largest_leak, "float32")

    def _weights(self, sigma: Any, ops: Any) -> Any:
        """Give the kernel's weights at every whole distance up to the longest, (n, 2 reach + 1)."""
        widest = self.sigma[1]
        if ops is NUMPY and np.max(sigma) > widest * (1 + 1e-6):
            allowed = f"widths up to the filter's own sigma[1] = {widest:g}, which sizes its kernel"
            raise fail("params", "Blur", allowed, f"sigma = {np.max(sigma):g}")
        reach = int(4 * widest + 0.5)
        distance = np.abs(np.arange(-reach, reach + 1, dtype=np.float32))
        distances = ops.convert_to_tensor(distance[None])
        sigma = sigma[:, None]
        used = ops.convert_to_tensor(distance[None] - np.float32(0.5)) <= 4 * sigma
        squared = ops.where(sigma > 0, sigma * sigma, ops.ones_like(sigma))
        # a width so small that its square is tiny leaves only the weight at distance zero, which is one
        weights = ops.where(used, ops.exp(-distances * distances / (2 * squared)), ops.zeros_like(distances))
        return weights / ops.sum(weights, axis=1, keepdims=True)


def _convolved(X: Any, weights: Any, axis: int, ops: Any) -> Any:
    """Convolve rows or columns with the samples' own symmetric kernels, edges mirrored."""
    n, n_weights = X.shape[axis], weights.shape[1]
    places = np.arange(-(n_weights // 2), n + n_weights // 2) % (2 * n)
    mirrored = ops.convert_to_tensor(np.minimum(places, 2 * n - 1 - places).astype(np.int32))
    padded = ops.take(X, mirrored, axis=axis)
    total = ops.zeros_like(X)
    for i in range(n_weights):
        window = padded[:, i : i + n] if axis == 1 else padded[:, :, i : i + n]
        total = total + spread(weights[:, i]) * window
    return total


class StrayLight(Filter):
    """Light that the body did not scatter: a constant, a gradient and a halo about the beam, added to the intensity.

    Parameters
    ----------
    level : pair of float [of the pattern's light], default=(0.001, 0.1)
        Range of the stray light in all pixels over the pattern's own, drawn logarithmically.
    halo : pair of float [1], default=(0.0, 1.0)
        Range of the share of the stray light that is in the halo, drawn uniformly.
    halo_width : pair of float [pixels of a 128-pixel pattern], default=(4.0, 20.0)
        Range of the halo's width, drawn uniformly. It grows with the pattern's shorter side.
    gradient : pair of float [1], default=(0.0, 0.5)
        Range of the relative change of the constant part from the pattern's middle to its edge, drawn uniformly;
        its direction is random.
    dynamic_range : pair of float [1], default=(1000.0, 300000.0)
        Range of (I + eps) / eps for the intensity I at a pattern's value one, drawn logarithmically.

    See Also
    --------
    PhotonNoise : Noise of single photons; says what ``dynamic_range`` is.

    Notes
    -----
    ``sample_params`` gives ``level``, ``halo``, ``halo_width`` [pixels of the pattern], ``gradient`` (row, column) and
    ``log_range``, the logarithm of the dynamic range. The pattern is brought back to intensities, as ``PhotonNoise``
    does. The stray light is (1 - halo) (1 + g_y y + g_x x) + halo h(d), x and y from -1 to 1 and both parts scaled to
    equal totals, with h = (1 + d^2 / width^2)^(-3/2) at d pixels from the beam. Light scattered by atoms of the
    residual gas is nearly constant, as they are small against the wavelength; that of apertures and mirrors falls off
    with a power of the angle, here the third. The sum is log-scaled and mapped to [0, 1] again as ``LogScaler`` does.
    The mask stays as it is. The model is ours.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.augmentation import StrayLight
    >>> stray_light = StrayLight(level=(0.01, 0.01), halo=(0.0, 0.0), gradient=(0.0, 0.0))
    >>> patterns = np.zeros((1, 128, 128), dtype=np.float32)
    >>> patterns[0, 64, 64] = 1
    >>> float(stray_light.apply(patterns, stray_light.sample_params(1, random_state=0))[0, 64, 64])
    1.0
    """

    n_draws: ClassVar[int] = 6
    _constraints: ClassVar[dict[str, Constraint]] = {
        "level": Range(low=0, open_low=True),
        "halo": Range(low=0, high=1),
        "halo_width": Range(low=0, open_low=True, unit="pixels"),
        "gradient": Range(low=0, high=1),
        "dynamic_range": DYNAMIC_RANGE,
    }

    def __init__(
        self,
        level: tuple[float, float] = (0.001, 0.1),
        halo: tuple[float, float] = (0.0, 1.0),
        halo_width: tuple[float, float] = (4.0, 20.0),
        gradient: tuple[float, float] = (0.0, 0.5),
        dynamic_range: tuple[float, float] = (1e3, 3e5),
    ) -> None:
        self.level = level
        self.halo = halo
        self.halo_width = halo_width
        self.gradient = gradient
        self.dynamic_range = dynamic_range

    def _params(
        self, draws: NDArray[np.float64], keys: NDArray[np.int32], shape: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        angle = 2 * math.pi * draws[:, 4]
        direction = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        params = {
            "level": log_within(self.level, draws[:, 0]),
            "halo": within(self.halo, draws[:, 1]),
            "halo_width": pixel_scale(shape) * within(self.halo_width, draws[:, 2]),
            "gradient": within(self.gradient, draws[:, 3])[:, None] * direction,
            "log_range": np.log(log_within(self.dynamic_range, draws[:, 5])),
        }
        return {name: values.astype(np.float32) for name, values in params.items()}

    def _apply(self, X: Any, params: Mapping[str, Any], ops: Any) -> Any:
        light = relative_intensities(X, params["log_range"], ops)
        total = ops.sum(light, axis=(1, 2), keepdims=True)
        stray = spread(params["level"]) * total * _stray_shape(tuple(X.shape[1:]), params, ops)
        return rescaled(light + stray, ops)


def _stray_shape(shape: tuple[int, int], params: Mapping[str, Any], ops: Any) -> Any:
    """Give how stray light spreads over the pixels, (n, y, x) with sums of one."""
    row, column = (np.arange(n, dtype=np.float32) - n // 2 for n in shape)
    y, x = (ops.convert_to_tensor(v) for v in (row[None, :, None], column[None, None]))
    gradient, width = params["gradient"], spread(params["halo_width"])
    even = 1 + spread(gradient[:, 0]) * y / (shape[0] / 2) + spread(gradient[:, 1]) * x / (shape[1] / 2)
    # a slanting gradient of one would be negative in a corner
    even = ops.maximum(even, 0.0)
    far = 1 + (y * y + x * x) / (width * width)
    halo = 1 / (far * ops.sqrt(far))
    even, halo = (part / ops.sum(part, axis=(1, 2), keepdims=True) for part in (even, halo))
    return (1 - spread(params["halo"])) * even + spread(params["halo"]) * halo
