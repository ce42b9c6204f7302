"""Where a CXI file holds what, its units, and the geometry that it describes.

The convention is that of the Coherent X-ray Imaging Data Bank, version 1.6: F. R. N. C. Maia, "The CXI file format
for coherent X-ray imaging", cxidb.org; Nature Methods 9, 854 (2012).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.datasets.files.geometry import CENTER, DISTANCE, PIXEL_SIZE
from scatterkit.experiment import energy_to_wavelength, wavelength_to_energy

VERSION = 160
OURS = "scatterkit"  # the group of what the convention has no place for
DESCRIPTION = f"{OURS}/description"

INVALID, SATURATED_BIT, HOT, DEAD, SHADOWED = 0x1, 0x2, 0x4, 0x8, 0x10
BAD, MISSING, NOISY = 0x80, 0x200, 0x400
IGNORED = 0x40  # not in the convention, but in the files of cheetah, from which its other bits come
BAD_BITS = INVALID | HOT | DEAD | SHADOWED | IGNORED | BAD | MISSING | NOISY

JOULE = 1 / 1.602176634e-19  # in eV, exact by definition (SI, 2019)
MICROMETRE = dict.fromkeys(("um", "\u00b5m", "\u03bcm"), 1e-3)  # the micro sign, and the Greek letter
LENGTHS = {"m": 1e3, "cm": 10.0, "mm": 1.0, **MICROMETRE, "nm": 1e-6, "angstrom": 1e-7, "a": 1e-7}
ENERGIES = {"j": JOULE, "joule": JOULE, "ev": 1.0, "kev": 1e3}
BRIGHTEST_PHOTON = 1e-9  # J; a few GeV


def number(group: Any, name: str, units: dict[str, float], default: float) -> NDArray[np.float64] | None:
    """Give the numbers of a member of a group, in the unit that `units` counts in, or None where it has none."""
    member = group.get(name) if group is not None else None
    if member is None or not hasattr(member, "shape") or member.dtype.kind not in "iuf":
        return None
    values = np.asarray(member[()], dtype=np.float64)
    unit = unit_of(member)
    if unit and unit not in units:
        raise ValueError(f"{member.name} in the unknown unit {unit!r}")
    factor = units[unit] if unit else default
    return np.vectorize(rounded, otypes=[float])(values * factor)


def unit_of(member: Any) -> str:
    """Give the unit that an array states, in lower case, or an empty text."""
    if "units" not in member.attrs or not is_text(member.attrs.get_id("units").dtype):
        return ""
    unit = member.attrs["units"]
    return (unit.decode() if isinstance(unit, bytes) else str(unit)).strip().lower()


def is_text(dtype: Any) -> bool:
    """Whether an HDF5 type is one of text; others that look alike are not safe to read from a damaged file."""
    import h5py

    return h5py.check_string_dtype(dtype) is not None


def rounded(value: float) -> float:
    """Give a float without the last digit's noise of a change of units."""
    return float(f"{value:.15g}")


def wavelengths(source: Any) -> NDArray[np.float64] | None:
    """Give the wavelength [nm] of a source, from its photon energy or its wavelength."""
    lengths = number(source, "wavelength", LENGTHS, LENGTHS["m"])
    if lengths is not None and np.all(lengths > 0):
        return np.vectorize(rounded, otypes=[float])(lengths * 1e6)
    energies = number(source, "energy", ENERGIES, JOULE)
    if energies is None or not np.all(np.isfinite(energies) & (energies > 0)):
        return None
    if np.any(energies > BRIGHTEST_PHOTON * JOULE) and not unit_of(source["energy"]):
        warnings.warn(
            f"The photon energy {source['energy'][()]} of a CXI file cannot be in joule, as the convention wants; "
            "it is taken to be in eV.",
            UserWarning,
            stacklevel=6,  # the caller of read_cxi
        )
        energies = energies / JOULE
    return np.vectorize(energy_to_wavelength, otypes=[float])(energies)


def photon_energy(wavelength: float) -> float:
    """Give the energy [J] of a photon of a wavelength [nm]."""
    return wavelength_to_energy(wavelength) / JOULE


def detector_attrs(detector: Any) -> dict[str, Any]:
    """Give distance, pixel size, centre of a detector that is perpendicular to the beam; else its vectors too."""
    sizes = [number(detector, name, LENGTHS, LENGTHS["m"]) for name in ("y_pixel_size", "x_pixel_size")]
    corner = number(detector, "corner_position", LENGTHS, LENGTHS["m"])
    basis = number(detector, "basis_vectors", LENGTHS, LENGTHS["m"])
    distance = number(detector, "distance", LENGTHS, LENGTHS["m"])
    corner = corner if corner is not None and corner.size == 3 else None  # that of one module
    attrs: dict[str, Any] = {}
    if basis is not None and basis.ndim >= 2 and basis.shape[-2:] == (2, 3):
        vectors = basis.reshape(-1, 2, 3)[0]
        sizes = [np.array(np.linalg.norm(v)) if s is None else s for s, v in zip(sizes, vectors, strict=True)]
        lengths = np.linalg.norm(vectors, axis=1)
        usual = -np.array([[0, lengths[0], 0], [lengths[1], 0, 0]])
        if not np.allclose(vectors, usual, rtol=0, atol=1e-6 * lengths.max()):
            attrs["basis_vectors"] = vectors.ravel().tolist()
    size = [float(np.ravel(s)[0]) for s in sizes if s is not None and np.size(s) and np.ravel(s)[0] > 0]
    if len(size) == 2:
        attrs[PIXEL_SIZE] = size[0] if size[0] == size[1] else size
    if distance is not None and distance.size and abs(distance.flat[0]) > 0:
        attrs[DISTANCE] = abs(float(distance.flat[0]))
    elif corner is not None and corner.flat[2] > 0:
        attrs[DISTANCE] = float(corner.flat[2])
    # Programs write zeros where they know no corner; it would put the beam on the corner of the first pixel.
    is_known = corner is not None and bool(np.any(corner.flat[:2]))
    if corner is not None and is_known and len(size) == 2 and "basis_vectors" not in attrs:
        # Seen along the beam, CXI's y points up and its x to the left: as rows and columns run, but reversed.
        attrs[CENTER] = [rounded(corner.flat[1] / size[0] - 0.5), rounded(corner.flat[0] / size[1] - 0.5)]
    return attrs


def image_center(image: Any) -> list[float] | None:
    """Give row and column of the zero frequency of an image, counted from the centre of pixel [0, 0]."""
    values = number(image, "image_center", {"pixel": 1.0, "pixels": 1.0}, 1.0)
    if values is None or values.ndim != 1 or len(values) < 2:
        return None
    return [
        float(values[1] - 0.5),
        float(values[0] - 0.5),
    ]  # CXI writes x first and counts from pixels' corners


def corner_position(attrs: dict[str, Any], size: tuple[float, float]) -> NDArray[np.float64] | None:
    """Give the corner [m] of the first pixel (x, y, z) of a detector with a centre."""
    if CENTER not in attrs or DISTANCE not in attrs:
        return None
    row, column = attrs[CENTER]
    return np.array([(column + 0.5) * size[1], (row + 0.5) * size[0], attrs[DISTANCE]]) / LENGTHS["m"]
