"""Patterns on rings: matched over all turns in the plane at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from scatterkit.fitting._planes import Floats
from scatterkit.fitting.baselines._scattering import Resampling

N_RINGS, N_ANGLES = 16, 48


@dataclass(frozen=True)
class Match:
    """An entry of a library that comes close to a pattern, turned by an angle after a mirroring of y if so."""

    residual: float
    entry: int
    angle: float
    mirrored: bool


class PolarGrid:
    """Rings of transverse wave vectors, up to a largest one.

    Parameters
    ----------
    q_max : float [rad/nm]
        Radius of the outermost ring.
    q_min : float [rad/nm]
        Radius of the innermost ring.
    """

    def __init__(self, q_max: float, q_min: float) -> None:
        self.radii = np.linspace(q_min, q_max, N_RINGS)
        self.angles = 2 * np.pi * np.arange(N_ANGLES) / N_ANGLES
        self.q_y = np.outer(self.radii, np.sin(self.angles)).ravel()
        self.q_x = np.outer(self.radii, np.cos(self.angles)).ravel()

    def resampling(self, q_y: Floats, q_x: Floats) -> Resampling:
        """Give the way from a detector's pixels to the rings."""
        return Resampling(q_y, q_x, self.q_y, self.q_x)

    def rings(self, values: NDArray[Any]) -> NDArray[Any]:
        """Give values at the points as (..., ring, angle)."""
        return values.reshape(*values.shape[:-1], N_RINGS, N_ANGLES)


class PolarLibrary:
    """Log-scaled patterns on rings, ready to be compared with others.

    Parameters
    ----------
    patterns : ndarray of float32 of shape (n, rings, angles)
        Log-scaled patterns.
    radii : ndarray of shape (rings,)
        Radii of the rings: a ring counts as the detector's area around it.
    """

    def __init__(self, patterns: NDArray[np.float32], radii: Floats) -> None:
        centred = patterns - patterns.mean(axis=(1, 2), keepdims=True)  # keeps float32 sums exact enough
        self.values, self.squares = rfft(centred, axis=-1), rfft(centred**2, axis=-1)
        self.radii = radii

    def residuals(self, pattern: Floats, known: NDArray[np.bool_]) -> Floats:
        """Give mean squared differences, gain and offset fitted, for every entry and every turn of it.

        Parameters
        ----------
        pattern : ndarray of shape (rings, angles)
            A log-scaled pattern.
        known : ndarray of bool of shape (rings, angles)
            Where it was measured.

        Returns
        -------
        ndarray of shape (n, angles)
            Residuals; turn j is by 2 pi j / angles, from x towards y.
        """
        weights = known * self.radii[:, None]
        weights = weights / weights.sum()
        target = pattern - np.sum(weights * pattern)
        total = float(np.sum(weights * target**2))
        by_weight, by_target = (np.conj(rfft(a, axis=-1)) for a in (weights, weights * target))
        mean = self._turned(self.values, by_weight)
        variance = np.maximum(self._turned(self.squares, by_weight) - mean**2, 1e-9)
        covariance = np.maximum(self._turned(self.values, by_target), 0)
        return np.asarray(total - covariance**2 / variance)

    @staticmethod
    def _turned(library: NDArray[np.complex64], by: Floats) -> Floats:
        """Sum over all points of the library turned by each angle times a field on the rings."""
        spectrum = np.einsum("nrm,rm->nm", library, by.astype(np.complex64))
        # entry turned by j at angle i is its value at i - j: the correlation's index runs backwards
        sums = irfft(np.conj(spectrum), n=N_ANGLES, axis=-1)
        return np.asarray(sums, dtype=np.float64)

    def matches(self, pattern: Floats, known: NDArray[np.bool_], *, mirrors: bool) -> list[Match]:
        """Give the best turn of every entry, and of its mirror image if wanted, closest first."""
        found = []
        for mirrored in (False, True)[: 1 + mirrors]:
            residuals = (
                self.residuals(_mirrored(pattern), _mirrored(known))
                if mirrored
                else self.residuals(pattern, known)
            )
            turns = residuals.argmin(axis=1)
            for entry, turn in enumerate(turns.tolist()):
                # the mirrored entry turned by an angle is the mirror image of it turned the other way
                angle = 2 * np.pi * turn / N_ANGLES * (-1 if mirrored else 1)
                found.append(Match(float(residuals[entry, turn]), entry, angle, mirrored))
        return sorted(found, key=lambda match: match.residual)


def _mirrored(rings: NDArray[Any]) -> NDArray[Any]:
    """The same with y, and so every angle, reversed."""
    return np.roll(rings[:, ::-1], 1, axis=-1)


def in_plane(normals: Floats, match: Match) -> Floats:
    """Give directions (x, y, z) mirrored and turned about the beam as an entry is to match."""
    moved = normals * np.array([1, -1 if match.mirrored else 1, 1])
    cosine, sine = np.cos(match.angle), np.sin(match.angle)
    return np.asarray(moved @ np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]]))
