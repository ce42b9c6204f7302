"""What the kill tests run in processes of their own; imported once by the server that these are forked from."""

from __future__ import annotations

import os
import warnings
from typing import Any

from generation_cases import small_generator
from joblib.externals.loky import get_reusable_executor

from scatterkit.datasets import DatasetGenerator

N_SAMPLES = 58


def generator() -> DatasetGenerator:
    """The generator that is killed: 15 blocks, about a second."""
    return small_generator(shard_size=4)


def run(path: str, n_jobs: int, started: Any) -> None:
    """Generate in a group of processes of its own, saying when it begins."""
    os.setsid()
    warnings.filterwarnings("ignore", "Waiting for workers", RuntimeWarning)  # of a killed run
    started.send(os.getpid())
    generator().generate(path, N_SAMPLES, n_jobs=n_jobs, verbose=False)
    if n_jobs > 1:  # a process of multiprocessing would wait at its end until these leave by themselves
        get_reusable_executor().shutdown(wait=True)


generator().sample(1)  # what is compiled or loaded now is there in every forked process
