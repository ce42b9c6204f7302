"""The adviser against Mie's exact solution at cases that were not tabulated, and what it says in words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mie_spheres import (
    SILVER,
    WAVENUMBER,
    agreement,
    angles_of,
    fringe_mean,
    mie_amplitudes,
    mie_cross_section,
    simulated_cross_section,
    sphere,
    unpolarised,
)

from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTSimulator, advise
from scatterkit.simulation.adviser import PROPAGATIONS, _table


def measured_error(index, radius, grid, propagation):
    """As the tables were measured, up to 70 degrees."""
    detector = QGrid(96, WAVENUMBER / 48)
    angles = angles_of(detector)
    floor = 0.05 * fringe_mean(index, radius, angles)
    found = simulated_cross_section(index, sphere(radius, grid), detector, propagation=propagation) + floor
    across = np.abs(mie_amplitudes(index, radius, angles)[0]) ** 2 / WAVENUMBER**2 + floor / unpolarised(
        angles
    )
    pairs = (found, mie_cross_section(index, radius, angles) + floor), (found / unpolarised(angles), across)
    return max(agreement(*pair, angles, (0, 70)).rms for pair in pairs)


@pytest.mark.parametrize(
    ("index", "radius", "grid"),
    [(0.93 + 0.03j, 70.0, 96), (0.98 + 0.004j, 110.0, 64), (1.015 + 0.05j, 50.0, 96)],
)
def test_expected_errors_are_those_measured_between_the_tabulated_cases(index, radius, grid):
    advice = advise(index, 2 * radius, grid=grid)
    for mode in ("msft", "pmsft", "wide"):
        error = measured_error(index, radius, grid, mode)
        assert advice[mode].error / 3 < error < 2 * advice[mode].error


@pytest.mark.parametrize("table", ["physics", "grid"])
def test_tables_are_complete(table):
    errors = _table(table).errors
    assert errors.shape[-2:] == (len(PROPAGATIONS), 4)
    assert np.all(np.isfinite(errors))
    assert np.all(errors >= 0)


def test_tabulated_case_is_given_back():
    table = _table("physics")
    size, delta, beta = (axis[2] for axis in table.axes)
    found = table.at((size, delta, beta), 40.0)
    np.testing.assert_allclose(found, table.errors[2, 2, 2, :, 1])


def test_silver_needs_propagation():
    advice = advise(SILVER, 200, grid=192, propagation="msft")
    assert advice["pmsft"].holds
    assert advice["wide"].holds
    assert not advice["msft"].holds
    assert advice.recommended == "pmsft"
    assert advice.warnings[0].startswith("'msft' fails by the approximation")


def test_every_exact_mode_holds_for_weak_scattering():
    advice = advise(1 - 1e-6, 60, grid=192)
    assert [mode.propagation for mode in advice.modes if mode.holds] == ["born", "msft", "pmsft", "wide"]
    assert advice.recommended == "born"
    assert advise(1 - 1e-6, 60, grid=192, max_angle=math.radians(10))["hare"].holds


def test_coarse_grid_is_told_from_a_bad_approximation():
    coarse = advise(SILVER, 200, grid=40, propagation="pmsft")
    assert "'pmsft' fails by the grid" in str(coarse)
    assert "do not sample waves at 70 degrees" in str(coarse)
    assert coarse.recommended_grid > 64
    assert advise(SILVER, 200, grid=coarse.recommended_grid)["pmsft"].holds


def test_a_mode_is_called_closer_only_if_it_is():
    advice = advise(1.01, 21.5, propagation="pmsft")
    assert advice[advice.recommended].error > advice["pmsft"].error
    assert [w.rpartition("; ")[2] for w in advice.warnings if "fails" in w] == ["a finer grid is needed"]
    assert "; 'pmsft' is closer" in str(advise(SILVER, 200, grid=192, propagation="msft"))
    assert "a finer grid is needed" in str(advise(SILVER, 200, grid=40, propagation="pmsft"))


def test_small_angles_ask_for_less():
    small, large = (advise(SILVER, 200, max_angle=math.radians(a)) for a in (15, 70))
    assert small.recommended_grid < large.recommended_grid
    assert small["pmsft"].error < large["pmsft"].error


@pytest.mark.parametrize(("index", "size"), [(0.6 + 0.1j, 100), (0.9, 2000), (0.9, 5), (0.95 + 0.3j, 100)])
def test_says_what_was_not_measured(index, size):
    advice = advise(index, size, box=3000.0)
    assert advice.modes == ()
    assert advice.recommended is advice.recommended_grid is None
    assert "outside what was measured" in advice.warnings[-1]
    with pytest.raises(KeyError):
        advice["msft"]


def test_voxels_beyond_any_measured_have_no_error():
    advice = advise(SILVER, 200, grid=16, propagation="wide")
    assert math.isnan(advice["wide"].error)
    assert not advice["wide"].holds
    assert "unknown error" in str(advice)


def test_warns_of_a_body_larger_than_the_box():
    assert "larger than the box" in str(advise(SILVER, 400))


def test_prints_every_mode_and_the_recommendation():
    text = str(advise(SILVER, 200, grid=192))
    for mode in PROPAGATIONS:
        assert f"  {mode}" in text
    assert "recommended: propagation='pmsft', grid=" in text


def test_simulator_advises_about_itself():
    simulator = MSFTSimulator(
        absorption="index", refractive_index=SILVER, propagation="hare", detector=QGrid(32, WAVENUMBER / 20)
    )
    advice = simulator.advise(150.0, grid=128)
    expected = advise(
        SILVER, 150.0, grid=128, propagation="hare", max_angle=advice_angle(simulator), wavelength=13.5
    )
    assert advice == expected
    assert any("'hare' fails" in warning for warning in advice.warnings)
    small = simulator.advise(150.0, grid=128, max_angle=0.2)
    assert small["hare"].holds


def advice_angle(simulator):
    """Corner of the detector, or 85 degrees."""
    corner = math.hypot(16, 16) / 20
    return math.asin(min(corner, math.sin(math.radians(85))))


def test_published_rule_needs_the_materials_index():
    with pytest.raises(ValueError, match=r"'refractive_index' parameter of advise must be a complex number"):
        MSFTSimulator().advise(100.0)
    assert MSFTSimulator().advise(100.0, refractive_index=SILVER).recommended is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("refractive_index", 1),
        ("refractive_index", 0.9 - 0.1j),
        ("size", 0),
        ("wavelength", -1),
        ("max_angle", 2.0),
        ("grid", 0),
        ("box", math.inf),
        ("propagation", "saxs"),
        ("tolerance", 0),
    ],
)
def test_arguments_are_checked(name, value):
    arguments = {"refractive_index": SILVER, "size": 100.0, name: value}
    with pytest.raises(ValueError, match=f"'{name}' parameter of advise must be"):
        advise(**arguments)
