"""The examples run as a user runs them, and write what they say."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scatterkit.simulation import LogScaler, PolyhedronSimulator
from scatterkit.solids import Solid

EXAMPLES = Path(__file__).parents[1] / "examples"
FAST = {
    "looking_at_bodies.py": ([], ["base_set.png", "random_bodies.png", "halfspace_bodies.png"]),
    "augment_patterns.py": ([], ["augmentations.png", "own_augmentations.png", "training_samples.png"]),
    "compare_methods.py": (
        ["--bodies", "2", "--budget", "0.5"],
        ["methods.png", "comparison", "methods.html"],
    ),
    "generate_dataset.py": (["--samples", "40", "--stop", "0.5"], ["gold.png", "gold.html", "gold.zarr"]),
}
MEASURED = "fit_measured_patterns.py"
BY_NETWORK = "reconstruct_measured_patterns.py"
ELSEWHERE = {
    "reconstruct_measured_pattern.py",  # by `make demo`
    "train_silver.py",  # by tests/reconstruction/test_train_silver.py
}


def run(script: str, *arguments: str, ignored: str | None = None) -> str:
    """Run an example; give what it prints. Warnings are errors, but for those of one category."""
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    flags = ["-W", "error", *(() if ignored is None else ("-W", f"ignore::{ignored}"))]
    command = [sys.executable, *flags, str(EXAMPLES / script), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_example_is_run_somewhere() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*FAST, MEASURED, BY_NETWORK, *ELSEWHERE}


@pytest.mark.parametrize("script", FAST)
def test_an_example_writes_what_it_says(script: str, tmp_path: Path) -> None:
    arguments, files = FAST[script]
    said = run(script, *arguments, "--output", str(tmp_path / "results"))
    for name in files:
        path = tmp_path / "results" / name
        assert str(path) in said
        assert path.exists()
        if path.suffix == ".png":
            with Image.open(path) as image:
                assert min(image.size) > 200


@pytest.mark.slow
def test_a_set_that_is_there_grows(tmp_path: Path) -> None:
    folder = str(tmp_path)
    run("generate_dataset.py", "--samples", "10", "--stop", "60", "--output", folder)
    said = run("generate_dataset.py", "--samples", "12", "--stop", "60", "--output", folder)
    assert "of 12 bodies" in said


@pytest.mark.slow
def test_measured_patterns_are_fitted_better_by_a_free_body(sample_root: Path, tmp_path: Path) -> None:
    if not (sample_root / "exp" / "barke5.png").is_file():
        pytest.skip("measured pattern 5 is not in the published sample data")
    said = run(MEASURED, "--patterns", "5", "--seconds", "15", "--n-jobs", "1", "--output", str(tmp_path))
    number, label, by_class, convex, ratio = said.splitlines()[-2].split()
    assert (number, label) == ("5", "Icosahedron")
    assert float(convex) / float(by_class) == pytest.approx(float(ratio), abs=0.01)
    assert float(ratio) < 0.8
    for name in ("convex", "class"):
        with Image.open(tmp_path / f"measured_5_{name}.png") as image:
            assert min(image.size) > 200
        assert "Not determined" in (tmp_path / f"measured_5_{name}.txt").read_text(encoding="utf-8")


def test_a_pattern_without_a_body_has_a_row_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    example = importlib.import_module(Path(BY_NETWORK).stem)
    solid = Solid.from_catalogue("icosahedron", circumradius=80)
    pattern = LogScaler().transform(PolyhedronSimulator().transform([solid]))[0]
    mask = np.ones(pattern.shape, dtype=bool)
    none, known = (example.judge(given, pattern, mask) for given in (None, solid))
    row = example.Row(5, "Icosahedron", pattern, mask, none, known, known)
    example.print_table([row])
    *_, residual, _, ratio_of_none, ratio = capsys.readouterr().out.splitlines()[-1].split()
    assert (residual, ratio_of_none, ratio) == ("nan", "nan", "1.00")
    assert example.draw([row], tmp_path / "rows.png").is_file()


@pytest.mark.slow
def test_measured_patterns_are_reconstructed_by_a_network(sample_root: Path, tmp_path: Path) -> None:
    from scatterkit.datasets import fetch_barke2015
    from scatterkit.reconstruction import CompactEncoder, PhysicsReconstructor, PlaneDecoder

    if not (sample_root / "exp" / "barke5.png").is_file():
        pytest.skip("measured pattern 5 is not in the published sample data")
    star = fetch_barke2015([5])
    encoder = CompactEncoder(width=8, n_blocks=1, n_features=8)
    network = PhysicsReconstructor(
        encoder=encoder, decoder=PlaneDecoder(n_faces=12), loss="physics", n_steps=1, random_state=0
    )
    path = network.fit(star.patterns, mask=star.masks).save(tmp_path / "network.npz")
    times = ["--seconds", "6", "--refine-seconds", "12", "--n-jobs", "1"]
    said = run(
        BY_NETWORK,
        *("--patterns", "5", "--model", str(path), "--output", str(tmp_path), *times),
        ignored="DeprecationWarning",  # of Keras
    )
    (row,) = (line.split() for line in said.splitlines() if line.split()[:2] == ["5", "Icosahedron"])
    by_class, network_alone, refined, *ratios = map(float, row[2:])
    assert ratios == pytest.approx([network_alone / by_class, refined / by_class], abs=0.01)
    assert refined < network_alone
    picture = tmp_path / "measured_reconstructions.png"
    assert str(picture) in said
    with Image.open(picture) as image:
        assert min(image.size) > 200
