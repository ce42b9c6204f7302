"""Whether patterns that somebody else simulated are what a network is to be shown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from scatterkit._serialization import HOW, SerializationError, from_plain, to_plain
from scatterkit._validation import fail, shown
from scatterkit.experiment import grid_step
from scatterkit.simulation import LogScaler, MSFTSimulator

_STEP = 1e-6
"""Relative difference of numbers that were rounded on their way into a file."""


def check_experiment(
    simulator: MSFTSimulator, scaler: LogScaler | None, ours: MSFTSimulator, owner: str
) -> None:
    """Refuse patterns of another simulator or scaler; how they were computed does not matter."""
    known = ours.get_params(deep=False)
    for name, value in simulator.get_params(deep=False).items():
        if name not in HOW and to_plain(value) != to_plain(known[name]):
            allowed = f"patterns of the simulator's own {name}, {shown(known[name])}"
            raise fail("X", owner, allowed, shown(value))
    _check_scaler(scaler, owner)


def _check_scaler(scaler: LogScaler | None, owner: str) -> None:
    """Refuse another scale than that which losses compare patterns on; masks may differ."""
    needed = LogScaler()
    if scaler is None or (float(scaler.eps), bool(scaler.normalize)) != (needed.eps, needed.normalize):
        allowed = f"patterns scaled by LogScaler(eps={needed.eps:g})"
        raise fail("X", owner, allowed, shown(scaler))


def check_attributes(attributes: Mapping[str, Any], ours: MSFTSimulator, owner: str) -> None:
    """Refuse a set whose attributes tell of another experiment or scale; what they do not tell is believed."""
    if attributes.get("scale", "log") != "log":
        raise fail(
            "X", owner, "a set whose patterns are scaled by LogScaler", f"scale {attributes['scale']!r}"
        )
    parts = _generator(attributes)
    for part in parts.get("scaler") or ():
        if isinstance(part, LogScaler):
            _check_scaler(part, owner)
    if isinstance(parts.get("simulator"), MSFTSimulator):
        check_experiment(parts["simulator"], LogScaler(), ours, owner)
        return
    facts = {"wavelength": ours.wavelength, "box": ours.box, "dq": grid_step(ours)}
    for name, value in facts.items():
        given = attributes.get(name)
        if not isinstance(given, (int, float)) or value is None:
            continue
        if not math.isclose(given, value, rel_tol=_STEP):
            raise fail("X", owner, f"patterns of the simulator's own {name}, {value:g}", f"{given:g}")


def _generator(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Give the simulator and scalers of a set that `DatasetGenerator` made; others' classes are not known here."""
    try:
        plain = json.loads(attributes.get("generator", "{}")).get("parameters", {})
        return {name: from_plain(plain.get(name), {}) for name in ("simulator", "scaler")}
    except (SerializationError, ValueError, TypeError, AttributeError):
        return {}
