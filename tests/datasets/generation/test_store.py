"""The stored form: any Zarr reader opens it, the same samples give the same bytes, and damage is found."""

from __future__ import annotations

import json
import random
import shutil

import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr
from generation_cases import N_SAMPLES, SHARD, small_generator, tree

import scatterkit as sk
from scatterkit.datasets import DataFormatError, GenerationError, open_dataset
from scatterkit.datasets.generation._columns import columns_of
from scatterkit.datasets.generation._store import ArraySpec, BlockWriter, Layout

# -- other readers -------------------------------------------------------------------------------------------


def test_xarray_alone_reads_the_same_values(whole):
    ours = open_dataset(whole)
    with xr.open_zarr(whole, chunks=None) as theirs:
        assert set(theirs.coords) == set(ours.coords)
        assert theirs.attrs == ours.attrs
        for name in ours.variables:
            a, b = ours[name].values, theirs[name].values
            assert ours[name].dims == theirs[name].dims
            assert ours[name].attrs == theirs[name].attrs
            if a.dtype == object:
                assert list(a) == list(b)
            else:
                np.testing.assert_allclose(a, b, rtol=2e-7, equal_nan=True)


def test_zarr_reads_every_array_by_itself(whole):
    group = zarr.open_group(whole, mode="r")
    names = {path.name for path in whole.iterdir() if path.is_dir()}
    assert {name for name, _ in group.arrays()} == names
    volumes = group["volume"]
    assert (volumes.shards, volumes.chunks) == ((SHARD, 16, 16, 16), (2, 16, 16, 16))
    alone = zarr.open_array(whole / "volume", mode="r")
    assert np.array_equal(alone[:], np.rint(open_dataset(whole).volume.values * 255))


def test_zarr_writes_the_same_numbers_with_our_metadata(whole, tmp_path):
    """Zarr's own writer takes the metadata, and what it makes of the values reads the same."""
    for name in ("volume", "pattern", "polyhedron", "quaternion"):
        shutil.copytree(whole / name, tmp_path / name)
        for file in (tmp_path / name).glob("c.*"):
            file.unlink()
        theirs = zarr.open_array(tmp_path / name, mode="r+")
        values = zarr.open_array(whole / name, mode="r")[:]
        theirs[:] = values
        assert np.array_equal(theirs[:], values)
        assert {file.name for file in (tmp_path / name).iterdir()} == {
            file.name for file in (whole / name).iterdir()
        }


# -- values and bytes ----------------------------------------------------------------------------------------


def test_stored_values_are_those_in_memory(whole):
    stored, made = open_dataset(whole), small_generator().sample(N_SAMPLES)
    assert made.identical(stored.compute())
    assert small_generator().sample(3, start=7).identical(stored.isel(sample=slice(7, 10)).compute())


@pytest.mark.parametrize(
    "choose",
    [
        slice(None, None, -1),
        slice(3, 20, 5),
        [5],
        [21, 3, 4, 3, 17],
        np.arange(N_SAMPLES) % 3 == 0,
        7,
        -1,
        [],
    ],
    ids=str,
)
def test_any_choice_of_samples_is_read(whole, choose):
    stored, full = open_dataset(whole), open_dataset(whole).compute()
    assert full.isel(sample=choose).identical(stored.isel(sample=choose).compute())
    part = {"sample": choose, "z": slice(4, 9), "y": [3, 1], "x": 5}
    assert np.array_equal(full.volume.isel(part), stored.volume.isel(part))


def test_rounding_of_the_types_is_as_fine_as_said():
    exact = small_generator(pattern_dtype="float32", occupancy=None).sample(6).pattern
    steps = small_generator(pattern_dtype="uint16").sample(6)
    half = small_generator(pattern_dtype="float16").sample(6).pattern
    assert 0 < float(abs(steps.pattern - exact).max()) <= 0.5 / 65535 * 1.001
    assert 0 < float(abs(half - exact).max()) <= 2.0**-12
    assert float(steps.pattern.max()) == 1
    assert "volume" not in small_generator(occupancy=None).sample(1)
    coverage = sk.Rasterizer(grid=16).transform(
        small_generator().sampler.set_params(random_state=3).sample(6)
    )
    assert 0 < float(abs(steps.volume - coverage).max()) <= 0.5 / 255 * 1.001
    assert float(steps.volume.max()) == 1


def test_bits(tmp_path):
    generator = small_generator(rasterizer=sk.Rasterizer(grid=16, mode="binary"), occupancy="bits")
    stored = generator.generate(tmp_path / "bits.zarr", 6, verbose=False)
    bodies = sk.SolidSampler(cut=(0.2, 1.0), cut_probability=0.5, random_state=3).sample(6)
    assert np.array_equal(stored.volume, generator.rasterizer.transform(bodies))
    assert stored.volume.dtype == np.float32
    assert zarr.open_array(tmp_path / "bits.zarr" / "volume", mode="r").dtype == bool
    with pytest.raises(ValueError, match=r"'occupancy' parameter .* must be 'uint8' or None .* Got 'bits'"):
        small_generator(occupancy="bits").sample(1)


def test_chunks_are_zstd_frames_with_a_checksum(whole):
    """By hand, with the standard's CRC-32C and the layout of a shard, and none of the code under test."""
    import google_crc32c

    shard = (whole / "pattern" / "c.5.0.0").read_bytes()  # samples 20 and 21: one chunk of two
    *index, seal = np.frombuffer(shard[-36:], "<u8", 4).tolist(), int.from_bytes(shard[-4:], "little")
    assert google_crc32c.value(shard[-36:-4]) == seal
    (start, length, *missing) = index[0]
    assert (start, missing) == (0, [2**64 - 1] * 2)
    chunk = shard[start : start + length]
    assert google_crc32c.value(chunk[:-4]) == int.from_bytes(chunk[-4:], "little")
    values = np.frombuffer(numcodecs.Zstd().decode(chunk[:-4]), "<u2").reshape(2, 16, 16)
    assert np.array_equal(values, np.rint(open_dataset(whole).pattern[20:].values * 65535))


def test_a_block_is_as_small_in_memory_as_a_chunk(tmp_path):
    spec = ArraySpec("volume", ("sample", "x"), (1000,), "uint8", chunk=8)
    layout = Layout(4096, (spec,))
    (tmp_path / "work").mkdir()
    with BlockWriter(tmp_path / "work", layout, 4096) as writer:
        assert writer._files["volume"]._buffer.nbytes == 8 * 1000
        for i in range(4096):
            writer.slot("volume")[...] = i % 251
            writer.done()
        assert writer.finish({}) == {"volume": (tmp_path / "work" / "volume").stat().st_size}
    (tmp_path / "volume").mkdir()
    (tmp_path / "work" / "volume").rename(tmp_path / "volume" / spec.file_name(0))
    (tmp_path / "volume" / "zarr.json").write_text(json.dumps(spec.metadata(4096, 4096)))
    read = zarr.open_array(tmp_path / "volume", mode="r")[:]
    assert np.array_equal(read, np.broadcast_to((np.arange(4096) % 251)[:, None], read.shape))


def test_columns_hold_the_descriptors(whole):
    stored = open_dataset(whole)
    sampler = sk.SolidSampler(cut=(0.2, 1.0), cut_probability=0.5, random_state=3)
    for i, descriptor in enumerate(sampler.sample_params(N_SAMPLES)):
        row = stored.isel(sample=i)
        assert str(row.polyhedron.values) == descriptor.polyhedron
        assert row["size"] == descriptor.size
        assert tuple(row.quaternion.values) == descriptor.quaternion
        assert str(row.caxis.values) == (descriptor.caxis or "")
        assert float(row.cut) == descriptor.cut or (np.isnan(row.cut) and descriptor.cut is None)
    assert stored["size"].attrs["units"] == "nm"
    assert stored.quaternion.attrs["units"] == "1"


def test_columns_of_any_descriptor():
    plain = sk.solids.SolidDescriptor("cube", (0, 0, 0, 1), 50.0, axis=(0.0, 0.6, 0.8), cut=0.5, caxis="C4")
    columns = {column.name: column for column in columns_of(plain)}
    assert columns["axis"].values([plain]).tolist() == ["[0.0, 0.6, 0.8]"]
    assert columns["caxis"].values([plain]).tolist() == ["C4"]
    assert columns["seed"].values([plain]).dtype == np.int64
    half = sk.HalfSpaceSampler(random_state=0).sample_params(3)
    kinds = {column.name: (column.dtype, column.shape) for column in columns_of(half[0])}
    assert kinds["axis"] == ("float64", (3,))
    assert kinds["key"] == ("int64", ())
    assert kinds["family"] == ("string", ())


# -- damage --------------------------------------------------------------------------------------------------


def read_all(path):
    return open_dataset(path).compute()


def test_a_truncated_shard_is_named(copy):
    for name, block in (("volume", 2), ("pattern", 0), ("size", 5), ("polyhedron", 1)):
        spoilt = next((copy / name).glob(f"c.{block}*"))
        content = spoilt.read_bytes()
        for length in (0, 3, len(content) // 2, len(content) - 1):
            spoilt.write_bytes(content[:length])
            with pytest.raises(DataFormatError, match=f"{name}/{spoilt.name}, which is damaged"):
                read_all(copy)
        spoilt.write_bytes(content)
    assert read_all(copy).identical(small_generator().sample(N_SAMPLES))


def test_a_flipped_bit_is_found_and_named(copy):
    generator = random.Random(0)
    files = [file for file in copy.rglob("c.*") if file.parent.name != "sample"]
    for file in generator.sample(files, 24):
        content = bytearray(file.read_bytes())
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        before = file.read_bytes()
        file.write_bytes(content)
        with pytest.raises(DataFormatError, match=f"{file.parent.name}/{file.name}"):
            read_all(copy)
        file.write_bytes(before)


def test_missing_files_are_named(copy):
    (copy / "volume" / "c.3.0.0.0").unlink()
    with pytest.raises(DataFormatError, match=r"volume/c\.3\.0\.0\.0, which is missing"):
        open_dataset(copy)
    shutil.rmtree(copy / "cut")
    with pytest.raises(DataFormatError, match="cut"):
        open_dataset(copy)


def replace_all(copy, change):
    """Change the metadata in the group and in the arrays alike."""
    group = json.loads((copy / "zarr.json").read_text())
    change(group["consolidated_metadata"]["metadata"])
    (copy / "zarr.json").write_text(json.dumps(group))
    for name, metadata in group["consolidated_metadata"]["metadata"].items():
        if (copy / name).is_dir():
            (copy / name / "zarr.json").write_text(json.dumps(metadata))


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("pattern"),
        lambda arrays: arrays["pattern"].update(data_type="float64"),
        lambda arrays: arrays["pattern"].update(data_type="nonsense"),
        lambda arrays: arrays["volume"].update(shape=[0, 16, 16, 16]),
        lambda arrays: arrays["volume"].update(shape=[22, 16, 16]),
        lambda arrays: arrays["size"].update(shape=[23]),
        lambda arrays: arrays["volume"].update(shape=[22, 16, 16, 32]),
        lambda arrays: arrays["volume"].update(codecs=[]),
        lambda arrays: arrays["volume"].update(codecs=[{"name": "nonsense"}]),
        lambda arrays: arrays["pattern"].update(dimension_names=["sample", "y", "x"]),
        lambda arrays: arrays["volume"].update(attributes=3),
        lambda arrays: arrays["volume"].pop("chunk_grid"),
        lambda arrays: arrays["volume"]["chunk_grid"]["configuration"].update(chunk_shape=[0, 16, 16, 16]),
        lambda arrays: arrays.update({"../elsewhere": dict(arrays["size"])}),
    ],
    ids=range(14),
)
def test_metadata_that_make_no_sense_are_refused(copy, change):
    replace_all(copy, change)
    with pytest.raises((DataFormatError, GenerationError), match=r"set\.zarr"):
        read_all(copy)


def test_fuzzed_metadata_are_refused_or_harmless(copy):
    generator = random.Random(1)
    expected = small_generator().sample(N_SAMPLES)
    files = [copy / "zarr.json", *copy.glob("*/zarr.json")]
    for _ in range(150):
        file = generator.choice([files[0], generator.choice(files)])
        before = file.read_bytes()
        content = bytearray(before)
        kind = generator.randrange(3)
        place = generator.randrange(len(content))
        if kind == 0:
            content[place] = generator.randrange(256)
        elif kind == 1:
            del content[place:]
        else:
            del content[place : place + generator.randrange(1, 9)]
        file.write_bytes(content)
        try:
            found = read_all(copy)
        except (DataFormatError, GenerationError) as error:
            assert "set.zarr" in str(error)  # noqa: PT017  either outcome is right
        else:
            for name in ("pattern", "volume", "size"):  # attributes may differ, values may not
                assert np.array_equal(found[name], expected[name])
        file.write_bytes(before)


def test_what_is_no_set_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no"):
        open_dataset(tmp_path / "nothing.zarr")
    with pytest.raises(DataFormatError, match="where no such set is"):
        open_dataset(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataFormatError, match="file, where no such set is"):
        open_dataset(tmp_path / "file")
    xr.Dataset({"pattern": (("a",), np.zeros(3))}).to_zarr(tmp_path / "other.zarr", consolidated=False)
    with pytest.raises(DataFormatError, match=r"other.zarr/zarr.json"):
        open_dataset(tmp_path / "other.zarr")
    with pytest.raises(ValueError, match="'path' parameter of open_dataset must be"):
        open_dataset(3)
    with pytest.raises(ValueError, match="'partial' parameter of open_dataset must be True or False"):
        open_dataset(tmp_path, partial="yes")


def test_a_finished_set_holds_nothing_but_zarr(whole):
    names = {path.name for path in whole.rglob("*") if path.is_file()}
    assert all(name == "zarr.json" or name.startswith("c.") for name in names)
    assert tree(whole)  # and the tree that other tests compare is not empty
