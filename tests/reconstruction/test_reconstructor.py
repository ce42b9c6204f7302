"""PhysicsReconstructor: it learns, keeps its weights, takes part in scikit-learn, and refuses what is wrong."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest
from network_tools import array, keras
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from training_tools import GRID, PIXELS, SIMULATOR, bodies, eager, patterns, reconstructor

from scatterkit.augmentation import Augmenter, CentralHole, UniformNoise
from scatterkit.datasets import OnTheFly
from scatterkit.experiment import QGrid
from scatterkit.metrics import pattern_residual
from scatterkit.reconstruction import (
    DepthDecoder,
    PhysicsReconstructor,
    PublishedEncoder,
    VoxelDecoder,
)
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import HalfSpaceSampler, Rasterizer

__all__ = ["eager"]
Y = bodies()
X = patterns(Y)


@pytest.fixture(scope="module")
def fitted():
    return reconstructor().fit(X, Y)


def losses(estimator):
    return np.array([row["loss"] for row in estimator.history_])


@pytest.mark.parametrize("loss", ["visible", "physics", pytest.param("annealed", marks=pytest.mark.slow)])
def test_it_learns(loss):
    given = () if loss == "physics" else (Y,)
    network = reconstructor(loss=loss, n_steps=150, learning_rate=3e-3, schedule="constant").fit(X, *given)
    found = losses(network)
    assert network.n_steps_ == 150
    if loss != "annealed":  # whose weights grow meanwhile
        assert found[-3:].mean() < 0.8 * found[0]
    assert np.isfinite(found).all()


def test_what_it_predicts_fits_together(fitted):
    volumes = fitted.predict(X)
    assert volumes.shape == Y.shape
    assert volumes.dtype == np.float32
    assert 0 <= volumes.min() < volumes.max() <= 1
    solids = fitted.predict_solids(X)
    raster = Rasterizer(grid=GRID, box=SIMULATOR.box).transform(solids)
    assert np.abs(raster - volumes).mean() < 0.03
    pictures = fitted.predict_pattern(X)
    residuals = np.mean((pictures - X) ** 2, axis=(1, 2))
    assert fitted.score(X) == pytest.approx(-residuals.mean(), rel=1e-4)
    assert fitted.n_features_in_ == PIXELS**2
    np.testing.assert_allclose(fitted.predict(X[3:4]), volumes[3:4], atol=1e-5)


@pytest.mark.usefixtures("eager")
def test_score_of_voxels_is_the_metric():
    network = reconstructor(decoder=VoxelDecoder(width=1), n_steps=2).fit(X[:4], Y[:4])
    residuals = pattern_residual(X[:4], SIMULATOR.transform(network.predict(X[:4])))
    assert network.score(X[:4], Y[:4]) == pytest.approx(-residuals.mean(), rel=1e-5)


def test_the_model_is_the_mean_of_the_weights(fitted):
    weights = np.concatenate([array(v).ravel() for v in fitted.model_.trainable_variables])
    np.testing.assert_array_equal(weights, fitted.weights_)
    np.testing.assert_array_equal(weights, fitted.state_["average"])
    assert np.abs(weights - fitted.state_["weights"]).max() > 0


@pytest.mark.usefixtures("eager")
def test_masked_pixels_do_not_matter(fitted):
    mask = np.ones((PIXELS, PIXELS), bool)
    mask[12:20, 12:20] = False
    spoilt = np.where(mask, X, np.nan)
    np.testing.assert_array_equal(fitted.predict(spoilt, mask=mask), fitted.predict(X, mask=mask))
    assert np.abs(fitted.predict(X, mask=mask) - fitted.predict(X)).max() > 0
    each = np.broadcast_to(mask, X.shape)
    np.testing.assert_array_equal(fitted.predict(X, mask=each), fitted.predict(X, mask=mask))
    trained = [reconstructor(loss="physics", n_steps=3).fit(x, mask=mask).weights_ for x in (X, spoilt)]
    np.testing.assert_array_equal(*trained)
    whole = reconstructor(loss="physics", n_steps=3).fit(X).weights_
    assert np.abs(trained[0] - whole).max() > 0


@pytest.mark.slow
def test_seeds_say_everything(fitted):
    drawn = random.getstate()
    policy = keras.config.dtype_policy().name
    again, other = reconstructor().fit(X, Y), reconstructor(random_state=1).fit(X, Y)
    np.testing.assert_array_equal(again.weights_, fitted.weights_)
    assert losses(again).tolist() == losses(fitted).tolist()
    assert np.abs(other.weights_ - fitted.weights_).max() > 0
    assert random.getstate() == drawn
    assert keras.config.dtype_policy().name == policy


def test_pickle_clone_and_file(fitted, tmp_path):
    expected = fitted.predict(X)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(X), expected)
    assert not hasattr(clone(fitted), "weights_")
    exact = PhysicsReconstructor.load(fitted.save(tmp_path / "exact.npz", "float32"))
    np.testing.assert_array_equal(exact.predict(X), expected)
    assert repr(exact.history_) == repr(fitted.history_)  # NaN is not NaN
    assert exact.get_params()["encoder__width"] == 8
    small = PhysicsReconstructor.load(fitted.save(tmp_path / "small.npz"))
    np.testing.assert_allclose(small.predict(X), expected, atol=0.02)
    sizes = [(tmp_path / name).stat().st_size for name in ("small.npz", "exact.npz")]
    assert sizes[1] - sizes[0] == 2 * len(fitted.weights_)


def test_nothing_in_a_file_is_pickled(fitted, tmp_path):
    with np.load(fitted.save(tmp_path / "file.npz"), allow_pickle=False) as stored:
        assert {stored[name].dtype.kind for name in stored.files} <= set("fiuU")


def test_damaged_and_other_files_are_refused(fitted, tmp_path):
    path = fitted.save(tmp_path / "file.npz")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="damaged"):
        PhysicsReconstructor.load(path)
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(ValueError, match=r"other\.npz is damaged, or no file of this kind"):
        PhysicsReconstructor.load(tmp_path / "other.npz")
    with pytest.raises(FileNotFoundError):
        PhysicsReconstructor.load(tmp_path / "none.npz")
    big = clone(fitted)
    big._set_fitted(1e6 * fitted.weights_, fitted.others_, [], 1, None)
    with pytest.raises(ValueError, match="'float32' for weights as large"):
        big.save(tmp_path / "big.npz")


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_cross_validation_and_grid_search():
    scores = cross_val_score(reconstructor(n_steps=2), X, Y, cv=2)
    assert (scores < 0).all()
    search = GridSearchCV(reconstructor(n_steps=2), {"learning_rate": [1e-3, 1e-2]}, cv=2).fit(X, Y)
    assert search.best_estimator_.predict(X).shape == Y.shape


@pytest.mark.usefixtures("eager")
def test_warm_start_and_partial_fit(fitted):
    network = clone(fitted).set_params(warm_start=True, learning_rate=1e-9, n_steps=1)
    network._set_fitted(fitted.weights_, fitted.others_, [], 20, None)
    np.testing.assert_allclose(network.fit(X, Y).weights_, fitted.weights_, atol=1e-6)
    step = clone(fitted).partial_fit(X, Y)
    assert step.n_steps_ == 3
    assert step.partial_fit(X, Y).n_steps_ == 6
    assert [row["step"] for row in step.history_] == [3, 6]
    assert int(step.state_["updates"]) == 6


@pytest.mark.usefixtures("eager")
def test_loaded_weights_can_be_trained_on(fitted, tmp_path):
    network = PhysicsReconstructor.load(fitted.save(tmp_path / "a.npz", "float32")).partial_fit(X, Y)
    assert network.n_steps_ == fitted.n_steps_ + 3
    apart = np.abs(network.weights_ - fitted.weights_).max()
    assert 0 < apart < 0.1


@pytest.mark.slow
def test_validation_is_kept_apart_and_clean(fitted):
    noisy = Augmenter([UniformNoise()])
    given = {"validation": 4, "validate_every": 10, "learning_rate": 1e-9}
    clean, artifacts = (reconstructor(augmenter=a, **given).fit(X, Y) for a in (None, noisy))
    seen = [[row["validation"] for row in network.history_] for network in (clean, artifacts)]
    assert np.isfinite(seen).all()
    # weights hardly change: what was validated on has no artifacts, what was trained on has
    np.testing.assert_allclose(*seen, rtol=1e-4)
    assert np.abs(losses(clean) / losses(artifacts) - 1).max() > 1e-4
    assert np.isnan([row["validation"] for row in fitted.history_]).all()


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_stores_mappings_and_endless_sources(fitted, tmp_path):
    mapping = {"pattern": X, "volume": Y}
    by_mapping = reconstructor().fit(mapping)
    assert np.isfinite(by_mapping.weights_).all()
    sampler = HalfSpaceSampler(size=(60.0, 120.0))
    endless = reconstructor(n_steps=3, validation=5, augmenter=Augmenter([CentralHole()])).fit(sampler)
    assert endless.n_steps_ == 3
    assert np.isfinite(endless.history_[-1]["validation"])
    source = OnTheFly(sampler, SIMULATOR, grid=GRID, batch_size=4, y=("volume",), mask="input", n_columns=4)
    assert reconstructor(n_steps=2).fit(source).n_steps_ == 2


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("decoder", [DepthDecoder(width=1), VoxelDecoder(width=1), "support"], ids=str)
def test_every_decoder_can_be_trained(decoder):
    network = reconstructor(decoder=decoder, n_steps=2, loss="hybrid").fit(X, Y)
    assert network.predict(X).shape == Y.shape
    assert np.isfinite(network.weights_).all()


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_means_of_batches_are_learnt_and_kept(tmp_path):
    simulator = MSFTSimulator(detector=QGrid(128, dq=0.005))
    encoder = PublishedEncoder(width=1, dropout=0.1)
    network = reconstructor(simulator=simulator, encoder=encoder, decoder=VoxelDecoder(1), n_steps=2)
    x = np.random.default_rng(0).random((4, 128, 128), dtype=np.float32)
    network.fit(x, bodies(4))
    before = clone(network)._new_network("float32", 0).non_trainable_variables
    means = [i for i, v in enumerate(before) if v.path.endswith("moving_mean")]
    assert means
    assert all(np.abs(network.others_[i] - array(before[i])).max() > 0 for i in means)
    again = PhysicsReconstructor.load(network.save(tmp_path / "file.npz", "float32"))
    np.testing.assert_array_equal(again.predict(x), network.predict(x))


@pytest.mark.parametrize("precision", ["bfloat16", pytest.param("float16", marks=pytest.mark.slow)])
def test_mixed_precision_trains_weights_in_full_precision(precision, fitted):
    network = reconstructor(precision=precision).fit(X, Y)
    assert network.weights_.dtype == np.float32
    assert np.isfinite(losses(network)[-1])
    np.testing.assert_allclose(losses(network)[-1], losses(fitted)[-1], rtol=0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda n: n.fit(X[:, :16, :16], Y),
            r"'X' parameter of PhysicsReconstructor must be .*\(n, 32, 32\)",
        ),
        (lambda n: n.fit(np.where(X > 0.9, np.nan, X), Y), "finite"),
        (lambda n: n.fit(1000 * X, Y), "log-scaled patterns, .* LogScaler.* values up to 1000"),
        (lambda n: n.fit(X), "'y' parameter of PhysicsReconstructor must be volumes .* 'physics'"),
        (lambda n: n.fit(X, Y[:3]), r"'y' parameter .* volumes of shape \(12, 8, 8, 8\)"),
        (lambda n: n.fit(X, 2 * Y), r"'y' parameter .* values in \["),
        (lambda n: n.fit(X, Y, mask=np.ones((5, 5))), "'mask' parameter of PhysicsReconstructor"),
        (lambda n: n.fit(X, Y, mask=np.zeros((32, 32))), "at least one True pixel"),
        (lambda n: n.set_params(validation=12).fit(X, Y), "'validation' parameter .* fewer samples"),
        (lambda n: n.set_params(validation=0.1).fit(HalfSpaceSampler()), "'validation' .* number of samples"),
        (lambda n: n.fit(HalfSpaceSampler(), Y), "'y' parameter .* None where X is an endless source"),
        (lambda n: n.partial_fit(HalfSpaceSampler()), "'X' parameter .* come to an end"),
        (lambda n: n.fit({"pattern": X[:, :16], "volume": Y}), "'X' parameter .* detector's shape"),
        (
            lambda n: n.set_params(grid=16).fit({"pattern": X, "volume": Y}),
            r"volumes of shape \(16, 16, 16\)",
        ),
        (lambda n: n.set_params(simulator=MSFTSimulator(detector=QGrid((32, 16), dq=0.02))).fit(X), "square"),
        (
            lambda n: n.set_params(loss="physics", simulator__backend="fft").fit(X),
            "backend 'auto' or 'keras'",
        ),
        (lambda n: n.set_params(random_state=-1).fit(X, Y), "'random_state'"),
        (lambda n: n.predict(X), "not fitted"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(reconstructor())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda n: n.predict(X[:, :16, :16]),
            r"'X' parameter of PhysicsReconstructor must be .*\(n, 32, 32\)",
        ),
        (lambda n: n.predict(X[0]), "'X' parameter"),
        (lambda n: n.predict(np.where(X > 0.9, np.nan, X)), "finite"),
        (lambda n: n.predict(255 * X), "log-scaled patterns, .* LogScaler"),
        (lambda n: n.predict(-X), "'X' parameter"),
        (lambda n: n.predict(X, mask=np.ones((3, 32, 32), bool)), "'mask' parameter"),
        (lambda n: n.predict(X, mask=np.full((32, 32), 0.5)), "True where a pixel was measured"),
        (lambda n: n.save("x.npz", "float64"), "'dtype' parameter"),
    ],
)
def test_refusals_when_fitted(call, message, fitted):
    with pytest.raises(ValueError, match=message):
        call(fitted)
