"""Seconds of a training step and of a forward pass, per pattern, by encoder, width and decoder; numbers of weights.

    KERAS_BACKEND=tensorflow python tests/benchmarks/bench_network_step.py [--batch 32] [--repeats 2] [--json FILE]

A forward pass is pattern to numbers, and "body" from the numbers to the occupancy, as the backend compiles it. A step
is the gradient of the loss by all weights, with the body's occupancy, and for losses with physics its simulation; the
optimiser is left out. Sizes are of the weights in float16. Pass --cpu-time where other work shares a single core.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from scatterkit.experiment import QGrid
from scatterkit.reconstruction import (
    CompactEncoder,
    DepthDecoder,
    PlaneDecoder,
    PublishedEncoder,
    SupportDecoder,
    VoxelDecoder,
    make_loss,
    make_network,
)
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels import tensor_backends as backends

keras = backends.keras
COLUMNS = "network              decoder      weights  float16   forward    body    step   [ms per pattern]"


def forward_function(network: Any, xla: bool) -> Callable[[Any], Any]:
    """The network in use, compiled."""
    if backends.BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda x: network(x, training=False), jit_compile=xla, autograph=False)
    return backends.jit(lambda x: network(x, training=False))


def step_function(network: Any, value: Callable[[Any], Any], xla: bool) -> Callable[[Any], Any]:
    """The gradient of a loss of numbers by all weights of a network."""
    weights = network.trainable_variables
    if backends.BACKEND == "tensorflow":
        import tensorflow as tf

        @tf.function(jit_compile=xla, autograph=False)
        def step(x: Any) -> Any:
            with tf.GradientTape() as tape:
                total = tf.reduce_mean(value(network(x, training=True)))
            return tape.gradient(total, [w.value for w in weights])

        return step
    if backends.BACKEND == "torch":
        import torch

        def torch_step(x: Any) -> Any:
            total = value(network(x, training=True)).mean()
            return torch.autograd.grad(total, [w.value for w in weights])

        return torch_step
    import jax

    def total(values: Any, others: Any, x: Any) -> Any:
        numbers, _ = network.stateless_call(values, others, x, training=True)
        return keras.ops.mean(value(numbers))

    pull = jax.jit(jax.grad(total))
    return lambda x: pull([w.value for w in weights], [w.value for w in network.non_trainable_variables], x)


def milliseconds(work: Callable[[], Any], options: argparse.Namespace) -> float:
    """Time per pattern of the fastest call but the first."""
    best, clock = float("inf"), time.process_time if options.cpu_time else time.perf_counter
    for i in range(options.repeats + 1):
        start = clock()
        result = work()
        while isinstance(result, (list, tuple)):
            result = result[-1]
        keras.ops.convert_to_numpy(result)
        best = min(best, clock() - start) if i else best
    return 1e3 * best / options.batch


def cases(options: argparse.Namespace) -> list[tuple[str, Any, Any, int]]:
    """Names, encoders, decoders and pixels."""
    few = {} if options.candidates is None else {"candidates": options.candidates}
    decoders = {
        "planes": PlaneDecoder(**few),
        "support": SupportDecoder(**few),
        "depth": DepthDecoder(),
        "voxels": VoxelDecoder(width=8),
    }
    found = []
    for size in options.sizes:
        width, pixels, stride = (*map(int, re.split("[@/]", size)), 4)[:3]
        encoder = CompactEncoder(width, stride=stride)
        found += [(f"compact {size}", encoder, decoders[d], pixels) for d in options.decoders]
    found += [(f"published {w}", PublishedEncoder(w), VoxelDecoder(w), 128) for w in options.published]
    return found


def measure(
    name: str, encoder: Any, decoder: Any, pixels: int, options: argparse.Namespace
) -> dict[str, Any]:
    """One line of the table."""
    batch, grid = options.batch, options.grid
    network = make_network(encoder, decoder, pixels, grid)
    rng = np.random.default_rng(0)
    patterns = keras.ops.convert_to_tensor(rng.random((batch, pixels, pixels), dtype=np.float32))
    x = (patterns, keras.ops.ones_like(patterns))
    dq = 2 * np.pi / (512 * 318.75 / 192) * 128 / pixels
    loss = make_loss(options.loss).build(MSFTSimulator(detector=QGrid(pixels, dq)), grid)
    targets = {
        "pattern": patterns,
        "volume": keras.ops.zeros((batch, grid, grid, grid)) + 0.5,
        "surface": keras.ops.zeros((batch, 2, grid, grid)) + np.array([-80.0, 20.0])[:, None, None],
    }
    forward, step = (
        forward_function(network, options.xla),
        step_function(network, lambda numbers: loss(targets, decoder.body(numbers, grid), 0), options.xla),
    )
    numbers = forward(x)
    body = backends.jit(lambda n: decoder.body(n, grid).occupancy)
    kind, count = repr(decoder).partition("Decoder")[0].lower(), network.count_params()
    times = [milliseconds(work, options) for work in (lambda: forward(x), lambda: body(numbers))]
    times.append(milliseconds(lambda: step(x), options) if options.step else float("nan"))
    print(
        f"{name:20s} {kind:8s} {count:11,d} {2 * count / 1e6:6.1f} MB "
        + " ".join(f"{t:8.2f}" for t in times),
        flush=True,
    )
    return {
        "network": name,
        "decoder": kind,
        "weights": count,
        **dict(zip(("forward", "body", "step"), times, strict=True)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes",
        nargs="*",
        default=["32@64", "56@128", "64@128"],
        help="width@pixels or width@pixels/stride, compact",
    )
    parser.add_argument(
        "--published", nargs="*", type=int, default=[4], help="widths of the published network"
    )
    parser.add_argument("--decoders", nargs="*", default=["planes", "support", "depth", "voxels"])
    parser.add_argument("--loss", default="hybrid", help="a name that make_loss knows")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--grid", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument(
        "--candidates", type=int, default=None, help="planes of each side in a column's voxels"
    )
    parser.add_argument("--cpu-time", action="store_true", help="processor time instead of time")
    parser.add_argument("--no-step", dest="step", action="store_false", help="only forward passes")
    parser.add_argument(
        "--no-xla", dest="xla", action="store_false", help="TensorFlow: networks as plain graphs"
    )
    parser.add_argument("--json", type=Path, help="write the table here too")
    options = parser.parse_args()
    print(
        f"Keras on {backends.BACKEND}; batches of {options.batch}, grid {options.grid}, loss {options.loss!r}"
    )
    print(COLUMNS)
    rows = [measure(*case, options) for case in cases(options)]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
