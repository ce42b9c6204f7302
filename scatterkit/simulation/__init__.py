"""From volumes to wide-angle diffraction patterns, and back by gradients."""

from typing import Any

from scatterkit.simulation.adviser import Advice, ModeAdvice, advise
from scatterkit.simulation.photons import DetectorCounts, PhotonCounts
from scatterkit.simulation.plan import MSFTPlan
from scatterkit.simulation.polychromatic import PolychromaticSimulator
from scatterkit.simulation.polyhedron import PolyhedronSimulator
from scatterkit.simulation.scaling import LogScaler
from scatterkit.simulation.simulator import MSFTSimulator

__all__ = [
    "Advice",
    "DetectorCounts",
    "LogScaler",
    "MSFTPlan",
    "MSFTSimulator",
    "ModeAdvice",
    "PhotonCounts",
    "PolychromaticSimulator",
    "PolyhedronSimulator",
    "advise",
]


def __getattr__(name: str) -> Any:
    """Load the layer when it is asked for: it needs Keras, which is optional and slow to import."""
    if name == "MSFTLayer":
        from scatterkit.simulation.keras_layers import MSFTLayer

        return MSFTLayer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
