"""Batches for training straight from a data set: for every Keras backend, and as a tf.data.Dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from scatterkit._random import RandomState
from scatterkit._validation import Integer, check_value
from scatterkit.augmentation import Augmenter
from scatterkit.datasets.feeding._feed import open_feed

if TYPE_CHECKING:
    from scatterkit.datasets.feeding.keras_feeding import StoredBatches


def as_keras(
    source: Any,
    batch_size: int = 32,
    *,
    x: str = "pattern",
    y: str | tuple[str, ...] | None = "volume",
    mask: str | None = None,
    augmenter: Augmenter | None = None,
    samples: tuple[int, int] | slice | ArrayLike | None = None,
    shuffle: bool = True,
    random_state: RandomState = None,
    buffer_size: int | None = None,
    drop_last: bool = False,
    steps_per_epoch: int | None = None,
    prefetch: int = 2,
    workers: int = 1,
) -> StoredBatches:
    """Give a data set as shuffled batches for ``model.fit``, on any Keras backend, without loading it.

    Parameters
    ----------
    source : str, Path, xarray.Dataset, BodyPool or mapping of str to array_like
        Path of a store as ``DatasetGenerator`` writes it, a Dataset of the package's form, opened lazily or not,
        a `BodyPool`, or arrays by the names "pattern", "volume", "mask", "normals" and "offsets".
    batch_size : int, default=32
        Samples in a batch.
    x : {"pattern", "volume"}, default="pattern"
        What the network sees.
    y : {"volume", "pattern", "mask", "normals", "offsets"}, tuple of these or None, default="volume"
        What the network is to give. "pattern" is the clean one, for a physics loss, and "mask" the one before
        artifacts, for a loss that leaves out what was not measured; "normals" and "offsets" are the half-spaces of
        a pool's bodies; a tuple makes several targets; None is for ``predict``.
    mask : {"channel", "input"} or None, default=None
        Where the network sees which pixels are measured: nowhere, as a second channel, so that x is (n, rows,
        columns, 2), or as a second input (pattern, mask). It is 1 everywhere where the set has no masks, less what
        the augmenter takes.
    augmenter : Augmenter, optional
        Artifacts for the patterns in x, others in each epoch; those in y stay clean. Where its ``random_state``
        is None, it gets the seed of the batches.
    samples : tuple of 2 int, slice or array_like of int, optional
        Which samples to take: ``(start, stop)``, a slice, or their numbers. All by default. A number in an array may
        stand only once; the order of the batches does not come from it.
    shuffle : bool, default=True
        Whether each epoch has an order of its own; otherwise samples come in the order of their numbers.
    random_state : int, numpy.random.Generator or None, default=None
        An int gives the same batches in each epoch of the same number.
    buffer_size : int, optional
        Samples that are mixed with each other, at least; more of them mix better and take more memory. By default
        1024, or as many as let the windows below take 1 GB (10^9 bytes), yet one run and one batch at least.
    drop_last : bool, default=False
        Leave out the last batch of an epoch where it is smaller, such that all have one shape.
    steps_per_epoch : int, optional
        Batches that Keras takes for an epoch; by default those of the whole set. The next epoch goes on where one
        ended, so that each sample is still seen once before any comes again. Set it here, not in ``fit``.
    prefetch : int, default=2
        Batches that are made ahead.
    workers : int, default=1
        Threads that read, and as many that decode and augment.

    Returns
    -------
    keras.utils.PyDataset
        For ``fit``, ``evaluate`` and ``predict``. ``max_bytes`` bounds its memory, ``epoch`` is the number of the next
        epoch and may be set, ``close()`` frees memory early.

    Raises
    ------
    ValueError
        If a parameter is invalid, or the set lacks what was asked for.

    See Also
    --------
    as_tf_dataset : The same as a tf.data.Dataset.
    OnTheFly : An endless set that is made while the network trains.

    Notes
    -----
    Samples are read in runs of about 128 in a row, of large samples as many as 64 MB hold. In each epoch the runs are
    put in random order; as many of them as hold ``buffer_size`` samples are mixed sample by sample, and make up one
    batch after the other. Each sample is seen once per epoch. Two windows of this size, as stored, are kept in memory:
    the one in use, and the next, which is read meanwhile. ``max_bytes`` counts them and the batches, each of which
    takes ``batch_size`` times the size of a sample's values.

    All is done by threads, which end by themselves when no batch is asked for. Keras's own are refused, and so is its
    multiprocessing: a process that is forked after TensorFlow has started may hang.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.datasets import as_keras
    >>> arrays = {"pattern": np.zeros((100, 16, 16)), "volume": np.zeros((100, 8, 8, 8))}
    >>> train = as_keras(arrays, batch_size=32, samples=(0, 80), random_state=0)
    >>> len(train), train[0][0].shape, train[2][1].shape
    (3, (32, 16, 16), (16, 8, 8, 8))
    """
    from scatterkit.datasets.feeding.keras_feeding import StoredBatches

    check_value(steps_per_epoch, Integer(1, optional=True), name="steps_per_epoch", owner="as_keras")
    feed = open_feed(
        source,
        batch_size,
        x=x,
        y=y,
        mask=mask,
        augmenter=augmenter,
        samples=samples,
        shuffle=shuffle,
        random_state=random_state,
        buffer_size=buffer_size,
        drop_last=drop_last,
        prefetch=prefetch,
        workers=workers,
        owner="as_keras",
    )
    return StoredBatches(feed, steps_per_epoch)


def as_tf_dataset(
    source: Any,
    batch_size: int = 32,
    *,
    x: str = "pattern",
    y: str | tuple[str, ...] | None = "volume",
    mask: str | None = None,
    augmenter: Augmenter | None = None,
    samples: tuple[int, int] | slice | ArrayLike | None = None,
    shuffle: bool = True,
    random_state: RandomState = None,
    buffer_size: int | None = None,
    drop_last: bool = False,
    prefetch: int = 2,
    workers: int = 1,
) -> Any:
    """Give a data set as a tf.data.Dataset of shuffled batches, without loading it.

    Each iteration over it is an epoch, with an order and artifacts of its own. Needs TensorFlow, whatever the backend
    of Keras is. Several iterations at a time are different epochs, and each takes memory of its own. For
    ``steps_per_epoch`` in ``fit``, hand over ``batches.repeat()``.

    Parameters
    ----------
    source : str, Path, xarray.Dataset, BodyPool or mapping of str to array_like
        As for `as_keras`.
    batch_size : int, default=32
        Samples in a batch.
    x : {"pattern", "volume"}, default="pattern"
        What the network sees.
    y : {"volume", "pattern", "mask", "normals", "offsets"}, tuple of these or None, default="volume"
        What the network is to give.
    mask : {"channel", "input"} or None, default=None
        Where the network sees which pixels are measured.
    augmenter : Augmenter, optional
        Artifacts for the patterns in x.
    samples : tuple of 2 int, slice or array_like of int, optional
        Which samples to take.
    shuffle : bool, default=True
        Whether each epoch has an order of its own.
    random_state : int, numpy.random.Generator or None, default=None
        An int gives the same batches in each epoch of the same number.
    buffer_size : int, optional
        Samples that are mixed with each other, at least; by default 1024, or as many as fit 1 GB.
    drop_last : bool, default=False
        Leave out the last batch of an epoch where it is smaller.
    prefetch : int, default=2
        Batches that are made ahead; TensorFlow keeps as many again.
    workers : int, default=1
        Threads that read, and as many that decode and augment.

    Returns
    -------
    tf.data.Dataset
        Batches, as many as an epoch has.

    Raises
    ------
    ValueError
        If a parameter is invalid, or the set lacks what was asked for.

    See Also
    --------
    as_keras : The same for every backend of Keras, with all parameters explained.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.datasets import as_tf_dataset
    >>> arrays = {"pattern": np.zeros((100, 16, 16)), "volume": np.zeros((100, 8, 8, 8))}
    >>> batches = as_tf_dataset(arrays, y="pattern", random_state=0)
    >>> int(batches.cardinality()), batches.element_spec[0].shape
    (4, TensorShape([None, 16, 16]))
    """
    from scatterkit.datasets.feeding.tensorflow_feeding import tf_dataset

    feed = open_feed(
        source,
        batch_size,
        x=x,
        y=y,
        mask=mask,
        augmenter=augmenter,
        samples=samples,
        shuffle=shuffle,
        random_state=random_state,
        buffer_size=buffer_size,
        drop_last=drop_last,
        prefetch=prefetch,
        workers=workers,
        owner="as_tf_dataset",
    )
    return tf_dataset(feed)
