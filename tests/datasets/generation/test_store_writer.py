"""Imported data as stores: what goes in comes out, also from blocks, and never in part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import (
    DatasetGenerator,
    make_dataset,
    open_dataset,
    read_cxi,
    read_netcdf,
    write_cxi,
    write_netcdf,
    write_store,
)


def full_set(n: int = 7) -> xr.Dataset:
    rng = np.random.default_rng(5)
    patterns = rng.random((n, 6, 8)).astype(np.float32)
    data = make_dataset(
        patterns,
        masks=patterns > 0.2,
        volumes=rng.integers(0, 256, (n, 4, 4, 4)) / 255,
        coords={
            "label": [f"body {i}" for i in range(n)],
            "quaternion": rng.random((n, 4)),
            "cut": np.arange(n) % 2 == 0,
            "size": rng.random(n),
        },
        attrs={"wavelength": 13.5, "center": [2.2, 4.1]},
        box=318.75,
    )
    data["size"].attrs["units"] = "nm"
    return data


@pytest.mark.parametrize("shard_size", [1, 3, 7, 100])
def test_what_goes_in_comes_out(tmp_path: Path, shard_size: int) -> None:
    data = full_set()
    stored = write_store(data, tmp_path / "run.zarr", shard_size=shard_size)
    again = stored.load().drop_vars("sample")
    np.testing.assert_array_equal(again.pattern, data.pattern)
    np.testing.assert_allclose(again.volume, data.volume, atol=1e-6)
    assert again.drop_vars(["pattern", "volume"]).equals(data.drop_vars(["pattern", "volume"]))
    assert again["size"].attrs == {"units": "nm"}
    assert again.attrs["wavelength"] == 13.5
    assert again.attrs["center"] == [2.2, 4.1]
    assert open_dataset(tmp_path / "run.zarr").equals(stored)
    assert [path.name for path in tmp_path.iterdir()] == ["run.zarr"]


def test_zarr_alone_reads_it(tmp_path: Path) -> None:
    import zarr

    data = full_set()
    write_store(data, tmp_path / "run.zarr", pattern_dtype="uint16", occupancy="float32", shard_size=4)
    group = zarr.open_group(tmp_path / "run.zarr", mode="r")
    pattern = np.asarray(group["pattern"])
    assert pattern.dtype == np.uint16
    np.testing.assert_array_equal(pattern, np.rint(data.pattern.values * np.float32(65535)))
    np.testing.assert_array_equal(np.asarray(group["volume"]), data.volume)
    assert list(group["label"][:]) == data.label.values.tolist()


def test_blocks_make_the_same_store(tmp_path: Path) -> None:
    data = full_set()
    one = write_store(data, tmp_path / "one.zarr", shard_size=3)
    blocks = (data.isel(sample=part) for part in (slice(0, 2), slice(2, 6), slice(6, 7)))
    several = write_store(blocks, tmp_path / "several.zarr", shard_size=3)
    assert several.equals(one)
    files = {
        path.relative_to(tmp_path / "one.zarr"): path.read_bytes()
        for path in (tmp_path / "one.zarr").rglob("c.*")
    }
    assert len(files) >= 3 * 4
    assert all((tmp_path / "several.zarr" / name).read_bytes() == content for name, content in files.items())


def test_stores_are_written_again_and_exported(tmp_path: Path) -> None:
    stored = write_store(full_set(), tmp_path / "run.zarr", shard_size=3)
    part = write_store(stored.isel(sample=[5, 1]), tmp_path / "part.zarr")
    assert part.label.values.tolist() == ["body 5", "body 1"]
    assert part.sample.values.tolist() == [0, 1]
    for write, read in ((write_cxi, read_cxi), (write_netcdf, read_netcdf)):
        again = read(write(stored, tmp_path / f"run.{write.__name__}"))
        assert again.drop_vars("sample").drop_attrs().equals(stored.load().drop_vars("sample").drop_attrs())


def test_parts_left_out_and_saturated_pixels(tmp_path: Path) -> None:
    data = full_set().drop_vars("mask")
    data["saturated"] = data.pattern > 0.9
    stored = write_store(data, tmp_path / "run.zarr", occupancy=None)
    assert "volume" not in stored
    np.testing.assert_array_equal(stored.saturated.values, data.saturated)


def test_no_generator_comes_of_it(tmp_path: Path) -> None:
    data = full_set().assign_attrs(generator='{"class": "DatasetGenerator"}')
    stored = write_store(data, tmp_path / "run.zarr")
    assert stored.attrs["source_generator"] == '{"class": "DatasetGenerator"}'
    with pytest.raises(ValueError):
        DatasetGenerator.from_store(tmp_path / "run.zarr")


def test_attributes_that_differ_between_blocks_are_kept_as_a_list(tmp_path: Path) -> None:
    blocks = (full_set(2).assign_attrs(random_state=seed, generator=f"by {seed}") for seed in (3, 1, 3))
    stored = write_store(blocks, tmp_path / "run.zarr")
    assert stored.attrs["random_state"] == [3, 1]
    assert stored.attrs["source_generator"] == ["by 3", "by 1"]
    assert stored.attrs["wavelength"] == 13.5


def test_what_is_not_a_number_is_the_same_in_all_blocks(tmp_path: Path) -> None:
    block = full_set(2).assign_coords(energy=("bin", [1.0, np.nan]))
    stored = write_store([block, block], tmp_path / "run.zarr")
    np.testing.assert_array_equal(stored.energy, [1.0, np.nan])


def test_masks_of_numbers_and_types_that_fit(tmp_path: Path) -> None:
    data = gains(full_set(), 1.5)[0]
    data["mask"] = data["mask"].astype(np.uint8)
    stored = write_store([data, *gains(data, 2)], tmp_path / "run.zarr", pattern_dtype="float16")
    np.testing.assert_array_equal(stored["mask"][7:], data["mask"])
    assert stored["mask"].dtype == bool
    assert stored.gain.values.tolist() == [1.5] * 7 + [2] * 7


def gains(data: xr.Dataset, *values: Any) -> list[xr.Dataset]:
    """The set once for each value, which all its samples have."""
    return [data.assign_coords(gain=("sample", [value] * data.sizes["sample"])) for value in values]


def sizes_in(data: xr.Dataset, *units: str) -> list[xr.Dataset]:
    return [data.assign_coords(size=("sample", data["size"].values, {"units": unit})) for unit in units]


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda data: data.pattern, {}, "'source' parameter"),
        (lambda data: data, {"pattern_dtype": "int8"}, "'pattern_dtype'"),
        (lambda data: data, {"occupancy": "bits"}, "'occupancy'"),
        (lambda data: data, {"shard_size": 0}, "'shard_size'"),
        (
            lambda data: data.assign(pattern=data.pattern * 3),
            {"pattern_dtype": "uint16"},
            "'uint16' for patterns with values from",
        ),
        (
            lambda data: data.assign(pattern=data.pattern * 1e6),
            {"pattern_dtype": "float16"},
            "'float16' for patterns with values",
        ),
        (
            lambda data: data.assign(pattern=data.pattern / 0),
            {},
            "patterns with . NaN and ... infinite values",
        ),
        (lambda data: data.assign(pattern=data.pattern * np.nan), {}, "patterns with 336 NaN"),
        (lambda data: data.assign(volume=data.volume * 3), {}, "'occupancy' .* volumes with values from"),
        (lambda data: data.assign_coords(z2=("sample", np.ones(7) * 1j)), {}, "'z2' of type complex128"),
        (lambda data: data.assign_coords(odd=("sample", [*"abcdef", object()])), {}, "'odd' holds texts or"),
        (lambda data: [], {}, "at least one block"),
        (lambda data: "abc", {}, "an iterable of Datasets"),
        (lambda data: [data, data.drop_vars("cut")], {}, "blocks of the same variables"),
        (lambda data: [data, data.isel(row=slice(3))], {}, "'pattern' of shape|'mask' of shape"),
        (lambda data: [data, data.assign_attrs(wavelength=20.0)], {}, "the same 'wavelength'.*13.5 and 20.0"),
        (lambda data: [data, data.assign_coords(z=data.z / 2)], {}, "blocks of the same 'z'"),
        (lambda data: data.assign_attrs(temperature=np.nan), {}, "finite. Got 'temperature' = nan"),
        (lambda data: [data, data.drop_attrs(deep=False)], {}, "the same '(wavelength|box)'.*13.5 and None"),
        (lambda data: [data.drop_attrs(deep=False), data], {}, "the same '(wavelength|box)'.*None and 13.5"),
        (
            lambda data: data.assign(pattern=(data.pattern * 1000).astype("int32")),
            {"pattern_dtype": "uint16"},
            "'uint16' for patterns with values from 0 to",
        ),
        (
            lambda data: data.assign(pattern=(data.pattern * 1e6).astype("int32")),
            {"pattern_dtype": "float16"},
            "'float16' for patterns with values",
        ),
        (lambda data: data.assign(pattern=data.pattern * 1j), {}, "'pattern' of real numbers"),
        (lambda data: data.assign(volume=(data.volume * 9).astype(int)), {}, "'occupancy' .* volumes with"),
        (lambda data: data.assign(mask=data["mask"] * 2), {}, "'mask' of booleans, or of 0 and 1"),
        (lambda data: gains(data, 1, 1.5), {}, "'gain' is of type int64, as in .* Got type float64"),
        (lambda data: gains(data, 1.5, "a"), {}, "'gain' is of type float64, as in .* Got type <U1"),
        (lambda data: sizes_in(data, "nm", "um"), {}, "the same unit of 'size'. Got 'nm' and 'um'"),
    ],
)
def test_a_refused_source_leaves_nothing(
    tmp_path: Path, change: Any, options: dict[str, Any], said: str
) -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        source = change(full_set())
    with pytest.raises(InvalidParameterError, match=said):
        write_store(source, tmp_path / "run.zarr", **({"shard_size": 2} | options))
    assert not list(tmp_path.iterdir())


def test_a_failed_block_leaves_what_was(tmp_path: Path) -> None:
    def failing() -> Any:
        yield full_set()
        raise OSError("disk gone")

    before = write_store(full_set(3), tmp_path / "run.zarr").load()
    with pytest.raises(InvalidParameterError, match="unless overwrite is True"):
        write_store(full_set(), tmp_path / "run.zarr")
    with pytest.raises(OSError, match="disk gone"):
        write_store(failing(), tmp_path / "run.zarr", shard_size=2, overwrite=True)
    assert open_dataset(tmp_path / "run.zarr").equals(before)
    assert [path.name for path in tmp_path.iterdir()] == ["run.zarr"]
    assert write_store(full_set(), tmp_path / "run.zarr", overwrite=True).sizes["sample"] == 7


def test_texts_that_are_missing_are_empty(tmp_path: Path) -> None:
    names = np.array(["a", None, np.nan, "d", "", "ü", "g"], dtype=object)
    pairs = np.array([["a", "b"]] * 7)
    data = full_set().assign_coords(label=("sample", names), pair=(("sample", "two"), pairs))
    stored = write_store(data, tmp_path / "run.zarr", shard_size=4)
    assert stored.label.values.tolist() == ["a", "", "", "d", "", "ü", "g"]
    assert stored.pair.values.tolist() == pairs.tolist()


def test_texts_of_an_axis_are_kept_and_what_has_no_place_is_named(tmp_path: Path) -> None:
    data = full_set().assign_coords(row=list("abcdef"), run=3)
    data["background"] = (("row", "column"), np.ones((6, 8)))
    with pytest.warns(UserWarning, match="write_store leaves out background, run:"):
        stored = write_store(data, tmp_path / "run.zarr")
    assert stored.row.values.tolist() == list("abcdef")
    assert "background" not in stored.variables


def test_only_a_store_or_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "run.zarr"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(InvalidParameterError, match="which holds other files"):
        write_store(full_set(), folder, overwrite=True)
    assert (folder / "thesis.txt").read_text() == "precious"
    (folder / "thesis.txt").unlink()
    write_store(full_set(), folder, overwrite=True)
    assert write_store(full_set(3), folder, overwrite=True).sizes["sample"] == 3
