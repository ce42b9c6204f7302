"""The mask as a channel."""

from __future__ import annotations

import numpy as np
import pytest

from scatterkit.augmentation import Augmenter, CentralHole, stack_mask

RNG = np.random.default_rng(0)
X = RNG.random((3, 8, 6)).astype(np.float32)
MASKS = RNG.random((3, 8, 6)) < 0.6


def test_both_channels():
    stacked = stack_mask(X, MASKS)
    assert stacked.dtype == np.float32
    np.testing.assert_array_equal(stacked[..., 0], np.where(MASKS, X, 0))
    np.testing.assert_array_equal(stacked[..., 1], MASKS)


def test_one_mask_for_all_and_none():
    np.testing.assert_array_equal(stack_mask(X, MASKS[1])[2, ..., 1], MASKS[1])
    np.testing.assert_array_equal(stack_mask(X), np.stack([X, np.ones_like(X)], axis=-1))
    assert not stack_mask(X, np.zeros_like(MASKS)).any()


def test_saturated_pixels_keep_their_value():
    stacked = stack_mask(X, MASKS, saturation=0.9)
    np.testing.assert_array_equal(stacked[..., 0], np.where(MASKS, X, 0))
    np.testing.assert_array_equal(stacked[..., 1], MASKS & np.less(X, np.float32(0.9)))
    assert (stacked[..., 0][stacked[..., 1] == 0] > 0).any()


def test_of_augmented_patterns():
    augmented = Augmenter([CentralHole((8.0, 8.0))], random_state=0).augment(np.ones((2, 64, 64)))
    stacked = stack_mask(augmented.patterns, augmented.masks)
    np.testing.assert_array_equal(stacked[..., 0], stacked[..., 1])
    assert not stacked[:, 32, 32].any()


def test_tensors():
    from keras import ops

    hidden = np.where(MASKS, X, np.nan)
    for mask in (MASKS, MASKS.astype(np.float32)):
        found = stack_mask(ops.convert_to_tensor(hidden), ops.convert_to_tensor(mask), saturation=0.9)
        np.testing.assert_array_equal(ops.convert_to_numpy(found), stack_mask(X, MASKS, saturation=0.9))
    with pytest.raises(ValueError, match="'mask' parameter of stack_mask must be"):
        stack_mask(ops.convert_to_tensor(X), ops.convert_to_tensor(MASKS[:, :4]))


@pytest.mark.parametrize(
    ("X", "mask", "saturation", "name"),
    [
        (X[0], None, None, "X"),
        (np.full_like(X, np.nan), None, None, "X"),
        (X, MASKS[:2], None, "mask"),
        (X, MASKS[:, :4], None, "mask"),
        (X, 0.5 * MASKS, None, "mask"),
        (X, True, None, "mask"),
        (X, MASKS, "high", "saturation"),
    ],
)
def test_bad_input_is_named(X, mask, saturation, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of stack_mask must be"):
        stack_mask(X, mask, saturation=saturation)
