"""How far a volume's pattern is from the measured one, and the gradient of that."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from scatterkit.experiment import QGrid, check_detector
from scatterkit.fitting._symmetry_center import largest_shift
from scatterkit.response import DetectorResponse, fit_response
from scatterkit.simulation import MSFTSimulator

VolumeGradient = Callable[[], NDArray[np.float32]]

FEWEST_PIXELS = 200
"""The q limit never leaves fewer measured pixels than this: the response alone has six numbers."""


@dataclass
class Evaluation:
    """What one look at a volume gave."""

    residual: float
    response: DetectorResponse
    gradient: VolumeGradient


class PatternObjective:
    """Mean squared difference between a measured pattern and the simulated one, over the mask.

    The response of the detector (eps, gain, offset, saturation, centre shift) is fitted at every look; at its
    optimum the residual's gradient does not feel its change.

    Parameters
    ----------
    simulator : MSFTSimulator
        The experiment.
    measured : ndarray of float32 of shape (y, x)
        The log-scaled pattern.
    mask : ndarray of bool of shape (y, x)
        True where the pattern was measured.
    max_shift : float [pixel]
        Largest shift of the pattern's centre; none where panels are stacked.
    """

    def __init__(
        self,
        simulator: MSFTSimulator,
        measured: NDArray[np.float32],
        mask: NDArray[np.bool_],
        max_shift: float,
    ) -> None:
        self.simulator, window = trimmed(simulator, mask, margin=math.ceil(max_shift) + 3)
        self.measured, self.mask = measured[window], mask[window]
        self.max_shift = largest_shift(simulator.detector, max_shift)
        detector = check_detector(self.simulator.detector, owner="MSFTSimulator")
        q_y, q_x = detector.wavevectors(2 * math.pi / simulator.wavelength)
        self.q = np.hypot(q_y, q_x)
        in_order = np.sort(self.q[self.mask])
        self.q_max = float(in_order[-1])
        self.q_min = float(in_order[min(FEWEST_PIXELS, in_order.size) - 1])
        self.n_evaluations = 0

    def within(self, fraction: float) -> NDArray[np.bool_]:
        """Give the part of the mask below a fraction of its largest q."""
        return self.mask & (self.q <= max(fraction * self.q_max, self.q_min))

    def evaluate(
        self, volume: NDArray[np.float32], mask: NDArray[np.bool_], start: DetectorResponse | None
    ) -> Evaluation:
        """Compare a volume's pattern with the measured one over a mask, the response fitted from a start."""
        self.n_evaluations += 1
        intensities, pullback = self.simulator.vjp(volume[None], within_body=True)
        intensity = intensities[0]
        response, residual = fit_response(
            self.measured, intensity, mask, max_shift=self.max_shift, start=start
        )

        def gradient() -> NDArray[np.float32]:
            pattern, to_intensity = response.vjp(intensity)
            by_pattern = np.where(mask, pattern - self.measured, 0) * (2 / np.count_nonzero(mask))
            return pullback(to_intensity(by_pattern)[None])[0]

        return Evaluation(residual, response, gradient)


def trimmed(
    simulator: MSFTSimulator, mask: NDArray[np.bool_], margin: int
) -> tuple[MSFTSimulator, tuple[slice, slice]]:
    """Give a simulator of only the pixels that a mask needs, and which part of the detector they are.

    Only a uniform grid is trimmed: its centre pixel stays the centre.
    """
    simulator = clone(simulator).set_params(mask=None)
    detector = check_detector(simulator.detector, owner="MSFTSimulator")
    rows, columns = mask.shape
    if type(detector) is not QGrid:
        return simulator, (slice(0, rows), slice(0, columns))
    halves = []
    for n, measured in ((rows, mask.any(axis=1)), (columns, mask.any(axis=0))):
        reach = int(np.abs(np.flatnonzero(measured) - n // 2).max()) + margin
        halves.append(min(reach, n // 2))
    window = tuple(slice(n // 2 - half, n // 2 + half) for n, half in zip(mask.shape, halves, strict=True))
    if any(n % 2 and half == n // 2 for n, half in zip(mask.shape, halves, strict=True)):
        return simulator, (slice(0, rows), slice(0, columns))
    simulator.set_params(detector=QGrid((2 * halves[0], 2 * halves[1]), detector.dq))
    return simulator, (window[0], window[1])
