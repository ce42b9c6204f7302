"""What the simulator is compared with: the published formula, and pyMSFT where it is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.simulation import MSFTPlan

Array = NDArray[Any]
PADDED = {64: 171, 192: 512}
"""Points to which the published code pads a slice: the detector's dq is 2 pi over the padded width."""
ABSORPTION_LENGTH = 12.5
SILVER = 0.89 + 0.0859j
WAVELENGTH = 13.5
BOX = 318.75
PYMSFT_MODES = {
    "born": "BORNSimulation",
    "hare": "HARESimulation",
    "msft": "MSFTSimulation",
    "pmsft": "PMSFTSimulation",
}


def plain_formula(volume: Array, plan: MSFTPlan) -> Array:
    """The published way: every slice attenuated, padded and Fourier transformed, the wanted pixels added up."""
    n = PADDED[len(volume)]
    rows, columns = plan.detector_shape
    top, left = (n - rows) // 2, (n - columns) // 2
    E = np.zeros(plan.detector_shape, dtype=np.complex128)
    depth = np.zeros(volume.shape[1:])
    for z, rho in zip(plan.z, volume, strict=True):
        depth += rho * plan.voxel[0]
        F = np.fft.fftshift(np.fft.fft2(rho * np.exp(-depth / ABSORPTION_LENGTH), s=(n, n)))
        E += np.exp(1j * plan.q_z * z) * F[top : top + rows, left : left + columns]
    return E


def pymsft_module() -> Any | None:
    """Give pyMSFT's simulations, or None if it is not installed."""
    # SciPy 1.17 no longer has a function that pyMSFT 1.0.2 imports, for shapes that are not used here.
    special = importlib.import_module("scipy.special")
    if not hasattr(special, "sph_harm"):
        special.sph_harm = None  # type: ignore[attr-defined]
    try:
        return importlib.import_module("pyMSFT.simulation.simulation")
    except ImportError:
        return None


def pymsft(mode: str, volume: Array) -> Callable[[], Array] | None:
    """Give what simulates a volume (z, y, x) with pyMSFT on FFTs of twice the grid; None if not installed.

    Its detector then has the pixels of that FFT, fewer than ours would need padding for: to its advantage.
    """
    module = pymsft_module()
    if module is None:
        return None
    n = len(volume)
    voxel = BOX / n
    simulation = getattr(module, PYMSFT_MODES[mode])(
        npix_fft=2 * n, npix_real=n, box_size=voxel * (n - 1), wavelength=WAVELENGTH
    )
    contrast = (SILVER - 1) * volume.transpose(2, 1, 0).astype(
        np.float64
    )  # it counts slices along its last axis
    return lambda: simulation.get_diffraction_image(contrast)
