"""Pictures of patterns and bodies; matplotlib is loaded when the first one is drawn."""

from scatterkit.plotting.augmentations import show_augmentations
from scatterkit.plotting.bodies import show_depth, show_interval, show_solid
from scatterkit.plotting.datasets import show_dataset
from scatterkit.plotting.figures import reconstruction_figure
from scatterkit.plotting.fits import fit_figure, show_facets
from scatterkit.plotting.learning import learning_curve
from scatterkit.plotting.patterns import show_difference, show_pattern
from scatterkit.plotting.profiles import show_radial_profiles
from scatterkit.plotting.solids import show_solids
from scatterkit.plotting.stereograms import show_stereogram
from scatterkit.plotting.views import show_three_views

__all__ = [
    "fit_figure",
    "learning_curve",
    "reconstruction_figure",
    "show_augmentations",
    "show_dataset",
    "show_depth",
    "show_difference",
    "show_facets",
    "show_interval",
    "show_pattern",
    "show_radial_profiles",
    "show_solid",
    "show_solids",
    "show_stereogram",
    "show_three_views",
]
