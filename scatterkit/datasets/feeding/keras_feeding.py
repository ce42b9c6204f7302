"""Batches for ``model.fit`` on any Keras backend."""

from __future__ import annotations

import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from scatterkit._validation import Integer, check_value, fail
from scatterkit.datasets.feeding._feed import Feed
from scatterkit.simulation.kernels.tensor_backends import keras


class Batches(keras.utils.PyDataset, ABC):
    """An endless sequence of batches, cut into epochs for Keras.

    Keras asks for the batches of an epoch by number, mixed up unless told otherwise. Here their order is set: a number
    is a ticket, and the first that an epoch asks for gives that epoch's first batch. The same number gives the same
    batch until the epoch ends. Between epochs, where Keras looks at shapes, numbers are counted from the next batch.

    Parameters
    ----------
    n_batches : int
        Batches of an epoch.
    """

    _maker: ClassVar[str]
    """What makes such batches, by name."""

    def __init__(self, n_batches: int) -> None:
        super().__init__(workers=1)
        self._n_batches = n_batches
        self._position = 0
        self._tickets: dict[int, int] = {}
        self._within = False
        self._has_trained = False
        self._unfinished = 0
        self._lock = threading.Lock()

    @property
    def workers(self) -> int:
        """Always 1: what is left in the queues of Keras's own threads would come again in the next epoch."""
        return 1

    @workers.setter
    def workers(self, value: int) -> None:
        if value > 1:
            raise fail("workers", type(self).__name__, "1 here: it has threads of its own", str(value))

    @property
    def use_multiprocessing(self) -> bool:
        """Always False: a process that is forked after TensorFlow or its threads have started may hang."""
        return False

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        if value:
            raise fail("use_multiprocessing", type(self).__name__, "False: it has threads of its own", "True")

    def __len__(self) -> int:
        return self._n_batches

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < self._n_batches:
            raise IndexError(f"batch {index} of {self._n_batches}")
        with self._lock:
            ticket = self._tickets.setdefault(index, len(self._tickets)) if self._within else index
            position = self._position + ticket
        return self._batch(position)

    def on_epoch_begin(self) -> None:
        """Begin an epoch; Keras calls it."""
        with self._lock:
            self._leave()
            self._within = True

    def on_epoch_end(self) -> None:
        """End an epoch; Keras calls it."""
        with self._lock:
            taken = len(self._tickets)
            # one alone is no fault: Keras makes a model from a first batch or two, then begins anew
            self._unfinished = self._unfinished + 1 if 0 < taken < self._n_batches else 0
            self._leave()
        if self._unfinished == 2:
            warnings.warn(
                f"Two epochs in a row ended early, the last after {taken} of {self._n_batches} batches. Where Keras "
                f"is given steps_per_epoch, samples may come twice: give it to {self._maker} instead.",
                stacklevel=2,
            )

    def _leave(self) -> None:
        taken, self._tickets, self._within = len(self._tickets), {}, False
        # Keras makes a model from a first batch, then begins anew: that was no epoch
        if taken > 1 or (taken == 1 and (self._has_trained or self._n_batches == 1)):
            self._has_trained = True
            self._position = self._following(self._position, taken)

    def at(self, position: int) -> Any:
        """Give the batch at a position of the endless sequence, whatever was asked for before: the same every time.

        Parameters
        ----------
        position : int
            Number of the batch, from the first one of the first epoch.

        Returns
        -------
        tuple
            What iteration gives.
        """
        return self._batch(position)

    @abstractmethod
    def _following(self, position: int, taken: int) -> int:
        """Give the first position of the next epoch."""

    @abstractmethod
    def _batch(self, position: int) -> Any:
        """Give the batch at a position of the endless sequence."""


class StoredBatches(Batches):
    """Batches of a set on disk or in memory; ``as_keras`` makes it.

    Parameters
    ----------
    feed : Feed
        Where the batches come from.
    steps_per_epoch : int, optional
        Batches of an epoch; by default those of the whole set.
    """

    _maker = "as_keras"

    def __init__(self, feed: Feed, steps_per_epoch: int | None = None) -> None:
        self._stream = feed.new_stream()
        self.recipe = feed.make.recipe
        super().__init__(steps_per_epoch or self._stream.n_batches)
        self.max_bytes = feed.max_bytes
        """Most bytes that stored samples and batches take at a time, about."""

    @property
    def epoch(self) -> int:
        """Number of the epoch that is in progress, or comes next; to be set before training goes on elsewhere."""
        return self._position // self._n_batches

    @epoch.setter
    def epoch(self, value: int) -> None:
        check_value(value, Integer(0), name="epoch", owner="as_keras")
        with self._lock:
            self._position, self._tickets = int(value) * self._n_batches, {}

    def __iter__(self) -> Iterator[Any]:
        """Give the batches of the next epoch."""
        self.on_epoch_begin()
        try:
            for index in range(self._n_batches):
                yield self[index]
        finally:
            with self._lock:
                self._leave()

    def close(self) -> None:
        """Give up what was read ahead; its threads end. More batches may be asked for nevertheless."""
        self._stream.forget()

    def _following(self, position: int, taken: int) -> int:
        return position + self._n_batches

    def _batch(self, position: int) -> Any:
        return self._stream.batch(position)
