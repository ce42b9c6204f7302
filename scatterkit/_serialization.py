"""Components as JSON text and back, with all that may be a parameter: nested components, tuples, arrays."""

from __future__ import annotations

import base64
import dataclasses
import importlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from scatterkit.base import Component

PACKAGE = "scatterkit"
HOW: Mapping[str, Any] = {"backend": "auto", "n_threads": None, "n_jobs": None}
"""Parameters of components that say how they compute, with their defaults."""


class SerializationError(ValueError):
    """A text does not describe a component, or a component cannot be described by text."""


def to_json(component: Component) -> str:
    """Describe a component, with all its parameters, by JSON text.

    Parameters
    ----------
    component : Component
        The component; parameters may be components, data classes of the package, sequences, mappings with
        texts as keys, arrays, numbers and paths, which come back as text. NumPy's numbers come back as
        Python's.

    Returns
    -------
    str
        The text; equal parameters give equal texts.

    Raises
    ------
    SerializationError
        If a parameter is of another kind, such as a random number generator or a function.

    Examples
    --------
    >>> from scatterkit._serialization import from_json, to_json
    >>> from scatterkit.experiment import QGrid
    >>> text = to_json(QGrid(n_pixels=(8, 16)))
    >>> text
    '{"class":"scatterkit.experiment.QGrid","parameters":{"dq":0.007391982714328925,"n_pixels":{"tuple":[8,16]}}}'
    >>> from_json(text).n_pixels
    (8, 16)
    """
    return json.dumps(to_plain(component), sort_keys=True, separators=(",", ":"), allow_nan=False)


def from_json(text: str, classes: Iterable[type] = ()) -> Any:
    """Make the component that a text of `to_json` describes.

    Parameters
    ----------
    text : str
        The text.
    classes : iterable of type
        Classes from outside the package that the text may name; no others are ever imported.

    Returns
    -------
    Component
        A new component with the same parameters.

    Raises
    ------
    SerializationError
        If the text is damaged, or names a class that is unknown.
    """
    try:
        plain = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise SerializationError(f"This is no JSON text of a component: {error}.") from error
    try:
        component = from_plain(plain, {class_name(kind): kind for kind in classes})
    except SerializationError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SerializationError(f"The JSON text of a component is damaged: {error!r}.") from error
    if not isinstance(component, Component):
        raise SerializationError(f"The JSON text describes no component, but {component!r:.80}.")
    return component


def class_name(kind: type) -> str:
    """Give the name by which a class is stored: in the package, that of the room that makes it public."""
    if kind.__module__.partition(".")[0] == PACKAGE:
        room = ".".join(kind.__module__.split(".")[:2])
        if getattr(importlib.import_module(room), kind.__name__, None) is kind:
            return f"{room}.{kind.__name__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def to_plain(value: Any) -> Any:
    """Give a value as what JSON knows: None, booleans, finite numbers, texts, lists and objects."""
    if value is None or (isinstance(value, (bool, int, str)) and not isinstance(value, np.generic)):
        return value
    if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0:
        return _plain_scalar(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, complex):
        return {"complex": [to_plain(value.real), to_plain(value.imag)]}
    if isinstance(value, np.ndarray):
        return {"array": _plain_array(value)}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, tuple):
        return {"tuple": [to_plain(item) for item in value]}
    if isinstance(value, list):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": [[key, to_plain(item)] for key, item in value.items()]}
    return _plain_object(value)


def to_plain_result(value: Any) -> Any:
    """Give a value as `to_plain` does, with defaults for all that says how it is computed, but not what comes of it."""
    return _as_if_default(to_plain(value))


def _as_if_default(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_as_if_default(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    found = {name: _as_if_default(item) for name, item in plain.items()}
    if set(plain) == {"class", "parameters"}:
        found["parameters"] |= {name: HOW[name] for name in HOW.keys() & plain["parameters"].keys()}
    return found


def _plain_object(value: Any) -> dict[str, Any]:
    if isinstance(value, Component):
        parameters = value.get_params(deep=False)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        parameters = {
            field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init
        }
    else:
        hint = " Give an integer instead." if isinstance(value, np.random.Generator) else ""
        raise SerializationError(f"A value of type {type(value).__name__} cannot be stored as JSON.{hint}")
    described = {}
    for name, item in parameters.items():
        try:
            described[name] = to_plain(item)
        except SerializationError as error:
            owner = type(value).__name__
            raise SerializationError(f"The '{name}' parameter of {owner}: {error}") from error
    return {"class": class_name(type(value)), "parameters": described}


def _plain_scalar(value: Any) -> Any:
    """Give NumPy's numbers as Python's: equal parameters are to have equal texts."""
    plain = value.item() if value.dtype.kind in "biufcU" else value
    if isinstance(plain, (np.generic, np.ndarray)):
        raise SerializationError(f"A value of type {value.dtype} cannot be stored as JSON.")
    return to_plain(plain)


def _plain_array(array: np.ndarray) -> dict[str, Any]:
    if array.dtype.kind not in "biufcU":
        raise SerializationError(f"An array of type {array.dtype} cannot be stored as JSON.")
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    data = base64.b64encode(little.tobytes()).decode("ascii")
    return {"dtype": little.dtype.str, "shape": list(array.shape), "base64": data}


def from_plain(plain: Any, classes: Mapping[str, type]) -> Any:
    """Give back the value that `to_plain` described."""
    if isinstance(plain, list):
        return [from_plain(item, classes) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if set(plain) == {"class", "parameters"}:
        return _make(plain["class"], plain["parameters"], classes)
    if len(plain) != 1:
        raise SerializationError(f"Unknown content {sorted(plain)!r:.80}.")
    ((kind, content),) = plain.items()
    if kind == "float":
        return float(content)
    if kind == "complex":
        return complex(*(from_plain(part, classes) for part in content))
    if kind == "array":
        return _array(content)
    if kind == "tuple":
        return tuple(from_plain(item, classes) for item in content)
    if kind == "dict":
        return {key: from_plain(item, classes) for key, item in content}
    raise SerializationError(f"Unknown content {kind!r:.80}.")


def _array(content: Mapping[str, Any]) -> Any:
    dtype = np.dtype(content["dtype"])
    if dtype.kind not in "biufcU":
        raise SerializationError(f"Unknown content: an array of type {dtype}.")
    flat = np.frombuffer(base64.b64decode(content["base64"], validate=True), dtype)
    return flat.reshape(content["shape"]).astype(dtype.newbyteorder("="))[()]


def _make(name: str, parameters: Mapping[str, Any], classes: Mapping[str, type]) -> Any:
    kind = classes[name] if name in classes else _public_class(name)
    values = {key: from_plain(item, classes) for key, item in parameters.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise SerializationError(f"{name} cannot be made of the stored parameters: {error}.") from error


def _public_class(name: str) -> type:
    """Find a component or data class of the package by its stored name."""
    room, _, last = name.rpartition(".")
    if not room.startswith(f"{PACKAGE}.") and room != PACKAGE:
        raise SerializationError(f"The class {name!r} is not of {PACKAGE}: pass it among `classes`.")
    try:
        kind = getattr(importlib.import_module(room), last)
    except (ImportError, AttributeError) as error:
        raise SerializationError(f"This version of {PACKAGE} has no class {name!r}.") from error
    if not isinstance(kind, type) or not (issubclass(kind, Component) or dataclasses.is_dataclass(kind)):
        raise SerializationError(f"{name!r} is no component.")
    return kind
