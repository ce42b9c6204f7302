"""NumPy's files as data sets."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import DataFormatError, read_numpy

PATTERNS = np.arange(4 * 6 * 8.0).reshape(4, 6, 8)


def npy(folder: Path, array: Any) -> Path:
    np.save(folder / "run.npy", array, allow_pickle=True)
    return folder / "run.npy"


def npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "run.npz", **arrays)
    return folder / "run.npz"


@pytest.mark.parametrize("dtype", ["f8", "f4", ">f4", "u2", "i8", "?"])
def test_an_array_of_patterns(tmp_path: Path, dtype: str) -> None:
    patterns = PATTERNS.astype(dtype)
    data = read_numpy(npy(tmp_path, patterns))
    assert data.pattern.dtype == np.float32
    assert_array_equal(data.pattern.values, patterns.astype(np.float32))
    assert set(data.data_vars) == {"pattern"}


def test_one_pattern_and_fortran_order(tmp_path: Path) -> None:
    assert read_numpy(npy(tmp_path, PATTERNS[1])).pattern.shape == (1, 6, 8)
    assert_array_equal(read_numpy(npy(tmp_path, np.asfortranarray(PATTERNS))).pattern.values, PATTERNS)


@pytest.mark.parametrize(("frames", "indices"), [(1, [1]), (slice(None, None, 2), [0, 2]), ([3, 1], [3, 1])])
def test_frames(tmp_path: Path, frames: Any, indices: list[int]) -> None:
    assert_array_equal(read_numpy(npy(tmp_path, PATTERNS), frames=frames).pattern.values, PATTERNS[indices])


def test_patterns_do_not_change_with_their_file(tmp_path: Path) -> None:
    path = npy(tmp_path, PATTERNS.astype(np.float32))
    read = [read_numpy(path), read_numpy(path, frames=slice(0, 3))]
    with path.open("r+b") as stream:
        stream.seek(-PATTERNS.size * 4, 2)
        stream.write(bytes(PATTERNS.size * 4))
    for data in read:
        assert_array_equal(data.pattern.values, PATTERNS[: data.sizes["sample"]])
        data.pattern.values[0] = 1  # nor are they read-only


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"mask": "god"}, "no array 'god' among 'pattern' of shape"),
        ({"pattern": "masks"}, "no array 'masks' among"),
        ({"mask": "pattern"}, "'names' parameter of read_numpy .*different names"),
        ({"masks": "good"}, "'names' parameter of read_numpy .* 'pattern', 'mask'"),
        ({"mask": 3}, "'names' parameter of read_numpy"),
        ({"mask": "good", "saturated": "good"}, "'names' parameter of read_numpy .*different names"),
    ],
)
def test_names_of_what_is_not_there(tmp_path: Path, names: Any, said: str) -> None:
    with pytest.raises(InvalidParameterError, match=said):
        read_numpy(npz(tmp_path, pattern=PATTERNS, good=np.ones((6, 8))), names=names)


def test_a_name_that_is_another_part_s_default(tmp_path: Path) -> None:
    path = npz(tmp_path, pattern=PATTERNS, mask=PATTERNS > 3)
    data = read_numpy(path, names={"saturated": "mask"})
    assert set(data.data_vars) == {"pattern", "saturated"}


def test_the_only_array_of_a_file_has_no_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match=r"'names' parameter .* None for an \.npy file"):
        read_numpy(npy(tmp_path, PATTERNS), names={"pattern": "images"})


def test_parts_by_name_and_coordinates(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((6, 8)) > 0.5
    path = npz(
        tmp_path,
        images=PATTERNS,
        good=mask,
        bodies=rng.random((4, 3, 3, 3)),
        saturated=PATTERNS > 180,
        energy=np.arange(4),
        label=np.array(list("abcd")),
        gain=np.ones(7),
    )
    data = read_numpy(path, names={"pattern": "images", "mask": "good", "volume": "bodies"}, frames=[2, 3])
    assert_array_equal(data.pattern.values, PATTERNS[2:])
    assert_array_equal(data["mask"].values, [mask, mask])
    assert data.saturated.values.sum() == 11
    assert data.volume.shape == (2, 3, 3, 3)
    assert data.energy.values.tolist() == [2, 3]
    assert data.label.values.tolist() == ["c", "d"]
    assert "gain" not in data.coords


def test_places_of_voxels_are_not_taken_for_samples(tmp_path: Path) -> None:
    places = np.linspace(-30.0, 30.0, 4)
    np.savez(tmp_path / "a.npz", pattern=np.ones((4, 8, 8)), volume=np.ones((4, 4, 4, 4)), z=places, x=places)
    data = read_numpy(tmp_path / "a.npz")
    assert data["volume"].dims == ("sample", "z", "y", "x")
    assert [name for name, values in data.coords.items() if values.dims == ("sample",)] == []


def test_pixels_that_are_no_numbers_are_not_measured(tmp_path: Path) -> None:
    patterns = PATTERNS.copy()
    patterns[1, 2, 3] = np.nan
    data = read_numpy(npz(tmp_path, pattern=patterns, mask=np.ones((4, 6, 8), int)))
    assert np.argwhere(~data["mask"].values).tolist() == [[1, 2, 3]]
    assert data.pattern.values[1, 2, 3] == 0


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": PATTERNS}, r"no array 'pattern' among 'images' of shape \(4, 6, 8\)"),
        ({"pattern": PATTERNS, "mask": np.ones((3, 6, 8))}, "'mask' of shape"),
        ({"pattern": PATTERNS, "mask": np.ones((6, 7))}, "run.npz"),
        ({"pattern": PATTERNS, "mask": np.full((6, 8), 3)}, "other values than 0 and 1"),
        ({"pattern": PATTERNS, "volume": np.full((4, 2, 2, 2), 7.0)}, "volumes"),
        ({"pattern": PATTERNS, "volume": np.ones((2, 2, 2, 2))}, "'volume' of shape"),
        ({"pattern": np.array(["a"])}, "patterns of shape"),
        ({"pattern": PATTERNS.astype(complex)}, "type complex128"),
        ({"pattern": np.full((2, 2, 2), "a")}, "type <U1"),
        ({"pattern": np.array([[[{}]]])}, "allow_pickle"),
        ({"pattern": np.zeros((0, 6, 8))}, "not empty"),
        ({"pattern": np.full((1, 2, 2), np.nan)}, "no pixel of 1 of the frames"),
    ],
)
def test_files_that_hold_no_data_set(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(DataFormatError, match=said) as caught:
        read_numpy(npz(tmp_path, **arrays))
    assert "run.npz" in str(caught.value)


def npy_header(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


def test_archives_that_announce_too_much(tmp_path: Path) -> None:
    """In the header of an array, and, to hide that, in the list of the archive's files."""
    path = tmp_path / "run.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pattern.npy", npy_header((2**30, 64, 64)) + bytes(1000))
    with pytest.raises(DataFormatError, match=rf"pattern\.npy announces {2**45} bytes"):
        read_numpy(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pattern.npy", npy_header((2**16, 64, 64)) + bytes(1000))
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=f"its header announces {2**31} bytes"):
        read_numpy(path)


def test_other_files_in_an_archive(tmp_path: Path) -> None:
    path = npz(tmp_path, pattern=PATTERNS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "dark room")
    assert_array_equal(read_numpy(path).pattern.values, PATTERNS)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path(tmp_path, "sprung").touch, ())

    path = npy(tmp_path, np.array([Trap()], dtype=object))
    with pytest.raises(DataFormatError, match="Python objects"):
        read_numpy(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(("given", "named"), [({"frames": 4}, "frames"), ({"names": ["a"]}, "names")])
def test_bad_parameters(tmp_path: Path, given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"'{named}' parameter of read_numpy"):
        read_numpy(npy(tmp_path, PATTERNS), **given)
