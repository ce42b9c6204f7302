"""What holds for every public component, whatever it does: scikit-learn's parameter protocol."""

from __future__ import annotations

import functools
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from component_cases import ABSTRACT, CASES, make, public_components
from sklearn.base import clone
from sklearn.utils import estimator_checks

import scatterkit
from scatterkit._validation import InvalidParameterError, Real
from scatterkit.base import Component, StatelessTransformer


def all_have_defaults(kind: type[Component]) -> bool:
    """Whether a component can be made without arguments."""
    parameters = inspect.signature(kind).parameters.values()
    return all(parameter.default is not parameter.empty for parameter in parameters)


COMPONENTS = public_components()
DEFAULTED = [kind for kind in COMPONENTS if all_have_defaults(kind)]

# The checks of scikit-learn that need no X: the others feed tables, which no component here takes.
CHECKS_FOR_ALL = [
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_mixin_order,
    estimator_checks.check_valid_tag_types,
]
CHECKS_FOR_DEFAULTED = [
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_set_params,
]


# Fewer than these have been found: the discovery is broken, or a component went.
N_COMPONENTS = 71
N_DEFAULTED = 61
N_FLOATS = 76


class Nothing:
    """A value that no parameter accepts."""

    def __repr__(self) -> str:
        return "<nothing>"


def parameter_names(kind: type[Component]) -> list[str]:
    return list(inspect.signature(kind).parameters)


LABELS = {("Solid", "name"), ("Ellipsoid", "name")}  # words for people: nothing is computed from them
EVERY_PARAMETER = [
    (kind, name)
    for kind in COMPONENTS
    for name in parameter_names(kind)
    if (kind.__name__, name) not in LABELS
]
EVERY_FLOAT = [
    (kind, name) for kind, name in EVERY_PARAMETER if isinstance(kind._constraints.get(name), Real)
]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, Component):
        return type(a) is type(b) and same_params(a, b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b) or (a is None and b is None)


def same_params(a: Component, b: Component) -> bool:
    ours, theirs = a.get_params(deep=False), b.get_params(deep=False)
    return ours.keys() == theirs.keys() and all(same(ours[name], theirs[name]) for name in ours)


def test_every_component_has_a_case() -> None:
    assert {kind.__name__ for kind in COMPONENTS} == set(CASES)


def test_every_concrete_component_is_a_public_name() -> None:
    modules = [
        importlib.import_module(info.name)
        for info in pkgutil.walk_packages(scatterkit.__path__, "scatterkit.")
        if "._" not in info.name
    ]
    classes = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    public = {kind for kind in classes if "._" not in f"{kind.__module__}.{kind.__name__}"}
    bases = {"Component", "StatelessTransformer"} | ABSTRACT
    concrete = {kind for kind in public if issubclass(kind, Component) and kind.__name__ not in bases}
    assert concrete == set(COMPONENTS)


def test_how_much_is_covered() -> None:
    """A discovery that finds nothing would let every test below pass."""
    assert len(COMPONENTS) >= N_COMPONENTS
    assert len(DEFAULTED) >= N_DEFAULTED
    assert len(EVERY_FLOAT) >= N_FLOATS


@pytest.mark.parametrize("check", CHECKS_FOR_ALL, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", COMPONENTS)
def test_scikit_learn_checks(kind: type[Component], check: Callable[[str, Any], None]) -> None:
    check(kind.__name__, make(kind))


@pytest.mark.parametrize("check", CHECKS_FOR_DEFAULTED, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", DEFAULTED)
def test_scikit_learn_checks_of_defaults(kind: type[Component], check: Callable[[str, Any], None]) -> None:
    check(kind.__name__, kind())


@pytest.mark.parametrize("kind", COMPONENTS)
def test_init_keeps_the_very_objects(kind: type[Component]) -> None:
    given = {name: Nothing() for name in parameter_names(kind)}
    held = kind(**given).get_params(deep=False)
    assert held.keys() == given.keys()
    assert all(held[name] is given[name] for name in given)


@pytest.mark.parametrize("kind", COMPONENTS)
def test_construction_leaves_no_other_public_attributes(kind: type[Component]) -> None:
    public = {name for name in vars(make(kind)) if not name.startswith("_")}
    assert public <= set(parameter_names(kind))


@functools.cache
def used(kind: type[Component]) -> Component:
    """A component that has done its work, to be looked at only."""
    component = make(kind)
    CASES[kind.__name__].use(component)
    return component


@pytest.mark.parametrize("kind", COMPONENTS)
def test_the_case_is_valid_and_use_changes_no_parameter(kind: type[Component]) -> None:
    assert same_params(used(kind), make(kind))


@pytest.mark.parametrize("kind", COMPONENTS)
def test_clone_has_the_parameters_and_no_results(kind: type[Component]) -> None:
    copy = clone(used(kind))
    assert copy is not used(kind)
    assert same_params(used(kind), copy)
    assert not [name for name in vars(copy) if name.endswith("_")]


@pytest.mark.parametrize("kind", COMPONENTS)
def test_pickle_round_trip(kind: type[Component]) -> None:
    copy = pickle.loads(pickle.dumps(used(kind)))
    assert same_params(used(kind), copy)
    CASES[kind.__name__].use(copy)


@pytest.mark.parametrize("kind", DEFAULTED)
def test_repr_is_the_call_that_makes_it(kind: type[Component]) -> None:
    component = kind()
    names = {other.__name__: other for other in COMPONENTS}
    assert same_params(eval(repr(component), names), component)


@pytest.mark.parametrize(("kind", "name"), EVERY_PARAMETER)
def test_a_value_of_another_kind_is_refused_at_use(kind: type[Component], name: str) -> None:
    component = make(kind).set_params(**{name: Nothing()})
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of .* must be .* Got .* instead"):
        CASES[kind.__name__].use(component)


@pytest.mark.parametrize("value", [np.nan, "1", True, -np.inf, 1j])
@pytest.mark.parametrize(("kind", "name"), EVERY_FLOAT)
def test_bad_floats_are_refused_at_use(kind: type[Component], name: str, value: Any) -> None:
    component = make(kind).set_params(**{name: value})
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of .* must be .* Got .* instead"):
        CASES[kind.__name__].use(component)


@pytest.mark.parametrize("kind", [kind for kind in COMPONENTS if issubclass(kind, StatelessTransformer)])
def test_stateless_fit_checks_and_returns_itself(kind: type[StatelessTransformer]) -> None:
    component = make(kind)
    before = set(vars(component))
    assert component.fit() is component
    assert set(vars(component)) == before


@pytest.mark.parametrize("kind", COMPONENTS)
def test_constraints_name_parameters(kind: type[Component]) -> None:
    assert set(kind._constraints) <= set(parameter_names(kind))
