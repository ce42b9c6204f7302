"""Figures of merit: patterns against patterns, volumes against volumes, surfaces against surfaces.

Each gives one value per sample, or a float for a single pair.
"""

from scatterkit.metrics.patterns import (
    pattern_residual,
    r_factor,
    radial_profile,
    radial_profile_correlation,
    scatter_loss,
)
from scatterkit.metrics.surfaces import facet_angle_error, hausdorff
from scatterkit.metrics.volumes import footprint_iou, front_depth_error, front_iou, volume_iou

__all__ = [
    "facet_angle_error",
    "footprint_iou",
    "front_depth_error",
    "front_iou",
    "hausdorff",
    "pattern_residual",
    "r_factor",
    "radial_profile",
    "radial_profile_correlation",
    "scatter_loss",
    "volume_iou",
]
