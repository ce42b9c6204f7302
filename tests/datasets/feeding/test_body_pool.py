"""Pools of bodies: whole blocks only, the same bytes however they came about, and what is in them is right."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from scatterkit.datasets import BodyPool, DataFormatError, GenerationError, as_keras, make_pool
from scatterkit.datasets.feeding import _pool_blocks
from scatterkit.experiment import QGrid
from scatterkit.simulation import LogScaler, MSFTSimulator
from scatterkit.solids import Ellipsoid, HalfSpaceSampler, MixedSampler, Rasterizer, Solid, SolidSampler
from scatterkit.solids._sampling import BodySampler

SIMULATOR = MSFTSimulator(detector=QGrid(16, dq=0.02))
SAMPLER = HalfSpaceSampler(random_state=3)
N, BLOCK = 10, 4


class SomeBodies(BodySampler):
    """A ball, a body that is not convex, and cubes."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def _descriptors(self, n, start):
        return [(start + i) % 4 for i in range(n)]

    def build(self, descriptor):
        cube = Solid.from_catalogue("cube", circumradius=60)
        if descriptor == 0:
            return Ellipsoid(50 * np.eye(3))
        if descriptor == 1:
            star = cube.vertices * np.where(np.arange(len(cube.vertices)) == 0, 0.1, 1.0)[:, None]
            return Solid(vertices=star, faces=cube.faces)
        return cube.shift([descriptor, 0, 0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("pools") / "pool"
    make_pool(target, SAMPLER, N, simulator=SIMULATOR, block_size=BLOCK)
    return target


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_patterns_and_planes_are_those_of_the_sampler_s_bodies(folder):
    pool = BodyPool(folder)
    solids = SAMPLER.sample(N)
    expected = LogScaler().transform(SIMULATOR.transform(Rasterizer().transform(solids)))
    patterns, normals, offsets = pool.read(np.arange(N))
    assert (len(pool), pool.n_drawn, pool.n_left_out, pool.shape) == (N, N, 0, (16, 16))
    assert abs(patterns - expected).max() <= 0.51 / 65535
    for solid, n, d in zip(solids, normals, offsets, strict=True):
        heights = solid.vertices @ n.T - d
        assert heights.max() < 1e-3
        near = d < 1e3
        assert near.sum() == len(solid.offsets)
        assert abs(heights.max(axis=0)[near]).max() < 1e-3  # every plane that is near touches the body
    assert pool.mask is None
    assert pool.simulator.get_params()["detector__dq"] == 0.02


def test_any_order_of_bodies_can_be_read(folder):
    pool = BodyPool(folder)
    whole = pool.read(slice(None))
    some = pool.read([9, 0, 5, 0])
    for every, chosen in zip(whole, some, strict=True):
        assert np.array_equal(every[[9, 0, 5, 0]], chosen)
    again = pickle.loads(pickle.dumps(pool))
    assert np.array_equal(again.read([7])[0], pool.read([7])[0])
    for wrong in ([10], [-1], [0.5], [[1]], [True]):
        with pytest.raises(ValueError, match=r"'indices' parameter of BodyPool.read must be"):
            pool.read(wrong)


def test_a_pool_that_was_cut_goes_on_to_the_same_bytes(folder, tmp_path, monkeypatch):
    cut = tmp_path / "cut"
    rows, begun = _pool_blocks.PoolTask._rows, []

    def pressed(self, samples):
        begun.append(samples)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return rows(self, samples)

    with monkeypatch.context() as patched:
        patched.setattr(_pool_blocks.PoolTask, "_rows", pressed)
        with pytest.raises(KeyboardInterrupt) as caught:
            make_pool(cut, SAMPLER, N, simulator=SIMULATOR, block_size=BLOCK)
    assert any("same settings to go on" in note for note in caught.value.__notes__)
    partial = BodyPool(cut)
    assert (len(partial), partial.n_drawn, partial.n_samples) == (4, 4, N)
    make_pool(cut, SAMPLER, N, simulator=SIMULATOR, block_size=BLOCK)
    assert files(cut) == files(folder)


def test_a_pool_grows_and_does_not_shrink(folder, tmp_path):
    grown = tmp_path / "grown"
    assert len(make_pool(grown, SAMPLER, 6, simulator=SIMULATOR, block_size=BLOCK)) == 6
    assert len(make_pool(grown, SAMPLER, N, simulator=SIMULATOR, block_size=BLOCK)) == N
    assert files(grown) == files(folder)
    with pytest.raises(GenerationError, match="begun with 10 bodies; it can grow in number, but not shrink"):
        make_pool(grown, SAMPLER, 6, simulator=SIMULATOR, block_size=BLOCK)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sampler": HalfSpaceSampler(random_state=4)}, r"sampler.random_state = 3. Got 4"),
        (
            {"simulator": MSFTSimulator(detector=QGrid(16, dq=0.03))},
            r"simulator.detector.dq = 0.02. Got 0.03",
        ),
        ({"scaler": LogScaler(eps=10.0)}, r"scaler.eps = 100.0. Got 10.0"),
        ({"block_size": 5}, "block_size = 4. Got 5"),
    ],
)
def test_other_settings_are_refused(folder, changed, message):
    before = files(folder)
    given = {"sampler": SAMPLER, "simulator": SIMULATOR, "block_size": BLOCK} | changed
    with pytest.raises(GenerationError, match=message):
        make_pool(folder, given.pop("sampler"), N, **given)
    assert files(folder) == before


@pytest.mark.slow
def test_processes_make_the_same_pool(folder, tmp_path):
    make_pool(tmp_path / "pool", SAMPLER, N, simulator=SIMULATOR, block_size=BLOCK, n_jobs=2)
    assert files(tmp_path / "pool") == files(folder)


def test_bodies_that_are_no_few_half_spaces_are_left_out_and_counted(tmp_path):
    pool = make_pool(tmp_path / "pool", SomeBodies(), 9, simulator=SIMULATOR, block_size=2)
    assert (len(pool), pool.n_drawn, pool.n_left_out) == (4, 9, 5)  # the first block and the last are empty
    assert [int((offsets < 1e3).sum()) for offsets in pool.read(slice(None))[2]] == [6] * 4
    with pytest.raises(ValueError, match="'sampler' parameter of make_pool must be one of convex bodies"):
        make_pool(tmp_path / "none", SomeBodies(), 2, simulator=SIMULATOR)


def test_masks_of_simulator_and_scaler_are_the_pool_s(tmp_path):
    left, top = np.ones((2, 16, 16), bool)
    left[:, :3], top[:2] = False, False
    simulator = MSFTSimulator(detector=QGrid(16, dq=0.02), mask=left)
    pool = make_pool(tmp_path / "pool", SAMPLER, 2, simulator=simulator, scaler=LogScaler(mask=top))
    assert np.array_equal(pool.mask, left & top)
    _, mask = next(iter(as_keras(pool, 2, y="mask")))
    assert np.array_equal(mask, np.tile((left & top).astype(np.float32), (2, 1, 1)))


def test_batches_of_a_pool_hold_each_body_once(folder):
    pool = BodyPool(folder)
    patterns, normals, offsets = pool.read(slice(None))
    seen = []
    for x, (clean, n, d) in as_keras(pool, 3, y=("pattern", "normals", "offsets"), random_state=0):
        for one in range(len(x)):
            (number,) = np.flatnonzero((patterns == x[one]).all((1, 2)))
            seen.append(int(number))
            assert np.array_equal(clean[one], x[one])
            assert np.array_equal(n[one], normals[number])
            assert np.array_equal(d[one], offsets[number])
    assert sorted(seen) == list(range(N))
    assert seen != sorted(seen)
    with pytest.raises(ValueError, match=r"a set with the variables \['pattern', 'volume'\]"):
        as_keras(pool)


def test_damage_is_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no"):
        BodyPool(tmp_path / "none")
    with pytest.raises(DataFormatError, match=r"a folder without a whole pool.json"):
        BodyPool(tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, content in files(folder).items():
        (copy / name).write_bytes(content)
    (last,) = copy.glob("bodies-*-000000010.npy")
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.raises(DataFormatError, match=r"bodies-000000008-000000010.npy, which is damaged"):
        BodyPool(copy)
    np.save(last, np.zeros(2))
    with pytest.raises(DataFormatError, match="type float64"):
        BodyPool(copy)
    settings = json.loads((copy / "pool.json").read_text())
    (copy / "pool.json").write_text(json.dumps(settings | {"simulator": None}))
    with pytest.raises(DataFormatError, match=r"whose pool.json is damaged"):
        BodyPool(copy)


def test_descriptions_tell_pools_apart(folder, tmp_path):
    text = BodyPool(folder).description
    assert text.startswith("pool of 10 bodies of HalfSpaceSampler, ")
    other = make_pool(tmp_path / "other", HalfSpaceSampler(random_state=4), 2, simulator=SIMULATOR)
    assert other.description.split(", ")[1] != text.split(", ")[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sampler": "cube"}, "'sampler' parameter of make_pool must be an instance of BodySampler"),
        (
            {"sampler": HalfSpaceSampler()},
            "'sampler' parameter of make_pool must be one whose random_state is an",
        ),
        ({"n_samples": 0}, "'n_samples' parameter of make_pool must be"),
        ({"n_jobs": 0}, "'n_jobs' parameter of make_pool must be"),
        ({"block_size": 0}, "'block_size' parameter of make_pool must be"),
        ({"simulator": QGrid()}, "'simulator' parameter of make_pool must be"),
        (
            {"scaler": LogScaler(normalize=False)},
            "'scaler' parameter of make_pool must be one that normalizes",
        ),
        ({"verbose": 2}, "'verbose' parameter of make_pool must be"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_written(tmp_path, given, message):
    parameters = {"sampler": SAMPLER, "n_samples": 2} | given
    with pytest.raises(ValueError, match=message):
        make_pool(tmp_path / "pool", **parameters)
    assert not (tmp_path / "pool").exists()
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="which holds other files"):
        make_pool(tmp_path, SAMPLER, 2)


def test_samplers_wider_than_the_box_are_refused_before_anything_is_made(tmp_path):
    narrow = MSFTSimulator(detector=QGrid(16, dq=0.02), box=150.0)
    mixed = MixedSampler(
        [HalfSpaceSampler(box=150.0, max_radius=70.0, size=(20, 60)), SolidSampler()], random_state=1
    )
    for sampler in (SAMPLER, mixed):
        with pytest.raises(
            ValueError, match=r"'sampler' parameter of make_pool must be one whose box fits .* 150 nm"
        ):
            make_pool(tmp_path / "pool", sampler, 2, simulator=narrow)
    assert not (tmp_path / "pool").exists()


def test_a_pool_without_a_file_is_empty_and_takes_other_settings(tmp_path, monkeypatch):
    def broken(self, samples):
        raise RuntimeError("no room left")

    with monkeypatch.context() as patched:
        patched.setattr(_pool_blocks.PoolTask, "_rows", broken)
        with pytest.raises(RuntimeError, match="no room left"):
            make_pool(tmp_path / "pool", SAMPLER, 4, simulator=SIMULATOR, block_size=BLOCK)
    empty = BodyPool(tmp_path / "pool")
    assert len(empty) == 0
    assert [part.shape for part in empty.read([])] == [(0, 16, 16), (0, 64, 3), (0, 64)]
    with pytest.raises(
        ValueError, match="'source' parameter of as_keras must be a pool with finished bodies"
    ):
        as_keras(empty)
    other = make_pool(tmp_path / "pool", HalfSpaceSampler(random_state=8), 2, simulator=SIMULATOR)
    assert len(other) == 2
