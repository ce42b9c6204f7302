"""What files of patterns tell of their experiment, where the command line did not make them."""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pytest

from scatterkit import (
    DatasetGenerator,
    FlatDetector,
    MSFTSimulator,
    PolychromaticSimulator,
    PolyhedronSimulator,
    QGrid,
    Rasterizer,
)
from scatterkit.cli._inputs import read_patterns
from scatterkit.cli._options import EXPERIMENT_OPTIONS, make_simulator
from scatterkit.cli._told import adopt_experiment, options_of, told_experiment, warn_of_another
from scatterkit.datasets import PublishedGrid, make_dataset
from scatterkit.solids import SolidSampler


@pytest.mark.parametrize(
    "simulator",
    [
        MSFTSimulator(),
        MSFTSimulator(wavelength=10.0, absorption_length=20.0, box=200.0, propagation="pmsft"),
        MSFTSimulator(absorption="intensity", detector=QGrid((32, 48), dq=0.01)),
        MSFTSimulator(detector=QGrid([32, 48])),
        MSFTSimulator(detector=FlatDetector(64, pixel_size=0.2, distance=50.0)),
    ],
)
def test_options_make_the_simulator_again(simulator):
    options = options_of(simulator)
    made = make_simulator(argparse.Namespace(**options))
    for name in ("wavelength", "absorption_length", "box", "absorption", "propagation"):
        assert getattr(made, name) == getattr(simulator, name)
    detector = QGrid() if simulator.detector is None else simulator.detector
    assert type(made.detector) is type(detector)
    assert made.detector.shape == detector.shape
    np.testing.assert_array_equal(made.detector.directions(0.5), detector.directions(0.5))


@pytest.mark.parametrize(
    "simulator",
    [
        MSFTSimulator(absorption="index", refractive_index=0.99 + 0.01j),
        MSFTSimulator(detector=FlatDetector(32, tilt=(0.1, 0.0))),
        MSFTSimulator(detector=FlatDetector(32, center=np.array([8.0, 9.0]))),
        MSFTSimulator(detector=PublishedGrid()),
        PolyhedronSimulator(),
        PolychromaticSimulator(),
    ],
)
def test_what_no_option_says_is_not_told(simulator):
    assert options_of(simulator) is None


def test_a_set_of_the_generator_tells_its_experiment(tmp_path):
    simulator = MSFTSimulator(wavelength=10.0, box=200.0, detector=QGrid(16, dq=0.02))
    sampler = SolidSampler(classes=["cube"], size=(30, 40), box=200.0)
    generator = DatasetGenerator(sampler, rasterizer=Rasterizer(grid=16, box=200.0), simulator=simulator)
    generator.generate(tmp_path / "cubes.zarr", 2, verbose=False)
    told = told_experiment(str(tmp_path / "cubes.zarr"))
    assert told is not None
    assert {name: told[name] for name in ("wavelength", "box", "dq", "pixels", "distance")} == {
        "wavelength": 10.0,
        "box": 200.0,
        "dq": 0.02,
        "pixels": [16],
        "distance": None,
    }
    args = argparse.Namespace(patterns=str(tmp_path / "cubes.zarr"), frames=[1], mask=None, log=False)
    assert "volume" not in read_patterns(args)  # which may be larger than memory
    assert read_patterns(args, volumes=True)["volume"].shape == (1, 16, 16, 16)


def options(patterns):
    return argparse.Namespace(patterns=str(patterns), quiet=True, **dict.fromkeys(EXPERIMENT_OPTIONS))


def test_a_set_whose_experiment_no_option_says_is_warned_of(tmp_path):
    simulator = MSFTSimulator(absorption="index", refractive_index=0.99 + 0.01j, detector=QGrid(16, dq=0.02))
    generator = DatasetGenerator(SolidSampler(classes=["cube"]), Rasterizer(grid=16), simulator)
    generator.generate(tmp_path / "cubes.zarr", 1, verbose=False)
    with pytest.warns(UserWarning, match=r"(?s)made by MSFTSimulator\(.*index.*Give --material"):
        assert not adopt_experiment(options(tmp_path / "cubes.zarr"))


@pytest.mark.parametrize(
    ("simulator", "words"),
    [
        (MSFTSimulator(detector=FlatDetector(64, pixel_size=0.5, distance=20.0)), None),
        (MSFTSimulator(detector=FlatDetector(64, pixel_size=0.5, distance=30.0)), "tells dq 0.01"),
        (MSFTSimulator(detector=QGrid(64, dq=0.0115885)), "tells dq at the rim"),
        (
            MSFTSimulator(wavelength=13.0, detector=FlatDetector(64, distance=20.0)),
            "tells wavelength 13.5 nm",
        ),
    ],
)
def test_other_pixels_of_a_flat_detector_are_warned_of(simulator, words):
    attrs = {"wavelength": 13.5, "distance": 20.0, "pixel_size": 0.5}
    data = make_dataset(np.zeros((1, 64, 64)), attrs=attrs)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warn_of_another(options("run.cxi"), data, simulator, "the network")
    assert not told if words is None else any(words in str(one.message) for one in told)
