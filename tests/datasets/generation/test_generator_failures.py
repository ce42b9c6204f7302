"""Runs that fail: full disks, several generators on one target, interrupts. What is finished is never lost."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from generation_cases import N_SAMPLES, SHARD, small_generator, tree

import scatterkit as sk
from scatterkit.datasets import GenerationError, open_dataset
from scatterkit.datasets.generation import _journal
from scatterkit.datasets.generation._journal import Journal, SupersededError


class FullDisk:
    """Lets so many bytes through ``fsync``ed files, then says that the disk is full."""

    def __init__(self, after):
        self.left = after
        self.fsync = os.fsync

    def __call__(self, descriptor):
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.fsync(descriptor)


@pytest.mark.parametrize("after", [0, 5, 14, 40, 97, 130])
def test_a_full_disk_at_any_moment(after, whole, tmp_path, monkeypatch):
    path = tmp_path / "set.zarr"
    full = FullDisk(after)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"Make room.*set\.zarr") as caught:
            small_generator().generate(path, N_SAMPLES, verbose=False)
    assert caught.value.errno == errno.ENOSPC
    blocks = Journal(path).finished(small_generator()._maker().layout(SHARD, 2), N_SAMPLES)
    if blocks:
        part = open_dataset(path, partial=True)
        assert np.array_equal(part.pattern, open_dataset(whole).pattern[part.sample.values])
    small_generator().generate(path, N_SAMPLES, verbose=False)
    assert tree(path) == tree(whole)


LIMITED = """
import resource, sys
from generation_cases import small_generator
import scatterkit as sk
generator = small_generator(
    rasterizer=sk.Rasterizer(grid=16, mode="binary"), shard_size=64, chunk_size=8, pattern_dtype="float32",
)
generator.sample(1)  # compiles, which writes files too
resource.setrlimit(resource.RLIMIT_FSIZE, (30000, resource.RLIM_INFINITY))
try:
    generator.generate(sys.argv[1], 100, n_jobs=1, verbose=False)
except OSError as error:
    print(error.errno, error)
"""


def test_a_file_that_cannot_grow(tmp_path):
    """A real limit of the system, in the middle of a shard."""
    path = tmp_path / "set.zarr"

    here = Path(__file__).parent
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITED, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(here)},
    ).stdout
    assert said.startswith(f"{errno.EFBIG} ")
    assert "0 of 100 samples are finished" in said
    assert not list((path / "pattern").iterdir())
    assert not list((path / ".generation" / "work").iterdir())
    binary = sk.Rasterizer(grid=16, mode="binary")
    generator = small_generator(rasterizer=binary, shard_size=64, chunk_size=8, pattern_dtype="float32")
    assert generator.generate(path, 100, verbose=False).sizes["sample"] == 100


def test_a_second_generator_is_refused_at_once(tmp_path, whole):
    path = tmp_path / "set.zarr"
    journal = Journal(path)
    journal.create()
    with journal.coordinating():
        with pytest.raises(GenerationError, match="Another generator is at work on"):
            small_generator().generate(path, N_SAMPLES, verbose=False)
        assert {file.name for file in path.iterdir()} == {".generation"}
    small_generator().generate(path, N_SAMPLES, verbose=False)
    assert tree(path) == tree(whole)


def test_a_worker_of_an_ended_run_writes_no_more(tmp_path):
    journal = Journal(tmp_path / "set.zarr")
    journal.create()
    with journal.coordinating() as old:
        with journal.writing(old) as folder:
            assert folder.is_dir()
        assert not folder.exists()
    with journal.coordinating(), pytest.raises(SupersededError, match="has ended"), journal.writing(old):
        pass
    journal.remove()
    with (
        pytest.raises(SupersededError, match="must see the target under the same path"),
        journal.writing(old),
    ):
        pass


def test_a_new_run_waits_for_workers_that_still_write(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "set.zarr")
    journal.create()
    with journal.coordinating() as token:
        pass
    written = []

    def write():
        with journal.writing(token):
            began.set()
            release.wait(60)
            written.append("old")

    began, release = threading.Event(), threading.Event()
    worker = threading.Thread(target=write)
    worker.start()
    began.wait(60)
    told = []

    def warn(message, *_, **__):
        told.append(message)
        release.set()

    monkeypatch.setattr(_journal.warnings, "warn", warn)
    with journal.coordinating():
        written.append("new")
    release.set()
    worker.join()
    assert written == ["old", "new"]
    assert [message.startswith("Waiting for workers of an earlier run") for message in told] == [True]


def test_a_file_system_without_locks_is_told_of(tmp_path, monkeypatch, whole):
    def refuse(*_):
        raise OSError(errno.ENOTSUP, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(RuntimeWarning, match="has no locks: see to it that one generator runs"):
        small_generator().generate(tmp_path / "set.zarr", N_SAMPLES, verbose=False)
    assert tree(tmp_path / "set.zarr") == tree(whole)


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c(n_jobs, tmp_path, whole):
    """A real signal, to the whole group of processes as a terminal sends it."""
    script = textwrap.dedent(f"""
        import sys
        from generation_cases import small_generator
        if __name__ == "__main__":
            small_generator().generate(sys.argv[1], 4000, n_jobs={n_jobs}, verbose=False)
    """)
    here, path = Path(__file__).parent, tmp_path / "set.zarr"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(here)},
    )
    blocks = path / ".generation" / "blocks"
    while process.poll() is None and not (blocks.is_dir() and len(list(blocks.glob("*.json"))) >= 2):
        threading.Event().wait(0.02)
    os.killpg(process.pid, 2)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0, said
    assert "KeyboardInterrupt" in said
    assert " of 4000 samples are finished and kept in" in said
    part = open_dataset(path, partial=True)
    known = part.isel(sample=part.sample < N_SAMPLES)
    assert known.sizes["sample"] >= SHARD
    assert np.array_equal(known.pattern, open_dataset(whole).pattern[known.sample.values])
