"""The baselines by name."""

from __future__ import annotations

from typing import Any

from scatterkit._validation import Choice, check_value
from scatterkit.fitting._pattern_fitter import PatternFitter
from scatterkit.fitting.baselines.evolution import EvolutionFitter
from scatterkit.fitting.baselines.multistart import MultiStartFitter
from scatterkit.fitting.baselines.retrieval import RetrievalFitter
from scatterkit.fitting.baselines.simplex import SimplexFitter

BASELINES: dict[str, type[PatternFitter]] = {
    "B1-simplex": SimplexFitter,
    "B2-cmaes": EvolutionFitter,
    "B3-multistart": MultiStartFitter,
    "B4-retrieval": RetrievalFitter,
}


def make_baseline(name: str, **parameters: Any) -> Any:
    """Give a baseline by name, so that all can be run alike.

    Parameters
    ----------
    name : {"B1-simplex", "B2-cmaes", "B3-multistart", "B4-retrieval"}
        Simplices over the classes of the catalogue; evolution of half-spaces; gradient descent of half-spaces from many
        spheres; the nearest pattern of a library, refined.
    **parameters : object
        Parameters of the fitter, such as ``simulator``, ``time_budget`` and ``random_state``, which all of them have.

    Returns
    -------
    SimplexFitter, EvolutionFitter, MultiStartFitter or RetrievalFitter
        The fitter.

    Examples
    --------
    >>> from scatterkit.fitting import make_baseline
    >>> make_baseline("B2-cmaes", time_budget=20.0)
    EvolutionFitter(time_budget=20.0)
    """
    check_value(name, Choice(tuple(BASELINES)), name="name", owner="make_baseline")
    return BASELINES[name](**parameters)
