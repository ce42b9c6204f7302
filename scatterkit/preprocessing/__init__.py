"""Measured frames made ready for models: background, bad pixels, centre, the grid of wave vectors."""

from scatterkit.preprocessing.background import dark_background, ring_background
from scatterkit.preprocessing.bad_pixels import (
    find_bad_in_shots,
    find_bad_pixels,
    find_outliers,
    grow_mask,
    saturation_level,
)
from scatterkit.preprocessing.centering import CenterEstimate, find_center
from scatterkit.preprocessing.linearization import ColorBar, ColorScale
from scatterkit.preprocessing.prepared import Prepared
from scatterkit.preprocessing.preprocessor import ExperimentPreprocessor
from scatterkit.preprocessing.resampling import QResampler, Resampled
from scatterkit.preprocessing.shapes import Circle, annular_mask, central_hole, fit_edge, hole_center

__all__ = [
    "CenterEstimate",
    "Circle",
    "ColorBar",
    "ColorScale",
    "ExperimentPreprocessor",
    "Prepared",
    "QResampler",
    "Resampled",
    "annular_mask",
    "central_hole",
    "dark_background",
    "find_bad_in_shots",
    "find_bad_pixels",
    "find_center",
    "find_outliers",
    "fit_edge",
    "grow_mask",
    "hole_center",
    "ring_background",
    "saturation_level",
]
