"""Writing CXI files: the same data set again, in places where h5py alone finds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import flat_detector, make_dataset, read_cxi, write_cxi
from scatterkit.experiment import FlatDetector

H, C = 6.62607015e-34, 299792458.0  # exact by definition of the SI


def full_set() -> Any:
    rng = np.random.default_rng(3)
    patterns = rng.random((3, 6, 8)).astype(np.float32)
    data = make_dataset(
        patterns,
        masks=patterns > 0.2,
        saturated=patterns > 0.9,
        volumes=rng.random((3, 4, 4, 4)).astype(np.float32),
        coords={
            "label": ["star", "ball", "Würfel"],
            "quaternion": rng.random((3, 4)),
            "seed": np.arange(3),
            "cut": [True, False, True],
        },
        attrs={
            "wavelength": 13.5,
            "distance": 1 / 3,
            "pixel_size": 0.1 / 3,
            "center": [np.float64(2.2), 4.1],
            "generator": '{"a": 1}',
            "list": [1, 2, {"b": None}],
            "flag": True,
        },
        box=318.75,
    )
    data["quaternion"].attrs["units"] = "1"
    data["pattern"].attrs["scale"] = "log"
    return data.assign(weights=(("sample", "row", "column"), rng.random((3, 6, 8))))


@pytest.mark.parametrize("compress", [True, False])
def test_round_trip_to_the_last_bit(tmp_path: Path, compress: bool) -> None:
    data = full_set()
    path = write_cxi(data, tmp_path / "set.cxi", compress=compress)
    again = read_cxi(path)
    assert again.identical(data.assign_attrs(center=[2.2, 4.1]))
    assert again["cut"].dtype == bool
    part = read_cxi(path, frames=[2, 0])
    assert part.identical(again.isel(sample=[2, 0]))


@pytest.mark.parametrize("left_out", [["mask"], ["saturated"], ["mask", "saturated", "volume"]])
def test_what_was_not_there_does_not_come_back(tmp_path: Path, left_out: list[str]) -> None:
    data = full_set().assign_attrs(center=[2.2, 4.1]).drop_vars(left_out)
    assert read_cxi(write_cxi(data, tmp_path / "set.cxi")).identical(data)


@pytest.mark.parametrize("lengths", [[13.5, 13.5, 13.5], [13.4, 13.5, 1 / 3]])
def test_a_wavelength_for_every_pattern(tmp_path: Path, lengths: list[float]) -> None:
    data = full_set().assign_attrs(center=[2.2, 4.1]).assign_coords(wavelength=("sample", lengths))
    del data.attrs["wavelength"]
    path = write_cxi(data, tmp_path / "set.cxi")
    assert read_cxi(path).identical(data)
    with h5py.File(path, "r") as file:
        energies = file["entry_1/instrument_1/source_1/energy"][()]
    assert_allclose(energies, H * C / (1e-9 * np.array(lengths)), rtol=1e-9)
    data.wavelength.attrs["units"] = "angstrom"
    with pytest.raises(InvalidParameterError, match=r"wavelengths are in nm\. Got 'angstrom'"):
        write_cxi(data, tmp_path / "other.cxi")
    assert not (tmp_path / "other.cxi").exists()


def test_what_is_written_is_cxi(tmp_path: Path) -> None:
    data = full_set()
    with h5py.File(write_cxi(data, tmp_path / "set.cxi"), "r") as file:
        assert file["cxi_version"][()] == 160
        assert file["number_of_entries"][()] == 1
        entry = file["entry_1"]
        assert_array_equal(entry["data_1/data"][()], data.pattern.values)
        assert entry["data_1/data"] == entry["instrument_1/detector_1/data"]
        mask = entry["data_1/mask"][()]
        assert mask.dtype == np.uint32
        assert_array_equal(mask & 1, ~data["mask"].values)
        assert_array_equal(mask & 2, 2 * data.saturated.values)
        assert (mask < 4).all()
        assert entry["instrument_1/source_1/energy"][()] == pytest.approx(H * C / 13.5e-9, rel=1e-9)
        assert entry["instrument_1/source_1/wavelength"][()] == 13.5e-9
        detector = entry["instrument_1/detector_1"]
        assert detector["distance"][()] == pytest.approx(1e-3 / 3, rel=1e-14)
        size = 1e-4 / 3
        assert detector["x_pixel_size"][()] == detector["y_pixel_size"][()] == pytest.approx(size)
        assert_allclose(detector["corner_position"], [4.6 * size, 2.7 * size, 1e-3 / 3], rtol=1e-12)
        image = entry["image_1"]
        assert_array_equal(image["data"][()], data.volume.values)
        assert image["data_space"][()] == b"real"
        assert_allclose(image["image_size"], [318.75e-9] * 3)


def test_an_edited_geometry_is_read(tmp_path: Path) -> None:
    path = write_cxi(full_set(), tmp_path / "set.cxi")
    with h5py.File(path, "a") as file:
        file["entry_1/instrument_1/detector_1/distance"][()] = 0.2
    assert read_cxi(path).attrs["distance"] == 200.0


def test_lazy_sets_are_written_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import xarray as xr

    data = full_set()
    data.drop_vars("label").to_zarr(tmp_path / "store.zarr", zarr_format=3, consolidated=False)
    lazy = xr.open_zarr(tmp_path / "store.zarr", chunks=None, consolidated=False)
    monkeypatch.setattr("scatterkit.datasets.files._writing.BLOCK_BYTES", 1)
    again = read_cxi(write_cxi(lazy, tmp_path / "set.cxi"))
    assert again.drop_attrs().equals(data.drop_vars("label").drop_attrs())


def breaks(at: int) -> Callable[..., Any]:
    def write(file: Any, *_: Any) -> None:
        file["torn"] = at
        raise RuntimeError("disk full")

    return write


def test_a_failed_write_leaves_nothing_and_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_cxi(full_set(), tmp_path / "set.cxi")
    before = path.read_bytes()
    monkeypatch.setattr("scatterkit.datasets.files.cxi_writer._write_volumes", breaks(1))
    with pytest.raises(RuntimeError, match="disk full"):
        write_cxi(full_set(), path, overwrite=True)
    with pytest.raises(RuntimeError, match="disk full"):
        write_cxi(full_set(), tmp_path / "other.cxi")
    assert [file.name for file in tmp_path.iterdir()] == ["set.cxi"]
    assert path.read_bytes() == before


def test_what_cannot_be_written(tmp_path: Path) -> None:
    data = full_set()
    existing = write_cxi(data, tmp_path / "set.cxi")
    for given, options, said in [
        (data, {"path": existing}, "unless overwrite is True"),
        (data, {"path": tmp_path / "no" / "set.cxi"}, "in a folder that exists"),
        (data, {"path": 3}, "the path of a file to write"),
        (data, {"path": tmp_path / "a.cxi", "compress": 1}, "'compress'"),
        (data.pattern, {"path": tmp_path / "a.cxi"}, "'dataset'"),
        (data.assign_attrs(function=print), {"path": tmp_path / "a.cxi"}, "JSON"),
        (
            data.assign_coords(o=("sample", np.array([1, "a", None], object))),
            {"path": tmp_path / "a.cxi"},
            "'o'",
        ),
    ]:
        with pytest.raises(InvalidParameterError, match=said):
            write_cxi(given, **options)
    assert [file.name for file in tmp_path.iterdir()] == ["set.cxi"]


def test_the_detector_survives(tmp_path: Path) -> None:
    expected = FlatDetector(n_pixels=(6, 8), pixel_size=0.1 / 3, distance=1 / 3, center=(2.2, 4.1))
    assert flat_detector(read_cxi(write_cxi(full_set(), tmp_path / "set.cxi"))).key() == expected.key()
