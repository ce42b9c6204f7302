"""A training on disk: one file that is either whole or not there."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.reconstruction.training._optimizer import State

FILE, LOG = "training.npz", "log.csv"
VERSION = 1
_GOOD = "good_"


@dataclass
class Checkpoint:
    """A training at a step.

    ``fingerprint`` says what is trained, on what and how; ``seed`` is that of everything random; ``history`` has the
    rows of the log so far, ``setbacks`` counts how often the training was set back, ``seconds`` how long it took;
    ``good`` is the last state without a fault, None where that is this one.
    """

    state: State
    fingerprint: str
    seed: int
    history: list[dict[str, float]] = field(default_factory=list)
    setbacks: int = 0
    seconds: float = 0.0
    good: State | None = None


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; one that was there before is replaced once this one is whole."""
    meta = {
        "version": VERSION,
        "fingerprint": checkpoint.fingerprint,
        "seed": checkpoint.seed,
        "history": checkpoint.history,
        "setbacks": checkpoint.setbacks,
        "seconds": checkpoint.seconds,
    }
    arrays = _flat(checkpoint.state)
    if checkpoint.good is not None:
        arrays |= {_GOOD + name: value for name, value in _flat(checkpoint.good).items()}
    write_arrays(folder / FILE, meta, arrays)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the checkpoint in a folder; None where there is none."""
    path = folder / FILE
    if not path.exists():
        return None
    meta, arrays = read_arrays(path, VERSION)
    good = {name: arrays.pop(name) for name in list(arrays) if name.startswith(_GOOD)}
    return Checkpoint(
        _state(arrays),
        meta["fingerprint"],
        meta["seed"],
        meta["history"],
        meta["setbacks"],
        meta["seconds"],
        _state({name.removeprefix(_GOOD): value for name, value in good.items()}) if good else None,
    )


def numbered(others: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Give what a network carries along, a list of arrays, by names."""
    return {f"other{i}": value for i, value in enumerate(others)}


def listed(arrays: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Give the list that `numbered` named, among other arrays."""
    return [arrays[f"other{i}"] for i in range(sum(name.startswith("other") for name in arrays))]


def _flat(state: State) -> dict[str, NDArray[Any]]:
    return {**{name: part for name, part in state.items() if name != "others"}, **numbered(state["others"])}


def _state(arrays: Mapping[str, NDArray[Any]]) -> State:
    own = {name: part for name, part in arrays.items() if not name.startswith("other")}
    return {**own, "others": listed(arrays)}


def write_arrays(path: Path, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays and what JSON can say about them to a file that is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            np.savez(file, allow_pickle=False, **{"meta": np.array(json.dumps(meta)), **arrays})
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read_arrays(path: Path, version: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read what `write_arrays` wrote, or say that the file is damaged or of another kind."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        meta = json.loads(str(arrays.pop("meta")))
        found = meta["version"]
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{path} is damaged, or no file of this kind: {error}.") from error
    if found != version:
        raise ValueError(f"{path} was written by another version of this package (format {found}).")
    return meta, arrays
