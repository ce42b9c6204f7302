"""Generated sets: what is in them, that they go on and grow to the very same bytes, and what is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from generation_cases import N_SAMPLES, SHARD, Interruption, Jitter, Noisy, small_generator, tree
from scipy import stats

import scatterkit as sk
from scatterkit._serialization import to_json
from scatterkit.datasets import DatasetGenerator, GenerationError, open_dataset
from scatterkit.datasets.generation import _engines as engines
from scatterkit.datasets.generation._journal import Journal

pytestmark = pytest.mark.usefixtures("quick_disk")


# -- what is in a set ----------------------------------------------------------------------------------------


def test_samples_are_those_of_the_parts():
    """By hand: sample, rasterize, simulate, scale, each body alone and on one thread."""
    generator = small_generator(pattern_dtype="float32")
    made = generator.sample(5)
    bodies = sk.SolidSampler(cut=(0.2, 1.0), cut_probability=0.5, random_state=3).sample(5)
    simulator = sk.MSFTSimulator(detector=sk.QGrid(16, dq=0.02), n_threads=1)
    for i, body in enumerate(bodies):
        volume = sk.Rasterizer(grid=16).transform([body])
        pattern = sk.LogScaler().transform(simulator.transform(volume))
        assert np.array_equal(made.pattern[i], pattern[0])
        assert np.array_equal(np.rint(made.volume[i] * 255), np.rint(volume[0] * np.float32(255)))
    assert made.attrs["box"] == 318.75
    assert made.attrs["scale"] == "log"
    assert np.allclose(made.q_x, (np.arange(16) - 8) * 0.02)
    assert np.allclose(made.z, (np.arange(16) + 0.5) * 318.75 / 16 - 318.75 / 2)


def test_sample_i_depends_on_seed_and_i_alone():
    whole = small_generator().sample(9)
    assert whole.isel(sample=slice(4, 6)).identical(small_generator().sample(2, start=4))
    other = small_generator(random_state=4).sample(9)
    assert not np.array_equal(whole.pattern, other.pattern)
    coarse = small_generator(shard_size=3, chunk_size=1).sample(9)
    assert np.array_equal(whole.pattern, coarse.pattern)


def test_threads_of_the_parts_change_nothing():
    simulator = sk.MSFTSimulator(detector=sk.QGrid(16, dq=0.02), n_threads=2)
    threaded = small_generator(simulator=simulator, rasterizer=sk.Rasterizer(grid=16, n_jobs=2))
    assert threaded.sample(6).identical(small_generator().sample(6))


def test_processors_change_nothing_where_a_part_has_no_setting(monkeypatch):
    """The simulator within has no ``n_threads`` of its own to be set: numba's is."""
    import numba

    seen = []
    field = sk.MSFTSimulator.field
    monkeypatch.setattr(
        sk.MSFTSimulator, "field", lambda self, X: seen.append(numba.get_num_threads()) or field(self, X)
    )
    small_generator(simulator=sk.PolychromaticSimulator()).sample(1)
    assert set(seen) == {1}


def test_noise_is_drawn_for_every_sample_apart():
    def counts(**parameters):
        given = {"scaler": sk.PhotonCounts(2000.0), "pattern_dtype": "float32", "occupancy": None}
        return small_generator(**(given | parameters)).sample(40).pattern.values

    noisy = counts()
    assert np.array_equal(noisy, counts())
    assert not np.array_equal(noisy, counts(random_state=5))
    clean = counts(scaler=None).astype(float)
    expected = 2000 * clean / clean.sum(axis=(1, 2), keepdims=True)
    totals = noisy.sum(axis=(1, 2))
    assert stats.kstest((totals - 2000) / 2000**0.5, "norm").pvalue > 1e-3
    chi = ((noisy - expected) ** 2 / np.maximum(expected, 1e-9))[expected > 3]
    assert abs(chi.mean() - 1) < 5 * (2 / chi.size) ** 0.5 * 1.1
    # two noisy steps draw apart from each other, too
    twice = counts(scaler=[sk.PhotonCounts(2000.0), sk.PhotonCounts(2000.0)])
    again = twice.sum(axis=(1, 2))
    assert not np.array_equal(totals, again)


def test_noise_is_not_made_of_the_body_s_own_random_numbers():
    """A seed sequence ignores zeros at its end: [seed, i] and [seed, i, 0] would be the same numbers."""
    maker = small_generator(scaler=sk.PhotonCounts(), pattern_dtype="float32")._maker()
    seeded = maker._seeded(maker.scalers[0], 7, 1).random_state
    assert seeded != int(np.random.SeedSequence([3, 7]).generate_state(1, np.uint64)[0])
    assert seeded != maker._seeded(maker.scalers[0], 7, 2).random_state


@pytest.mark.parametrize(
    "parts", [{"simulator": Noisy(sk.QGrid(16, dq=0.02))}, {"rasterizer": Jitter()}], ids=str
)
def test_any_part_that_draws_is_seeded(parts):
    made = small_generator(**parts).sample(6)
    assert made.isel(sample=slice(4, 6)).identical(small_generator(**parts).sample(2, start=4))
    other = small_generator(random_state=4, **parts).sample(2, start=4)
    assert not np.array_equal(made.pattern[4:], other.pattern)


def test_the_layout_is_that_of_sample_0(monkeypatch):
    """What is tried before a run is a body of the set."""
    seen = []
    build = sk.SolidSampler.build
    monkeypatch.setattr(
        sk.SolidSampler, "build", lambda self, body: seen.append(repr(body)) or build(self, body)
    )
    small_generator().sample(1)
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_attributes_say_seed_units_and_what_is_known(whole):
    attrs = open_dataset(whole).attrs
    assert attrs["random_state"] == 3
    assert [attrs[f"{name}_units"] for name in ("wavelength", "dq", "box")] == ["nm", "rad/nm", "nm"]
    assert {"pyfftw", "numcodecs"} <= json.loads(attrs["versions"]).keys()
    inner = sk.PolychromaticSimulator(sk.MSFTSimulator(detector=sk.QGrid(16, dq=0.02)))
    assert (
        "dq" not in small_generator(simulator=inner).sample(1).attrs
    )  # none of its own: not the published one


def test_absolute_counts_come_from_cross_sections():
    beam = sk.experiment.Beam(pulse_energy=1e-3)
    detector = sk.QGrid(16, dq=0.02)
    simulator = sk.MSFTSimulator(detector=detector, absorption="index", refractive_index=0.89 + 0.0859j)
    scaler = sk.DetectorCounts(beam, detector)
    generator = small_generator(simulator=simulator, scaler=scaler, pattern_dtype="float32")
    made = generator.sample(4)
    bodies = sk.SolidSampler(cut=(0.2, 1.0), cut_probability=0.5, random_state=3).sample(4)
    sections = simulator.differential_cross_section(generator.rasterizer.transform(bodies))
    expected = scaler.expected(sections).sum(axis=(1, 2))
    assert np.all(abs(made.pattern.sum(("row", "column")) - expected) < 6 * expected**0.5)
    assert made.pattern.attrs["units"] == "counts"


def test_masks_become_a_variable(tmp_path):
    mask = np.ones((16, 16), bool)
    mask[6:10, 6:10] = False
    rings = np.ones((16, 16), bool)
    rings[0] = False
    simulator = sk.MSFTSimulator(detector=sk.QGrid(16, dq=0.02), mask=mask)
    generator = small_generator(simulator=simulator, scaler=sk.LogScaler(mask=rings))
    stored = generator.generate(tmp_path / "masked.zarr", 5, verbose=False)
    assert stored.mask.dtype == bool
    assert np.array_equal(stored.mask, np.broadcast_to(mask & rings, (5, 16, 16)))
    assert generator.sample(5).identical(stored.compute())
    assert to_json(DatasetGenerator.from_store(tmp_path / "masked.zarr")) == stored.attrs["generator"]


@pytest.mark.parametrize(
    "parts",
    [
        {"sampler": sk.HalfSpaceSampler()},
        {
            "simulator": sk.PolyhedronSimulator(detector=sk.QGrid(8)),
            "sampler": sk.SolidSampler(classes=["cube"]),
        },
        {"simulator": sk.PolychromaticSimulator(sk.MSFTSimulator(detector=sk.QGrid(8)))},
        {"simulator": sk.MSFTSimulator(detector=sk.QGrid(8), propagation="pmsft")},
    ],
    ids=lambda parts: "-".join(type(part).__name__ for part in parts.values()),
)
def test_other_parts(parts, tmp_path):
    generator = small_generator(**parts)
    stored = generator.generate(tmp_path / "set.zarr", 5, verbose=False)
    assert generator.sample(5).identical(stored.compute())
    assert float(stored.pattern.max()) == 1
    again = DatasetGenerator.from_store(tmp_path / "set.zarr")
    assert again.sample(5).identical(generator.sample(5))


def test_the_generator_comes_back_from_its_set(whole):
    again = DatasetGenerator.from_store(whole)
    assert again.sample(4).identical(small_generator().sample(4))
    versions = json.loads(open_dataset(whole).attrs["versions"])
    assert versions["numpy"] == np.__version__
    assert again.sampler.cut == (0.2, 1.0)


def test_the_default_is_the_published_geometry():
    made = sk.DatasetGenerator().sample(1)
    assert made.pattern.shape == (1, 128, 128)
    assert made.volume.shape == (1, 64, 64, 64)


# -- going on, growing ---------------------------------------------------------------------------------------


def test_two_runs_give_the_same_bytes(whole, tmp_path):
    small_generator().generate(tmp_path / "set.zarr", N_SAMPLES, verbose=False)
    assert tree(tmp_path / "set.zarr") == tree(whole)


def test_worker_processes_give_the_same_bytes(whole, tmp_path):
    small_generator().generate(tmp_path / "set.zarr", N_SAMPLES, n_jobs=2, verbose=False)
    assert tree(tmp_path / "set.zarr") == tree(whole)


def test_an_interrupted_run_goes_on(interrupted, whole, monkeypatch):
    with pytest.raises(
        GenerationError, match=r"not finished\. 12 of 22 samples are finished .* call generate"
    ):
        open_dataset(interrupted)
    part = open_dataset(interrupted, partial=True)
    assert part.sample.values.tolist() == list(range(12))
    assert part.compute().identical(open_dataset(whole).isel(sample=slice(12)).compute())
    written = []
    call = engines.BlockTask.__call__
    monkeypatch.setattr(
        engines.BlockTask, "__call__", lambda self, block: written.append(block) or call(self, block)
    )
    small_generator().generate(interrupted, N_SAMPLES, verbose=False)
    assert written == [3, 4, 5]
    assert tree(interrupted) == tree(whole)


def test_a_finished_set_is_left_as_it_is(whole, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    monkeypatch.setattr(engines.BlockTask, "__call__", None)
    small_generator().generate(whole, N_SAMPLES, verbose=False)
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


@pytest.mark.parametrize("fewer", [1, 8, 21])
def test_a_set_grows(fewer, whole, tmp_path, monkeypatch):
    path = tmp_path / "set.zarr"
    small_generator().generate(path, fewer, verbose=False)
    full = [path / "volume" / f"c.{block}.0.0.0" for block in range(fewer // SHARD)]
    kept = {file: file.stat().st_ino for file in full}
    with monkeypatch.context() as patch:  # while it grows, other readers still see the smaller set
        patch.setattr(Journal, "close_to_writers", lambda self: (_ for _ in ()).throw(Interruption))
        with pytest.raises(Interruption):
            small_generator().generate(path, N_SAMPLES, verbose=False)
    import xarray as xr

    with xr.open_zarr(path, chunks=None) as smaller:
        assert np.allclose(smaller.pattern, open_dataset(whole).pattern[:fewer])
    with pytest.raises(GenerationError, match="not finished"):
        open_dataset(path)
    small_generator().generate(path, N_SAMPLES, verbose=False)
    assert tree(path) == tree(whole)
    assert all(file.stat().st_ino == number for file, number in kept.items())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda marker: marker.write_bytes(b""),
        lambda marker: marker.write_bytes(marker.read_bytes()[:20]),
        lambda marker: marker.write_text(marker.read_text().replace("4", "5", 1)),
        lambda marker: marker.write_text("[]"),
        lambda marker: marker.write_bytes(b"\xff\xfe"),
        lambda marker: marker.unlink(),
    ],
)
def test_a_torn_marker_counts_for_nothing(spoil, interrupted, whole):
    spoil(interrupted / ".generation" / "blocks" / "00000001.json")
    part = open_dataset(interrupted, partial=True)
    assert part.sample.values.tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert np.array_equal(part.pattern, open_dataset(whole).pattern[part.sample.values])
    small_generator().generate(interrupted, N_SAMPLES, verbose=False)
    assert tree(interrupted) == tree(whole)


def test_a_torn_block_is_made_again(interrupted, whole):
    shard = interrupted / "volume" / "c.1.0.0.0"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert 4 not in open_dataset(interrupted, partial=True).sample
    (interrupted / ".generation" / "work" / "torn").mkdir()
    (interrupted / ".generation" / "work" / "torn" / "volume").write_bytes(b"torn")
    small_generator().generate(interrupted, N_SAMPLES, n_jobs=2, verbose=False)
    assert tree(interrupted) == tree(whole)


def test_a_damaged_journal_is_refused(interrupted):
    (interrupted / ".generation" / "request.json").write_text('{"attributes": ')
    for use in (
        lambda: open_dataset(interrupted, partial=True),
        lambda: DatasetGenerator.from_store(interrupted),
        lambda: small_generator().generate(interrupted, N_SAMPLES, verbose=False),
    ):
        with pytest.raises(ValueError, match=r"request\.json, which cannot be read"):
            use()


def test_other_versions_are_kept_on_record(interrupted):
    request = interrupted / ".generation" / "request.json"
    request.write_text(request.read_text().replace(np.__version__, "1.0"))
    with pytest.warns(RuntimeWarning, match="other versions of packages"):
        stored = small_generator().generate(interrupted, N_SAMPLES, verbose=False)
    assert json.loads(stored.attrs["versions"])["numpy"] == f"1.0, {np.__version__}"


def test_progress_counts_what_was_there(interrupted, capsys):
    small_generator().generate(interrupted, N_SAMPLES)
    said = capsys.readouterr().err
    assert "12/22" in said
    assert "22/22" in said
    assert "sample/s" in said


def test_an_empty_folder_and_a_home_are_fine(tmp_path, monkeypatch, whole):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "set.zarr").mkdir()
    small_generator().generate("~/set.zarr", N_SAMPLES, verbose=False)
    assert tree(tmp_path / "set.zarr") == tree(whole)
    shutil.rmtree(tmp_path / "set.zarr")
