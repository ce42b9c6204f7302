"""Networks, their refinement, forward fits and retrieval on published rows: scatter loss, front IoU, seconds.

    python tests/benchmarks/bench_reconstruction.py [--model FILE] [--published FILE] [--methods network refined ...]
        [--patterns ideal artifacts] [--rows N] [--budget 10] [--n-jobs 2] [--results FILE] [--cases FOLDER]
    python tests/benchmarks/bench_reconstruction.py --table FILE ... [--markdown]

Bodies: all rows of the published test table (cut bodies) and validation table that are here, or with --rows so many of
each, evenly spaced by size. Patterns: "ideal", simulated from the published volume of 192^3 voxels and log-scaled;
"artifacts", the same after the published simulated experiment, with its mask. Both are made once and kept in --cases.

Methods: "retrieval", the nearest of 1000 patterns over turns and mirrors; "network", a saved model alone (or the name
of one that comes with the package); "refined", the same with `Refiner` in --budget seconds; "published", a saved model
of the published architecture; "fit", `ForwardFitter` in as many seconds. Patterns with artifacts are refined and fitted
with the robust loss, as bench_fit.py does. Without weights in the package the network's methods need --model.

Judged alike for all: the body on 192^3 voxels is simulated again and compared with the true intensity (scatter loss,
eps = 100, all pixels, no artifacts), and on 64^3 voxels with the true front and outline. The voxels' own loss is about
5e-5. Decoders of voxels are judged by their 64^3 occupancies, whose own loss is about 1.6e-4. Front IoU: moved by whole
voxels; "best placed", for refined and fitted bodies, also between voxels, since no pattern tells the place.

Finished bodies are appended to the results, one JSON object a line. A run that was cut goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarking import print_machine, print_table, shown
from fit_tables import LARGE, median, print_markdown, spread
from fit_trials import find_root, mend, read_results
from reconstruction_cases import TABLES, Task, cached_case, rows_of
from reconstruction_trials import (
    BUDGETED,
    BY_NETWORK,
    METHODS,
    Setting,
    at_once,
    described,
    judge,
    reconstruct,
    record_key,
)

from scatterkit.datasets.published._locate import VARIABLE
from scatterkit.reconstruction import pretrained_names

OWN = "silver-13.5nm"

PATTERNS = ("ideal", "artifacts")
HEADER = (
    "bodies: method",
    "n",
    "failed",
    "scatter loss",
    "front IoU",
    "best placed",
    "outline IoU",
    "s for a body",
)
WORST = {"scatter_loss": 1.0, "front_iou": 0.0, "footprint_iou": 0.0}
"""What a method without a body counts as."""
GROUPS = {
    "test": lambda record: record["split"] == "test",
    "validation": lambda record: record["split"] == "validation",
    f"all wider than {LARGE:.0f} nm": lambda record: record["width"] > LARGE,
    f"all up to {LARGE:.0f} nm": lambda record: record["width"] <= LARGE,
}


def parts(method: str, tasks: Sequence[Task], n: int) -> Iterator[list[Task]]:
    """Tasks of one kind of patterns, so many at a time."""
    for patterns in PATTERNS:
        own = [task for task in tasks if task.patterns == patterns]
        yield from (own[i : i + n] for i in range(0, len(own), n))


def run(methods: Sequence[str], tasks: Sequence[Task], setting: Setting, path: Path, folder: Path) -> None:
    """Try what is not in the file yet; append results as they come."""
    mend(path)
    known = {record_key(record) for record in read_results([path])} if path.exists() else set()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        for method in methods:
            left = [
                task
                for task in tasks
                if setting.key(method, task.split, task.row.nr, task.patterns) not in known
            ]
            print(f"{method}: {len(tasks) - len(left)} of {len(tasks)} are in {path} already.", flush=True)
            begun, done = time.perf_counter(), 0
            for part in parts(method, left, at_once(method, setting.n_jobs)):
                for record in records_of(method, part, setting, folder):
                    stream.write(json.dumps(record) + "\n")
                stream.flush()
                done += len(part)
                minutes = (time.perf_counter() - begun) / 60
                print(f"{method}: {done} of {len(left)}, {minutes:.1f} min", flush=True)


def records_of(
    method: str, tasks: Sequence[Task], setting: Setting, folder: Path
) -> Iterator[dict[str, Any]]:
    """Reconstruct and judge the bodies of some tasks, all of one kind of patterns."""
    cases, widths = zip(*(cached_case(task, folder) for task in tasks), strict=True)
    bodies, seconds = reconstruct(method, tasks[0].patterns, cases, setting)
    for task, case, width, body in zip(tasks, cases, widths, bodies, strict=True):
        yield described(method, task, width, setting, seconds) | judge(body, case, method in BUDGETED)


def print_tables(records: Sequence[dict[str, Any]], *, markdown: bool) -> None:
    """Print a table for each kind of patterns, budget and file."""
    latest = list({record_key(record): record for record in records}.values())
    for patterns in dict.fromkeys(record["patterns"] for record in latest):
        own = [record for record in latest if record["patterns"] == patterns]
        print(
            f"\nPatterns: {patterns}. Medians with quartiles in brackets. Without a body: loss 1, no overlap."
        )
        rows = [
            row_of(f"{name}: {title}", chosen)
            for name, belongs in GROUPS.items()
            for title, group in titled(own)
            if (chosen := [record for record in group if belongs(record)])
        ]
        (print_markdown if markdown else print_table)(HEADER, rows)


def titled(records: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Groups of records that are of one method, budget and file, with a title."""
    for method in METHODS:
        own = [record for record in records if record["method"] == method]
        kinds = dict.fromkeys((record["budget"], record["file"]) for record in own)
        for budget, file in kinds:
            title = method if budget is None else f"{method}, {budget:g} s"
            names = {record["file"] for record in own}
            title += f" ({Path(file).stem})" if file and len(names) > 1 else ""
            yield title, [record for record in own if (record["budget"], record["file"]) == (budget, file)]


def row_of(title: str, group: Sequence[dict[str, Any]]) -> list[str]:
    """A row of a table."""
    failed = sum(record["failure"] is not None for record in group)
    values = {name: [record.get(name, worst) for record in group] for name, worst in WORST.items()}
    placed = median(group, "placed_front_iou")
    return [
        title,
        str(len(group)),
        str(failed),
        spread(values["scatter_loss"], ".1e"),
        spread(values["front_iou"], ".2f"),
        shown(placed, ".2f"),
        spread(values["footprint_iou"], ".2f"),
        shown(median(group, "seconds"), ".3g"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, or print what was run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    own = OWN if OWN in pretrained_names() else None
    parser.add_argument(
        "--model", default=own, help=f"a saved model, or a name of weights in the package; {OWN} by default"
    )
    parser.add_argument("--published", help="a saved model of the published architecture")
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="all that have their files by default")
    parser.add_argument("--patterns", nargs="+", choices=PATTERNS, default=PATTERNS)
    parser.add_argument("--splits", nargs="+", choices=tuple(TABLES), default=tuple(TABLES))
    parser.add_argument("--rows", type=int, help="rows of each table; all by default")
    parser.add_argument("--budget", type=float, default=10.0, help="seconds for one body: refined, fit")
    parser.add_argument("--n-jobs", type=int, default=2, help="bodies at once: refined, fit")
    parser.add_argument("--seed", type=int, default=0, help="random state of retrieval and fits")
    parser.add_argument("--results", type=Path, default=Path("benchmark_output/reconstructions.jsonl"))
    parser.add_argument("--cases", type=Path, default=Path("benchmark_output/cases"))
    parser.add_argument("--table", type=Path, nargs="+", metavar="FILE", help="print results; run nothing")
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    options = parser.parse_args(arguments)
    paths = options.table
    if paths is None:
        root = find_root()
        if root is None:
            print(
                f"The published sample set is not here: set {VARIABLE} to its folder. Nothing was measured."
            )
            return 0
        files = {
            name: str(getattr(options, name)) for name in ("model", "published") if getattr(options, name)
        }
        able = [
            method
            for method in METHODS
            if BY_NETWORK.get(method, "model") in files or method not in BY_NETWORK
        ]
        methods = able if options.methods is None else options.methods
        if missing := [method for method in methods if method not in able]:
            parser.error(f"{', '.join(missing)}: name the file by --model or --published")
        tasks = [
            Task(split, row, patterns)
            for patterns in options.patterns
            for split in options.splits
            for row in rows_of(root, split, options.rows)
        ]
        print_machine()
        setting = Setting(options.budget, options.n_jobs, options.seed, files)
        run(methods, tasks, setting, options.results, options.cases)
        paths = [options.results]
    print_tables(read_results(paths), markdown=options.markdown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
