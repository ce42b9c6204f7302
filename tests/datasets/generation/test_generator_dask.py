"""A real cluster of two worker processes, one of which is killed: the same bytes as a run without it."""

from __future__ import annotations

import os
import signal
import sys
import threading

import distributed
import pytest
from generation_cases import N_SAMPLES, small_generator, tree

from scatterkit.datasets.generation._engines import check_client, run_blocks
from scatterkit.datasets.generation._journal import SupersededError


@pytest.fixture
def client(tmp_path_factory):
    """Two worker processes of one thread each."""
    from dask import config

    settings = {
        "distributed.worker.daemon": True,
        "temporary-directory": str(tmp_path_factory.mktemp("dask")),
        "distributed.comm.timeouts.connect": "60s",
    }
    with (
        config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def threads():
    """A cluster within this process, which starts at once."""
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as client:
        yield client


def test_a_cluster_makes_the_same_set(threads, tmp_path, whole):
    path = tmp_path / "set.zarr"
    small_generator().generate(path, N_SAMPLES, client=threads, verbose=False)
    assert tree(path) == tree(whole)


@pytest.mark.slow
def test_a_cluster_whose_worker_is_killed(client, tmp_path, whole):
    path = tmp_path / "set.zarr"
    pids = client.run(os.getpid)
    assert len(set(pids.values())) == 2
    assert os.getpid() not in pids.values()
    victim = min(pids.values())
    struck = threading.Event()

    def strike():
        work = path / ".generation" / "work"
        blocks = path / ".generation" / "blocks"
        while not struck.is_set():  # while something is being written, and something is finished
            if blocks.is_dir() and any(blocks.iterdir()) and any(work.iterdir()):
                os.kill(victim, signal.SIGKILL)
                struck.set()
            struck.wait(0.005)

    killer = threading.Thread(target=strike)
    killer.start()
    try:
        small_generator().generate(path, N_SAMPLES, client=client, verbose=False)
        assert struck.is_set()
    finally:
        struck.set()
        killer.join()
    assert tree(path) == tree(whole)
    assert victim not in client.run(os.getpid).values()


def test_errors_of_a_worker_come_here(client, tmp_path):
    import scatterkit as sk

    # without a box of its own, the sampler makes some bodies that are too large; the first is not
    sampler = sk.SolidSampler(box=None, size=(100.0, 170.0), max_radius=None, stretch=None)
    generator = small_generator(sampler=sampler)
    with pytest.raises(ValueError, match="leaving it by") as caught:
        generator.generate(tmp_path / "set.zarr", 30, client=client, verbose=False)
    assert "of 30 samples are finished" in " ".join(caught.value.__notes__)


def test_only_errors_of_files_are_tried_again(threads, tmp_path):
    """Any other error would come again."""
    tried = tmp_path / "tried"

    def fail(error, times):
        def task(block):
            with tried.open("a") as stream:
                stream.write(".")
            if len(tried.read_text()) <= times:
                raise error
            return block

        return task

    for error in (ValueError("bad sample"), SupersededError("ended")):
        tried.unlink(missing_ok=True)
        with pytest.raises(type(error), match=str(error)):
            list(run_blocks(fail(error, 9), [5], 1, threads))
        assert tried.read_text() == "."
    tried.unlink()
    assert list(run_blocks(fail(OSError("stale handle"), 2), [5], 1, threads)) == [5]
    tried.unlink()
    with pytest.raises(OSError, match="stale handle"):
        list(run_blocks(fail(OSError("stale handle"), 9), [5], 1, threads))
    assert tried.read_text() == "...."


def test_a_client_is_checked(tmp_path, monkeypatch):
    with pytest.raises(
        ValueError, match=r"'client' parameter of DatasetGenerator\.generate must be None or a"
    ):
        small_generator().generate(tmp_path / "set.zarr", 4, client="tcp://here:8786", verbose=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install 'scatterkit\[dask\]'"):
        check_client("tcp://here:8786", "generate")
