"""The experiment that a file of patterns tells, so that it need not be told twice."""

from __future__ import annotations

import argparse
import math
import warnings
from pathlib import Path
from typing import Any

from scatterkit.cli._carried import read_record
from scatterkit.cli._options import EXPERIMENT_OPTIONS, make_simulator
from scatterkit.cli._outputs import say

OF_PATTERNS = (
    'what the file of patterns tells, where "simulate" or "generate" made it; else silver at 13.5 nm'
)
INSTEAD = ({"dq", "distance", "pixel_size"}, {"material", "density", "absorption", "absorption_length"})
"""Options that stand in the place of each other: where one is given, a file tells none of them."""


NUMBERS = {
    "wavelength": ("nm", 1e-3),
    "box": ("nm", 1e-3),
    "dq": ("rad/nm", 1e-3),
    "dq at the rim": ("rad/nm", 1e-2),
}
"""What experiments are compared by: units, and how far they may differ."""


def told_experiment(name: str) -> dict[str, Any] | None:
    """Give the options of the experiment that patterns were made by; None where their file does not tell."""
    try:
        path = _first_file(name)
        record = read_record(path) if path.exists() else None
    except (OSError, ValueError):  # who reads the patterns says what is wrong
        return None
    if record is None:
        simulator = _generated_by(path)
        return None if simulator is None else options_of(simulator)
    parameters = record.get("parameters")
    if not isinstance(parameters, dict) or not parameters.keys() & set(EXPERIMENT_OPTIONS):
        return None
    return {name: parameters.get(name) for name in EXPERIMENT_OPTIONS}


def told_simulator(name: str) -> Any:
    """Give the simulator that patterns were made by; None where their file does not tell."""
    options = told_experiment(name)
    if options is not None:
        return make_simulator(argparse.Namespace(**options))
    return _generated_by(Path(name).expanduser())


def _first_file(name: str) -> Path:
    """Give the file of patterns, the first one of several pictures."""
    path = Path(name).expanduser()
    if (path / "zarr.json").is_file() or not (path.is_dir() or ("*" in name and not path.exists())):
        return path
    from scatterkit.datasets.files.images import picture_files

    return Path(picture_files(path)[0])


def _generated_by(path: Path) -> Any:
    """Give the simulator of a set that was generated without the command line; None of other files."""
    if not (path / "zarr.json").is_file():
        return None
    from scatterkit.datasets import DatasetGenerator

    try:
        return DatasetGenerator.from_store(path).simulator
    except ValueError:  # imported, or with components that are not the package's
        return None


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


def adopt_experiment(args: argparse.Namespace) -> bool:
    """Set the options of the experiment that the user has not given as the file of patterns has them.

    Gives whether user or file say what it is.
    """
    given = {name for name in EXPERIMENT_OPTIONS if getattr(args, name) is not None}
    given |= {name for group in INSTEAD if group & given for name in group}
    told = told_experiment(args.patterns)
    if told is None and not given:
        _warn_of_untold(args.patterns)
    adopted = {name: value for name, value in (told or {}).items() if value is not None and name not in given}
    for name, value in adopted.items():
        setattr(args, name, value)
    if adopted:
        say(args, f"as {args.patterns} tells: {' '.join(map(_as_option, adopted, adopted.values()))}")
    return bool(given) or told is not None


def _warn_of_untold(name: str) -> None:
    """Warn where a set has an experiment that no options describe."""
    simulator = _generated_by(Path(name).expanduser())
    if simulator is not None:
        warnings.warn(
            f"{name} was made by {simulator!r}, which no options describe in full: the experiment is taken for the "
            "published one, silver at 13.5 nm. Give --material, --wavelength, --dq and the like",
            stacklevel=3,
        )


def warn_of_another(args: argparse.Namespace, data: Any, simulator: Any, whose: str) -> None:
    """Warn where patterns tell of another wavelength, box or distance of pixels than they are understood by."""
    made = told_simulator(args.patterns)
    there = _attributes(data, simulator) if made is None else numbers_of(made)
    warn_of_difference(f"{args.patterns} tells", there, simulator, whose)


def warn_of_difference(says: str, there: dict[str, float], simulator: Any, whose: str) -> None:
    """Warn where a simulator has other numbers than something else."""
    here = numbers_of(simulator)
    differ = [
        name
        for name in NUMBERS
        if name in here
        and name in there
        and not math.isclose(here[name], there[name], rel_tol=NUMBERS[name][1])
    ]
    if differ[-2:] == ["dq", "dq at the rim"]:  # which says nothing more
        differ.pop()
    for name in differ:
        unit = NUMBERS[name][0]
        warnings.warn(
            f"{says} {name} {there[name]:.4g} {unit}, but {whose} has {here[name]:.4g} {unit}", stacklevel=3
        )


def numbers_of(simulator: Any) -> dict[str, float]:
    """Give the numbers by which experiments are compared, as far as a simulator has them."""
    simulator = getattr(simulator, "simulator", simulator) or make_simulator(
        _no_options()
    )  # of several wavelengths
    found = {
        name: float(getattr(simulator, name)) for name in ("wavelength", "box") if hasattr(simulator, name)
    }
    return found | _steps(simulator.detector, simulator.wavelength)


def _no_options() -> argparse.Namespace:
    return argparse.Namespace(**dict.fromkeys(EXPERIMENT_OPTIONS))


def _attributes(data: Any, simulator: Any) -> dict[str, float]:
    """Give the numbers that a data set has as attributes."""
    from scatterkit.datasets import flat_detector

    attrs = data.attrs
    found = {name: float(attrs[name]) for name in NUMBERS if isinstance(attrs.get(name), (int, float))}
    if "dq" in found:
        return found
    try:
        detector = flat_detector(data)
    except ValueError:  # there is none, or it is turned
        return found
    return found | _steps(detector, found.get("wavelength", simulator.wavelength))


def _steps(detector: Any, wavelength: float) -> dict[str, float]:
    """Give the distance in q of neighbouring pixels, in the middle and at the rim; medians, as panels have gaps."""
    import numpy as np

    from scatterkit.experiment import QGrid

    detector = QGrid() if detector is None else detector
    rows, columns = detector.shape
    q_x = np.broadcast_to(detector.wavevectors(2 * math.pi / wavelength)[1], (rows, columns))[rows // 2]
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(q_x))
    places = {"dq": steps[max(columns // 2 - 4, 0) : columns // 2 + 4], "dq at the rim": steps[-8:]}
    return {
        name: float(np.median(some)) for name, some in places.items() if len(some) and np.isfinite(some).all()
    }


def _as_option(name: str, value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return f"--{name.replace('_', '-')} {' '.join(map(str, values))}"
