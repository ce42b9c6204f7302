"""What all commands share: parsing, files of settings, exit codes, records."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scatterkit.cli import main
from scatterkit.cli._carried import read_record
from scatterkit.cli._main import COMMANDS
from scatterkit.cli.info import KERNELS
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

SMALL = ("--pixels", "16", "--dq", "0.04", "--grid", "8")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_describes_and_shows_examples(command, capsys):
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:\n  scatterkit " + command in text
    assert "--debug" in text


def test_no_command_is_wrong_usage(capsys):
    assert main([]) == 2
    assert "simulate" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "simulate",
        "simulate cube -o a.npy --no-such-option",
        "simulate cube -o a.npy --dq 0.1 --distance 20",
        "simulate cube -o a.npy --pixel-size 0.1",
        "simulate cube -o a.npy --material Ag --absorption-length 3",
        "simulate cube -o a.npy --density 3",
        "simulate cube -o a.npy --magnify 2",
        "simulate cube -o a.npy --rotate 0 0 1 --random-orientation",
        "simulate cube -o a.npy --volumes",
        "simulate cube -o a.png --scale none",
        "simulate cube -o a.npz --exact --volumes",
        "generate --samples 3 -o a.zarr --bodies halfspaces --classes cube",
        "train set.zarr --wavelength 5 -o a.npz",
        "predict a.npy --bounds -o a.stl",
        "view cube --frames 0 -o a.png",
        "compare a.npy --methods convex convex",
    ],
)
def test_wrong_options_end_with_two(line, here, capsys):
    assert main(line.split()) == 2
    assert "usage: scatterkit" in capsys.readouterr().err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("simulate nobody -o a.npy", "'nobody'"),
        ("simulate missing.stl -o a.npy", "missing.stl"),
        ("simulate cube -o a.txt", "--output must end in .npy"),
        ("simulate cube -o no/such/a.npy", "there is no folder no/such"),
        ("simulate cube --wavelength -1 -o a.npy", "--wavelength must"),
        ("simulate cube ball -o a.png", "a_{}.png"),
        ("fit missing.npy -o a.stl", "missing.npy"),
        ("fit missing.npy -o a.stl --rounds 0", "--rounds must"),
        ("view missing.npy -o a.png", "missing.npy"),
        ("generate --samples 0 -o a.zarr", "--samples must"),
        ("compare missing.npy --methods nobody", "B2-cmaes"),
        ("predict missing.npy --model nobody -o a.stl", "--model must be a model file, or one of"),
        ("simulate cube --size 400 -o a.npy", "BODY must be solids inside the box"),
        ("simulate cube -o a_{}.npy", "leave out {}"),
        ("train missing.zarr -o a.npz", "there is no set or pool missing.zarr"),
    ],
)
def test_failures_are_one_line(line, words, here, capsys):
    assert main([*line.split(), "--quiet"]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert message.startswith(f"scatterkit {line.split()[0]}: error: ")
    assert words in message
    assert list(here.iterdir()) == []


def test_debug_shows_where_it_failed(here):
    with pytest.raises(ValueError, match="nobody"):
        main(["simulate", "nobody", "-o", "a.npy", "--debug"])


def test_nothing_is_replaced_unless_forced(here, capsys):
    (here / "a.npy").write_text("mine")
    (here / "b.npy.json").write_text("mine")
    assert main(["simulate", "cube", *SMALL, "-o", "a.npy"]) == 1
    assert main(["simulate", "cube", *SMALL, "-o", "b.npy"]) == 1
    assert {path.read_text() for path in here.iterdir()} == {"mine"}
    assert "give --force" in capsys.readouterr().err
    assert main(["simulate", "cube", *SMALL, "-o", "a.npy", "--force"]) == 0
    assert np.load("a.npy").shape == (1, 16, 16)


def test_a_config_equals_options_and_the_command_line_wins(here):
    (here / "run.toml").write_text(
        'bodies = ["cube"]\nsize = 60\nrotate = [0.1, 0.2, 0.3]\n'
        "pixels = [16]\ndq = 0.04\ngrid = 8\nrandom-orientation = false\n"
    )
    options = ("cube", "--size", "60", "--rotate", "0.1", "0.2", "0.3", *SMALL)
    assert main(["simulate", *options, "-o", "options.npz"]) == 0
    assert main(["simulate", "--config", "run.toml", "-o", "config.npz"]) == 0
    assert (here / "options.npz").read_bytes() == (here / "config.npz").read_bytes()
    assert main(["simulate", "--config", "run.toml", "--size", "70", "-o", "wins.npz"]) == 0
    assert read_record(here / "wins.npz")["parameters"]["size"] == 70
    assert (here / "wins.npz").read_bytes() != (here / "config.npz").read_bytes()


def test_a_table_of_a_config_is_for_its_command(here):
    (here / "all.toml").write_text(
        '[simulate]\nbodies = ["cube"]\npixels = 16\ngrid = 8\n[fit]\nmodel = "star"\n'
    )
    assert main(["simulate", "--config", "all.toml", "-o", "a.npy"]) == 0
    assert np.load("a.npy").shape == (1, 16, 16)


def test_the_top_of_a_config_is_for_all_commands(here):
    (here / "all.toml").write_text('pixels = 16\ngrid = 8\n[simulate]\nbodies = ["cube"]\ngrid = 12\n')
    assert main(["simulate", "--config", "all.toml", "-o", "a.npz"]) == 0
    parameters = read_record(here / "a.npz")["parameters"]
    assert (parameters["pixels"], parameters["grid"]) == ([16], 12)
    (here / "other.toml").write_text('[fit]\nmodel = "star"\n')
    assert main(["simulate", "cube", "--config", "other.toml", *SMALL, "-o", "b.npz"]) == 0


def test_options_of_a_config_have_the_names_of_the_command_line(here):
    (here / "run.toml").write_text('input = "cube"\nfrom = "beam"\n')
    assert main(["view", "--config", "run.toml", "-o", "a.png"]) == 0
    assert read_record(here / "a.png")["parameters"]["side"] == "beam"
    assert main(["view", "--config", "a.png", "-o", "b.png"]) == 0
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()


@pytest.mark.filterwarnings("default")
def test_an_output_that_is_made_again_of_another_file_is_warned_of(here, capsys):
    Solid.from_catalogue("cube", 60).to_file("body.stl")
    assert main(["simulate", "body.stl", *SMALL, "-o", "a.npy"]) == 0
    assert main(["simulate", "--config", "a.npy.json", "-o", "b.npy"]) == 0
    assert "has changed" not in capsys.readouterr().err
    Solid.from_catalogue("cube", 61).to_file("body.stl")
    assert main(["simulate", "--config", "a.npy.json", "-o", "c.npy"]) == 0
    assert "body.stl has changed since the output was made" in capsys.readouterr().err


def test_a_damaged_output_is_no_config(here, capsys):
    assert main(["simulate", "cube", *SMALL, "-o", "a.npz"]) == 0
    (here / "a.npz").write_bytes((here / "a.npz").read_bytes()[:400])
    assert main(["simulate", "--config", "a.npz", "-o", "b.npz"]) == 2
    assert "--config a.npz: a damaged .npz file" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_what_has_no_record_is_no_config(content, here, capsys):
    (here / "body.stl").mkdir() if content is None else (here / "body.stl").write_bytes(content)
    assert main(["fit", "--config", "body.stl", "-o", "a.stl"]) == 2
    assert "no record of how it was made" in capsys.readouterr().err


def test_a_folder_that_may_not_be_written_to_is_told_before_any_work(here, monkeypatch, capsys):
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write anywhere
    assert main(["simulate", "cube", "-o", "a.npy"]) == 1
    assert "may not be written to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wave_length = 3", "Did you mean wavelength?"),
        ("zzz = 3", "Allowed are absorption, absorption_length"),
        ("size = true", "size"),
        ("size = 'large'", "size"),
        ("rotate = [1, 2]", "3 values"),
        ("volumes = 1", "true or false"),
        ("scale = 'sqrt'", "log, none"),
        ("force = true", "unknown: force"),
        ("this is no TOML", "config"),
    ],
)
def test_wrong_configs_are_told(text, words, here, capsys):
    (here / "run.toml").write_text(text)
    assert main(["simulate", "cube", "--config", "run.toml", "-o", "a.npy"]) == 2
    assert words in capsys.readouterr().err


def test_a_record_of_another_command_is_no_config(here, capsys):
    assert main(["simulate", "cube", *SMALL, "-o", "a.npy"]) == 0
    assert main(["fit", "--config", "a.npy.json", "-o", "b.stl"]) == 2
    assert "not of fit" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".nc", ".png", ".tif"])
def test_the_stored_parameters_give_the_same_output(suffix, here):
    line = ("octahedron", "--random-orientation", "--seed", "7", *SMALL)
    assert main(["simulate", *line, "-o", f"one{suffix}"]) == 0
    assert main(["simulate", "--config", f"one{suffix}", "-o", f"two{suffix}"]) == 0
    one, two = here / f"one{suffix}", here / f"two{suffix}"
    assert read_record(one) == read_record(two)
    assert read_record(one)["parameters"]["seed"] == 7
    if suffix == ".nc":  # HDF5 notes the time
        from scatterkit.datasets import read_netcdf

        assert read_netcdf(one).identical(read_netcdf(two))
    else:
        assert one.read_bytes() == two.read_bytes()


def test_info_is_complete_as_json(capsys):
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["packages"]["numpy"] == np.__version__
    assert set(facts["kernels"]) == set(KERNELS)
    assert facts["processors"]["usable"] >= 1


def test_info_knows_the_kernels_of_the_simulator():
    allowed = MSFTSimulator._constraints["backend"].describe()
    assert all(repr(name) in allowed for name in KERNELS)
    assert len(KERNELS) + 1 == allowed.count("'") // 2  # and "auto"


def test_info_knows_the_trained_networks(capsys):
    from scatterkit.reconstruction import pretrained_names

    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pretrained"] == pretrained_names()


def test_info_in_words(capsys, monkeypatch):
    monkeypatch.setenv("SCATTERKIT_DATA", "no/such/folder")
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("scatterkit    0.")
    assert "no/such/folder (not there)" in text
