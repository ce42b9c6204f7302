"""The simulated experiment against the published formulas, written down once more with SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from scatterkit._arrays import NUMPY
from scatterkit._validation import InvalidParameterError
from scatterkit.augmentation import (
    BlindSpot,
    CentralHole,
    Chain,
    Crop,
    Saturation,
    Shift,
    ShotNoise,
    SimulatedExperiment,
    UniformNoise,
)
from scatterkit.augmentation.base import pixel_uniform

N = 128
STEPS = [ShotNoise, Shift, BlindSpot, Saturation, CentralHole, Crop, Shift]


def pattern():
    rows, columns = np.indices((N, N)) - N // 2
    speckle = np.random.default_rng(0).random((N, N))
    return (np.exp(-0.001 * (rows**2 + columns**2)) * (0.3 + 0.7 * speckle)).astype(np.float32)


def normalised(image):
    return image / image.max()


def published_experiment(image, p):
    """The formulas for one 128 x 128 pattern, with what was drawn for it."""
    rows, columns = np.indices((N, N))
    from_beam = np.hypot(rows - 64, columns - 64)
    u = pixel_uniform(p["0.key"][None], (N, N), NUMPY)[0].astype(np.float64)
    image = normalised(image * stats.poisson.ppf(u + 2.0**-25, p["0.rate"]))
    image = ndimage.shift(image, p["1.shift"].astype(np.float64), mode="constant", cval=0)
    y, x = np.meshgrid(np.linspace(-1, 1, N), np.linspace(-1, 1, N), indexing="ij")
    squared = (y - p["2.center"][0]) ** 2 + (x - p["2.center"][1]) ** 2
    image = normalised(image * (1 - np.exp(-squared / (2 * p["2.width"] ** 2))))
    image = np.minimum(p["3.gain"] * image, 1)
    image = normalised(np.where(from_beam < p["4.radius"], 0, image))
    h, w = p["5.margins"]
    inside = (rows >= h) & (rows <= N - 1 - h) & (columns >= w) & (columns <= N - 1 - w)
    image = np.where(inside & (from_beam < p["5.radius"]), image, 0)
    return ndimage.shift(image, p["6.shift"].astype(np.float64), mode="constant", cval=0)


def test_it_is_the_published_formulas():
    n = 5
    params = SimulatedExperiment().sample_params(n, random_state=0)
    found = SimulatedExperiment().apply(np.stack([pattern()] * n), params)
    for i in range(n):
        own = {name: values[i] for name, values in params.items()}
        np.testing.assert_allclose(found[i], published_experiment(pattern(), own), atol=2e-5)


def test_it_draws_the_published_ranges():
    params = SimulatedExperiment().sample_params(3000, random_state=1)
    evenly = {
        "1.shift": (-5, 10),
        "2.center": (-0.5, 1),
        "2.width": (0, 0.25),
        "3.gain": (1, 0.5),
        "4.radius": (0, 10),
        "5.radius": (32, 32),
        "6.shift": (-5, 10),
    }
    for name, (low, width) in evenly.items():
        for values in params[name].reshape(3000, -1).T:
            assert stats.kstest(values, stats.uniform(low, width).cdf).pvalue > 1e-3
    assert stats.kstest(np.log10(params["0.rate"]), stats.uniform(1, 1).cdf).pvalue > 1e-3
    for margins in params["5.margins"].T:
        assert stats.chisquare(np.bincount(margins, minlength=32)).pvalue > 1e-3


def test_steps_draw_apart():
    params = SimulatedExperiment().sample_params(2000, random_state=1)
    for one, other in ((params["1.shift"], params["6.shift"]), (params["2.center"], params["6.shift"])):
        assert abs(stats.pearsonr(one[:, 0], other[:, 0]).statistic) < 0.1


def test_a_chain_of_the_same_steps_is_the_same():
    experiment, chain = SimulatedExperiment(), Chain([kind() for kind in STEPS])
    params = experiment.sample_params(2, random_state=4)
    again = chain.sample_params(2, random_state=4)
    assert params.keys() == again.keys()
    assert all(np.array_equal(params[name], again[name]) for name in params)
    X = np.stack([pattern()] * 2)
    np.testing.assert_array_equal(experiment.apply(X, params), chain.apply(X, params))
    said, chained = experiment.describe(params, 1), chain.describe(params, 1)
    assert said["filter"] == "SimulatedExperiment"
    assert [step["filter"] for step in said["steps"]] == [kind.__name__ for kind in STEPS]
    assert said["steps"] == chained["steps"]


def test_the_mask_passes_every_step():
    params = SimulatedExperiment().sample_params(3, random_state=2)
    left = SimulatedExperiment().apply_mask(np.ones((3, N, N)), params)
    expected = np.ones((3, N, N), np.float32)
    for i, kind in enumerate(STEPS):
        own = {k.removeprefix(f"{i}."): v for k, v in params.items() if k.startswith(f"{i}.")}
        expected = kind().apply_mask(expected, own)
    np.testing.assert_array_equal(left, expected)
    assert 0 < left.mean() < 0.8


def test_steps_of_ones_own():
    experiment = SimulatedExperiment(hole=CentralHole(radius=(8.0, 8.0)))
    experiment.set_params(hole__radius=(9.0, 9.0))
    assert set(experiment.sample_params(4, random_state=0)["4.radius"]) == {9.0}


def test_chains_nest():
    inner = Chain([Shift(), UniformNoise()])
    outer = Chain([inner, ShotNoise()])
    params = outer.sample_params(2, (16, 16), random_state=0)
    assert set(params) == {"0.0.shift", "0.1.amplitude", "0.1.key", "1.rate", "1.key"}
    X = np.stack([pattern()[56:72, 56:72]] * 2)
    once = inner.apply(X, {k: params[f"0.{k}"] for k in ("0.shift", "1.amplitude", "1.key")})
    expected = ShotNoise().apply(once, {k: params[f"1.{k}"] for k in ("rate", "key")})
    np.testing.assert_array_equal(outer.apply(X, params), expected)


@pytest.mark.parametrize("steps", [[], None, Shift(), [Shift], [Shift(), "blur"]])
def test_other_steps_are_refused(steps):
    with pytest.raises(InvalidParameterError, match="'steps' parameter of Chain must be a list of filters"):
        Chain(steps).sample_params(1)


def test_bad_steps_are_refused():
    with pytest.raises(InvalidParameterError, match="'shift' parameter of Shift"):
        Chain([Shift(shift=(2, 1))]).sample_params(1)
    with pytest.raises(InvalidParameterError, match="'radius' parameter of CentralHole"):
        SimulatedExperiment(hole=CentralHole(radius=(-1, 1))).apply(np.zeros((1, 4, 4)), {})
