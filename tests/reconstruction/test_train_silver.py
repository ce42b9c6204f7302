"""The script that trains the package's network: to a file, on after a stop, and where little is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from scatterkit.reconstruction import PhysicsReconstructor
from scatterkit.simulation.kernels.tensor_backends import BACKEND

SCRIPT = Path(__file__).parents[2] / "examples" / "train_silver.py"
# A network of eight channels that sees few batches, in a process where some packages cannot be loaded.
RUN = """
import runpy, sys
sys.modules.update(dict.fromkeys({missing!r}))
sys.argv = {command!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def train(folder: Path, *arguments: str, missing: tuple[str, ...] = ()) -> str:
    """Run the script with a tiny network; give what it prints."""
    command = [str(SCRIPT), "--small", "--jobs", "1", "--folder", str(folder), *arguments]
    code = RUN.format(missing=missing, command=command)
    result = subprocess.run(
        # the libraries below Keras have warnings of their own
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "MPLBACKEND": "Agg", "KERAS_BACKEND": BACKEND, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_it_goes_on_where_it_was_stopped_and_judges_in_the_end(tmp_path: Path) -> None:
    said = train(tmp_path, "--steps", "20", "--minutes", "1e-9", "--held-out", "0")
    path = tmp_path / "silver-13.5nm.npz"
    assert "20 steps of 4 samples" in said
    assert "over after 10 of 20 steps" in said
    assert "front IoU" not in said
    with Image.open(tmp_path / "learning_curve.png") as image:
        assert min(image.size) > 200
    stopped = PhysicsReconstructor.load(path)
    assert stopped.n_steps_ == 10
    assert not hasattr(stopped, "calibration_")

    said = train(tmp_path, "--steps", "20")
    fronts = [float(line.split("front IoU ")[1].split(",")[0]) for line in said.splitlines() if "IoU" in line]
    assert len(fronts) == 2  # clean, and with artifacts
    assert all(0 < front < 1 for front in fronts)
    counts = re.findall(r"(?:Calibrating with|Medians of) (\d+) (?:other )?held-out", said)
    known, others = map(int, counts)
    assert 9 <= known <= others <= known + 1
    *_, bounds, p_values = (line for line in said.splitlines() if line.startswith("   "))
    assert re.search(r"hold in [0-9.]+% of the bodies in 90% .* mean width [0-9.]+ nm", bounds)
    assert re.search(r"[0-9.]+% are below 5 %", p_values)
    network = PhysicsReconstructor.load(path)
    assert [row["step"] for row in network.history_] == [10, 20]
    assert network.history_[0] == stopped.history_[0]
    assert len(network.calibration_["misfits"]) == known
    assert network.calibration_["coverage"] == 0.9


@pytest.mark.slow
def test_it_runs_on_fresh_bodies_where_little_is_installed(tmp_path: Path) -> None:
    missing = ("pyfftw", "trimesh", "zarr", "matplotlib")
    if BACKEND != "tensorflow":
        missing = (*missing, "tensorflow")
    said = train(tmp_path, "--bodies", "fresh", missing=missing)
    assert "No learning curve" in said
    assert "artifacts: front IoU" in said
    assert PhysicsReconstructor.load(tmp_path / "silver-13.5nm.npz").n_steps_ == 10
