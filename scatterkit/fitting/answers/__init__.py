"""Answers that can be published: facets with uncertainties, what is not determined, other bodies, a verdict."""

from scatterkit.fitting.answers.alternatives import Alternative
from scatterkit.fitting.answers.facet_table import FacetTable, facet_table
from scatterkit.fitting.answers.indexing import CrystalOrientation, guess_fcc
from scatterkit.fitting.answers.quality import FitQuality, judge_fit
from scatterkit.fitting.answers.report import FitReport, build_report
from scatterkit.fitting.answers.uncertainty import FacetUncertainty, parameter_uncertainty

__all__ = [
    "Alternative",
    "CrystalOrientation",
    "FacetTable",
    "FacetUncertainty",
    "FitQuality",
    "FitReport",
    "build_report",
    "facet_table",
    "guess_fcc",
    "judge_fit",
    "parameter_uncertainty",
]
