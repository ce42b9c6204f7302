"""Forward fitting: bodies from patterns by gradient descent through the physics."""

from scatterkit.fitting.forward_fitter import ForwardFitter
from scatterkit.fitting.models import BodyModel, CatalogueBody, ConvexBody

__all__ = ["BodyModel", "CatalogueBody", "ConvexBody", "ForwardFitter"]
