"""What training needs of Keras's backends: gradients, functions on the host, and several devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scatterkit.simulation.kernels import tensor_backends as backends
from scatterkit.simulation.kernels.tensor_backends import BACKEND, Array, Tensor, keras


def with_gradient(run: Callable[..., Any]) -> Callable[..., tuple[Any, list[Tensor]]]:
    """Give function(parts, ...) -> (aux, gradients by the list of parts) of run(parts, ...) -> (value, aux)."""
    made = {"tensorflow": _tensorflow_gradient, "jax": _jax_gradient, "torch": _torch_gradient}
    return made[BACKEND](run)


def _tensorflow_gradient(run: Callable[..., Any]) -> Callable[..., tuple[Any, list[Tensor]]]:
    import tensorflow as tf

    def both(parts: list[Tensor], *rest: Any) -> tuple[Any, list[Tensor]]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parts)
            value, aux = run(parts, *rest)
        return aux, tape.gradient(value, parts, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return both


def _jax_gradient(run: Callable[..., Any]) -> Callable[..., tuple[Any, list[Tensor]]]:
    import jax

    def both(parts: list[Tensor], *rest: Any) -> tuple[Any, list[Tensor]]:
        (_, aux), gradients = jax.value_and_grad(run, has_aux=True)(parts, *rest)
        return aux, gradients

    return both


def _torch_gradient(run: Callable[..., Any]) -> Callable[..., tuple[Any, list[Tensor]]]:
    import torch

    def both(parts: list[Tensor], *rest: Any) -> tuple[Any, list[Tensor]]:
        with torch.enable_grad():
            parts = [part.detach().requires_grad_() for part in parts]
            value, aux = run(parts, *rest)
            found = torch.autograd.grad(value, parts, allow_unused=True)
        gradients = [torch.zeros_like(p) if g is None else g for p, g in zip(parts, found, strict=True)]
        return keras.tree.map_structure(lambda t: t.detach(), aux), gradients

    return both


def host_function(compute: Callable[..., tuple[Array, ...]], n_parts: int) -> Callable[..., Tensor]:
    """Make a function of tensors from one of arrays that gives values ``(n,)`` and their derivatives.

    ``compute(*arrays)`` gives float32: the values, and for each of the first ``n_parts`` arrays, float32 with n rows,
    the derivatives of each row's value by that row. Runs on the host; XLA cannot compile it for TensorFlow.
    """
    made = {"tensorflow": _tensorflow_host, "jax": _jax_host, "torch": _torch_host}
    return made[BACKEND](compute, n_parts)


def _by_rows(upstream: Tensor, slopes: Sequence[Tensor]) -> list[Tensor]:
    """Chain rule: row i of every part with the slope of value i."""
    return [keras.ops.reshape(upstream, (-1,) + (1,) * (len(s.shape) - 1)) * s for s in slopes]


def _tensorflow_host(compute: Callable[..., tuple[Array, ...]], n_parts: int) -> Callable[..., Tensor]:
    import tensorflow as tf

    @tf.custom_gradient
    def run(*tensors: Tensor) -> Any:
        values, *slopes = tf.numpy_function(compute, tensors, [tf.float32] * (1 + n_parts))
        values.set_shape(tensors[0].shape[:1])
        for slope, part in zip(slopes, tensors, strict=False):
            slope.set_shape(part.shape)

        def pull(upstream: Tensor) -> list[Any]:
            return [*_by_rows(upstream, slopes), *[None] * (len(tensors) - n_parts)]

        return values, pull

    return run


def _jax_host(compute: Callable[..., tuple[Array, ...]], n_parts: int) -> Callable[..., Tensor]:
    import jax

    def both(*tensors: Tensor) -> Any:
        parts = tensors[:n_parts]
        shapes = [parts[0].shape[:1], *(part.shape for part in parts)]
        wanted = [jax.ShapeDtypeStruct(shape, "float32") for shape in shapes]
        return jax.pure_callback(lambda *a: compute(*map(np.asarray, a)), wanted, *tensors)

    @jax.custom_vjp
    def run(*tensors: Tensor) -> Tensor:
        return both(*tensors)[0]

    def forward(*tensors: Tensor) -> Any:
        values, *slopes = both(*tensors)
        return values, (slopes, tensors[n_parts:])

    def backward(kept: Any, upstream: Tensor) -> tuple[Any, ...]:
        slopes, rest = kept
        none = [
            jax.numpy.zeros_like(t) if t.dtype.kind == "f" else np.zeros(t.shape, jax.dtypes.float0)
            for t in rest
        ]
        return (*_by_rows(upstream, slopes), *none)

    run.defvjp(forward, backward)
    return run


def _torch_host(compute: Callable[..., tuple[Array, ...]], n_parts: int) -> Callable[..., Tensor]:
    import torch

    class Run(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Tensor) -> Tensor:
            values, *slopes = map(torch.from_numpy, compute(*(t.detach().numpy() for t in tensors)))
            ctx.save_for_backward(*slopes)
            return values

        @staticmethod
        def backward(ctx: Any, *upstream: Tensor) -> Any:
            rest = len(ctx.needs_input_grad) - n_parts
            return (*_by_rows(upstream[0], ctx.saved_tensors), *[None] * rest)

    run: Callable[..., Tensor] = Run.apply
    return run


def n_devices() -> int:
    """Give over how many devices the batches of this process are to be shared out, as Keras or TensorFlow was told."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return int(tf.distribute.get_strategy().num_replicas_in_sync)
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(distribution.device_mesh.shape[0])


def over_devices(run: Callable[..., Any], xla: bool | None = None) -> Callable[..., Any]:
    """Share run(shared, batch) out over the devices of TensorFlow's strategy: each takes an equal part of the batch.

    Floats are averaged over the devices; of whole numbers those of the first are taken. JAX needs no such function:
    see ``spread``.
    """
    if BACKEND != "tensorflow" or n_devices() == 1:
        return run
    import tensorflow as tf

    strategy, n = tf.distribute.get_strategy(), n_devices()
    compiled_run = tf.function(run, jit_compile=backends.XLA if xla is None else xla, autograph=False)

    def joined(values: Any) -> Tensor:
        own = strategy.experimental_local_results(values)
        if not own[0].dtype.is_floating:
            return own[0]
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, values, axis=None)

    def shared_out(shared: Any, batch: Any) -> Any:
        def on_one() -> Any:
            number = tf.distribute.get_replica_context().replica_id_in_sync_group

            def own(tensor: Tensor) -> Tensor:
                size = tensor.shape[0] // n
                return tensor[number * size : (number + 1) * size]

            return compiled_run(shared, keras.tree.map_structure(own, batch))

        return tf.nest.map_structure(joined, strategy.run(on_one))

    return shared_out


def spread(batch: Any) -> Any:
    """Lay the tensors of a batch over the devices that Keras was told to use, where the backend is JAX."""
    distribution = keras.distribution.distribution() if BACKEND == "jax" else None
    if distribution is None:
        return batch

    def laid(tensor: Tensor) -> Tensor:
        return keras.distribution.distribute_tensor(tensor, distribution.get_data_layout(tensor.shape))

    return keras.tree.map_structure(laid, batch)
