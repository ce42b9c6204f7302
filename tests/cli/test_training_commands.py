"""``scatterkit generate``, ``train`` and ``predict``: from random bodies to a network and its answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scatterkit import DatasetGenerator, MSFTSimulator, PhysicsReconstructor, QGrid, Rasterizer, SolidSampler
from scatterkit.cli import main
from scatterkit.cli._carried import read_record
from scatterkit.datasets import BodyPool, open_dataset, read_netcdf

SMALL = ("--pixels", "32", "--dq", "0.02", "--quiet")
SET = ("generate", *SMALL, "--grid", "8", "--block", "4")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


def test_a_set_equals_the_generator_and_grows():
    classes = ["--classes", "cube", "octahedron", "--size", "40", "80", "--seed", "3"]
    assert main([*SET, *classes, "--samples", "4", "-o", "a.zarr"]) == 0
    assert main([*SET, *classes, "--samples", "6", "-o", "a.zarr"]) == 0
    generator = DatasetGenerator(
        SolidSampler(classes=["cube", "octahedron"], size=(40.0, 80.0)),
        Rasterizer(grid=8),
        MSFTSimulator(detector=QGrid(32, dq=0.02)),
        random_state=3,
        shard_size=4,
    )
    generator.generate("b.zarr", 6, verbose=False)
    assert contents("a.zarr") == contents("b.zarr")


def test_another_set_is_replaced_by_force_alone(capsys):
    assert main([*SET, "--samples", "2", "-o", "a.zarr"]) == 0
    assert main([*SET, "--samples", "2", "--seed", "1", "-o", "a.zarr"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main([*SET, "--samples", "2", "--seed", "1", "--force", "-o", "a.zarr"]) == 0
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work")
    assert main([*SET, "--samples", "2", "--force", "-o", "mine"]) == 1
    assert Path("mine/thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    "wrong", [["--classes", "nobody"], ["--samples", "0"], ["--block", "0"], ["--grid", "0"]]
)
def test_a_set_stays_where_nothing_comes_of_the_new_one(wrong):
    assert main([*SET, "--samples", "2", "-o", "a.zarr"]) == 0
    before = contents("a.zarr")
    assert main([*SET, "--samples", "2", "--force", *wrong, "-o", "a.zarr"]) == 1
    assert contents("a.zarr") == before
    assert {path.name for path in Path().iterdir()} == {"a.zarr", "a.zarr.json"}


def test_ctrl_c_before_anything_is_finished_leaves_the_old_pool(monkeypatch, capsys):
    line = ["generate", *SMALL, "--pool", "--bodies", "halfspaces", "--samples", "2", "-o", "pool"]
    assert main(line) == 0
    before = contents("pool")

    def interrupted(*_, **__):
        Path("pool").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr("scatterkit.datasets.make_pool", interrupted)
    assert main([*line, "--force"]) == 130
    assert "pool is as it was" in capsys.readouterr().err
    assert contents("pool") == before


def test_ctrl_c_says_how_to_go_on(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(DatasetGenerator, "generate", interrupted)
    assert main([*SET, "--samples", "2", "-o", "a.zarr"]) == 130
    assert "same command again" in capsys.readouterr().err


def test_the_record_beside_a_set_makes_it_once_more():
    assert main([*SET, "--samples", "2", "--seed", "5", "-o", "a.zarr"]) == 0
    assert main(["generate", "--config", "a.zarr", "--quiet", "-o", "b.zarr"]) == 0
    assert contents("a.zarr") == contents("b.zarr")


def test_a_pool():
    line = ["generate", *SMALL, "--pool", "--bodies", "halfspaces", "--samples", "5"]
    assert main([*line, "-o", "pool"]) == 0
    pool = BodyPool("pool")
    assert pool.shape == (32, 32)
    assert pool.n_drawn == 5


def test_the_box_scales_the_sizes():
    assert main([*SET, "--box", "100", "--samples", "3", "-o", "a.zarr"]) == 0
    assert open_dataset("a.zarr")["size"].values.max() < 50


@pytest.mark.slow
def test_train_and_predict(capsys):
    assert main([*SET, "--samples", "8", "-o", "a.zarr"]) == 0
    line = ["train", "a.zarr", "--steps", "4", "--batch-size", "4", "--validation", "2", "--quiet"]
    assert main([*line, "-o", "model.npz", "--curve", "curve.png"]) == 0
    assert not Path("model.checkpoint").exists()
    network = PhysicsReconstructor.load("model.npz")
    assert network.n_steps_ == 4
    assert network.grid == 8
    assert read_record(Path("model.npz.json"))["parameters"]["validation"] == 2
    assert main(["train", "--config", "model.npz", "--steps", "1", "--quiet", "-o", "again.npz"]) == 0
    assert PhysicsReconstructor.load("again.npz").grid == 8
    data = open_dataset("a.zarr").load()
    X = data["pattern"].values[:2]
    assert (
        main(["predict", "a.zarr", "--frames", "0", "1", "--model", "model.npz", "--quiet", "-o", "a.nc"])
        == 0
    )
    np.testing.assert_allclose(read_netcdf("a.nc")["volume"].values, network.predict(X), atol=1e-6)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["pattern 0", "pattern 1"]
    again = ["--config", "a.nc", "--refine", "2", "--quiet", "-o", "b_{}.stl", "--figure", "b_{}.png"]
    assert main(["predict", *again]) == 0
    assert {path.name for path in Path().glob("b_*.*g")} == {"b_0.png", "b_1.png"}
    assert Path("b_1.stl").stat().st_size > 84


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on(monkeypatch, capsys):
    assert main([*SET, "--samples", "8", "-o", "a.zarr"]) == 0
    line = ["train", "a.zarr", "--steps", "20", "--batch-size", "4", "--quiet"]
    assert main([*line, "-o", "whole.npz"]) == 0
    from scatterkit.reconstruction.training._training import Training

    looked_at = Training._looked_at

    def stop(self, state, step, *others):
        found = looked_at(self, state, step, *others)
        if step == 10:
            raise KeyboardInterrupt
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_looked_at", stop)
        assert main([*line, "-o", "cut.npz"]) == 130
    assert "cut.checkpoint has a checkpoint" in capsys.readouterr().err
    assert not Path("cut.npz").exists()
    assert main([*line, "-o", "cut.npz"]) == 0
    whole, cut = (PhysicsReconstructor.load(name).weights_ for name in ("whole.npz", "cut.npz"))
    np.testing.assert_array_equal(whole, cut)


@pytest.mark.slow
def test_a_pool_and_endless_bodies_train_too():
    line = ["--steps", "2", "--batch-size", "4", "--quiet"]
    assert main(["generate", *SMALL, "--pool", "--bodies", "halfspaces", "--samples", "8", "-o", "pool"]) == 0
    assert main(["train", "pool", *line, "--loss", "surface", "-o", "a.npz"]) == 0
    assert main(["train", *line, *SMALL, "--loss", "surface", "--grid", "16", "-o", "b.npz"]) == 0
    assert PhysicsReconstructor.load("b.npz").simulator.detector.dq == 0.02
