"""Batches as a tf.data.Dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scatterkit.datasets.feeding._feed import Feed

if TYPE_CHECKING:
    import tensorflow as tf


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

    def epoch() -> Iterator[Any]:
        number, feed.epoch = feed.epoch, feed.epoch + 1
        n = feed.stream.n_batches
        for position in range(number * n, (number + 1) * n):
            yield feed.stream.batch(position)

    batches = tf.data.Dataset.from_generator(
        epoch, output_signature=tf.nest.map_structure(spec, feed.make.example())
    )
    return batches.apply(tf.data.experimental.assert_cardinality(feed.stream.n_batches)).prefetch(1)
