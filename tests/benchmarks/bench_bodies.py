"""What the samplers draw beside the published tables, and the tables' bodies made again through the generator.

python tests/benchmarks/bench_bodies.py [--rows 200] [--draws 20000] [--output FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from benchmarking import print_table, write_json
from scipy.spatial.transform import Rotation

from scatterkit.datasets import PublishedSampler, read_table
from scatterkit.datasets.published._locate import VARIABLE, local_roots
from scatterkit.solids import SolidSampler

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets" / "published"))

from published_laws import CHOPPED, FULL_NM, WHOLE, WRONG, agreement, alike, column, shares, turned


def laws(root: Path, n: int) -> list[tuple[str, str, float]]:
    """What is compared, with which law, and p, that the tables' rows are drawn from it."""
    rows = [row for name in (*WHOLE, *CHOPPED) for row in read_table(root / name)]
    own = PublishedSampler(random_state=1, chopped=True).sample_params(n)
    bodies = SolidSampler(random_state=3, stretch=(0.5, 2.0), cut=(0.2, 1.0)).sample_params(n)
    found = [("class", "equal shares", shares(row.polyhedron for row in rows))]
    for name in ("size", "stretch", "cut", "theta", "phi", "alpha"):
        taken = turned(rows) if name in ("theta", "phi", "alpha") else rows
        found.append((name, "PublishedSampler", alike(column(taken, name), column(own, name))))
    found += [
        ("size", "SolidSampler", alike(column(rows, "size"), column(bodies, "size") / FULL_NM)),
        ("stretch", "SolidSampler", alike(column(rows, "stretch"), [b.stretch for b in bodies if b.axis])),
        ("cut", "SolidSampler", alike(column(rows, "cut"), column(bodies, "cut"))),
    ]
    angles = Rotation.from_quat([body.quaternion for body in bodies]).magnitude()
    found.append(
        ("|alpha|", "SolidSampler: uniform rotations", alike(np.abs(column(turned(rows), "alpha")), angles))
    )
    draws = np.random.default_rng(0).random(n)
    return found + [
        (name, title, alike(column(turned(rows), name), law(draws))) for title, (name, law) in WRONG.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200, help="bodies that are made again")
    parser.add_argument("--draws", type=int, default=20000, help="bodies that are drawn")
    parser.add_argument("--output", type=Path, default=Path("benchmark_output/bodies.json"))
    options = parser.parse_args(arguments)
    root = next((root for root in local_roots() if (root / "val").is_dir()), None)
    if root is None:
        print(f"The published sample set is not here: set {VARIABLE} to its folder. Nothing was measured.")
        return 0
    found = laws(root, options.draws)
    print_table(("drawn", "law", "p"), [(name, law, f"{p:.2g}") for name, law, p in found])
    figures = agreement(root, (*WHOLE, *CHOPPED), options.rows)
    quantiles = {
        name: dict(
            zip(
                ("median", "5 % quantile", "minimum"),
                np.quantile(values, (0.5, 0.05, 0)).tolist(),
                strict=True,
            )
        )
        for name, values in zip(("IoU", "correlation"), figures.T, strict=True)
    }
    print(f"\n{len(figures)} generated bodies and the published ones")
    print_table(
        ("", *quantiles["IoU"]), [(k, *(f"{v:.4f}" for v in q.values())) for k, q in quantiles.items()]
    )
    content = {
        "laws": [dict(zip(("drawn", "law", "p"), row, strict=True)) for row in found],
        "bodies": quantiles,
    }
    print(f"written: {write_json(content, options.output)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
