"""Mie's exact solution for spheres, and what the simulator and its tests compare with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import miepython
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Rasterizer, Solid

Array = NDArray[np.float64]
WAVELENGTH = 13.5
WAVENUMBER = 2 * np.pi / WAVELENGTH
BOX = 318.75
SILVER = 0.89 + 0.0859j
BANDS = ((0, 15), (15, 40), (40, 70))
"""Ranges of scattering angles [degrees]."""


def mie_amplitudes(index: complex, radius: float, angles: Array) -> tuple[NDArray, NDArray]:
    """Amplitudes S1 and S2 of light polarised perpendicular to and in the scattering plane.

    In the convention of Bohren and Huffman: the cross section is |S|^2 / k^2. ``index`` is 1 - delta + i beta.
    """
    unique, where = np.unique(np.round(angles, 12), return_inverse=True)
    # miepython counts time the other way round: its absorbing indices have a negative imaginary part.
    amplitudes = miepython.S1_S2(
        np.conj(complex(index)), WAVENUMBER * radius, np.cos(unique), norm="wiscombe"
    )
    s1, s2 = (np.conj(s)[where.reshape(angles.shape)] for s in amplitudes)
    return s1, s2


def mie_efficiencies(index: complex, radius: float) -> tuple[float, float]:
    """Extinction and scattering cross sections over the sphere's own."""
    extinction, scattering, *_ = miepython.efficiencies_mx(np.conj(complex(index)), WAVENUMBER * radius)
    return float(extinction), float(scattering)


def mie_cross_section(index: complex, radius: float, angles: Array) -> Array:
    """Differential cross section of unpolarised light [nm^2/sr]."""
    s1, s2 = mie_amplitudes(index, radius, angles)
    return (np.abs(s1) ** 2 + np.abs(s2) ** 2) / (2 * WAVENUMBER**2)


def fringe_mean(index: complex, radius: float, angles: Array) -> Array:
    """Mean of mie_cross_section over a fringe, pi / radius wide in q, around every angle."""
    q = np.linspace(0, np.sqrt(2) * WAVENUMBER, 4001)
    intensity = mie_cross_section(index, radius, 2 * np.arcsin(q / (2 * WAVENUMBER)))
    width = max(1, round(np.pi / radius / q[1]))
    smooth = uniform_filter1d(intensity, width, mode="nearest")
    return np.interp(2 * WAVENUMBER * np.sin(angles / 2), q, smooth)


def unpolarised(angles: Array) -> Array:
    """What unpolarised light's intensity is multiplied by at a scattering angle: what scalar waves lack."""
    return (1 + np.cos(angles) ** 2) / 2


def angles_of(detector: QGrid) -> Array:
    """Scattering angle of every pixel; pi / 2 where nothing is seen."""
    q_y, q_x = detector.wavevectors(WAVENUMBER)
    return np.arcsin(np.minimum(np.hypot(q_y, q_x) / WAVENUMBER, 1))


@lru_cache(maxsize=2)
def sphere(radius: float, grid: int, box: float = BOX) -> NDArray[np.float32]:
    """Coverage of a centred sphere, (1, grid, grid, grid)."""
    body = Solid.from_catalogue("sphere", circumradius=radius)
    return Rasterizer(grid=grid, box=box, tolerance=1e-4).transform([body])


def simulated_cross_section(
    index: complex, volume: NDArray[np.float32], detector: QGrid, box: float = BOX, **parameters: str
) -> Array:
    """Differential cross section of unpolarised light by the simulator [nm^2/sr]."""
    simulator = MSFTSimulator(
        wavelength=WAVELENGTH,
        box=box,
        detector=detector,
        absorption="index",
        refractive_index=complex(index),
        **parameters,
    )
    return simulator.differential_cross_section(volume)[0] * unpolarised(angles_of(detector))


@dataclass(frozen=True)
class Agreement:
    """How close two intensities are in a range of angles.

    Parameters
    ----------
    ratio : float
        Geometric mean of the ratio of the intensities.
    rms : float
        Root mean square of the difference of their decadic logarithms: absolute, nothing is fitted.
    correlation : float
        Of their logarithms.
    """

    ratio: float
    rms: float
    correlation: float


def agreement(found: Array, expected: Array, angles: Array, degrees: tuple[float, float]) -> Agreement:
    """Compare intensities at the pixels in a range of scattering angles, minima and all."""
    low, high = np.radians(degrees)
    inside = (angles >= low) & (angles < high)
    a, b = np.log10(found[inside]), np.log10(expected[inside])
    return Agreement(
        ratio=float(10 ** (a - b).mean()),
        rms=float(np.sqrt(np.mean((a - b) ** 2))),
        correlation=float(np.corrcoef(a, b)[0, 1]),
    )
