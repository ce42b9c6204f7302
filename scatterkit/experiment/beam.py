"""The beam: how many photons of which wavelength pass through the sample."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import AnyOf, Constraint, Integer, Numbers, Positive, Real, check_value
from scatterkit.base import Component
from scatterkit.experiment.polarization import POLARIZATION, Polarization

PHOTON_ENERGY_NM = 1239.8419843320026
"""Photon energy times wavelength, h c [eV nm] (exact in the SI of 2019)."""
_JOULES_PER_EV = 1.602176634e-19


def wavelength_to_energy(wavelength: float) -> float:
    """Give the energy of photons of a wavelength.

    Parameters
    ----------
    wavelength : float [nm]
        Wavelength in vacuum.

    Returns
    -------
    float [eV]
        Photon energy, h c / wavelength.

    Examples
    --------
    >>> from scatterkit.experiment import wavelength_to_energy
    >>> round(wavelength_to_energy(13.5), 2)
    91.84
    """
    check_value(wavelength, Positive("nm"), name="wavelength", owner="wavelength_to_energy")
    return PHOTON_ENERGY_NM / wavelength


def energy_to_wavelength(energy: float) -> float:
    """Give the wavelength of photons of an energy.

    Parameters
    ----------
    energy : float [eV]
        Photon energy.

    Returns
    -------
    float [nm]
        Wavelength in vacuum, h c / energy.

    Examples
    --------
    >>> from scatterkit.experiment import energy_to_wavelength
    >>> round(energy_to_wavelength(1000.0), 4)
    1.2398
    """
    check_value(energy, Positive("eV"), name="energy", owner="energy_to_wavelength")
    return PHOTON_ENERGY_NM / energy


class _FocusSize:
    """Two widths above zero."""

    def accepts(self, value: Any) -> bool:
        return Numbers(2, "nm").accepts(value) and all(map(Positive().accepts, value))

    def describe(self) -> str:
        return "a pair (along x, along y) of positive floats in nm"


class Beam(Component):
    """Pulses of a free-electron laser at the sample.

    Parameters
    ----------
    wavelength : float [nm], default=13.5
        Mean wavelength; ``energy_to_wavelength`` gives it for a photon energy.
    pulse_energy : float [mJ], default=0.1
        Mean energy of a pulse at the sample, behind all losses.
    focus : float or pair of float [nm], default=10000.0
        Full width at half maximum of the Gaussian focus, or both along (x, y).
    polarization : {"x", "y", "circular", "unpolarized"} or float [rad], default="x"
        Direction of the electric field; a float is its angle from x towards y.
    bandwidth : float [1], default=0.0
        Relative spread of the wavelength, standard deviation over mean; at most 0.1. Only `wavelengths` reads it:
        `PolychromaticSimulator`, which averages patterns over a band, takes its own ``bandwidth``.
    pulse_energy_spread : float [1], default=0.0
        Relative spread of the pulse energy from shot to shot, standard deviation over mean.

    See Also
    --------
    scatterkit.simulation.DetectorCounts : Photon counts on a detector.
    scatterkit.simulation.PolychromaticSimulator : Patterns of light with a bandwidth.

    Notes
    -----
    The fluence in the middle of a Gaussian focus is N 4 ln(2) / (pi w_x w_y) for N photons and full widths w. Pulse
    energies are drawn from a gamma distribution, that of a free-electron laser that amplifies noise, with
    1 / spread^2 modes (E. L. Saldin, E. A. Schneidmiller and M. V. Yurkov, Opt. Commun. 148, 383 (1998)).

    Examples
    --------
    >>> from scatterkit.experiment import Beam
    >>> beam = Beam(wavelength=13.5, pulse_energy=0.1, focus=10_000)
    >>> f"{beam.photons:.3g} photons, {beam.fluence:.3g} in a nm^2"
    '6.8e+12 photons, 6e+04 in a nm^2'
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "wavelength": Positive("nm"),
        "pulse_energy": Positive("mJ"),
        "focus": AnyOf((Positive("nm"), _FocusSize())),
        "polarization": POLARIZATION,
        "bandwidth": Real(low=0, high=0.1),
        "pulse_energy_spread": Real(low=0),
    }

    def __init__(
        self,
        wavelength: float = 13.5,
        pulse_energy: float = 0.1,
        focus: float | tuple[float, float] = 10_000.0,
        polarization: Polarization = "x",
        bandwidth: float = 0.0,
        pulse_energy_spread: float = 0.0,
    ) -> None:
        self.wavelength = wavelength
        self.pulse_energy = pulse_energy
        self.focus = focus
        self.polarization = polarization
        self.bandwidth = bandwidth
        self.pulse_energy_spread = pulse_energy_spread

    @property
    def wavenumber(self) -> float:
        """Mean wave number, 2 pi / wavelength [rad/nm]."""
        self._check_parameters()
        return 2 * math.pi / self.wavelength

    @property
    def photon_energy(self) -> float:
        """Energy of a photon of the mean wavelength [eV]."""
        self._check_parameters()
        return wavelength_to_energy(self.wavelength)

    @property
    def photons(self) -> float:
        """Mean number of photons of a pulse."""
        joules_per_photon = self.photon_energy * _JOULES_PER_EV
        return 1e-3 * self.pulse_energy / joules_per_photon

    @property
    def fluence(self) -> float:
        """Mean number of photons per area in the middle of the focus [photons/nm^2]."""
        photons = self.photons
        width, height = np.broadcast_to(np.asarray(self.focus, dtype=np.float64), 2)
        return float(photons * 4 * math.log(2) / (math.pi * width * height))

    def wavelengths(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give wavelengths that stand for the whole band, by Gauss-Hermite quadrature.

        `PolychromaticSimulator` averages over the same, where its simulator's ``wavelength``, its ``bandwidth`` and its
        ``n_wavelengths`` are those given here.

        Parameters
        ----------
        n : int
            How many.

        Returns
        -------
        wavelengths : ndarray of float64 of shape (n,) [nm]
            Wavelengths in rising order.
        weights : ndarray of float64 of shape (n,)
            The share of the light that each stands for; they sum to 1.
        """
        self._check_parameters()
        check_value(n, Integer(1, 15), name="n", owner="Beam.wavelengths")
        return gaussian_band(self.wavelength, self.bandwidth, n)

    def relative_pulse_energies(self, n: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """Draw the energies of pulses, relative to the mean.

        Parameters
        ----------
        n : int
            How many.
        generator : numpy.random.Generator
            Draws them.

        Returns
        -------
        ndarray of float64 of shape (n,)
            Energies over ``pulse_energy``.
        """
        self._check_parameters()
        if self.pulse_energy_spread == 0:
            return np.ones(n)
        n_modes = self.pulse_energy_spread**-2
        return generator.gamma(n_modes, 1 / n_modes, size=n)


def gaussian_band(
    wavelength: float, bandwidth: float, n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wavelengths and weights of a normal distribution by Gauss-Hermite quadrature with n points."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return wavelength * (1 + bandwidth * nodes), weights / weights.sum()
