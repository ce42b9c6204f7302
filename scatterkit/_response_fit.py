"""The least-squares problem behind fit_response, in plain NumPy."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[Any]

EPS_RANGE = (1e-4, 1e3)
"""Where eps is searched for, in units of the median intensity over the mask."""

LOWEST_SATURATION = 0.95
"""No saturation level below this fraction of the 99 % quantile of the measured values: what saturates cannot
record more, but for noise. A free level would explain the brightest rings away."""


class ResponseProblem:
    """The least-squares problem of fit_response on the mask's bounding box, in units of the median intensity.

    A point is (log eps, gain, offset, row shift, column shift, saturation).
    """

    def __init__(
        self, measured: Array, intensity: Array, mask: Array | None, max_shift: float, fit_saturation: bool
    ) -> None:
        if mask is None:
            mask = np.ones(measured.shape, dtype=bool)
        self.scale = _typical(intensity[mask])
        self.max_shift, self.fit_saturation = max_shift, fit_saturation
        self.whole = math.ceil(max_shift)
        self.margin = self.whole + 2  # cubic convolution reaches two samples further
        box = tuple(_extent(mask.any(axis=1 - axis)) for axis in (0, 1))
        self.shape = mask[box].shape
        self.pixels = np.flatnonzero(mask[box])
        self.target = measured[box].ravel()[self.pixels].astype(np.float64)
        brightest = float(np.quantile(self.target, 0.99))
        self.lowest_saturation = LOWEST_SATURATION * brightest if fit_saturation else 0.0
        padded = np.pad(intensity.astype(np.float64) / self.scale, self.margin, mode="edge")
        reach = 2 * self.margin
        self.intensity = padded[box[0].start : box[0].stop + reach, box[1].start : box[1].stop + reach]

    def scan(self, n_starts: int = 3) -> list[Array]:
        """Rank eps and whole-pixel shifts by the residual without clipping; give the best few as points."""
        candidates = []
        for log_eps in np.linspace(math.log(EPS_RANGE[0] * 10), math.log(EPS_RANGE[1] / 10), 4):
            squares, gains, offsets = self._scan_shifts(np.log(self.intensity + math.exp(log_eps)))
            for index in np.ndindex(squares.shape):
                dy, dx = (float(self.whole - i) for i in index)
                point = np.array([log_eps, gains[index], offsets[index], dy, dx, math.inf])
                candidates.append((squares[index], point))
        candidates.sort(key=lambda candidate: candidate[0])
        chosen: list[Array] = []
        for _, point in candidates:
            if all(np.abs(point[3:5] - other[3:5]).max() > 1 for other in chosen):
                chosen.append(self.bounded(point))
            if len(chosen) == n_starts:
                break
        return [self._with_saturation(point) for point in chosen]

    def _scan_shifts(self, log: Array) -> tuple[Array, Array, Array]:
        """Sum of squares, gain and offset of the straight-line fit for each whole-pixel shift."""
        windows = sliding_window_view(log[2:-2, 2:-2].astype(np.float32), self.shape)
        flat = windows.reshape(-1, self.shape[0] * self.shape[1])
        weights = np.zeros((flat.shape[1], 2), dtype=np.float32)
        weights[self.pixels, 0] = 1 / self.target.size
        weights[self.pixels, 1] = (self.target - self.target.mean()) / self.target.size
        mean, covariance = (flat @ weights).T.reshape(2, *windows.shape[:2])
        covariance = np.maximum(covariance, 0)
        variance = (np.square(flat) @ weights[:, 0]).reshape(mean.shape) - mean**2
        gains = covariance / np.maximum(variance, 1e-9)
        squares = self.target.var() - gains * covariance
        return squares, gains, self.target.mean() - gains * mean

    def _with_saturation(self, point: Array) -> Array:
        """Set the saturation level to the best one for the point's unclipped pattern."""
        if not self.fit_saturation:
            return point
        value = self._linear(point)
        order = np.argsort(value)
        target, below = self.target[order], np.clip(value[order], 0, None)
        n = np.arange(target.size, 0, -1)
        level = np.cumsum(target[::-1])[::-1] / n  # mean of the target over the pixels from here up
        above_cost = np.cumsum(target[::-1] ** 2)[::-1] - level**2 * n
        below_cost = np.cumsum((below - target) ** 2) - (below - target) ** 2
        # a level belongs between its neighbours; elsewhere it would clip other pixels than assumed
        fits = level <= np.maximum(below, 1e-12)
        cost = np.where(fits, below_cost + above_cost, np.inf)
        best = int(np.argmin(cost))
        result = point.copy()
        result[5] = level[best] if math.isfinite(cost[best]) else self.target.max()
        return self.bounded(result)

    def bounded(self, point: Array) -> Array:
        point[0] = min(max(point[0], math.log(EPS_RANGE[0])), math.log(EPS_RANGE[1]))
        point[1] = max(point[1], 0.0)
        point[3:5] = np.clip(point[3:5], -self.max_shift, self.max_shift)
        point[5] = max(point[5], self.lowest_saturation)
        return point

    def _shifts(self, point: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        sizes = zip(self.shape, self.intensity.shape, point[3:5], strict=True)
        rows, columns = (shift_matrices(out, held, self.margin, shift) for out, held, shift in sizes)
        return rows, columns

    def _on_pixels(self, picture: Array) -> Array:
        return picture.ravel().take(self.pixels)

    def _linear(self, point: Array) -> Array:
        """The pattern before clipping, on the masked pixels."""
        (rows, _), (columns, _) = self._shifts(point)
        log = np.log(self.intensity + math.exp(point[0]))
        return point[1] * self._on_pixels(rows @ log @ columns.T) + point[2]

    def _cost(self, point: Array) -> float:
        error = np.clip(self._linear(point), 0, point[5]) - self.target
        return float(error @ error) / error.size

    def _derivatives(self, point: Array) -> tuple[Array, Array]:
        """Gradient and Gauss-Newton matrix of half the sum of squares at a point."""
        (rows, d_rows), (columns, d_columns) = self._shifts(point)
        eps = math.exp(point[0])
        raised = self.intensity + eps
        log = np.log(raised)
        half = log @ columns.T
        value = self._on_pixels(rows @ half)
        linear = point[1] * value + point[2]
        jacobian = np.empty((6, value.size))
        jacobian[0] = self._on_pixels(rows @ (eps / raised) @ columns.T)
        jacobian[1] = value
        jacobian[2] = 1
        if self.max_shift > 0:
            jacobian[3] = self._on_pixels(d_rows @ half)
            jacobian[4] = self._on_pixels(rows @ (log @ d_columns.T))
        else:
            jacobian[3:5] = 0
        jacobian[[0, 3, 4]] *= point[1]
        jacobian[:5] *= (linear > 0) & (linear < point[5])
        jacobian[5] = (linear >= point[5]) if self.fit_saturation else 0
        error = np.clip(linear, 0, point[5]) - self.target
        return jacobian @ error, jacobian @ jacobian.T

    def descend(self, point: Array, *, n_steps: int, tolerance: float = 1e-4) -> tuple[float, Array]:
        """Levenberg-Marquardt from a point; give the mean square reached and where."""
        cost, damping, moved = self._cost(point), 1e-3, True
        for _ in range(n_steps):
            if moved:
                gradient, normal = self._derivatives(point)
                diagonal = np.diag(normal)
            lift = np.diag(damping * diagonal + 1e-9 * diagonal.max() + 1e-12)
            trial = self.bounded(point - np.linalg.solve(normal + lift, gradient))
            trial_cost = self._cost(trial)
            moved = trial_cost < cost
            if moved:
                gained, point, cost = cost - trial_cost, trial, trial_cost
                damping = max(damping / 10, 1e-7)
                if gained <= tolerance * cost:
                    break
            elif damping < 1e4:
                damping *= 10
            else:
                break
        return cost, point


def _typical(intensity: Array) -> float:
    """The median of the positive intensities; 1 where there is none."""
    positive = intensity[intensity > 0]
    return float(np.median(positive)) if positive.size else 1.0


def _extent(occupied: Any) -> slice:
    """The slice from the first to the last True."""
    where = np.flatnonzero(occupied)
    return slice(int(where[0]), int(where[-1]) + 1)


@lru_cache(maxsize=16)
def shift_matrix(n: int, shift: float) -> NDArray[np.float32]:
    """Give the (n, n) matrix that moves samples by ``shift`` towards larger indices (cubic convolution)."""
    matrix = shift_matrices(n, n, 0, shift)[0].astype(np.float32)
    matrix.setflags(write=False)  # it is shared through the cache
    return matrix


def shift_matrices(n_out: int, n_in: int, margin: int, shift: float) -> tuple[Array, Array]:
    """Give the matrix from n_in samples to n_out, sample i from position i + margin - shift; and its slope.

    The slope is the derivative with respect to the shift. Positions outside take the edge sample.
    """
    base, t = divmod(margin - shift, 1.0)
    weights = (
        ((-0.5 * t + 1) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1,
        ((-1.5 * t + 2) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    slopes = (
        (1.5 * t - 2) * t + 0.5,
        (5 - 4.5 * t) * t,
        (4.5 * t - 4) * t - 0.5,
        (1 - 1.5 * t) * t,
    )
    row = np.arange(n_out)[:, None]
    column = np.clip(row + int(base) + np.arange(-1, 3), 0, n_in - 1)
    place = (row * n_in + column).ravel()
    matrix, derivative = (
        np.bincount(place, np.tile(taps, n_out), n_out * n_in).reshape(n_out, n_in)
        for taps in (weights, slopes)
    )
    return matrix, derivative
