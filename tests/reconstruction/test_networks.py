"""Networks: sizes, precision, saving, and what the mask hides."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from network_tools import array, keras, tensor

from scatterkit.reconstruction import (
    CompactEncoder,
    DepthDecoder,
    PlaneDecoder,
    PublishedEncoder,
    VoxelDecoder,
    make_network,
)

PUBLISHED_WEIGHTS = 195_838_017
"""What the summary of the authors' network says; the paper says 200 million."""

SMALL = CompactEncoder(width=4, n_blocks=1, n_features=8)
PIXELS, GRID = 32, 8


def small(decoder=None):
    keras.utils.set_random_seed(0)
    return make_network(SMALL, decoder or PlaneDecoder(n_faces=8), PIXELS, GRID)


def batch(n=2, pixels=PIXELS):
    patterns = np.random.default_rng(0).random((n, pixels, pixels), dtype=np.float32)
    masks = np.ones_like(patterns)
    masks[:, :5] = 0
    return patterns, masks


def published(width):
    return make_network(PublishedEncoder(width=width), VoxelDecoder(width=width))


def test_published_number_of_weights():
    # every layer's weights are a polynomial of degree two in the width
    widths = np.array([1, 2, 4])
    counts = [published(int(width)).count_params() for width in widths]
    polynomial = np.polyfit(widths, counts, 2)
    assert round(np.polyval(polynomial, 64)) == PUBLISHED_WEIGHTS


@pytest.mark.slow
def test_the_published_network_itself():
    network = published(64)
    assert network.count_params() == PUBLISHED_WEIGHTS
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == 195_813_825
    assert network.output_shape == (None, 64, 64, 64)


def test_published_network_runs():
    patterns, masks = batch(1, 128)
    numbers = published(1)((tensor(patterns), tensor(masks)))
    assert tuple(numbers.shape) == (1, 64, 64, 64)
    assert np.isfinite(array(numbers)).all()


@pytest.mark.parametrize(("width", "pixels", "low", "high"), [(32, 64, 1.9e6, 2.4e6), (56, 128, 6e6, 8e6)])
def test_sizes_of_the_compact_network(width, pixels, low, high):
    assert low < make_network(CompactEncoder(width), "planes", n_pixels=pixels).count_params() < high


def test_stem_of_stride_eight():
    wide, narrow = (CompactEncoder(8, 1, 16, stride=stride) for stride in (4, 8))
    networks = [make_network(encoder, PlaneDecoder(8), 64) for encoder in (wide, narrow)]
    maps = [network.layers[-4].output.shape[-1] for network in networks]  # the flattened last map
    assert maps == [2 * 2 * 16, 16]
    # five channels by 4x4 pixels to 16, these by 3x3 to 8, in the place of five by 7x7 to 8
    stems = (5 * 49 + 1) * 8, (5 * 16 + 1) * 16 + (16 * 9 + 1) * 8
    dense = 16 * (maps[0] - maps[1])
    counts = [network.count_params() for network in networks]
    assert counts[0] - counts[1] == stems[0] - stems[1] + dense
    numbers = networks[1](tuple(map(tensor, batch(3, 64))))
    assert tuple(numbers.shape) == (3, 35)
    assert np.isfinite(array(numbers)).all()


@pytest.mark.parametrize(
    "decoder",
    ["planes", "support", DepthDecoder(width=1), VoxelDecoder(width=1)],
    ids=lambda d: d if isinstance(d, str) else type(d).__name__,
)
def test_every_decoder_follows_every_encoder(decoder):
    network = small(decoder)
    numbers = network(tuple(map(tensor, batch())))
    shape = (network.output_shape[1:], tuple(numbers.shape)[1:])
    assert shape[0] == shape[1]
    assert np.isfinite(array(numbers)).all()
    assert make_network(PublishedEncoder(width=1), decoder, grid=GRID).output_shape[1:] == shape[0]


def test_masked_pixels_do_not_matter():
    network, (patterns, masks) = small(), batch()
    other = np.where(masks > 0, patterns, np.nan).astype(np.float32)
    found = [array(network((tensor(p), tensor(masks)))) for p in (patterns, other)]
    np.testing.assert_array_equal(*found)
    whole = array(network((tensor(patterns), tensor(np.ones_like(masks)))))
    assert np.abs(whole - found[0]).max() > 1e-5


def test_the_network_knows_where_pixels_are():
    layers = importlib.import_module("scatterkit.reconstruction._layers")
    patterns, masks = batch(1)
    channels = array(layers.PatternChannels()((tensor(patterns), tensor(masks))))[0]
    np.testing.assert_array_equal(channels[..., 0], patterns[0] * masks[0])
    np.testing.assert_array_equal(channels[..., 1], masks[0])
    assert channels[16, 16, 2:].tolist() == [0, 0, 0]
    np.testing.assert_allclose(channels[16, 24, 2:], [0.5, 1, 0])
    np.testing.assert_allclose(channels[0, 16, 2:], [1, 0, -1])
    np.testing.assert_allclose(channels[19, 20, 2:], [5 / 16, 0.8, 0.6], rtol=1e-6)


def test_compiled_equals_eager():
    network, given = small(), batch()
    eager = array(network(tuple(map(tensor, given))))
    if keras.backend.backend() != "torch":  # which compiles by other means, that need a C++ compiler
        network.compile(jit_compile=True)
    np.testing.assert_allclose(network.predict(given, verbose=0), eager, atol=1e-5)


def test_weights_and_models_survive_saving(tmp_path):
    network, given = small(), tuple(map(tensor, batch()))
    expected = array(network(given))
    network.save_weights(tmp_path / "network.weights.h5")
    keras.utils.set_random_seed(1)
    other = make_network(SMALL, PlaneDecoder(n_faces=8), PIXELS, GRID)
    assert np.abs(array(other(given)) - expected).max() > 1e-4
    other.load_weights(tmp_path / "network.weights.h5")
    np.testing.assert_array_equal(array(other(given)), expected)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(array(loaded(given)), expected)


@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_bfloat16", 0.3), ("mixed_float16", 0.04)])
def test_mixed_precision_gives_numbers_in_full_precision(policy, tolerance):
    given = tuple(map(tensor, batch()))
    exact = {
        type(d).__name__: array(small(d)(given)) for d in (PlaneDecoder(8), VoxelDecoder(1), DepthDecoder(1))
    }
    keras.mixed_precision.set_global_policy(policy)
    try:
        for decoder in (PlaneDecoder(8), VoxelDecoder(1), DepthDecoder(1)):
            network = small(decoder)
            assert "float16" in network.layers[3].compute_dtype
            found = array(network(given))
            assert found.dtype == np.float32
            expected = exact[type(decoder).__name__]
            assert np.linalg.norm(found - expected) < tolerance * np.linalg.norm(expected)
            body = decoder.body(network(given), GRID)
            assert array(body.occupancy).dtype == array(body.entrance).dtype == np.float32
    finally:
        keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoder": "large"}, "'encoder' parameter of make_network must be one of"),
        ({"decoder": "meshes"}, "'decoder' parameter of make_decoder must be one of"),
        ({"decoder": 3}, "'decoder' parameter of make_network must be"),
        ({"n_pixels": 16}, "'n_pixels' parameter of make_network must be an integer >= 32"),
        (
            {"encoder": "published", "n_pixels": 64},
            "'n_pixels' parameter of make_network must be at least 128 a side, which PublishedEncoder",
        ),
        ({"grid": 3}, "'grid' parameter of make_network must be"),
        (
            {"encoder": CompactEncoder(stride=8), "n_pixels": 63},
            r"'n_pixels' parameter of make_network must be at least 64 a side, which CompactEncoder\(stride=8",
        ),
        ({"encoder": CompactEncoder(stride=2)}, "'stride' parameter of CompactEncoder must be one of 4, 8"),
        ({"encoder": CompactEncoder(width=0)}, "'width' parameter of CompactEncoder must be"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_network(**arguments)
