"""Training steps and predictions of a network as pure functions of tensors, compiled by the backend."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scatterkit.reconstruction.decoders.base import Decoder
from scatterkit.reconstruction.losses.base import LossFunction
from scatterkit.reconstruction.training._optimizer import Optimizer, State
from scatterkit.reconstruction.training._targets import targets_for
from scatterkit.simulation.kernels import tensor_backends as backends
from scatterkit.simulation.kernels import tensor_training as devices

keras = backends.keras
ops = keras.ops
Tensor = Any
Batch = tuple[tuple[Tensor, Tensor], Mapping[str, Tensor]]
"""((pattern, mask), targets)."""
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


class Layout:
    """How a network's weights lie one behind the other in a vector."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.shapes = [tuple(v.shape) for v in network.trainable_variables]
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        self.ends = np.cumsum([0, *sizes]).tolist()

    def parts(self, vector: Any) -> list[Any]:
        """Give the weights in a vector, array or tensor."""
        pieces = zip(self.ends[:-1], self.ends[1:], self.shapes, strict=True)
        return [
            vector[begin:end].reshape(shape)
            if isinstance(vector, np.ndarray)
            else ops.reshape(vector[begin:end], shape)
            for begin, end, shape in pieces
        ]

    def read(self) -> tuple[NDArray[np.float32], list[NDArray[Any]]]:
        """Give the network's weights as a vector, and what it carries along without a gradient."""
        arrays = [np.asarray(ops.convert_to_numpy(v)) for v in self.network.trainable_variables]
        others = [np.array(ops.convert_to_numpy(v)) for v in self.network.non_trainable_variables]
        return np.concatenate([a.astype(np.float32).ravel() for a in arrays]), others

    def write(self, vector: NDArray[np.float32], others: list[NDArray[Any]]) -> None:
        """Set the network's weights and what it carries along."""
        variables = [*self.network.trainable_variables, *self.network.non_trainable_variables]
        for variable, value in zip(variables, [*self.parts(vector), *others], strict=True):
            variable.assign(value)

    def decayed(self) -> NDArray[np.float32]:
        """Give one where weights decay: in matrices and kernels, not in biases and scales."""
        flags = [len(shape) > 1 for shape in self.shapes]
        return np.repeat(np.array(flags, np.float32), np.diff(self.ends))


def tensors_of(state: State) -> State:
    """Give a state of arrays in tensors."""

    def tensor(array: Any) -> Tensor:
        return ops.convert_to_tensor(np.asarray(array))

    return {k: list(map(tensor, v)) if isinstance(v, list) else tensor(v) for k, v in state.items()}


def arrays_of(state: State) -> State:
    """Give a state of tensors in arrays."""

    def array(tensor: Tensor) -> NDArray[Any]:
        return np.array(ops.convert_to_numpy(tensor))

    return {k: list(map(array, v)) if isinstance(v, list) else array(v) for k, v in state.items()}


class Steps:
    """The compiled functions of one training.

    Parameters
    ----------
    network : keras.Model
        From (pattern, mask) to numbers.
    decoder : Decoder
        From numbers to bodies.
    loss : callable
        What ``Loss.build`` gave.
    wanted : collection of str
        The targets that the loss needs.
    optimizer : Optimizer
        How weights follow gradients.
    grid : int
        Voxels along each axis.
    box : float [nm]
        Side of the box.
    posed : bool
        Whether true bodies are brought into their canonical pose.
    xla : bool or None
        Whether TensorFlow compiles by XLA; on GPUs alone with None.
    """

    def __init__(
        self,
        network: Any,
        decoder: Decoder,
        loss: LossFunction,
        wanted: Collection[str],
        optimizer: Optimizer,
        *,
        grid: int,
        box: float,
        posed: bool,
        xla: bool | None,
    ) -> None:
        self.layout, self.optimizer = Layout(network), optimizer
        self._network, self._decoder, self._loss = network, decoder, loss
        self._wanted, self._grid, self._box, self._posed = frozenset(wanted), grid, box, posed
        self._decayed = ops.convert_to_tensor(self.layout.decayed())
        chosen = backends.has_gpu() if xla is None else xla
        self._gradient = devices.over_devices(self._of_part, chosen)
        # within a function for several devices, each compiles its own part
        whole = chosen and devices.n_devices() == 1
        self._advance = backends.jit(self._one_step, whole)
        self._judge = backends.jit(self._of_average, chosen)

    def advance(self, state: State, batch: Batch) -> tuple[State, Mapping[str, Tensor]]:
        """Give the state after a step, and its report."""
        return self._advance(state, self._decayed, devices.spread(_as_tensors(batch)))

    def validate(self, state: State, batch: Batch, step: int) -> float:
        """Give the loss of a batch by the mean weights, as it is weighed at a step."""
        found = self._judge(
            state["average"], state["others"], _as_tensors(batch), ops.convert_to_tensor(np.int32(step))
        )
        return float(ops.convert_to_numpy(found))

    def _one_step(self, state: State, decayed: Tensor, batch: Batch) -> tuple[State, Mapping[str, Tensor]]:
        (loss, others), gradients = self._gradient(state, batch)
        flat = ops.concatenate([ops.reshape(ops.cast(g, "float32"), (-1,)) for g in gradients])
        return self.optimizer.updated(state, decayed, flat, loss, others)

    def _of_part(self, state: State, batch: Batch) -> tuple[tuple[Tensor, list[Tensor]], list[Tensor]]:
        x, targets = batch[0], self._targets(batch[1])
        scale, others, step = state["scale"], state["others"], state["step"]

        def scaled(parts: list[Tensor]) -> tuple[Tensor, tuple[Tensor, list[Tensor]]]:
            numbers, after = self._network.stateless_call(parts, others, x, training=True)
            loss = self._mean_loss(numbers, targets, step)
            return loss * scale, (loss, after)

        return devices.with_gradient(scaled)(self.layout.parts(state["weights"]))

    def _of_average(self, average: Tensor, others: list[Tensor], batch: Batch, step: Tensor) -> Tensor:
        parts = self.layout.parts(average)
        numbers, _ = self._network.stateless_call(parts, others, batch[0], training=False)
        return self._mean_loss(numbers, self._targets(batch[1]), step)

    def _mean_loss(self, numbers: Tensor, targets: Mapping[str, Tensor], step: Tensor) -> Tensor:
        body = self._decoder.body(numbers, self._grid, self._box)
        return ops.mean(self._loss(targets, body, step))

    def _targets(self, targets: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return targets_for(self._wanted, targets, grid=self._grid, box=self._box, posed=self._posed)


FEW = 8
"""Patterns for which compiling takes longer than doing without."""


def forward(network: Any) -> Callable[[Any, Any], NDArray[np.float32]]:
    """Give the function from arrays of patterns and masks to numbers, compiled; batches of any size."""
    run = _for_jax(network) if backends.BACKEND == "jax" else _for_others(network)

    def predicted(patterns: NDArray[np.float32], masks: NDArray[np.float32]) -> NDArray[np.float32]:
        n = len(patterns)
        # JAX compiles for each size: let there be few
        spare = (1 << (n - 1).bit_length()) - n if backends.BACKEND == "jax" else 0
        given = [np.pad(a, ((0, spare), (0, 0), (0, 0))) if spare else a for a in (patterns, masks)]
        found = run(*(ops.convert_to_tensor(np.ascontiguousarray(a, np.float32)) for a in given))
        return np.asarray(ops.convert_to_numpy(found), np.float32)[:n]

    return predicted


def _for_others(network: Any) -> Callable[..., Tensor]:
    """Compile at the second call, or the first one with many patterns: few are seen sooner without."""
    shapes = [tuple(part.shape[1:]) for part in network.inputs]
    calls = count()

    def run(pattern: Tensor, mask: Tensor) -> Tensor:
        return network((pattern, mask), training=False)

    compiled = backends.of_any_batch(run, shapes)
    return lambda *given: (run if next(calls) == 0 and len(given[0]) <= FEW else compiled)(*given)


def _for_jax(network: Any) -> Callable[..., Tensor]:
    """Hand the weights over as arguments: what a compiled function reads would stay as it is."""

    def run(weights: list[Tensor], others: list[Tensor], pattern: Tensor, mask: Tensor) -> Tensor:
        return network.stateless_call(weights, others, (pattern, mask), training=False)[0]

    compiled = backends.jit(run)
    variables = network.trainable_variables, network.non_trainable_variables
    return lambda pattern, mask: compiled(*([v.value for v in part] for part in variables), pattern, mask)


@contextmanager
def building(precision: str, seed: int) -> Iterator[None]:
    """Make networks of a precision, their weights drawn by a seed; settings of the process are put back afterwards."""
    import random

    before, state = keras.config.dtype_policy(), random.getstate()
    keras.config.set_dtype_policy(POLICIES[precision])
    random.seed(seed)  # Keras draws the seeds of layers from there
    try:
        yield
    finally:
        random.setstate(state)
        keras.config.set_dtype_policy(before)


def _as_tensors(batch: Batch) -> Batch:
    (pattern, mask), targets = batch
    given = {name: ops.convert_to_tensor(value) for name, value in targets.items()}
    return (ops.convert_to_tensor(pattern), ops.convert_to_tensor(mask)), given
