"""What a network is trained on: batches by their position, from arrays, stores or endless sources."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scatterkit._serialization import to_plain
from scatterkit._validation import check_volumes, fail, shown
from scatterkit.augmentation import Augmenter
from scatterkit.experiment import check_detector
from scatterkit.fitting._pattern_checks import measured_masks, measured_patterns
from scatterkit.reconstruction.views import View, views
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import HalfSpaceSampler

Batch = tuple[Any, Mapping[str, Any]]
BRIGHTEST = 1.5
"""Log-scaled patterns end at one, with noise a little above; anything more is another scale."""
VALIDATION_SEED, VIEW_SEED = 0x5EED, 0x71E3
"""Told apart from the seed of the training by these."""
_PREFETCH = 2
"""Batches that are made ahead."""
_HOW = ("backend", "n_threads")
"""Parameters of a simulator that say how it computes, not what."""


@dataclass(frozen=True)
class Supply:
    """Batches by position, those to validate with, and what tells one supply from another.

    ``n_batches`` is the number of batches of an epoch, None where there is no end.
    """

    at: Callable[[int], Batch]
    validation: Callable[[], Iterable[Batch]]
    n_batches: int | None
    description: str
    close: Callable[[], None]


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
    is_pool = _is_pool(X)
    if is_pool or isinstance(X, (str, os.PathLike, Mapping)) or hasattr(X, "data_vars"):
        for name, value in (("y", y), ("mask", mask)):
            if value is not None:
                raise fail(name, wishes.owner, "None where X is a whole data set", shown(value))
        if is_pool:
            _check_same_experiment(X.simulator, wishes)
            return _stored(X, wishes.raw(True), X.mask is not None, wishes, X.description)
        by_planes = isinstance(X, Mapping) and {"normals", "offsets"} <= X.keys()
        return _stored(X, wishes.raw(by_planes), True, wishes, f"set {_name_of(X)}, {_n_samples(X)} samples")
    masks = measured_masks(X, mask, wishes.simulator, owner=wishes.owner)
    patterns = log_patterns(X, masks, wishes.simulator, owner=wishes.owner)
    arrays: dict[str, Any] = {"pattern": patterns}
    if not masks.all():
        arrays["mask"] = masks
    names = wishes.raw(False)
    if "volume" in names:
        arrays["volume"] = _volumes(y, len(patterns), wishes)
    digest = hashlib.sha256(patterns[[0, -1]].tobytes()).hexdigest()
    return _stored(arrays, names, "mask" in arrays, wishes, f"arrays {digest}, {len(patterns)} samples")


def log_patterns(
    X: ArrayLike, masks: NDArray[np.bool_], simulator: MSFTSimulator, *, owner: str
) -> NDArray[np.float32]:
    """Give checked log-scaled patterns with zeros outside of their masks."""
    patterns = measured_patterns(X, masks, simulator, owner=owner)
    brightest = float(patterns.max())
    if brightest > BRIGHTEST:
        allowed = "log-scaled patterns in [0, 1]; counts and intensities become such by LogScaler"
        raise fail("X", owner, allowed, f"values up to {brightest:g}")
    return patterns


def _is_endless(X: Any) -> bool:
    """Whether X is the package's endless source; those who never loaded it do not have one."""
    import sys

    module = sys.modules.get("scatterkit.datasets.feeding.on_the_fly")
    return module is not None and isinstance(X, module.OnTheFly)


def _name_of(X: Any) -> str:
    return os.path.basename(os.fspath(X)) if isinstance(X, (str, os.PathLike)) else type(X).__name__


def _is_pool(X: Any) -> bool:
    from scatterkit.datasets import BodyPool

    return isinstance(X, BodyPool)


def _check_same_experiment(simulator: MSFTSimulator, wishes: Wishes) -> None:
    """See that a pool's patterns are what the network is to be shown; what computes them does not matter."""
    ours = wishes.simulator.get_params(deep=False)
    for name, value in simulator.get_params(deep=False).items():
        if name not in _HOW and to_plain(value) != to_plain(ours[name]):
            allowed = f"a pool of the simulator's own {name}, {shown(ours[name])}"
            raise fail("X", wishes.owner, allowed, shown(value))


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


def _stored(source: Any, names: tuple[str, ...], with_mask: bool, wishes: Wishes, description: str) -> Supply:
    from scatterkit.datasets.feeding._feed import open_feed
    from scatterkit.datasets.feeding.keras_feeding import StoredBatches

    taken, kept = _parted(_n_samples(source), wishes)
    size = _batch_size(wishes, len(taken))
    shape = check_detector(wishes.simulator.detector, owner="MSFTSimulator").shape
    seen = views(wishes.simulator) if wishes.views else []
    if with_mask or not all(view.known(shape).all() for view in seen):
        names = (*names, "mask")

    def batches(samples: NDArray[np.int64], size: int, shuffle: bool, **options: Any) -> StoredBatches:
        feed = open_feed(
            source,
            size,
            x="pattern",
            y=names or None,
            mask="input",
            samples=samples,
            random_state=wishes.seed,
            owner=wishes.owner,
            shuffle=shuffle,
            drop_last=shuffle,
            buffer_size=None,
            prefetch=_PREFETCH,
            workers=1,
            **options,
        )
        return StoredBatches(feed)

    prepare = _Viewer(tuple(seen), wishes.seed) if len(seen) > 1 else None
    feed = batches(taken, size, True, augmenter=wishes.augmenter, prepare=prepare)
    _check_sizes(feed.at(0), names, wishes)

    def validation() -> Iterator[Batch]:
        if not len(kept):
            return
        few = batches(kept, min(size, len(kept)), False, augmenter=None)
        for i in range(len(few)):
            yield _named(few.at(i), names)

    return Supply(
        lambda position: _named(feed.at(position), names), validation, len(feed), description, feed.close
    )


@dataclass(frozen=True)
class _Viewer:
    """Shows each batch in a random one of a detector's views: its patterns, masks and bodies."""

    views: tuple[View, ...]
    seed: int

    def __call__(
        self, values: Mapping[str, NDArray[Any]], samples: NDArray[np.int64], epoch: int
    ) -> Mapping[str, NDArray[Any]]:
        rng = np.random.default_rng([self.seed, VIEW_SEED, epoch, int(samples[0])])
        view = self.views[rng.integers(len(self.views))]
        known = view.known(values["pattern"].shape[1:])
        turned = {
            "pattern": view.of,
            "mask": lambda masks: view.of(masks) * known.astype(masks.dtype),
            "volume": view.of_volume,
            "normals": view.of_normals,
            "offsets": lambda offsets: offsets,
        }
        return {name: np.ascontiguousarray(turned[name](value)) for name, value in values.items()}


def _n_samples(source: Any) -> int:
    if isinstance(source, (str, os.PathLike)):
        from scatterkit.datasets import open_dataset

        source = open_dataset(source)
    return len(source) if _is_pool(source) else len(source["pattern"])


def _parted(n: int, wishes: Wishes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the numbers of the samples to train on, and those kept for validation."""
    wanted = wishes.validation
    count = int(wanted) if isinstance(wanted, (int, np.integer)) else round(wanted * n)
    if count >= n:
        allowed = f"fewer samples than there are, {n}"
        raise fail("validation", wishes.owner, allowed, shown(wanted))
    order = np.random.default_rng([wishes.seed, VALIDATION_SEED]).permutation(n)
    return np.sort(order[count:]), np.sort(order[:count])


def _batch_size(wishes: Wishes, n: int) -> int:
    """Give the size of batches: all samples at most, alike on several devices."""
    from scatterkit.simulation.kernels.tensor_backends import n_devices

    devices = n_devices()
    size = min(wishes.batch_size, n) // devices * devices
    if not size or wishes.batch_size % devices:
        allowed = f"a multiple of the number of devices, {devices}, and X at least as long"
        raise fail("batch_size", wishes.owner, allowed, shown(wishes.batch_size))
    return size


def _sampled(sampler: HalfSpaceSampler, wishes: Wishes) -> Supply:
    from scatterkit.datasets.feeding.on_the_fly import OnTheFly

    names = wishes.raw("surface" in wishes.targets or wishes.grid != wishes.simulated_grid)
    if not isinstance(wishes.validation, (int, np.integer)):
        allowed = "a number of samples where X is an endless source"
        raise fail("validation", wishes.owner, allowed, shown(wishes.validation))
    size = _batch_size(wishes, wishes.batch_size)

    def source(seed: int, augmenter: Augmenter | None) -> Any:
        return OnTheFly(
            sampler,
            wishes.simulator,
            augmenter=augmenter,
            grid=wishes.simulated_grid,
            batch_size=size,
            random_state=seed,
            y=names,
            mask="input",
        )

    training = source(wishes.seed, wishes.augmenter)

    n_validated = -(-int(wishes.validation) // size)
    fresh: Any = source(wishes.seed ^ VALIDATION_SEED, None) if n_validated else None

    def validation() -> Iterator[Batch]:
        for i in range(n_validated):
            yield _named(fresh.at(i), names)

    return Supply(
        lambda position: _named(training.at(position), names),
        validation,
        None,
        f"samples of {sampler!r}",
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
    _check_sizes(source.at(0), names, wishes)
    return Supply(
        lambda position: _named(source.at(position), names), list, None, "endless source", lambda: None
    )


def _check_sizes(batch: Any, names: Sequence[str], wishes: Wishes) -> None:
    """See that a first batch fits the network."""
    (pattern, _), targets = _named(batch, names)
    shape = check_detector(wishes.simulator.detector, owner="MSFTSimulator").shape
    if tuple(pattern.shape[1:]) != shape:
        allowed = f"patterns of the detector's shape {shape}"
        raise fail("X", wishes.owner, allowed, f"shape {tuple(pattern.shape[1:])}")
    grid = (wishes.grid,) * 3
    if "volume" in targets and tuple(targets["volume"].shape[1:]) != grid:
        given = f"shape {tuple(targets['volume'].shape[1:])}"
        raise fail("X", wishes.owner, f"volumes of shape {grid}", given)


def _named(batch: Any, names: Sequence[str]) -> Batch:
    if not names:
        return batch[0], {}
    x, targets = batch
    return x, dict(zip(names, targets, strict=True))
