"""Refractive indices of materials from tabulated scattering factors, and what they do to light."""

from __future__ import annotations

import difflib
import math
import numbers
from typing import Any

import numpy as np

from scatterkit._validation import Choice, Positive, check_value, fail, shown
from scatterkit.experiment.beam import energy_to_wavelength, wavelength_to_energy

_OWNER = "refractive_index"
_ELECTRON_RADIUS = 2.8179403205e-6  # nm, CODATA 2022
_AVOGADRO = 6.02214076e23
_CM3 = 1e21  # nm^3
_COMPOUNDS = {  # formula, g/cm^3
    "alumina": ("Al2O3", 3.95),
    "hematite": ("Fe2O3", 5.26),
    "ice": ("H2O", 0.917),
    "magnetite": ("Fe3O4", 5.18),
    "polystyrene": ("C8H8", 1.05),
    "silica": ("SiO2", 2.2),
    "sucrose": ("C12H22O11", 1.587),
    "titania": ("TiO2", 4.23),
    "water": ("H2O", 0.998),
}


def refractive_index(
    material: str,
    *,
    wavelength: float | None = None,
    energy: float | None = None,
    density: float | None = None,
) -> complex:
    """Give the refractive index n = 1 - delta + i beta of a material.

    Parameters
    ----------
    material : str
        An element's symbol or name, a chemical formula such as "SiO2", or one of "alumina", "hematite", "ice",
        "magnetite", "polystyrene", "silica", "sucrose", "titania", "water".
    wavelength : float [nm], optional
        Wavelength in vacuum. Give it or ``energy``.
    energy : float [eV], optional
        Photon energy, from 30 eV to 30 keV.
    density : float [g/cm^3], optional
        Density; needed for formulas. Elements have that of the solid or liquid.

    Returns
    -------
    complex
        The refractive index.

    Raises
    ------
    InvalidParameterError
        If the material or its density is not known, or the tables do not cover the energy.

    See Also
    --------
    absorption_length : The length over which a refractive index darkens light.

    Notes
    -----
    n = 1 - r_e wavelength^2 / (2 pi) * sum over atoms of their number density times (f1 - i f2), with the atomic
    scattering factors of B. L. Henke, E. M. Gullikson and J. C. Davis, At. Data Nucl. Data Tables 54, 181 (1993), as
    kept by the Center for X-Ray Optics and distributed with the package periodictable (public domain). Atoms are
    taken as independent. Near absorption edges and below about 100 eV measured constants may differ; any complex number
    can be given to the simulator instead.

    Examples
    --------
    >>> from scatterkit.experiment import refractive_index
    >>> n = refractive_index("silver", wavelength=13.5)
    >>> f"{n.real:.3f} + {n.imag:.3f}i"
    '0.890 + 0.079i'
    """
    name, energy = _one_energy(wavelength, energy)
    check_value(density, Positive("g/cm^3", optional=True), name="density", owner=_OWNER)
    compound, tabulated = _compound(material)
    density = tabulated if density is None else density
    if density is None:
        raise fail("density", _OWNER, f"a positive float in g/cm^3 for {material!r}", "None")
    f1, f2 = sum(count * _scattering_factors(atom, energy, name) for atom, count in compound.atoms.items())
    number_density = density * _AVOGADRO / compound.mass / _CM3
    wavelength = energy_to_wavelength(energy)
    strength = _ELECTRON_RADIUS * wavelength**2 / (2 * math.pi) * number_density
    return complex(1 - strength * f1, strength * f2)


def _one_energy(wavelength: float | None, energy: float | None) -> tuple[str, float]:
    """The photon energy, and the name of the parameter that it came from."""
    if (wavelength is None) == (energy is None):
        given = "both" if energy is not None else "neither"
        raise fail("energy", _OWNER, "a positive float in eV, or wavelength one in nm", given)
    if wavelength is None:
        check_value(energy, Positive("eV"), name="energy", owner=_OWNER)
        return "energy", float(energy)  # type: ignore[arg-type]
    check_value(wavelength, Positive("nm"), name="wavelength", owner=_OWNER)
    return "wavelength", wavelength_to_energy(wavelength)


def _compound(material: Any) -> tuple[Any, float | None]:
    """Formula and density, if that is known."""
    import periodictable

    if not isinstance(material, str) or not material.strip():
        raise fail("material", _OWNER, "the name of a material or a chemical formula", shown(material))
    text = material.strip()
    names = {element.name: element.symbol for element in periodictable.elements}
    text, density = _COMPOUNDS.get(text.lower(), (names.get(text.lower(), text), None))
    try:
        compound = periodictable.formula(text)
    except Exception as error:  # the parser's own classes
        known = [*names, *_COMPOUNDS, *names.values()]
        near = difflib.get_close_matches(text.lower(), known, n=3) or difflib.get_close_matches(
            text, known, n=3
        )
        hint = f" (similar: {', '.join(near)})" if near else ""
        allowed = f"an element, a chemical formula or one of {', '.join(_COMPOUNDS)}"
        raise fail("material", _OWNER, allowed, shown(material) + hint) from error
    return compound, density if density is not None else compound.density


def _scattering_factors(atom: Any, energy: float, name: str) -> Any:
    """f1 and f2 of an atom as an array."""
    table = atom.xray.sftable
    if table is None:
        raise fail("material", _OWNER, "made of elements from hydrogen to uranium", str(atom))
    factors = np.array(atom.xray.scattering_factors(energy=energy / 1e3), dtype=np.float64)
    if not np.isfinite(factors).all():
        covered = 1e3 * table[0, np.isfinite(table[1])]
        low, high = covered[0], covered[-1]
        unit, given = "eV", energy
        if name == "wavelength":
            unit, low, high, given = "nm", *map(energy_to_wavelength, (high, low, energy))
        raise fail(name, _OWNER, f"in [{low:.5g}, {high:.5g}] {unit}, which the tables cover", f"{given:.6g}")
    return factors


def absorption_length(n: complex, *, wavelength: float, of: str = "intensity") -> float:
    """Give the depth over which a material darkens light to 1/e.

    Parameters
    ----------
    n : complex
        Refractive index 1 - delta + i beta.
    wavelength : float [nm]
        Wavelength in vacuum.
    of : {"intensity", "field"}, default="intensity"
        What falls to 1/e: the intensity, after 1 / (2 k beta), or the field's amplitude, after 1 / (k beta).

    Returns
    -------
    float [nm]
        The length; infinite without absorption.

    See Also
    --------
    refractive_index : The index of a material.

    Examples
    --------
    >>> from scatterkit.experiment import absorption_length
    >>> round(absorption_length(0.89 + 0.0859j, wavelength=13.5), 1)
    12.5
    >>> round(absorption_length(0.89 + 0.0859j, wavelength=13.5, of="field"), 1)
    25.0
    """
    owner = "absorption_length"
    check_value(wavelength, Positive("nm"), name="wavelength", owner=owner)
    check_value(of, Choice(("intensity", "field")), name="of", owner=owner)
    beta = complex(n).imag if isinstance(n, numbers.Complex) else math.nan
    if not beta >= 0:
        raise fail("n", owner, "a refractive index 1 - delta + i beta with beta >= 0", shown(n))
    if beta == 0:
        return math.inf
    return wavelength / (2 * math.pi * beta) / (2 if of == "intensity" else 1)
