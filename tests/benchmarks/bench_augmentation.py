"""How many patterns a second each artifact filter and the augmenter make.

    python tests/benchmarks/bench_augmentation.py [--keras] [--n N] [--pixels N] [--repeats N] [--output FOLDER]

Prints one table, and writes it as JSON. NumPy works on one core, whose processor time counts: the figures then
hold on a busy machine too. With --keras the same filters run compiled by TensorFlow, on all cores or a GPU, and wall
time counts: with patterns that are there already, and without compiling.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarking import Array, fastest_repeat, machine, print_table, shown, write_json
from threadpoolctl import threadpool_limits

from scatterkit import augmentation
from scatterkit.augmentation import Augmenter, Filter

LEFT_OUT = {"Filter", "Chain", "PanelGaps"}  # a base; any others; needs a detector's panels


def workers() -> dict[str, Filter | Augmenter]:
    """What is measured, by name."""
    public = {name: getattr(augmentation, name) for name in augmentation.__all__ if name not in LEFT_OUT}
    filters = {
        name: kind() for name, kind in public.items() if isinstance(kind, type) and issubclass(kind, Filter)
    }
    mixes = {f"Augmenter({mix!r})": Augmenter(mix, random_state=0) for mix in ("published", "all")}
    return {**filters, **mixes}


def patterns(n: int, pixels: int) -> Array:
    """Rings with speckle, from zero to one."""
    rows, columns = np.indices((pixels, pixels)) - pixels // 2
    rings = 0.5 + 0.5 * np.cos(0.3 * np.hypot(rows, columns))
    return (rings * np.random.default_rng(0).random((n, pixels, pixels))).astype(np.float32)


def drawn(worker: Filter | Augmenter, n: int, pixels: int) -> Any:
    """Parameters of n patterns."""
    if isinstance(worker, Filter):
        return worker.sample_params(n, (pixels, pixels), random_state=0)
    return worker.sample_params(n, shape=(pixels, pixels))


def processor_seconds(work: Callable[[], Any], repeats: int) -> float:
    """Processor time of the fastest repeat."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def numpy_rates(worker: Filter | Augmenter, X: Array, repeats: int) -> dict[str, float]:
    """Patterns a second: parameters, patterns, masks."""
    n, pixels = len(X), X.shape[1]
    masks, params = np.ones_like(X), drawn(worker, n, pixels)
    work: dict[str, Callable[[], Any]] = {
        "parameters": lambda: drawn(worker, n, pixels),
        "patterns": lambda: worker.apply(X, params),
        "masks": lambda: worker.apply_mask(masks, params),
    }
    return {name: n / processor_seconds(function, repeats) for name, function in work.items()}


def keras_rate(worker: Filter | Augmenter, X: Array, repeats: int) -> float:
    """Patterns a second by the compiled filter."""
    import tensorflow as tf

    params = drawn(worker, len(X), X.shape[1])
    tree = worker.complete(params) if isinstance(worker, Filter) else params.tree()
    tensors = tf.nest.map_structure(tf.convert_to_tensor, tree)
    images, function = tf.convert_to_tensor(X), tf.function(worker.apply, jit_compile=True)
    function(images, tensors)
    return len(X) / fastest_repeat(lambda: function(images, tensors).numpy(), repeats)


def main(arguments: list[str]) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keras", action="store_true", help="measure TensorFlow too")
    parser.add_argument("--n", type=int, default=64, help="patterns at a time")
    parser.add_argument("--pixels", type=int, default=128, help="rows and columns of a pattern")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of which the fastest counts")
    parser.add_argument("--output", type=Path, default=Path("benchmark_output"))
    options = parser.parse_args(arguments)
    about, X, found = machine(), patterns(options.n, options.pixels), {}
    for name, worker in workers().items():
        with threadpool_limits(1):
            found[name] = dict(numpy_rates(worker, X, options.repeats))
        if options.keras:
            found[name]["keras"] = keras_rate(worker, X, options.repeats)
    columns = ("patterns", "masks", "parameters", "keras")
    rows = [
        (name, *(shown(rates.get(key), ",.0f", "/s") for key in columns)) for name, rates in found.items()
    ]
    print_table(("NumPy, one core", "patterns", "masks", "parameters", "Keras"), rows)
    path = write_json({"machine": about, "rates": found}, options.output / "augmentation.json")
    print(f"written to {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
