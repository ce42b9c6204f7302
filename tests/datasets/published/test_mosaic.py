"""The published picture files: what is written is read, and turned into this package's sign of q."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image

from scatterkit.datasets import read_pattern, read_volume, write_pattern, write_volume
from scatterkit.datasets.published.mosaic import turn


def test_volume_round_trip(tmp_path: Path) -> None:
    volume = np.random.default_rng(0).random((32, 32, 32)).astype(np.float32)
    write_volume(tmp_path / "volume.png", volume)
    assert np.abs(read_volume(tmp_path / "volume.png") - volume).max() < 1 / 65535


def test_paths_from_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_volume("~/volume.png", np.ones((16, 16, 16)))
    write_pattern("~/pattern.png", np.ones((8, 8)))
    assert read_volume("~/volume.png").all()
    assert read_pattern("~/pattern.png").all()


def test_slices_run_along_rows_dark_is_dense(tmp_path: Path) -> None:
    volume = np.zeros((32, 32, 32))
    volume[17, 3, 5] = 1
    write_volume(tmp_path / "volume.png", volume)
    picture = np.asarray(Image.open(tmp_path / "volume.png"))
    assert picture.shape == (64, 512)
    assert picture[32 + 3, 32 + 5] == 0  # slice 17 is the second of the second row
    assert np.count_nonzero(picture == 65535) == picture.size - 1


def test_colour_mosaics_are_read_too(tmp_path: Path) -> None:
    picture = np.full((16, 256, 4), 255, dtype=np.uint8)
    picture[2, 16 * 3 + 4, 0] = 51
    Image.fromarray(picture).save(tmp_path / "volume.png")
    volume = read_volume(tmp_path / "volume.png")
    assert volume[3, 2, 4] == pytest.approx(0.8)
    assert volume.sum() == pytest.approx(0.8)


def test_pattern_round_trip(tmp_path: Path) -> None:
    pattern = np.random.default_rng(0).random((128, 128)).astype(np.float32)
    write_pattern(tmp_path / "pattern.png", pattern)
    assert np.abs(read_pattern(tmp_path / "pattern.png") - pattern).max() <= 0.5 / 255 + 1e-6


def test_pattern_file_shows_minus_q(tmp_path: Path) -> None:
    pattern = np.zeros((128, 128))
    pattern[64 + 10, 64 - 20] = 1
    write_pattern(tmp_path / "pattern.png", pattern)
    assert np.asarray(Image.open(tmp_path / "pattern.png"))[64 - 10, 64 + 20, 1] == 255


@given(st.integers(1, 9), st.integers(1, 9))
def test_turn_keeps_the_zero_frequency_and_undoes_itself(height: int, width: int) -> None:
    picture = np.arange(height * width).reshape(height, width)
    turned = turn(picture)
    assert turned[height // 2, width // 2] == picture[height // 2, width // 2]
    assert_array_equal(turn(turned), picture)


def test_bad_files_and_arrays(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((10, 33), dtype=np.uint8)).save(tmp_path / "other.png")
    with pytest.raises(ValueError, match="The 'path' parameter of read_volume must be a mosaic"):
        read_volume(tmp_path / "other.png")
    Image.fromarray(np.zeros((10, 10), dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match="The 'path' parameter of read_pattern must be an 8-bit"):
        read_pattern(tmp_path / "deep.png")
    with pytest.raises(ValueError, match="The 'volume' parameter of write_volume"):
        write_volume(tmp_path / "volume.png", np.zeros((15, 15, 15)))
    with pytest.raises(ValueError, match="The 'pattern' parameter of write_pattern"):
        write_pattern(tmp_path / "pattern.png", 2 * np.ones((4, 4)))


def test_a_published_pair(sample_root: Path) -> None:
    table = sorted((sample_root / "val" / "real").rglob("*r.png"))
    if not table:
        pytest.skip("no published volumes in val/real")
    volume = read_volume(table[0])
    assert volume.shape == (192, 192, 192)
    assert volume.min() == 0
    assert volume.max() == 1
    # a closed body clear of most of the box, with few half-filled voxels
    assert 0.001 < volume.mean() < 0.5
    name = table[0].name.replace("r.png", "s.png")
    pattern = read_pattern(table[0].parents[2] / "scatter" / table[0].parent.name / name)
    assert pattern.shape == (128, 128)
    assert np.hypot(*(np.array(np.unravel_index(pattern.argmax(), pattern.shape)) - 64)) < 3
