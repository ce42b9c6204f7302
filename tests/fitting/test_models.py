"""Body models: planes, gradients, moves, bodies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scatterkit.fitting import CatalogueBody, ConvexBody
from scatterkit.fitting.models import as_model

LIMIT = 150.0


def start_of(model, radius=60.0, seed=0):
    return model.starts(np.array([radius]), np.random.default_rng(seed))[0]


@pytest.mark.parametrize(
    "model",
    [
        ConvexBody(n_faces=12),
        CatalogueBody("icosahedron"),
        CatalogueBody("decahedron", stretch_axis="C5"),
        CatalogueBody("sphere"),
    ],
    ids=["convex", "icosahedron", "decahedron", "sphere"],
)
def test_pullback_is_the_derivative_along_a_move(model):
    rng = np.random.default_rng(3)
    point = start_of(model)
    normals, offsets = model.planes(point)
    by_normals, by_offsets = rng.normal(size=normals.shape), rng.normal(size=offsets.shape)
    gradient = model.pullback(point, by_normals, by_offsets)
    step = rng.normal(size=gradient.shape) * model.rates(point)
    ahead = model.planes(model.move(point, 1e-5 * step, LIMIT))
    behind = model.planes(model.move(point, -1e-5 * step, LIMIT))
    change = np.vdot(ahead[0] - behind[0], by_normals) + np.vdot(ahead[1] - behind[1], by_offsets)
    assert change / 2e-5 == pytest.approx(np.vdot(gradient, step), rel=1e-5, abs=1e-6)


def test_catalogue_planes_and_solid_are_the_same_body():
    model = CatalogueBody("decahedron", stretch_axis="C5")
    point = start_of(model)
    point[5] = np.log(1.4)
    solid = model.solid(point, LIMIT)
    normals, offsets = model.planes(point)
    np.testing.assert_allclose(solid.support(normals), offsets, rtol=1e-6)


def test_convex_planes_and_solid_are_the_same_body():
    model = ConvexBody(n_faces=30)
    point = start_of(model)
    solid = model.solid(point, LIMIT)
    np.testing.assert_allclose(solid.support(point[:, :3]), point[:, 3], rtol=1e-6)


@given(st.floats(0.01, 10), st.integers(0, 20))
def test_a_catalogue_body_never_leaves_the_box(growth, seed):
    model = CatalogueBody("cube", stretch_axis="C4")
    point = start_of(model, seed=seed)
    step = np.concatenate([np.zeros(3), [np.log(growth), 0.5]])
    moved = model.move(point, step, LIMIT)
    assert np.abs(model.solid(moved, LIMIT).bounds).max() <= LIMIT * (1 + 1e-6)


def test_a_convex_body_never_leaves_the_box():
    model = ConvexBody(n_faces=12)
    assert np.abs(model.solid(start_of(model, radius=400.0), LIMIT).bounds).max() <= LIMIT * (1 + 1e-6)


def test_stretch_stays_within_its_bounds():
    model = CatalogueBody("decahedron", stretch_axis="C5", stretch=(0.8, 1.2))
    moved = model.move(start_of(model), np.array([0, 0, 0, 0, 5.0]), LIMIT)
    assert moved[5] == pytest.approx(np.log(1.2))


def test_recentring_shifts_the_body():
    model = ConvexBody(n_faces=20)
    point = start_of(model)
    shift = np.array([3.0, -4.0, 5.0])
    before, after = model.solid(point, LIMIT), model.solid(model.recentred(point, shift), LIMIT)
    np.testing.assert_allclose(after.bounds - before.bounds, np.tile(shift, (2, 1)), atol=1e-6)


def test_the_prior_costs_only_what_lies_deeper_than_the_body_is_wide():
    model = ConvexBody(back_weight=1e-6)
    volume = np.zeros((64, 64, 64), np.float32)
    volume[10:60, 27:37, 27:37] = 1
    cost = model.prior_gradient(volume, 318.75).ravel()
    width = 2 * np.sqrt(100 / np.pi)
    assert (cost[: 10 + int(width)] == 0).all()
    assert (np.diff(cost[11 + int(width) :]) > 0).all()
    assert ConvexBody(back_weight=0).prior_gradient(volume, 318.75) is None


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (ConvexBody(n_faces=3), "n_faces"),
        (ConvexBody(back_weight=-1.0), "back_weight"),
        (CatalogueBody("decahedron", stretch_axis="C7"), "stretch_axis"),
        (CatalogueBody("decahedron", stretch=(1.5, 1.0)), "stretch"),
        (CatalogueBody("no such body"), "name"),
        (CatalogueBody("random_polyhedron"), "name"),
        (CatalogueBody("sphere", stretch_axis="C5"), "stretch_axis"),
        (CatalogueBody(3), "name"),
        (17, "model"),
    ],
)
def test_bad_models_are_refused(model, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        as_model(model, owner="ForwardFitter")


def test_names_mean_models():
    assert isinstance(as_model("convex", owner="x"), ConvexBody)
    assert as_model("icosahedron", owner="x").name == "icosahedron"
