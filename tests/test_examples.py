"""The examples run as a user runs them, and write what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"
FAST = {
    "looking_at_bodies.py": ([], ["base_set.png", "random_bodies.png", "halfspace_bodies.png"]),
    "augment_patterns.py": ([], ["augmentations.png", "own_augmentations.png", "training_samples.png"]),
    "generate_dataset.py": (["--samples", "40", "--stop", "0.5"], ["gold.png", "gold.html", "gold.zarr"]),
}
MEASURED = "fit_measured_patterns.py"
ELSEWHERE = {"reconstruct_measured_pattern.py"}  # by `make demo`


def run(script: str, *arguments: str) -> str:
    """Run an example; give what it prints."""
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    command = [sys.executable, "-W", "error", str(EXAMPLES / script), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_example_is_run_somewhere() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*FAST, MEASURED, *ELSEWHERE}


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
