"""Patterns of light with a bandwidth, and their gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from scatterkit._validation import Constraint, Instance, Integer, Real, fail, shown
from scatterkit.base import StatelessTransformer
from scatterkit.experiment import check_detector
from scatterkit.experiment.beam import gaussian_band
from scatterkit.simulation.simulator import MSFTSimulator, Pullback


class _Dispersion:
    """A function of the wavelength, or None."""

    def accepts(self, value: Any) -> bool:
        return value is None or callable(value)

    def describe(self) -> str:
        return "a function that gives the complex refractive index at a wavelength in nm, or None"


class PolychromaticSimulator(StatelessTransformer):
    """Patterns of light with a bandwidth: the incoherent average over wavelengths.

    The simulator's wavelength is the mean of a normal distribution, over which Gauss-Hermite quadrature
    integrates. Pixels are places: they see the same directions at every wavelength, and so wave vectors in proportion
    to the wave number. A `QGrid`, whose pixels are given by their wave vectors, stands for those
    directions that have them at the mean wavelength.

    Parameters
    ----------
    simulator : MSFTSimulator, optional
        Simulates one wavelength; ``MSFTSimulator()`` by default.
    bandwidth : float [1], default=0.01
        Relative spread of the wavelength, standard deviation over mean; at most 0.1.
    n_wavelengths : int, default=5
        Wavelengths to simulate; 3 suffice where the fringes move by less than their width.
    dispersion : callable, optional
        Gives the complex refractive index at a wavelength [nm], where the simulator's ``absorption`` is "index". By
        default the simulator's own parameters hold at every wavelength.

    See Also
    --------
    MSFTSimulator : One wavelength.
    scatterkit.experiment.Beam : Has the bandwidth of a beam.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.simulation import PolychromaticSimulator
    >>> volumes = np.zeros((1, 16, 16, 16), dtype=np.float32)
    >>> volumes[:, 4:12, 5:11, 5:11] = 1
    >>> PolychromaticSimulator(bandwidth=0.02, n_wavelengths=3).transform(volumes).shape
    (1, 128, 128)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "simulator": Instance((MSFTSimulator,), optional=True),
        "bandwidth": Real(low=0, high=0.1),
        "n_wavelengths": Integer(1, 15),
        "dispersion": _Dispersion(),
    }

    def __init__(
        self,
        simulator: MSFTSimulator | None = None,
        bandwidth: float = 0.01,
        n_wavelengths: int = 5,
        dispersion: Callable[[float], complex] | None = None,
    ) -> None:
        self.simulator = simulator
        self.bandwidth = bandwidth
        self.n_wavelengths = n_wavelengths
        self.dispersion = dispersion

    def simulators(self) -> list[tuple[float, MSFTSimulator]]:
        """Give the simulators of all wavelengths.

        Returns
        -------
        list of tuple (float, MSFTSimulator)
            The share of the light that a simulator stands for, and the simulator.
        """
        self._check_parameters()
        mean = MSFTSimulator() if self.simulator is None else self.simulator
        mean._check_parameters()
        if self.dispersion is not None and mean.absorption != "index":
            allowed = f"None where the simulator's absorption is {mean.absorption!r}"
            raise fail("dispersion", type(self).__name__, allowed, shown(self.dispersion))
        band = zip(*gaussian_band(mean.wavelength, self.bandwidth, self.n_wavelengths), strict=True)
        return [(float(weight), self._at(mean, float(wavelength))) for wavelength, weight in band]

    def _at(self, mean: MSFTSimulator, wavelength: float) -> MSFTSimulator:
        detector = check_detector(mean.detector, owner=type(mean).__name__)
        changed: dict[str, Any] = {
            "wavelength": wavelength,
            "detector": detector.in_same_directions(mean.wavelength / wavelength),
        }
        if self.dispersion is not None:
            changed["refractive_index"] = complex(self.dispersion(wavelength))
        return clone(mean).set_params(**changed)

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Simulate the mean intensity.

        Parameters
        ----------
        X : array_like of shape (n, z, y, x)
            Occupancies in [0, 1].

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns)
            Intensities.
        """
        parts = (np.float32(weight) * simulator.transform(X) for weight, simulator in self.simulators())
        return reduce(np.add, parts)

    def differential_cross_section(self, X: ArrayLike) -> NDArray[np.float32]:
        """Simulate the mean differential cross section of scalar waves.

        Parameters
        ----------
        X : array_like of shape (n, z, y, x)
            Occupancies in [0, 1].

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns) [nm^2/sr]
            Differential cross sections.
        """
        parts = (np.float32(weight) * s.differential_cross_section(X) for weight, s in self.simulators())
        return reduce(np.add, parts)

    def vjp(self, X: ArrayLike, *, within_body: bool = False) -> tuple[NDArray[np.float32], Pullback]:
        """Simulate mean intensities, and give the function that carries a gradient by them back to the volumes.

        Parameters
        ----------
        X : array_like of shape (n, z, y, x)
            Occupancies in [0, 1]; must not be changed until the pullback was called.
        within_body : bool, default=False
            Leave the gradient zero outside the bounding box of each volume's material, which is faster.

        Returns
        -------
        intensities : ndarray of float32 of shape (n, rows, columns)
            As ``transform`` gives.
        pullback : callable
            Takes dL/dI of shape (n, rows, columns), gives dL/dX as float32 of shape (n, z, y, x).
        """
        weights, simulators = zip(*self.simulators(), strict=True)
        results = [simulator.vjp(X, within_body=within_body) for simulator in simulators]

        def pullback(intensity_gradient: ArrayLike) -> NDArray[np.float32]:
            by_intensity = np.asarray(intensity_gradient, dtype=np.float32)
            pulls = (
                pull(np.float32(weight) * by_intensity)
                for weight, (_, pull) in zip(weights, results, strict=True)
            )
            return reduce(np.add, pulls)

        mean = (
            np.float32(weight) * intensities
            for weight, (intensities, _) in zip(weights, results, strict=True)
        )
        return reduce(np.add, mean), pullback
