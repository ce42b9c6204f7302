"""Geometry of the experiment: where the detector samples the scattered field."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import AnyOf, Constraint, Integer, Positive, fail, shown
from scatterkit.base import Component

Wavevectors = tuple[NDArray[np.float64], NDArray[np.float64]]


class _PixelCount:
    """An integer, or a pair (rows, columns) of them."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, (tuple, list)) and len(value) == 2 and all(map(Integer(1).accepts, value))

    def describe(self) -> str:
        return "a pair (rows, columns) of integers >= 1"


_PIXELS = AnyOf((Integer(1), _PixelCount()))


def _centred_indices(n: int) -> NDArray[np.float64]:
    return np.arange(n, dtype=np.float64) - n // 2


class Detector(Component, ABC):
    """A detector: which transverse wave vector each of its pixels sees.

    The direct beam meets pixel ``[n_rows // 2, n_columns // 2]``.

    Attributes
    ----------
    separable : bool
        Whether the wave vectors form a uniform grid, rows by columns.
    """

    separable: ClassVar[bool] = False
    n_pixels: int | tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the detector."""
        if isinstance(self.n_pixels, (tuple, list)):
            rows, columns = self.n_pixels
            return int(rows), int(columns)
        return int(self.n_pixels), int(self.n_pixels)

    @abstractmethod
    def wavevectors(self, wavenumber: float) -> Wavevectors:
        """Give the transverse wave vector at every pixel.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light, 2 pi / wavelength.

        Returns
        -------
        q_y, q_x : ndarray of float64 [rad/nm]
            Shapes that broadcast to ``shape``.
        """

    def depth_wavevectors(self, wavenumber: float) -> Wavevectors:
        """Give the transverse wave vector from which the longitudinal one is computed at every pixel.

        It is that of ``wavevectors``, unless data to be reproduced were simulated with another.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light, 2 pi / wavelength.

        Returns
        -------
        q_y, q_x : ndarray of float64 [rad/nm]
            Shapes that broadcast to ``shape``.
        """
        return self.wavevectors(wavenumber)

    def key(self) -> tuple[Any, ...]:
        """Give a hashable description: equal for detectors that sample the same wave vectors.

        Returns
        -------
        tuple
            The class and the parameters.
        """
        values = {name: getattr(self, name) for name in self._constraints if name != "n_pixels"}
        return (type(self), self.shape, *sorted(values.items()))


class QGrid(Detector):
    """A uniform grid of transverse wave vectors, as published patterns are stored.

    Parameters
    ----------
    n_pixels : int or pair of int, default=128
        Pixels along each axis, or (rows, columns).
    dq : float [rad/nm], default=2 * pi / 850
        Distance of neighbouring pixels. The default is the published geometry: a box of 318.75 nm in
        192 voxels, padded to 512.

    See Also
    --------
    FlatDetector : Pixels on a plane behind the sample.

    Examples
    --------
    >>> from scatterkit.experiment import QGrid
    >>> detector = QGrid(n_pixels=4, dq=0.1)
    >>> q_y, q_x = detector.wavevectors(wavenumber=0.465)
    >>> q_x
    array([[-0.2, -0.1,  0. ,  0.1]])
    """

    separable: ClassVar[bool] = True
    _constraints: ClassVar[dict[str, Constraint]] = {"n_pixels": _PIXELS, "dq": Positive("rad/nm")}

    def __init__(self, n_pixels: int | tuple[int, int] = 128, dq: float = 2 * math.pi / 850) -> None:
        self.n_pixels = n_pixels
        self.dq = dq

    def wavevectors(self, wavenumber: float) -> Wavevectors:
        """Give the transverse wave vector at every pixel.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light; this grid does not depend on it.

        Returns
        -------
        q_y, q_x : ndarray of float64 [rad/nm]
            Shapes ``(rows, 1)`` and ``(1, columns)``.
        """
        self._check_parameters()
        rows, columns = self.shape
        return self.dq * _centred_indices(rows)[:, None], self.dq * _centred_indices(columns)[None, :]


class FlatDetector(Detector):
    """A flat detector behind the sample, perpendicular to the beam.

    A pixel at (X, Y) from the direct beam sees q = k (X, Y) / sqrt(X^2 + Y^2 + distance^2), evaluated at the
    pixel's centre without interpolation. The solid angle of the pixels is not applied.

    Parameters
    ----------
    n_pixels : int or pair of int, default=128
        Pixels along each axis, or (rows, columns).
    pixel_size : float [mm], default=0.5
        Edge of a square pixel.
    distance : float [mm], default=20.0
        From the sample to the detector's plane. Only its ratio to ``pixel_size`` counts.

    See Also
    --------
    QGrid : A uniform grid of wave vectors.

    Examples
    --------
    >>> from scatterkit.experiment import FlatDetector
    >>> q_y, q_x = FlatDetector(n_pixels=3, pixel_size=10.0, distance=10.0).wavevectors(wavenumber=1.0)
    >>> q_x[1].round(4)
    array([-0.7071,  0.    ,  0.7071])
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "n_pixels": _PIXELS,
        "pixel_size": Positive("mm"),
        "distance": Positive("mm"),
    }

    def __init__(
        self, n_pixels: int | tuple[int, int] = 128, pixel_size: float = 0.5, distance: float = 20.0
    ) -> None:
        self.n_pixels = n_pixels
        self.pixel_size = pixel_size
        self.distance = distance

    def wavevectors(self, wavenumber: float) -> Wavevectors:
        """Give the transverse wave vector at every pixel.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light, 2 pi / wavelength.

        Returns
        -------
        q_y, q_x : ndarray of float64 [rad/nm]
            Both of shape ``(rows, columns)``.
        """
        self._check_parameters()
        rows, columns = self.shape
        y = self.pixel_size * _centred_indices(rows)[:, None]
        x = self.pixel_size * _centred_indices(columns)[None, :]
        per_length = wavenumber / np.sqrt(x**2 + y**2 + self.distance**2)
        return per_length * y, per_length * x


def check_detector(detector: Any, *, owner: str) -> Detector:
    """Give a detector whose parameters were checked, the published one for None, or raise.

    Parameters
    ----------
    detector : Detector or None
        What the user gave.
    owner : str
        The class to name in an error.

    Returns
    -------
    Detector
        The detector.
    """
    if detector is None:
        return QGrid()
    if not isinstance(detector, Detector):
        raise fail("detector", owner, "an instance of QGrid or FlatDetector or None", shown(detector))
    detector._check_parameters()
    return detector
