"""Detectors: the direction that each pixel sees, and how much of the scattered light it takes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import AnyOf, Constraint, Integer, Positive, check_value, fail, shown
from scatterkit.base import Component
from scatterkit.experiment.polarization import POLARIZATION, Polarization, dipole_factor

Wavevectors = tuple[NDArray[np.float64], NDArray[np.float64]]


class _PixelCount:
    """An integer, or a pair (rows, columns) of them."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, (tuple, list)) and len(value) == 2 and all(map(Integer(1).accepts, value))

    def describe(self) -> str:
        return "a pair (rows, columns) of integers >= 1"


PIXELS = AnyOf((Integer(1), _PixelCount()))


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return (
        tuple(map(_hashable, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value
    )


def _centred_indices(n: int) -> NDArray[np.float64]:
    return np.arange(n, dtype=np.float64) - n // 2


class Detector(Component, ABC):
    """A detector: which wave vector each of its pixels sees, and under which solid angle.

    Unless stated otherwise, the direct beam meets pixel ``[n_rows // 2, n_columns // 2]``.

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

        It is that of ``wavevectors``, unless data to be reproduced were simulated with another, and infinite
        where a pixel sees light that was scattered backwards, which is not simulated.

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

    def directions(self, wavenumber: float) -> NDArray[np.float64]:
        """Give the direction in which light travels from the sample to every pixel.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light, 2 pi / wavelength.

        Returns
        -------
        ndarray of float64 of shape (rows, columns, 3)
            Unit vectors (x, y, z); zero where no light gets to.
        """
        q_y, q_x = (np.broadcast_to(q, self.shape) / wavenumber for q in self.wavevectors(wavenumber))
        along = 1 - q_y**2 - q_x**2
        travels = along > 0
        vectors = np.stack([q_x, q_y, np.sqrt(np.where(travels, along, 0))], axis=-1)
        return np.where(travels[..., None], vectors, 0)

    def scattering_angle(self, wavenumber: float) -> NDArray[np.float64]:
        """Give the angle between the beam and the light that every pixel sees.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light, 2 pi / wavelength.

        Returns
        -------
        ndarray of float64 of shape (rows, columns) [rad]
            Angles; NaN where no light gets to.
        """
        d = self.directions(wavenumber)
        angle = np.arctan2(np.hypot(d[..., 0], d[..., 1]), d[..., 2])
        return np.where(d.any(axis=-1), angle, np.nan)

    @abstractmethod
    def solid_angle(self, wavenumber: float) -> NDArray[np.float64]:
        """Give the solid angle that every pixel covers, seen from the sample.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light, 2 pi / wavelength.

        Returns
        -------
        ndarray of float64 of shape (rows, columns) [sr]
            Solid angles; zero where no light gets to.
        """

    def polarization_factor(self, wavenumber: float, polarization: Polarization) -> NDArray[np.float64]:
        """Give the share of the scalar intensity that polarised light leaves at every pixel.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light, 2 pi / wavelength.
        polarization : {"x", "y", "circular", "unpolarized"} or float [rad]
            Direction of the electric field; a float is its angle from x towards y.

        Returns
        -------
        ndarray of float64 of shape (rows, columns)
            1 - (d.e)^2 for the direction d and linear polarisation along e, and (1 + cos^2 theta) / 2 for
            circular and unpolarised light.
        """
        check_value(polarization, POLARIZATION, name="polarization", owner=type(self).__name__)
        return dipole_factor(self.directions(wavenumber), polarization)

    def in_same_directions(self, wavenumber_ratio: float) -> Detector:
        """Give the detector whose pixels see the same directions with light of another wave number.

        Parameters
        ----------
        wavenumber_ratio : float [1]
            The other wave number over this detector's.

        Returns
        -------
        Detector
            The detector itself, unless its pixels are defined by their wave vectors.
        """
        return self

    def key(self) -> tuple[Any, ...]:
        """Give a hashable description: equal for detectors that sample the same wave vectors.

        Returns
        -------
        tuple
            The class, the shape and the parameters.
        """
        values = {name: _hashable(getattr(self, name)) for name in self._constraints if name != "n_pixels"}
        return (type(self), self.shape, *sorted(values.items()))

    @classmethod
    def from_key(cls, key: tuple[Any, ...]) -> Detector:
        """Give a detector with a key.

        Parameters
        ----------
        key : tuple
            What ``key`` gave, of a detector of any class.

        Returns
        -------
        Detector
            A detector that samples the same wave vectors.
        """
        kind, shape, *values = key
        return kind._from_values(shape, dict(values))

    @classmethod
    def _from_values(cls, shape: tuple[int, int], values: dict[str, Any]) -> Detector:
        return cls(n_pixels=shape, **values)


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
    _constraints: ClassVar[dict[str, Constraint]] = {"n_pixels": PIXELS, "dq": Positive("rad/nm")}

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

    def solid_angle(self, wavenumber: float) -> NDArray[np.float64]:
        """Give the solid angle of every pixel, dq^2 / (k^2 cos theta).

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number k of the light, 2 pi / wavelength.

        Returns
        -------
        ndarray of float64 of shape (rows, columns) [sr]
            Solid angles; zero where no wave travels.
        """
        cosine = self.directions(wavenumber)[..., 2]
        return (self.dq / wavenumber) ** 2 * np.divide(1, cosine, out=np.zeros(self.shape), where=cosine > 0)

    def in_same_directions(self, wavenumber_ratio: float) -> QGrid:
        """Give the grid whose pixels see the same directions with light of another wave number.

        Parameters
        ----------
        wavenumber_ratio : float [1]
            The other wave number over the one that this grid stands for.

        Returns
        -------
        QGrid
            A grid with ``dq`` scaled by the ratio.
        """
        return type(self)(n_pixels=self.n_pixels, dq=self.dq * wavenumber_ratio)


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
        allowed = "an instance of QGrid, FlatDetector or PanelDetector, or None"
        raise fail("detector", owner, allowed, shown(detector))
    detector._check_parameters()
    return detector


def grid_step(simulator: Any) -> float | None:
    """Give the distance of pixels in q of a simulator's uniform grid, None of other detectors.

    Parameters
    ----------
    simulator : Component
        One with a ``detector``, which may be None for the published grid.

    Returns
    -------
    float or None [rad/nm]
        The distance.
    """
    detector = check_detector(simulator.detector, owner=type(simulator).__name__)
    return float(detector.dq) if isinstance(detector, QGrid) else None
