"""CXI files: what h5py alone writes is read, what is written h5py alone reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import DataFormatError, flat_detector, read_cxi

H, C, E = 6.62607015e-34, 299792458.0, 1.602176634e-19  # exact by definition of the SI

COUNTS = np.arange(4 * 6 * 8, dtype=np.int32).reshape(4, 6, 8)


def file_of(folder: Path, content: dict[str, Any], links: dict[str, str] | None = None) -> Path:
    path = folder / "run.cxi"
    with h5py.File(path, "w") as file:
        for name, value in content.items():
            file[name] = value
        for name, target in (links or {}).items():
            file[name] = h5py.SoftLink(target)
    return path


def raw(**more: Any) -> dict[str, Any]:
    """A typical raw file, as the convention's own example: patterns in the detector, linked from data_1."""
    detector = "entry_1/instrument_1/detector_1/"
    return {
        "cxi_version": 160,
        f"{detector}data": COUNTS,
        **{f"{detector}{k}": v for k, v in more.items()},
    }


LINK = {"entry_1/data_1/data": "/entry_1/instrument_1/detector_1/data"}


def test_a_minimal_file(tmp_path: Path) -> None:
    data = read_cxi(file_of(tmp_path, {"entry_1/data_1/data": COUNTS[0].astype(float)}))
    assert_array_equal(data.pattern.values, COUNTS[:1].astype(np.float32))
    assert set(data.data_vars) == {"pattern"}
    assert data.attrs == {"format": "scatterkit data set"}


@pytest.mark.parametrize(
    ("bits", "measured", "saturated"),
    [
        (0x0000, True, False),
        (0x0001, False, False),
        (0x0002, True, True),
        (0x0003, False, True),
        (0x0004, False, False),
        (0x0008, False, False),
        (0x0010, False, False),
        (0x0020, True, False),
        (0x0040, False, False),
        (0x0080, False, False),
        (0x0200, False, False),
        (0x0400, False, False),
        (0x1000, True, False),
        (0x10000, True, False),
        (0x80000000, True, False),
    ],
)
def test_the_bits_of_a_mask(tmp_path: Path, bits: int, measured: bool, saturated: bool) -> None:
    mask = np.zeros((6, 8), np.uint32)
    mask[2, 3] = bits
    data = read_cxi(file_of(tmp_path, raw(mask=mask), LINK))
    expected = np.ones((4, 6, 8), bool)
    expected[:, 2, 3] = measured
    assert_array_equal(data["mask"].values, expected)
    assert data.saturated.values[:, 2, 3].tolist() == [saturated] * 4
    assert data.saturated.values.sum() == 4 * saturated


def test_other_bits_and_other_meanings(tmp_path: Path) -> None:
    mask = np.zeros((4, 6, 8), np.uint16)
    mask[1, 0, 0], mask[2, 0, 0] = 0x10, 0x8000
    path = file_of(tmp_path, raw(mask=mask), LINK)
    bad = read_cxi(path, bad_bits=0x8000)
    assert bad["mask"].values[:, 0, 0].tolist() == [True, True, False, True]
    assert_array_equal(read_cxi(path, mask_convention="masked")["mask"].values, mask == 0)
    good = file_of(tmp_path, raw(mask=mask == 0), LINK)
    assert_array_equal(read_cxi(good, mask_convention="measured")["mask"].values, mask == 0)
    with pytest.raises(DataFormatError, match="say what they mean by 'mask_convention'"):
        read_cxi(good)


def test_pixels_that_are_no_numbers_are_not_measured(tmp_path: Path) -> None:
    patterns = COUNTS.astype(np.float32)
    patterns[1, 2, 3], patterns[0, 0, 0] = np.nan, np.inf
    data = read_cxi(file_of(tmp_path, {"entry_1/data_1/data": patterns}))
    assert np.argwhere(~data["mask"].values).tolist() == [[0, 0, 0], [1, 2, 3]]
    assert data.pattern.values[1, 2, 3] == data.pattern.values[0, 0, 0] == 0


def test_geometry_and_photon_energy_in_si_units(tmp_path: Path) -> None:
    more = {
        "distance": 0.07,
        "x_pixel_size": 75e-6,
        "y_pixel_size": 75e-6,
        "corner_position": [0.3e-3, 0.225e-3, 0.07],
    }
    content = raw(**more) | {"entry_1/instrument_1/source_1/energy": H * C / 13.5e-9}
    data = read_cxi(file_of(tmp_path, content, LINK))
    assert data.attrs["wavelength"] == pytest.approx(13.5, rel=1e-12)
    assert data.attrs["distance"] == 70.0
    assert data.attrs["pixel_size"] == 0.075
    assert data.attrs["center"] == [2.5, 3.5]
    assert data.attrs["units"] == "wavelength nm, distance mm, pixel_size mm, center pixel"


def test_the_corner_says_where_the_beam_is(tmp_path: Path) -> None:
    """The pixels' places in the laboratory, by the convention's formula, against those of the detector."""
    corner, size = np.array([0.41e-3, 0.19e-3, 0.05]), 75e-6
    more = {"x_pixel_size": size, "y_pixel_size": size, "corner_position": corner}
    detector = flat_detector(read_cxi(file_of(tmp_path, raw(**more), LINK)))
    rows, columns = np.mgrid[:6, :8]
    basis = np.array([[0, -size, 0], [-size, 0, 0]])
    places = corner + (rows[..., None] + 0.5) * basis[0] + (columns[..., None] + 0.5) * basis[1]
    directions = places / np.linalg.norm(places, axis=-1, keepdims=True)
    # CXI: y up, x to the left as seen along the beam; here: rows downwards, columns to the right
    assert_allclose(detector.directions(0.5), directions * [-1, -1, 1], atol=1e-9)


@pytest.mark.parametrize(
    "corner",
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.05], [[0.1, 0.2, 0.05], [0.3, 0.4, 0.05]], [0.1, 0.2], np.zeros((0, 3))],
)
def test_corners_that_say_nothing_of_the_beam(tmp_path: Path, corner: Any) -> None:
    more = {"x_pixel_size": 75e-6, "y_pixel_size": 75e-6, "corner_position": corner, "distance": 0.07}
    data = read_cxi(file_of(tmp_path, raw(**more), LINK))
    assert "center" not in data.attrs
    assert data.attrs["distance"] == 70.0
    assert flat_detector(data).center is None


@pytest.mark.parametrize("unit", ["um", "\u00b5m", "\u03bcm"])
def test_micrometres(tmp_path: Path, unit: str) -> None:
    path = file_of(tmp_path, raw(distance=70000.0), LINK)
    with h5py.File(path, "a") as file:
        file["entry_1/instrument_1/detector_1/distance"].attrs["units"] = unit
    assert read_cxi(path).attrs["distance"] == 70.0


def test_units_that_are_stated(tmp_path: Path) -> None:
    path = file_of(tmp_path, raw(distance=7.0) | {"entry_1/instrument_1/source_1/energy": 0.5}, LINK)
    with h5py.File(path, "a") as file:
        file["entry_1/instrument_1/detector_1/distance"].attrs["units"] = "cm"
        file["entry_1/instrument_1/source_1/energy"].attrs["units"] = "keV"
    data = read_cxi(path)
    assert data.attrs["distance"] == 70.0
    assert data.attrs["wavelength"] == pytest.approx(1e9 * H * C / (500 * E), rel=1e-9)
    with h5py.File(path, "a") as file:
        file["entry_1/instrument_1/detector_1/distance"].attrs["units"] = "furlong"
    with pytest.raises(DataFormatError, match="unknown unit 'furlong'"):
        read_cxi(path)


def test_energies_that_must_be_electronvolts(tmp_path: Path) -> None:
    path = file_of(tmp_path, raw() | {"entry_1/instrument_1/source_1/energy": 500.0}, LINK)
    with pytest.warns(UserWarning, match="taken to be in eV") as warned:
        data = read_cxi(path)
    assert [record.filename for record in warned] == [__file__]
    assert data.attrs["wavelength"] == pytest.approx(1e9 * H * C / (500 * E), rel=1e-9)


def test_a_wavelength_for_every_frame(tmp_path: Path) -> None:
    lengths = np.array([13.4e-9, 13.5e-9, 13.6e-9, 13.5e-9])
    path = file_of(tmp_path, raw() | {"entry_1/instrument_1/source_1/wavelength": lengths}, LINK)
    data = read_cxi(path, frames=[1, 2])
    assert_allclose(data.wavelength.values, [13.5, 13.6])
    assert data.wavelength.attrs["units"] == "nm"
    assert "wavelength" not in data.attrs


def test_a_turned_detector_is_kept_as_it_is(tmp_path: Path) -> None:
    size = 75e-6
    basis = np.array([[-size, 0, 0], [0, -size, 0]])
    more = {"distance": 0.05, "basis_vectors": basis, "corner_position": [1e-4, 1e-4, 0.05]}
    data = read_cxi(file_of(tmp_path, raw(**more), LINK))
    assert_allclose(data.attrs["basis_vectors"], 1e3 * basis.ravel())
    assert data.attrs["pixel_size"] == pytest.approx(0.075)
    with pytest.raises(InvalidParameterError, match="rows along y"):
        flat_detector(data)


def test_a_mask_that_is_not_wanted(tmp_path: Path) -> None:
    path = file_of(tmp_path, {"images": COUNTS, "mask": np.ones(3, int)})
    assert "mask" not in read_cxi(path, dataset="images", mask=False)
    with pytest.raises(DataFormatError, match="as the mask of"):
        read_cxi(path, dataset="images")


def test_processed_images(tmp_path: Path) -> None:
    centre = np.array([4.5, 3.5, 0.0])  # x, y, z from the first pixel's corner: the centre of pixel [3, 4]
    content = {
        "entry_1/image_1/data": np.fft.ifftshift(COUNTS, axes=(1, 2)),
        "entry_1/image_1/mask": np.fft.ifftshift(COUNTS[0] == 5).astype(np.int32),
        "entry_1/image_1/is_fft_shifted": 1,
        "entry_1/image_1/image_center": centre,
        "entry_1/image_1/data_space": "diffraction",
    }
    data = read_cxi(file_of(tmp_path, content))
    assert_array_equal(data.pattern.values, COUNTS)
    assert_array_equal(data["mask"].values, np.broadcast_to(COUNTS[0] != 5, COUNTS.shape))
    assert data.attrs["center"] == [3.0, 4.0]


def test_images_in_real_space_are_no_patterns(tmp_path: Path) -> None:
    content = {
        "entry_1/image_1/data": COUNTS,
        "entry_1/image_1/data_space": "real",
        "entry_1/image_2/data": COUNTS + 1,
    }
    assert float(read_cxi(file_of(tmp_path, content)).pattern[0, 0, 0]) == 1


@pytest.mark.parametrize(
    ("frames", "indices"),
    [
        (2, [2]),
        (-1, [3]),
        (slice(1, 4, 2), [1, 3]),
        (slice(None, None, -1), [3, 2, 1, 0]),
        ([3, 0, 0], [3, 0, 0]),
    ],
)
def test_frames(tmp_path: Path, frames: Any, indices: list[int]) -> None:
    mask = (COUNTS % 7 == 0).astype(np.uint32)
    data = read_cxi(file_of(tmp_path, raw(mask=mask), LINK), frames=frames)
    assert_array_equal(data.pattern.values, COUNTS[indices])
    assert_array_equal(data["mask"].values, mask[indices] == 0)


def test_only_the_chosen_frames_are_read(tmp_path: Path) -> None:
    """Of a compressed stack, the others may be damaged."""
    path = tmp_path / "run.cxi"
    with h5py.File(path, "w") as file:
        stack = file.create_dataset("entry_1/data_1/data", data=COUNTS, chunks=(1, 6, 8), compression="gzip")
        place = stack.id.get_chunk_info(3)
    content = bytearray(path.read_bytes())
    content[place.byte_offset : place.byte_offset + place.size] = bytes(place.size)
    path.write_bytes(content)
    assert_array_equal(read_cxi(path, frames=slice(3)).pattern.values, COUNTS[:3])
    with pytest.raises(DataFormatError, match=r"run\.cxi"):
        read_cxi(path)


def in_a_fresh_process(code: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True)


def test_compressions_of_detectors(tmp_path: Path) -> None:
    """In processes of their own: once loaded, a filter stays."""
    path = tmp_path / "run.h5"
    in_a_fresh_process(
        "import h5py, hdf5plugin, numpy as np\n"
        f"with h5py.File({str(path)!r}, 'w') as file:\n"
        "    options = dict(chunks=(1, 6, 8), **hdf5plugin.Bitshuffle())\n"
        "    file.create_dataset('images', data=np.arange(192).reshape(4, 6, 8), **options)\n"
    )
    read = f"from scatterkit.datasets import read_cxi\ndata = read_cxi({str(path)!r}, dataset='images')\n"
    in_a_fresh_process(
        "import sys\nsys.modules['hdf5plugin'] = None\n"
        f"try:\n    exec({read!r})\n"
        "except ImportError as error:\n"
        "    assert \"need hdf5plugin: pip install 'scatterkit[files]'\" in str(error)\n"
        "else:\n    raise AssertionError\n"
        f"del sys.modules['hdf5plugin']\n{read}"
        "assert data.pattern.values.ravel().tolist() == list(range(192))"
    )


def test_plain_hdf5_by_name(tmp_path: Path) -> None:
    content = {
        "run/images": COUNTS,
        "run/good": COUNTS[0] > 3,
        "run/gain": np.ones(4),
        "run/cube": np.ones((2, 2, 2, 2)),
    }
    path = file_of(tmp_path, content)
    data = read_cxi(path, dataset="run/images", mask="/run/good", mask_convention="measured")
    assert_array_equal(data["mask"].values[2], COUNTS[0] > 3)
    with pytest.raises(
        DataFormatError, match=r"name one as 'dataset'.*/run/images \(4, 6, 8\) of int32"
    ) as caught:
        read_cxi(path)
    assert "cube" not in str(caught.value)
    for bad, said in [
        ("run/nothing", "no array"),
        ("run", "no array"),
        ("run/gain", "where patterns"),
        ("run/cube", "where"),
    ]:
        with pytest.raises(DataFormatError, match=said):
            read_cxi(path, dataset=bad)
    with pytest.raises(DataFormatError, match="as the mask of"):
        read_cxi(path, dataset="run/images", mask="run/gain")


@pytest.mark.parametrize("named", [None, "images/mask"])
def test_a_mask_outside_of_an_entry_may_mean_either(tmp_path: Path, named: str | None) -> None:
    mask = np.ones((6, 8), np.uint8)
    mask[2] = 0
    path = file_of(tmp_path, {"images/raw": COUNTS, "images/mask": mask})
    with pytest.raises(
        InvalidParameterError, match=r"'measured' .*'masked' .*Got None, for the mask /images/mask"
    ):
        read_cxi(path, dataset="images/raw", mask=named)
    for convention, rows in (("measured", [0, 1, 3, 4, 5]), ("masked", [2]), ("cxi", [2])):
        data = read_cxi(path, dataset="images/raw", mask=named, mask_convention=convention)
        assert np.flatnonzero(data["mask"].values[0].any(axis=1)).tolist() == rows
    assert "mask" not in read_cxi(path, dataset="images/raw", mask=False)


def test_other_entries_and_links(tmp_path: Path) -> None:
    path = file_of(tmp_path, {"entry_2/data_1/data": COUNTS}, {"entry_1/data_1/data": "/gone"})
    assert read_cxi(path, entry=2).sizes["sample"] == 4
    with pytest.raises(DataFormatError, match="no patterns where CXI has them"):
        read_cxi(path)


@pytest.mark.parametrize(
    "array",
    [
        np.ones((2, 3, 4, 5)),
        np.ones(5),
        np.ones((0, 6, 8)),
        np.ones((2, 6, 8), complex),
        np.array([["a"]], dtype=h5py.string_dtype()),
        np.zeros((2, 2), dtype=[("a", "f4")]),
    ],
)
def test_arrays_that_are_no_patterns(tmp_path: Path, array: Any) -> None:
    with pytest.raises(DataFormatError, match="where patterns"):
        read_cxi(file_of(tmp_path, {"entry_1/data_1/data": array}))


def test_a_frame_without_a_measured_pixel(tmp_path: Path) -> None:
    mask = np.zeros((4, 6, 8), np.uint32)
    mask[2] = 1
    path = file_of(tmp_path, raw(mask=mask), LINK)
    with pytest.raises(
        DataFormatError, match="no pixel of 1 of the frames is measured; the first of them is 2"
    ):
        read_cxi(path)
    assert read_cxi(path, frames=[0, 1, 3]).sizes["sample"] == 3


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"frames": 4}, "frames"),
        ({"frames": []}, "frames"),
        ({"frames": 0.5}, "frames"),
        ({"dataset": 3}, "dataset"),
        ({"mask": ""}, "mask"),
        ({"mask_convention": "bad"}, "mask_convention"),
        ({"bad_bits": -1}, "bad_bits"),
        ({"entry": 0}, "entry"),
        ({"volumes": 1}, "volumes"),
    ],
)
def test_bad_parameters(tmp_path: Path, given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"'{named}' parameter of read_cxi must be") as caught:
        read_cxi(file_of(tmp_path, raw(), LINK), **given)
    assert not isinstance(caught.value, DataFormatError)
