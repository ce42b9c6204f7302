"""Streaks and bright spots of a pattern, and the faces whose reflections they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from scatterkit.fitting._radial_cuts import Cuts, azimuths, smoothed

Floats = NDArray[np.float64]

N_AZIMUTHS = 144
"""Cuts around the full circle, among which streaks are found."""
_BLUR_AZIMUTHS = 1.5  # cuts
_BLUR_FRINGES = 0.35  # fringes of a body's width
_LEAST_MEASURED = 0.25  # of a ring, for its median to be known
_LEAST_STRENGTH = 0.5
_PEAK = (7, 9)  # cuts and samples around a peak in which there is no higher one


@dataclass(frozen=True)
class Streak:
    """A bright spot of a pattern, on a streak through its centre or alone, and the face that would reflect there.

    Parameters
    ----------
    azimuth : float [rad]
        Direction from the centre, from x towards y; that of the face's outward normal.
    q : float [rad/nm]
        Transverse wave vector of the spot.
    tilt : float [rad]
        How far the face leans towards the beam from being parallel to it: a face whose normal has n_z = -sin(tilt)
        reflects to q = k sin(2 tilt).
    strength : float [1]
        Excess over the ring's median, in units of the pattern's root mean square excess.
    lead : float [1]
        By how much it is stronger than the opposite spot, in the same unit; NaN where that was not measured. A face
        leans towards the beam on the brighter side.
    """

    azimuth: float
    q: float
    tilt: float
    strength: float
    lead: float

    @property
    def normal(self) -> tuple[float, float, float]:
        """The face's outward normal (x, y, z)."""
        across = math.cos(self.tilt)
        return across * math.cos(self.azimuth), across * math.sin(self.azimuth), -math.sin(self.tilt)


def find_streaks(cuts: Cuts, wavenumber: float, width: float) -> list[Streak]:
    """Give the spots of a pattern whose body is about so wide, the strongest first."""
    excess = _excess(cuts, width)
    floor = excess.min() - 1.0
    known = np.where(cuts.measured, excess, floor)
    peaks = known == ndimage.maximum_filter(known, size=_PEAK, mode=("wrap", "nearest"))
    inner = cuts.q > 2 * math.pi / width  # within the first fringe lies the central peak
    at, ring = np.nonzero(peaks & (known > _LEAST_STRENGTH) & inner)
    opposite = (at + len(known) // 2) % len(known)
    lead = np.where(cuts.measured[opposite, ring], known[at, ring] - known[opposite, ring], np.nan)
    order = np.argsort(-known[at, ring])
    directions = azimuths(len(known))
    return [
        Streak(
            azimuth=float(directions[at[i]]),
            q=float(cuts.q[ring[i]]),
            tilt=math.asin(min(float(cuts.q[ring[i]]) / wavenumber, 1.0)) / 2,
            strength=float(known[at[i], ring[i]]),
            lead=float(lead[i]),
        )
        for i in order
    ]


def _excess(cuts: Cuts, width: float) -> Floats:
    """Give how far the pattern, fringes smoothed, lies above its ring's median, in units of the root mean square."""
    step = float(cuts.q[0])
    weights = cuts.measured.astype(np.float64)
    blur = max(_BLUR_FRINGES * 2 * math.pi / (width * step), 1.0)
    values = smoothed(cuts.values, weights, (_BLUR_AZIMUTHS, blur))
    excess = np.zeros_like(values)
    for i in np.flatnonzero(cuts.measured.mean(axis=0) >= _LEAST_MEASURED):
        seen = cuts.measured[:, i]
        excess[seen, i] = values[seen, i] - np.median(values[seen, i])
    strength = math.sqrt(float(np.average(excess**2, weights=np.maximum(weights, 1e-12))))
    return excess / max(strength, 1e-9)
