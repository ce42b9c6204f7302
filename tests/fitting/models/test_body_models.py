"""What holds for every body model: gradients, occupancies, solids, moves."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scatterkit.fitting import (
    BodyModel,
    CatalogueBody,
    ConvexBody,
    EllipsoidBody,
    ForwardFitter,
    PlaneModel,
    StarBody,
    SupportBody,
    SymmetricBody,
    UnionBody,
)
from scatterkit.fitting._planes import box_limit
from scatterkit.fitting.models import MODELS, as_model
from scatterkit.solids import Rasterizer

BOX = 200.0
LIMIT = box_limit(BOX)


class Torus(BodyModel):
    """A user's own model: nothing but the four abstract methods. A point is radius, thickness and tilt about x."""

    def starts(self, radii, rng):
        return [np.array([0.7 * r, 0.35 * r, rng.uniform(0, 1)]) for r in radii]

    def occupancy(self, point, grid, box, width):
        radius, thickness, tilt = point
        z, y, x = (np.indices((grid,) * 3) + 0.5) * (box / grid) - box / 2
        along, across = y * np.sin(tilt) + z * np.cos(tilt), y * np.cos(tilt) - z * np.sin(tilt)
        inside = thickness - np.hypot(np.hypot(x, across) - radius, along)
        return np.clip(0.5 + inside / width, 0, 1).astype(np.float32)

    def move(self, point, step, limit):
        moved = point + step
        moved[:2] = np.clip(moved[:2], 5.0, limit / 2)
        return moved

    def rates(self, point):
        return np.array([0.8, 0.8, 0.02])


MANY = {
    "convex": ConvexBody(n_faces=14),
    "support": SupportBody(n_directions=40),
    "icosahedron": CatalogueBody("icosahedron"),
    "decahedron": CatalogueBody("decahedron", stretch_axis="C5", cut_axis="C5", cut=(0.2, 0.5)),
    "cut cube": CatalogueBody("cube", stretch_axis="C4", cut_axis="C3"),
    "sphere": CatalogueBody("sphere", cut_axis="z"),
    "ellipsoid": EllipsoidBody(),
    "star": StarBody(degree=5),
    "union of two": UnionBody(n_bodies=2, n_faces=10),
    "union of three": UnionBody(n_bodies=3, n_faces=8),
    "octahedral": SymmetricBody("O_h", n_orbits=2),
    "dihedral": SymmetricBody("D_3d", n_orbits=3),
}
EACH = pytest.mark.parametrize("model", MANY.values(), ids=MANY.keys())
WITH_TORUS = pytest.mark.parametrize("model", [*MANY.values(), Torus()], ids=[*MANY.keys(), "torus"])


def somewhere(model, seed=0, radius=50.0):
    """A point of no special form: a start, shaken."""
    rng = np.random.default_rng(seed)
    point = model.starts(np.array([radius]), rng)[0]
    return model.move(point, 3 * rng.uniform(-1, 1, np.shape(model.rates(point))) * model.rates(point), LIMIT)


@WITH_TORUS
def test_pullback_is_the_derivative_of_the_occupancy_along_a_move(model):
    rng = np.random.default_rng(3)
    point = somewhere(model)
    grid, width = 40, 15.0
    by_volume = rng.normal(size=(1, 1, grid)) + rng.normal(size=(grid, grid, 1))
    by_volume = by_volume.astype(np.float32)
    gradient = model.pullback(point, by_volume, BOX, width)
    assert gradient.shape == np.shape(model.rates(point))
    step = rng.normal(size=gradient.shape) * model.rates(point)
    along = 0.02
    ahead, behind = (
        model.occupancy(model.move(point, sign * along * step, LIMIT), grid, BOX, width) for sign in (1, -1)
    )
    change = np.vdot(by_volume.astype(float), ahead.astype(float) - behind) / (2 * along)
    each = np.abs(gradient * model.rates(point)).sum()
    # planes have kinks at every edge: two per cent of what the single numbers do to the sum
    assert change == pytest.approx(np.vdot(gradient, step), abs=0.02 * each)
    assert each > 0


@pytest.mark.parametrize(
    "model",
    [model for model in MANY.values() if isinstance(model, PlaneModel)],
    ids=[name for name, model in MANY.items() if isinstance(model, PlaneModel)],
)
def test_plane_tangent_is_the_derivative_of_the_planes_along_a_move(model):
    rng = np.random.default_rng(3)
    point = somewhere(model)
    normals, offsets = model.planes(point)
    by_normals, by_offsets = model.plane_tangent(point)
    rates = model.rates(point)
    step = rng.normal(size=rates.shape) * rates
    ahead, behind = (model.planes(model.move(point, sign * 1e-4 * step, LIMIT)) for sign in (1, -1))
    assert by_normals.shape == (*normals.shape, step.size)
    np.testing.assert_allclose(by_normals @ step.ravel(), (ahead[0] - behind[0]) / 2e-4, atol=1e-6)
    np.testing.assert_allclose(by_offsets @ step.ravel(), (ahead[1] - behind[1]) / 2e-4, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    of_normals, of_offsets = rng.normal(size=normals.shape), rng.normal(size=offsets.shape)
    expected = np.einsum("ki,kit->t", of_normals, by_normals) + of_offsets @ by_offsets
    pulled = model.plane_pullback(point, of_normals, of_offsets)
    np.testing.assert_allclose(pulled.ravel(), expected, atol=1e-6 * np.abs(expected).max())


@WITH_TORUS
def test_the_occupancy_is_that_of_the_solid(model):
    grid = 50
    voxel = BOX / grid
    point = somewhere(model, seed=1)
    soft = model.occupancy(point, grid, BOX, voxel)
    exact = Rasterizer(grid=grid, box=BOX).transform([model.solid(point, LIMIT)])[0]
    assert soft.shape == (grid, grid, grid)
    assert soft.dtype == np.float32
    assert soft.min() >= 0
    assert soft.max() == 1
    # only voxels of the surface differ, and these not on one side
    assert np.abs(soft - exact).max() < 0.7
    assert np.abs(soft - exact).mean() < 0.03 * exact.mean()
    assert soft.sum() == pytest.approx(exact.sum(), rel=0.01)


@EACH
def test_a_body_never_leaves_the_cube(model):
    for seed in range(3):
        start = model.starts(np.array([4 * LIMIT]), np.random.default_rng(seed))[0]
        point = model.move(start, np.zeros(np.shape(model.rates(start))), LIMIT)
        assert np.abs(model.solid(point, LIMIT).bounds).max() <= LIMIT * (1 + 1e-6)
        edge = model.occupancy(point, 40, BOX, 5.0)[[0, -1]]
        assert not edge.any()


@EACH
def test_bounds_hold_the_point_itself(model):
    point = somewhere(model)
    low, high = model.bounds(point)
    shape = np.shape(model.rates(point))
    assert np.shape(low) == np.shape(high) == shape
    assert (low <= 0).all()
    assert (high >= 0).all()


@pytest.mark.parametrize("beyond", [-0.1, 0.1])
@pytest.mark.parametrize("name", ["icosahedron", "decahedron", "cut cube", "sphere", "union of two"])
def test_moves_stay_within_the_bounds(name, beyond):
    model = MANY[name]
    point = somewhere(model)
    bound = model.bounds(point)[0 if beyond < 0 else 1]
    bounded = np.isfinite(bound)
    assert bounded.any()
    far, there = np.where(bounded, bound + beyond, 0), np.where(bounded, bound, 0)
    np.testing.assert_allclose(model.move(point, far, np.inf), model.move(point, there, np.inf))


@EACH
def test_recentring_shifts_the_body_or_leaves_it(model):
    point = somewhere(model, radius=40.0)
    shift = np.array([3.0, -4.0, 5.0])
    before, after = model.solid(point, LIMIT), model.solid(model.recentred(point, shift), LIMIT)
    moved = after.bounds - before.bounds
    free = isinstance(model, (ConvexBody, SupportBody, UnionBody))
    np.testing.assert_allclose(moved, np.tile(shift if free else np.zeros(3), (2, 1)), atol=1e-5)


@EACH
def test_starts_have_about_the_size_that_is_asked_for(model):
    small, large = (model.solid(somewhere(model, radius=r), LIMIT).volume for r in (30.0, 45.0))
    assert 1.5**3 / 2 < large / small < 1.5**3 * 2


@pytest.mark.parametrize("name", MODELS)
def test_names_mean_models(name):
    assert type(as_model(name, owner="x")) is MODELS[name]
    assert as_model("icosahedron", owner="x").name == "icosahedron"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (ConvexBody(n_faces=3), "n_faces"),
        (ConvexBody(back_weight=-1.0), "back_weight"),
        (SupportBody(n_directions=3), "n_directions"),
        (CatalogueBody("decahedron", stretch_axis="C7"), "stretch_axis"),
        (CatalogueBody("decahedron", cut_axis="C7"), "cut_axis"),
        (CatalogueBody("decahedron", cut_axis=(0.0, 0.0, 0.0)), "cut_axis"),
        (CatalogueBody("decahedron", cut_axis=(0.0, 1.0)), "cut_axis"),
        (CatalogueBody("decahedron", stretch=(1.5, 1.0)), "stretch"),
        (CatalogueBody("decahedron", cut=(0.0, 1.0)), "cut"),
        (CatalogueBody("no such body"), "name"),
        (CatalogueBody("random_polyhedron"), "name"),
        (CatalogueBody("sphere", stretch_axis="C5"), "stretch_axis"),
        (CatalogueBody(3), "name"),
        (EllipsoidBody(aspect=(1.2, 2.0)), "aspect"),
        (StarBody(degree=40), "degree"),
        (UnionBody(n_bodies=1), "n_bodies"),
        (SymmetricBody("C_99"), "group"),
        (SymmetricBody("S_3"), "group"),
        (SymmetricBody(n_orbits=0), "n_orbits"),
        (17, "model"),
        ("no such body", "model"),
    ],
)
def test_bad_models_are_refused(model, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of .* must be .* Got .* instead"):
        as_model(model, owner="ForwardFitter")


def test_a_wrong_name_is_told_of_all_that_are_right():
    with pytest.raises(ValueError, match=r"'convex'.*'union', 'catalogue', a name in the catalogue"):
        ForwardFitter("catalog").fit(np.ones((1, 128, 128)))


def test_the_prior_costs_only_what_lies_deeper_than_the_body_is_wide():
    volume = np.zeros((64, 64, 64), np.float32)
    volume[10:60, 27:37, 27:37] = 1
    cost = ConvexBody(back_weight=1e-6).prior_gradient(volume, 318.75).ravel()
    width = 2 * np.sqrt(100 / np.pi)
    assert (cost[: 10 + int(width)] == 0).all()
    assert (np.diff(cost[11 + int(width) :]) > 0).all()
    for model in (SupportBody, StarBody, UnionBody, SymmetricBody):
        assert model().prior_gradient(volume, 318.75).shape == (64, 1, 1)
        assert model(back_weight=0).prior_gradient(volume, 318.75) is None


def test_an_ellipsoids_planes_have_its_volume_and_size():
    model = EllipsoidBody(aspect=(0.2, 5.0))
    turn = Rotation.from_euler("xyz", [0.3, 0.5, 0.7])
    point = np.concatenate([turn.as_quat(), np.log([20.0, 40.0, 60.0])])
    rebuilt = PlaneModel.solid(model, point, LIMIT)
    assert rebuilt.volume == pytest.approx(4 / 3 * np.pi * 20 * 40 * 60, rel=1e-6)
    directions = turn.as_matrix().T
    np.testing.assert_allclose(rebuilt.support(directions), [20, 40, 60], rtol=0.02)
    np.testing.assert_allclose(model.solid(point, LIMIT).support(directions), [20, 40, 60], rtol=1e-9)


def test_an_ellipsoid_keeps_its_aspect():
    model = EllipsoidBody(aspect=(0.5, 2.0))
    point = np.concatenate([[0, 0, 0, 1.0], np.log([30.0, 30.0, 30.0])])
    moved = model.move(point, np.array([0, 0, 0, 3.0, -1.0, -1.0]), np.inf)
    ratio = np.exp(moved[4:] - moved[4:].mean())
    assert ratio.max() <= 2 * (1 + 1e-9)
    assert ratio.min() >= 0.5 * (1 - 1e-9)
    assert moved[4:].mean() == pytest.approx(np.log(30) + 1 / 3)
