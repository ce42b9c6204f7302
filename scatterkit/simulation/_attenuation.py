"""How fast a material darkens and retards light, from any of the named absorption conventions."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

from scatterkit._validation import Choice, Constraint, Positive, fail, shown


@dataclass(frozen=True)
class RefractiveIndex:
    """A complex refractive index n = 1 - delta + i beta with positive real part and beta >= 0, or None."""

    def accepts(self, value: Any) -> bool:
        if value is None:
            return True
        if isinstance(value, bool) or not isinstance(value, numbers.Complex):
            return False
        n = complex(value)
        return math.isfinite(n.real) and math.isfinite(n.imag) and n.real > 0 and n.imag >= 0

    def describe(self) -> str:
        return "a complex number 1 - delta + i beta with positive real part and beta >= 0, or None"


CONSTRAINTS: dict[str, Constraint] = {
    "wavelength": Positive("nm"),
    "absorption_length": Positive("nm", finite=False),
    "absorption": Choice(("published", "intensity", "index")),
    "refractive_index": RefractiveIndex(),
}
"""Checks of the parameters that ``attenuation`` reads."""


def attenuation(simulator: Any) -> complex:
    """Give gamma: the field's amplitude behind a depth d of material is exp(-gamma d).

    With a refractive index n = 1 - delta + i beta, gamma = -i k (n - 1) = k beta + i k delta. Without, it is
    real: 1 / absorption_length by the published rule, half of that where the length is the intensity's.

    Parameters
    ----------
    simulator : object
        Has the checked parameters wavelength, absorption_length, absorption and refractive_index.

    Returns
    -------
    complex [1/nm]
        The coefficient gamma.

    Raises
    ------
    InvalidParameterError
        If a refractive index is missing or would have no effect, or is that of vacuum.
    """
    n, convention = simulator.refractive_index, simulator.absorption
    owner = type(simulator).__name__
    if convention == "index":
        if n is None or n == 1:
            given = "a complex number other than 1 where absorption is 'index'"
            raise fail("refractive_index", owner, given, shown(n))
        return complex(-1j * (2 * math.pi / simulator.wavelength) * (complex(n) - 1))
    if n is not None:
        raise fail("refractive_index", owner, f"None where absorption is {convention!r}", shown(n))
    return complex(1 / (simulator.absorption_length * (2 if convention == "intensity" else 1)))


def seen_front(simulator: Any) -> dict[str, float]:
    """Give what `scatterkit.metrics.front_iou` has to know of an experiment; all of a body where nothing absorbs."""
    decay = attenuation(simulator).real
    return {"absorption_length": 1 / decay if decay > 0 else simulator.box, "box": simulator.box}
