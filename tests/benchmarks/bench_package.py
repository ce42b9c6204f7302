"""What the package costs before it computes anything: time of import, modules loaded, size of the wheel.

Times are medians over fresh processes, taken in turns, and compared with those of NumPy in the same run. With a wheel,
its size, its largest parts and the size of what is installed are printed too::

    make bench-package
    python tests/benchmarks/bench_package.py --repeats 15 --wheel dist/*.whl
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

STATEMENTS = {
    "import numpy": "import numpy",
    "import scatterkit": "import scatterkit",
    "its simulator, made": "from scatterkit import MSFTSimulator; MSFTSimulator()",
    "its command line": "from scatterkit.cli import main",
}
MEASURE = """
import sys, time
before, begin = len(sys.modules), time.perf_counter()
{statement}
print(time.perf_counter() - begin, len(sys.modules) - before)
"""


def cost(statement: str) -> tuple[float, int]:
    """Seconds and modules that a statement takes in a fresh process."""
    code = MEASURE.format(statement=statement)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, modules = result.stdout.split()
    return float(seconds), int(modules)


def import_costs(repeats: int) -> dict[str, dict[str, float]]:
    """Median time and number of modules of every statement; the first round, which reads the disk, does not count."""
    rounds = [{name: cost(statement) for name, statement in STATEMENTS.items()} for _ in range(repeats + 1)]
    return {
        name: {"seconds": median(one[name][0] for one in rounds[1:]), "modules": rounds[-1][name][1]}
        for name in STATEMENTS
    }


def wheel_sizes(path: Path, n_largest: int = 5) -> dict[str, Any]:
    """Bytes of a wheel: packed, unpacked, by kind of file, and its largest files."""
    parts = [part for part in zipfile.ZipFile(path).infolist() if not part.is_dir()]
    kinds: Counter[str] = Counter()
    for part in parts:
        kinds[Path(part.filename).suffix or "(none)"] += part.file_size
    largest = sorted(parts, key=lambda part: -part.compress_size)[:n_largest]
    return {
        "file": path.name,
        "packed": path.stat().st_size,
        "unpacked": sum(part.file_size for part in parts),
        "n_files": len(parts),
        "unpacked_by_kind": dict(kinds.most_common()),
        "largest_packed": {part.filename: part.compress_size for part in largest},
    }


def print_costs(costs: dict[str, dict[str, float]]) -> None:
    """Print a table of the imports."""
    numpy = costs["import numpy"]["seconds"]
    print(f"{'in a fresh process':<28}{'median':>10}{'to numpy':>10}{'modules':>10}")
    for name, row in costs.items():
        milliseconds = f"{1000 * row['seconds']:.1f} ms"
        print(f"{name:<28}{milliseconds:>10}{row['seconds'] / numpy:>10.2f}{row['modules']:>10}")


def print_sizes(sizes: dict[str, Any]) -> None:
    """Print the wheel's size and what takes it."""
    packed, unpacked = sizes["packed"], sizes["unpacked"]
    print(f"\n{sizes['file']}: {packed / 1e6:.2f} MB, {unpacked / 1e6:.2f} MB in {sizes['n_files']} files")
    for title in ("largest_packed", "unpacked_by_kind"):
        print(f"{title.replace('_', ' ')}:")
        for name, size in sizes[title].items():
            print(f"  {size / 1e3:>9.1f} kB  {name}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wheel", type=Path, help="the wheel; without it only imports are measured")
    parser.add_argument("--repeats", type=int, default=7, help="processes for every statement")
    parser.add_argument("--output", type=Path, help="a file for the numbers, as JSON")
    args = parser.parse_args()
    figures: dict[str, Any] = {"python": sys.version.split()[0]}
    figures["imports"] = costs = import_costs(args.repeats)
    print_costs(costs)
    if args.wheel is not None:
        figures["wheel"] = sizes = wheel_sizes(args.wheel)
        print_sizes(sizes)
    if args.output is not None:
        args.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
