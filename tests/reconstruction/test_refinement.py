"""Views of a pattern against the physics of turned bodies, and bodies that are better after a refinement."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from sklearn.base import clone
from training_tools import PIXELS, SIMULATOR, bodies, eager, patterns, reconstructor

from scatterkit.datasets import published_simulator
from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.fitting._pattern_tasks import FittedPattern
from scatterkit.fitting._planes import spread_directions
from scatterkit.fitting.engines import facet_intensity
from scatterkit.metrics import front_iou
from scatterkit.reconstruction import DepthDecoder, Refiner
from scatterkit.reconstruction.views import View, views
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.solids import Rasterizer, Solid

__all__ = ["eager"]
ALL = [View(bool(i & 4), bool(i & 2), bool(i & 1)) for i in range(8)]


def planes(seed=3, n=14):
    rng = np.random.default_rng(seed)
    return spread_directions(n), rng.uniform(35, 60, n)


@pytest.mark.parametrize("n_pixels", [24, 25])
@pytest.mark.parametrize("view", ALL, ids=str)
def test_a_view_is_the_pattern_of_a_turned_body(view, n_pixels):
    simulator = MSFTSimulator(detector=QGrid(n_pixels, dq=0.03))
    normals, offsets = planes()
    image = facet_intensity(simulator, Solid.from_halfspaces(normals, offsets))
    # directions that become the body's own where the view is undone
    turned = np.linalg.solve(view.undone(np.eye(3)).T, normals.T).T
    other = facet_intensity(simulator, Solid.from_halfspaces(turned, offsets))
    known = view.known(image.shape)
    assert known.mean() > 0.9
    assert known.all() == (n_pixels % 2 == 1 or not (view.rows or view.columns))
    np.testing.assert_allclose(view.of(image)[known], other[known], rtol=1e-4, atol=1e-4 * image.max())
    np.testing.assert_allclose(view.undone(turned), normals, atol=1e-12)


def test_detectors_have_the_views_that_they_are_symmetric_under():
    assert set(views(MSFTSimulator(detector=QGrid(16)))) == set(ALL)
    oblong = views(MSFTSimulator(detector=QGrid((16, 12))))
    assert set(oblong) == {view for view in ALL if not view.exchanged}
    tilted = FlatDetector(16, pixel_size=1.0, distance=30.0, center=(5.0, 8.0))
    assert [view for view in views(MSFTSimulator(detector=tilted)) if view.rows and not view.exchanged] == []
    published = views(published_simulator())  # its depths are half a pixel off the grid of its transform
    assert published == [
        View(exchanged=False, rows=False, columns=False),
        View(exchanged=True, rows=False, columns=False),
    ]


@pytest.mark.parametrize("masked", [False, True])
def test_proposals_become_better_bodies(masked):
    simulator = MSFTSimulator(detector=QGrid(64, dq=0.0148))
    normals, offsets = planes()
    solid = Solid.from_halfspaces(normals, offsets)
    solid = solid.shift(-np.mean(solid.bounds, axis=0))  # where refined bodies are
    X = LogScaler().transform(facet_intensity(simulator, solid)[None])
    mask = np.ones((64, 64), bool)
    if masked:
        mask[28:37, 28:37] = False
        X = np.where(mask, X, np.nan)
    seen = []

    def propose(shown, masks):
        seen.append((shown, masks))
        rng = np.random.default_rng(0)
        off = normals + 0.06 * rng.normal(size=normals.shape)
        off /= np.linalg.norm(off, axis=1, keepdims=True)
        # one of them is right about where planes are, the others are balls
        return [(off, offsets + rng.normal(0, 3, 14))] + [(normals, np.full(14, 80.0))] * (len(shown) - 1)

    refiner = Refiner(seconds=60.0, max_shift=0.0)
    ((found, response, residual),) = refiner.refine(X, propose, mask=mask, simulator=simulator)
    assert seen[0][0].shape == (8, 64, 64)
    assert np.isfinite(seen[0][0]).all()
    assert residual < 1e-5
    picture = response.apply(facet_intensity(simulator, found))
    assert np.mean((picture - X[0])[mask] ** 2) == pytest.approx(residual, rel=1e-3)
    volumes = Rasterizer(grid=32).transform([solid, found])
    assert front_iou(volumes[:1], volumes[1:])[0] > 0.98


def scene(offset=30.0):
    """The pattern of a turned cube on a few pixels, and its planes."""
    simulator = MSFTSimulator(detector=QGrid(32, dq=0.03))
    normals = Rotation.from_rotvec([0.3, 0.5, 0.2]).apply(np.vstack([np.eye(3), -np.eye(3)]))
    cube = Solid.from_halfspaces(normals, np.full(6, offset))
    return LogScaler().transform(facet_intensity(simulator, cube)[None]), normals, simulator


def needles(shown, masks):
    """Proposals that are far off."""
    return [(np.vstack([np.eye(3), -np.eye(3)]), np.array([4.0, 70.0, 4.0] * 2))] * len(shown)


def test_starts_of_the_pattern_make_up_for_a_network_that_is_wrong():
    X, _, simulator = scene()
    refiner = Refiner(seconds=60.0, symmetries=False, max_shift=0.0, n_starts=0)
    ((_, _, stuck),) = refiner.refine(X, needles, simulator=simulator)
    ((_, _, residual),) = refiner.set_params(n_starts=6).refine(X, needles, simulator=simulator)
    assert residual < 1e-4 < stuck


def test_an_answer_is_kept_where_time_is_over():
    X, normals, simulator = scene()
    truth = [(normals, np.full(6, 30.0))]
    refiner = Refiner(seconds=1e-3, max_shift=0.0)
    others = needles(np.zeros(7), None)
    ((solid, _, residual),) = refiner.refine(X, lambda *_: truth + others, simulator=simulator)
    assert residual < 1e-9
    assert solid.volume == pytest.approx(60.0**3, rel=1e-3)


def test_proposals_without_a_body():
    X, normals, simulator = scene()
    refiner = Refiner(symmetries=False, max_shift=0.0, n_starts=0)
    with pytest.warns(RuntimeWarning, match=r"No body was made of patterns \[0\]"):
        assert refiner.refine(X, lambda *_: [(normals, np.full(6, -9.0))], simulator=simulator)[0][0] is None


@pytest.mark.slow
def test_several_patterns_by_processes():
    pairs = [scene(offset) for offset in (25.0, 30.0, 35.0)]
    X, normals, simulator = np.concatenate([X for X, _, _ in pairs]), *pairs[0][1:]
    refiner = Refiner(seconds=60.0, symmetries=False, max_shift=0.0, n_starts=0)

    def propose(shown, masks):
        return [(normals, np.full(6, 28.0))] * len(shown)

    alone = refiner.refine(X, propose, simulator=simulator)
    together = refiner.set_params(n_jobs=2).refine(X, propose, simulator=simulator)
    # bodies that are found exactly leave 1e-16, which is rounding and differs between processes
    np.testing.assert_allclose([r for _, _, r in alone], [r for _, _, r in together], rtol=1e-9, atol=1e-20)
    for offset, (solid, _, _) in zip((25.0, 30.0, 35.0), together, strict=True):
        outline = np.ptp(Solid.from_halfspaces(normals, np.full(6, offset)).bounds, axis=0)[:2]
        np.testing.assert_allclose(np.ptp(solid.bounds, axis=0)[:2], outline, rtol=0.05)


def test_interrupts_are_not_swallowed(monkeypatch):
    X, normals, simulator = scene()
    stopped = FittedPattern(Solid.from_halfspaces(normals, np.full(6, 30.0)), None, 0.0, [], interrupted=True)
    monkeypatch.setattr("scatterkit.reconstruction.refinement.fit_by_facets", lambda *_: stopped)
    with pytest.raises(KeyboardInterrupt):
        Refiner(symmetries=False).refine(X, needles, simulator=simulator)


@pytest.mark.usefixtures("eager")
def test_a_network_with_refinement():
    volumes = bodies(2)
    X = patterns(volumes)
    network = reconstructor(n_steps=2, refine=Refiner(seconds=0.2, n_kept=1)).fit(X, volumes)
    (solid,) = network.predict_solids(X[:1])
    assert solid.volume > 0
    refined = network.score(X[:1])
    network.set_params(refine=False)
    assert refined >= network.score(X[:1]) - 1e-9  # time may be over before anything is better
    network.set_params(refine=True)
    assert network.refine is True
    constant = np.full((1, PIXELS, PIXELS), 0.5)
    # pytest.warns would pass on what Keras deprecates of itself
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert not network.predict(constant).any()
        assert np.isnan(network.predict_pattern(constant)).all()
    assert sum("No body was made of patterns [0]" in str(warning.message) for warning in caught) == 2


def test_refusals():
    X = patterns(bodies(1))
    with pytest.raises(
        ValueError, match="'simulator' parameter of Refiner must be one with propagation 'msft'"
    ):
        Refiner().refine(X, lambda *_: [], simulator=MSFTSimulator(propagation="pmsft"))
    with pytest.raises(ValueError, match=r"'X' parameter of Refiner"):
        Refiner().refine(100 * X, lambda *_: [], simulator=SIMULATOR)
    with pytest.raises(ValueError, match="'refine' parameter of PhysicsReconstructor must be False"):
        reconstructor(refine=True, decoder=DepthDecoder()).fit(X, bodies(1))
    with pytest.raises(ValueError, match="'refine' parameter of PhysicsReconstructor must be False"):
        reconstructor(refine=True, simulator=clone(SIMULATOR).set_params(propagation="born")).fit(X)
