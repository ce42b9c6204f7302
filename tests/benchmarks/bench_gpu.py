"""Patterns per second of the Keras kernel on a GPU (or whatever the backend computes on), by batch size.

    KERAS_BACKEND=jax python tests/benchmarks/bench_gpu.py [--grid N] [--propagation MODE] [--output FILE]

Runs alone: needs this package's simulator (NumPy, SciPy, numba, scikit-learn, lazy-loader), Keras and one of
TensorFlow, JAX and PyTorch. Prints and writes as JSON, anew after every line: the device, its measured rates of
matrix products, the largest deviation of field and gradient from the CPU's kernel, and for batches of
growing size the patterns per second, forward (intensities) and forward with the gradient by the volumes, with the
part of the measured float32 rate that the counted multiply-adds reach. It ends where memory or time does, and says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from numpy.typing import NDArray

from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.simulation import MSFTPlan, MSFTSimulator
from scatterkit.simulation.kernels import tensor_backends as backends
from scatterkit.simulation.kernels.tensor_transform import multiply_adds, scatter

keras = backends.keras
Array = NDArray[Any]
Tensor = Any
BOX = 318.75
OUT_OF_MEMORY = ("out of memory", "resource_exhausted", "resource exhausted", "oom")


def bodies(n: int, grid: int) -> Array:
    """Random convex bodies: half spaces with edges a voxel wide."""
    generator = np.random.default_rng(0)
    centres = ((np.arange(grid) + 0.5) / grid - 0.5) * BOX
    points = np.stack(np.meshgrid(centres, centres, centres, indexing="ij"), axis=-1).astype(np.float32)
    volumes = np.ones((n, grid, grid, grid), dtype=np.float32)
    for volume in volumes:
        normals = generator.normal(size=(24, 3))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        for normal, distance in zip(normals, generator.uniform(60, 110, 24), strict=True):
            depth = (distance - points @ normal.astype(np.float32)) / np.float32(BOX / grid)
            np.minimum(volume, np.clip(depth + np.float32(0.5), 0, 1), out=volume)
    return volumes


def device() -> dict[str, str]:
    """What computes, with which versions."""
    found = {"backend": backends.BACKEND, "keras": keras.__version__, "processor": platform.machine()}
    if backends.BACKEND == "jax":
        import jax

        return found | {"device": jax.devices()[0].device_kind, "version": jax.__version__}
    if backends.BACKEND == "torch":
        import torch

        name = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
        return found | {"device": name, "version": torch.__version__}
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else "CPU"
    return found | {"device": name, "version": tf.__version__}


def allow_tensorfloat(allowed: bool) -> None:
    """Set the precision of the whole process's float32 products; JAX is told product by product."""
    if backends.BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(allowed)
    if backends.BACKEND == "torch":
        import torch

        torch.backends.cuda.matmul.allow_tf32 = allowed


def wait(results: Any) -> None:
    """Wait until tensors are there."""
    for tensor in results if isinstance(results, (tuple, list)) else (results,):
        keras.ops.convert_to_numpy(keras.ops.ravel(tensor)[:1])


def fastest_round(work: Callable[[], Any], limit: float) -> float:
    """Seconds of a call, in the fastest of three rounds of as many calls as fit the limit."""
    wait(work())  # compiled by now
    start = time.perf_counter()
    wait(work())
    once = time.perf_counter() - start
    calls = max(1, min(50, int(limit / 3 / max(once, 1e-5))))
    rounds = []
    for _ in range(3 if once < limit else 1):
        start = time.perf_counter()
        for _ in range(calls):
            results = work()
        wait(results)
        rounds.append((time.perf_counter() - start) / calls)
    return min(rounds)


def matmul_rates(limit: float, on_gpu: bool) -> dict[str, float]:
    """Multiply-adds per second of square matrix products."""
    n = 8192 if on_gpu else 1024
    values = np.random.default_rng(0).standard_normal((n, n), dtype=np.float32)
    rates = {}
    for name, dtype, tensorfloat in (
        ("float32", "float32", False),
        ("tensorfloat32", "float32", True),
        ("bfloat16", "bfloat16", True),
    ):
        allow_tensorfloat(tensorfloat)
        a = keras.ops.cast(keras.ops.convert_to_tensor(values), dtype)

        def product(a: Tensor, exact: bool = not tensorfloat) -> Tensor:
            with backends.exact_products() if exact else _default():
                return keras.ops.matmul(a, a)

        rates[name] = n**3 / fastest_round(partial(backends.jit(product), a), limit)
    allow_tensorfloat(False)
    return rates


def _default() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def deviations(plan: MSFTPlan, volumes: Array, exact: bool) -> dict[str, float]:
    """Largest deviation from the CPU's kernel, relative to the largest value."""
    from scatterkit.simulation import kernels

    try:
        cpu = kernels.get("auto", plan)
    except ImportError:  # diffraction on the CPU needs pyFFTW, the plain formula does not
        cpu = kernels.get("reference", plan)
    generator = np.random.default_rng(1)
    shape = (len(volumes), *plan.detector_shape)
    g = (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)).astype(np.complex64)
    run = partial(scatter, plan=plan, exact=exact)
    tensors = [keras.ops.convert_to_tensor(np.ascontiguousarray(a)) for a in (volumes, g.real, g.imag)]
    real, imag = map(keras.ops.convert_to_numpy, backends.jit(run)(tensors[0]))
    gradient = keras.ops.convert_to_numpy(backends.pullback(run)(*tensors))
    pairs = {
        "field": (real + 1j * imag, cpu.field(volumes, plan)),
        "gradient": (gradient, cpu.adjoint(volumes, plan, g)),
    }
    return {name: float(np.abs(a - b).max() / np.abs(b).max()) for name, (a, b) in pairs.items()}


def intensity(volumes: Tensor, plan: MSFTPlan, exact: bool) -> tuple[Tensor]:
    """Intensities of volumes."""
    real, imag = scatter(volumes, plan, exact=exact)
    return (real * real + imag * imag,)


def measure(
    plan: MSFTPlan, volumes: Array, batch: int, rate: float, options: argparse.Namespace
) -> dict[str, Any]:
    """One line of the table."""
    run = partial(intensity, plan=plan, exact=options.precision == "float32")
    tensor = keras.ops.convert_to_tensor(volumes[np.arange(batch) % len(volumes)])
    gradient = keras.ops.ones((batch, *plan.detector_shape), dtype="float32")
    forward = fastest_round(partial(backends.jit(run), tensor), options.seconds)
    both = fastest_round(partial(backends.pullback(run), tensor, gradient), options.seconds)
    work = multiply_adds(plan) * batch
    return {
        "batch": batch,
        "forward_per_s": batch / forward,
        "with_gradient_per_s": batch / both,
        "forward_part_of_matmul": work / forward / rate,
        "with_gradient_part_of_matmul": 2 * work / both / rate,
    }


def simulator(options: argparse.Namespace) -> MSFTSimulator:
    """What is simulated."""
    detector = QGrid(128) if options.detector == "grid" else FlatDetector(128)
    index = {} if options.index is None else {"absorption": "index", "refractive_index": options.index}
    return MSFTSimulator(detector=detector, propagation=options.propagation, **index)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--grid", type=int, default=64)
    parser.add_argument("--propagation", default="msft", choices=("msft", "pmsft", "wide", "hare", "born"))
    parser.add_argument("--index", type=complex, help="refractive index, such as 0.89+0.0859j")
    parser.add_argument(
        "--detector", default="grid", choices=("grid", "flat"), help="both of 128 x 128 pixels"
    )
    parser.add_argument("--precision", default="float32", choices=("float32", "tensorfloat32"))
    parser.add_argument("--batches", type=int, nargs="+", default=[4**i for i in range(6)])
    parser.add_argument("--seconds", type=float, default=2.0, help="to spend on each figure")
    parser.add_argument("--limit", type=float, default=400.0, help="seconds after which no line is begun")
    parser.add_argument("--output", type=Path, default=Path("benchmark_output/gpu.json"))
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    """Run the benchmark."""
    options, begin = parse(arguments), time.perf_counter()
    plan = simulator(options).plan((options.grid,) * 3)
    settings = {
        k: str(v) for k, v in vars(options).items() if k in ("grid", "propagation", "index", "detector")
    }
    report: dict[str, Any] = {**device(), **settings, "precision": options.precision}
    report["multiply_adds"] = multiply_adds(plan)

    def checkpoint() -> None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report, indent=1) + "\n")

    print(f"{report['device']}, {report['backend']} {report['version']}, Keras {report['keras']}")
    print(f"{settings}, {report['multiply_adds'] / 1e6:.1f} M multiply-adds a pattern, {options.precision}")
    report["matmul_per_s"] = rates = matmul_rates(options.seconds, report["device"].upper() != "CPU")
    checkpoint()
    print("matrix products: " + ", ".join(f"{k} {2e-12 * v:.2f} TFLOP/s" for k, v in rates.items()))
    allow_tensorfloat(options.precision != "float32")
    volumes = bodies(4, options.grid)
    report["deviation"] = deviations(plan, volumes, options.precision == "float32")
    checkpoint()
    print(
        "deviation from the CPU kernel: {field:.1e} field, {gradient:.1e} gradient".format(
            **report["deviation"]
        )
    )
    print(f"{'batch':>6} {'forward/s':>11} {'of matmul':>10} {'+gradient/s':>12} {'of matmul':>10}")
    report["lines"], report["end"] = [], "all batches measured"
    for batch in options.batches:
        if time.perf_counter() - begin > options.limit:
            report["end"] = f"time was up before batch {batch}"
            break
        try:
            line = measure(plan, volumes, batch, rates["float32"], options)
        except Exception as error:
            if not any(words in f"{type(error).__name__} {error}".lower() for words in OUT_OF_MEMORY):
                raise
            report["end"] = f"memory was full at batch {batch}"
            break
        report["lines"].append(line)
        checkpoint()
        b, f, g, f_part, g_part = line.values()
        print(f"{b:6d} {f:11.1f} {f_part:10.1%} {g:12.1f} {g_part:10.1%}", flush=True)
    checkpoint()
    print(f"{report['end']}; written to {options.output}")


if __name__ == "__main__":
    main(sys.argv[1:])
