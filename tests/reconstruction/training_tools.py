"""Small networks and sets that the tests of training share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone

from scatterkit.experiment import QGrid
from scatterkit.reconstruction import CompactEncoder, PhysicsReconstructor, PlaneDecoder
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.simulation.kernels.tensor_backends import BACKEND

PIXELS, GRID = 32, 8
SIMULATOR = MSFTSimulator(detector=QGrid(PIXELS, dq=0.02))
# PyTorch's 1x1 convolutions of stride 2 with fewer channels write beyond their memory on CPUs
ENCODER = CompactEncoder(width=8, n_blocks=1, n_features=8)
Images = NDArray[np.float32]


def bodies(n: int = 12, seed: int = 0) -> Images:
    """Boxes of several sizes."""
    rng = np.random.default_rng(seed)
    volumes = np.zeros((n, GRID, GRID, GRID), np.float32)
    for volume in volumes:
        z, y, x = rng.integers(2, 6, 3)
        volume[1 : 1 + z, 1 : 1 + y, 2 : 2 + x] = 1
    return volumes


def patterns(volumes: Images) -> Images:
    """Their log-scaled patterns."""
    return LogScaler().transform(SIMULATOR.transform(volumes))


def reconstructor(**parameters: Any) -> PhysicsReconstructor:
    """A network that is trained in a second."""
    defaults = {
        "simulator": clone(SIMULATOR),
        "encoder": ENCODER,
        "decoder": PlaneDecoder(n_faces=8),
        "loss": "visible",
        "grid": GRID,
        "n_steps": 20,
        "batch_size": 4,
        "random_state": 0,
    }
    return PhysicsReconstructor(**defaults | parameters)


@pytest.fixture
def eager() -> Iterator[None]:
    """Few steps are done before they would be compiled; other tests see to compiled ones."""
    if BACKEND != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
