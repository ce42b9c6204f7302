"""From volumes to wide-angle diffraction patterns, and back by gradients."""

from scatterkit.simulation.photons import PhotonCounts
from scatterkit.simulation.plan import MSFTPlan
from scatterkit.simulation.scaling import LogScaler
from scatterkit.simulation.simulator import MSFTSimulator

__all__ = ["LogScaler", "MSFTPlan", "MSFTSimulator", "PhotonCounts"]
