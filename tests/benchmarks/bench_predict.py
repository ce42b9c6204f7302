"""How long predictions take: the first one after import in a fresh process, and patterns in batches afterwards.

    python tests/benchmarks/bench_predict.py [--model FILE] [--batch 32] [--repeats 20] [--processes 3] [--json FILE]

The model is a file that ``PhysicsReconstructor.save`` wrote, or by default the package's own. "import" is that of the
estimator with all that it needs, Keras and its backend too, most of it theirs. "first" goes from loading the model,
with compilation and the loading of kernels, to the first volume. Then batches are timed, to volumes, and with
``--solids`` to solids too. Prints the machine, and medians over processes and repeats. Without ``--model``, and where
the package has no weights, it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# Nothing else is imported here: the clock of a process is to see all of it.
OWN = "silver-13.5nm"


def measured(model: str, batch: int, repeats: int, solids: bool) -> dict[str, Any]:
    """Seconds of one process: import, first prediction, and each batch."""
    begun = time.perf_counter()
    import keras
    import numpy as np

    from scatterkit.reconstruction import PhysicsReconstructor

    imported = time.perf_counter()
    kind = PhysicsReconstructor
    network = kind.load(model) if Path(model).is_file() else kind.from_pretrained(model)
    n_pixels = round(network.n_features_in_**0.5)
    # any values do: all patterns take the same steps
    patterns = np.random.default_rng(0).random((batch, n_pixels, n_pixels), dtype=np.float32)
    network.predict(patterns[:1])
    first = time.perf_counter() - imported
    from benchmarking import times

    network.predict(patterns)  # its size may be compiled anew
    found: dict[str, Any] = {
        "backend": keras.backend.backend(),
        "import": imported - begun,
        "first": first,
        "volumes": times(lambda: network.predict(patterns), repeats),
    }
    if solids:
        network.predict_solids(patterns)  # what makes solids may be compiled too
        found["solids"] = times(lambda: network.predict_solids(patterns), max(1, repeats // 4))
    return found


def in_process(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--alone", "--model", arguments.model]
    numbers = ["--batch", str(arguments.batch), "--repeats", str(arguments.repeats)]
    flags = ["--solids"] if arguments.solids else []
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    said = subprocess.run(
        [*command, *numbers, *flags], env=environment, check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return found


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", default=OWN, help=f"a file, or a name of weights in the package; {OWN} by default"
    )
    parser.add_argument("--batch", type=int, default=32, help="patterns of a call")
    parser.add_argument("--repeats", type=int, default=20, help="calls in each process")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--solids", action="store_true", help="time solids too")
    parser.add_argument("--json", type=Path, help="where to write all times")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def is_there(model: str) -> bool:
    """Whether there is a model to measure; say so where the package's own is not."""
    from scatterkit.reconstruction import pretrained_names

    if Path(model).is_file() or model in pretrained_names():
        return True
    said = f"{model} is neither a file nor among the weights of the package. Nothing was measured."
    if model != OWN:
        raise SystemExit(said)
    print(said)
    return False


def main() -> None:
    """Measure in several processes, and say the medians."""
    arguments = parsed()
    if arguments.alone:
        print(json.dumps(measured(arguments.model, arguments.batch, arguments.repeats, arguments.solids)))
        return
    from benchmarking import print_machine, print_table, write_json

    if not is_there(arguments.model):
        return
    about = print_machine()  # before it loads the machine itself
    found = [in_process(arguments) for _ in range(arguments.processes)]
    rows = [
        [f"{name} [s]", f"{statistics.median(run[name] for run in found):.2f}"]
        for name in ("import", "first")
    ]
    for name in ("volumes", "solids") if arguments.solids else ("volumes",):
        batches = [seconds for run in found for seconds in run[name]]
        each = 1e3 * statistics.median(batches) / arguments.batch
        rows.append([f"{name}, batch of {arguments.batch} [ms per pattern]", f"{each:.2f}"])
    print_table([f"median, {found[0]['backend']}", arguments.model], rows)
    if arguments.json is not None:
        content = {"machine": about, "model": arguments.model, "batch": arguments.batch, "runs": found}
        print(f"Written: {write_json(content, arguments.json)}")


if __name__ == "__main__":
    main()
