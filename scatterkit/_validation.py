"""Checks of parameters and arrays; every message says what is wrong, what is allowed, what was given."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray


class InvalidParameterError(ValueError, TypeError):
    """A parameter has a value that is not allowed."""


class Constraint(Protocol):
    """What a parameter may be."""

    def accepts(self, value: Any) -> bool:
        """Whether the value is allowed."""

    def describe(self) -> str:
        """The allowed values in words, to follow 'must be'."""


@dataclass(frozen=True)
class Real:
    """A finite float, in an interval."""

    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    open_low: bool = False
    optional: bool = False
    finite: bool = True

    def accepts(self, value: Any) -> bool:
        if value is None:
            return self.optional
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
            return False
        number = float(value)
        if math.isnan(number) or (self.finite and math.isinf(number)):
            return False
        above = number > self.low if self.open_low else number >= self.low
        return above and number <= self.high

    def describe(self) -> str:
        unit = f" in {self.unit}" if self.unit else ""
        none = " or None" if self.optional else ""
        if self.low == 0 and self.open_low and math.isinf(self.high):
            return f"a positive float{unit}{none}"
        if self.low == 0 and math.isinf(self.high):
            return f"a float >= 0{unit}{none}"
        if math.isinf(self.low) and math.isinf(self.high):
            return f"a finite float{unit}{none}"
        bracket = "(" if self.open_low else "["
        return f"a float{unit} in {bracket}{self.low:g}, {self.high:g}]{none}"


def Positive(unit: str = "", *, optional: bool = False, finite: bool = True) -> Real:  # noqa: N802
    """A float above zero."""
    return Real(low=0, open_low=True, unit=unit, optional=optional, finite=finite)


def is_sequence(value: Any, n: int) -> bool:
    """Whether a value is a tuple, list or array of a length."""
    if isinstance(value, np.ndarray):
        return value.shape[:1] == (n,)
    return isinstance(value, (tuple, list)) and len(value) == n


@dataclass(frozen=True)
class Range:
    """A pair (low, high) of finite floats in an interval, not falling."""

    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    open_low: bool = False

    def accepts(self, value: Any) -> bool:
        if not is_sequence(value, 2):
            return False
        within = Real(self.low, self.high, open_low=self.open_low)
        return all(map(within.accepts, value)) and bool(value[0] <= value[1])

    def describe(self) -> str:
        unit = f" in {self.unit}" if self.unit else ""
        one = Real(self.low, self.high, open_low=self.open_low).describe()
        return f"two floats{unit}, the smaller one first, each {one}"


@dataclass(frozen=True)
class Numbers:
    """A sequence of finite numbers of a fixed length."""

    n: int
    unit: str
    optional: bool = False

    def accepts(self, value: Any) -> bool:
        if value is None:
            return self.optional
        return is_sequence(value, self.n) and all(map(Real().accepts, value))

    def describe(self) -> str:
        return f"a sequence of {self.n} finite floats in {self.unit}" + (" or None" if self.optional else "")


@dataclass(frozen=True)
class Integer:
    """An integer, in an interval."""

    low: int | None = None
    high: int | None = None
    optional: bool = False

    def accepts(self, value: Any) -> bool:
        if value is None:
            return self.optional
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
            return False
        number = int(value)
        return (self.low is None or number >= self.low) and (self.high is None or number <= self.high)

    def describe(self) -> str:
        none = " or None" if self.optional else ""
        if self.low is not None and self.high is not None:
            return f"an integer in [{self.low}, {self.high}]{none}"
        if self.low is not None:
            return f"an integer >= {self.low}{none}"
        return f"an integer{none}"


@dataclass(frozen=True)
class Choice:
    """One of a few named values."""

    options: tuple[Any, ...]

    def accepts(self, value: Any) -> bool:
        return any(
            value is option or (type(value) is type(option) and value == option) for option in self.options
        )

    def describe(self) -> str:
        return "one of " + ", ".join(repr(option) for option in self.options)


@dataclass(frozen=True)
class Boolean:
    """True or False."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, (bool, np.bool_))

    def describe(self) -> str:
        return "True or False"


@dataclass(frozen=True)
class Instance:
    """An object of one of some classes."""

    types: tuple[type, ...]
    optional: bool = False

    def accepts(self, value: Any) -> bool:
        return (value is None and self.optional) or isinstance(value, self.types)

    def describe(self) -> str:
        names = " or ".join(kind.__name__ for kind in self.types)
        return f"an instance of {names}" + (" or None" if self.optional else "")


@dataclass(frozen=True)
class AnyOf:
    """A value that at least one of some constraints accepts."""

    constraints: tuple[Constraint, ...]

    def accepts(self, value: Any) -> bool:
        return any(constraint.accepts(value) for constraint in self.constraints)

    def describe(self) -> str:
        return ", or ".join(constraint.describe() for constraint in self.constraints)


def shown(value: Any) -> str:
    """A value as an error message shows it: short, arrays by shape and type."""
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"an array of shape {value.shape} and type {value.dtype}"
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


def fail(name: str, owner: str, allowed: str, given: str) -> InvalidParameterError:
    """The error that names the parameter, what is allowed and what was given (to be raised by the caller)."""
    return InvalidParameterError(f"The '{name}' parameter of {owner} must be {allowed}. Got {given} instead.")


def check_value(value: Any, constraint: Constraint, *, name: str, owner: str) -> None:
    """Raise if the constraint does not accept the value."""
    if not constraint.accepts(value):
        raise fail(name, owner, constraint.describe(), shown(value))


def check_array(
    value: ArrayLike,
    *,
    name: str,
    owner: str,
    shape: Sequence[int | None],
    dtype: Any = np.float32,
    low: float | None = None,
    high: float | None = None,
    what: str = "an array",
) -> NDArray[Any]:
    """Give the value as a finite C-contiguous array of a type and shape (None: any length), or raise."""
    wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
    try:
        raw = np.asarray(value)
        real = not np.issubdtype(np.dtype(dtype), np.complexfloating)
        array = np.ascontiguousarray(raw.real if real else raw, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise fail(name, owner, f"{what} of shape {wanted}", shown(value)) from error
    if real and np.iscomplexobj(raw):
        raise fail(name, owner, f"{what} of real numbers", "complex numbers")
    fits = raw.ndim == len(shape) and all(n is None or n == m for n, m in zip(shape, raw.shape, strict=True))
    if not fits or raw.size == 0:
        raise fail(name, owner, f"{what} of shape {wanted}, not empty", f"shape {raw.shape}")
    if np.issubdtype(array.dtype, np.inexact) and not np.isfinite(array).all():
        bad = int(np.size(array) - np.count_nonzero(np.isfinite(array)))
        raise fail(name, owner, f"{what} of finite numbers", f"{bad} NaN or infinite entries of {array.size}")
    if (low is not None and array.min() < low) or (high is not None and array.max() > high):
        bottom, top = (-math.inf if low is None else low), (math.inf if high is None else high)
        allowed = f"{what} with values in [{bottom:g}, {top:g}]"
        raise fail(name, owner, allowed, f"values from {array.min():g} to {array.max():g}")
    return array


def check_volumes(X: ArrayLike, *, owner: str, name: str = "X") -> NDArray[np.float32]:
    """Give occupancies as float32 ``(n, z, y, x)`` in [0, 1], or raise."""
    slack = 1e-5  # float32 sums of coverage may overshoot by rounding
    return check_array(
        X,
        name=name,
        owner=owner,
        shape=(None, None, None, None),
        low=-slack,
        high=1 + slack,
        what="volumes (n, z, y, x)",
    )


def check_patterns(
    X: ArrayLike, *, owner: str, name: str = "X", low: float | None = 0
) -> NDArray[np.float32]:
    """Give patterns as float32 ``(n, y, x)``, or raise."""
    return check_array(
        X, name=name, owner=owner, shape=(None, None, None), low=low, what="patterns (n, y, x)"
    )


def check_mask(
    mask: ArrayLike | None, shape: tuple[int, int], *, owner: str, name: str = "mask", n: int | None = None
) -> NDArray[np.bool_] | None:
    """Give a mask (True: measured) as bool ``(y, x)``, or ``(n, y, x)`` where n is given; None stays None.

    A mask holds booleans or 0 and 1, has the shape of a pattern and leaves at least one pixel in each.
    """
    if mask is None:
        return None
    raw = np.asarray(mask)
    allowed = f"a boolean array of shape {shape}" + (f" or {(n, *shape)}" if n is not None else "")
    if raw.shape != shape and (n is None or raw.shape != (n, *shape)):
        raise fail(name, owner, allowed, f"shape {raw.shape}")
    if raw.dtype != bool and not np.isin(raw, (0, 1)).all():
        raise fail(
            name, owner, allowed + ", True where a pixel was measured", f"other values, of type {raw.dtype}"
        )
    flags = raw.astype(bool)
    if not flags.any(axis=(-2, -1)).all():
        raise fail(name, owner, allowed + " with at least one True pixel in each pattern", "an empty mask")
    return flags


def joint_mask(parts: Iterable[Any], shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Give the pixels ``(y, x)`` that all of some parts measure, each with a ``mask`` or none; None for all pixels."""
    measured: NDArray[np.bool_] | None = None
    for part in parts:
        owner = type(part).__name__
        mask = check_mask(getattr(part, "mask", None), shape, owner=owner)
        if mask is None:
            continue
        measured = mask if measured is None else measured & mask
        if not measured.any():
            raise fail("mask", owner, "True somewhere that the masks before it are", "no such pixel")
    return measured
