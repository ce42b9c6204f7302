"""Artifacts as an experiment makes them: filters on log-scaled patterns, in NumPy and in Keras."""

from scatterkit.augmentation.augmenter import Augmenter
from scatterkit.augmentation.base import Filter, pixel_uniform
from scatterkit.augmentation.channels import stack_mask
from scatterkit.augmentation.experiment import Chain, SimulatedExperiment
from scatterkit.augmentation.gaps import DetectorGaps, PanelGaps
from scatterkit.augmentation.geometry import Rotation, Shift
from scatterkit.augmentation.masks import Bar, BlindSpot, CentralHole, Crop
from scatterkit.augmentation.noise import PoissonNoise, SaltAndPepper, ShotNoise, UniformNoise
from scatterkit.augmentation.noise_floor import NoiseFloor
from scatterkit.augmentation.optics import Blur, Saturation, StrayLight
from scatterkit.augmentation.params import AugmentationParams, Augmented
from scatterkit.augmentation.photon_noise import PhotonNoise

__all__ = [
    "AugmentationParams",
    "Augmented",
    "Augmenter",
    "Bar",
    "BlindSpot",
    "Blur",
    "CentralHole",
    "Chain",
    "Crop",
    "DetectorGaps",
    "Filter",
    "NoiseFloor",
    "PanelGaps",
    "PhotonNoise",
    "PoissonNoise",
    "Rotation",
    "SaltAndPepper",
    "Saturation",
    "Shift",
    "ShotNoise",
    "SimulatedExperiment",
    "StrayLight",
    "UniformNoise",
    "pixel_uniform",
    "stack_mask",
]
