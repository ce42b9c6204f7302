"""``scatterkit simulate`` against the objects that it stands for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from scatterkit import FlatDetector, LogScaler, MSFTSimulator, PolyhedronSimulator, QGrid, Rasterizer, Solid
from scatterkit.cli import main
from scatterkit.cli._carried import read_record
from scatterkit.cli._inputs import open_patterns, read_patterns
from scatterkit.cli._told import told_experiment
from scatterkit.datasets import read_netcdf, read_numpy
from scatterkit.experiment import refractive_index

SMALL = ("--pixels", "16", "--dq", "0.04", "--grid", "8", "--quiet")
GRID = QGrid(16, dq=0.04)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_equals_the_objects():
    assert (
        main(["simulate", "cube", "--size", "60", "--rotate", "0.1", "0.2", "0.3", *SMALL, "-o", "a.npy"])
        == 0
    )
    body = Solid.from_catalogue("cube", circumradius=60).rotate(Rotation.from_rotvec([0.1, 0.2, 0.3]))
    volumes = Rasterizer(grid=8).transform([body])
    expected = LogScaler().transform(MSFTSimulator(detector=GRID).transform(volumes))
    np.testing.assert_array_equal(np.load("a.npy"), expected)


def test_the_experiment_reaches_the_simulator():
    line = [
        "--wavelength",
        "5",
        "--material",
        "Al",
        "--box",
        "200",
        "--propagation",
        "born",
        "--scale",
        "none",
    ]
    line += [
        "--pixels",
        "12",
        "16",
        "--distance",
        "10",
        "--pixel-size",
        "1",
        "--grid",
        "8",
        "--size",
        "50",
        "--quiet",
    ]
    assert main(["simulate", "cube", *line, "--volumes", "-o", "a.nc"]) == 0
    simulator = MSFTSimulator(
        wavelength=5,
        box=200,
        propagation="born",
        absorption="index",
        refractive_index=refractive_index("Al", wavelength=5),
        detector=FlatDetector((12, 16), pixel_size=1, distance=10),
    )
    volumes = Rasterizer(grid=8, box=200).transform([Solid.from_catalogue("cube", circumradius=50)])
    data = read_netcdf("a.nc")
    np.testing.assert_array_equal(data["volume"].values, volumes)
    np.testing.assert_array_equal(data["pattern"].values, simulator.transform(volumes))
    record = json.loads(data.attrs["scatterkit_record"])
    assert record["components"]["simulator"]["parameters"]["wavelength"] == 5


def test_exact_patterns():
    assert (
        main(["simulate", "cube", "--size", "60", "--exact", "--pixels", "16", "--dq", "0.04", "-o", "a.npz"])
        == 0
    )
    body = Solid.from_catalogue("cube", circumradius=60)
    expected = LogScaler().transform(PolyhedronSimulator(detector=GRID).transform([body]))
    np.testing.assert_array_equal(read_numpy("a.npz")["pattern"].values, expected)


@pytest.mark.parametrize("suffix", [".stl", ".obj", ".ply"])
def test_mesh_files(suffix):
    Solid.from_catalogue("octahedron", circumradius=500).shift([300, 0, 0]).to_file(f"body{suffix}")
    assert main(["simulate", f"body{suffix}", "--magnify", "0.1", "--centre", *SMALL, "-o", "a.npy"]) == 0
    assert main(["simulate", "octahedron", "--size", "50", *SMALL, "-o", "b.npy"]) == 0
    np.testing.assert_allclose(np.load("a.npy"), np.load("b.npy"), atol=1e-4)
    assert f"body{suffix}" in read_record(Path("a.npy"))["sha256"]


def test_pictures_are_read_again():
    bodies = ["cube", "octahedron", "--random-orientation", *SMALL]
    for name in ("a.npy", "a.tif", "a_{}.png"):
        assert main(["simulate", *bodies, "-o", name]) == 0
    expected = np.load("a.npy")
    assert not np.array_equal(*expected)
    np.testing.assert_array_equal(open_patterns("a.tif", None)["pattern"].values, expected)
    for number in range(2):
        with Image.open(f"a_{number}.png") as picture:
            assert picture.mode == "I;16"
        found = open_patterns(f"a_{number}.png", None)["pattern"].values[0]
        np.testing.assert_allclose(found, expected[number], atol=0.5001 / 65535)


@pytest.mark.parametrize("name", ["pictures", "pictures/a_*.png"])
def test_pictures_of_a_folder_are_read_again(name):
    Path("pictures").mkdir()
    bodies = ["cube", "octahedron", *SMALL]
    assert main(["simulate", *bodies, "-o", "a.npy"]) == 0
    assert main(["simulate", *bodies, "-o", "pictures/a_{}.png"]) == 0
    found = open_patterns(name, None)["pattern"].values
    np.testing.assert_allclose(found, np.load("a.npy"), atol=0.5001 / 65535)
    assert told_experiment(name)["dq"] == 0.04


@pytest.mark.parametrize("suffix", [".nc", ".npz"])
def test_files_keep_their_box(suffix):
    line = ["simulate", "cube", "--box", "200", "--size", "50", "--volumes", *SMALL, "-o", f"a{suffix}"]
    assert main(line) == 0
    assert open_patterns(f"a{suffix}", None).attrs["box"] == 200


def test_unmeasured_pixels_do_not_count_in_a_scale():
    counts = np.arange(1, 17, dtype=np.float32).reshape(1, 4, 4) * 1000
    masks = np.ones((1, 4, 4), bool)
    masks[0, 0, :2] = False
    counts[0, 0, :2] = 2**32 - 1, -1
    np.savez("a.npz", pattern=counts, mask=masks)
    args = argparse.Namespace(patterns="a.npz", frames=None, mask=None, log=True)
    found = read_patterns(args)["pattern"].values
    np.testing.assert_array_equal(found[0], LogScaler(mask=masks[0]).transform(counts.clip(0))[0])
    assert found.max() == 1


@pytest.mark.filterwarnings("default")
def test_bodies_that_fill_no_voxel_are_told(capsys):
    Solid.from_catalogue("cube", circumradius=1e-7).to_file("metres.stl")
    assert main(["simulate", "metres.stl", *SMALL, "-o", "a.npy"]) == 0
    assert "nothing is scattered by body 0" in capsys.readouterr().err


def test_jobs_change_nothing():
    bodies = ["cube", "octahedron", "icosahedron", *SMALL]
    assert main(["simulate", *bodies, "-o", "a.npz"]) == 0
    assert main(["simulate", *bodies, "--jobs", "2", "-o", "b.npz"]) == 0
    with open("a.npz", "rb") as one, open("b.npz", "rb") as two:
        assert one.read() == two.read()
