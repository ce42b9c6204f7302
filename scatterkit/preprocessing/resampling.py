"""From a detector's pixels to the uniform grid of wave vectors that models take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._validation import (
    AnyOf,
    Choice,
    Constraint,
    Instance,
    Numbers,
    Positive,
    Real,
    check_array,
    fail,
    shown,
)
from scatterkit.base import StatelessTransformer
from scatterkit.experiment import Detector, FlatDetector, PanelDetector, QGrid
from scatterkit.experiment.polarization import POLARIZATION, Polarization
from scatterkit.preprocessing._frames import check_frames, each_mask
from scatterkit.preprocessing._geometry import beam_center, with_center
from scatterkit.preprocessing._tables import Table, table

Array = NDArray[Any]

CONSTRAINTS: dict[str, Constraint] = {
    "detector": Instance((FlatDetector, PanelDetector, QGrid), optional=True),
    "grid": Instance((QGrid,), optional=True),
    "wavelength": Positive("nm"),
    "polarization": AnyOf((POLARIZATION, Choice((None,)))),
    "min_coverage": Real(low=0, high=1, open_low=True),
    "value": Choice(("center", "mean")),
}


@dataclass(frozen=True, eq=False)
class Resampled:
    """Frames on a grid of wave vectors.

    Parameters
    ----------
    intensities : ndarray of float32 of shape (n, y, x) [photons]
        Photons per solid angle, as many as a pixel in the middle of the grid would take; zero where not measured.
    masks : ndarray of bool of shape (n, y, x)
        True where measured.
    saturated : ndarray of bool of shape (n, y, x)
        True where a saturated pixel has a part in the value.
    sigma : ndarray of float32 of shape (n, y, x) [photons]
        Standard deviation of the intensities; zero where not measured. Where detector pixels without any variance
        have a part, as without a count, it is at least that of one photon in the grid's pixel.
    """

    intensities: NDArray[np.float32]
    masks: NDArray[np.bool_]
    saturated: NDArray[np.bool_]
    sigma: NDArray[np.float32]


class QResampler(StatelessTransformer):
    """Resample frames of a detector onto a uniform grid of wave vectors.

    What a pixel of the grid shows is photons over solid angle of the measured detector pixels in it, each with
    the share that lies in it, so that photons are neither lost nor counted twice. Where the
    detector is coarse, with fewer than four pixels to one of the grid, its pixels are interpolated instead: by
    cubic polynomials, or linearly next to masked pixels.

    Parameters
    ----------
    detector : FlatDetector, PanelDetector or QGrid, optional
        What recorded the frames; ``FlatDetector()`` by default.
    grid : QGrid, optional
        What models take; ``QGrid()`` by default.
    wavelength : float [nm], default=13.5
        Wavelength of the light.
    polarization : {"x", "y", "circular", "unpolarized"} or float [rad], optional
        Polarisation whose effect is undone; by default nothing is.
    min_coverage : float [1], default=0.5
        Share of a pixel's solid angle that must have been measured; other pixels are masked.
    value : {"center", "mean"}, default="center"
        What a pixel of the grid shows: the intensity in its middle, as simulators give it, for which the mean's
        blur is undone by the curvature of the pixels beside it, where they are measured; or the mean itself,
        with a sixth less noise.

    See Also
    --------
    ExperimentPreprocessor : All steps, from raw frames to patterns.

    Notes
    -----
    A pixel of the grid has the ratio of photons and solid angle, both summed over measured pixels only, so that
    an even field stays even at the edges of masks. The mean over a pixel of width h is higher than the value in
    its middle by h^2/24 times the second derivatives along both axes; those are taken from the next pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.experiment import FlatDetector, QGrid
    >>> from scatterkit.preprocessing import QResampler
    >>> detector, grid = FlatDetector(200, pixel_size=0.5, distance=60.0), QGrid(32, dq=0.01)
    >>> photons = 1e7 * detector.solid_angle(2 * np.pi / 13.5)  # the same in all directions
    >>> pattern = QResampler(detector, grid).transform(photons[None])
    >>> bool(np.ptp(pattern) < 1e-4 * pattern.mean())
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = CONSTRAINTS

    def __init__(
        self,
        detector: Detector | None = None,
        grid: QGrid | None = None,
        wavelength: float = 13.5,
        polarization: Polarization | None = None,
        min_coverage: float = 0.5,
        value: str = "center",
    ) -> None:
        self.detector = detector
        self.grid = grid
        self.wavelength = wavelength
        self.polarization = polarization
        self.min_coverage = min_coverage
        self.value = value

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Resample frames without a mask.

        Parameters
        ----------
        X : array_like of shape (n, rows, columns) [photons]
            Frames.

        Returns
        -------
        ndarray of float32 of shape (n, y, x) [photons]
            Intensities; zero where the detector does not reach.
        """
        return self.resample(X).intensities

    def resample(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        saturated: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        center: tuple[float, float] | None = None,
    ) -> Resampled:
        """Resample frames with what is known of them.

        Parameters
        ----------
        X : array_like of shape (n, rows, columns) [photons]
            Frames. They may be negative, where a background was subtracted, and hold anything outside the mask.
        mask : array_like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel is measured.
        saturated : array_like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel is saturated.
        variance : array_like of shape (n, rows, columns) [photons^2], optional
            Of the frames' noise; by default the photons themselves, as Poisson noise has it.
        center : pair of float [pixels], optional
            Row and column of the direct beam; by default the detector's.

        Returns
        -------
        Resampled
            Intensities, masks, saturated pixels, noise.
        """
        self._check_parameters()
        owner = type(self).__name__
        detector, grid = self._detectors(center)
        frames, masks = check_frames(X, mask, shape=detector.shape, owner=owner)
        if variance is None:
            spread = np.maximum(frames, 0)
        else:
            what = "variances (n, rows, columns)"
            spread = check_array(variance, name="variance", owner=owner, shape=frames.shape, low=0, what=what)
        flags = each_mask(saturated, frames.shape, owner=owner, name="saturated", empty=True)
        shares = table(detector, grid, 2 * math.pi / self.wavelength, self.polarization)
        parts = [self._one(shares, *items) for items in zip(frames, masks, flags, spread, strict=True)]
        return Resampled(*(np.stack(part) for part in zip(*parts, strict=True)))

    def _one(
        self, shares: Table, frame: Array, mask: Array, saturated: Array, variance: Array
    ) -> tuple[Array, Array, Array, Array]:
        """Intensity, mask, saturated pixels and noise of one frame."""
        found = shares.apply(frame, mask, variance, self.min_coverage)
        intensity, spread, measured = (part.reshape(shares.shape) for part in found)
        touched = shares.touched(saturated & mask).reshape(shares.shape) & measured
        if self.value == "center":
            binned = shares.binned.reshape(shares.shape)
            intensity, spread = _at_middle(intensity, spread, measured & ~touched, binned)
        return intensity.astype(np.float32), measured, touched, np.sqrt(spread).astype(np.float32)

    def _detectors(self, center: tuple[float, float] | None) -> tuple[Detector, QGrid]:
        detector: Detector = FlatDetector() if self.detector is None else self.detector
        grid = QGrid() if self.grid is None else self.grid
        detector._check_parameters()
        grid._check_parameters()
        if center is None:
            return detector, grid
        allowed = "a pair of finite floats in pixels"
        if not Numbers(2, "pixels").accepts(center):
            raise fail("center", type(self).__name__, allowed + " or None", shown(center))
        if isinstance(detector, PanelDetector):
            raise fail("center", type(self).__name__, "None for a PanelDetector", shown(center))
        # to a thousandth of a pixel, so that equal centres share their table
        row, column = (round(float(c), 3) for c in center)
        return (
            detector if (row, column) == beam_center(detector) else with_center(detector, (row, column))
        ), grid


def _at_middle(means: Array, variance: Array, known: Array, binned: Array) -> tuple[Array, Array]:
    """Turn means over pixels into values in their middles, where both neighbours along an axis are known."""
    values, spread = means.copy(), variance.copy()
    for axis in (0, 1):
        here = binned & known & _next(known, 1, axis) & _next(known, -1, axis)
        before, after = _next(means, 1, axis), _next(means, -1, axis)
        values -= np.where(here, (before + after - 2 * means) / 24, 0)
        # the two axes together change a pixel's own weight by 1/6
        added = variance * ((1 + 1 / 6) ** 2 - 1) / 2
        added = added + (_next(variance, 1, axis) + _next(variance, -1, axis)) / 24**2
        spread += np.where(here, added, 0)
    return values, spread


def _next(array: Array, step: int, axis: int) -> Array:
    """The array shifted by a pixel; zero, or False, comes in."""
    shifted = np.roll(array, step, axis)
    edge = [slice(None)] * array.ndim
    edge[axis] = slice(0, 1) if step > 0 else slice(-1, None)
    shifted[tuple(edge)] = 0
    return shifted
