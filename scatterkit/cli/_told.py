"""The experiment that a file of patterns tells, so that it need not be told twice."""

from __future__ import annotations

import argparse
import math
import warnings
from pathlib import Path
from typing import Any

from scatterkit.cli._carried import read_record
from scatterkit.cli._options import EXPERIMENT_OPTIONS, grid_step, make_simulator
from scatterkit.cli._outputs import say

OF_PATTERNS = (
    'what the file of patterns tells, where "simulate" or "generate" made it; else silver at 13.5 nm'
)
INSTEAD = ({"dq", "distance", "pixel_size"}, {"material", "density", "absorption", "absorption_length"})
"""Options that stand in the place of each other: where one is given, a file tells none of them."""


def told_experiment(name: str) -> dict[str, Any] | None:
    """Give the options of the experiment that patterns were made by; None where their file does not tell."""
    path = Path(name).expanduser()
    if not path.exists():
        return None
    try:
        record = read_record(path)
    except (OSError, ValueError):  # who reads the patterns says what is wrong
        return None
    if record is None:
        return _of_generated(path)
    parameters = record.get("parameters")
    if not isinstance(parameters, dict) or not parameters.keys() & set(EXPERIMENT_OPTIONS):
        return None
    return {name: parameters.get(name) for name in EXPERIMENT_OPTIONS}


def _of_generated(path: Path) -> dict[str, Any] | None:
    """Give the options that a set generated without the command line comes down to; None where none can say it."""
    if not (path / "zarr.json").is_file():
        return None
    from scatterkit.datasets import DatasetGenerator

    try:
        simulator = DatasetGenerator.from_store(path).simulator
    except ValueError:  # imported, or with components that are not the package's
        return None
    return options_of(simulator)


def options_of(simulator: Any) -> dict[str, Any] | None:
    """Give the options that describe a simulator's experiment; None where there are none for it."""
    import numpy as np

    from scatterkit.experiment import FlatDetector, QGrid
    from scatterkit.simulation import MSFTSimulator

    if type(simulator) is not MSFTSimulator or simulator.absorption == "index":
        return None
    detector = QGrid() if simulator.detector is None else simulator.detector
    if type(detector) not in (FlatDetector, QGrid):  # a grid of another kind differs in depth
        return None
    told = {**dict.fromkeys(EXPERIMENT_OPTIONS), **simulator.get_params(deep=False)}
    told |= detector.get_params(deep=False)
    told["pixels"] = np.ravel(detector.n_pixels).tolist()
    options = {name: told[name] for name in EXPERIMENT_OPTIONS}
    described = make_simulator(argparse.Namespace(**options)).detector
    # a detector may be tilted, or not centred, which no option says
    places = zip(described.wavevectors(1.0), detector.wavevectors(1.0), strict=True)
    return options if all(map(np.array_equal, *zip(*places, strict=True))) else None


def adopt_experiment(args: argparse.Namespace) -> None:
    """Set the options of the experiment that the user has not given as the file of patterns has them."""
    given = {name for name in EXPERIMENT_OPTIONS if getattr(args, name) is not None}
    given |= {name for group in INSTEAD if group & given for name in group}
    told = told_experiment(args.patterns) or {}
    adopted = {name: value for name, value in told.items() if value is not None and name not in given}
    for name, value in adopted.items():
        setattr(args, name, value)
    if adopted:
        say(args, f"as {args.patterns} tells: {' '.join(map(_as_option, adopted, adopted.values()))}")


def warn_of_another(args: argparse.Namespace, data: Any, simulator: Any, whose: str) -> None:
    """Warn where patterns tell of another wavelength or distance of pixels than they are understood by."""
    told = {name: data.attrs.get(name) for name in ("wavelength", "dq")}
    options = told_experiment(args.patterns)
    if options is not None:
        told = _numbers(make_simulator(argparse.Namespace(**options)))
    for name, here in _numbers(simulator).items():
        there = told[name]
        if here is not None and there is not None and not math.isclose(here, there, rel_tol=1e-3):
            unit = {"wavelength": "nm", "dq": "rad/nm"}[name]
            warnings.warn(
                f"{args.patterns} tells {name} {there:.4g} {unit}, but {whose} has {here:.4g} {unit}",
                stacklevel=2,
            )


def _numbers(simulator: Any) -> dict[str, float | None]:
    return {"wavelength": float(simulator.wavelength), "dq": grid_step(simulator)}


def _as_option(name: str, value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return f"--{name.replace('_', '-')} {' '.join(map(str, values))}"
