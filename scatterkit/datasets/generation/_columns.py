"""The descriptors of bodies as columns: one array for each field of their data class, whatever sampler drew them."""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from collections.abc import Sequence
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from scatterkit._serialization import SerializationError, to_plain
from scatterkit._validation import fail, shown

STRING = "string"
"""Type of a column of texts; all others have the names of NumPy's types."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A field of a descriptor as an array with one entry, or one row, for each sample."""

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    unit: str | None = None

    def values(self, descriptors: Sequence[Any]) -> NDArray[Any]:
        """Give the column of some descriptors: missing numbers as NaN, missing texts as empty."""
        found = [getattr(descriptor, self.name) for descriptor in descriptors]
        if self.dtype == STRING:
            return np.array([_text(value) for value in found], dtype=object)
        rows = np.array([np.nan if value is None else value for value in found], dtype=self.dtype)
        return rows.reshape(len(descriptors), *self.shape)


def columns_of(descriptor: Any) -> tuple[Column, ...]:
    """Give the columns that hold descriptors of this one's kind, by the types that its class declares."""
    kind = type(descriptor)
    if not dataclasses.is_dataclass(descriptor) or isinstance(descriptor, type):
        allowed = "one whose `sample_params` gives instances of a data class, whose fields are stored"
        raise fail("sampler", "DatasetGenerator", allowed, f"{shown(descriptor)}, of type {kind.__name__},")
    units, hints = _units(kind), typing.get_type_hints(kind)
    columns = []
    for field in dataclasses.fields(descriptor):
        dtype, shape = _form(hints[field.name], getattr(descriptor, field.name))
        columns.append(Column(field.name, dtype, shape, units.get(field.name)))
    return tuple(columns)


def _form(hint: Any, example: Any) -> tuple[str, tuple[int, ...]]:
    """Give type and shape of the column of a declared type; what is neither number nor vector becomes text."""
    options = set(_options(hint))
    optional = type(None) in options
    options -= {type(None)}
    if options == {bool}:
        return (STRING if optional else "bool"), ()
    if options == {int} and not optional:
        return "int64", ()
    if options and options <= {int, float}:
        return "float64", ()
    if len(options) == 1 and not optional:
        (only,) = options
        parts = typing.get_args(only)
        if typing.get_origin(only) is tuple and parts and all(part in (int, float) for part in parts):
            return ("float64" if float in parts else "int64"), (len(parts),)
        if only is np.ndarray or typing.get_origin(only) is np.ndarray:
            array = np.asarray(example)
            if array.dtype.kind in "iuf":
                return array.dtype.newbyteorder("=").name, array.shape
    return STRING, ()


def _options(hint: Any) -> tuple[Any, ...]:
    """Give the members of a union, or the type itself."""
    return typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    try:
        # vectors as people write them; all else so that it can be read back
        plain = list(value) if isinstance(value, tuple) else to_plain(value)
        return json.dumps(plain, sort_keys=True, allow_nan=False)
    except (SerializationError, TypeError, ValueError):
        return repr(value)


def _units(kind: type) -> dict[str, str]:
    """Read the units of the fields from the docstring of their class, where it states them."""
    pattern = re.compile(r"^\s*(\w+)\s*:[^\n]*\bfloat\b[^\n]*?\[([^\]\n]+)\]", re.MULTILINE)
    return dict(pattern.findall(kind.__doc__ or ""))
