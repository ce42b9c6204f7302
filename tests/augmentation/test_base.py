"""What holds for every filter: parameters by key, pure application, clear refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from scatterkit import augmentation
from scatterkit._arrays import NUMPY
from scatterkit._counters import _mix, keys_of, random_bits
from scatterkit._validation import InvalidParameterError
from scatterkit.augmentation import Chain, Filter, PanelGaps, Shift, ShotNoise, UniformNoise
from scatterkit.augmentation.base import pixel_uniform

SHAPE = (32, 24)
FILTERS = [
    kind()
    for kind in (getattr(augmentation, name) for name in augmentation.__all__)
    if isinstance(kind, type) and issubclass(kind, Filter) and kind not in (Filter, Chain, PanelGaps)
]
FILTERS.append(Chain([Shift(), UniformNoise()]))


def patterns(n=5, shape=SHAPE):
    return np.random.default_rng(n).random((n, *shape), dtype=np.float32)


every_filter = pytest.mark.parametrize("filter_", FILTERS, ids=lambda f: type(f).__name__)


@every_filter
def test_parameters_follow_from_the_key(filter_):
    keys = keys_of(7, np.arange(6))
    together = filter_.params_of_keys(keys, SHAPE)
    for i in range(6):
        alone = filter_.params_of_keys(keys[i : i + 1], SHAPE)
        assert together.keys() == alone.keys()
        for name, values in alone.items():
            np.testing.assert_array_equal(values[0], together[name][i])
            assert together[name].dtype in (np.float32, np.float64, np.int32)


@every_filter
def test_an_int_draws_the_same_again_and_another_one_does_not(filter_):
    first, again, other = (filter_.sample_params(30, SHAPE, random_state=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not all(np.array_equal(first[name], other[name]) for name in first)


@every_filter
def test_application_is_pure_and_takes_each_pattern_by_itself(filter_):
    X = patterns()
    X.setflags(write=False)
    params = filter_.sample_params(len(X), SHAPE, random_state=1)
    result = filter_.apply(X, params)
    assert result.dtype == np.float32
    assert result.shape == X.shape
    np.testing.assert_array_equal(filter_.apply(X.astype(np.float64), params), result)
    order = np.array([3, 1])
    np.testing.assert_array_equal(
        filter_.apply(X[order], {name: values[order] for name, values in params.items()}), result[order]
    )


@every_filter
def test_a_pattern_without_light_gives_numbers(filter_):
    X = np.zeros((3, *SHAPE))
    assert np.isfinite(filter_.apply(X, filter_.sample_params(3, SHAPE, random_state=0))).all()


@every_filter
def test_masks_only_lose_pixels_or_move(filter_):
    params = filter_.sample_params(4, SHAPE, random_state=2)
    all_measured, none_measured = np.ones((4, *SHAPE)), np.zeros((4, *SHAPE))
    left = filter_.apply_mask(all_measured, params)
    assert left.dtype == np.float32
    assert set(np.unique(left)) <= {0, 1}
    assert not filter_.apply_mask(none_measured, params).any()


@every_filter
def test_what_it_says_can_be_written_as_json_and_used_again(filter_):
    params = filter_.sample_params(2, SHAPE, random_state=5)
    said = json.loads(json.dumps(filter_.describe(params, 1)))
    assert said["filter"] == type(filter_).__name__
    if "steps" in said:
        own = {
            f"{i}.{k}": v for i, step in enumerate(said["steps"]) for k, v in step.items() if k != "filter"
        }
    else:
        own = {name: value for name, value in said.items() if name != "filter"}
    again = {name: [value] for name, value in own.items()}
    X = patterns(1)
    np.testing.assert_array_equal(
        filter_.apply(X, again), filter_.apply(X, {name: values[1:] for name, values in params.items()})
    )


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((4, 4)), "images"),
        (np.full((1, 4, 4), np.nan), "finite"),
        (np.zeros((0, 4, 4)), "not empty"),
        ("pattern", "images"),
        (np.zeros((3, 4, 4)), "for 3 patterns"),
    ],
)
def test_wrong_patterns_are_refused(X, message):
    with pytest.raises(InvalidParameterError, match=message):
        UniformNoise().apply(X, {"amplitude": [0.1], "key": [1]})


def test_wrong_masks_and_parameters_are_refused():
    with pytest.raises(InvalidParameterError, match=r"'mask' parameter of Shift must be .* \[0, 1\]"):
        Shift().apply_mask(np.full((1, 4, 4), 2.0), {"shift": [(0, 0)]})
    with pytest.raises(InvalidParameterError, match="a mapping that holds 'amplitude'"):
        UniformNoise().apply(np.zeros((1, 4, 4)), {"key": [1]})
    with pytest.raises(InvalidParameterError, match="'n' parameter of UniformNoise"):
        UniformNoise().sample_params(0)
    with pytest.raises(InvalidParameterError, match="'random_state' parameter of UniformNoise"):
        UniformNoise().sample_params(1, random_state=-1)
    with pytest.raises(InvalidParameterError, match="the smaller one first"):
        UniformNoise(amplitude=(0.2, 0.1)).sample_params(1)


@every_filter
def test_bad_ranges_are_refused_when_applied_too(filter_):
    name = next(iter(filter_.get_params(deep=False)))
    params = filter_.sample_params(1, SHAPE, random_state=0)
    bad = type(filter_)(**filter_.get_params(deep=False) | {name: "nonsense"})
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of {type(filter_).__name__}"):
        bad.apply(patterns(1), params)


def test_complete_adds_tables_once():
    params = ShotNoise().sample_params(2, random_state=0)
    whole = ShotNoise().complete(params)
    assert set(whole) - set(params) == {"table"}
    assert ShotNoise().complete(whole)["table"] is whole["table"]


def lowbias32(x):
    """The hash of C. Wellons in whole numbers of Python."""
    x = ((x ^ (x >> 16)) * 0x7FEB352D) % 2**32
    x = ((x ^ (x >> 15)) * 0x846CA68B) % 2**32
    return x ^ (x >> 16)


class Plain:
    """NumPy as any other library, without its short cut."""

    def __getattr__(self, name):
        return getattr(NUMPY, name)


def test_bits_are_the_published_hash_also_by_the_short_cut():
    numbers = np.random.default_rng(0).integers(-(2**31), 2**31, size=500, dtype=np.int32)
    expected = [lowbias32(int(x) % 2**32) for x in numbers]
    for ops in (NUMPY, Plain()):
        np.testing.assert_array_equal(_mix(numbers, ops).view(np.uint32), expected)
    keys, counters = numbers[:20, None], numbers[None, 20:]
    np.testing.assert_array_equal(random_bits(keys, counters), random_bits(keys, counters, Plain()))


def test_pixels_are_uniform_and_independent():
    u = pixel_uniform(keys_of(np.arange(40)), (64, 50), NUMPY)
    assert u.shape == (40, 64, 50)
    assert stats.kstest(u.ravel(), "uniform").pvalue > 1e-3
    others = [pixel_uniform(keys_of(np.arange(40)), (64, 50), NUMPY, stream=1), np.roll(u, 1, axis=0)]
    others += [np.roll(u, 1, axis=1), np.roll(u, 1, axis=2)]
    for other in others:
        assert abs(stats.pearsonr(u.ravel(), other.ravel()).statistic) < 4 / np.sqrt(u.size)
