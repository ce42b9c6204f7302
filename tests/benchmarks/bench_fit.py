"""Forward fits and baselines on published test bodies, at one time budget: scatter loss, front IoU, seconds.

    python tests/benchmarks/bench_fit.py [--methods convex B1 ...] [--patterns ideal artifacts] [--rows 60]
                                         [--budget 60] [--n-jobs 2] [--results FILE]
    python tests/benchmarks/bench_fit.py --table FILE ... [--markdown] [--figure PNG]

Bodies: rows of the published test table, sorted by size, evenly spaced ranks of each third. Patterns: "ideal",
simulated from the published volume of 192^3 voxels and log-scaled; "artifacts", the same after the published simulated
experiment, with its mask; "published", the set's own pictures. No method is told the size. Every fit has one process
with one thread; kernels and libraries of patterns are made before its clock starts.

Judged alike for all: the body on 192^3 voxels is simulated again and compared with the true intensity (scatter loss,
all pixels, no artifacts), and on 64^3 voxels with the front of the true volume (front IoU), as it lies and at its best
place: half a voxel along the beam, which no pattern tells, costs up to 0.1. "truth" is the body rebuilt from its row:
the loss that it has is the voxels'.

Finished fits are appended to the results at once, one JSON object a line. A run that was cut goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from fit_tables import draw_figure, print_tables
from fit_trials import (
    METHODS,
    PATTERNS,
    Trial,
    find_root,
    mend,
    read_results,
    rows_by_size,
    run_trial,
    trial_key,
)
from joblib import Parallel, delayed, parallel_config

from scatterkit.datasets.published._locate import VARIABLE


def trials(arguments: argparse.Namespace, root: Path) -> list[Trial]:
    """All that is to be tried, method after method."""
    rows = rows_by_size(root, arguments.rows)
    return [
        Trial(method, patterns, row.nr, size_class, arguments.budget, arguments.seed)
        for patterns in arguments.patterns
        for method in arguments.methods
        for size_class, row in rows
    ]


def run(wanted: Sequence[Trial], root: Path, path: Path, n_jobs: int) -> None:
    """Try what is not in the file yet; append each result as it comes."""
    mend(path)
    known = {trial_key(record) for record in read_results([path])} if path.exists() else set()
    left = [trial for trial in wanted if trial.key not in known]
    print(f"{len(wanted) - len(left)} of {len(wanted)} fits are in {path} already.", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    with (
        path.open("a", encoding="utf-8") as stream,
        parallel_config(backend="loky", inner_max_num_threads=1),
    ):
        workers = Parallel(
            n_jobs=n_jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs"
        )
        with closing(workers(delayed(run_trial)(trial, root) for trial in left)) as results:
            for number, record in enumerate(results, start=1):
                record |= {"n_jobs": n_jobs, "cores": os.cpu_count()}
                stream.write(json.dumps(record) + "\n")
                stream.flush()
                minutes = (time.perf_counter() - begun) / 60
                print(f"{number:4d} of {len(left)}, {minutes:5.1f} min: {line(record)}", flush=True)


def line(record: dict[str, Any]) -> str:
    """A result in a line."""
    start = f"{record['method']:7s} {record['patterns']:9s} {record['nr']:4d} {record['polyhedron']:34s}"
    if record["failure"]:
        return f"{start} failed: {record['failure']}"
    fronts = f"front IoU {record['front_iou']:.2f}, best placed {record['placed_front_iou']:.2f}"
    end = f"loss {record['scatter_loss']:.1e}  {fronts}"
    if "residual" not in record:
        return f"{start} {end}"
    return f"{start} {end}  residual {record['residual']:.1e}  {record['seconds']:.1f} s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, or print and draw what was run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--patterns", nargs="+", choices=PATTERNS, default=PATTERNS[:2])
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for one body")
    parser.add_argument("--seed", type=int, default=0, help="random state of every fit")
    parser.add_argument("--n-jobs", type=int, default=2, help="fits at once, each by one process")
    parser.add_argument("--results", type=Path, default=Path("benchmark_output/fits.jsonl"))
    parser.add_argument("--table", type=Path, nargs="+", metavar="FILE", help="print results; fit nothing")
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    parser.add_argument("--figure", type=Path, metavar="PNG", help="draw the first kind of patterns")
    options = parser.parse_args(arguments)
    paths = options.table
    if paths is None:
        root = find_root()
        if root is None:
            print(
                f"The published sample set is not here: set {VARIABLE} to its folder. Nothing was measured."
            )
            return 0
        run(trials(options, root), root, options.results, options.n_jobs)
        paths = [options.results]
    records = read_results(paths)
    print_tables(records, markdown=options.markdown)
    if options.figure is not None:
        chosen = [record for record in records if record["patterns"] == options.patterns[0]]
        print(f"Figure: {draw_figure(chosen, options.figure)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
