"""From intensity to what a detector's picture shows: logarithm, gain, offset, saturation, centre shift."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._response_fit import ResponseProblem, shift_matrix
from scatterkit._validation import Instance, Numbers, Real, check_array, check_mask, check_value, fail

Array = NDArray[Any]


@dataclass(frozen=True)
class DetectorResponse:
    """The response that turns a simulated intensity into a recorded log-scaled pattern.

    ``pattern = clip(gain * shifted(log(intensity + eps)) + offset, 0, saturation)``.

    Parameters
    ----------
    eps : float [intensity]
        Background added to the intensity, in the intensity's unit; > 0.
    gain : float [1]
        Factor on the logarithm; >= 0.
    offset : float [1]
        Added after the gain.
    saturation : float [1]
        Largest value recorded; infinity where nothing saturates.
    shift : (float, float) [pixel]
        How far the picture is moved towards larger row and column indices.

    Notes
    -----
    The shift interpolates by cubic convolution (R. G. Keys, IEEE Trans. Acoust. Speech Signal Process. 29,
    1153 (1981)), with the edge pixels continued. It acts on the logarithm, whose dynamic range is small.

    Examples
    --------
    >>> from scatterkit.response import DetectorResponse
    >>> response = DetectorResponse(eps=1.0, gain=0.5, offset=0.0, saturation=1.0)
    >>> response.apply([[0.0, 1.7183, 99.0]]).round(3).tolist()
    [[0.0, 0.5, 1.0]]
    """

    eps: float
    gain: float
    offset: float
    saturation: float = math.inf
    shift: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        owner = type(self).__name__
        check_value(self.eps, Real(low=0, open_low=True), name="eps", owner=owner)
        check_value(self.gain, Real(low=0), name="gain", owner=owner)
        check_value(self.offset, Real(), name="offset", owner=owner)
        check_value(self.saturation, Real(low=0, finite=False), name="saturation", owner=owner)
        check_value(self.shift, Numbers(2, "pixels"), name="shift", owner=owner)

    def apply(self, intensity: ArrayLike) -> NDArray[np.float32]:
        """Give the pattern that the detector records.

        Parameters
        ----------
        intensity : array-like of shape (n, y, x) or (y, x)
            Intensities, zero frequency at pixel ``[n // 2, n // 2]``.

        Returns
        -------
        ndarray of float32, shape of intensity
            The recorded pattern, in [0, saturation].
        """
        return self.vjp(intensity)[0]

    def vjp(
        self, intensity: ArrayLike
    ) -> tuple[NDArray[np.float32], Callable[[ArrayLike], NDArray[np.float32]]]:
        """Give the pattern, and the function that pulls a gradient on it back to the intensity.

        Parameters
        ----------
        intensity : array-like of shape (n, y, x) or (y, x)
            Intensities.

        Returns
        -------
        pattern : ndarray of float32, shape of intensity
            The recorded pattern.
        pullback : callable
            From dL/dpattern to dL/dintensity, both of the intensity's shape.
        """
        intensity = _check_pictures(intensity, name="intensity", owner="DetectorResponse.vjp")
        raised = intensity + np.float32(self.eps)
        rows = shift_matrix(intensity.shape[-2], self.shift[0])
        columns = shift_matrix(intensity.shape[-1], self.shift[1])
        log: NDArray[np.float32] = np.log(raised)
        linear = rows @ log @ columns.T
        linear *= np.float32(self.gain)
        linear += np.float32(self.offset)

        def pullback(gradient: ArrayLike) -> NDArray[np.float32]:
            gradient = np.asarray(gradient, dtype=np.float32)
            if gradient.shape != intensity.shape:
                allowed = f"an array of shape {intensity.shape}"
                raise fail("gradient", "DetectorResponse.vjp", allowed, f"shape {gradient.shape}")
            passed = (linear > 0) & (linear < self.saturation)
            pulled = rows.T @ (gradient * passed * np.float32(self.gain)) @ columns / raised
            return pulled.astype(np.float32, copy=False)

        return np.clip(linear, 0, np.float32(self.saturation)), pullback


def fit_response(
    measured: ArrayLike,
    intensity: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    max_shift: float = 3.0,
    start: DetectorResponse | None = None,
    fit_saturation: bool = True,
) -> tuple[DetectorResponse, float]:
    """Find the detector response under which an intensity comes closest to a measured pattern.

    Parameters
    ----------
    measured : array-like of shape (y, x)
        A recorded log-scaled pattern, zero where it was clipped from below.
    intensity : array-like of shape (y, x)
        The simulated intensity.
    mask : array-like of bool, shape (y, x), optional
        True where the pattern was measured; everything by default.
    max_shift : float [pixel], default 3.0
        Largest shift of the centre along each axis; 0 allows none.
    start : DetectorResponse, optional
        A response found before for a similar intensity: refined from there, without a search.
    fit_saturation : bool, default True
        Whether to find the saturation level, at least 95 % of the value that 1 % of the measured pixels
        exceed: what saturates records more only by noise. Otherwise it is the start's, or infinite.

    Returns
    -------
    response : DetectorResponse
        The best response.
    residual : float
        Mean squared difference over the mask between measured and ``response.apply(intensity)``.

    Notes
    -----
    A scan over eps and whole-pixel shifts, with gain and offset in closed form, ranks the starting points; a
    Levenberg-Marquardt descent over all parameters tries the best few and finishes the best. Multiplying the
    intensity by a constant multiplies eps by it and leaves the residual unchanged.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.response import DetectorResponse, fit_response
    >>> y, x = np.mgrid[-16:16, -16:16]
    >>> intensity = 1e4 * np.exp(-((x - 2) ** 2 + y**2) / 20) + 30 * np.cos(x) ** 2
    >>> truth = DetectorResponse(eps=5.0, gain=0.1, offset=-0.2, saturation=0.6, shift=(0.4, -1.3))
    >>> response, residual = fit_response(truth.apply(intensity), intensity)
    >>> residual < 1e-6
    True
    """
    owner = "fit_response"
    measured = check_array(
        measured, name="measured", owner=owner, shape=(None, None), what="a pattern (y, x)"
    )
    intensity = check_array(
        intensity, name="intensity", owner=owner, shape=measured.shape, low=0, what="a pattern (y, x)"
    )
    mask = check_mask(mask, measured.shape, owner=owner)
    check_value(max_shift, Real(low=0, high=16, unit="pixels"), name="max_shift", owner=owner)
    check_value(start, Instance((DetectorResponse,), optional=True), name="start", owner=owner)
    problem = ResponseProblem(measured, intensity, mask, float(max_shift), bool(fit_saturation))
    if start is not None:
        cost, best = problem.descend(_to_point(start, problem), n_steps=6)
    else:
        tries = [problem.descend(begin, n_steps=3) for begin in problem.scan()]
        cost, best = problem.descend(min(tries, key=lambda found: found[0])[1], n_steps=20)
    return _from_point(best, problem.scale), cost


def _to_point(response: DetectorResponse, problem: ResponseProblem) -> Array:
    """Give a response in the problem's unit of intensity and within its bounds."""
    saturation = response.saturation
    if problem.fit_saturation and not math.isfinite(saturation):
        saturation = float(problem.target.max())
    offset = response.offset + response.gain * math.log(problem.scale)
    log_eps = math.log(response.eps / problem.scale)
    return problem.bounded(np.array([log_eps, response.gain, offset, *response.shift, saturation]))


def _from_point(point: Array, scale: float) -> DetectorResponse:
    """Give a point of the problem as a response in the intensity's own unit."""
    log_eps, gain, offset, dy, dx, saturation = point.tolist()
    return DetectorResponse(
        eps=math.exp(log_eps) * scale,
        gain=gain,
        offset=offset - gain * math.log(scale),
        saturation=saturation,
        shift=(dy, dx),
    )


def _check_pictures(value: ArrayLike, *, name: str, owner: str) -> Array:
    """Give one picture (y, x) or several (n, y, x), not negative, as float32."""
    shape = (None,) * (3 if np.ndim(value) == 3 else 2)
    return check_array(
        value, name=name, owner=owner, shape=shape, low=0, what="a pattern (y, x) or (n, y, x)"
    )
