"""The baselines that other ways of reconstruction are measured against."""

from scatterkit.fitting.baselines.curves import curve_dataset
from scatterkit.fitting.baselines.evolution import EvolutionFitter
from scatterkit.fitting.baselines.multistart import MultiStartFitter
from scatterkit.fitting.baselines.names import make_baseline
from scatterkit.fitting.baselines.retrieval import RetrievalFitter
from scatterkit.fitting.baselines.simplex import SimplexFitter

__all__ = [
    "EvolutionFitter",
    "MultiStartFitter",
    "RetrievalFitter",
    "SimplexFitter",
    "curve_dataset",
    "make_baseline",
]
