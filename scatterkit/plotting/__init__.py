"""Pictures of patterns and bodies; matplotlib is loaded when the first one is drawn."""

from scatterkit.plotting.bodies import show_depth, show_solid
from scatterkit.plotting.figures import reconstruction_figure
from scatterkit.plotting.patterns import show_difference, show_pattern

__all__ = ["reconstruction_figure", "show_depth", "show_difference", "show_pattern", "show_solid"]
