"""Docstrings of the public names: numpydoc finds no fault, floats state a unit, examples are there to run."""

from __future__ import annotations

import inspect
import re
import tomllib
import types
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from component_cases import public_components, public_objects
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import validate

FLOAT = re.compile(r"\bfloats?\b")
PROJECT = Path(__file__).parents[2]
UNIT = re.compile(r"\[[^\[\]]+\]")


def floats_without_unit(parameters: list[Any]) -> Iterator[str]:
    for parameter in parameters:
        if FLOAT.search(parameter.type) and "array" not in parameter.type and not UNIT.search(parameter.type):
            yield f"{parameter.name} : {parameter.type}"


def dotted_names() -> list[str]:
    """Every public object, and every public method and property, as numpydoc wants to import it."""
    names = [f"{value.__module__}.{value.__qualname__}" for value in OBJECTS]
    for kind in filter(inspect.isclass, OBJECTS):
        for name in vars(kind):
            member = inspect.getattr_static(kind, name)
            if not name.startswith("_") and isinstance(member, METHODS):
                names.append(f"{kind.__module__}.{kind.__qualname__}.{name}")
    return names


METHODS = (types.FunctionType, classmethod, staticmethod, property, cached_property)
OBJECTS = public_objects()
CHECKS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "numpydoc_validation"
]["checks"]


def test_there_are_objects() -> None:
    assert set(public_components()) <= set(OBJECTS)
    assert len(OBJECTS) >= 30


@pytest.mark.parametrize("name", dotted_names())
def test_numpydoc_finds_no_fault(name: str) -> None:
    assert [(code, text) for code, text in validate(name)["errors"] if code in CHECKS] == []


@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: value.__name__)
def test_floats_state_a_unit(value: Any) -> None:
    doc = ClassDoc(value) if inspect.isclass(value) else FunctionDoc(value)
    assert list(floats_without_unit(doc["Parameters"])) == []


TO_CALL = [value for value in OBJECTS if inspect.isfunction(value)] + public_components()


@pytest.mark.parametrize("value", TO_CALL, ids=lambda value: value.__name__)
def test_examples_are_there(value: Any) -> None:
    doc = ClassDoc(value) if inspect.isclass(value) else FunctionDoc(value)
    assert doc["Examples"]


@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: value.__name__)
def test_it_stands_in_the_reference(value: Any) -> None:
    reference = PROJECT / "docs" / "api.rst"
    assert f"   {value.__name__}\n" in reference.read_text(encoding="utf-8")
