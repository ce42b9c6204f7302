"""Batches for trainings: from pools, in views that the physics confirms, the same at every position every time."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from training_tools import GRID, PIXELS, SIMULATOR, bodies, eager, patterns, reconstructor

from scatterkit.augmentation import Augmenter, CentralHole
from scatterkit.datasets import OnTheFly, make_pool
from scatterkit.experiment import QGrid
from scatterkit.reconstruction import PhysicsLoss, VisibleShapeLoss
from scatterkit.reconstruction.training._supplies import Wishes, supply_of
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.solids import HalfSpaceSampler, Rasterizer, Solid

__all__ = ["eager"]
SMALL = HalfSpaceSampler(random_state=1, size=(40, 90))
N = 24


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    return make_pool(tmp_path_factory.mktemp("pools") / "pool", SMALL, N, simulator=SIMULATOR)


def wishes(**changed):
    defaults = {
        "targets": ("pattern", "surface"),
        "batch_size": 4,
        "augmenter": None,
        "simulator": SIMULATOR,
        "grid": GRID,
        "simulated_grid": GRID,
        "validation": 0,
        "seed": 3,
        "views": True,
        "owner": "PhysicsReconstructor",
    }
    return Wishes(**defaults | changed)


def numbers(pool, offsets):
    """Which bodies of a pool these are; views leave offsets alone."""
    known = pool.read(slice(None))[2]
    return [int(np.flatnonzero((known == d).all(axis=1)).item()) for d in np.asarray(offsets)]


def test_views_of_a_pool_are_patterns_of_the_turned_bodies(pool):
    supply = supply_of(pool, None, None, wishes())
    assert supply.n_batches == N // 4
    original = pool.read(slice(None))[0]
    n_turned = 0
    for position in range(2 * N // 4):
        (x, mask), targets = supply.at(position)
        assert sorted(targets) == ["mask", "normals", "offsets", "pattern"]
        assert np.array_equal(x, targets["pattern"])
        assert np.array_equal(mask, targets["mask"])
        near = targets["offsets"][0] < 1e3
        solid = Solid.from_halfspaces(targets["normals"][0][near], targets["offsets"][0][near])
        expected = LogScaler().transform(SIMULATOR.transform(Rasterizer().transform([solid])))[0]
        known = mask[0] > 0
        assert known.sum() >= (PIXELS - 1) ** 2
        assert abs(x[0] - expected)[known].max() < 4e-3
        n_turned += abs(x[0] - original[numbers(pool, targets["offsets"][:1])[0]]).max() > 0.01
    assert 4 < n_turned < 2 * N // 4


def test_epochs_hold_each_body_once_and_positions_say_everything(pool):
    first, second = (supply_of(pool, None, None, wishes()) for _ in range(2))
    epochs = [
        [n for p in range(e * 6, e * 6 + 6) for n in numbers(pool, first.at(p)[1]["offsets"])]
        for e in range(2)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(N))
    assert epochs[0] != epochs[1]
    for position in (7, 2, 11):
        (x, mask), targets = first.at(position)
        (again, same), others = second.at(position)
        assert np.array_equal(x, again)
        assert np.array_equal(mask, same)
        assert all(np.array_equal(targets[name], others[name]) for name in targets)
    other = supply_of(pool, None, None, wishes(seed=4))
    assert not np.array_equal(other.at(0)[0][0], first.at(0)[0][0])


def test_validation_is_kept_apart_and_never_turned(pool):
    supply = supply_of(pool, None, None, wishes(validation=0.25))
    kept = []
    clean = pool.read(slice(None))[0]
    for (x, mask), targets in supply.validation():
        found = numbers(pool, targets["offsets"])
        assert np.array_equal(x, clean[found])
        assert mask.min() == 1
        kept += found
    taken = [n for p in range(supply.n_batches) for n in numbers(pool, supply.at(p)[1]["offsets"])]
    assert len(kept) == 6
    assert not set(kept) & set(taken)


def test_artifacts_come_after_the_view_and_targets_stay_clean(pool):
    augmenter = Augmenter([CentralHole()])
    supply = supply_of(pool, None, None, wishes(augmenter=augmenter))
    plain = supply_of(pool, None, None, wishes())
    for position in range(3):
        (x, mask), targets = supply.at(position)
        (clean, known), same = plain.at(position)
        assert np.array_equal(targets["pattern"], clean)
        assert np.array_equal(targets["mask"], known)
        assert np.array_equal(targets["normals"], same["normals"])
        assert (mask <= known).all()
        assert (mask < known).any()
        assert not mask[:, PIXELS // 2, PIXELS // 2].any()
        assert not np.array_equal(x, clean)


def test_arrays_are_turned_with_their_masks_and_volumes():
    volumes = bodies()
    X = patterns(volumes)
    mask = np.ones((PIXELS, PIXELS), bool)
    mask[:12, 5:9] = False
    supply = supply_of(X, volumes, mask, wishes(targets=("pattern", "volume"), seed=1))
    shapes = set()
    for position in range(6):
        (x, measured), targets = supply.at(position)
        expected = patterns(targets["volume"])
        lit = measured > 0
        # scaled over all pixels, as X was before its mask
        assert abs(x - expected)[lit].max() < 1e-4
        assert np.array_equal(measured, targets["mask"])
        assert mask.sum() - 2 * PIXELS < measured[0].sum() <= mask.sum()
        shapes.add(measured[0].tobytes())
    assert len(shapes) > 2
    plain = supply_of(X, volumes, mask, wishes(targets=("pattern", "volume"), views=False))
    assert all(np.array_equal(plain.at(p)[0][1][0] > 0, mask) for p in range(6))


def test_arrays_without_views_and_masks_have_none():
    volumes = bodies()
    supply = supply_of(patterns(volumes), volumes, None, wishes(targets=("volume",), views=False))
    assert sorted(supply.at(0)[1]) == ["volume"]
    odd = MSFTSimulator(detector=QGrid(PIXELS + 1, dq=0.02))
    X = LogScaler().transform(odd.transform(volumes))
    supply = supply_of(X, volumes, None, wishes(targets=("surface",), simulator=odd))
    assert sorted(supply.at(0)[1]) == ["volume"]  # on an odd number of pixels no view lacks any


@pytest.mark.slow
def test_endless_sources_give_half_spaces_for_surfaces():
    sampler = HalfSpaceSampler(size=(40, 90))
    supply = supply_of(sampler, None, None, wishes(targets=("surface",)))
    (x, _), targets = supply.at(0)
    assert sorted(targets) == ["normals", "offsets"]
    normals, offsets = (np.asarray(targets[name]) for name in ("normals", "offsets"))
    solids = [Solid.from_halfspaces(n, d) for n, d in zip(normals, offsets, strict=True)]
    expected = LogScaler().transform(SIMULATOR.transform(Rasterizer(GRID).transform(solids)))
    assert np.median(abs(np.asarray(x) - expected)) < 0.03
    ready = OnTheFly(
        sampler,
        clone(SIMULATOR),
        grid=GRID,
        batch_size=4,
        y=("normals", "offsets"),
        mask="input",
        random_state=3,
    )
    given = supply_of(ready, None, None, wishes(targets=("surface",)))
    assert np.array_equal(np.asarray(given.at(0)[1]["offsets"]), offsets)
    with pytest.raises(ValueError, match=r"a source with mask='input' and y=\('pattern', 'volume'\)"):
        supply_of(ready, None, None, wishes())


def test_mappings_with_half_spaces_need_no_volumes(pool):
    X, normals, offsets = pool.read(slice(None))
    supply = supply_of(
        {"pattern": X, "normals": normals, "offsets": offsets}, None, None, wishes(views=False)
    )
    assert sorted(supply.at(0)[1]) == ["mask", "normals", "offsets", "pattern"]


def test_pools_of_other_experiments_are_refused(pool):
    other = MSFTSimulator(detector=QGrid(PIXELS, dq=0.02), wavelength=12.0)
    with pytest.raises(ValueError, match=r"patterns of the simulator's own wavelength, 12.0. Got 13"):
        supply_of(pool, None, None, wishes(simulator=other))
    supply_of(pool, None, None, wishes(simulator=clone(SIMULATOR).set_params(n_threads=1)))
    with pytest.raises(
        ValueError, match="'y' parameter of PhysicsReconstructor must be None where X is a whole"
    ):
        supply_of(pool, np.zeros(3), None, wishes())


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("loss", [VisibleShapeLoss(), PhysicsLoss()], ids=["visible", "physics"])
def test_a_network_learns_from_a_pool(pool, loss):
    networks = [
        reconstructor(loss=loss, n_steps=3, validation=4, views=views) for views in (True, True, False)
    ]
    weights = [network.fit(pool).weights_ for network in networks]
    assert np.isfinite(networks[0].history_[-1]["validation"])
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
