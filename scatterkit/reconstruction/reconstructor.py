"""PhysicsReconstructor: one pattern to one body by a network that is trained through the physics."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import (
    AnyOf,
    Boolean,
    Choice,
    Constraint,
    Instance,
    Integer,
    Positive,
    Real,
    fail,
    shown,
)
from scatterkit.augmentation import Augmenter
from scatterkit.experiment import check_detector
from scatterkit.reconstruction._trainer import NetworkTrainer
from scatterkit.reconstruction.decoders.base import Decoder
from scatterkit.reconstruction.decoders.names import DECODERS, make_decoder
from scatterkit.reconstruction.encoders import Encoder
from scatterkit.reconstruction.losses.base import Loss
from scatterkit.reconstruction.losses.mixes import LOSSES, make_loss
from scatterkit.reconstruction.refinement import Refiner
from scatterkit.reconstruction.training._checkpoints import Checkpoint, load_checkpoint
from scatterkit.reconstruction.training._optimizer import SCHEDULES
from scatterkit.reconstruction.training._supplies import supply_of
from scatterkit.simulation import MSFTSimulator


class PhysicsReconstructor(NetworkTrainer):
    """Reconstruct bodies from patterns by a network that is trained through the scattering physics.

    Parameters
    ----------
    simulator : MSFTSimulator, optional
        The experiment; the published silver configuration by default. Its detector must be square.
    augmenter : Augmenter, optional
        Artifacts for the patterns that the network sees in training, others in each epoch; none by default. Targets
        and validation stay clean.
    encoder : {"compact", "published"} or Encoder, default="compact"
        What makes features of patterns.
    decoder : {"planes", "support", "depth", "voxels"} or Decoder, default="planes"
        What makes bodies of features.
    loss : {"annealed", "surface", "visible", "hybrid", "supervised", "physics"} or Loss, default="annealed"
        What is minimised, see `make_loss`. "physics" needs no volumes.
    grid : int, default=64
        Voxels along each axis of the volumes that are predicted.
    training_grid : int, optional
        Voxels, or columns, along each axis in training; ``grid`` by default. Half-spaces do not depend on the grid:
        with fewer columns `SurfaceLoss` takes less time. Volumes to train on must have this grid. Losses that compare
        patterns of voxels, as "annealed" does, need ``grid``: coarse voxels change a body's own pattern.
    pose : {"canonical", "given"}, default="canonical"
        Where true bodies are put before they are compared: in their `canonical_pose`, since no pattern tells where
        in the box a body lies, or where they are.
    views : bool, default=True
        Whether batches of arrays, stored sets and pools are turned by quarters and mirrored in training, each at random
        to one of the views that the detector is symmetric under, eight on a square grid. At an edge that a view lacks,
        pixels count as not measured. Endless sources need none.
    n_steps : int, default=10000
        Training steps, also of endless sources.
    batch_size : int, default=32
        Samples of a step; at most those that there are.
    learning_rate : float [1], default=1e-3
        Highest learning rate of AdamW.
    schedule : {"cosine", "one_cycle", "constant"}, default="cosine"
        How the rate goes: up in the first 5 % of the steps, 1000 at most, then down along half a cosine to a hundredth;
        one cycle, up in 30 % of the steps and down to next to nothing; or up, and constant.
    weight_decay : float [1], default=0.02
        Decay of weights, not of biases and scales.
    clip_norm : float [1], default=1.0
        Length to which longer gradients are cut.
    ema : float [1], default=0.999
        Part of the weights' running mean that is kept per step. The mean is what predicts.
    precision : {"float32", "bfloat16", "float16"}, default="float32"
        What networks compute in while they are trained. Weights, bodies, physics and losses are float32 in any case.
    jit : {"auto"} or bool, default="auto"
        Whether TensorFlow compiles training steps by XLA: on GPUs alone with "auto". On CPUs XLA makes convolutions
        many times slower. JAX always compiles, PyTorch never.
    validation : int or float [1], default=0
        Number of samples that are kept for validation, or their part of all, below one: one at least where that is
        not zero. Of a `HalfSpaceSampler` so many other ones, rounded up to whole batches.
    validate_every : int, default=1000
        Steps between two validations; one more is at the end.
    checkpoint : str or Path, optional
        Folder for checkpoints and the log. A training that was cut goes on from there: call `fit` again with the
        same parameters and data.
    checkpoint_minutes : float [min], default=10.0
        Time between two checkpoints.
    time_budget : float [s], optional
        Time after which `fit` stops in order, also before ``n_steps``.
    tensorboard : str or Path, optional
        Folder for event files that TensorBoard shows.
    refine : bool or Refiner, default=False
        Whether predictions are refined by the exact physics, pattern after pattern, for about ten seconds each; a
        `Refiner` says otherwise. It needs a decoder of half-spaces and light on straight rays. Every call refines
        anew.
    warm_start : bool, default=False
        Whether `fit` begins with the weights of the fit before; with new ones otherwise.
    random_state : int, numpy.random.Generator or None, default=None
        Draws weights, batches and artifacts. With an int, trainings on the same machine give the same weights, as far
        as the backend computes alike every time.
    verbose : bool, default=False
        Whether to show progress.

    Attributes
    ----------
    weights_ : ndarray of float32 of shape (n_weights,)
        The running mean of the network's weights.
    history_ : list of dict
        The log, a row every ten steps: "step", "seconds", "loss" (mean), "validation" (NaN where there was none),
        "learning_rate", "gradient" (mean length), and "skipped": steps whose loss was not finite.
    n_steps_ : int
        Steps that were made.
    state_ : dict or None
        What a training goes on from; None after `load`.
    calibration_ : dict
        What `calibrate` learnt.
    n_features_in_ : int
        Number of pixels of a pattern.
    others_ : list of ndarray
        What the network keeps beside the weights that are trained: running statistics, as the published encoder has.

    See Also
    --------
    scatterkit.fitting.ForwardFitter : The same interface without training.
    Refiner : What ``refine`` does.
    make_network : The networks.

    Notes
    -----
    Batches are numbered, and what is in a batch depends on its number and the seed alone; so a training that was cut
    and goes on makes the same steps as one that was not. A step whose loss or gradient is not finite changes nothing
    but counters. After ten of them in a row the training is set back by a few steps, the fourth time it fails.

    Several devices share each batch out: with TensorFlow call `fit` in the scope of a ``MirroredStrategy``, with JAX
    after ``keras.distribution.set_distribution``.

    Examples
    --------
    >>> import numpy as np
    >>> from scatterkit.experiment import QGrid
    >>> from scatterkit.reconstruction import CompactEncoder, PhysicsReconstructor
    >>> from scatterkit.simulation import LogScaler, MSFTSimulator
    >>> simulator = MSFTSimulator(detector=QGrid(32, dq=0.02))
    >>> volumes = np.zeros((4, 8, 8, 8), dtype=np.float32)
    >>> volumes[:, 2:6, 2:6, 2:6] = 1
    >>> patterns = LogScaler().transform(simulator.transform(volumes))
    >>> small = CompactEncoder(width=2, n_blocks=1, n_features=4)
    >>> network = PhysicsReconstructor(simulator, encoder=small, loss="physics", grid=8, n_steps=2, random_state=0)
    >>> network.fit(patterns).predict(patterns).shape
    (4, 8, 8, 8)
    """

    _constraints: ClassVar[dict[str, Constraint]] = {
        "simulator": Instance((MSFTSimulator,), optional=True),
        "augmenter": Instance((Augmenter,), optional=True),
        "encoder": AnyOf((Choice(("compact", "published")), Instance((Encoder,)))),
        "decoder": AnyOf((Choice(tuple(DECODERS)), Instance((Decoder,)))),
        "loss": AnyOf((Choice(LOSSES), Instance((Loss,)))),
        "grid": Integer(4),
        "training_grid": Integer(4, optional=True),
        "pose": Choice(("canonical", "given")),
        "views": Boolean(),
        "n_steps": Integer(1),
        "batch_size": Integer(1),
        "learning_rate": Positive(),
        "schedule": Choice(SCHEDULES),
        "weight_decay": Real(low=0),
        "clip_norm": Positive(),
        "ema": Real(0, 1),
        "precision": Choice(("float32", "bfloat16", "float16")),
        "jit": AnyOf((Choice(("auto",)), Boolean())),
        "validation": AnyOf((Integer(0), Real(0, 0.999))),
        "validate_every": Integer(1),
        "checkpoint": Instance((str, os.PathLike), optional=True),
        "checkpoint_minutes": Real(low=0, unit="min"),
        "time_budget": Positive("s", optional=True),
        "tensorboard": Instance((str, os.PathLike), optional=True),
        "refine": AnyOf((Boolean(), Instance((Refiner,)))),
        "warm_start": Boolean(),
        "verbose": Boolean(),
    }

    def __init__(
        self,
        simulator: MSFTSimulator | None = None,
        augmenter: Augmenter | None = None,
        encoder: str | Encoder = "compact",
        decoder: str | Decoder = "planes",
        loss: str | Loss = "annealed",
        grid: int = 64,
        training_grid: int | None = None,
        pose: str = "canonical",
        views: bool = True,
        n_steps: int = 10_000,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        schedule: str = "cosine",
        weight_decay: float = 0.02,
        clip_norm: float = 1.0,
        ema: float = 0.999,
        precision: str = "float32",
        jit: str | bool = "auto",
        validation: float = 0,
        validate_every: int = 1000,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_minutes: float = 10.0,
        time_budget: float | None = None,
        tensorboard: str | os.PathLike[str] | None = None,
        refine: bool | Refiner = False,
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        self.simulator = simulator
        self.augmenter = augmenter
        self.encoder = encoder
        self.decoder = decoder
        self.loss = loss
        self.grid = grid
        self.training_grid = training_grid
        self.pose = pose
        self.views = views
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.ema = ema
        self.precision = precision
        self.jit = jit
        self.validation = validation
        self.validate_every = validate_every
        self.checkpoint = checkpoint
        self.checkpoint_minutes = checkpoint_minutes
        self.time_budget = time_budget
        self.tensorboard = tensorboard
        self.refine = refine
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self, X: Any, y: ArrayLike | None = None, *, mask: ArrayLike | None = None
    ) -> PhysicsReconstructor:
        """Train the network.

        If the user interrupts the training, or ``time_budget`` is over, the estimator is fitted with what there is.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns), str, Path, Dataset, mapping, BodyPool, HalfSpaceSampler or OnTheFly
            Log-scaled patterns in [0, 1], clean ones: pixels outside the mask may hold anything, NaN too. Or a stored
            set or mapping of arrays, as `as_keras` takes them, with volumes where the loss needs these, or a pool of
            bodies that the same simulator made patterns of. Or what to
            draw bodies from without end, simulated and scaled on the training device; or such a source ready made,
            with ``mask="input"``, whose batches and artifacts are its own.
        y : array-like of shape (n, grid, grid, grid), optional
            The true volumes, for losses that compare bodies; others do not look at them.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default. Artifacts take more away.

        Returns
        -------
        PhysicsReconstructor
            The estimator itself.

        Raises
        ------
        InvalidParameterError
            If a parameter, pattern, volume or mask is not as described.
        TrainingError
            If the loss is not finite again and again.
        """
        self._check_parameters()
        self._check_training()
        begin = self.weights_ if self.warm_start and hasattr(self, "weights_") else None
        folder = None if self.checkpoint is None else Path(self.checkpoint)
        stored = None if folder is None else load_checkpoint(folder)
        if stored is not None and not int(stored.state["updates"]):
            stored = None  # nothing was learnt, so other settings may take its place
        seed = (
            self._seed()
            if stored is None or isinstance(self.random_state, (int, np.integer))
            else stored.seed
        )
        supply = supply_of(X, y, mask, self._wishes(seed, self.validation))
        fingerprint = "" if folder is None else self._fingerprint(supply, begin)
        network = self._new_network(self.precision, seed)
        if stored is None:
            state = self._first_state(network, begin)
            stored = Checkpoint(state, fingerprint, seed)
        elif stored.seed != seed or not (
            stored.fingerprint == fingerprint or self._is_cut(stored, fingerprint, begin)
        ):
            allowed = "a folder of its own: parameters or data differ from those of the checkpoint there"
            raise fail("checkpoint", type(self).__name__, allowed, shown(self.checkpoint))
        self._train(network, supply, stored, 0, int(self.n_steps), self.schedule)
        return self

    def partial_fit(
        self, X: Any, y: ArrayLike | None = None, *, mask: ArrayLike | None = None
    ) -> PhysicsReconstructor:
        """Go on with the training by these samples, each of them once, at a constant rate.

        Nothing is validated or written to disk. The first call begins with new weights.

        Parameters
        ----------
        X : array-like of shape (n, rows, columns), str, Path, Dataset, mapping or BodyPool
            Log-scaled patterns in [0, 1], or a set, as for `fit`. What does not fill a batch is left out.
        y : array-like of shape (n, grid, grid, grid), optional
            The true volumes, for losses that compare bodies.
        mask : array-like of bool of shape (rows, columns) or (n, rows, columns), optional
            True where a pixel was measured; everything by default.

        Returns
        -------
        PhysicsReconstructor
            The estimator itself.

        Raises
        ------
        InvalidParameterError
            If a parameter, pattern, volume or mask is not as described.
        """
        self._check_parameters()
        self._check_training()
        fitted = hasattr(self, "weights_")
        if fitted:
            self._check_kind()
        before = int(self.n_steps_) if fitted else 0
        seed = self._seed()
        supply = supply_of(X, y, mask, self._wishes(seed + before, 0))
        if supply.n_batches is None:
            raise fail(
                "X", type(self).__name__, "samples that come to an end; fit takes endless ones", shown(X)
            )
        network = self._new_network(self.precision, seed)
        state = self.state_ if fitted else None
        if state is None:
            state = self._first_state(network, self.weights_ if fitted else None)
            state["step"] = np.int32(before)
        rows = list(self.history_) if fitted else []
        seconds = float(rows[-1]["seconds"]) if rows else 0.0
        start = Checkpoint(dict(state), "", seed, rows, seconds=seconds)
        self._train(network, supply, start, before, before + supply.n_batches, "constant", partial=True)
        return self

    def _check_parameters(self) -> None:
        super()._check_parameters()
        owner = type(self).__name__
        check_random_state(self.random_state, owner=owner)
        simulator = self._simulator()
        simulator._check_parameters()
        shape = check_detector(simulator.detector, owner="MSFTSimulator").shape
        if shape[0] != shape[1]:
            raise fail("simulator", owner, "one with a square detector", f"one of shape {shape}")
        make_decoder(self.decoder).numbers_shape(int(self.grid))  # checks the decoder's own parameters
        make_loss(self.loss, int(self.n_steps))._check_parameters()
        if self.training_grid not in (None, self.grid) and not self._by_planes():
            allowed = "None or grid, but for decoders of half-spaces"
            raise fail("training_grid", owner, allowed, shown(self.training_grid))
        if self.refine and not (self._by_planes() and simulator.propagation == "msft"):
            allowed = "False where bodies have no exact pattern: that takes planes or support, and propagation 'msft'"
            raise fail("refine", owner, allowed, shown(self.refine))
