"""The augmenter: the published choice, reproducible by seed, epoch and number, kept as history."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from scipy import stats

from scatterkit._validation import InvalidParameterError
from scatterkit.augmentation import (
    AugmentationParams,
    Augmenter,
    CentralHole,
    Chain,
    Crop,
    PanelGaps,
    Shift,
    UniformNoise,
)
from scatterkit.experiment import Panel, PanelDetector, QGrid

SHAPE = (24, 20)
PUBLISHED = [
    "UniformNoise",
    "PoissonNoise",
    "ShotNoise",
    "Shift",
    "CentralHole",
    "SaltAndPepper",
    "Crop",
    "Saturation",
    "BlindSpot",
    "SimulatedExperiment",
]


def patterns(n=30, shape=SHAPE):
    return np.random.default_rng(0).random((n, *shape), dtype=np.float32)


def test_the_published_choice_is_ten_filters_all_alike():
    params = Augmenter(random_state=0).sample_params(20000, shape=SHAPE)
    assert list(params.filters) == PUBLISHED
    assert stats.chisquare(np.bincount(params.choice)).pvalue > 1e-3


def test_all_adds_the_filters_that_were_published_but_not_chosen():
    assert list(Augmenter("all").named_filters()) == [*PUBLISHED, "Blur", "Rotation", "Bar"]


def test_weights_set_the_shares():
    augmenter = Augmenter([(Shift(), 3), (CentralHole(), 0.5), Shift()], random_state=0)
    assert list(augmenter.named_filters()) == ["Shift", "CentralHole", "Shift_2"]
    found = np.bincount(augmenter.sample_params(9000, shape=SHAPE).choice)
    assert stats.chisquare(found, np.array([3, 0.5, 1]) / 4.5 * 9000).pvalue > 1e-3


def test_a_part_of_the_samples_stays_as_it_is():
    augmenter = Augmenter([(Shift((2.0, 3.0)), 3), CentralHole()], random_state=0, probability=0.4)
    found = np.bincount(augmenter.sample_params(9000, shape=SHAPE).choice + 1)
    assert stats.chisquare(found, np.array([0.6, 0.3, 0.1]) * 9000).pvalue > 1e-3
    X, mask = patterns(60), patterns(60) > 0.2
    augmented, masks, params = augmenter.augment(X, mask)
    untouched = params.choice < 0
    assert 20 < untouched.sum() < 50
    np.testing.assert_array_equal(augmented[untouched], X[untouched])
    np.testing.assert_array_equal(masks[untouched], mask[untouched])
    assert (augmented[~untouched] != X[~untouched]).any(axis=(1, 2)).all()
    assert [line == {"filter": None} for line in params.history()] == untouched.tolist()
    stored = AugmentationParams.from_dict(through_json(params.to_dict()), augmenter)
    np.testing.assert_array_equal(augmenter.apply(X, stored), augmented)


def test_the_two_ends_of_the_probability():
    never = Augmenter(random_state=0, probability=0)
    np.testing.assert_array_equal(never.transform(patterns()), patterns())
    assert (Augmenter(random_state=0).sample_params(3000, shape=SHAPE).choice >= 0).all()
    for wrong in (-0.1, 1.5, "half", None):
        with pytest.raises(InvalidParameterError, match="'probability' parameter of Augmenter"):
            Augmenter(probability=wrong).transform(patterns())


def test_stored_parameters_of_panels_fit_the_patterns_they_were_drawn_for():
    panel = Panel((400, 400), corner=(-20.0, -20.0, 20.0), fast=(0.1, 0, 0), slow=(0, 0.1, 0))
    augmenter = Augmenter([PanelGaps(PanelDetector([panel]), grid=QGrid(32))], random_state=0)
    params = augmenter.sample_params(3, shape=(32, 32))
    stored = AugmentationParams.from_dict(params.to_dict(), augmenter, shape=(32, 32))
    np.testing.assert_array_equal(stored.values["PanelGaps"]["shift"], params.values["PanelGaps"]["shift"])


def test_stored_parameters_take_no_random_numbers():
    augmenter, other = (Augmenter([Shift()], random_state=np.random.default_rng(0)) for _ in range(2))
    params, _ = augmenter.sample_params(3), other.sample_params(3)
    AugmentationParams.from_dict(params.to_dict(), augmenter)
    np.testing.assert_array_equal(augmenter.sample_params(3).choice, other.sample_params(3).choice)
    assert augmenter.sample_params(3).values["Shift"]["shift"].tolist() == (
        other.sample_params(3).values["Shift"]["shift"].tolist()
    )


def test_filters_of_one_kind_draw_apart():
    params = Augmenter([Shift(), Shift()], random_state=0).sample_params(50)
    one, other = (params.values[label]["shift"] for label in ("Shift", "Shift_2"))
    assert not np.isclose(one, other).all(axis=1).any()


def test_a_sample_depends_on_seed_epoch_and_number_alone():
    augmenter = Augmenter(random_state=5)
    whole = augmenter.augment(patterns(), epoch=2)
    some = np.array([17, 3, 28])
    alone = augmenter.augment(patterns()[some], indices=some, epoch=2)
    np.testing.assert_array_equal(alone.patterns, whole.patterns[some])
    assert alone.params.history() == [whole.params.history()[i] for i in some]
    for other in (Augmenter(random_state=6).augment(patterns(), epoch=2), augmenter.augment(patterns())):
        assert other.params.history() != whole.params.history()
    np.testing.assert_array_equal(augmenter.transform(patterns()), augmenter.augment(patterns()).patterns)


def test_large_numbers_of_samples_and_epochs():
    found = Augmenter(random_state=2**62).sample_params([0, 2**40, 2**40 + 1], epoch=10**6)
    assert len({str(line) for line in found.history()}) == 3


def test_without_a_seed_every_call_differs():
    for random_state in (None, np.random.default_rng(0)):
        augmenter = Augmenter([Shift()], random_state=random_state)
        first, second = (augmenter.sample_params(3).values["Shift"]["shift"] for _ in range(2))
        assert not np.array_equal(first, second)


def test_every_sample_gets_its_own_filter_and_no_other():
    augmenter = Augmenter("all", random_state=1)
    X, mask = patterns(60), patterns(60) > 0.2
    augmented, masks, params = augmenter.augment(X, mask)
    assert len(set(params.choice)) > 10
    for i, choice in enumerate(params.choice):
        label = list(params.filters)[choice]
        own = {name: values[i : i + 1] for name, values in params.values[label].items()}
        filter_ = params.filters[label]
        np.testing.assert_array_equal(augmented[i], filter_.apply(X[i : i + 1], own)[0])
        np.testing.assert_array_equal(masks[i], filter_.apply_mask(mask[i : i + 1], own)[0].astype(bool))


def test_masks_start_as_measured_everywhere_and_one_may_serve_all():
    augmenter = Augmenter([Crop()], random_state=1)
    X = patterns(4)
    everywhere = augmenter.augment(X)
    assert everywhere.masks.dtype == bool
    assert 0 < everywhere.masks.mean() < 1
    np.testing.assert_array_equal(augmenter.augment(X, np.ones(SHAPE, bool)).masks, everywhere.masks)
    half = np.arange(SHAPE[1])[None] < np.full((SHAPE[0], 1), 10)
    np.testing.assert_array_equal(augmenter.augment(X, half).masks, everywhere.masks & half)


def test_history_says_what_was_done():
    params = Augmenter([Chain([Shift((1.0, 1.0)), CentralHole((2.0, 2.0))])]).sample_params(1)
    steps = [{"filter": "Shift", "shift": (1.0, 1.0)}, {"filter": "CentralHole", "radius": 2.0}]
    assert params.history() == [{"filter": "Chain", "steps": steps}]
    said = Augmenter(random_state=0).sample_params(40).history()
    assert json.loads(json.dumps(said[0]))["filter"] == said[0]["filter"]


def through_npz(stored):
    file = io.BytesIO()
    np.savez(file, **stored)
    file.seek(0)
    return dict(np.load(file))


def through_json(stored):
    return json.loads(json.dumps({name: values.tolist() for name, values in stored.items()}))


@pytest.mark.parametrize("store", [through_npz, through_json])
def test_stored_parameters_give_the_same_images_to_the_last_bit(store):
    augmenter = Augmenter("all", random_state=3)
    augmented = augmenter.augment(patterns(60))
    params = AugmentationParams.from_dict(store(augmented.params.to_dict()), Augmenter("all"))
    np.testing.assert_array_equal(Augmenter("all").apply(patterns(60), params), augmented.patterns)
    assert params.history() == augmented.params.history()


def test_some_samples_parameters():
    params = Augmenter(random_state=3).sample_params(10)
    assert params[2:5].history() == params.history()[2:5]
    assert params[[7, 1]].history() == [params.history()[i] for i in (7, 1)]
    assert len(params[3]) == 1


def test_arrays_in_a_tree_do_too():
    augmenter = Augmenter(random_state=3)
    augmented = augmenter.augment(patterns())
    tree = augmented.params.tree()
    assert {value.dtype for own in tree.values() if isinstance(own, dict) for value in own.values()} <= {
        np.dtype(np.float32),
        np.dtype(np.int32),
    }
    np.testing.assert_array_equal(augmenter.apply(patterns(), tree), augmented.patterns)


@pytest.mark.parametrize(
    "filters", ["best", None, [], [Shift], [(Shift(), 0)], [(Shift(), "1")], [(Shift(), True)], [(Shift(),)]]
)
def test_other_filters_are_refused(filters):
    with pytest.raises(InvalidParameterError, match="'filters' parameter of Augmenter must be 'published'"):
        Augmenter(filters).sample_params(1)


@pytest.mark.parametrize("samples", [0, -1, 1.5, True, [], [[1]], [-1], [0.5], "1"])
def test_other_samples_are_refused(samples):
    with pytest.raises(InvalidParameterError, match="'samples' parameter of Augmenter"):
        Augmenter().sample_params(samples)


def test_what_does_not_belong_together_is_refused():
    augmenter = Augmenter([UniformNoise(), Shift()], random_state=0)
    params = augmenter.sample_params(3, shape=SHAPE)
    with pytest.raises(InvalidParameterError, match="one for each of 3 patterns"):
        augmenter.augment(patterns(3), indices=[1, 2])
    with pytest.raises(InvalidParameterError, match="for 2 patterns"):
        augmenter.apply(patterns(2), params)
    with pytest.raises(InvalidParameterError, match="drawn for its filters"):
        Augmenter("published").apply(patterns(3), params)
    with pytest.raises(InvalidParameterError, match="'epoch' parameter"):
        augmenter.sample_params(3, epoch=-1)
    with pytest.raises(InvalidParameterError, match="'mask' parameter"):
        augmenter.augment(patterns(3), np.ones((3, 4)))
    with pytest.raises(InvalidParameterError, match="'random_state' parameter of Augmenter"):
        Augmenter(random_state="seed").transform(patterns(3))
    stored = params.to_dict()
    with pytest.raises(InvalidParameterError, match="unlike names"):
        AugmentationParams.from_dict(stored, Augmenter())
    with pytest.raises(InvalidParameterError, match="numbers of 2 filters"):
        AugmentationParams.from_dict(stored | {"choice": [0, 1, 2]}, augmenter)
    with pytest.raises(InvalidParameterError, match="for 2 patterns"):
        AugmentationParams.from_dict(stored | {"choice": [0, 1]}, augmenter)
