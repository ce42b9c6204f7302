"""The search by exact facets: from starts of the pattern's own width to the body."""

import dataclasses
import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scatterkit.experiment import QGrid
from scatterkit.fitting import CatalogueBody, ConvexBody
from scatterkit.fitting._planes import box_limit
from scatterkit.fitting.engines import _shares
from scatterkit.fitting.facet_objective import FacetObjective
from scatterkit.fitting.facet_schedule import FacetSchedule, Proposals
from scatterkit.fitting.facet_search import FacetSearch
from scatterkit.fitting.levenberg import Trial
from scatterkit.metrics import front_iou
from scatterkit.response import DetectorResponse
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator
from scatterkit.simulation.facets import corners_of
from scatterkit.simulation.kernels.threads import single_blas_thread
from scatterkit.solids import Rasterizer, Solid

BOX = 200.0
LIMIT = box_limit(BOX)
SIMULATOR = MSFTSimulator(box=BOX, detector=QGrid(64, 0.0138))
RESPONSE = DetectorResponse(eps=60.0, gain=0.065, offset=-0.2)
TURN = Rotation.from_rotvec([0.3, 0.5, 0.2])
CENTER = (0.0, 0.0)


@pytest.fixture(autouse=True)
def _one_blas_thread():
    """As the fitter does: the matrices are too small for more."""
    with single_blas_thread():
        yield


QUICK = FacetSchedule(n_starts=6, n_rounds=1, n_finished=1)


def body_of(name, radius=60.0):
    return Solid.from_catalogue(name, circumradius=radius).rotate(TURN)


def search_of(model, solid, schedule=QUICK, *, time_budget=None, n_jobs=1, report=lambda entry: None):
    pattern = RESPONSE.apply(PolyhedronSimulator(detector=SIMULATOR.detector).transform([solid]))[0]
    objective = FacetObjective(SIMULATOR, pattern, np.ones(pattern.shape, bool), 0.0)
    return FacetSearch(model, objective, schedule, time_budget=time_budget, n_jobs=n_jobs, report=report)


def starts_of(model, radius=50.0, seed=0):
    rng = np.random.default_rng(seed)

    def draw(n):
        points = model.starts(radius * rng.uniform(0.9, 1.2, n), rng)
        return [(model.move(point, np.zeros_like(model.rates(point)), LIMIT), CENTER) for point in points]

    return draw


def seen(model, point, solid):
    """Front IoU of a found body."""
    found = model.solid(point, LIMIT)
    pair = [
        Rasterizer(grid=32, box=BOX).transform([body.shift(-body.bounds.mean(axis=0))])
        for body in (found, solid)
    ]
    return front_iou(*pair, box=BOX)[0]


def test_a_body_of_thirty_faces_is_found_from_its_exact_pattern():
    model, solid = ConvexBody(n_faces=32), body_of("rhombic_triacontahedron")
    entries = []
    search = search_of(model, solid, dataclasses.replace(QUICK, n_starts=8), report=entries.append)
    found = search.run(starts_of(model), np.random.default_rng(0))
    assert found[0].residual < 3e-4
    assert seen(model, found[0].point, solid) > 0.75
    limits = [entry["q"] for entry in entries]
    assert min(limits) < 0.1 * max(limits) + 0.05
    assert limits[0] == min(limits)
    assert max(limits) == pytest.approx(search.objective.q_max)
    assert [entry["seconds"] for entry in entries] == sorted(entry["seconds"] for entry in entries)
    assert {entry["start"] for entry in entries} == {f"round 1, start {i + 1}" for i in range(8)}


def test_faces_that_the_pattern_does_not_tell_apart_are_merged():
    model, solid = ConvexBody(n_faces=16), body_of("cube")
    search = search_of(model, solid)
    found = search.run(starts_of(model), np.random.default_rng(0))
    assert found[0].residual < 1e-5
    normals = np.array(model.solid(found[0].point, LIMIT).normals)
    lit = np.unique(np.round(normals[normals[:, 2] < -0.15], 2), axis=0)
    expected = np.array(solid.normals)[solid.normals[:, 2] < -0.15]
    assert np.arccos(np.clip(lit @ expected.T, -1, 1)).min(axis=0).max() < 0.03
    assert len(lit) <= len(np.unique(np.round(expected, 6), axis=0)) + 2


def test_the_best_body_says_that_it_is_merged(monkeypatch):
    simpler = iter([1, 0, 0])
    monkeypatch.setattr(CatalogueBody, "simpler", lambda self, point, limit: [point] * next(simpler))
    model, solid = CatalogueBody("cube", n_orientations=2), body_of("cube")
    search = search_of(model, solid, dataclasses.replace(QUICK, n_starts=4, n_finished=2))
    found = search.run(starts_of(model), np.random.default_rng(0))
    assert [body.merged for body in found] == [True, False]


def test_a_catalogue_body_is_found_among_many_orientations():
    model, solid = (
        CatalogueBody("decahedron", stretch_axis="C5", n_orientations=6),
        body_of("decahedron").stretch(1.4, TURN.apply([0, 0, 1.0])),
    )
    search = search_of(model, solid, dataclasses.replace(QUICK, n_starts=12))
    found = search.run(starts_of(model), np.random.default_rng(0))
    assert found[0].residual < 1e-6
    assert seen(model, found[0].point, solid) > 0.95
    fitted = found[0].response
    assert (fitted.eps, fitted.gain, fitted.offset) == pytest.approx((60.0, 0.065, -0.2), rel=0.03)


def test_starts_followed_at_once_end_at_the_same_bodies():
    model, solid = ConvexBody(n_faces=12), body_of("cube")
    both = []
    for n_jobs in (1, 2):
        search = search_of(model, solid, n_jobs=n_jobs)
        both.append(search.run(starts_of(model), np.random.default_rng(0))[0])
    assert both[0].label == both[1].label
    np.testing.assert_allclose(both[0].point, both[1].point, atol=1e-9)


def rounds_of(schedule, **limits):
    model, solid = CatalogueBody("cube", n_orientations=1), body_of("octahedron")
    labels = []
    search = search_of(model, solid, schedule, report=lambda entry: labels.append(entry["start"]), **limits)
    found = search.run(starts_of(model), np.random.default_rng(0))
    return {label.split(",")[0] for label in labels}, found


def test_rounds_go_on_until_the_residual_is_good_enough():
    schedule = dataclasses.replace(QUICK, n_starts=2, n_rounds=3, n_steps=2)
    rounds, found = rounds_of(schedule)
    assert rounds == {"round 1", "round 2", "round 3"}
    assert len(found) == 3
    assert [body.residual for body in found] == sorted(body.residual for body in found)
    assert len(rounds_of(dataclasses.replace(schedule, good_enough=1.0))[1]) == 1


def test_the_time_budget_ends_after_the_first_round():
    schedule = dataclasses.replace(QUICK, n_starts=2, n_rounds=50, n_steps=2)
    rounds, found = rounds_of(schedule, time_budget=1e-3)
    assert rounds == {"round 1"}
    assert math.isfinite(found[0].residual)


def with_proposals(offsets, schedule=QUICK, **limits):
    """Labels of what is followed, and what is found, where planes of a cube at some distances are proposed."""
    model, solid = ConvexBody(n_faces=12), body_of("cube")
    normals = TURN.apply(np.vstack([np.eye(3), -np.eye(3)]))
    points = [np.column_stack([normals, np.full(6, offset)]) for offset in offsets]
    labels = []
    search = search_of(model, solid, schedule, report=lambda entry: labels.append(entry["start"]), **limits)
    first = dataclasses.replace(QUICK, n_starts=2, begin=4.0)
    proposals = Proposals([(point, CENTER) for point in points], first, 0.5)
    found = search.run(starts_of(model), np.random.default_rng(0), proposals)
    return {label.split()[0] for label in labels}, found


def test_proposals_that_are_good_enough_are_all_that_is_followed():
    # a cube of this circumradius has faces at 34.6 nm
    kinds, found = with_proposals([32.0, 60.0])
    assert kinds == {"proposal"}
    assert found[0].residual < QUICK.good_enough


def test_own_starts_follow_proposals_that_are_not():
    schedule = dataclasses.replace(QUICK, n_starts=3, n_steps=2, good_enough=0.0)
    kinds, found = with_proposals([32.0, 60.0], schedule)
    assert kinds == {"proposal", "round"}
    assert found[0].label.startswith("proposal")
    assert {body.label.split()[0] for body in found} == kinds
    kinds, found = with_proposals([32.0, 60.0], dataclasses.replace(schedule, n_rounds=0))
    assert kinds == {"proposal"}


def test_proposals_without_an_inside_leave_own_starts():
    schedule = dataclasses.replace(QUICK, n_starts=2, n_steps=2)
    kinds, found = with_proposals([-20.0], schedule)
    assert kinds == {"round"}
    assert math.isfinite(found[0].residual)
    with pytest.raises(ValueError, match="no start of ConvexBody"):
        with_proposals([-20.0], dataclasses.replace(schedule, n_rounds=0))


def test_time_that_is_over_with_the_proposals_leaves_no_rounds():
    kinds, found = with_proposals([32.0, 60.0], dataclasses.replace(QUICK, good_enough=0.0), time_budget=1e-3)
    assert kinds == {"proposal"}
    assert math.isfinite(found[0].residual)


def test_more_are_finished_where_more_are_wanted():
    schedule = dataclasses.replace(QUICK, n_starts=6, n_steps=2, n_finished=3)
    assert len(rounds_of(schedule)[1]) == 3


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_stops_a_report_stops_the_search_and_keeps_what_is_found(n_jobs):
    model, solid = CatalogueBody("cube", n_orientations=1), body_of("octahedron")
    schedule = dataclasses.replace(QUICK, n_starts=2, n_rounds=5, n_steps=2)

    def report(entry):
        if entry["start"].startswith("round 2"):
            raise KeyboardInterrupt

    search = search_of(model, solid, schedule, n_jobs=n_jobs, report=report)
    with pytest.raises(KeyboardInterrupt):
        search.run(starts_of(model), np.random.default_rng(0))
    assert len(search.found) == 1
    assert search.found[0].label.startswith("round 1")


def test_found_bodies_lie_in_the_middle_of_the_box():
    model, solid = ConvexBody(n_faces=16), body_of("truncated_octahedron", 75.0)
    search = search_of(model, solid)
    found = search.run(starts_of(model, 65.0), np.random.default_rng(0))
    bounds = model.solid(found[0].point, LIMIT).bounds
    assert np.abs(bounds).max() <= LIMIT + 1e-3
    assert np.abs(bounds.mean(axis=0)).max() < 20.0


@pytest.mark.parametrize("turn", range(3))
def test_a_back_that_is_cut_off_does_not_spoil_a_body(turn):
    model = ConvexBody(n_faces=12)
    rotation = Rotation.from_rotvec([[0, 0, 0], [0, np.pi, 0.3], [0.6, 0.2, 0.0]][turn])
    solid = Solid.from_catalogue("tetrahedron", circumradius=60).rotate(rotation)
    search = search_of(model, solid)
    planes = np.unique(np.round(np.column_stack([solid.normals, solid.offsets]), 9), axis=0)
    trial = Trial(planes, "truth", response=np.array([math.log(60.0), 0.065, -0.2, 0, 0]))
    assert search._judged(trial).residual < 1e-9


def test_a_body_that_is_too_long_is_cut_at_its_back():
    model = ConvexBody(n_faces=30)
    point = model.starts(np.array([50.0]), np.random.default_rng(3))[0]
    point[point[:, 2] > 0, 3] += 160.0 * point[point[:, 2] > 0, 2]
    search = search_of(model, body_of("cube"))
    trial = Trial(point, "long")
    first = corners_of(*search.levenberg.planes(point))[0][:, 2]
    assert np.ptp(first) > 2 * LIMIT + 10
    found = search._judged(trial)
    corners, _ = corners_of(*search.levenberg.planes(found.point))
    assert np.ptp(corners[:, 2]) <= 2 * LIMIT + 1e-6
    np.testing.assert_allclose(corners.max(axis=0), -corners.min(axis=0), atol=1e-6)
    # the lit side stays as it was
    before, after = (body[body[:, 2] < -0.3] for body in (point, found.point))
    np.testing.assert_allclose(after[:, :3], before[:, :3])
    shift = np.linalg.lstsq(before[:, :3], after[:, 3] - before[:, 3], rcond=None)[0]
    np.testing.assert_allclose(after[:, 3] - before[:, 3], before[:, :3] @ shift, atol=1e-6)


def test_a_mask_with_a_hole_at_the_centre():
    model, solid = CatalogueBody("icosahedron", n_orientations=2), body_of("icosahedron")
    pattern = RESPONSE.apply(PolyhedronSimulator(detector=SIMULATOR.detector).transform([solid]))[0]
    rows, columns = np.indices(pattern.shape) - 32
    mask = (np.hypot(rows, columns) > 3) & (rows + columns != 3)
    objective = FacetObjective(SIMULATOR, np.where(mask, pattern, 9.0), mask, 0.0)
    search = FacetSearch(model, objective, QUICK, time_budget=None, n_jobs=1, report=lambda entry: None)
    found = search.run(starts_of(model), np.random.default_rng(0))
    assert found[0].residual < 1e-6


def test_a_hole_that_hides_the_first_fringes_leaves_no_start_out():
    solid, entries = body_of("dodecahedron", 85), []
    model = ConvexBody(n_faces=16)
    search = search_of(model, solid, dataclasses.replace(QUICK, n_steps=2), report=entries.append)
    rows, columns = np.indices(search.objective.mask.shape) - 32
    hole = np.hypot(rows, columns) > 8
    search.objective = FacetObjective(SIMULATOR, search.objective.picture, hole, 0.0)
    search.levenberg.objective = search.objective
    search.run(starts_of(model, radius=75), np.random.default_rng(0))
    assert len({entry["start"] for entry in entries}) == QUICK.n_starts


def test_the_unit_of_length_does_not_matter():
    solid = body_of("cube")
    for scale in (0.1, 10.0):
        detector = QGrid(64, 0.0138 / scale)
        simulator = MSFTSimulator(13.5 * scale, 12.5 * scale, box=BOX * scale, detector=detector)
        exact = PolyhedronSimulator(13.5 * scale, 12.5 * scale, detector=detector)
        intensity = exact.transform([solid.scale(scale)]) / np.float32(scale**6)
        picture = RESPONSE.apply(intensity)[0]
        objective = FacetObjective(simulator, picture, np.ones(picture.shape, bool), 0.0)
        model = CatalogueBody("cube")
        search = FacetSearch(model, objective, QUICK, time_budget=None, n_jobs=1, report=lambda entry: None)
        points = model.starts(np.full(2, 55.0 * scale), np.random.default_rng(1))
        starts = [(point, CENTER) for point in points]
        found = search.run(lambda n, starts=starts: starts, np.random.default_rng(0))
        assert found[0].residual < 1e-10


def test_time_that_is_over_leaves_few_looks():
    search = search_of(ConvexBody(), body_of("cube"), time_budget=1e-3)
    found = search.run(starts_of(ConvexBody()), np.random.default_rng(0))
    assert np.isfinite(found[0].residual)
    assert search.objective.n_evaluations < 25


def test_as_many_are_finished_as_are_asked_for():
    schedule = dataclasses.replace(QUICK, n_starts=6, n_finished=5, n_steps=1)
    found = search_of(ConvexBody(16), body_of("cube"), schedule).run(
        starts_of(ConvexBody(16)), np.random.default_rng(0)
    )
    assert len(found) == 5


def test_no_body_at_all_is_said():
    class Nothing(ConvexBody):
        def planes(self, point):
            normals, offsets = super().planes(point)
            return normals, -np.abs(offsets)

    model = Nothing(n_faces=12)
    search = search_of(model, body_of("cube"))
    with pytest.raises(ValueError, match="no start"):
        search.run(starts_of(model), np.random.default_rng(0))


def masked_search(mask, radius, centers=(CENTER,), n_starts=4):
    model, solid = ConvexBody(n_faces=12), body_of("cube", 1.2 * radius)
    search = search_of(model, solid, dataclasses.replace(QUICK, n_starts=n_starts, n_steps=1))
    search.objective = FacetObjective(SIMULATOR, search.objective.picture, mask, 16.0)
    search.levenberg.objective = search.objective
    points = model.starts(np.full(n_starts, float(radius)), np.random.default_rng(0))
    return search, [(point, centers[i % len(centers)]) for i, point in enumerate(points)]


def test_each_centre_has_pixels_enough_however_its_hole_lies():
    rows, columns = np.indices((64, 64)) - 32
    search, starts = masked_search(np.hypot(rows, columns) > 14.5, 80, (CENTER, (7.0, 0.0)))
    begun = []
    descend = search.levenberg.descend
    search.levenberg.descend = lambda trial, pixels, *a, **k: (
        begun.append(pixels.size),
        descend(trial, pixels, *a, **k),
    )
    search.run(lambda n: starts, np.random.default_rng(0))
    assert min(begun) >= 100


def test_starts_grow_even_where_hardly_more_than_a_ring_is_seen():
    rows, columns = np.indices((64, 64)) - 32
    radius = np.hypot(rows, columns)
    search, starts = masked_search((radius > 16) & (radius < 20), 40)
    entries = []
    search.report = entries.append
    search.run(lambda n: starts, np.random.default_rng(0))
    assert len({entry["start"] for entry in entries}) == len(starts)


def test_starts_are_shared_out_by_chance():
    assert _shares(12, [0.5, 0.3, 0.2]) == [5, 4, 3]
    assert _shares(3, [0.98, 0.01, 0.01]) == [1, 1, 1]
    assert _shares(1, [1.0]) == [1]


def test_where_time_is_over_the_best_after_the_last_descent_is_kept(monkeypatch):
    search = search_of(
        ConvexBody(12), body_of("cube"), FacetSchedule(n_starts=3, n_rounds=1, n_finished=3), time_budget=1e-6
    )
    trials = [search._trial(start, f"start {n}") for n, start in enumerate(starts_of(search.model)(3), 1)]
    for trial in trials:
        trial.width = search._radius(trial)
    rounds = iter([(1.0, 2.0, 3.0), (0.9, 0.1, 0.5)])  # the second one overtakes in the last descent

    def descend(trials, *_, **__):
        for trial, value in zip(trials, next(rounds), strict=True):
            trial.residual = trial.unexplained = value

    monkeypatch.setattr(search, "_descend", descend)
    search._finish(trials)
    assert [found.label for found in search.found] == ["start 2"]
