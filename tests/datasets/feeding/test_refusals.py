"""Batches that cannot be given are refused before anything is read."""

from __future__ import annotations

import numpy as np
import pytest

from scatterkit.augmentation import Augmenter
from scatterkit.datasets import as_keras

ARRAYS = {"pattern": np.zeros((20, 16, 16)), "volume": np.zeros((20, 8, 8, 8))}


@pytest.mark.parametrize(
    ("source", "parameters", "message"),
    [
        (3, {}, "'source' parameter of as_keras must be the path of a data set"),
        ({}, {}, "'source' parameter"),
        ({"pattern": np.zeros((20, 16, 16))}, {}, r"with the variables \['pattern', 'volume'\]"),
        (ARRAYS | {"volume": np.zeros((19, 8, 8, 8))}, {}, "as many samples of each variable"),
        (ARRAYS | {"pattern": np.zeros((20, 16))}, {}, "'pattern' has 3 dimensions"),
        (ARRAYS | {"pattern": np.zeros((20, 16, 16), complex)}, {}, "real numbers"),
        (ARRAYS, {"x": "mask"}, "'x' parameter"),
        (ARRAYS, {"y": "masks"}, "'y' parameter"),
        (ARRAYS, {"x": "volume", "y": "mask"}, "'y' parameter of as_keras must be without 'mask' where x is"),
        (ARRAYS, {"y": ()}, "'y' parameter"),
        (ARRAYS, {"mask": "weights"}, "'mask' parameter"),
        (ARRAYS, {"x": "volume", "mask": "channel"}, "'mask' parameter of as_keras must be None where x is"),
        (
            ARRAYS,
            {"x": "volume", "augmenter": Augmenter()},
            "'augmenter' parameter of as_keras must be None where",
        ),
        (ARRAYS, {"augmenter": 3}, "'augmenter' parameter"),
        (ARRAYS, {"augmenter": Augmenter(filters="none")}, "'filters' parameter of Augmenter"),
        (ARRAYS, {"batch_size": 0}, "'batch_size' parameter"),
        (ARRAYS, {"batch_size": 21, "drop_last": True}, "'batch_size' parameter"),
        (ARRAYS, {"shuffle": 1}, "'shuffle' parameter"),
        (ARRAYS, {"random_state": -1}, "'random_state' parameter"),
        (ARRAYS, {"buffer_size": 0}, "'buffer_size' parameter"),
        (ARRAYS, {"steps_per_epoch": 0}, "'steps_per_epoch' parameter"),
        (ARRAYS, {"prefetch": -1}, "'prefetch' parameter"),
        (ARRAYS, {"workers": 0}, "'workers' parameter"),
        (ARRAYS, {"samples": (3, 21)}, "'samples' parameter"),
        (ARRAYS, {"samples": (3, 3)}, "'samples' parameter"),
        (ARRAYS, {"samples": [3, 3]}, "'samples' parameter"),
        (ARRAYS, {"samples": [-1]}, "'samples' parameter"),
        (ARRAYS, {"samples": [0.5]}, "'samples' parameter"),
        (ARRAYS, {"samples": slice(5, 5)}, "'samples' parameter"),
    ],
)
def test_refused_at_once(source, parameters, message):
    with pytest.raises(ValueError, match=message):
        as_keras(source, **parameters)


def test_no_set_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        as_keras(tmp_path / "nothing.zarr")
