"""The experiment: beam, material, and where the detector samples the scattered field."""

from scatterkit.experiment.beam import Beam, energy_to_wavelength, wavelength_to_energy
from scatterkit.experiment.crystfel import read_geometry
from scatterkit.experiment.detectors import Detector, QGrid
from scatterkit.experiment.detectors import Wavevectors as Wavevectors
from scatterkit.experiment.detectors import check_detector as check_detector
from scatterkit.experiment.detectors import grid_step as grid_step
from scatterkit.experiment.flat import FlatDetector
from scatterkit.experiment.materials import absorption_length, refractive_index
from scatterkit.experiment.panels import Panel, PanelDetector

__all__ = [
    "Beam",
    "Detector",
    "FlatDetector",
    "Panel",
    "PanelDetector",
    "QGrid",
    "absorption_length",
    "energy_to_wavelength",
    "read_geometry",
    "refractive_index",
    "wavelength_to_energy",
]
