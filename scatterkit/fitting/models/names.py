"""Which body model a name means."""

from __future__ import annotations

from typing import Any

from scatterkit._validation import InvalidParameterError, fail, shown
from scatterkit.fitting.models.base import BodyModel
from scatterkit.fitting.models.catalogue import CatalogueBody
from scatterkit.fitting.models.convex import ConvexBody
from scatterkit.fitting.models.ellipsoid import EllipsoidBody
from scatterkit.fitting.models.star import StarBody
from scatterkit.fitting.models.support import SupportBody
from scatterkit.fitting.models.union import UnionBody

MODELS: dict[str, type[BodyModel]] = {
    "convex": ConvexBody,
    "support": SupportBody,
    "star": StarBody,
    "ellipsoid": EllipsoidBody,
    "union": UnionBody,
}

CATALOGUE = "catalogue"
"""The name that stands for all classes: `ForwardFitter` tries each, it is no body model of its own."""

ALLOWED = ", ".join(map(repr, (*MODELS, CATALOGUE))) + ", a name in the catalogue or a BodyModel"


def as_model(model: Any, *, owner: str) -> BodyModel:
    """Give the body model that a parameter means: an object, a name of `MODELS`, or a catalogue name."""
    if isinstance(model, BodyModel):
        chosen = model
    elif isinstance(model, str):
        chosen = MODELS[model]() if model in MODELS else _catalogue_body(model, owner)
    else:
        raise fail("model", owner, ALLOWED, shown(model))
    chosen._check_parameters()
    return chosen


def _catalogue_body(name: str, owner: str) -> CatalogueBody:
    model = CatalogueBody(name)
    try:
        model._check_parameters()
    except InvalidParameterError as error:
        raise fail("model", owner, ALLOWED, shown(name)) from error
    return model
