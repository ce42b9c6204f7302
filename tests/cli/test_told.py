"""What files of patterns tell of their experiment, where the command line did not make them."""

from __future__ import annotations

import argparse

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
from scatterkit.cli._options import make_simulator
from scatterkit.cli._told import options_of, told_experiment
from scatterkit.datasets import PublishedGrid
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
