"""Detectors whose pixels are places in the laboratory: what follows from the places, and the flat one."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Constraint, Numbers, Positive, Real
from scatterkit.experiment.detectors import PIXELS, Detector, Wavevectors

Array = NDArray[np.float64]


class _PlacedDetector(Detector):
    """A detector whose pixels are small parallelograms at places around the sample."""

    @abstractmethod
    def _places(self) -> tuple[Array, Array]:
        """Centres of the pixels and their area vectors, perpendicular to them [mm, mm^2].

        Both (rows, columns, 3). The centres of pixels that are not there are zero.
        """

    def directions(self, wavenumber: float) -> Array:
        """Give the direction in which light travels from the sample to every pixel.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light; directions do not depend on it.

        Returns
        -------
        ndarray of float64 of shape (rows, columns, 3)
            Unit vectors (x, y, z); zero where there is no pixel.
        """
        self._check_parameters()
        centres, _ = self._places()
        distances = np.sqrt(np.sum(centres**2, axis=-1, keepdims=True))
        return np.divide(centres, distances, out=np.zeros(centres.shape), where=distances > 0)

    def wavevectors(self, wavenumber: float) -> Wavevectors:
        """Give the transverse wave vector at every pixel's centre.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light, 2 pi / wavelength.

        Returns
        -------
        q_y, q_x : ndarray of float64 [rad/nm]
            Both of shape ``(rows, columns)``.
        """
        d = wavenumber * self.directions(wavenumber)
        return d[..., 1].copy(), d[..., 0].copy()

    def depth_wavevectors(self, wavenumber: float) -> Wavevectors:
        """Give the transverse wave vector from which the longitudinal one is computed at every pixel.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light, 2 pi / wavelength.

        Returns
        -------
        q_y, q_x : ndarray of float64 [rad/nm]
            Both of shape ``(rows, columns)``; infinite where light was scattered backwards or no pixel is.
        """
        d = wavenumber * self.directions(wavenumber)
        forward = d[..., 2] > 0
        return np.where(forward, d[..., 1], np.inf), np.where(forward, d[..., 0], np.inf)

    def solid_angle(self, wavenumber: float) -> Array:
        """Give the solid angle of every pixel: area times the cosine of incidence over the squared distance.

        Parameters
        ----------
        wavenumber : float [rad/nm]
            Wave number of the light; solid angles do not depend on it.

        Returns
        -------
        ndarray of float64 of shape (rows, columns) [sr]
            Solid angles of small pixels; zero where there is none.
        """
        self._check_parameters()
        centres, areas = self._places()
        cubed = np.sum(centres**2, axis=-1) ** 1.5
        seen = np.abs(np.sum(centres * areas, axis=-1))
        return np.divide(seen, cubed, out=np.zeros(cubed.shape), where=cubed > 0)


def _rotation(axis: int, angle: float) -> Array:
    """Right-handed rotation about x, y or z (axis 0, 1, 2)."""
    c, s = math.cos(angle), math.sin(angle)
    turned = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turned[np.ix_((i, j), (i, j))] = ((c, -s), (s, c))
    return turned


class FlatDetector(_PlacedDetector):
    """A flat detector behind the sample.

    Without tilt and roll it is perpendicular to the beam, columns along x, rows along y, and a pixel at (X, Y)
    from the direct beam sees q = k (X, Y) / sqrt(X^2 + Y^2 + distance^2). It is turned about the point where the
    direct beam meets it: by ``roll`` about the beam, then by the tilts about x and y. Every pixel is evaluated
    at its centre, without interpolation. Pixels that see light scattered backwards are zero.

    Parameters
    ----------
    n_pixels : int or pair of int, default=128
        Pixels along each axis, or (rows, columns).
    pixel_size : float [mm], default=0.5
        Edge of a square pixel.
    distance : float [mm], default=20.0
        From the sample to the detector's plane, along the beam. Only its ratio to ``pixel_size`` counts.
    center : pair of float [pixels], optional
        Row and column at which the direct beam meets the detector, counted from the centre of pixel [0, 0] and
        allowed to lie off the detector; ``(n_rows // 2, n_columns // 2)`` by default.
    tilt : pair of float [rad], default=(0.0, 0.0)
        Right-handed rotations about the x axis and, after it, about the y axis.
    roll : float [rad], default=0.0
        Right-handed rotation about the beam, from x towards y, before the tilts.

    See Also
    --------
    QGrid : A uniform grid of wave vectors.
    PanelDetector : Several flat panels.

    Examples
    --------
    >>> from scatterkit.experiment import FlatDetector
    >>> q_y, q_x = FlatDetector(n_pixels=3, pixel_size=10.0, distance=10.0).wavevectors(wavenumber=1.0)
    >>> q_x[1].round(4)
    array([-0.7071,  0.    ,  0.7071])
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "n_pixels": PIXELS,
        "pixel_size": Positive("mm"),
        "distance": Positive("mm"),
        "center": Numbers(2, "pixels", optional=True),
        "tilt": Numbers(2, "rad"),
        "roll": Real(unit="rad"),
    }

    def __init__(
        self,
        n_pixels: int | tuple[int, int] = 128,
        pixel_size: float = 0.5,
        distance: float = 20.0,
        center: tuple[float, float] | None = None,
        tilt: tuple[float, float] = (0.0, 0.0),
        roll: float = 0.0,
    ) -> None:
        self.n_pixels = n_pixels
        self.pixel_size = pixel_size
        self.distance = distance
        self.center = center
        self.tilt = tilt
        self.roll = roll

    def _places(self) -> tuple[Array, Array]:
        rows, columns = self.shape
        row, column = (rows // 2, columns // 2) if self.center is None else self.center
        y, x = (self.pixel_size * (np.arange(n) - c) for n, c in ((rows, row), (columns, column)))
        tilt_x, tilt_y = self.tilt
        turn = _rotation(1, tilt_y) @ _rotation(0, tilt_x) @ _rotation(2, self.roll)
        centres = x[None, :, None] * turn[:, 0] + y[:, None, None] * turn[:, 1]
        centres[..., 2] += self.distance
        return centres, np.broadcast_to(self.pixel_size**2 * turn[:, 2], centres.shape)
