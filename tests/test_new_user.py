"""The way of a new user, in little: a mesh of one's own, its pattern, a training set, a network, a fit, a comparison.

Every step is a command in an empty folder, as a user types it; what one writes the next one reads.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh

from scatterkit import Comparison, ForwardFitter, PhysicsReconstructor, Solid
from scatterkit.cli import main
from scatterkit.datasets import open_dataset, read_netcdf

EXPERIMENT = """\
wavelength = 20.0
material = "Au"
distance = 40.0
pixel_size = 1.5
pixels = 32

[generate]
grid = 16
"""
FRONT = np.array([0.0, 0.0, -62.5])  # where the beam meets the body first [nm]


def dented_body(path: Path) -> float:
    """Write an elongated particle with a dent in its front, in nm; give its volume."""
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=50.0)
    points = np.array(mesh.vertices) * [1.0, 1.0, 1.25]
    depth = 20.0 * np.exp(-(np.linalg.norm(points - FRONT, axis=1) ** 2) / 25.0**2)
    mesh.vertices = points + depth[:, None] * [0.0, 0.0, 1.0]
    mesh.export(path)
    return float(mesh.volume)


def scatterkit(folder: Path, line: str) -> str:
    """Run a command as a user does; give what it says."""
    command = [sys.executable, "-m", "scatterkit", *line.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=300)
    assert done.returncode == 0, f"scatterkit {line}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.slow
def test_from_a_mesh_to_a_comparison(tmp_path):
    pytest.importorskip("keras", reason="networks are trained by Keras, which is an extra")
    volume = dented_body(tmp_path / "mine.stl")
    (tmp_path / "gold.toml").write_text(EXPERIMENT)

    scatterkit(tmp_path, "simulate mine.stl --config gold.toml --volumes -o mine.nc")
    pattern = read_netcdf(tmp_path / "mine.nc")
    voxel = 318.75 / 64
    assert pattern["pattern"].shape == (1, 32, 32)
    assert pattern["volume"].values.sum() * voxel**3 == pytest.approx(volume, rel=0.01)
    scatterkit(tmp_path, "view mine.nc -o mine.png")

    scatterkit(tmp_path, "generate --samples 24 --config gold.toml -o gold.zarr")
    assert open_dataset(tmp_path / "gold.zarr").sizes["sample"] == 24

    said = scatterkit(tmp_path, "train gold.zarr --steps 6 --batch-size 4 -o gold.npz --curve curve.png")
    assert "wrote gold.npz after 6 steps" in said
    assert PhysicsReconstructor.load(tmp_path / "gold.npz").simulator.wavelength == 20.0

    scatterkit(tmp_path, "predict mine.nc --model gold.npz -o by_network.stl --figure by_network.png")
    said = scatterkit(tmp_path, "fit mine.nc --seconds 4 -o by_fit.stl --report by_fit.txt")
    assert "--wavelength 20.0" in said  # the pattern told of its experiment
    scatterkit(tmp_path, "view by_fit.stl -o by_fit.html")
    for name in ("by_network.stl", "by_fit.stl"):
        assert Solid.from_file(tmp_path / name).volume > 0

    methods = "gold.npz gold.npz+refine convex"
    scatterkit(tmp_path, f"compare mine.nc --methods {methods} --budget 3 --html page.html -o page")
    figures = Comparison.load(tmp_path / "page").dataset
    assert not (figures["failure"] != "").any()
    # six steps teach a network nothing: following the physics must be better than its answer
    residuals = dict(zip(figures["method"].values, figures["residual"].values[:, 0], strict=True))
    assert residuals["gold.npz+refine"] < 0.5 * residuals["gold.npz"]
    assert residuals["convex"] < 0.5 * residuals["gold.npz"]
    assert "gold.npz+refine" in (tmp_path / "page.html").read_text(encoding="utf-8")
    for picture in ("mine.png", "curve.png", "by_network.png", "by_fit.txt", "by_fit.html"):
        assert (tmp_path / picture).stat().st_size > 0


MISTAKES = {
    "simulate angstrom.stl -o a.nc": "--magnify",
    "simulate far.stl -o a.nc": "--centre",
    "simulate mine.stl --box 60 -o a.nc": "--box",
    "simulate open.stl -o a.nc": "open.stl",
    "simulate mine.stl --exact -o a.nc": "not convex",
    "simulate mine.stl --rotate 45 0 0 -o a.nc": "radians",
    "simulate mine.stl --wavelenght 20 -o a.nc": "--wavelength",
    "simulate icosaedron -o a.nc": "icosahedron",
    "fit counts.npy -o a.stl": "--log",
    "fit cropped.npy --pixels 32 -o a.stl": "--pixels",
    "fit good.npy --pixels 32 --mask mask.npy -o a.stl": "--mask must be of shape (32, 32)",
    "fit good.npy --pixels 32 -o mine.stl": "--force",
    "fit good.npy --pixels 32 --mask empty.npy -o a.stl": "empty mask",
    "predict good.npy -o a.stl": "(n, 128, 128)",
}


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory):
    """Files as they come to a new user."""
    folder = tmp_path_factory.mktemp("mistaken")
    dented_body(folder / "mine.stl")
    mesh = trimesh.load_mesh(folder / "mine.stl")
    for name, factor, way in (("angstrom", 10.0, 0.0), ("far", 1.0, 400.0)):
        trimesh.Trimesh(mesh.vertices * factor + [way, 0, 0], mesh.faces).export(folder / f"{name}.stl")
    trimesh.Trimesh(mesh.vertices, mesh.faces[5:]).export(folder / "open.stl")
    good = np.random.default_rng(0).random((1, 32, 32), np.float32)
    np.save(folder / "good.npy", good)
    np.save(folder / "counts.npy", 1000 * good)
    np.save(folder / "cropped.npy", good[:, :24, :24])
    np.save(folder / "mask.npy", np.ones((40, 40), np.bool_))
    np.save(folder / "empty.npy", np.zeros((32, 32), np.bool_))
    return folder


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes_are_told_with_the_way_out(line, mistaken, monkeypatch, capfd):
    monkeypatch.chdir(mistaken)
    assert main(line.split()) in (1, 2)
    assert MISTAKES[line] in capfd.readouterr().err.splitlines()[-1]
    assert not (mistaken / "a.nc").exists()
    assert not (mistaken / "a.stl").exists()


@pytest.mark.filterwarnings("default")
def test_a_forgotten_mask_is_told(mistaken, monkeypatch, capfd):
    monkeypatch.chdir(mistaken)
    holed = np.load("good.npy")
    holed[:, 14:19, 14:19] = 0.0
    np.save("holed.npy", holed)
    mask = holed[0] > 0
    np.save("hole.npy", mask)
    settings = "--pixels 32 --dq 0.02 --seconds 0.2 --quiet --force -o holed.stl"
    line = ["fit", "holed.npy", *settings.split()]
    assert main(line) == 0
    assert "give a mask" in capfd.readouterr().err
    assert main([*line, "--mask", "hole.npy"]) == 0
    assert "give a mask" not in capfd.readouterr().err


def test_a_fit_refuses_counts():
    with pytest.raises(ValueError, match="become such by LogScaler"):
        ForwardFitter().fit(np.full((1, 128, 128), 1000.0))
