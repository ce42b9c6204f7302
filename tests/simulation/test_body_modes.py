"""Depth modes of bodies: they span the phases, and change the field by rounding alone."""

from __future__ import annotations

import numpy as np
import pytest
from simulation_bodies import random_fields, random_volumes

from scatterkit.simulation import MSFTSimulator
from scatterkit.simulation.kernels import costs, matrix, reference
from scatterkit.simulation.kernels.body_modes import extent_class, fewest_modes, half_modes


@pytest.mark.parametrize("pairs", [8, 40, 96])
def test_modes_span_the_phases_of_all_pixels(pairs):
    plan = MSFTSimulator().plan((192, 8, 8))
    modes = half_modes(plan, pairs)
    assert fewest_modes(plan, pairs) <= len(modes) <= min(pairs, fewest_modes(plan, pairs) + 8)
    z = (np.arange(pairs) + 0.5) * plan.voxel[0]
    phase = plan.q_z[plan.response != 0][::7, None] * z
    for values, wave in zip(modes.values, (np.cos(phase), np.sin(phase)), strict=True):
        assert np.abs(wave @ values.T @ values - wave).max() < 2e-6


def test_extents_are_rounded_up_to_few_classes():
    plan = MSFTSimulator().plan((192, 8, 8))
    classes = [extent_class(plan, pairs) for pairs in range(1, 97)]
    assert all(pairs <= found for pairs, found in enumerate(classes, start=1))
    assert len(set(classes)) <= 16
    assert {found % 4 for found in classes} == {0}


@pytest.mark.parametrize("depth", [96, 101, 192])
def test_field_and_gradient_by_modes(depth):
    simulator = MSFTSimulator()
    volumes = np.zeros((1, 192, 24, 24), dtype=np.float32)
    volumes[:, 3 : 3 + depth] = random_volumes((depth, 24, 24), n=1) if depth < 190 else 0.5
    plan = simulator.plan(volumes.shape[1:])
    assert costs.chosen_modes(plan, (depth, 24, 24)) is not None
    E, expected = matrix.field(volumes, plan), reference.field(volumes, plan)
    assert np.abs(E - expected).max() < 2e-6 * np.abs(expected).max()
    gradient = random_fields(E.shape)
    pull, expected = (k.adjoint(volumes, plan, gradient) for k in (matrix, reference))
    assert np.abs(pull - expected).max() < 1e-5 * np.abs(expected).max()


def test_coarse_grids_are_taken_by_slices():
    plan = MSFTSimulator().plan((64, 64, 64))
    assert costs.chosen_modes(plan, (40, 40, 40)) is None
