"""Size and speed of ways to store volumes and patterns: what the form of generated sets was chosen by.

python tests/benchmarks/bench_codecs.py --samples 48
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarking import Array, fastest_repeat, machine, print_table, write_json
from numcodecs import Blosc, Zstd, blosc

import scatterkit as sk
from scatterkit.datasets import published_simulator

BITS, BYTES, PLAIN = Blosc.BITSHUFFLE, Blosc.SHUFFLE, Blosc.NOSHUFFLE


def candidates() -> dict[str, Any]:
    """Codecs by name."""
    found: dict[str, Any] = {f"zstd {level}": Zstd(level) for level in (1, 3)}
    for name, shuffle in (("", PLAIN), (", bytes shuffled", BYTES), (", bits shuffled", BITS)):
        for level in (1, 3):
            found[f"blosc zstd {level}{name}"] = Blosc("zstd", level, shuffle)
        found[f"blosc lz4 5{name}"] = Blosc("lz4", 5, shuffle)
    return found


def forms(generator: sk.DatasetGenerator, n: int) -> dict[str, tuple[Array, int]]:
    """Arrays as they might be stored, with samples to a chunk."""
    made = generator.set_params(pattern_dtype="float32").sample(n)
    volumes, patterns = made.volume.values, made.pattern.values
    steps = np.rint(patterns * 65535).astype(np.uint16)
    found = {"pattern, uint16": (steps, 32), "pattern, float16": (patterns.astype(np.float16), 32)}
    if generator.occupancy == "bits":
        bits = np.packbits(volumes.astype(bool).reshape(n, -1), axis=1)
        return {"volume, bool": (volumes.astype(bool), 1), "volume, bits packed": (bits, 1)} | found
    return {"volume, uint8": (np.rint(volumes * 255).astype(np.uint8), 8)} | found


def measure(array: Array, chunk: int, codec: Any, repeats: int) -> dict[str, float]:
    """kB and ms of a sample."""
    parts = [np.ascontiguousarray(array[i : i + chunk]) for i in range(0, len(array), chunk)]
    encoded = [codec.encode(part) for part in parts]

    def each(work: Callable[[Any], Any], items: list[Any]) -> Callable[[], Any]:
        return lambda: [work(item) for item in items]

    per_sample = 1e3 / len(array)
    return {
        "kB": sum(map(len, encoded)) / 1e3 / len(array),
        "encode": fastest_repeat(each(codec.encode, parts), repeats) * per_sample,
        "decode": fastest_repeat(each(codec.decode, encoded), repeats) * per_sample,
    }


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    blosc.use_threads = False
    fine = sk.DatasetGenerator(
        rasterizer=sk.Rasterizer(grid=192, mode="binary"), simulator=published_simulator(), occupancy="bits"
    )
    found: dict[str, Any] = {"machine": machine()}
    for grid, generator in (("64^3", sk.DatasetGenerator()), ("192^3", fine)):
        for form, (array, chunk) in forms(generator, arguments.samples).items():
            table = {
                name: measure(array, chunk, codec, arguments.repeats) for name, codec in candidates().items()
            }
            found[f"{grid}, {form}"] = table
            print(f"\n{grid}, {form}: {array[0].nbytes / 1e3:.0f} kB of a sample before\n")
            rows = [[name, *(f"{row[key]:.2f}" for key in row)] for name, row in table.items()]
            print_table(["codec", "kB", "encode [ms]", "decode [ms]"], rows)
    if arguments.json:
        write_json(found, arguments.json)


if __name__ == "__main__":
    main()
