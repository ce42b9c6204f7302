"""Every grid and phase of one simulation, computed once in NumPy and read by every kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.experiment import Detector

PUBLISHED_VOXEL = 318.75 / 64
"""Edge of a voxel of the published 64^3 grid [nm]: the field counts such voxels."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MSFTPlan:
    """Grids and phases of a multi-slice Fourier transform, frozen.

    Parameters
    ----------
    grid_shape : tuple of int
        Voxels of a volume along (z, y, x).
    detector_shape : tuple of int
        Pixels of a pattern along (y, x).
    voxel : tuple of float [nm]
        Edges of a voxel along (z, y, x).
    z, y, x : ndarray [nm]
        Centres of the voxels; the box is centred on the origin.
    q_y, q_x : ndarray [rad/nm]
        Transverse wave vector of the pixels; ``(rows, 1)`` and ``(1, columns)`` where ``separable``.
    q_z : ndarray of shape (rows, columns) [rad/nm]
        Longitudinal wave vector k - sqrt(k^2 - q_perp^2), or q_perp^2 / (2 k) where propagation is paraxial;
        zero where no wave travels.
    response : complex ndarray of shape (rows, columns)
        What the sum over voxels is multiplied by: the voxel's volume in published voxels, its own form
        factor, and zero where a pixel is masked or ``|q_perp| >= k``.
    optical_step : float [amplitude absorption lengths]
        Real part of gamma dz: how many times a filled slice darkens the field's amplitude by 1/e.
    phase_step : float [rad]
        Imaginary part of gamma dz: by how much a filled slice retards the field.
    propagation : str
        How light travels inside the body.
    wavenumber : float [rad/nm]
        Of the light.
    self_absorption : str
        How a voxel's own thickness attenuates it.
    separable : bool
        Whether the pixels form a uniform grid of wave vectors.
    """

    grid_shape: tuple[int, int, int]
    detector_shape: tuple[int, int]
    voxel: tuple[float, float, float]
    z: Floats
    y: Floats
    x: Floats
    q_y: Floats
    q_x: Floats
    q_z: Floats
    response: NDArray[np.complex128]
    optical_step: float
    phase_step: float
    propagation: str
    wavenumber: float
    self_absorption: str
    separable: bool

    @property
    def complex_step(self) -> complex:
        """gamma dz: a filled slice multiplies the field by exp(-gamma dz)."""
        return complex(self.optical_step, self.phase_step)


def _centres(n: int, box: float) -> Floats:
    return np.asarray((np.arange(n) + 0.5) * (box / n) - box / 2, dtype=np.float64)


def slice_form_factor(q_z: Floats, thickness: float, step: complex) -> NDArray[np.complex128]:
    """Form factor of a filled slice about its middle, attenuated towards its back, 1 at q_z = 0.

    It is the integral of exp((i q_z - gamma) s) over the thickness, divided by the same at q_z = 0, with gamma
    times the thickness as the step. Without absorption it is sinc(q_z thickness / 2).
    """
    u = 1j * q_z * thickness - step
    small = np.abs(u) < 1e-6
    integral = np.where(small, 1 + u / 2, np.expm1(np.where(small, 1, u)) / np.where(small, 1, u))
    at_zero = -np.expm1(-step) / step if abs(step) > 1e-12 else 1.0
    return integral * np.exp(-0.5j * q_z * thickness) / at_zero


Vector = tuple[Floats, Floats, Floats]
Edges = tuple[float, float, float]


def box_response(q: Vector, voxel: Edges, step: complex, treatment: str) -> NDArray[np.complex128]:
    """Form factor of a filled voxel: the volume is taken to consist of boxes."""
    q_z, q_y, q_x = q
    dz, dy, dx = voxel
    lateral = np.sinc(q_y * dy / (2 * np.pi)) * np.sinc(q_x * dx / (2 * np.pi))
    return lateral * slice_form_factor(q_z, dz, step if treatment in ("exact", "shares") else 0.0)


def average_response(q: Vector, voxel: Edges, step: complex, treatment: str) -> NDArray[Any]:
    """Undo the averaging of a body over voxels, which multiplied its transform by a sinc along each axis.

    What the grid folds back from beyond its Nyquist frequency cannot be undone. So it is weighed against the
    signal, as in a Wiener filter, by Porod's law for bodies with sharp surfaces: intensities fall as 1 / q^4.

    Where voxels are shares, material that begins or ends within a slice is spread over two: its light is averaged
    over a slice's thickness once more, as attenuated material.
    """
    signal = _sincs(q, voxel)
    fourth_power = sum(q_i**2 for q_i in q) ** 2
    folded: Any = 0.0
    for shifts in list(product((0, 1), repeat=3))[1:]:
        alias = tuple(
            _image(q_i, 2 * np.pi / d) if shift else q_i
            for q_i, d, shift in zip(q, voxel, shifts, strict=True)
        )
        squared = np.maximum(sum(q_i**2 for q_i in alias), 1e-12 * fourth_power**0.5)
        folded = folded + fourth_power / np.maximum(squared, 1e-30) ** 2 * _sincs(alias, voxel) ** 2
    if treatment == "shares":  # signal without the sinc along z, times the form factor in its stead
        along_z = slice_form_factor(q[0], voxel[0], step)
        return _sincs(q[1:], voxel[1:]) * along_z / (signal**2 + folded)
    return signal / (signal**2 + folded)


def _image(q: Any, period: float) -> Any:
    """The strongest other frequency that samples do not tell from this one: the lowest that is not its own."""
    return q - np.where(q < 0, -period, period) * np.maximum(np.rint(np.abs(q) / period), 1)


def _sincs(q: tuple[Any, ...], voxel: tuple[float, ...]) -> Floats:
    return math.prod(np.sinc(q_i * d / (2 * np.pi)) for q_i, d in zip(q, voxel, strict=True))


def point_response(q: Vector, voxel: Edges, step: complex, treatment: str) -> Floats:
    """One: voxels are samples at their centres."""
    return np.ones(())


VOXEL_RESPONSES = {"average": average_response, "box": box_response, "point": point_response}


def longitudinal(transverse: Floats, wavenumber: float, paraxial: bool) -> Floats:
    """Longitudinal wave vector Qz of waves with a squared transverse one, which must not exceed k^2 much."""
    if paraxial:
        return transverse / (2 * wavenumber)
    return wavenumber - np.sqrt(np.maximum(wavenumber**2 - transverse, 0))


@lru_cache(maxsize=16)
def _cached_wavevectors(key: tuple, wavenumber: float) -> tuple[Floats, Floats, Floats]:
    """Transverse wave vector of the pixels, and the squared one that their longitudinal one comes from."""
    detector = Detector.from_key(key)
    q_y, q_x = detector.wavevectors(wavenumber)
    depth_y, depth_x = detector.depth_wavevectors(wavenumber)
    return q_y, q_x, depth_y**2 + depth_x**2


@lru_cache(maxsize=16)
def build_plan(
    grid_shape: tuple[int, int, int],
    detector_key: tuple,
    mask: bytes | None,
    wavelength: float,
    gamma: complex,
    box: float,
    self_absorption: str,
    voxel_response: str,
    propagation: str = "msft",
) -> MSFTPlan:
    """Compute the plan of a simulation; equal arguments give the same plan again.

    Parameters
    ----------
    grid_shape : tuple of int
        Voxels along (z, y, x).
    detector_key : tuple
        ``Detector.key()``.
    mask : bytes or None
        The mask's booleans, row by row.
    wavelength : float [nm]
        Of the light.
    gamma : complex [1/nm]
        The field's amplitude behind a depth d of material is exp(-gamma d).
    box : float [nm]
        Edge of the cube that the volumes fill.
    self_absorption : str
        Treatment of a voxel's own thickness.
    voxel_response : str
        ``"average"``, ``"box"`` or ``"point"``.
    propagation : str
        ``"msft"``, ``"pmsft"``, ``"wide"``, ``"hare"`` or ``"born"``.

    Returns
    -------
    MSFTPlan
        The plan; its arrays are read-only.
    """
    kind: type[Detector] = detector_key[0]
    detector_shape: tuple[int, int] = detector_key[1]
    wavenumber = 2 * math.pi / wavelength
    q_y, q_x, transverse = _cached_wavevectors(detector_key, wavenumber)
    visible = transverse < wavenumber**2
    q_z = np.where(visible, longitudinal(transverse, wavenumber, propagation == "hare"), 0)
    z, y, x = (_centres(n, box) for n in grid_shape)
    voxel = (box / grid_shape[0], box / grid_shape[1], box / grid_shape[2])
    if propagation == "born":
        gamma, self_absorption = 0j, "none"
    optical_step, phase_step = voxel[0] * gamma.real, voxel[0] * gamma.imag
    response = np.full(detector_shape, math.prod(voxel) / PUBLISHED_VOXEL**3, dtype=np.complex128)
    response *= VOXEL_RESPONSES[voxel_response]((q_z, q_y, q_x), voxel, voxel[0] * gamma, self_absorption)
    response *= visible
    if mask is not None:
        response *= np.frombuffer(mask, dtype=bool).reshape(detector_shape)
    for array in (z, y, x, q_y, q_x, q_z, response):
        array.setflags(write=False)
    return MSFTPlan(
        grid_shape=grid_shape,
        detector_shape=detector_shape,
        voxel=voxel,
        z=z,
        y=y,
        x=x,
        q_y=q_y,
        q_x=q_x,
        q_z=q_z,
        response=response,
        optical_step=optical_step,
        phase_step=phase_step,
        propagation=propagation,
        wavenumber=wavenumber,
        self_absorption=self_absorption,
        separable=kind.separable,
    )
