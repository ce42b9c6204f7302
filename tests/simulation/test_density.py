"""Volumes of several densities: occupancies are densities relative to the densest material.

Where there is absorption that takes self_absorption="exact", for "shares" takes occupancies for parts of a column.
"""

from __future__ import annotations

import numpy as np
import pytest
from simulation_bodies import BOX, sphere_volume

from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.plan import PUBLISHED_VOXEL


def sphere_field(q, radius):
    """Fourier transform of a ball of density 1, in published voxels."""
    x = q * radius
    form = 3 * (np.sin(x) - x * np.cos(x)) / np.maximum(x, 1e-9) ** 3
    return 4 / 3 * np.pi * radius**3 / PUBLISHED_VOXEL**3 * np.where(x > 1e-3, form, 1)


@pytest.mark.parametrize("detector", [QGrid(41, 0.005), FlatDetector(41, 0.2, 20.0, tilt=(0.2, 0.1))])
def test_core_and_shell_in_the_born_limit(detector):
    shell, core = 0.35, 1.0
    outer, inner = 90.0, 55.0
    volumes = shell * sphere_volume(64, outer) + (core - shell) * sphere_volume(64, inner)
    simulator = MSFTSimulator(propagation="born", detector=detector)
    E = simulator.field(volumes)[0]
    plan = simulator.plan((64, 64, 64))
    q = np.sqrt(plan.q_y**2 + plan.q_x**2 + plan.q_z**2)
    expected = shell * sphere_field(q, outer) + (core - shell) * sphere_field(q, inner)
    assert np.abs(E - expected).max() < 1e-3 * expected.max()
    assert np.abs(sphere_field(q, outer) - expected).max() > 0.1 * expected.max()  # the core is seen


@pytest.mark.parametrize("n", [8, 48])
@pytest.mark.parametrize("gamma", [1 / 12.5, 1 / 40.0 + 0.02j])
def test_layers_of_several_densities_absorb_as_columns(n, gamma):
    # forward field of a column: its whole area times the integral of rho exp(-gamma depth), in closed form
    densities = np.array([0.2, 0.9, 0.5, 0.0])
    volumes = np.zeros((1, n, 4, 4), dtype=np.float32)
    volumes[0, :, 1:3, 1:3] = np.repeat(densities, n // 4)[:, None, None]
    n_index = 1 + 1j * gamma * 13.5 / (2 * np.pi)
    simulator = MSFTSimulator(
        detector=QGrid(1), self_absorption="exact", absorption="index", refractive_index=n_index
    )
    area, passed = (BOX / 2) ** 2, densities.sum() * BOX / 4
    expected = area * (1 - np.exp(-gamma * passed)) / gamma / PUBLISHED_VOXEL**3
    assert simulator.field(volumes)[0, 0, 0] == pytest.approx(expected, rel=1e-5)


def test_a_denser_column_darkens_what_lies_behind():
    volumes = np.zeros((2, 16, 8, 8), dtype=np.float32)
    volumes[:, 12:14, 2:6, 2:6] = 1
    volumes[0, 4:8, 2:6, 2:6] = 0.3
    volumes[1, 4:8, 2:6, 2:6] = 0.6
    simulator = MSFTSimulator(detector=QGrid(1), self_absorption="exact")
    front = np.zeros_like(volumes)
    front[:, :12] = volumes[:, :12]
    behind = np.abs(simulator.field(volumes) - simulator.field(front)).ravel()
    assert behind[1] / behind[0] == pytest.approx(np.exp(-0.3 * 4 * (BOX / 16) / 12.5), rel=1e-3)
