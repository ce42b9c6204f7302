"""A trained network as one file: settings in JSON, weights in half or single precision, nothing that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._serialization import from_json, to_json
from scatterkit._validation import fail
from scatterkit.base import Component

VERSION = 1


def write_model(
    path: Path,
    estimator: Component,
    weights: NDArray[np.float32],
    others: list[NDArray[Any]],
    meta: dict[str, Any],
) -> None:
    """Write an estimator's settings and weights; ``weights`` are stored in the type that they come in."""
    from scatterkit.reconstruction.training._checkpoints import numbered, write_arrays

    if not np.isfinite(weights).all():
        raise fail("dtype", type(estimator).__name__, "'float32' for weights as large as these", "'float16'")
    arrays = {"weights": weights, **numbered(others)}
    write_arrays(path, {"version": VERSION, "settings": to_json(estimator), **meta}, arrays)


def read_model(path: Path, kind: type) -> tuple[Any, NDArray[np.float32], list[NDArray[Any]], dict[str, Any]]:
    """Read what `write_model` wrote: the estimator, not fitted yet, weights, others, and what else was told."""
    from scatterkit.reconstruction.training._checkpoints import listed, read_arrays

    meta, arrays = read_arrays(path, VERSION)
    estimator = from_json(meta.pop("settings", ""))
    if type(estimator) is not kind or "weights" not in arrays:
        raise ValueError(f"{path} holds no {kind.__name__}, but a {type(estimator).__name__}.")
    return estimator, arrays["weights"].astype(np.float32), listed(arrays), meta
