"""What Keras leaves to its backends: compiling, pulling gradients back, and the precision of products."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, replace
from functools import lru_cache, partial
from typing import Any

from numpy.typing import NDArray

try:
    import keras
except ImportError as error:
    raise ImportError(
        f"The Keras kernel needs Keras and one of TensorFlow, PyTorch and JAX ({error}). Install them as "
        "scatterkit[tf-cpu], scatterkit[tf] or scatterkit[torch]; KERAS_BACKEND names the one to use."
    ) from error

Array = NDArray[Any]
Tensor = Any
BACKEND = keras.backend.backend()
if BACKEND == "jax":
    import jax

    # functions on the host that wait for arrays may wait for ever, see jax-ml/jax#24255; this is read at first use
    jax.config.update("jax_cpu_enable_async_dispatch", False)
XLA = True
"""Whether TensorFlow compiles by XLA: faster than its graphs but for the first call, which takes seconds."""


def exact_products() -> AbstractContextManager[Any]:
    """Compute products in full single precision within the context, and where gradients come from there.

    JAX can say so for some products; elsewhere it is a matter of the process, see ``forbid_tensorfloat``.
    """
    if BACKEND == "jax":
        import jax

        return jax.default_matmul_precision("highest")
    return nullcontext()


def forbid_tensorfloat() -> bool:
    """Switch TensorFloat-32 products off in the whole process, where a GPU would use them; say whether it did."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        allowed = tf.config.experimental.tensor_float_32_execution_enabled()
        if allowed and tf.config.list_physical_devices("GPU"):
            tf.config.experimental.enable_tensor_float_32_execution(False)
            return True
    if BACKEND == "torch":
        import torch

        if torch.cuda.is_available() and torch.backends.cuda.matmul.allow_tf32:
            torch.backends.cuda.matmul.allow_tf32 = False
            return True
    return False


def constants(tables: Any) -> Any:
    """Give a dataclass of arrays as one of tensors. PyTorch, which computes at once, gets the same ones again."""
    if BACKEND == "torch":
        return _on_device(tables, str(keras.ops.convert_to_tensor(0.0).device))
    return _tensors(tables)


@lru_cache(maxsize=8)
def _on_device(tables: Any, device: str) -> Any:
    return _tensors(tables)


def _tensors(value: Any) -> Any:
    if isinstance(value, tuple) and value and not isinstance(value[0], int):
        return tuple(map(_tensors, value))
    if hasattr(value, "__array__"):
        return keras.ops.convert_to_tensor(value)
    if hasattr(value, "__dataclass_fields__"):
        return replace(value, **{f.name: _tensors(getattr(value, f.name)) for f in fields(value)})
    return value


def by_parts(function: Callable[[Any], tuple[Tensor, ...]], batch: tuple[Tensor, ...], size: int) -> Any:
    """Give function(batch): where it is compiled for a CPU, of equal parts of the batch in turn, at most size each.

    XLA takes the memory for intermediate results anew in every call; new pages cost about as much as the products.
    """
    n = batch[0].shape[0]
    if n is None or n <= size or not _is_compiled_for_cpu(batch[0]):
        return function(batch)
    size = max(d for d in range(1, size + 1) if n % d == 0)
    parts = tuple(keras.ops.reshape(a, (n // size, size, *a.shape[1:])) for a in batch)
    results = keras.ops.map(function, parts)
    return tuple(keras.ops.reshape(result, (n, *result.shape[2:])) for result in results)


def _is_compiled_for_cpu(batch: Tensor) -> bool:
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return not tf.executing_eagerly() and not tf.config.list_physical_devices("GPU")
    if BACKEND == "jax":
        import jax

        return isinstance(batch, jax.core.Tracer) and jax.default_backend() == "cpu"
    return False


def scan(
    advance: Callable[[Any, Any], tuple[Any, Any]],
    state: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    n_results: int,
) -> tuple[Tensor, ...]:
    """Carry a state along the first axis of inputs, as ``keras.ops.scan``; give the stacked results."""
    if BACKEND == "tensorflow":
        return _tensorflow_scan(advance, state, inputs, n_results)
    return keras.ops.scan(advance, state, inputs)[1]


def _tensorflow_scan(
    advance: Callable[[Any, Any], tuple[Any, Any]],
    state: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    n_results: int,
) -> tuple[Tensor, ...]:
    """As above: XLA needs to know the number of steps to pull gradients back, and Keras does not tell it."""
    import tensorflow as tf

    n = int(inputs[0].shape[0])
    arrays = [tf.TensorArray(tf.float32, size=n).unstack(values) for values in inputs]
    results = [tf.TensorArray(tf.float32, size=n) for _ in range(n_results)]

    def body(i: Tensor, state: tuple[Tensor, ...], results: list[Any]) -> tuple[Any, ...]:
        state, values = advance(state, tuple(array.read(i) for array in arrays))
        return i + 1, state, [result.write(i, v) for result, v in zip(results, values, strict=True)]

    loop = (tf.constant(0), state, results)
    _, _, results = tf.while_loop(lambda i, *_: i < n, body, loop, maximum_iterations=n)
    return tuple(result.stack() for result in results)


@lru_cache(maxsize=16)
def compiled(function: Callable[..., Any], plan: Any) -> Callable[[Array], tuple[Array, ...]]:
    """Compile function(volumes, plan) for arrays in and arrays out."""
    return _with_arrays(jit(partial(function, plan=plan)))


@lru_cache(maxsize=16)
def compiled_pullback(function: Callable[..., Any], plan: Any) -> Callable[..., Array]:
    """Compile the gradient by the volumes from those by both results of function(volumes, plan)."""
    return _with_arrays(pullback(partial(function, plan=plan)))


def jit(run: Callable[..., Any], xla: bool | None = None) -> Callable[..., Any]:
    """Compile a function of tensors, as far as the backend does; ``xla`` is TensorFlow's choice, ``XLA`` with None."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(run, jit_compile=XLA if xla is None else xla, autograph=False)
    if BACKEND == "jax":
        import jax

        return jax.jit(run)
    import torch

    return torch.no_grad()(run)


def pullback(run: Callable[..., Any]) -> Callable[..., Tensor]:
    """Compile the gradient by a function's argument: takes it and the gradients by the tuple of results."""
    pulls = {"tensorflow": _tensorflow_pullback, "jax": _jax_pullback, "torch": _torch_pullback}
    return pulls[BACKEND](run)


def _tensorflow_pullback(run: Callable[..., Any]) -> Callable[..., Tensor]:
    import tensorflow as tf

    @tf.function(jit_compile=XLA, autograph=False)
    def pull(volumes: Tensor, *gradients: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            tape.watch(volumes)
            results = run(volumes)
        return tape.gradient(results, volumes, output_gradients=gradients)

    return pull


def _jax_pullback(run: Callable[..., Any]) -> Callable[..., Tensor]:
    import jax

    return jax.jit(lambda volumes, *gradients: jax.vjp(run, volumes)[1](gradients)[0])


def _torch_pullback(run: Callable[..., Any]) -> Callable[..., Tensor]:
    import torch

    def pull(volumes: Tensor, *gradients: Tensor) -> Tensor:
        with torch.enable_grad():
            volumes = volumes.detach().requires_grad_()
            return torch.autograd.grad(run(volumes), volumes, gradients)[0]

    return pull


def of_any_batch(run: Callable[..., Any], shapes: list[tuple[int, ...]]) -> Callable[..., Any]:
    """Compile a function of float32 tensors of shapes (any, *shape) for use, without XLA: once, where that is possible.

    JAX compiles for each size of a batch.
    """
    if BACKEND != "tensorflow":
        return jit(run)
    import tensorflow as tf

    specs = [tf.TensorSpec((None, *shape), tf.float32) for shape in shapes]
    return tf.function(run, input_signature=specs, autograph=False)


def has_gpu() -> bool:
    """Whether the backend computes on a GPU."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_logical_devices("GPU"))
    if BACKEND == "jax":
        import jax

        return jax.default_backend() != "cpu"
    return not str(keras.ops.convert_to_tensor(0.0).device).startswith("cpu")


def device_names() -> list[str]:
    """Give the devices that the backend sees, by its names."""
    if BACKEND == "torch":
        import torch

        return ["cpu", *(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))]
    return [str(name) for name in keras.distribution.list_devices()]


def _with_arrays(run: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arrays: Array) -> Any:
        results = run(*map(keras.ops.convert_to_tensor, arrays))
        if isinstance(results, tuple):
            return tuple(map(keras.ops.convert_to_numpy, results))
        return keras.ops.convert_to_numpy(results)

    return call
