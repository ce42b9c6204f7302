"""What every scatterkit component shares: parameters that are assigned first and checked at use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sklearn.base import BaseEstimator, TransformerMixin

from scatterkit._validation import Constraint, check_value


class Component(BaseEstimator):
    """A scikit-learn style object whose parameters are checked when they are used.

    ``__init__`` of a subclass only assigns, so that ``clone``, ``set_params`` with nested names and
    ``repr`` work. Each subclass lists its parameters in ``_constraints``; its public methods call
    ``_check_parameters`` before any long work.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {}

    def _check_parameters(self) -> None:
        owner = type(self).__name__
        for name, constraint in self._constraints.items():
            check_value(getattr(self, name), constraint, name=name, owner=owner)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.no_validation = True
        return tags


class StatelessTransformer(TransformerMixin, Component):
    """A transformer that learns nothing: ``fit`` checks the parameters and returns the object itself."""

    def fit(self, X: Any = None, y: Any = None) -> StatelessTransformer:
        """Check the parameters; nothing is learnt.

        Parameters
        ----------
        X : object, optional
            Ignored.
        y : object, optional
            Ignored.

        Returns
        -------
        StatelessTransformer
            The object itself.
        """
        self._check_parameters()
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags
