"""Data of trainings: told apart by their values, and refused where they are of another scale or experiment."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from test_supplies import wishes
from training_tools import GRID, PIXELS, SIMULATOR, bodies, patterns, reconstructor

from scatterkit.augmentation import Augmenter
from scatterkit.datasets import BodyPool, DatasetGenerator, OnTheFly, make_dataset, make_pool
from scatterkit.experiment import QGrid
from scatterkit.reconstruction.training._supplies import supply_of
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.solids import HalfSpaceSampler, Rasterizer, SolidSampler

VOLUMES = bodies()
PATTERNS = patterns(VOLUMES)
SMALL = HalfSpaceSampler(size=(40, 90))
VOXELS = {"targets": ("pattern", "volume"), "views": False}


def supply(X, y=None, mask=None, **changed):
    return supply_of(X, y, mask, wishes(**VOXELS | changed))


def altered(values, place):
    changed = values.copy()
    changed[place] = 1 - changed[place]
    return changed


def test_descriptions_tell_arrays_by_every_value():
    mask = np.ones((PIXELS, PIXELS), bool)
    hole = mask.copy()
    hole[3, 4] = False
    given = [
        (PATTERNS, VOLUMES, None),
        (altered(PATTERNS, (5, 7, 9)), VOLUMES, None),
        (PATTERNS, altered(VOLUMES, (6, 0, 0, 0)), None),
        (PATTERNS, VOLUMES, hole),
    ]
    texts = [supply(*parts).description for parts in given]
    assert len(set(texts)) == 4
    assert supply(PATTERNS.copy(), VOLUMES.copy(), mask).description == texts[0]
    sets = [{"pattern": X, "volume": y} for X, y, _ in given[:3]]
    assert len({supply(each).description for each in sets}) == 3
    datasets = [make_dataset(X, volumes=y) for X, y, _ in given[:3]]
    assert len({supply(each).description for each in datasets}) == 3


def test_descriptions_of_mapped_files_name_them_and_look_into_them(tmp_path):
    for name, values in (("a", PATTERNS), ("b", altered(PATTERNS, (0, 7, 9)))):
        np.save(tmp_path / f"{name}.npy", values)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "aab"]
    first, same, other = (supply({"pattern": X, "volume": VOLUMES}).description for X in mapped)
    assert first == same != other


def test_descriptions_of_endless_sources_say_how_they_are_made():
    def text(seed=3, sampler=SMALL, simulator=SIMULATOR):
        return OnTheFly(
            sampler, simulator, grid=GRID, batch_size=4, random_state=seed, mask="input"
        ).description

    other = MSFTSimulator(detector=QGrid(PIXELS, dq=0.02), wavelength=12.0)
    assert len({text(), text(seed=4), text(sampler=HalfSpaceSampler()), text(simulator=other)}) == 4
    assert text(simulator=clone(SIMULATOR).set_params(backend="keras")) == text()


def test_a_folder_of_other_data_is_refused_and_another_machine_goes_on(tmp_path):
    network = reconstructor(n_steps=2, checkpoint=tmp_path / "run")
    network.fit({"pattern": PATTERNS, "volume": VOLUMES})
    assert network.n_steps_ == 2
    with pytest.raises(ValueError, match="a folder of its own: parameters or data differ"):
        clone(network).fit({"pattern": PATTERNS, "volume": altered(VOLUMES, (6, 0, 0, 0))})
    elsewhere = clone(network).set_params(simulator__n_threads=1, jit=False)
    elsewhere.fit({"pattern": PATTERNS, "volume": VOLUMES})
    assert np.array_equal(elsewhere.weights_, network.weights_)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (1000 * PATTERNS, r"must be log-scaled patterns in \[0, 1\]; .* Got values from 0 to"),
        (PATTERNS - 0.5, r"must be log-scaled patterns in \[0, 1\]; .* Got values from -0.5"),
        (np.where(np.arange(PIXELS) == 3, np.nan, PATTERNS), "must be finite patterns on their masks"),
    ],
)
def test_sets_of_another_scale_are_refused(X, message):
    for augmenter in (None, Augmenter()):
        with pytest.raises(ValueError, match=message):
            supply({"pattern": X, "volume": VOLUMES}, augmenter=augmenter)


def test_what_was_not_measured_may_hold_anything():
    X, mask = PATTERNS.copy(), np.ones(PATTERNS.shape, bool)
    mask[:, :4], X[:, :4] = False, np.nan
    (x, measured), _ = supply({"pattern": X, "volume": VOLUMES, "mask": mask}).at(0)
    assert not x[:, :4].any()
    assert np.array_equal(measured[0] > 0, mask[0])


@pytest.mark.parametrize("shown", [False, True])
def test_the_simulator_s_mask_reaches_the_network_from_every_kind_of_set(shown):
    hole = np.ones((PIXELS, PIXELS), bool)
    hole[5:9, 20:24] = False
    simulator = clone(SIMULATOR).set_params(mask=hole)
    changed = {"simulator": simulator, "views": shown, "validation": 2}
    sets = [
        (PATTERNS, VOLUMES),
        ({"pattern": PATTERNS, "volume": VOLUMES}, None),
        (make_dataset(PATTERNS, volumes=VOLUMES), None),
    ]
    batches = [supply(X, y, **changed) for X, y in sets]
    for position in range(3):
        masks = [each.at(position)[0][1] for each in batches]
        assert all(np.array_equal(masks[0], other) for other in masks)
        assert (masks[0] == 0).sum(axis=(1, 2)).min() >= 16
        assert all(np.array_equal(each.at(position)[1]["mask"], masks[0]) for each in batches)
    for each in batches:
        ((_, mask), _), *_ = each.validation()
        assert np.array_equal(mask[0] > 0, hole)


def test_pools_and_sources_of_another_scale_or_experiment_are_refused(tmp_path):
    pool = make_pool(
        tmp_path / "pool",
        clone(SMALL).set_params(random_state=1),
        4,
        simulator=SIMULATOR,
        scaler=LogScaler(eps=1.0),
    )
    with pytest.raises(
        ValueError, match=r"must be patterns scaled by LogScaler\(eps=100\). Got LogScaler\(eps=1"
    ):
        supply(pool)
    with pytest.raises(ValueError, match=r"must be BodyPool\(folder\) where a folder holds a pool"):
        supply(pool.folder)
    other = MSFTSimulator(detector=QGrid(PIXELS, dq=0.02), wavelength=12.0)
    for simulator, scaler, message in (
        (SIMULATOR, LogScaler(eps=1.0), "scaled by LogScaler"),
        (SIMULATOR, None, "scaled by LogScaler"),
        (other, "log", "the simulator's own wavelength, 13.5. Got 12"),
    ):
        source = OnTheFly(
            SMALL,
            simulator,
            scaler,
            grid=GRID,
            batch_size=4,
            y=("pattern", "volume"),
            mask="input",
            n_columns=2,
        )
        with pytest.raises(ValueError, match=message):
            supply(source)


@pytest.mark.parametrize(
    ("simulator", "scaler", "message"),
    [
        (MSFTSimulator(detector=QGrid(PIXELS, dq=0.03)), LogScaler(), "the simulator's own detector"),
        (SIMULATOR, LogScaler(eps=1.0), r"scaled by LogScaler\(eps=100\)"),
        (SIMULATOR, LogScaler(), None),
    ],
)
def test_stored_sets_of_another_scale_or_experiment_are_refused(tmp_path, simulator, scaler, message):
    generator = DatasetGenerator(
        rasterizer=Rasterizer(grid=GRID), simulator=simulator, scaler=scaler, shard_size=4, random_state=0
    )
    data = generator.generate(tmp_path / "set.zarr", 4, verbose=False)
    for X in (tmp_path / "set.zarr", data):
        if message is None:
            assert supply(X).n_batches == 1
            continue
        with pytest.raises(ValueError, match=message):
            supply(X)


def test_facts_among_attributes_are_compared():
    for attrs, message in (
        ({"scale": "linear"}, "scaled by LogScaler. Got scale 'linear'"),
        ({"wavelength": 12.0}, "wavelength, 13.5. Got 12"),
        ({"dq": 0.05}, "dq, 0.02. Got 0.05"),
        ({"box": 100.0}, "box, 318.75. Got 100"),
    ):
        with pytest.raises(ValueError, match=message):
            supply(make_dataset(PATTERNS, volumes=VOLUMES, attrs=attrs))
    supply(make_dataset(PATTERNS, volumes=VOLUMES, attrs={"scale": "log", "dq": 0.02, "wavelength": 13.5}))


@pytest.mark.slow
def test_samplers_keep_a_seed_of_their_own_and_validate_on_other_bodies():
    def offsets(own, **changed):
        sampler = clone(SMALL).set_params(random_state=own)
        given = supply(sampler, targets=("surface",), **changed)
        held = [np.asarray(targets["offsets"]) for _, targets in given.validation()]
        return np.asarray(given.at(0)[1]["offsets"]), held

    first, (held,) = offsets(7, validation=3)
    again, none = offsets(7, seed=9, validation=0.0)
    assert np.array_equal(first, again)
    assert none == []
    assert not np.array_equal(first, held)
    assert not np.array_equal(first, offsets(None)[0])
    with pytest.raises(ValueError, match=r"'X' parameter .* a sampler whose random_state is an int, or None"):
        offsets(np.random.default_rng(0))


def test_a_small_part_for_validation_is_one_sample_at_least():
    held = [len(x) for (x, _), _ in supply(PATTERNS, VOLUMES, validation=0.02).validation()]
    assert held == [1]
    assert list(supply(PATTERNS, VOLUMES, validation=0.0).validation()) == []


def test_other_sources_are_named(tmp_path):
    for X in (SolidSampler(), DatasetGenerator()):
        with pytest.raises(
            ValueError, match="a HalfSpaceSampler or an OnTheFly; make_pool takes other samplers"
        ):
            supply(X)
    for X in ({"volume": VOLUMES}, {"pattern": PATTERNS}):
        with pytest.raises(ValueError, match="'X' parameter of PhysicsReconstructor must be"):
            supply(X)
    make_pool(tmp_path / "pool", clone(SMALL).set_params(random_state=1), 2, simulator=SIMULATOR)
    for path in (tmp_path / "pool").glob("bodies-*"):
        path.unlink()
    with pytest.raises(ValueError, match=r"'X' parameter .* a pool with finished bodies"):
        supply(BodyPool(tmp_path / "pool"))
