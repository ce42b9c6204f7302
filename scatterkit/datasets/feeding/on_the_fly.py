"""Training pairs without end, made on the device that trains: bodies, their volumes, and their patterns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from scatterkit._counters import keys_of
from scatterkit._log_scaling import log_scaled
from scatterkit._serialization import to_plain_result
from scatterkit._validation import (
    AnyOf,
    Choice,
    Constraint,
    Instance,
    Integer,
    check_value,
    fail,
    joint_mask,
    shown,
)
from scatterkit.augmentation import Augmenter
from scatterkit.datasets.feeding._recipe import Recipe, check_recipe, seeded
from scatterkit.datasets.feeding.keras_feeding import Batches
from scatterkit.datasets.schema import MASK, NORMALS, OFFSETS, PATTERN, VOLUME
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.simulation.keras_layers import MSFTLayer
from scatterkit.simulation.kernels.tensor_backends import jit, keras
from scatterkit.simulation.kernels.tensor_bodies import occupancy
from scatterkit.solids import HalfSpaceSampler
from scatterkit.solids._box_shares import fitting_sampler_params

_OWNER = "OnTheFly"
_CONSTRAINTS: Mapping[str, Constraint] = {
    "sampler": Instance((HalfSpaceSampler,), optional=True),
    "simulator": Instance((MSFTSimulator,), optional=True),
    "scaler": AnyOf((Choice(("log", None)), Instance((LogScaler,)))),
    "augmenter": Instance((Augmenter,), optional=True),
    "grid": Integer(1),
    "batch_size": Integer(1),
    "steps_per_epoch": Integer(1),
    "random_state": Integer(0),
    "n_columns": Integer(1),
    "step": Integer(0),
}


class OnTheFly(Batches):
    """An endless source of training pairs, sampled and simulated on the training device: no epoch repeats.

    Random half-space bodies are drawn, rasterised by column and simulated by ``MSFTLayer``'s kernel, all compiled into
    one function where the backend does that. Sample i depends on ``random_state`` and i alone; batch s holds samples s
    ``batch_size`` and on.

    Parameters
    ----------
    sampler : HalfSpaceSampler, optional
        What bodies to draw; ``HalfSpaceSampler()`` by default. Its ``random_state`` must be None or this source's.
    simulator : MSFTSimulator, optional
        What to simulate; by default ``MSFTSimulator()``, the published configuration. Its ``backend`` must be "auto" or
        "keras"; its ``box`` is the volumes' too.
    scaler : LogScaler, "log" or None, default="log"
        How intensities are scaled: as ``LogScaler()`` by default, not at all with None.
    augmenter : Augmenter, optional
        Artifacts for the patterns in x; those in y stay clean. Where its ``random_state`` is None, it gets that of
        the source.
    grid : int, default=64
        Voxels along each axis.
    batch_size : int, default=32
        Samples in a batch.
    steps_per_epoch : int, default=1000
        How many batches Keras takes for an epoch. Set it here, not in ``fit``, whose epochs would be cut short after
        this many batches in all.
    random_state : int, default=0
        Seed of the bodies and artifacts.
    y : {"volume", "pattern", "mask", "normals", "offsets"}, tuple of these or None, default="volume"
        What the network is to give. "pattern" is the clean one, for a physics loss; "mask" the one before artifacts;
        "normals" (n, 40, 3) and "offsets" (n, 40) in nm are the bodies' half-spaces.
    mask : {"channel", "input"} or None, default=None
        Where the network sees which pixels are measured, as for `as_keras`: those in the simulator's mask and the
        scaler's, less what the augmenter takes.
    n_columns : int, default=16
        Columns through each voxel that its occupancy is averaged over.
    step : int, default=0
        Number of the first batch, to go on where another run ended.

    Attributes
    ----------
    simulator : MSFTSimulator
        What simulates intensities.
    scaler : LogScaler or None
        What scales them.

    See Also
    --------
    as_keras : Batches of a set that is stored.
    DatasetGenerator : Makes a set to store.

    Notes
    -----
    Use it in ``model.fit(source, epochs=...)``, or as an iterator that never ends: ``for x, y in source``. Iteration
    gives the backend's own tensors, which stay on the device. In ``fit``, TensorFlow moves batches through the
    host's memory, as Keras hands them on.

    The only state is ``step``, the number of batches that were given: save it with the model's weights and hand it to
    the source that goes on.

    References
    ----------
    Rasterising half-space bodies by columns is the slab method of ray tracing: T. L. Kay and J. T. Kajiya, SIGGRAPH
    Comput. Graph. 20, 269 (1986).

    Examples
    --------
    >>> from scatterkit.datasets import OnTheFly
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.simulation import MSFTSimulator
    >>> simulator = MSFTSimulator(detector=QGrid(16, dq=0.02))
    >>> source = OnTheFly(simulator=simulator, grid=8, batch_size=4, n_columns=4)
    >>> patterns, volumes = next(iter(source))
    >>> tuple(patterns.shape), tuple(volumes.shape), source.step
    ((4, 16, 16), (4, 8, 8, 8), 1)
    """

    _maker = _OWNER

    def __init__(
        self,
        sampler: HalfSpaceSampler | None = None,
        simulator: MSFTSimulator | None = None,
        scaler: LogScaler | str | None = "log",
        augmenter: Augmenter | None = None,
        grid: int = 64,
        batch_size: int = 32,
        steps_per_epoch: int = 1000,
        random_state: int = 0,
        y: str | tuple[str, ...] | None = "volume",
        mask: str | None = None,
        n_columns: int = 16,
        step: int = 0,
    ) -> None:
        given = locals()
        for name, constraint in _CONSTRAINTS.items():
            check_value(given[name], constraint, name=name, owner=_OWNER)
        super().__init__(int(steps_per_epoch))
        recipe = self.recipe = check_recipe(PATTERN, y, mask, owner=_OWNER)
        layer = MSFTLayer(MSFTSimulator() if simulator is None else simulator)
        self._sampler = _seeded_sampler(sampler, int(random_state), layer.simulator.box)
        self._augmenter = seeded(augmenter, int(random_state))
        self._batch_size = int(batch_size)
        self._seed = int(random_state)
        self._position = int(step)
        self.grid = int(grid)
        self.simulator: MSFTSimulator = layer.simulator
        self.scaler = LogScaler() if isinstance(scaler, str) else scaler
        self._n_columns = int(n_columns)
        grid_shape = (int(grid),) * 3
        layer.build((None, *grid_shape))
        self._shape = layer.simulator.plan(grid_shape).detector_shape
        self._make = jit(
            _Pipeline(
                self._sampler,
                layer,
                self.scaler,
                self._augmenter,
                grid_shape,
                n_columns,
                recipe,
            )
        )

    @property
    def description(self) -> str:
        """What the source gives, as text that tells it from others.

        Returns
        -------
        str
            Its parts and numbers as JSON; that of a source that computes in another way only is the same.
        """
        parts = {
            "sampler": self._sampler,
            "simulator": self.simulator,
            "scaler": self.scaler,
            "augmenter": self._augmenter,
            "grid": self.grid,
            "batch_size": self._batch_size,
            "random_state": self._seed,
            "y": self.recipe.y,
            "mask": self.recipe.mask,
            "n_columns": self._n_columns,
        }
        return json.dumps({name: to_plain_result(part) for name, part in parts.items()}, sort_keys=True)

    @property
    def step(self) -> int:
        """Number of the next batch; to be set in order to go on from another one."""
        return self._position + len(self._tickets)

    @step.setter
    def step(self, value: int) -> None:
        check_value(value, Integer(0), name="step", owner=_OWNER)
        with self._lock:
            self._position, self._tickets = int(value), {}

    def __iter__(self) -> Iterator[Any]:
        """Give one batch after the other, without end."""
        while True:
            with self._lock:
                position = self._position
                self._position += 1
            yield self._batch(position)

    def _following(self, position: int, taken: int) -> int:
        return position + taken

    def _batch(self, position: int) -> Any:
        samples = np.arange(self._batch_size, dtype=np.int64) + position * self._batch_size
        drawn: dict[str, Any] = {}
        if self._augmenter is not None:
            params = self._augmenter.sample_params(samples, shape=self._shape)
            drawn = keras.tree.map_structure(keras.ops.convert_to_tensor, params.tree())
        return self._make(keras.ops.convert_to_tensor(keys_of(self._seed, samples)), drawn)


class _Pipeline:
    """From keys of random numbers to a batch, in tensors alone."""

    def __init__(
        self,
        sampler: HalfSpaceSampler,
        layer: MSFTLayer,
        scaler: LogScaler | None,
        augmenter: Augmenter | None,
        grid_shape: tuple[int, int, int],
        n_columns: int,
        recipe: Recipe,
    ) -> None:
        self._sampler, self._layer, self._scaler, self._augmenter = sampler, layer, scaler, augmenter
        self._grid_shape, self._n_columns, self._recipe = grid_shape, n_columns, recipe
        if scaler is not None:
            scaler._check_parameters()
        shape = layer.simulator.plan(grid_shape).detector_shape
        self._scaler_mask = joint_mask((scaler,), shape)
        measured = joint_mask((scaler, layer.simulator), shape)
        self._measured = np.ones(shape, np.float32) if measured is None else measured.astype(np.float32)

    def __call__(self, keys: Any, drawn: Mapping[str, Any]) -> tuple[Any, ...]:
        ops = keras.ops
        normals, offsets = self._sampler.planes(keys, ops)
        volumes = occupancy(normals, offsets, self._grid_shape, self._layer.simulator.box, self._n_columns)
        patterns = self._scaled(self._layer.call(volumes))
        x, mask = patterns, None
        values = {PATTERN: patterns, VOLUME: volumes, NORMALS: normals, OFFSETS: offsets}
        if self._recipe.needs_masks:
            mask = values[MASK] = ops.ones_like(patterns) * ops.convert_to_tensor(self._measured)
        if self._augmenter is not None:
            x = self._augmenter.apply(patterns, drawn)
            mask = None if mask is None else self._augmenter.apply_mask(mask, drawn)
        return self._recipe.pack(x, mask, values, ops)

    def _scaled(self, intensities: Any) -> Any:
        if self._scaler is None:
            return intensities
        mask = None if self._scaler_mask is None else keras.ops.convert_to_tensor(self._scaler_mask)
        return log_scaled(intensities, float(self._scaler.eps), self._scaler.normalize, mask, keras.ops)


def _seeded_sampler(sampler: HalfSpaceSampler | None, seed: int, box: float) -> HalfSpaceSampler:
    chosen = HalfSpaceSampler(**fitting_sampler_params(box)) if sampler is None else clone(sampler)
    if chosen.random_state not in (None, seed):
        allowed = f"a sampler whose random_state is None or the source's, {seed}"
        raise fail("sampler", _OWNER, allowed, shown(sampler))
    if chosen.box > box:
        allowed = f"a sampler whose box fits that of the simulator, {box} nm"
        raise fail("sampler", _OWNER, allowed, f"one of {chosen.box} nm")
    chosen.set_params(random_state=seed).planes(keys_of(seed, 0))  # checks all parameters
    return chosen
