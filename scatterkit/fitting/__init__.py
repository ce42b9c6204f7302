"""Forward fitting: bodies from patterns through the scattering physics, and what can be said of them."""

from scatterkit.fitting.answers import (
    Alternative,
    CrystalOrientation,
    FacetTable,
    FacetUncertainty,
    FitQuality,
    FitReport,
    build_report,
    facet_table,
    guess_fcc,
    judge_fit,
    parameter_uncertainty,
)
from scatterkit.fitting.baselines import (
    EvolutionFitter,
    MultiStartFitter,
    RetrievalFitter,
    SimplexFitter,
    curve_dataset,
    make_baseline,
)
from scatterkit.fitting.first_look import FirstLook, SilhouetteWidths, Streak
from scatterkit.fitting.forward_fitter import ForwardFitter
from scatterkit.fitting.models import (
    BodyModel,
    CatalogueBody,
    ConvexBody,
    EllipsoidBody,
    PlaneModel,
    StarBody,
    SupportBody,
    SymmetricBody,
    UnionBody,
)

__all__ = [
    "Alternative",
    "BodyModel",
    "CatalogueBody",
    "ConvexBody",
    "CrystalOrientation",
    "EllipsoidBody",
    "EvolutionFitter",
    "FacetTable",
    "FacetUncertainty",
    "FirstLook",
    "FitQuality",
    "FitReport",
    "ForwardFitter",
    "MultiStartFitter",
    "PlaneModel",
    "RetrievalFitter",
    "SilhouetteWidths",
    "SimplexFitter",
    "StarBody",
    "Streak",
    "SupportBody",
    "SymmetricBody",
    "UnionBody",
    "build_report",
    "curve_dataset",
    "facet_table",
    "guess_fcc",
    "judge_fit",
    "make_baseline",
    "parameter_uncertainty",
]
