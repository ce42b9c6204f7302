"""Polarisation of the light, and what it leaves of scattered light in every direction."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import AnyOf, Choice, Constraint, Real

Polarization = str | float

POLARIZATION: Constraint = AnyOf((Choice(("x", "y", "circular", "unpolarized")), Real(unit="rad")))
"""Check of a parameter that names a polarisation."""

_ANGLES = {"x": 0.0, "y": math.pi / 2}


def dipole_factor(directions: NDArray[np.float64], polarization: Polarization) -> NDArray[np.float64]:
    """Share of the scalar intensity that light of a polarisation leaves in every direction.

    Dipoles that swing along e radiate 1 - (d.e)^2 into direction d. Circular and unpolarised light is an even
    mixture of both axes: (1 + cos^2 theta) / 2.
    """
    x, y = directions[..., 0], directions[..., 1]
    if polarization in ("circular", "unpolarized"):
        return 1 - (x**2 + y**2) / 2
    angle = _ANGLES[polarization] if isinstance(polarization, str) else float(polarization)
    return 1 - (x * math.cos(angle) + y * math.sin(angle)) ** 2
