"""Named absorption conventions and the physical scale."""

from __future__ import annotations

import numpy as np
import pytest

from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTSimulator, PolychromaticSimulator

SILVER = 0.89 + 0.0859j
WAVENUMBER = 2 * np.pi / 13.5


def slab(n_filled, n=16):
    volume = np.zeros((1, n, n, n), dtype=np.float32)
    volume[:, 3 : 3 + n_filled, 4:12, 4:12] = 1
    return volume


def forward(n_filled, **parameters):
    """Field of a slab in the direction of the beam, in units of its area times one slice."""
    detector = QGrid(n_pixels=3, dq=1e-3)
    E = MSFTSimulator(box=80.0, detector=detector, voxel_response="point", **parameters).field(slab(n_filled))
    return complex(E[0, 1, 1]) / 64 / (5.0 / (318.75 / 64)) ** 3


@pytest.mark.parametrize(
    ("parameters", "gamma"),
    [
        ({"absorption_length": 8.0}, 1 / 8),
        ({"absorption_length": 8.0, "absorption": "intensity"}, 1 / 16),
        ({"absorption": "index", "refractive_index": SILVER}, -1j * WAVENUMBER * (SILVER - 1)),
        ({"absorption": "index", "refractive_index": 0.95}, -1j * WAVENUMBER * (-0.05)),
    ],
)
def test_forward_field_of_a_slab(parameters, gamma):
    # In the direction of the beam all slices add up in phase: (1 - exp(-gamma d)) / gamma.
    d = 7 * 5.0
    assert forward(7, **parameters) == pytest.approx((1 - np.exp(-gamma * d)) / gamma / 5.0, rel=1e-5)


def test_published_length_is_silvers_intensity_length():
    assert 1 / (2 * WAVENUMBER * SILVER.imag) == pytest.approx(12.5, rel=1e-3)


def test_intensity_length_is_half_the_field_length():
    volume = slab(6)
    half = MSFTSimulator(absorption_length=10.0, absorption="intensity").field(volume)
    np.testing.assert_array_equal(half, MSFTSimulator(absorption_length=20.0).field(volume))


def test_real_index_has_no_absorption():
    # |1 - exp(-gamma d)| = 2 sin(k delta d / 2)
    step = WAVENUMBER * 0.05 * 35.0
    expected = 2 * np.sin(step / 2) / (WAVENUMBER * 0.05) / 5.0
    assert abs(forward(7, absorption="index", refractive_index=0.95)) == pytest.approx(expected, rel=1e-5)


def test_born_cross_section_of_a_small_body():
    """In the direction of the beam it is (k^2 / 2 pi)^2 |n - 1|^2 V^2."""
    detector = QGrid(n_pixels=1, dq=1e-3)
    n = 1 - 1e-4 + 2e-4j
    simulator = MSFTSimulator(
        box=80.0, detector=detector, absorption="index", refractive_index=n, propagation="born"
    )
    volume = 7 * 8 * 8 * 5.0**3
    expected = (WAVENUMBER**2 / (2 * np.pi) * abs(n - 1) * volume) ** 2
    assert simulator.differential_cross_section(slab(7))[0, 0, 0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [lambda simulator: simulator, PolychromaticSimulator])
def test_no_cross_section_without_a_length_or_an_index(kind):
    simulator = kind(MSFTSimulator(absorption_length=np.inf, detector=QGrid(4, dq=0.02)))
    assert simulator.transform(slab(7)).any()  # in units of its own, it has a pattern
    with pytest.raises(
        ValueError, match="'absorption_length' parameter of MSFTSimulator must be finite for a cross"
    ):
        simulator.differential_cross_section(slab(7))


@pytest.mark.parametrize("propagation", ["msft", "pmsft", "hare"])
def test_weak_scattering_is_borns(propagation):
    detector = QGrid(n_pixels=12, dq=0.05)
    born = MSFTSimulator(box=80.0, detector=detector, propagation="born").field(slab(7))
    weak = MSFTSimulator(
        box=80.0,
        detector=detector,
        propagation=propagation,
        absorption="index",
        refractive_index=1 - 1e-6 + 1e-6j,
    )
    # The paraxial mode puts waves at large angles elsewhere: compare near the beam.
    middle = np.s_[:, 5:8, 5:8]
    np.testing.assert_allclose(weak.field(slab(7))[middle], born[middle], rtol=5e-3)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"refractive_index": SILVER}, "refractive_index"),
        ({"absorption": "index"}, "refractive_index"),
        ({"absorption": "index", "refractive_index": 1.0}, "refractive_index"),
        ({"absorption": "index", "refractive_index": 0.9 - 0.1j}, "refractive_index"),
        ({"absorption": "index", "refractive_index": "silver"}, "refractive_index"),
        ({"absorption": "amplitude"}, "absorption"),
        ({"propagation": "mie"}, "propagation"),
    ],
)
def test_bad_parameters(parameters, name):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MSFTSimulator"):
        MSFTSimulator(**parameters).transform(slab(2))
