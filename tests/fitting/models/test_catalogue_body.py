"""CatalogueBody: planes, stretches, cuts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from scatterkit.fitting import CatalogueBody
from scatterkit.fitting.models.catalogue import CUT, SIZE, STRETCH
from scatterkit.solids import Solid

LIMIT = 150.0


def start_of(model, radius=60.0, seed=0):
    return model.starts(np.array([radius]), np.random.default_rng(seed))[0]


def test_planes_and_solid_are_the_same_body():
    model = CatalogueBody("decahedron", stretch_axis="C5", cut_axis="C2")
    point = start_of(model)
    point[STRETCH], point[CUT] = np.log(1.4), np.log(0.6)
    solid = model.solid(point, LIMIT)
    normals, offsets = model.planes(point)
    assert len(normals) == 12
    np.testing.assert_allclose(solid.support(normals), offsets, rtol=1e-6)


def test_the_solid_is_the_catalogues_cut_then_stretched_then_turned():
    turn = Rotation.from_euler("xyz", [0.2, 0.3, 0.4])
    whole = Solid.from_catalogue("truncated_octahedron", circumradius=80.0)
    axis = whole.symmetry_axes["C4"][0]
    expected = whole.cut(axis, 40.0).cut(-axis, 40.0).stretch(1.3, axis).rotate(turn)
    model = CatalogueBody("truncated_octahedron", stretch_axis="C4", cut_axis="C4")
    point = np.concatenate([turn.as_quat(), np.log([80.0, 1.3, 0.5])])
    found = model.solid(point, LIMIT)
    directions = Rotation.random(50, rng=np.random.default_rng(0)).apply([0, 0, 1.0])
    np.testing.assert_allclose(found.support(directions), expected.support(directions), rtol=1e-9)


def test_an_axis_may_be_a_direction():
    by_label = CatalogueBody("cuboctahedron", stretch_axis="C4", cut_axis="C3")
    whole = Solid.from_catalogue("cuboctahedron")
    direction = tuple(whole.symmetry_axes["C3"][0])
    by_direction = CatalogueBody("cuboctahedron", stretch_axis="z", cut_axis=direction)
    point = start_of(by_label)
    for one, other in zip(by_label.planes(point), by_direction.planes(point), strict=True):
        np.testing.assert_allclose(one, other)


@given(st.floats(0.01, 10), st.integers(0, 20))
def test_a_body_never_leaves_the_box(growth, seed):
    model = CatalogueBody("cube", stretch_axis="C4", cut_axis="C3")
    step = np.concatenate([np.zeros(3), [np.log(growth), 0.5, -0.3]])
    moved = model.move(start_of(model, seed=seed), step, LIMIT)
    assert np.abs(model.solid(moved, LIMIT).bounds).max() <= LIMIT * (1 + 1e-6)


def test_a_flat_slice_may_be_wider_than_the_whole_body_would_fit():
    model = CatalogueBody("octahedron", cut_axis="C4")
    point = np.concatenate([[0, 0, 0, 1.0], np.log([2 * LIMIT, 1.0, 0.25])])
    across = Rotation.from_euler("z", 45, degrees=True)  # its corners point along the cube's sides
    point[:4] = across.as_quat()
    moved = model.move(point, np.zeros(6), LIMIT)
    assert np.exp(moved[SIZE]) == pytest.approx(LIMIT * 2**0.5)
    assert np.abs(model.solid(moved, LIMIT).bounds).max() == pytest.approx(LIMIT)


def test_stretch_and_cut_stay_within_their_bounds():
    model = CatalogueBody("decahedron", stretch_axis="C5", stretch=(0.8, 1.2), cut_axis="C2", cut=(0.3, 0.7))
    moved = model.move(start_of(model), np.array([0, 0, 0, 0, 5.0, -9.0]), LIMIT)
    assert moved[STRETCH] == pytest.approx(np.log(1.2))
    assert moved[CUT] == pytest.approx(np.log(0.3))


def test_a_cut_ends_where_it_would_miss_the_body():
    model = CatalogueBody("cube", cut_axis="C4")
    points = model.starts(np.array([50.0]), np.random.default_rng(0))
    assert all(model.solid(point, LIMIT).volume < 8 * (50 / 3**0.5) ** 3 for point in points)
    _, high = model.bounds(points[0])
    whole = model.move(points[0], np.array([0, 0, 0, 0, 0, high[5]]), LIMIT)
    assert model.solid(whole, LIMIT).volume == pytest.approx(8 * (50 / 3**0.5) ** 3)


def test_numbers_that_are_not_free_stay():
    model = CatalogueBody("cube")
    low, high = model.bounds(start_of(model))
    assert low[4:].tolist() == high[4:].tolist() == [0, 0]
    assert model.move(start_of(model), np.ones(6), LIMIT)[STRETCH:].tolist() == [0, 0]
    by_normals, by_offsets = model.plane_tangent(start_of(model))
    assert not by_normals[:, :, 4:].any()
    assert not by_offsets[:, 4:].any()
