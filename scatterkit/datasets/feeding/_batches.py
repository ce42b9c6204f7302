"""Shuffled batches of a stored set, read ahead by threads, with no more than two windows of it in memory."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Columns = Mapping[str, Array]
Make = Callable[[Columns, Array, int], Any]
"""Turns stored rows, their sample numbers and the epoch into a batch."""


class Reader(Protocol):
    """A set of samples on disk or in memory: what ``Stream`` reads."""

    n_samples: int
    run: int
    """How many samples in a row are quick to read at once; runs begin at its multiples."""

    def read(self, start: int, stop: int) -> Columns:
        """Give samples as they are stored, by variable."""


class Workers:
    """Threads that live only as long as there is work: none is left behind when nobody asks for more."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._active = 0
        self._tasks: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()
        self._lock = threading.Lock()

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Do the work after all that was submitted before it."""
        future: Future[Any] = Future()
        with self._lock:
            self._tasks.append((future, work, arguments))
            if self._active < self._n:
                self._active += 1
                threading.Thread(target=self._run, name="scatterkit-feeding").start()
        return future

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._tasks:
                    self._active -= 1
                    return
                future, work, arguments = self._tasks.popleft()
            if future.set_running_or_notify_cancel():
                _settle(future, work, arguments)
            del future, work, arguments  # a thread that waits for the lock must hold no batch


def _settle(future: Future[Any], work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        result = work(*arguments)
    except BaseException as error:  # whatever it was, it belongs to whoever asks for the result
        future.set_exception(error)
    else:
        future.set_result(result)


@dataclass(frozen=True)
class Run:
    """Samples in a row, and which of them were chosen."""

    start: int
    stop: int
    samples: Array


def runs_of(samples: Array, length: int) -> tuple[Run, ...]:
    """Part sample numbers, increasing, at the multiples of a length; a run covers its chosen samples alone."""
    edges = np.flatnonzero(np.diff(samples // length)) + 1
    return tuple(Run(int(part[0]), int(part[-1]) + 1, part) for part in np.split(samples, edges))


@dataclass(frozen=True)
class Order:
    """An epoch's order: sample numbers, which run each is in, the windows' ends, and the runs of each window."""

    samples: Array
    run: Array
    ends: Array
    windows: tuple[Array, ...]


class Shuffler:
    """The order of every epoch, from the seed and the epoch's number.

    Runs are put in random order; as many as make up a window are then mixed sample by sample. So a sample's window
    is random, and its place in it; samples of one run stay in one window.
    """

    def __init__(self, samples: Array, run: int, window: int, shuffle: bool, seed: int) -> None:
        self.runs = runs_of(samples, run)
        self._shuffle = shuffle
        self._seed = seed
        self._sizes = np.array([len(r.samples) for r in self.runs])
        self._window = window
        self.epoch = lru_cache(maxsize=3)(self._epoch)

    def _epoch(self, epoch: int) -> Order:
        generator = np.random.default_rng([self._seed, epoch])
        runs = np.arange(len(self.runs))
        if self._shuffle:
            generator.shuffle(runs)
        windows = _filled(runs, self._sizes, self._window)
        parts = []
        for members in windows:
            part = np.concatenate(
                [np.stack([self.runs[r].samples, np.full(self._sizes[r], r)]) for r in members], 1
            )
            parts.append(part[:, generator.permutation(part.shape[1])] if self._shuffle else part)
        ends = np.cumsum([part.shape[1] for part in parts])
        samples, run = np.concatenate(parts, axis=1)
        return Order(samples, run, ends, tuple(windows))

    def largest_window(self) -> int:
        """Give the most samples that a window of any epoch can hold."""
        return int(min(self._sizes.sum(), self._window + self._sizes.max() - 1))


def _filled(runs: Array, sizes: Array, least: int) -> list[Array]:
    """Part runs into windows of at least so many samples; the last may have fewer."""
    windows, members, count = [], [], 0
    for run in runs:
        members.append(run)
        count += sizes[run]
        if count >= least:
            windows.append(np.array(members))
            members, count = [], 0
    return [*windows, np.array(members)] if members else windows


class Stream:
    """Batches by their position in an endless sequence of epochs.

    Any position may be asked for at any time; those in a row are read ahead, across epochs too. At a time, no more
    is kept than the runs of two windows, as stored, and ``ahead`` + 1 batches.
    """

    def __init__(
        self,
        reader: Reader,
        shuffler: Shuffler,
        make: Make,
        *,
        batch_size: int,
        drop_last: bool = False,
        ahead: int = 2,
        workers: int = 1,
    ) -> None:
        self._reader = reader
        self._shuffler = shuffler
        self._make = make
        self._batch_size = batch_size
        self._ahead = ahead
        n = sum(len(run.samples) for run in shuffler.runs)
        self._n_samples = n
        self.n_batches = n // batch_size if drop_last else -(-n // batch_size)
        self._lock = threading.Lock()
        self._readers, self._builders = Workers(workers), Workers(workers)
        self._runs: dict[int, Future[Columns]] = {}
        self._batches: dict[int, Future[Any]] = {}
        self._awaited: Counter[int] = Counter()

    def batch(self, position: int) -> Any:
        """Give a batch, and begin with those after it; what a thread raised is raised here."""
        with self._lock:
            self._awaited[position] += 1
            future = self._prepare(position)
        failed = True
        try:
            batch = future.result()
            failed = False
        finally:
            with self._lock:
                self._awaited -= Counter([position])
                self._batches.pop(position, None)
            if failed:
                self.forget()
        return batch

    def forget(self) -> None:
        """Give up what was read ahead, but for the batches that another thread waits for."""
        with self._lock:
            _keep_only(self._batches, set(self._awaited))
            _keep_only(self._runs, {run for run in self._in_use() if not _failed(self._runs.get(run))})

    def _prepare(self, position: int) -> Future[Any]:
        """Begin to read the windows and build the batches from a position on; the caller holds the lock."""
        wanted = range(position, position + self._ahead + 1)
        windows = self._windows(wanted)[:2]
        if len(windows) == 1:
            windows.append(self._after(windows[0]))
        _keep_only(self._batches, {*wanted, *self._awaited})
        ahead = [int(run) for epoch, w in windows for run in self._shuffler.epoch(epoch).windows[w]]
        _keep_only(self._runs, {*ahead, *self._in_use()})
        for run in ahead:  # the current window's first
            if run not in self._runs:
                self._runs[run] = self._readers.submit(self._read, self._shuffler.runs[run])
        for p in wanted:
            if p not in self._batches and set(self._windows([p])) <= set(windows):
                futures = {run: self._runs[run] for run in self._runs_at(p)}
                self._batches[p] = self._builders.submit(self._build, *self._rows(p), futures)
        return self._batches[position]

    def _in_use(self) -> set[int]:
        """Give the runs that batches are still made of."""
        return {run for p, future in self._batches.items() if not future.done() for run in self._runs_at(p)}

    def _rows(self, position: int) -> tuple[int, Array, Array]:
        epoch, number = divmod(position, self.n_batches)
        order = self._shuffler.epoch(epoch)
        rows = slice(number * self._batch_size, (number + 1) * self._batch_size)
        return epoch, order.samples[rows], order.run[rows]

    def _runs_at(self, position: int) -> list[int]:
        return list(np.unique(self._rows(position)[2]).tolist())

    def _windows(self, positions: Any) -> list[tuple[int, int]]:
        """Give the windows that batches come from, as (epoch, number), in order."""
        found: dict[tuple[int, int], None] = {}
        for position in positions:
            epoch, number = divmod(position, self.n_batches)
            first = number * self._batch_size
            last = min(first + self._batch_size, self._n_samples) - 1
            ends = self._shuffler.epoch(epoch).ends
            low, high = np.searchsorted(ends, [first, last], side="right").tolist()
            found.update(((epoch, w), None) for w in range(low, high + 1))
        return list(found)

    def _after(self, window: tuple[int, int]) -> tuple[int, int]:
        epoch, w = window
        return (epoch, w + 1) if w + 1 < len(self._shuffler.epoch(epoch).windows) else (epoch + 1, 0)

    def _read(self, run: Run) -> Columns:
        columns = self._reader.read(run.start, run.stop)
        if len(run.samples) == run.stop - run.start:
            return columns
        return {name: column[run.samples - run.start] for name, column in columns.items()}

    def _build(self, epoch: int, samples: Array, runs: Array, futures: Mapping[int, Future[Columns]]) -> Any:
        stored: dict[str, Array] = {}
        for run, future in futures.items():
            here = np.flatnonzero(runs == run)
            rows = np.searchsorted(self._shuffler.runs[run].samples, samples[here])
            for name, column in future.result().items():
                if name not in stored:
                    stored[name] = np.empty((len(samples), *column.shape[1:]), column.dtype)
                stored[name][here] = column[rows]
        return self._make(stored, samples, epoch)


def _failed(future: Future[Any] | None) -> bool:
    return future is not None and future.done() and (future.cancelled() or future.exception() is not None)


def _keep_only(futures: dict[int, Future[Any]], wanted: set[int]) -> None:
    for key in futures.keys() - wanted:
        futures.pop(key).cancel()
