"""How an estimator's parameters become a training, and what was trained the estimator's."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit._random import RandomState, seed_of
from scatterkit._serialization import to_plain_result
from scatterkit._validation import fail, shown
from scatterkit.augmentation import Augmenter
from scatterkit.reconstruction._calibration import CalibratedPredictor
from scatterkit.reconstruction.decoders.names import make_decoder
from scatterkit.reconstruction.losses.base import Loss
from scatterkit.reconstruction.losses.mixes import make_loss
from scatterkit.reconstruction.training._checkpoints import Checkpoint
from scatterkit.reconstruction.training._optimizer import Optimizer, first_state
from scatterkit.reconstruction.training._supplies import Supply, Wishes
from scatterkit.reconstruction.training.errors import TrainingError

_OF_A_RUN = (
    "checkpoint",
    "checkpoint_minutes",
    "time_budget",
    "tensorboard",
    "refine",
    "verbose",
    "random_state",
)
"""Parameters that may be others when a training goes on."""


class NetworkTrainer(CalibratedPredictor):
    """A network's training by an estimator's parameters; a subclass says what `fit` makes of its data."""

    augmenter: Augmenter | None
    loss: str | Loss
    pose: str
    training_grid: int | None
    n_steps: int
    batch_size: int
    views: bool
    learning_rate: float
    weight_decay: float
    clip_norm: float
    ema: float
    precision: str
    jit: str | bool
    validate_every: int
    checkpoint: str | os.PathLike[str] | None
    checkpoint_minutes: float
    time_budget: float | None
    tensorboard: str | os.PathLike[str] | None
    warm_start: bool
    random_state: RandomState
    verbose: bool

    def _check_training(self) -> None:
        """Check what only a training needs, before any data are looked at."""
        from scatterkit.simulation.kernels.tensor_backends import has_gpu

        owner, loss = type(self).__name__, make_loss(self.loss, int(self.n_steps))
        if loss.needs_planes and not self._by_planes():
            allowed = "another one for a decoder without half-spaces, such as PhysicsLoss"
            raise fail("loss", owner, allowed, shown(self.loss))
        if loss.needs_own_grid and self._training_grid() != int(self.grid):
            allowed = "None or grid for a loss that compares patterns of voxels, unlike ExactPhysicsLoss"
            raise fail("training_grid", owner, allowed, shown(self.training_grid))
        if loss.on_host and self.jit is True:
            raise fail("jit", owner, "'auto' or False for a loss that leaves the graph", "True")
        if loss.on_host and has_gpu():
            raise fail("loss", owner, "another one on a GPU, such as PhysicsLoss", shown(self.loss))

    def _is_cut(self, stored: Checkpoint, fingerprint: str, begin: NDArray[np.float32] | None) -> bool:
        """Whether a checkpoint is this estimator's own training with a warm start, cut before its end."""
        if begin is None or int(stored.state["step"]) >= int(self.n_steps):
            return False
        if not np.array_equal(begin, stored.state["average"]):
            return False
        # the weights that it began with, the last entry, are gone
        before, now = (json.loads(text)[:-1] for text in (stored.fingerprint, fingerprint))
        return bool(before == now)

    def _seed(self) -> int:
        return seed_of(self.random_state, owner=type(self).__name__) % 2**32

    def _wishes(self, seed: int, validation: float) -> Wishes:
        return Wishes(
            targets=sorted(make_loss(self.loss, int(self.n_steps)).targets),
            batch_size=int(self.batch_size),
            augmenter=self.augmenter,
            simulator=self._simulator(),
            grid=self._training_grid(),
            simulated_grid=int(self.grid),
            validation=validation,
            seed=seed,
            views=bool(self.views),
            owner=type(self).__name__,
        )

    def _training_grid(self) -> int:
        return int(self.grid if self.training_grid is None else self.training_grid)

    def _fingerprint(self, supply: Supply, begin: NDArray[np.float32] | None) -> str:
        """Tell this training from others: what it is made of, and what it is fed with."""
        parameters = self.get_params(deep=False)
        own = {name: to_plain_result(value) for name, value in parameters.items() if name not in _OF_A_RUN}
        own["jit"] = "auto"  # how steps are compiled is no part of what is trained
        weights = None if begin is None else hashlib.sha256(begin.tobytes()).hexdigest()
        return json.dumps([own, supply.description, weights], sort_keys=True)

    def _first_state(self, network: Any, begin: NDArray[np.float32] | None) -> dict[str, Any]:
        from scatterkit.reconstruction.training._steps import Layout

        weights, others = Layout(network).read()
        if begin is not None:
            if begin.shape != weights.shape:
                allowed = "False, since the network before had other weights"
                raise fail("warm_start", type(self).__name__, allowed, shown(self.warm_start))
            weights, others = begin, [np.array(part) for part in self.others_]
        return first_state(weights, others, self.precision == "float16")

    def _train(
        self,
        network: Any,
        supply: Supply,
        start: Checkpoint,
        first: int,
        n_steps: int,
        schedule: str,
        partial: bool = False,
    ) -> None:
        """Train from a checkpoint on, and take over what was reached, whatever ends it."""
        from scatterkit.reconstruction.training._steps import Steps
        from scatterkit.reconstruction.training._training import Course, Training

        simulator, grid = self._simulator(), self._training_grid()
        loss = make_loss(self.loss, int(self.n_steps))
        steps = Steps(
            network,
            make_decoder(self.decoder),
            loss.build(simulator, grid),
            loss.targets,
            self._optimizer(schedule),
            grid=grid,
            box=float(simulator.box),
            posed=self.pose == "canonical",
            xla=None if self.jit == "auto" else bool(self.jit),
        )
        kept = {} if partial else self._places()
        course = Course(
            n_steps, first, validate_every=int(self.validate_every), verbose=bool(self.verbose), **kept
        )
        training = Training(steps, supply, course, start)
        try:
            training.run()
        except (KeyboardInterrupt, TrainingError):
            self._take(training.reached)
            raise
        self._take(training.reached)

    def _take(self, reached: Checkpoint) -> None:
        state = reached.state
        self._set_fitted(state["average"], state["others"], reached.history, int(state["step"]), state)

    def _places(self) -> dict[str, Any]:
        return {
            "folder": None if self.checkpoint is None else Path(self.checkpoint),
            "events": None if self.tensorboard is None else Path(self.tensorboard),
            "minutes": float(self.checkpoint_minutes),
            "time_budget": self.time_budget,
        }

    def _optimizer(self, schedule: str) -> Optimizer:
        return Optimizer(
            learning_rate=float(self.learning_rate),
            schedule=schedule,
            n_steps=int(self.n_steps),
            weight_decay=float(self.weight_decay),
            clip_norm=float(self.clip_norm),
            ema=float(self.ema),
            scaled=self.precision == "float16",
        )
