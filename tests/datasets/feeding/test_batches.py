"""The stream of batches: its memory, its threads, its errors, and how random its order is."""

from __future__ import annotations

import threading
import time
import weakref

import numpy as np
import pytest
from feeding_threads import none_left
from hypothesis import given
from hypothesis import strategies as st

from scatterkit.datasets.feeding._batches import Shuffler, Stream


class Spy:
    """A set of numbers, which watches how many samples that were read are still in memory."""

    def __init__(self, n, run):
        self.n_samples, self.run = n, run
        self.alive = self.most = self.reads = 0
        self._lock = threading.Lock()
        self.broken = False

    def read(self, start, stop):
        if self.broken:
            raise OSError("the disk is on fire")
        column = np.arange(start, stop, dtype=np.int64)
        with self._lock:
            self.reads += 1
            self.alive += stop - start
            self.most = max(self.most, self.alive)
        weakref.finalize(column, self._gone, stop - start)
        return {"pattern": column}

    def _gone(self, count):
        with self._lock:
            self.alive -= count


def stream_of(spy, window, batch_size=10, **options):
    shuffler = Shuffler(np.arange(spy.n_samples), spy.run, window, True, 0)
    return shuffler, Stream(spy, shuffler, lambda s, n, e: s["pattern"], batch_size=batch_size, **options)


@pytest.mark.parametrize("workers", [1, 4])
def test_memory_stays_within_two_windows_and_each_run_is_read_once(workers):
    spy = Spy(2000, run=16)
    shuffler, stream = stream_of(spy, 100, workers=workers, ahead=3)
    seen = np.concatenate([stream.batch(p) for p in range(stream.n_batches)])
    assert np.array_equal(np.sort(seen), np.arange(2000))
    assert spy.most <= 2 * shuffler.largest_window() <= 232
    stream.forget()
    assert none_left()
    assert spy.reads <= 2000 // 16 + 14  # and the first of the next epoch
    assert spy.alive == 0


def test_a_set_that_fits_is_read_once_for_all_epochs():
    spy = Spy(96, run=16)
    _, stream = stream_of(spy, 100)
    for p in range(3 * stream.n_batches):
        stream.batch(p)
    assert spy.reads == 6


def test_batches_can_be_asked_for_in_any_order():
    expected = stream_of(Spy(500, run=16), 64)[1]
    _, stream = stream_of(Spy(500, run=16), 64)
    for p in np.random.default_rng(0).permutation(2 * stream.n_batches).tolist():
        assert np.array_equal(stream.batch(p), expected.batch(p))


def test_an_error_of_a_thread_reaches_the_user_and_can_be_mended():
    spy = Spy(500, run=16)
    _, stream = stream_of(spy, 64)
    stream.batch(0)
    spy.broken = True
    with pytest.raises(OSError, match="on fire"):
        list(map(stream.batch, range(stream.n_batches)))
    spy.broken = False
    assert len(stream.batch(30)) == 10
    assert none_left()


class Gated(Spy):
    """A disk whose first run fails when told to, and which reads the next ones when told to."""

    def __init__(self, n, run):
        super().__init__(n, run)
        self.begun, self.fail, self.go_on = (threading.Event() for _ in range(3))

    def read(self, start, stop):
        if not self.begun.is_set():
            self.begun.set()
            assert self.fail.wait(10)
            raise OSError("the disk is on fire")
        assert self.go_on.wait(10)
        return super().read(start, stop)


def test_an_error_of_one_batch_does_not_reach_who_waits_for_another():
    disk = Gated(500, run=10)
    shuffler = Shuffler(np.arange(500), 10, 20, False, 0)
    stream = Stream(disk, shuffler, lambda s, n, e: s["pattern"], batch_size=20)
    found = {}

    def ask(position):
        try:
            found[position] = stream.batch(position)
        except BaseException as error:
            found[position] = error

    failing, waiting = (threading.Thread(target=ask, args=(position,)) for position in (15, 0))
    failing.start()
    assert disk.begun.wait(10)
    waiting.start()
    end = time.monotonic() + 10
    while 0 not in stream._batches and time.monotonic() < end:
        time.sleep(0.001)
    disk.fail.set()
    failing.join(10)
    disk.go_on.set()
    waiting.join(10)
    assert isinstance(found[15], OSError)
    assert np.array_equal(found[0], np.arange(20))
    stream.forget()
    assert none_left()
    assert stream._runs == stream._batches == {}


@given(
    n=st.integers(1, 300),
    run=st.integers(1, 70),
    window=st.integers(1, 120),
    every=st.integers(1, 5),
    seed=st.integers(0, 2**63),
)
def test_order_of_an_epoch(n, run, window, every, seed):
    samples = np.arange(0, n * every, every)
    shuffler = Shuffler(samples, run, window, True, seed)
    order = shuffler.epoch(seed % 7)
    assert np.array_equal(np.sort(order.samples), samples)
    assert np.array_equal(np.sort(np.concatenate(order.windows)), np.arange(len(shuffler.runs)))
    for members, part in zip(order.windows, np.split(order.samples, order.ends[:-1]), strict=True):
        assert np.array_equal(
            np.sort(part), np.sort(np.concatenate([shuffler.runs[r].samples for r in members]))
        )
        assert len(part) <= shuffler.largest_window()
    assert all(np.diff(np.append(0, order.ends))[:-1] >= window)


def test_places_are_uniform_and_neighbours_part():
    shuffler = Shuffler(np.arange(1024), 32, 256, True, 0)
    places = np.empty((400, 1024))
    for epoch in range(400):
        places[epoch, shuffler.epoch(epoch).samples] = np.arange(1024)
    # means and variances of the uniform distribution, to five standard errors of the mean over epochs
    assert np.abs(places.mean(0) - 511.5).max() < 5 * 1024 / np.sqrt(12 * 400)
    assert abs(places.var() / (1024**2 / 12) - 1) < 0.02
    # two samples of one run are a window's distance apart: a third of 256 on average
    assert abs(np.abs(places[:, 0] - places[:, 1]).mean() - 256 / 3) < 5 * 60 / np.sqrt(400)
