"""Body models: how a few numbers make a body, and how the gradient on its occupancy comes back to them."""

from scatterkit.fitting.models.base import BodyModel, PlaneModel
from scatterkit.fitting.models.catalogue import CatalogueBody
from scatterkit.fitting.models.convex import ConvexBody
from scatterkit.fitting.models.ellipsoid import EllipsoidBody
from scatterkit.fitting.models.names import MODELS, as_model
from scatterkit.fitting.models.star import StarBody
from scatterkit.fitting.models.support import SupportBody
from scatterkit.fitting.models.symmetric import SymmetricBody
from scatterkit.fitting.models.union import UnionBody

__all__ = [
    "MODELS",
    "BodyModel",
    "CatalogueBody",
    "ConvexBody",
    "EllipsoidBody",
    "PlaneModel",
    "StarBody",
    "SupportBody",
    "SymmetricBody",
    "UnionBody",
    "as_model",
]
