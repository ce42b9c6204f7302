"""SIGKILL at random moments: the set that is resumed equals the uninterrupted one, byte for byte."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import kill_target
import numpy as np
import pytest
from generation_cases import tree

from scatterkit.datasets import GenerationError, open_dataset


class Killer:
    """Starts generators and kills them."""

    def __init__(self, n_jobs: int, seed: int) -> None:
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["kill_target"])
        # the server finds what it is to load by this alone
        os.environ["PYTHONPATH"] = os.pathsep.join(
            [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        )
        self.n_jobs = n_jobs
        self.random = random.Random(seed)
        self.kills = 0

    def start(self, path: Path) -> multiprocessing.process.BaseProcess:
        """Start a generator; comes back when it begins."""
        receive, send = self.context.Pipe(duplex=False)
        process = self.context.Process(target=kill_target.run, args=(str(path), self.n_jobs, send))
        process.start()
        send.close()
        assert receive.recv() == process.pid
        receive.close()
        return process

    def seconds(self, path: Path) -> float:
        """How long a run takes that nobody kills."""
        process = self.start(path)
        begin = time.monotonic()
        process.join(300)
        assert process.exitcode == 0
        return time.monotonic() - begin

    def strike(self, path: Path, delay: float) -> bool:
        """Run for a while, then kill the whole group; False if the run was done before."""
        process = self.start(path)
        process.join(delay)
        if process.is_alive():
            os.killpg(process.pid, signal.SIGKILL)
        process.join(300)
        if process.exitcode == 0:
            return False
        assert process.exitcode == -signal.SIGKILL
        self.kills += 1
        return True

    def behead(self, path: Path, n_blocks: int) -> None:
        """Run until some blocks are finished, then kill the process that coordinates, not its workers."""
        process = self.start(path)
        while len(list(path.glob(".generation/blocks/*.json"))) < n_blocks:
            assert process.is_alive()
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.join(300)
        assert process.exitcode == -signal.SIGKILL
        self.kills += 1


def check_partial(path: Path, whole: Path) -> None:
    """What counts as finished after a kill has the right values."""
    if not path.exists() or not list(path.iterdir()):
        return
    try:
        part = open_dataset(path, partial=True)
    except (GenerationError, ValueError):
        assert not list(path.glob(".generation/blocks/*.json"))
        return
    expected = open_dataset(whole).isel(sample=part.sample.values)
    assert np.array_equal(part.pattern, expected.pattern)
    assert np.array_equal(part.volume, expected.volume)


def kill_often(tmp_path: Path, n_jobs: int, n_kills: int, seed: int) -> None:
    killer, whole = Killer(n_jobs, seed), tmp_path / "whole.zarr"
    kill_target.generator().generate(whole, kill_target.N_SAMPLES, verbose=False)
    expected = tree(whole)
    duration = killer.seconds(tmp_path / "timed.zarr")
    assert tree(tmp_path / "timed.zarr") == expected
    for number in range(10 * n_kills):
        path = tmp_path / f"set{number}.zarr"
        while killer.kills < n_kills and killer.strike(path, killer.random.uniform(0, duration)):
            check_partial(path, whole)
        killer.seconds(path)
        assert tree(path) == expected
        if killer.kills >= n_kills:
            break
    assert killer.kills == n_kills


def test_a_few_kills(tmp_path: Path) -> None:
    kill_often(tmp_path, n_jobs=1, n_kills=4, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_twenty_kills(n_jobs: int, tmp_path: Path) -> None:
    kill_often(tmp_path, n_jobs=n_jobs, n_kills=20, seed=n_jobs)


@pytest.mark.slow
def test_workers_that_outlive_their_generator(tmp_path: Path) -> None:
    """The coordinator alone is killed: what its workers still do harms nobody."""
    killer, whole = Killer(2, seed=5), tmp_path / "whole.zarr"
    kill_target.generator().generate(whole, kill_target.N_SAMPLES, verbose=False)
    expected = tree(whole)
    for number in range(3):
        path = tmp_path / f"set{number}.zarr"
        for n_blocks in (killer.random.randint(1, 4), killer.random.randint(6, 9)):
            killer.behead(path, n_blocks)
            check_partial(path, whole)
        killer.seconds(path)
        assert tree(path) == expected
    time.sleep(3)  # what was left behind has had its time
    assert all(tree(tmp_path / f"set{number}.zarr") == expected for number in range(3))
