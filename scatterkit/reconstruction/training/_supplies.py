"""What a network is trained on: batches by their position, from arrays, stores or endless sources."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from scatterkit._validation import Integer, check_volumes, fail, joint_mask, shown
from scatterkit.augmentation import Augmenter
from scatterkit.base import Component
from scatterkit.experiment import check_detector
from scatterkit.fitting._pattern_checks import measured_masks, measured_patterns
from scatterkit.reconstruction.training._experiments import check_attributes, check_experiment
from scatterkit.reconstruction.training._shown import Shown
from scatterkit.reconstruction.views import View, views
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import HalfSpaceSampler

Batch = tuple[Any, Mapping[str, Any]]
BRIGHTEST = 1.5
"""Log-scaled patterns end at one, with noise a little above; anything more is another scale."""
NOISE = -0.3
"""Noise is no further below zero; it is cut there."""
VALIDATION_SEED = 0x5EED
"""Told apart from the seed of the training by this."""
_PREFETCH = 2
"""Batches that are made ahead."""
_LOG_SCALED = "log-scaled patterns in [0, 1]; counts and intensities become such by LogScaler"


@dataclass(frozen=True)
class Supply:
    """Batches by position, those to validate with, and what tells one supply from another.

    ``n_batches`` is the number of batches of an epoch, None where there is no end. To ``describe`` a large set takes
    seconds.
    """

    at: Callable[[int], Batch]
    validation: Callable[[], Iterable[Batch]]
    n_batches: int | None
    describe: Callable[[], str]
    close: Callable[[], None]

    @property
    def description(self) -> str:
        """What the batches are made of."""
        return self.describe()


@dataclass(frozen=True)
class Wishes:
    """What a training asks of its batches.

    Parameters
    ----------
    targets : sequence of str
        Some of "pattern", "volume" and "surface": what the loss compares.
    batch_size : int
        Samples in a batch.
    augmenter : Augmenter or None
        Artifacts for what the network sees in training.
    simulator : MSFTSimulator
        The experiment.
    grid : int
        Voxels along each axis of what losses compare.
    simulated_grid : int
        Voxels along each axis of bodies that are simulated on the device.
    validation : int or float
        Number or part of the samples that are kept for validation.
    seed : int
        Of order, artifacts and endless samples.
    views : bool
        Whether each batch is turned and mirrored to a random view; endless sources are not.
    owner : str
        Whose parameters they are, for messages.
    """

    targets: Sequence[str]
    batch_size: int
    augmenter: Augmenter | None
    simulator: MSFTSimulator
    grid: int
    simulated_grid: int
    validation: float
    seed: int
    views: bool
    owner: str

    def raw(self, by_planes: bool) -> tuple[str, ...]:
        """Names of what batches must hold so that all targets can be made: patterns, half-spaces or volumes."""
        names = ("pattern",) if "pattern" in self.targets else ()
        if not {"volume", "surface"} & set(self.targets):
            return names
        return (*names, "normals", "offsets") if by_planes else (*names, "volume")


def supply_of(X: Any, y: ArrayLike | None, mask: ArrayLike | None, wishes: Wishes) -> Supply:
    """Give the batches of arrays, of a stored set, or of an endless source, or say what is wrong with them."""
    if isinstance(X, HalfSpaceSampler) or _is_endless(X):
        for name, value in (("y", y), ("mask", mask)):
            if value is not None:
                raise fail(name, wishes.owner, "None where X is an endless source", shown(value))
        return _sampled(X, wishes) if isinstance(X, HalfSpaceSampler) else _endless(X, wishes)
    if isinstance(X, Component):
        allowed = "patterns, a data set, a BodyPool, a HalfSpaceSampler or an OnTheFly; make_pool takes other samplers"
        raise fail("X", wishes.owner, allowed, shown(X))
    if _is_set(X):
        for name, value in (("y", y), ("mask", mask)):
            if value is not None:
                raise fail(name, wishes.owner, "None where X is a whole data set", shown(value))
        return _of_pool(X, wishes) if _is_pool(X) else _of_set(X, wishes)
    masks = measured_masks(X, mask, wishes.simulator, owner=wishes.owner)
    patterns = log_patterns(X, masks, wishes.simulator, owner=wishes.owner)
    arrays: dict[str, Any] = {"pattern": patterns}
    if not masks.all():
        arrays["mask"] = masks
    names = wishes.raw(False)
    if "volume" in names:
        arrays["volume"] = _volumes(y, len(patterns), wishes)
    return _stored(arrays, names, "mask" in arrays, wishes)


def log_patterns(
    X: ArrayLike, masks: NDArray[np.bool_], simulator: MSFTSimulator, *, owner: str
) -> NDArray[np.float32]:
    """Give checked log-scaled patterns with zeros outside of their masks, and where noise is below zero."""
    given = np.asarray(X)
    if given.dtype.kind == "f":  # noise and interpolation swing a little below zero
        lowest = float(np.min(given, where=masks, initial=0.0))
        if lowest < NOISE:
            raise fail(
                "X", owner, f"{_LOG_SCALED}, with noise down to {NOISE:g}", f"values down to {lowest:g}"
            )
        given = np.where(given < 0, 0, given)
    patterns = measured_patterns(given, masks, simulator, owner=owner)
    brightest = float(patterns.max())
    if brightest > BRIGHTEST:
        raise fail("X", owner, _LOG_SCALED, f"values up to {brightest:g}")
    return patterns


def _is_endless(X: Any) -> bool:
    """Whether X is the package's endless source; those who never loaded it do not have one."""
    import sys

    module = sys.modules.get("scatterkit.datasets.feeding.on_the_fly")
    return module is not None and isinstance(X, module.OnTheFly)


def _is_set(X: Any) -> bool:
    return _is_pool(X) or isinstance(X, (str, os.PathLike, Mapping)) or hasattr(X, "data_vars")


def _is_pool(X: Any) -> bool:
    from scatterkit.datasets import BodyPool

    return isinstance(X, BodyPool)


def _of_pool(pool: Any, wishes: Wishes) -> Supply:
    check_experiment(pool.simulator, pool.scaler, wishes.simulator, wishes.owner)
    return _stored(pool, wishes.raw(True), pool.mask is not None, wishes, lambda: pool.description)


def _of_set(X: Any, wishes: Wishes) -> Supply:
    attributes: Mapping[str, Any] = {}
    if isinstance(X, (str, os.PathLike)):
        from scatterkit.datasets import open_dataset

        if (Path(X).expanduser() / "pool.json").exists():
            raise fail("X", wishes.owner, "BodyPool(folder) where a folder holds a pool", shown(X))
        attributes = open_dataset(X).attrs
    elif hasattr(X, "data_vars"):
        attributes = X.attrs
    check_attributes(attributes, wishes.simulator, wishes.owner)
    by_planes = isinstance(X, Mapping) and {"normals", "offsets"} <= X.keys()
    return _stored(X, wishes.raw(by_planes), True, wishes, attributes=attributes)


def _volumes(y: ArrayLike | None, n: int, wishes: Wishes) -> NDArray[np.float32]:
    wanted = (n, *(wishes.grid,) * 3)
    if y is None:
        allowed = (
            f"volumes of shape {wanted}, which this loss compares bodies with; the loss 'physics' needs none"
        )
        raise fail("y", wishes.owner, allowed, "None")
    if np.shape(y) != wanted:
        raise fail("y", wishes.owner, f"volumes of shape {wanted}", f"shape {np.shape(y)}")
    return check_volumes(y, owner=wishes.owner, name="y")


def _stored(
    source: Any,
    names: tuple[str, ...],
    with_mask: bool,
    wishes: Wishes,
    describe: Callable[[], str] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Supply:
    from scatterkit.datasets.feeding._feed import open_feed
    from scatterkit.datasets.feeding._sources import open_source
    from scatterkit.datasets.feeding.keras_feeding import StoredBatches
    from scatterkit.reconstruction.training._digests import digest_of, place_of

    variables = tuple(dict.fromkeys(("pattern", *names)))
    opened = open_source(source, variables, owner=wishes.owner, optional=("mask",), parameter="X")
    taken, kept = _parted(opened.n_samples, wishes)
    size = _batch_size(wishes, len(taken))
    shape = check_detector(wishes.simulator.detector, owner="MSFTSimulator").shape
    measured = joint_mask((wishes.simulator,), shape)
    seen = tuple(views(wishes.simulator)) if wishes.views else ()
    if with_mask or measured is not None or not all(view.known(shape).all() for view in seen):
        names = (*names, "mask")

    def batches(
        samples: NDArray[np.int64], size: int, shuffle: bool, seen: tuple[View, ...] = (), **options: Any
    ) -> StoredBatches:
        feed = open_feed(
            source,
            size,
            x="pattern",
            y=names or None,
            mask="input",
            samples=samples,
            random_state=wishes.seed,
            owner=wishes.owner,
            parameter="X",
            prepare=Shown(seen, measured, wishes.seed),
            shuffle=shuffle,
            drop_last=shuffle,
            buffer_size=None,
            prefetch=_PREFETCH,
            workers=1,
            **options,
        )
        return StoredBatches(feed)

    feed = batches(taken, size, True, seen, augmenter=wishes.augmenter)
    clean = feed if wishes.augmenter is None else batches(taken, size, True, augmenter=None)
    first = _named(clean.at(0), names)
    _check_sizes(first, wishes)
    _check_values(first, wishes)
    if clean is not feed:
        clean.close()

    def validation() -> Iterator[Batch]:
        if not len(kept):
            return
        few = batches(kept, min(size, len(kept)), False, augmenter=None)
        for i in range(len(few)):
            yield _named(few.at(i), names)

    return Supply(
        partial(_at, feed, names),
        validation,
        len(feed),
        describe or (lambda: f"{place_of(source)} {digest_of(opened, attributes)}"),
        feed.close,
    )


def _parted(n: int, wishes: Wishes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the numbers of the samples to train on, and those kept for validation."""
    wanted = wishes.validation
    whole = isinstance(wanted, (int, np.integer))
    count = int(wanted) if whole else max(round(wanted * n), int(wanted > 0))
    if count >= n:
        allowed = f"fewer samples than there are, {n}"
        raise fail("validation", wishes.owner, allowed, shown(wanted))
    order = np.random.default_rng([wishes.seed, VALIDATION_SEED]).permutation(n)
    return np.sort(order[count:]), np.sort(order[:count])


def _batch_size(wishes: Wishes, n: int) -> int:
    """Give the size of batches: all samples at most, alike on several devices."""
    from scatterkit.simulation.kernels.tensor_training import n_devices

    devices = n_devices()
    size = min(wishes.batch_size, n) // devices * devices
    if not size or wishes.batch_size % devices:
        allowed = f"a multiple of the number of devices, {devices}, and X at least as long"
        raise fail("batch_size", wishes.owner, allowed, shown(wishes.batch_size))
    return size


def _sampled(sampler: HalfSpaceSampler, wishes: Wishes) -> Supply:
    from scatterkit.datasets.feeding.on_the_fly import OnTheFly

    names = wishes.raw("surface" in wishes.targets or wishes.grid != wishes.simulated_grid)
    if wishes.validation and not isinstance(wishes.validation, (int, np.integer)):
        allowed = "a number of samples where X is an endless source"
        raise fail("validation", wishes.owner, allowed, shown(wishes.validation))
    own: Any = sampler.random_state
    if own is not None and not Integer(0).accepts(own):
        allowed = "a sampler whose random_state is an int, or None for that of the network"
        raise fail("X", wishes.owner, allowed, shown(sampler))
    seed = wishes.seed if own is None else int(own)
    size = _batch_size(wishes, wishes.batch_size)

    def source(seed: int, augmenter: Augmenter | None) -> Any:
        return OnTheFly(
            clone(sampler).set_params(random_state=None),
            wishes.simulator,
            augmenter=augmenter,
            grid=wishes.simulated_grid,
            batch_size=size,
            random_state=seed,
            y=names,
            mask="input",
        )

    training = source(seed, wishes.augmenter)

    n_validated = -(-int(wishes.validation) // size)
    fresh: Any = source(seed ^ VALIDATION_SEED, None) if n_validated else None

    def validation() -> Iterator[Batch]:
        for i in range(n_validated):
            yield _named(fresh.at(i), names)

    return Supply(
        partial(_at, training, names),
        validation,
        None,
        lambda: training.description,
        lambda: None,
    )


def _endless(source: Any, wishes: Wishes) -> Supply:
    names, owner = source.recipe.targets, wishes.owner
    enough = any(set(wishes.raw(by_planes)) <= set(names) for by_planes in (True, False))
    if source.recipe.mask != "input" or not enough or isinstance(source.recipe.y, str):
        allowed = f"a source with mask='input' and y={wishes.raw(False)!r}"
        raise fail("X", owner, allowed, f"one with mask={source.recipe.mask!r} and y={source.recipe.y!r}")
    if wishes.augmenter is not None or wishes.validation:
        name = "validation" if wishes.augmenter is None else "augmenter"
        allowed = "left out where X is a ready source, whose artifacts are its own; give the sampler instead"
        raise fail(name, owner, allowed, shown(getattr(wishes, name)))
    check_experiment(source.simulator, source.scaler, wishes.simulator, owner)
    at = partial(_at, source, names)
    _check_sizes(at(0), wishes)
    return Supply(at, list, None, lambda: source.description, lambda: None)


def _check_sizes(batch: Batch, wishes: Wishes) -> None:
    """See that a first batch fits the network."""
    (pattern, _), targets = batch
    shape = check_detector(wishes.simulator.detector, owner="MSFTSimulator").shape
    if tuple(pattern.shape[1:]) != shape:
        allowed = f"patterns of the detector's shape {shape}"
        raise fail("X", wishes.owner, allowed, f"shape {tuple(pattern.shape[1:])}")
    grid = (wishes.grid,) * 3
    if "volume" in targets and tuple(targets["volume"].shape[1:]) != grid:
        given = f"shape {tuple(targets['volume'].shape[1:])}"
        raise fail("X", wishes.owner, f"volumes of shape {grid}", given)


def _check_values(batch: Batch, wishes: Wishes) -> None:
    """See that the clean patterns of a first batch, zero outside of their masks, are log-scaled."""
    (pattern, mask), _ = batch
    if not np.isfinite(pattern).all():
        raise fail("X", wishes.owner, "finite patterns on their masks", "NaN or infinite values")
    darkest, brightest = float(pattern.min()), float(pattern.max())
    if darkest < NOISE or brightest > BRIGHTEST:
        raise fail("X", wishes.owner, _LOG_SCALED, f"values from {darkest:g} to {brightest:g}")
    if not mask.any(axis=(1, 2)).all():
        raise fail("X", wishes.owner, "patterns with measured pixels", "a mask that leaves none")


def _at(source: Any, names: Sequence[str], position: int) -> Batch:
    return _named(source.at(position), names)


def _named(batch: Any, names: Sequence[str]) -> Batch:
    if not names:
        return batch[0], {}
    x, targets = batch
    return x, dict(zip(names, targets, strict=True))
