"""What the baselines are made of, each part against something independent."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from sklearn.base import clone

from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.fitting._planes import spread_directions
from scatterkit.fitting.baselines._classes import axis_turns, symmetry_turns, views
from scatterkit.fitting.baselines._gradient import with_n_planes
from scatterkit.fitting.baselines._hull import hull_of
from scatterkit.fitting.baselines._library import Hashed, rings_of
from scatterkit.fitting.baselines._polar import Match, PolarLibrary, in_plane
from scatterkit.fitting.baselines._pursuit import BudgetSpentError, Pursuit
from scatterkit.fitting.baselines._scattering import ExactScattering, VoxelScattering, scattering_of
from scatterkit.fitting.baselines.evolution import Restarts
from scatterkit.metrics import volume_iou
from scatterkit.response import DetectorResponse, fit_response
from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Rasterizer, Solid

DETECTOR = QGrid(n_pixels=48, dq=0.018)
SIMULATOR = MSFTSimulator(detector=DETECTOR)


@pytest.fixture(scope="module")
def body():
    turn = Rotation.from_euler("xyz", [0.3, 0.5, 0.7])
    return Solid.from_catalogue("dodecahedron", circumradius=60).rotate(turn)


@pytest.fixture(scope="module")
def pattern(body):
    return LogScaler().transform(PolyhedronSimulator(detector=DETECTOR).transform([body]))[0]


def pursuit_of(pattern, scattering=None, **parameters):
    scattering = ExactScattering(SIMULATOR) if scattering is None else scattering
    defaults = {"max_shift": 0.0, "n_pixels": 600, "time_budget": 1e6, "max_simulations": None}
    rng = np.random.default_rng(0)
    return Pursuit(scattering, pattern, np.ones(pattern.shape, bool), rng=rng, **defaults | parameters)


@pytest.mark.parametrize("detector", [DETECTOR, FlatDetector(48, pixel_size=1.3)], ids=["grid", "flat"])
def test_the_exact_picture_is_that_of_the_polyhedron(body, detector):
    picture = ExactScattering(MSFTSimulator(detector=detector)).picture(body.normals, body.offsets)
    expected = PolyhedronSimulator(detector=detector).transform([body])[0]
    np.testing.assert_allclose(picture, expected, atol=1e-6 * expected.max())


def test_voxels_come_close_to_the_exact_picture(body):
    exact, voxels = ExactScattering(SIMULATOR), VoxelScattering(SIMULATOR, 64)
    pictures = [np.log(way.picture(body.normals, body.offsets) + 100) for way in (exact, voxels)]
    assert np.corrcoef(pictures[0].ravel(), pictures[1].ravel())[0, 1] > 0.99


def test_only_straight_rays_through_true_densities_are_exact():
    for parameters, kind in [
        ({}, ExactScattering),
        ({"self_absorption": "shares"}, ExactScattering),
        ({"propagation": "pmsft"}, VoxelScattering),
        ({"voxel_response": "point"}, VoxelScattering),
        ({"self_absorption": "full"}, VoxelScattering),
    ]:
        assert type(scattering_of(clone(SIMULATOR).set_params(**parameters), 32)) is kind


def test_points_between_pixels_belong_to_a_shifted_picture(body):
    scattering = ExactScattering(SIMULATOR)
    finer = MSFTSimulator(detector=QGrid(n_pixels=96, dq=0.009))
    picture = ExactScattering(finer).picture(body.normals, body.offsets)
    points = np.array([[10.5, 20.0], [24.0, 30.5], [11.5, 13.5]])
    values = scattering.at(points).intensity(body.normals, body.offsets, 3)
    doubled = (2 * points).astype(int)
    np.testing.assert_allclose(values, picture[doubled[:, 0], doubled[:, 1]], rtol=1e-4)


def test_a_look_finds_no_worse_a_response_than_the_full_fit(body, pattern):
    pursuit = pursuit_of(pattern, n_pixels=pattern.size)
    normals, offsets = body.normals, 1.05 * body.offsets
    picture = pursuit.scattering.picture(normals, offsets)
    _, full = fit_response(pattern, picture, max_shift=0.0, fit_saturation=False)
    intensity = pursuit.points.intensity(normals, offsets, pattern.size)
    assert pursuit._compared(intensity, pattern.size)[0] == pytest.approx(full, rel=0.03)


@pytest.mark.parametrize("way", ["exact", "voxels"])
def test_the_gradient_is_that_of_the_residual(body, pattern, way):
    scattering = ExactScattering(SIMULATOR) if way == "exact" else VoxelScattering(SIMULATOR, 48)
    pursuit = pursuit_of(pattern, scattering)
    rng = np.random.default_rng(1)
    normals, offsets = np.array(body.normals), body.offsets * rng.uniform(0.95, 1.1, len(body.offsets))
    pursuit.residual(normals, offsets)
    pursuit.fitted_at = 0.0  # the response stays as it is
    _, by_normals, by_offsets = pursuit.gradient(normals, offsets)
    np.testing.assert_allclose(np.einsum("ij,ij->i", by_normals, normals), 0, atol=1e-6)
    # every half-space where it matters most: the response is only searched for so closely
    turn, step = 0.02 * np.sign(by_normals), np.sign(by_offsets)
    turn -= np.einsum("ij,ij->i", turn, normals)[:, None] * normals
    delta = 1e-2 if way == "exact" else 5e-2

    def moved(sign):
        new = normals + sign * delta * turn
        return new / np.linalg.norm(new, axis=1, keepdims=True), offsets + sign * delta * step

    slope = (pursuit.residual(*moved(1)) - pursuit.residual(*moved(-1))) / (2 * delta)
    predicted = np.vdot(by_normals, turn) + by_offsets @ step
    assert predicted == pytest.approx(slope, rel=0.03 if way == "exact" else 0.1)


def test_there_is_a_body_after_the_first_look_whatever_its_q(body, pattern):
    pursuit = pursuit_of(pattern, max_simulations=1)
    with pytest.raises(BudgetSpentError):
        pursuit.residual(body.normals, body.offsets, q_limit=0.3)
    assert pursuit.best is not None
    assert pursuit.finished().residual < 1e-6


def test_the_deadline_is_kept_to_within_one_look(body, pattern, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("scatterkit.fitting.baselines._pursuit.time.monotonic", lambda: now[0])
    pursuit = pursuit_of(pattern, time_budget=10.0)
    for _ in range(10):  # a second each, half a second is kept for the end
        pursuit.residual(body.normals, body.offsets)
        now[0] += 1.0
    with pytest.raises(BudgetSpentError):
        pursuit.residual(body.normals, body.offsets)
    assert pursuit.simulations == 10
    others = dict.fromkeys(("a", "b"), (body.normals, body.offsets))
    assert len(pursuit.finished(others).candidates) == 3
    now[0] += 1.0
    assert len(pursuit.finished(others).candidates) == 1


def test_the_best_body_is_judged_beside_another_of_its_name(body, pattern):
    pursuit = pursuit_of(pattern)
    pursuit.residual(body.normals, body.offsets, label="a")
    worse = np.array(body.normals), 1.2 * np.array(body.offsets)
    found = pursuit.finished({"a": worse})
    assert found.residual < 1e-6
    assert len(found.candidates) == 2
    assert len(pursuit.finished({"a": (np.array(body.normals), np.array(body.offsets))}).candidates) == 1


def test_the_bodies_of_all_labels_are_compared_with_one_response(body):
    intensity = PolyhedronSimulator(detector=DETECTOR).transform([body])[0]
    shown = DetectorResponse(eps=100.0, gain=0.06, offset=-0.25, shift=(1.7, -1.2)).apply(intensity)
    pursuit = pursuit_of(shown, max_shift=3.0)
    responses = []
    for scale, label in [(0.7, "a"), (1.3, "b"), (1.1, "a"), (1.03, "b"), (1.0, "c")]:
        pursuit.residual(body.normals, scale * body.offsets, label=label)
        responses.append(pursuit.response)
    assert len(set(map(id, responses))) > 1  # refitted on the way
    for label, scale in {"a": 1.1, "b": 1.03, "c": 1.0}.items():
        intensity = pursuit.points.intensity(body.normals, scale * body.offsets, pursuit.target.size)
        found = pursuit.best_of(label)
        np.testing.assert_allclose(found.planes[1], scale * np.array(body.offsets))
        assert found.residual == pytest.approx(pursuit._compared(intensity, pursuit.target.size)[0])


def test_an_empty_body_is_no_answer(body, pattern):
    pursuit = pursuit_of(pattern)
    nothing = np.vstack([np.eye(3), -np.eye(3)]), np.full(6, -5.0)
    assert pursuit.residual(*nothing) == pytest.approx(pursuit.target.var())
    assert pursuit.best is None


def test_matches_are_those_of_turning_by_hand():
    rng = np.random.default_rng(2)
    polar = rings_of(SIMULATOR)
    shape = (len(polar.radii), len(polar.angles))
    library, pattern = rng.normal(size=(3, *shape)).astype(np.float32), rng.normal(size=shape)
    known = rng.random(shape) < 0.7
    found = PolarLibrary(library, polar.radii).residuals(pattern, known)
    weights = np.sqrt((known * polar.radii[:, None])[known])
    for entry, turn in [(0, 0), (1, 5), (2, 31)]:
        turned = np.roll(library[entry], turn, axis=1)[known]
        columns = np.stack([turned * weights, weights], axis=1)
        (gain, offset), *_ = np.linalg.lstsq(columns, pattern[known] * weights, rcond=None)
        if gain < 0:
            gain, offset = 0.0, np.average(pattern[known], weights=weights**2)
        error = np.average((gain * turned + offset - pattern[known]) ** 2, weights=weights**2)
        assert found[entry, turn] == pytest.approx(error, rel=1e-4)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_match_says_how_to_turn_the_body(body, mirrored):
    polar = rings_of(SIMULATOR)
    angle = polar.angles[11]
    placed = Solid.from_points(in_plane(body.vertices, Match(0.0, 0, angle, mirrored)))
    points = ExactScattering(SIMULATOR).at_wavevectors(polar.q_y, polar.q_x)
    rings = [
        polar.rings(np.log(points.intensity(solid.normals, solid.offsets, polar.q_y.size) + 100))
        for solid in (body, placed)
    ]
    library = PolarLibrary(rings[0][None].astype(np.float32), polar.radii)
    best = library.matches(rings[1], np.ones(rings[1].shape, bool), mirrors=True)[0]
    assert best.mirrored == mirrored
    assert best.residual < 1e-4
    assert np.cos(best.angle - angle) == pytest.approx(1)


@pytest.mark.parametrize(("name", "order"), [("cube", 24), ("decahedron", 10), ("tetrahedron", 12)])
def test_symmetry_turns_map_a_body_onto_itself(name, order):
    solid = Solid.from_catalogue(name)
    turns = symmetry_turns(name)
    assert len(turns) == order
    directions = spread_directions(40)
    for turn in turns:
        np.testing.assert_allclose(
            solid.support(turn.apply(directions)), solid.support(directions), rtol=1e-6
        )
    for label, axes in solid.symmetry_axes.items():
        images = axis_turns(name, label).apply(axes[0])
        np.testing.assert_allclose(np.abs(np.sum(images * axes, axis=1)), 1, rtol=1e-6)


@pytest.mark.parametrize("name", ["cube", "decahedron", "truncated_tetrahedron"])
def test_views_leave_no_direction_out(name):
    seen = Rotation.concatenate(views(name)).inv().apply([0, 0, 1.0])
    group = symmetry_turns(name).as_matrix()
    directions = np.random.default_rng(0).normal(size=(200, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    nearest = np.einsum("gij,nj,vi->gnv", group, directions, seen).max(axis=(0, 2))
    assert np.degrees(np.arccos(np.clip(nearest.min(), -1, 1))) < 16
    assert len(seen) < 3 * 240 / len(group)


def test_large_and_small_runs_get_equally_many_simulations():
    restarts, rng = Restarts(60), np.random.default_rng(0)
    populations = []
    for _ in range(60):
        population, spread = restarts.next(rng)
        assert 0.01 <= spread <= 1
        populations.append(population)
        restarts.ran(100 * population)
    large, small = restarts.used[True], restarts.used[False]
    assert abs(large - small) <= 100 * max(populations)
    assert max(populations) == restarts.default * 2 ** (restarts.n_large - 1)


def test_spare_planes_hardly_change_a_body(body):
    normals, offsets = with_n_planes(body, (np.array(body.normals), np.array(body.offsets)), 30)
    assert len(offsets) == 30
    assert Solid.from_halfspaces(normals, offsets).volume == pytest.approx(body.volume, rel=0.02)
    assert len(with_n_planes(body, (body.normals, body.offsets), 10)[1]) == 10


@pytest.mark.parametrize("name", ["cube", "icosahedron", "truncated_octahedron"])
def test_the_hull_of_voxels_is_the_body(name):
    solid = Solid.from_catalogue(name, circumradius=90).rotate(Rotation.from_euler("xyz", [0.2, 0.4, 0.1]))
    volume = Rasterizer(grid=64).transform([solid])
    hull = hull_of(volume[0], 318.75)
    assert volume_iou(volume, Rasterizer(grid=64).transform([hull]))[0] > 0.9


@pytest.mark.parametrize("radius", [35, 60, 110])
@pytest.mark.parametrize("name", ["tetrahedron", "cube", "decahedron", "truncated_octahedron"])
def test_the_hull_of_voxels_has_the_volume(name, radius):
    turn = Rotation.from_euler("xyz", [0.5, -0.3, 0.8])
    solid = Solid.from_catalogue(name, circumradius=radius).rotate(turn)
    for volume in (Rasterizer(grid=48).transform([solid])[0], Rasterizer(grid=96).transform([solid])[0]):
        assert hull_of(volume, 318.75).volume == pytest.approx(solid.volume, rel=0.1)


@pytest.mark.parametrize("filled", [np.s_[5, 3:12, 4:10], np.s_[5, 3, 4:10], np.s_[5, 3, 4], np.s_[0, 0, 0]])
def test_a_single_slice_row_or_voxel_has_a_hull(filled):
    volume = np.zeros((16, 16, 16), np.float32)
    volume[filled] = 1
    found = hull_of(volume, 160.0)
    low, high = found.bounds
    places = np.argwhere(volume)[:, ::-1] * 10.0 - 75.0  # x, y, z of the voxels' centres
    assert (low < places.min(axis=0)).all()
    assert (high > places.max(axis=0)).all()
    assert (low > places.min(axis=0) - 10).all()
    assert (high < places.max(axis=0) + 10).all()


def test_equal_simulators_are_one_key():
    assert Hashed(MSFTSimulator()) == Hashed(MSFTSimulator())
    assert Hashed(MSFTSimulator()) != Hashed(SIMULATOR)
