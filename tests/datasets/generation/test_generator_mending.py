"""What a run leaves behind, or a disk loses, is mended by the next call: the same bytes, and no work done again."""

from __future__ import annotations

import errno
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from generation_cases import N_SAMPLES, SHARD, small_generator, tree

import scatterkit as sk
from scatterkit.datasets import DataFormatError, open_dataset
from scatterkit.datasets.generation import _engines as engines
from scatterkit.datasets.generation import _journal
from scatterkit.datasets.generation._journal import Journal

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def written(monkeypatch):
    """The blocks that are made from here on."""
    blocks = []
    write = engines.BlockTask._write
    monkeypatch.setattr(
        engines.BlockTask,
        "_write",
        lambda self, folder, samples: blocks.append(samples.start // SHARD) or write(self, folder, samples),
    )
    return blocks


def lose(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("spoil", "file", "block"),
    [
        (lose, "volume/c.3.0.0.0", 3),
        (lose, "polyhedron/c.5", 5),
        (lose, "q_x/c.0", None),
        (lose, "pattern/zarr.json", None),
        (lambda path: path.write_bytes(b""), "size/c.1", 1),
        (lambda path: path.write_bytes(path.read_bytes()[:30]), "pattern/c.0.0.0", 0),
    ],
)
def test_a_finished_set_that_lost_a_file_is_mended(spoil, file, block, copy, whole, written):
    spoil(copy / file)
    with pytest.raises(DataFormatError):
        open_dataset(copy)
    assert small_generator().generate(copy, N_SAMPLES, verbose=False).sizes["sample"] == N_SAMPLES
    assert written == ([] if block is None else [block])
    assert tree(copy) == tree(whole)


def test_a_file_that_is_cut_off_is_not_taken_for_finished(copy, whole, written):
    cut(copy / "volume" / "c.1.0.0.0")  # its size alone would do
    (copy / "pattern" / "c.4.0.0").unlink()
    small_generator().generate(copy, N_SAMPLES, verbose=False)
    assert written == [1, 4]
    assert tree(copy) == tree(whole)


def test_a_set_whose_journal_was_removed_in_part_grows_without_work_done_again(tmp_path, whole, written):
    """A kill in between leaves the request, and no markers."""
    path = tmp_path / "set.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "remove", lambda self: shutil.rmtree(self.blocks))
        small_generator().generate(path, 2 * SHARD + 1, verbose=False)
    assert (path / ".generation" / "request.json").exists()
    del written[:]
    small_generator().generate(path, N_SAMPLES, verbose=False)
    assert written == [2, 3, 4, 5]
    assert tree(path) == tree(whole)


class FailsLate(sk.LogScaler):
    """Fails behind the first sample, which is tried before anything is written."""

    calls = 0

    def transform(self, X):
        type(self).calls += 1
        if type(self).calls > 2:
            raise ArithmeticError("too late")
        return super().transform(X)


def test_a_run_that_finished_nothing_locks_no_path(tmp_path, whole):
    path = tmp_path / "set.zarr"
    FailsLate.calls = 0
    wrong = small_generator(scaler=FailsLate(), shard_size=2, pattern_dtype="float16", occupancy=None)
    with pytest.raises(ArithmeticError, match="too late"):
        wrong.generate(path, 90, verbose=False)
    (path / "pattern" / "c.44.0.0").write_bytes(b"moved, not marked")
    assert (path / ".generation" / "request.json").exists()
    small_generator().generate(path, N_SAMPLES, verbose=False)
    assert tree(path) == tree(whole)


@pytest.mark.parametrize(
    "same",
    [
        {"shard_size": np.int64(SHARD), "chunk_size": np.int32(2)},
        {"random_state": np.int64(3)},
        {"sampler": sk.SolidSampler(cut=(np.float64(0.2), 1), cut_probability=0.5)},
        {"sampler": sk.SolidSampler(cut=[0.2, 1.0], cut_probability=0.5)},
        {"simulator": sk.MSFTSimulator(detector=sk.QGrid(np.int16(16), dq=np.float64(0.02)))},
    ],
    ids=range(5),
)
def test_equal_parameters_of_other_types_go_on(same, begun, tmp_path, whole):
    path = Path(shutil.copytree(begun, tmp_path / "set.zarr"))
    stored = small_generator(**same).generate(path, N_SAMPLES, verbose=False)
    assert stored.drop_attrs().identical(open_dataset(whole).drop_attrs())


def test_a_finished_journal_goes_also_where_open_files_stay(tmp_path, monkeypatch, whole):
    """NFS keeps what is removed while it is open, under another name, until it is closed."""
    remove, coordinating = Journal.remove, Journal.coordinating
    path = tmp_path / "set.zarr"
    ghost = path / ".generation" / ".nfs0001"

    def removed(self):
        ghost.write_bytes(b"")
        remove(self)

    @contextmanager
    def closed(self):
        with coordinating(self) as token:
            yield token
        ghost.unlink()

    monkeypatch.setattr(Journal, "remove", removed)
    monkeypatch.setattr(Journal, "coordinating", closed)
    small_generator().generate(path, N_SAMPLES, verbose=False)
    assert tree(path) == tree(whole)


def test_the_cause_of_a_full_disk_is_kept(tmp_path, monkeypatch):
    def full(self, folder, samples):
        raise OSError(errno.ENOSPC, "the very error")

    monkeypatch.setattr(engines.BlockTask, "_write", full)
    with pytest.raises(OSError, match="Make room") as caught:
        small_generator().generate(tmp_path / "set.zarr", 4, verbose=False)
    assert caught.value.__cause__.strerror == "the very error"


def test_a_disk_that_is_full_from_the_start_is_told_of(tmp_path, monkeypatch):
    @contextmanager
    def full(self):
        raise OSError(errno.ENOSPC, "no room for a token")
        yield

    monkeypatch.setattr(Journal, "_alone", full)
    with pytest.raises(OSError, match=r"Make room\. 0 of 4 samples are finished"):
        small_generator().generate(tmp_path / "set.zarr", 4, verbose=False)


def test_a_journal_that_goes_while_one_begins(tmp_path, monkeypatch, whole):
    """Another run on the same target ends at this very moment."""
    create, left = Journal.create, [None] * 2

    def racing(self):
        create(self)
        if left:
            left.pop()
            shutil.rmtree(self.folder)

    monkeypatch.setattr(_journal.Journal, "create", racing)
    small_generator().generate(tmp_path / "set.zarr", N_SAMPLES, verbose=False)
    assert tree(tmp_path / "set.zarr") == tree(whole)
