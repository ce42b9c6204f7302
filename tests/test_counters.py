"""Random numbers by key and counter: against a plain implementation, statistics, and Keras."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scatterkit._counters import keys_of, random_bits, uniform

MASK = 0xFFFFFFFF


def lowbias32(x: int) -> int:
    """The published hash, in Python's whole numbers."""
    x ^= x >> 16
    x = x * 0x7FEB352D & MASK
    x ^= x >> 15
    x = x * 0x846CA68B & MASK
    return x ^ x >> 16


def plain_bits(key: int, counter: int) -> int:
    golden = 0x9E3779B9
    mixed = lowbias32((key + golden) & MASK)
    return lowbias32(lowbias32((counter + mixed) & MASK) ^ ((mixed + golden) & MASK))


def test_bits_are_those_of_the_published_hash() -> None:
    numbers = np.array([0, 1, 7, 2**31 - 1, -1, -(2**31), 123456789], np.int32)
    bits = random_bits(numbers[:, None], numbers[None])
    expected = [[plain_bits(int(k) & MASK, int(c) & MASK) for c in numbers] for k in numbers]
    np.testing.assert_array_equal(bits.view(np.uint32), expected)


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    keys = keys_of(11, 0, np.arange(200))
    return uniform(keys[:, None], np.arange(4096, dtype=np.int32)[None])


def test_numbers_are_uniform(field: np.ndarray) -> None:
    assert field.dtype == np.float32
    assert field.min() >= 0
    assert field.max() < 1
    assert stats.kstest(field.ravel(), "uniform").pvalue > 0.001
    assert stats.chisquare(np.histogram(field, 1024, (0, 1))[0]).pvalue > 0.001


@pytest.mark.parametrize(("rows", "columns"), [(0, 1), (0, 2), (1, 0), (3, 0), (1, 1)])
def test_neighbours_have_nothing_to_do_with_each_other(field: np.ndarray, rows: int, columns: int) -> None:
    first, second = field[rows:, columns:], field[: len(field) - rows, : field.shape[1] - columns]
    bins = np.histogram2d(first.ravel(), second.ravel(), 16, [(0, 1), (0, 1)])[0]
    assert stats.chisquare(bins.ravel()).pvalue > 0.001


def test_low_bits_are_random_too() -> None:
    bits = random_bits(keys_of(5), np.arange(65536, dtype=np.int32)) & 255
    assert stats.chisquare(np.bincount(bits, minlength=256)).pvalue > 0.001


def test_keys_differ_where_numbers_do() -> None:
    grid = keys_of(np.arange(20)[:, None, None], np.arange(20)[None, :, None], np.arange(100))
    assert grid.shape == (20, 20, 100)
    assert len(np.unique(grid)) > 0.9999 * grid.size - 1  # 40,000 of 2^32: hardly any two by chance
    assert keys_of(1, 2)[0] != keys_of(2, 1)[0]
    assert keys_of(2**32)[0] != keys_of(0)[0]
    assert keys_of(2**64 - 1).shape == (1,)


def test_keras_gives_the_same_bits() -> None:
    from keras import ops

    keys, counters = keys_of(3, np.arange(8)), np.arange(1000, dtype=np.int32)
    given = uniform(ops.convert_to_tensor(keys)[:, None], ops.convert_to_tensor(counters)[None], ops)
    np.testing.assert_array_equal(ops.convert_to_numpy(given), uniform(keys[:, None], counters[None]))


def test_a_million_samples_of_a_seed_have_different_keys() -> None:
    assert len(np.unique(keys_of(0, np.arange(10**6)))) == 10**6
    high = keys_of(7, 2**32 + np.arange(1000, dtype=np.uint64))
    assert len(np.unique(np.concatenate([high, keys_of(7, np.arange(1000))]))) == 2000
