"""The baselines, by their public methods; their budgets are counted in simulations, never in seconds."""

import sys
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from sklearn.base import clone

from scatterkit.datasets import make_dataset
from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.fitting import (
    EvolutionFitter,
    MultiStartFitter,
    RetrievalFitter,
    SimplexFitter,
    make_baseline,
)
from scatterkit.fitting.baselines._pursuit import Pursuit
from scatterkit.fitting.baselines._scattering import VoxelScattering
from scatterkit.metrics import front_iou
from scatterkit.response import DetectorResponse
from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Rasterizer, Solid, SolidSampler

DETECTOR = QGrid(n_pixels=64, dq=0.0145)
SIMULATOR = MSFTSimulator(detector=DETECTOR)
FOREVER = {"time_budget": 1e6, "simulator": SIMULATOR, "random_state": 0, "grid": 32}
NAMES = ("B1-simplex", "B2-cmaes", "B3-multistart", "B4-retrieval")


def pattern_of(*bodies):
    return LogScaler().transform(PolyhedronSimulator(detector=DETECTOR).transform(list(bodies)))


def small(name, **parameters):
    own = {"B1-simplex": {"classes": ["cube"]}, "B4-retrieval": {"library": 20}}.get(name, {})
    return make_baseline(name, **FOREVER | {"n_pixels": 300, "max_simulations": 40} | own | parameters)


@pytest.fixture(scope="module")
def cut_octahedron():
    body = Solid.from_catalogue("octahedron", circumradius=75).cut((1, 0, 0), 50).cut((-1, 0, 0), 50)
    return body.rotate(Rotation.from_euler("xyz", [20, 30, 40], degrees=True))


@pytest.fixture(scope="module")
def X(cut_octahedron):  # noqa: N802
    return pattern_of(cut_octahedron)


def test_simplices_find_the_class(X, cut_octahedron):
    fitter = SimplexFitter(
        classes=["icosahedron", "octahedron", "cube"], n_pixels=400, max_simulations=2000, **FOREVER
    ).fit(X)
    assert fitter.solids_[0].name == "octahedron"
    assert fitter.residuals_[0] < 1e-3
    assert set(fitter.evidence_[0]) == {"icosahedron", "octahedron", "cube"}
    assert next(iter(fitter.evidence_[0])) == "octahedron"
    assert list(fitter.evidence_[0].values()) == sorted(fitter.evidence_[0].values())
    assert front_iou(fitter.predict(X), Rasterizer(grid=32).transform([cut_octahedron]))[0] > 0.8


def test_classes_whose_turn_did_not_come_have_no_evidence(X):
    fitter = SimplexFitter(classes=["octahedron", "cube"], n_pixels=200, max_simulations=3, **FOREVER).fit(X)
    looked_at, waiting = fitter.evidence_[0].values()
    assert np.isfinite(looked_at)
    assert np.isnan(waiting)


def test_evolution_rounds_a_sphere_into_a_body():
    body = Solid.from_catalogue("rhombicuboctahedron", circumradius=50)
    X = pattern_of(body)
    few, many = (EvolutionFitter(16, n_pixels=300, max_simulations=n, **FOREVER).fit(X) for n in (30, 1000))
    assert many.residuals_[0] < 0.6 * few.residuals_[0]
    assert many.solids_[0].volume == pytest.approx(body.volume, rel=0.5)  # the back is not seen


def test_a_start_grows_into_the_body(X, cut_octahedron):
    fitter = MultiStartFitter(n_faces=24, n_steps=150, n_pixels=500, max_simulations=300, **FOREVER).fit(X)
    assert fitter.residuals_[0] < 2e-3
    assert front_iou(fitter.predict(X), Rasterizer(grid=32).transform([cut_octahedron]))[0] > 0.6


def turned_and_mirrored(body):
    turn = Rotation.from_rotvec([0, 0, 2 * np.pi * 7 / 48])
    return Solid.from_points(turn.apply(body.vertices * np.array([1, -1, 1])))


@pytest.fixture(scope="module")
def shelf():
    bodies = SolidSampler(random_state=3, classes=["tetrahedron", "decahedron"], cut=(0.3, 0.8)).sample(6)
    return pattern_of(*bodies), bodies


@pytest.mark.parametrize("form", ["solids", "volumes", "dataset"])
def test_a_body_of_the_library_is_recognised_though_turned_and_mirrored(shelf, form):
    patterns, bodies = shelf
    truth = turned_and_mirrored(bodies[4])
    volumes = Rasterizer(grid=48).transform(bodies)
    library = {
        "solids": (patterns, bodies),
        "volumes": (patterns, volumes),
        "dataset": make_dataset(patterns, volumes=volumes),
    }[form]
    fitter = RetrievalFitter(library, n_steps=0, n_pixels=500, **FOREVER).fit(pattern_of(truth))
    assert fitter.residuals_[0] < (1e-6 if form == "solids" else 4e-3)
    assert fitter.solids_[0].volume == pytest.approx(truth.volume, rel=1e-3 if form == "solids" else 0.1)


def test_a_library_is_ranked_about_the_shifted_centre(shelf):
    patterns, bodies = shelf
    shift = (2.5, -3.0)
    intensity = PolyhedronSimulator(detector=DETECTOR).transform([turned_and_mirrored(bodies[4])])[0]
    shown = DetectorResponse(eps=100.0, gain=0.06, offset=-0.25, shift=shift).apply(intensity)
    mask = np.ones(shown.shape, bool)
    mask[20:24, 30:34] = False
    fitter = RetrievalFitter((patterns, bodies), n_steps=0, n_pixels=500, max_shift=4.0, **FOREVER)
    fitter._prepare()
    pursuit = Pursuit(
        fitter._scattering(),
        shown,
        mask,
        max_shift=4.0,
        n_pixels=500,
        time_budget=1e6,
        max_simulations=None,
        rng=np.random.default_rng(0),
    )
    assert fitter._shift_of(pursuit) == pytest.approx(shift, abs=0.7)
    (body, match), (_, blurred) = (
        next(fitter._library.ranked(shown, mask, mirrors=True, shift=way))
        for way in (fitter._shift_of(pursuit), (0.0, 0.0))
    )
    assert body is bodies[4]
    assert match.mirrored
    assert match.residual < 0.5 * blurred.residual
    fitter.fit(shown[None], mask=mask)
    assert fitter.solids_[0].volume == pytest.approx(bodies[4].volume, rel=1e-3)
    assert fitter.residuals_[0] < 1e-4


def test_refinement_improves_what_was_retrieved(shelf):
    patterns, bodies = shelf
    truth = bodies[1].cut((0, 0, -1), 0.8 * bodies[1].support([(0, 0, -1)])[0])
    plain = RetrievalFitter((patterns, bodies), n_steps=0, n_pixels=500, **FOREVER)
    refined = clone(plain).set_params(n_steps=100, max_simulations=250)
    X = pattern_of(truth)
    assert refined.fit(X).residuals_[0] < 0.5 * plain.fit(X).residuals_[0]
    assert refined.candidates_[0][-1][0] == pytest.approx(plain.residuals_[0], rel=0.3)


@pytest.mark.parametrize("name", NAMES)
def test_all_obey_their_budget_and_note_only_improvements(name, X):
    fitter = small(name).fit(X)
    history = fitter.history_[0]
    simulations = [entry["simulations"] for entry in history]
    residuals = [entry["residual"] for entry in history]
    assert simulations == sorted(simulations)
    assert simulations[-1] <= 40
    assert all(after < before for before, after in pairwise(residuals))
    assert all(isinstance(entry["solid"], Solid) for entry in history)


@pytest.mark.parametrize("name", NAMES)
def test_the_reported_residual_is_that_of_the_reported_body(name, X):
    fitter = small(name).fit(X)
    difference = fitter.predict_pattern(X) - X
    assert np.mean(difference**2) == pytest.approx(fitter.residuals_[0], rel=1e-3)
    assert fitter.score(X) == pytest.approx(-fitter.residuals_[0])
    assert fitter.predict(X).shape == (1, 32, 32, 32)


def test_patterns_not_seen_before_are_fitted_when_they_come(X):
    fitter = small("B4-retrieval").fit(X)
    assert fitter.predict(np.concatenate([X[:, ::-1], X])).shape == (2, 32, 32, 32)
    assert len(fitter.solids_) == len(fitter.history_) == 2


@pytest.mark.parametrize("name", NAMES)
def test_the_same_random_state_gives_the_same_body(name, X):
    first, second = (small(name).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.residuals_, second.residuals_)


@pytest.mark.parametrize("name", NAMES)
def test_pixels_outside_the_mask_may_hold_anything(name, X):
    rows, columns = np.indices(X.shape[1:]) - 32
    mask = (np.hypot(rows, columns) < 22) & (np.hypot(rows, columns) > 1.5)
    whole = small(name).fit(X, mask=mask)
    spoilt = small(name).fit(np.where(mask, X, np.nan), mask=mask)
    np.testing.assert_allclose(spoilt.residuals_, whole.residuals_, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_bodies_stay_in_the_box(name):
    large = pattern_of(Solid.from_catalogue("cube", circumradius=155))
    fitter = small(name).fit(large)
    for entry in fitter.history_[0]:
        assert np.ptp(entry["solid"].bounds, axis=0).max() <= 0.95 * SIMULATOR.box * (1 + 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_interruption_keeps_the_best_so_far(name, X, monkeypatch):
    spend = Pursuit.spend

    def interrupted(self):
        if self.simulations == 30:
            raise KeyboardInterrupt
        spend(self)

    monkeypatch.setattr(Pursuit, "spend", interrupted)
    fitter = small(name)
    with pytest.raises(KeyboardInterrupt):
        fitter.fit(np.concatenate([X, X[:, ::-1]]))
    assert len(fitter.solids_) == len(fitter.residuals_) == len(fitter.history_) == 1
    assert fitter.predict(X).shape == (1, 32, 32, 32)


def test_one_simulation_gives_a_body(X):
    for name in NAMES[1:]:
        assert len(small(name, max_simulations=1).fit(X).solids_) == 1


def test_a_measured_response_is_fitted_along(cut_octahedron):
    response = DetectorResponse(eps=80.0, gain=0.065, offset=-0.25, saturation=0.55, shift=(0.5, -0.7))
    recorded = response.apply(PolyhedronSimulator(detector=DETECTOR).transform([cut_octahedron]))
    library = pattern_of(cut_octahedron), [cut_octahedron]
    fitter = RetrievalFitter(library, n_steps=0, n_pixels=500, **FOREVER).fit(recorded)
    assert fitter.residuals_[0] < 1e-5
    np.testing.assert_allclose(fitter.responses_[0].shift, response.shift, atol=0.05)
    assert fitter.responses_[0].saturation == pytest.approx(0.55, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_light_that_is_not_straight_goes_by_voxels(name, cut_octahedron):
    simulator = clone(SIMULATOR).set_params(
        propagation="pmsft", absorption="index", refractive_index=1.05 + 0.1j
    )
    X = LogScaler().transform(simulator.transform(Rasterizer(grid=32).transform([cut_octahedron])))
    fitter = small(name, simulator=simulator, grid=24, max_simulations=15).fit(X)
    assert isinstance(fitter._scattering(), VoxelScattering)
    assert fitter.residuals_[0] < 0.4 * np.var(X)  # a flat response to any body leaves all of it


def test_flat_detectors_are_understood(cut_octahedron):
    detector = FlatDetector(64)
    X = LogScaler().transform(PolyhedronSimulator(detector=detector).transform([cut_octahedron]))
    simulator = MSFTSimulator(detector=detector)
    fitter = small("B4-retrieval", simulator=simulator, library=(X, [cut_octahedron]), n_steps=0).fit(X)
    assert fitter.residuals_[0] < 1e-6


def test_without_cmaes_it_is_said_how_to_get_it(X, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(ImportError, match=r"pip install 'scatterkit\[fit\]'"):
        small("B2-cmaes").fit(X)


@pytest.mark.parametrize(
    ("name", "parameters", "wrong"),
    [
        ("B1-simplex", {"classes": ["no such body"]}, "classes"),
        ("B1-simplex", {"classes": ["random_polyhedron"]}, "classes"),
        ("B1-simplex", {"classes": "cube"}, "classes"),
        ("B2-cmaes", {"n_faces": 3}, "n_faces"),
        ("B3-multistart", {"n_steps": 0}, "n_steps"),
        ("B4-retrieval", {"library": 0}, "library"),
        ("B4-retrieval", {"library": "train"}, "library"),
        ("B4-retrieval", {"library": (np.ones((2, 64, 64)), np.ones((3, 8, 8, 8)))}, "library"),
        ("B4-retrieval", {"library": (np.ones((1, 64, 64)), np.zeros((1, 8, 8, 8)))}, "library"),
        ("B4-retrieval", {"library": (np.ones((1, 32, 32)), np.ones((1, 8, 8, 8)))}, "library"),
        *[(name, {"time_budget": 0.0}, "time_budget") for name in NAMES],
        *[(name, {"max_simulations": 0}, "max_simulations") for name in NAMES],
        *[(name, {"n_pixels": 5}, "n_pixels") for name in NAMES],
    ],
)
def test_bad_parameters_are_named(name, parameters, wrong, X):
    with pytest.raises(ValueError, match=f"'{wrong}' parameter"):
        small(name, **parameters).fit(X)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="'name' parameter of make_baseline must be one of 'B1-simplex'"):
        make_baseline("B5")
