"""Batches as a tf.data.Dataset."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from scatterkit.datasets.feeding._batches import Stream
from scatterkit.datasets.feeding._feed import Feed

if TYPE_CHECKING:
    import tensorflow as tf


class _Streams:
    """A stream for each iterator, since two would throw out each other's windows; one that is idle is used again."""

    def __init__(self, new: Callable[[], Stream]) -> None:
        self._new = new
        self._idle: Stream | None = None
        self._lock = threading.Lock()

    @contextmanager
    def borrowed(self) -> Iterator[Stream]:
        """Lend a stream that nobody else uses."""
        with self._lock:
            stream, self._idle = self._idle or self._new(), None
        try:
            yield stream
        finally:
            with self._lock:
                surplus, self._idle = self._idle, stream
            if surplus is not None:
                surplus.forget()


def tf_dataset(feed: Feed) -> tf.data.Dataset:
    """Give the batches of a feed as a tf.data.Dataset; every iteration over it is the next epoch."""
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            f"as_tf_dataset needs TensorFlow ({error}): pip install 'scatterkit[tf-cpu]' or 'scatterkit[tf]'. "
            "as_keras works with every backend of Keras."
        ) from error

    def spec(array: Any) -> tf.TensorSpec:
        return tf.TensorSpec((feed.batch_size, *array.shape[1:]), array.dtype)

    streams, epochs = _Streams(feed.new_stream), count()
    n = feed.new_stream().n_batches

    def epoch() -> Iterator[Any]:
        first = next(epochs) * n
        with streams.borrowed() as stream:
            for position in range(first, first + n):
                yield stream.batch(position)

    batches = tf.data.Dataset.from_generator(
        epoch, output_signature=tf.nest.map_structure(spec, feed.make.example())
    )
    return batches.apply(tf.data.experimental.assert_cardinality(n)).prefetch(1)
