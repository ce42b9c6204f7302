"""How fast batches come from a stored set and from the endless source, beside what a training step takes.

    python tests/benchmarks/bench_feeding.py [--samples N] [--path SET] [--only PART ...] [--output FILE]
    KERAS_BACKEND=jax python tests/benchmarks/bench_feeding.py --only on-the-fly

Parts: ``store`` generates a set of the published fidelity at 64^3 (or takes that at --path) and reads it as fast as it
comes, through ``as_keras`` and ``as_tf_dataset``, with and without artifacts. ``step`` trains a small encoder-decoder,
128 x 128 to 64^3, by volumes and by the physics loss, and gives the samples per second that it consumes. ``on-the-fly``
measures the endless source and its parts, and how far its volumes are from exact ones. The last part alone needs no
TensorFlow, Zarr or xarray, where KERAS_BACKEND is jax or torch. Prints tables and writes JSON, anew after each part.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from bench_gpu import device, wait
from benchmarking import print_table, write_json
from numpy.typing import NDArray

from scatterkit.augmentation import Augmenter
from scatterkit.datasets import OnTheFly, as_keras, as_tf_dataset
from scatterkit.simulation import LogScaler, MSFTLayer, MSFTSimulator
from scatterkit.simulation.kernels.tensor_backends import jit, keras
from scatterkit.simulation.kernels.tensor_bodies import occupancy
from scatterkit.solids import HalfSpaceSampler, Rasterizer

PARTS = ("store", "step", "on-the-fly")
BOX = 318.75
GRID = (64, 64, 64)


def rate(batches: Iterator[Any], batch_size: int, limit: float) -> dict[str, float]:
    """Samples per second, and processor seconds per sample, of batches taken as fast as they come."""
    next(batches)  # the first window has been read by now
    start, busy, n = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < limit:
        wait(next(batches))
        n += batch_size
    elapsed = time.perf_counter() - start
    return {"samples_per_s": n / elapsed, "cpu_s_per_sample": (time.process_time() - busy) / n}


def forever(source: Any) -> Iterator[Any]:
    """Batches of one epoch after the other."""
    while True:
        yield from source


def fastest_within(work: Callable[[], Any], limit: float) -> float:
    """Seconds of the fastest call within a limit, three calls at least."""
    wait(work())
    found: list[float] = []
    begin = time.perf_counter()
    while len(found) < 3 or time.perf_counter() - begin < limit:
        start = time.perf_counter()
        wait(work())
        found.append(time.perf_counter() - start)
    return min(found)


def generated(options: argparse.Namespace, folder: str) -> Path:
    """The set to read: the one given, or a new one."""
    if options.path is not None:
        return Path(options.path)
    from scatterkit.datasets import DatasetGenerator

    target = Path(folder) / "set.zarr"
    DatasetGenerator().generate(target, options.samples, n_jobs=options.n_jobs)
    return target


def measure_store(path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Rates of both ways to read a set."""
    given = {"batch_size": options.batch, "random_state": 0, "drop_last": True, "workers": options.workers}
    given["buffer_size"] = options.buffer
    lines: dict[str, Any] = {}
    for name, open_batches in (("as_keras", as_keras), ("as_tf_dataset", as_tf_dataset)):
        for kind, augmenter in (("clean", None), ("augmented", Augmenter(random_state=0))):
            source = open_batches(path, augmenter=augmenter, **given)
            lines[f"{name}, {kind}"] = rate(forever(source), options.batch, options.seconds)
            if name == "as_keras":
                lines[f"{name}, {kind}"]["max_bytes"] = source.max_bytes
    return lines


def measure_runs(path: Path) -> dict[str, Any]:
    """Rates of reading volumes by one thread, as stored, so many in a row at a time."""
    from scatterkit.datasets.feeding._sources import open_source

    column = open_source(path, ["pattern", "volume"], owner="bench_feeding").columns["volume"]
    lines: dict[str, Any] = {}
    for run in (1, 8, 32, 128, 256):
        starts = range(0, min(column.shape[0] - run, 16 * run) + 1, run)
        begin = time.perf_counter()
        for start in starts:
            column.read(start, start + run)
        lines[f"{run} in a row"] = {"samples_per_s": run * len(starts) / (time.perf_counter() - begin)}
    return lines


def network() -> keras.Model:
    """A small encoder-decoder, 128 x 128 to 64^3."""
    layers = keras.layers
    x = inputs = keras.Input((128, 128))
    x = layers.Reshape((128, 128, 1))(x)
    for width in (16, 32, 64, 128):
        x = layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2D(512, 1, activation="relu")(x)
    x = layers.Reshape((8, 8, 8, 64))(x)
    for width in (32, 16, 8):
        x = layers.Conv3DTranspose(width, 4, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv3D(1, 1, activation="sigmoid")(x)
    return keras.Model(inputs, layers.Reshape(GRID)(x))


def with_physics(model: keras.Model) -> keras.Model:
    """The network's volumes simulated and scaled, to be compared with patterns."""
    intensities = MSFTLayer(MSFTSimulator())(model.output)
    logs = keras.layers.Lambda(scaled, output_shape=(128, 128))(intensities)
    return keras.Model(model.input, logs)


def scaled(intensities: Any) -> Any:
    """log(I + eps), to [0, 1]."""
    ops = keras.ops
    logs = ops.log(intensities + 1e2)
    low, high = ops.min(logs, axis=(1, 2), keepdims=True), ops.max(logs, axis=(1, 2), keepdims=True)
    return (logs - low) / (high - low + 1e-6)


def measure_steps(options: argparse.Namespace) -> dict[str, Any]:
    """Samples per second that training consumes."""
    generator = np.random.default_rng(0)
    patterns = generator.random((options.batch, 128, 128), dtype=np.float32)
    volumes = generator.random((options.batch, *GRID), dtype=np.float32)
    lines: dict[str, Any] = {}
    for name, physics in (("supervised", False), ("physics loss", True)):
        model = with_physics(network()) if physics else network()
        model.compile("adam", "mse")
        target = patterns if physics else volumes
        step = fastest_within(lambda m=model, t=target: m.train_on_batch(patterns, t), options.seconds)
        lines[name] = {"samples_per_s": options.batch / step, "weights": model.count_params()}
    return lines


def measure_on_the_fly(options: argparse.Namespace) -> dict[str, Any]:
    """Rates of the endless source and its parts, and its error."""
    lines: dict[str, Any] = {}
    for name, augmenter in (("patterns and volumes", None), ("with artifacts", Augmenter(random_state=0))):
        source = OnTheFly(batch_size=options.batch, augmenter=augmenter)
        lines[name] = rate(iter(source), options.batch, options.seconds)
    sampler, layer = HalfSpaceSampler(random_state=0), MSFTLayer()
    layer.build((None, *GRID))
    keys = keras.ops.convert_to_tensor(sampler.keys(options.batch))
    draw = jit(lambda k: sampler.planes(k, keras.ops))
    fill = jit(lambda n, d: occupancy(n, d, GRID, BOX))
    simulate = jit(layer.call)
    planes = draw(keys)
    volumes = fill(*planes)
    parts = {
        "planes": lambda: draw(keys),
        "volumes": lambda: fill(*planes),
        "patterns": lambda: simulate(volumes),
    }
    for name, work in parts.items():
        lines[f"only {name}"] = {"samples_per_s": options.batch / fastest_within(work, options.seconds)}
    return {"rates": lines, "error": error_of(keras.ops.convert_to_numpy(volumes), sampler)}


def error_of(volumes: NDArray[Any], sampler: HalfSpaceSampler) -> dict[str, float]:
    """How far volumes are from exact ones, and their patterns from those of these."""
    exact = Rasterizer(grid=64).transform(sampler.sample(len(volumes)))
    error = np.abs(volumes - exact)
    surface = error[(exact > 0) & (exact < 1)]
    simulator, scaler = MSFTSimulator(), LogScaler()
    found, expected = (scaler.transform(simulator.transform(v)) for v in (volumes, exact))
    losses = ((found - expected) ** 2).mean(axis=(1, 2))
    return {
        "mean_of_all_voxels": float(error.mean()),
        "mean_of_surface": float(surface.mean()),
        "quantile_99_of_surface": float(np.quantile(surface, 0.99)),
        "largest": float(error.max()),
        "median_scatter_loss": float(np.median(losses)),
        "largest_scatter_loss": float(losses.max()),
    }


def table(title: str, lines: dict[str, Any]) -> None:
    """Print rates."""
    rows = []
    for name, line in lines.items():
        cpu = line.get("cpu_s_per_sample")
        rows.append(
            (
                name,
                f"{line['samples_per_s']:.0f}",
                "-" if cpu is None else f"{1e3 * cpu:.2f}",
                str(line.get("weights", "-")),
            )
        )
    print_table((title, "samples/s", "CPU ms/sample", "weights"), rows)
    print(flush=True)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--path", help="a set of 64^3 volumes and 128 x 128 patterns, instead of a new one")
    parser.add_argument("--samples", type=int, default=2048, help="of the new set")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes that generate it")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument(
        "--buffer", type=int, default=512, help="samples of a window: a set larger than two is re-read"
    )
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0, help="to spend on each figure")
    parser.add_argument("--output", type=Path, default=Path("benchmark_output/feeding.json"))
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    """Run the benchmark."""
    options = parse(arguments)
    report: dict[str, Any] = {**device(), "cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    print(
        f"{report['device']}, {report['cores']} cores, {report['backend']} {report['version']}, batch {options.batch}\n"
    )
    if "store" in options.only:
        with tempfile.TemporaryDirectory() as folder:
            path = generated(options, folder)
            report["runs"] = measure_runs(path)
            report["store"] = measure_store(path, options)
        table("volumes as stored", report["runs"])
        table("from a store", report["store"])
        write_json(report, options.output)
    if "step" in options.only:
        report["step"] = measure_steps(options)
        table("training step", report["step"])
        write_json(report, options.output)
    if "store" in report and "step" in report:
        slowest = min(line["samples_per_s"] for line in report["store"].values())
        report["feeding_over_training"] = {k: slowest / v["samples_per_s"] for k, v in report["step"].items()}
        for name, ratio in report["feeding_over_training"].items():
            print(f"the slowest way feeds {ratio:.1f} times what the {name} step consumes")
        print()
    if "on-the-fly" in options.only:
        report["on_the_fly"] = measure_on_the_fly(options)
        table("on the fly", report["on_the_fly"]["rates"])
        print(", ".join(f"{name} {value:.2e}" for name, value in report["on_the_fly"]["error"].items()))
    print(f"written to {write_json(report, options.output)}")


if __name__ == "__main__":
    main(sys.argv[1:])
