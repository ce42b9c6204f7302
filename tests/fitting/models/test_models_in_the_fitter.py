"""ForwardFitter with each body model: a body's own pattern leads back to it from nearby, a user's model too."""

import numpy as np
import pytest
from test_body_models import MANY, Torus, somewhere

from scatterkit.experiment import QGrid
from scatterkit.fitting import ForwardFitter
from scatterkit.fitting._planes import box_limit
from scatterkit.metrics import front_iou
from scatterkit.response import fit_response
from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Rasterizer

BOX, GRID = 200.0, 32
SIMULATOR = MSFTSimulator(box=BOX, detector=QGrid(n_pixels=48, dq=0.016))
MODELS = MANY | {"torus": Torus()}
FREE = {"convex", "support", "star", "union of two", "union of three"}
"""Of many numbers: they are not all found in a few steps."""


def body_of(model, point):
    """The occupancy of a point's body, in the middle of the box as the fitter's bodies are."""
    solid = model.solid(point, box_limit(BOX))
    return Rasterizer(grid=GRID, box=BOX).transform([solid.shift(-solid.bounds.mean(axis=0))])


def a_few_steps_away(model, point):
    rates = model.rates(point)
    step = 3 * np.random.default_rng(6).choice([-1.0, 1.0], np.shape(rates)) * rates
    return model.move(point, step, box_limit(BOX))


@pytest.mark.parametrize("name", MODELS)
def test_a_bodys_own_pattern_leads_back_to_it(name, monkeypatch):
    model = MODELS[name]
    truth = somewhere(model, seed=7)
    near = a_few_steps_away(model, truth)
    monkeypatch.setattr(type(model), "starts", lambda self, radii, rng: [near])
    body, begun = body_of(model, truth), body_of(model, near)
    X = LogScaler().transform(SIMULATOR.transform(body))
    everywhere = np.ones(X[0].shape, bool)
    _, first = fit_response(X[0], SIMULATOR.transform(begun)[0], everywhere, max_shift=0.0)
    fitter = ForwardFitter(
        model, SIMULATOR, GRID, method="voxels", n_steps=60, n_kept=1, max_shift=0.0, radii=[50.0]
    )
    fitter.fit(X)
    assert fitter.residuals_[0] < 0.2 * first
    before, after = (front_iou(found, body, box=BOX)[0] for found in (begun, fitter.predict(X)))
    assert 1 - after < (0.8 if name in FREE else 0.5) * (1 - before)


@pytest.mark.parametrize("name", ["decahedron", "cut cube", "octahedral"])
def test_exact_patterns_lead_back_by_facets(name, monkeypatch):
    """The half-spaces' own derivatives, in place of the occupancy's."""
    model = MODELS[name]
    truth = somewhere(model, seed=7)
    near = a_few_steps_away(model, truth)
    monkeypatch.setattr(type(model), "starts", lambda self, radii, rng: [near])
    exact = PolyhedronSimulator(detector=SIMULATOR.detector)
    bodies = [model.solid(point, box_limit(BOX)) for point in (truth, near)]
    patterns = LogScaler().transform(exact.transform(bodies))
    everywhere = np.ones(patterns[0].shape, bool)
    _, first = fit_response(patterns[0], exact.transform(bodies[1:])[0], everywhere, max_shift=0.0)
    fitter = ForwardFitter(
        model, SIMULATOR, GRID, method="facets", n_starts=1, n_kept=1, max_shift=0.0, radii=[50.0]
    )
    fitter.fit(patterns[:1])
    assert fitter.residuals_[0] < 1e-2 * first
    assert fitter.solids_[0].volume == pytest.approx(bodies[0].volume, rel=0.02)
