"""NetCDF files: the same data set again, and one that xarray alone reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import DataFormatError, make_dataset, read_netcdf, write_netcdf


def full_set() -> xr.Dataset:
    rng = np.random.default_rng(3)
    patterns = rng.random((3, 6, 8)).astype(np.float32)
    data = make_dataset(
        patterns,
        masks=patterns > 0.2,
        saturated=patterns > 0.9,
        volumes=rng.random((3, 4, 4, 4)).astype(np.float32),
        coords={
            "label": ["star", "", "Würfel"],
            "quaternion": rng.random((3, 4)),
            "cut": [True, False, True],
            "stretch": [1.0, np.nan, 2.0],
        },
        attrs={
            "wavelength": 13.5,
            "n": 3,
            "center": [2.2, 4.1],
            "flag": True,
            "none": None,
            "deep": {"a": [1]},
        },
        box=318.75,
    )
    data["quaternion"].attrs["units"] = "1"
    data["pattern"].attrs["range"] = [0, 1]
    return data.assign(weights=(("sample", "row", "column"), rng.random((3, 6, 8))))


@pytest.mark.parametrize("compress", [True, False])
def test_round_trip_to_the_last_bit(tmp_path: Path, compress: bool) -> None:
    data = full_set()
    path = write_netcdf(data, tmp_path / "set.nc", compress=compress)
    again = read_netcdf(path)
    assert again.identical(data)
    assert {name: again[name].dtype for name in ("mask", "cut")} == {"mask": bool, "cut": bool}
    assert read_netcdf(path, frames=[2, 0]).identical(data.isel(sample=[2, 0]))
    assert read_netcdf(path, frames=1).identical(data.isel(sample=[1]))


def test_xarray_alone_reads_it(tmp_path: Path) -> None:
    data = full_set()
    with xr.open_dataset(write_netcdf(data, tmp_path / "set.nc"), engine="h5netcdf") as again:
        assert again.equals(data)
        assert set(again.coords) == set(data.coords)
        assert again.attrs["wavelength"] == 13.5
        assert again.attrs["center"] == "[2.2, 4.1]"


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    data = full_set()
    data["pattern"] = data.pattern.astype(np.float16)
    again = read_netcdf(write_netcdf(data, tmp_path / "set.nc"))
    assert again.pattern.dtype == np.float32
    np.testing.assert_array_equal(again.pattern, data.pattern)


def test_a_lazy_set_is_written_in_blocks_and_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = full_set()
    monkeypatch.setattr("scatterkit.datasets.files._writing.BLOCK_BYTES", 1)
    packed = {"pattern": {"dtype": "uint16", "scale_factor": 1 / 65000, "_FillValue": 65535}}
    data[["pattern", "label"]].drop_attrs().to_netcdf(
        tmp_path / "packed.nc", engine="h5netcdf", encoding=packed
    )
    with xr.open_dataset(tmp_path / "packed.nc", engine="h5netcdf") as lazy:
        again = read_netcdf(write_netcdf(lazy, tmp_path / "set.nc"))
    assert float(abs(again.pattern - data.pattern).max()) < 1 / 65000
    assert read_netcdf(write_netcdf(again, tmp_path / "other.nc")).identical(again)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr("scatterkit.datasets.files.netcdf._write_large", fails)
    with pytest.raises(RuntimeError, match="disk full"):
        write_netcdf(full_set(), tmp_path / "set.nc")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written(tmp_path: Path) -> None:
    data = full_set()
    for given, said in [
        (data.pattern, "'dataset'"),
        (data.assign_attrs(function=print), "JSON"),
        (data.assign_coords(o=("sample", np.array([1, {}, None], object))), "NetCDF"),
    ]:
        with pytest.raises(InvalidParameterError, match=said):
            write_netcdf(given, tmp_path / "set.nc")
    assert not list(tmp_path.iterdir())
    write_netcdf(data, tmp_path / "set.nc")
    with pytest.raises(InvalidParameterError, match="unless overwrite"):
        write_netcdf(data, tmp_path / "set.nc")
    assert write_netcdf(data, tmp_path / "set.nc", overwrite=True).exists()


def test_other_netcdf_files(tmp_path: Path) -> None:
    xr.Dataset({"a": ("b", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(DataFormatError, match=r"other\.nc, without a variable 'pattern'"):
        read_netcdf(tmp_path / "other.nc")
    xr.Dataset({"pattern": ("b", [1.0])}).to_netcdf(tmp_path / "flat.nc", engine="h5netcdf")
    with pytest.raises(DataFormatError, match=r"flat\.nc, another one"):
        read_netcdf(tmp_path / "flat.nc")
    bad = full_set()
    bad["pattern"][0, 0, 0] = np.nan
    with pytest.raises(DataFormatError, match="not finite"):
        read_netcdf(write_netcdf(bad, tmp_path / "nan.nc"))
    with pytest.raises(InvalidParameterError, match="'frames' parameter of read_netcdf"):
        read_netcdf(write_netcdf(full_set(), tmp_path / "set.nc"), frames=3)


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5netcdf", None)
    with pytest.raises(ImportError, match=r"pip install 'scatterkit\[files\]'"):
        write_netcdf(full_set(), tmp_path / "set.nc")
