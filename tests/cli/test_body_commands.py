"""``scatterkit fit``, ``view`` and ``compare``: bodies of patterns, and pictures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scatterkit import ForwardFitter, MSFTSimulator, PhysicsReconstructor, QGrid, Solid
from scatterkit.cli import main
from scatterkit.cli._carried import read_record
from scatterkit.cli.view import bodies_of
from scatterkit.datasets import read_netcdf

GRID = ("--pixels", "32", "--dq", "0.02")
QUICK = (*GRID, "--model", "cube", "--rounds", "1", "--starts", "4", "--steps", "24", "--max-shift", "0")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cubes():
    """Patterns of two cubes, as a file of the command line."""
    line = [
        "cube",
        "cube",
        "--size",
        "50",
        "--random-orientation",
        "--exact",
        *GRID,
        "--quiet",
        "-o",
        "cubes.npz",
    ]
    assert main(["simulate", *line]) == 0
    with np.load("cubes.npz") as arrays:
        return arrays["pattern"]


def test_a_fit_equals_the_fitter(cubes, capsys):
    assert (
        main(["fit", "cubes.npz", "--frames", "1", *QUICK, "-o", "a.nc", "--report", "a.txt", "--quiet"]) == 0
    )
    fitter = ForwardFitter(
        "cube",
        MSFTSimulator(detector=QGrid(32, dq=0.02)),
        n_rounds=1,
        n_starts=4,
        n_steps=24,
        max_shift=0,
        random_state=0,
    )
    volumes = fitter.fit(cubes[1:]).predict(cubes[1:])
    data = read_netcdf("a.nc")
    np.testing.assert_allclose(data["volume"].values, volumes, atol=1e-6)
    np.testing.assert_array_equal(data["pattern"].values, cubes[1:])
    assert data.attrs["dq"] == 0.02
    assert data["residual"].values == pytest.approx(fitter.residuals_)
    assert "Lit facets" in Path("a.txt").read_text()
    assert capsys.readouterr().out == f"pattern 1: residual {fitter.residuals_[0]:.3g}\n"


def test_several_bodies_go_into_several_files(cubes, capsys):
    line = ["fit", "cubes.npz", *QUICK, "--quiet"]
    assert main([*line, "-o", "a.stl"]) == 1
    assert "a_{}.stl" in capsys.readouterr().err
    assert main([*line, "-o", "a_{}.stl", "--figure", "f_{}.png"]) == 0
    for number in range(2):
        edge = 2 * 50 / 3**0.5
        assert Solid.from_file(f"a_{number}.stl").volume == pytest.approx(edge**3, rel=0.02)
        assert read_record(Path(f"a_{number}.stl"))["components"]["fitter"]["parameters"]["n_starts"] == 4
        with Image.open(f"f_{number}.png") as picture:
            assert min(picture.size) > 500
    assert main([*line, "-o", "a_{}.stl"]) == 1
    assert "a_0.stl exists" in capsys.readouterr().err


def test_a_mask_hides_what_was_not_measured(cubes):
    mask = np.ones((32, 32), bool)
    mask[:, :16] = False
    np.save("mask.npy", mask)
    spoilt = cubes[:1].copy()
    spoilt[:, :, :16] = 0.7
    np.save("spoilt.npy", spoilt)
    assert main(["fit", "spoilt.npy", "--mask", "mask.npy", *QUICK, "--quiet", "-o", "a.nc"]) == 0
    data = read_netcdf("a.nc")
    np.testing.assert_array_equal(data["mask"].values[0], mask)
    assert data["residual"].values[0] < 1e-3


def test_the_file_of_patterns_tells_the_experiment(cubes, capsys):
    own = QUICK[len(GRID) :]
    assert main(["fit", "cubes.npz", "--frames", "1", *QUICK, "--quiet", "-o", "a.nc"]) == 0
    assert main(["fit", "cubes.npz", "--frames", "1", *own, "-o", "b.nc"]) == 0
    told = capsys.readouterr()
    assert "as cubes.npz tells: --dq 0.02 --pixels 32" in told.err
    one, two = (read_netcdf(name) for name in ("a.nc", "b.nc"))
    assert one.identical(two)  # their records too
    assert list(one["number_read"].values) == [1]


@pytest.mark.filterwarnings("default")
def test_another_experiment_than_the_file_tells_is_warned_of(cubes, capsys):
    line = ["fit", "cubes.npz", "--frames", "0", "--dq", "0.021", *QUICK[len(GRID) :], "--quiet"]
    assert main([*line, "-o", "a.stl"]) == 0
    assert "tells dq 0.02 rad/nm, but the experiment has 0.021 rad/nm" in capsys.readouterr().err
    assert main(["predict", "cubes.npz", "--frames", "0", "-o", "b.stl"]) == 1
    told = capsys.readouterr().err
    assert "the network has 0.007392 rad/nm" in told
    assert "PATTERNS must be" in told


def test_results_have_the_numbers_of_frames(cubes):
    assert main(["fit", "cubes.npz", "--frames", "1", *QUICK, "--quiet", "-o", "a_{}.stl"]) == 0
    assert [path.name for path in Path().glob("a_*.stl")] == ["a_1.stl"]


def test_files_of_other_frames_are_not_in_the_way(cubes, capsys):
    line = ["fit", "cubes.npz", *QUICK, "--quiet", "-o", "a_{}.stl"]
    assert main([*line, "--frames", "1"]) == 0
    assert main([*line, "--frames", "0"]) == 0
    assert main([*line, "--frames", "1"]) == 1
    assert "a_1.stl exists" in capsys.readouterr().err


def test_finished_bodies_are_written_whatever_came_meanwhile(cubes, monkeypatch):
    fit = ForwardFitter.fit

    def slow(self, *given, **options):
        Path("a.stl").write_text("of another run")
        return fit(self, *given, **options)

    monkeypatch.setattr(ForwardFitter, "fit", slow)
    assert main(["fit", "cubes.npz", "--frames", "1", *QUICK, "--quiet", "-o", "a.stl"]) == 0
    assert Solid.from_file("a.stl").volume > 0


def test_no_body_of_any_pattern_is_told(cubes, monkeypatch, capsys):
    network = PhysicsReconstructor(MSFTSimulator(detector=QGrid(32, dq=0.02)))
    monkeypatch.setattr("scatterkit.cli.predict.load_network", lambda _: network)
    monkeypatch.setattr(network, "predict_solids", lambda X, mask: [None] * len(X), raising=False)
    assert main(["predict", "cubes.npz", "--quiet", "-o", "a.nc"]) == 1
    assert "no body was made of any pattern" in capsys.readouterr().err


def test_intensities_are_told(cubes, capsys):
    np.save("counts.npy", np.expm1(cubes * 12))
    assert main(["fit", "counts.npy", *QUICK, "-o", "a_{}.stl"]) == 1
    assert "give --log if they are intensities" in capsys.readouterr().err
    assert main(["fit", "counts.npy", "--log", "--frames", "0", *QUICK, "--quiet", "-o", "a.stl"]) == 0


def test_ctrl_c_keeps_the_best_body_so_far(cubes, monkeypatch, capsys):
    fit = ForwardFitter.fit

    def interrupted(self, X, **options):
        fit(self, X[:1], mask=None)
        raise KeyboardInterrupt

    monkeypatch.setattr(ForwardFitter, "fit", interrupted)
    assert main(["fit", "cubes.npz", *QUICK, "--quiet", "-o", "a.nc"]) == 130
    data = read_netcdf("a.nc")
    assert data.sizes["sample"] == 1
    assert json.loads(data.attrs["scatterkit_record"])["stopped"]
    assert "best bodies so far were written to a.nc" in capsys.readouterr().err


def test_ctrl_c_before_any_body_writes_nothing(cubes, monkeypatch, capsys):
    def interrupted(self, X, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(ForwardFitter, "fit", interrupted)
    assert main(["fit", "cubes.npz", *QUICK, "--quiet", "-o", "a.nc"]) == 130
    assert not Path("a.nc").exists()
    assert "nothing was written" in capsys.readouterr().err


def is_drawn(path: str) -> bool:
    with Image.open(path) as picture:
        colors = picture.convert("RGB").getcolors(maxcolors=2**20)
    return len(colors) > 50


def test_pictures_of_everything():
    line = ["cube", "--size", "60", "--volumes", "--grid", "16", *GRID, "--quiet"]
    assert main(["simulate", *line, "-o", "set.nc"]) == 0
    np.save("volumes.npy", read_netcdf("set.nc")["volume"].values)
    Solid.from_catalogue("cube", circumradius=60).to_file("body.stl")
    views = {
        "a": ["body.stl"],
        "b": ["icosahedron", "--from", "beam", "--title", "a body"],
        "c": ["set.nc"],
        "d": ["set.nc", "--what", "pattern"],
        "e": ["set.nc", "--what", "body"],
        "f": ["volumes.npy", "--box", "318.75"],
    }
    for name, view in views.items():
        assert main(["view", *view, "--quiet", "-o", f"{name}.png"]) == 0
        assert is_drawn(f"{name}.png")
        assert read_record(Path(f"{name}.png"))["parameters"]["input"] == view[0]


def test_a_page_of_a_body():
    assert main(["view", "icosahedron", "--quiet", "-o", "body.html"]) == 0
    assert "Cut along the beam" in Path("body.html").read_text(encoding="utf-8")
    assert read_record(Path("body.html"))["command"] == "view"


def test_bodies_are_drawn_in_their_box_by_their_numbers():
    line = ["cube", "octahedron", "cube", "--box", "200", "--size", "60", "--absorption-length", "30"]
    assert main(["simulate", *line, "--volumes", "--grid", "16", *GRID, "--quiet", "-o", "set.npz"]) == 0
    args = argparse.Namespace(input="set.npz", what="body", frames=[2, 1], box=None, seed=0)
    bodies = bodies_of(args)
    assert bodies.names == ["body 2", "body 1"]
    assert np.ptp(bodies.solids[0].bounds, axis=0) == pytest.approx(2 * 60 / 3**0.5, rel=0.1)
    assert bodies.absorption_length == pytest.approx(30)


def test_a_mesh_without_a_record_is_of_no_known_material():
    Solid.from_catalogue("cube", circumradius=60).to_file("body.stl")
    args = argparse.Namespace(input="body.stl", what="auto", frames=None, box=None, seed=0)
    assert bodies_of(args).absorption_length is None


def test_a_page_shows_one_body(capsys):
    assert main(["simulate", "cube", *GRID, "--quiet", "-o", "set.nc"]) == 0
    assert main(["view", "set.nc", "--quiet", "-o", "set.html"]) == 1
    assert "one body" in capsys.readouterr().err


def test_a_comparison(cubes, capsys):
    line = ["compare", "cubes.npz", "--methods", "cube", "B3-multistart", *GRID, "--budget", "1"]
    assert main([*line, "--frames", "0", "--html", "page.html", "-o", "found", "--quiet"]) == 0
    text = capsys.readouterr().out
    assert "cube" in text
    assert "B3-multistart" in text
    from scatterkit.comparison import Comparison

    found = Comparison.load("found")
    assert found.methods == ["cube", "B3-multistart"]
    assert text == found.table() + "\n"
    assert found.dataset["residual"].values.max() < 0.05
    assert read_record(Path("found"))["parameters"]["budget"] == 1
    assert "B3-multistart" in Path("page.html").read_text(encoding="utf-8")


def test_a_comparison_goes_on(cubes, monkeypatch, capsys):
    line = [
        "compare",
        "cubes.npz",
        "--methods",
        "B3-multistart",
        *GRID,
        "--budget",
        "1",
        "--results",
        "parts",
    ]

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("scatterkit.fitting.MultiStartFitter._fit_one", interrupted)
        assert main([*line, "--quiet"]) == 130
    assert "same command again" in capsys.readouterr().err
    assert main([*line, "--quiet"]) == 0
    before = capsys.readouterr().out
    assert "B3-multistart" in before
    assert main([*line, "--quiet"]) == 0
    assert capsys.readouterr().out == before  # seconds included: nothing was run again


@pytest.mark.filterwarnings("default")
def test_networks_are_judged_in_the_experiment_that_was_told(cubes, monkeypatch, capsys):
    network = PhysicsReconstructor(MSFTSimulator(detector=QGrid(32, dq=0.02)))
    taken = {}

    def compare(methods, *_, simulator, **__):
        taken.update(methods, judge=simulator)
        raise KeyboardInterrupt

    monkeypatch.setattr("scatterkit.cli.compare.make_method", lambda name, *_: network)
    monkeypatch.setattr("scatterkit.comparison.compare", compare)
    assert main(["compare", "cubes.npz", "--methods", "net", "--box", "200"]) == 130
    assert "the experiment has box 200 nm, but net has 318.8 nm" in capsys.readouterr().err
    assert (taken["judge"].box, taken["judge"].detector.dq) == (200, 0.02)
    np.save("cubes.npy", cubes)
    network.set_params(simulator__wavelength=10.0)
    assert main(["compare", "cubes.npy", "--methods", "net"]) == 130
    assert taken["judge"].wavelength == 10


def test_only_a_comparison_is_replaced_by_force(cubes, capsys):
    line = ["compare", "cubes.npz", "--methods", "cube", *GRID, "--quiet", "--force", "-o", "mine"]
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work")
    assert main(line) == 1
    assert "mine is none" in capsys.readouterr().err
    assert Path("mine/thesis.txt").exists()
    for results in ("found", "found/parts"):
        assert main([*line[:-1], "found", "--results", results]) == 2
        assert "--results must lie outside" in capsys.readouterr().err
