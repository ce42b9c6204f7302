"""From the parameters of ``as_keras`` and ``as_tf_dataset`` to a stream of batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._arrays import NUMPY
from scatterkit._random import RandomState, seed_of
from scatterkit._validation import Boolean, Constraint, Instance, Integer, check_value, fail, shown
from scatterkit.augmentation import Augmenter
from scatterkit.datasets.feeding._batches import Columns, Shuffler, Stream
from scatterkit.datasets.feeding._recipe import Recipe, check_recipe, seeded
from scatterkit.datasets.feeding._sources import Source, open_source
from scatterkit.datasets.schema import MASK, PATTERN

Array = NDArray[Any]
Prepare = Callable[[dict[str, Array], Array, int], Mapping[str, Array]]
"""Changes the values of a batch, clean yet, given the samples' numbers and the epoch."""
_BUFFER = 1024
_BUFFER_BYTES = 1_000_000_000
"""What two windows take by default, unless one run or one batch needs more."""
_CONSTRAINTS: Mapping[str, Constraint] = {
    "batch_size": Integer(1),
    "shuffle": Boolean(),
    "buffer_size": Integer(1, optional=True),
    "drop_last": Boolean(),
    "prefetch": Integer(0),
    "workers": Integer(1),
    "augmenter": Instance((Augmenter,), optional=True),
}


@dataclass(frozen=True)
class Maker:
    """Turns stored rows into a batch."""

    source: Source
    recipe: Recipe
    augmenter: Augmenter | None
    prepare: Prepare | None = None

    def __call__(self, stored: Columns, samples: Array, epoch: int) -> tuple[Any, ...]:
        values = {name: self.source.decode(name, column) for name, column in stored.items()}
        if self.recipe.needs_masks:
            values.setdefault(MASK, np.ones((len(samples), *self.shape), np.float32))
        if self.prepare is not None:
            values = dict(self.prepare(values, samples, epoch))
        x = values[self.recipe.x]
        mask = values.get(MASK)
        if self.augmenter is not None:
            params = self.augmenter.sample_params(samples, epoch=epoch, shape=x.shape[1:])
            x = self.augmenter.apply(x, params)
            mask = self.augmenter.apply_mask(mask, params) if self.recipe.mask else None
        return self.recipe.pack(x, mask, values, NUMPY)

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns of the patterns."""
        return self.source.columns[PATTERN].decoded

    def example(self) -> tuple[Any, ...]:
        """Give a batch of one sample of zeros, of the shapes and types of all."""
        zeros = {name: np.zeros((1, *c.decoded), np.float32) for name, c in self.source.columns.items()}
        if self.recipe.needs_masks:
            zeros.setdefault(MASK, np.zeros((1, *self.shape), np.float32))
        return self.recipe.pack(zeros[self.recipe.x], zeros[self.recipe.x], zeros, NUMPY)


@dataclass(frozen=True)
class Feed:
    """How to make streams of batches, and what those who hand them on need to know."""

    new_stream: Callable[[], Stream]
    make: Maker
    max_bytes: int
    batch_size: int | None
    """None where the last batch of an epoch may be smaller."""


def open_feed(
    source: Any,
    batch_size: int,
    *,
    x: Any,
    y: Any,
    mask: Any,
    augmenter: Augmenter | None,
    samples: Any,
    random_state: RandomState,
    owner: str,
    prepare: Prepare | None = None,
    parameter: str = "source",
    **options: Any,
) -> Feed:
    """Check all parameters, then give the stream that they describe; nothing is read before its first batch.

    ``parameter`` is the source's name in messages.
    """
    for name, value in {"batch_size": batch_size, "augmenter": augmenter, **options}.items():
        check_value(value, _CONSTRAINTS[name], name=name, owner=owner)
    recipe = check_recipe(x, y, mask, owner=owner)
    if augmenter is not None and recipe.x != PATTERN:
        raise fail("augmenter", owner, f"None where x is {recipe.x!r}", shown(augmenter))
    seed = seed_of(random_state, owner=owner)
    optional = (MASK,) if recipe.needs_masks else ()
    opened = open_source(source, recipe.variables, owner=owner, optional=optional, parameter=parameter)
    chosen = check_samples(samples, opened.n_samples, owner)
    if options["drop_last"] and len(chosen) < batch_size:
        allowed = f"at most the number of samples, {len(chosen)}, where drop_last is True"
        raise fail("batch_size", owner, allowed, shown(batch_size))
    # what is in memory costs nothing more: all of it is mixed
    window = len(chosen) if opened.resident else max(options["buffer_size"] or _fitting(opened), batch_size)
    shuffler = Shuffler(chosen, opened.run, window, options["shuffle"], seed)
    make = Maker(opened, recipe, seeded(augmenter, seed), prepare)
    new_stream = partial(
        Stream,
        opened,
        shuffler,
        make,
        batch_size=batch_size,
        drop_last=options["drop_last"],
        ahead=options["prefetch"],
        workers=options["workers"],
    )
    bound = _bytes(shuffler, make, batch_size, options["prefetch"], options["workers"])
    ragged = len(chosen) % batch_size and not options["drop_last"]
    return Feed(new_stream, make, bound, None if ragged else batch_size)


def _fitting(source: Source) -> int:
    """Give how many samples to mix, so that two windows with all of their last runs fit the memory."""
    fitting = _BUFFER_BYTES // (2 * source.stored_bytes) - (source.run - 1)
    return max(1, min(_BUFFER, fitting))


def _bytes(shuffler: Shuffler, make: Maker, batch_size: int, prefetch: int, workers: int) -> int:
    """Bound the memory: two windows as stored, finished batches, and twice as much for each in the making."""
    decoded = sum(4 * int(np.prod(column.decoded)) for column in make.source.columns.values())
    batch = 2 * batch_size * (decoded + make.source.stored_bytes)
    return 2 * shuffler.largest_window() * make.source.stored_bytes + (prefetch + 1 + workers) * batch


def check_samples(samples: Any, n: int, owner: str) -> NDArray[np.int64]:
    """Give the numbers of the samples to take, increasing, or raise."""
    allowed = f"two whole numbers (start, stop), a slice, or different whole numbers, of {n} samples"
    if samples is None:
        return np.arange(n)
    if isinstance(samples, tuple) and len(samples) == 2:
        start, stop = samples
        if not (Integer(0, n - 1).accepts(start) and Integer(int(start) + 1, n).accepts(stop)):
            raise fail("samples", owner, allowed, shown(samples))
        return np.arange(int(start), int(stop))
    numbers = np.arange(n)[samples] if isinstance(samples, slice) else np.asarray(samples)
    fits = numbers.ndim == 1 and numbers.dtype.kind in "iu" and numbers.size > 0
    if not fits or numbers.min() < 0 or numbers.max() >= n or len(np.unique(numbers)) < len(numbers):
        raise fail("samples", owner, allowed, shown(samples))
    return np.sort(numbers).astype(np.int64)
