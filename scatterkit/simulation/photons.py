"""Photon counts with Poisson noise, relative and absolute."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import Constraint, Instance, Positive, Real, check_array, check_patterns
from scatterkit.base import StatelessTransformer
from scatterkit.experiment import Beam, Detector, check_detector


class PhotonCounts(StatelessTransformer):
    """Turn intensities into photon counts with Poisson noise.

    Each pattern is scaled so that the counts expected in all its pixels sum to ``photons``; every pixel's
    count is then drawn from the Poisson distribution of its expectation.

    Parameters
    ----------
    photons : float [photons], default=1e6
        Expected number of photons in all of a pattern.
    random_state : int, numpy.random.Generator or None, default=None
        An int gives the same noise at every call.

    See Also
    --------
    scatterkit.simulation.MSFTSimulator : Simulates intensities.
    DetectorCounts : Absolute counts from pulse energy and focus.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.simulation import PhotonCounts
    >>> counts = PhotonCounts(photons=1000, random_state=0).transform(np.ones((1, 8, 8)))
    >>> bool(abs(counts.sum() - 1000) < 5 * 1000**0.5)
    True
    """

    _constraints: ClassVar[dict[str, Constraint]] = {"photons": Positive()}

    def __init__(self, photons: float = 1e6, random_state: RandomState = None) -> None:
        self.photons = photons
        self.random_state = random_state

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Draw counts.

        Parameters
        ----------
        X : array_like of shape (n, y, x)
            Intensities, not negative, in any unit.

        Returns
        -------
        ndarray of float32 of shape (n, y, x)
            Whole numbers of photons; zero for a pattern without any intensity.
        """
        self._check_parameters()
        generator = check_random_state(self.random_state, owner=type(self).__name__)
        intensities = check_patterns(X, owner=type(self).__name__).astype(np.float64)
        totals = intensities.sum(axis=(1, 2), keepdims=True)
        expected = intensities * (self.photons / np.where(totals > 0, totals, 1))
        return generator.poisson(expected).astype(np.float32)


class DetectorCounts(StatelessTransformer):
    """Turn differential cross sections into the photon counts that a beam's pulses leave on a detector.

    A pixel expects cross section times fluence times solid angle times polarisation factor times quantum efficiency.
    Every shot is scaled by its own pulse energy, if that spreads, and counts are drawn from the Poisson
    distribution. The sample sits in the middle of the focus.

    Parameters
    ----------
    beam : Beam, optional
        The pulses, with the simulator's wavelength; ``Beam()`` by default.
    detector : QGrid, FlatDetector or PanelDetector, optional
        The detector on which the cross sections were simulated; ``QGrid()`` by default.
    quantum_efficiency : float [counts/photon], default=1.0
        Share of the photons that the detector counts.
    random_state : int, numpy.random.Generator or None, default=None
        An int gives the same pulse energies and noise at every call.

    See Also
    --------
    scatterkit.simulation.MSFTSimulator : Simulates differential cross sections.
    PolychromaticSimulator : Simulates those of light with a bandwidth.
    PhotonCounts : Counts of a given total, where nothing is known about the beam.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.experiment import Beam
    >>> from scatterkit.simulation import DetectorCounts, MSFTSimulator
    >>> volumes = np.zeros((1, 16, 16, 16), dtype=np.float32)
    >>> volumes[:, 4:12, 5:11, 5:11] = 1
    >>> simulator = MSFTSimulator(absorption="index", refractive_index=0.89 + 0.0859j)
    >>> counts = DetectorCounts(Beam(pulse_energy=1e-4), random_state=0)
    >>> counts.transform(simulator.differential_cross_section(volumes)).shape
    (1, 128, 128)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "beam": Instance((Beam,), optional=True),
        "quantum_efficiency": Real(low=0, high=1, open_low=True),
    }

    def __init__(
        self,
        beam: Beam | None = None,
        detector: Detector | None = None,
        quantum_efficiency: float = 1.0,
        random_state: RandomState = None,
    ) -> None:
        self.beam = beam
        self.detector = detector
        self.quantum_efficiency = quantum_efficiency
        self.random_state = random_state

    def counts_per_cross_section(self) -> NDArray[np.float64]:
        """Give what a differential cross section is multiplied by at every pixel.

        Returns
        -------
        ndarray of float64 of shape (rows, columns) [counts sr/nm^2]
            Fluence times solid angle times polarisation factor times quantum efficiency.
        """
        self._check_parameters()
        detector, beam = check_detector(self.detector, owner=type(self).__name__), self._beam()
        seen = detector.solid_angle(beam.wavenumber)
        seen = seen * detector.polarization_factor(beam.wavenumber, beam.polarization)
        return self.quantum_efficiency * beam.fluence * seen

    def expected(self, X: ArrayLike) -> NDArray[np.float64]:
        """Give the counts that a pulse of the mean energy leaves on average.

        Parameters
        ----------
        X : array_like of shape (n, rows, columns) [nm^2/sr]
            Differential cross sections of scalar waves, not negative.

        Returns
        -------
        ndarray of float64 of shape (n, rows, columns) [counts]
            Expected counts.
        """
        factors = self.counts_per_cross_section()
        cross_sections = check_array(
            X,
            name="X",
            owner=type(self).__name__,
            shape=(None, *factors.shape),
            dtype=np.float64,
            low=0,
            what="differential cross sections (n, y, x)",
        )
        return factors * cross_sections

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Draw counts.

        Parameters
        ----------
        X : array_like of shape (n, rows, columns) [nm^2/sr]
            Differential cross sections of scalar waves, not negative.

        Returns
        -------
        ndarray of float32 of shape (n, rows, columns) [counts]
            Whole numbers of photons.
        """
        generator = check_random_state(self.random_state, owner=type(self).__name__)
        expected = self.expected(X)
        energies = self._beam().relative_pulse_energies(len(expected), generator)
        return generator.poisson(expected * energies[:, None, None]).astype(np.float32)

    def _beam(self) -> Beam:
        return Beam() if self.beam is None else self.beam
