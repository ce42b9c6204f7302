"""Folders of the published layout: read, in blocks, and written."""

from __future__ import annotations

import csv
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.base import clone

from scatterkit import DatasetGenerator, MSFTSimulator, QGrid, Rasterizer
from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import (
    DataFormatError,
    PublishedSampler,
    RowDescriptor,
    TableSampler,
    iter_scatter2d3d,
    make_dataset,
    read_scatter2d3d,
    read_table,
    write_scatter2d3d,
)

SIDE = 32
HEADER = "nr,real,scatter,polyhedron,symm,theta,phi,alpha,size,stretch,axis,cut,caxis"
LINES = [
    "7,./real/1/7r.png,./scatter/1/7s.png,Snub Cube,O,0.1,-0.2,0.3,0.4,1.5,C3,0.6,C4",
    "8,./real/1/8r.png,./scatter/1/8s.png,Sphere,SO(3),0,0,0,0.35,1.17,{0.25,-0.5,1e-3},0.5,z",
    "9,./real/1/9r.png,./scatter/1/9s.png,Potato,None,1,2,3,0.5",
]


@pytest.fixture
def greys() -> tuple[np.ndarray, np.ndarray]:
    """Volumes as 16-bit greys (n, z, y, x), patterns as 8-bit levels (n, y, x), as the publisher has them."""
    rng = np.random.default_rng(1)
    return rng.integers(0, 65536, (3, SIDE, SIDE, SIDE)), rng.integers(0, 256, (3, 128, 128))


@pytest.fixture
def table(tmp_path: Path, greys: tuple[np.ndarray, np.ndarray]) -> Path:
    """A folder of three samples, made without the package's own writers."""
    for kind in ("real", "scatter"):
        (tmp_path / kind / "1").mkdir(parents=True)
    for nr, volume, levels in zip((7, 8, 9), *greys, strict=True):
        mosaic = np.zeros((SIDE * SIDE // 16, SIDE * 16), np.uint16)
        for z in range(SIDE):
            row, column = divmod(z, 16)
            mosaic[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE] = volume[z]
        Image.fromarray(mosaic).save(tmp_path / f"real/1/{nr}r.png")
        colours = np.stack([np.zeros_like(levels), levels, np.zeros_like(levels)], axis=-1)
        Image.fromarray(colours.astype(np.uint8)).save(tmp_path / f"scatter/1/{nr}s.png")
    path = tmp_path / "infos1.csv"
    path.write_text("\n".join([HEADER, *LINES]) + "\n")
    return path


def test_patterns_are_turned_and_volumes_averaged(table: Path, greys: tuple[np.ndarray, np.ndarray]) -> None:
    data = read_scatter2d3d(table, grid=16)
    volumes, levels = greys
    assert data.pattern.shape == (3, 128, 128)
    for a, b in [(0, 0), (5, -7), (-63, 63), (20, 1)]:
        assert_allclose(data.pattern[:, 64 + a, 64 + b], levels[:, 64 - a, 64 - b] / 255, atol=1e-6)
    dense = 1 - volumes / 65535
    block = dense[1, 6:8, 30:32, 0:2]
    assert data.volume.shape == (3, 16, 16, 16)
    assert float(data.volume[1, 3, 15, 0]) == pytest.approx(block.mean(), abs=1e-6)
    assert_allclose(data.volume.values.mean(), dense.mean(), atol=1e-5)


def test_the_table_becomes_coordinates(table: Path) -> None:
    data = read_scatter2d3d(table, grid=None)
    assert "volume" not in data
    assert data.nr.values.tolist() == [7, 8, 9]
    assert data.polyhedron.values.tolist() == ["Snub Cube", "Sphere", "Potato"]
    assert data.symmetry.values.tolist() == ["O", "SO(3)", ""]
    assert_allclose(data["size"], np.array([0.4, 0.35, 0.5]) * 159.375)
    assert data["size"].attrs["units"] == "nm"
    assert_array_equal(data.stretch, [1.5, 1.17, np.nan])
    assert_array_equal(data.cut, [0.6, 0.5, np.nan])
    assert data.axis.values.tolist() == ["C3", "{0.25,-0.5,0.001}", ""]
    assert data.attrs["dq"] == pytest.approx(2 * np.pi / 850)


def test_the_full_grid_is_the_pictures_own(table: Path, greys: tuple[np.ndarray, np.ndarray]) -> None:
    data = read_scatter2d3d(table, rows=[2], grid=SIDE)
    assert_allclose(data.volume[0], 1 - greys[0][2] / 65535, atol=1e-6)
    assert data.x.values[[0, -1]].tolist() == pytest.approx([-159.375 * 31 / 32, 159.375 * 31 / 32])


@pytest.mark.parametrize(
    ("rows", "numbers"), [(1, [8]), (-1, [9]), (slice(0, 3, 2), [7, 9]), ([2, 0], [9, 7]), (None, [7, 8, 9])]
)
def test_rows_are_chosen(table: Path, rows: Any, numbers: list[int]) -> None:
    assert read_scatter2d3d(table, rows=rows, grid=None).nr.values.tolist() == numbers


def test_blocks_are_the_whole(table: Path) -> None:
    import xarray as xr

    blocks = list(iter_scatter2d3d(table, grid=16, block_size=2))
    assert [block.sizes["sample"] for block in blocks] == [2, 1]
    assert xr.concat(blocks, "sample", join="outer").equals(read_scatter2d3d(table, grid=16))


def test_blocks_are_read_when_they_are_asked_for(table: Path) -> None:
    blocks = iter_scatter2d3d(table, grid=16, block_size=1)
    next(blocks)
    (table.parent / "scatter/1/8s.png").write_bytes(b"torn")
    with pytest.raises(DataFormatError, match=r"8s\.png"):
        next(blocks)


def test_round_trip(table: Path, tmp_path: Path) -> None:
    data = read_scatter2d3d(table, grid=SIDE)
    written = write_scatter2d3d(data, tmp_path / "copy", table="infos3.csv")
    assert written == tmp_path / "copy" / "infos3.csv"
    again = read_scatter2d3d(written, grid=SIDE)
    assert again.pattern.equals(data.pattern)
    assert again.drop_vars(["pattern", "size"]).equals(data.drop_vars(["pattern", "size"]))
    assert_allclose(again["size"], data["size"], rtol=1e-12)
    rows = list(csv.DictReader(written.read_text().splitlines()))
    assert rows[0]["size"] == "0.4"
    assert rows[1]["axis"] == "{0.25,-0.5,0.001}"
    assert rows[2]["stretch"] == rows[2]["caxis"] == ""
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["infos3.csv", "real", "scatter"]


def test_sets_of_another_origin(tmp_path: Path) -> None:
    data = make_dataset(
        np.zeros((2, 128, 128)),
        volumes=np.zeros((2, 16, 16, 16)),
        coords={"polyhedron": ["cube", "sphere"], "size": [159.375, 79.6875], "nr": [10_000, 10_001]},
    )
    rows = read_table(write_scatter2d3d(data, tmp_path / "set"))
    assert [row.polyhedron for row in rows] == ["cube", "sphere"]
    assert [row.size for row in rows] == [1.0, 0.5]
    assert np.isnan([row.theta for row in rows]).all()
    assert [row.volume_path.parent.name for row in rows] == ["1", "2"]


SPHERE = RowDescriptor(3, "Sphere", 0.4, -0.1, 2.0, 0.3, 1.17, (0.6, 0.0, -0.8), 0.5, (0.0, 0.0, 1.0))


@pytest.mark.parametrize("is_stored", [True, False])
@pytest.mark.parametrize(
    "sampler",
    [
        PublishedSampler(),
        PublishedSampler(chopped=True),
        TableSampler([SPHERE, RowDescriptor(7, "Potato", 1.0, 2.0, 3.0, 0.25, seed=9)], "draw"),
    ],
)
def test_generated_sets_of_published_bodies(tmp_path: Path, sampler: Any, is_stored: bool) -> None:
    """What stands in the table is what was drawn."""
    simulator = MSFTSimulator(detector=QGrid(16))
    generator = DatasetGenerator(
        sampler=sampler, rasterizer=Rasterizer(grid=16), simulator=simulator, random_state=4
    )
    n = 2 if isinstance(sampler, TableSampler) else 12
    data = generator.generate(tmp_path / "set.zarr", n, verbose=False) if is_stored else generator.sample(n)
    rows = read_table(write_scatter2d3d(data, tmp_path / "set"))
    drawn = clone(sampler).set_params(random_state=4).sample_params(n)
    for name in [field.name for field in fields(RowDescriptor) if field.name != "seed"]:
        assert [getattr(row, name) for row in rows] == [getattr(row, name) for row in drawn], name
    assert {row.symmetry for row in rows} == {None}
    again = read_scatter2d3d(tmp_path / "set" / "infos1.csv", grid=16)
    assert_allclose(again["size"].values, [159.375 * row.size for row in drawn], rtol=1e-12)
    copy = read_table(write_scatter2d3d(again, tmp_path / "copy"))
    assert_allclose([row.size for row in copy], [row.size for row in drawn], rtol=1e-12)


def test_sizes_in_an_unknown_unit(tmp_path: Path, table: Path) -> None:
    data = read_scatter2d3d(table, grid=16)
    data["size"].attrs["units"] = "furlong"
    with pytest.raises(InvalidParameterError, match="'size' in nm or half box"):
        write_scatter2d3d(data, tmp_path / "copy")


def test_a_missing_picture_is_told_before_reading(table: Path) -> None:
    (table.parent / "real/1/9r.png").unlink()
    with pytest.raises(DataFormatError, match=r"infos1.csv, 1 of its 6 pictures are missing.*9r\.png"):
        read_scatter2d3d(table)
    with pytest.raises(DataFormatError, match=r"9r\.png"):
        iter_scatter2d3d(table)
    assert read_scatter2d3d(table, grid=None).sizes["sample"] == 3


def test_pictures_of_another_shape(table: Path) -> None:
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(table.parent / "scatter/1/9s.png")
    with pytest.raises(DataFormatError, match=r"9s\.png.*\(64, 64\)"):
        read_scatter2d3d(table, grid=None)
    with pytest.raises(DataFormatError, match=r"7r\.png.*32 voxels"):
        read_scatter2d3d(table, grid=5, rows=0)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"rows": 3}, "rows"),
        ({"rows": slice(9, 9)}, "rows"),
        ({"rows": "all"}, "rows"),
        ({"grid": 0}, "grid"),
    ],
)
def test_bad_parameters(table: Path, given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"'{named}' parameter of read_scatter2d3d"):
        read_scatter2d3d(table, **given)


def test_what_cannot_be_written(table: Path, tmp_path: Path) -> None:
    data = read_scatter2d3d(table, grid=16)
    for bad, said in [
        (data.drop_vars("volume"), "cubic volumes"),
        (data.isel(z=slice(0, 8)), "cubic volumes"),
        (data.assign(pattern=data.pattern * 2), r"'pattern' lies in \[0, 1\]"),
        (data.assign_coords(nr=("sample", [1, 1, 2])), "'nr' differ"),
        (data.assign_attrs(box=400.0), "box = 318.75. Got 400.0"),
        (data.assign_attrs(dq=0.01), "dq = 0.007"),
        (data.assign_attrs(scale="linear"), "scale = log. Got 'linear'"),
        (data.assign_coords(y=2 * data.y), "voxels fill 318.75 nm along y"),
    ]:
        with pytest.raises(InvalidParameterError, match=said):
            write_scatter2d3d(bad, tmp_path / "copy")
    with pytest.raises(InvalidParameterError, match="'table' parameter"):
        write_scatter2d3d(data, tmp_path / "copy", table="../infos.csv")
    with pytest.raises(InvalidParameterError, match="which exists"):
        write_scatter2d3d(data, tmp_path)
    assert not (tmp_path / "copy").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_published_folder(sample_root: Path) -> None:
    table = sample_root / "val" / "infos14.csv"
    data = read_scatter2d3d(table, rows=slice(0, 2), grid=64)
    row = read_table(table)[1]
    with Image.open(row.pattern_path) as image:
        picture = np.asarray(image)[..., 1]
    assert_allclose(data.pattern[1, 64:, 64:], picture[64:0:-1, 64:0:-1] / 255, atol=1e-6)
    with Image.open(row.volume_path) as image:
        dense = 1 - np.asarray(image).astype(float) / 65535
    # slices 96 to 98 are the three that slice 32 averages; they lie in the seventh row of 16
    slices = [dense[6 * 192 : 7 * 192, k * 192 : (k + 1) * 192] for k in range(3)]
    expected = np.mean(slices, axis=0).reshape(64, 3, 64, 3).mean(axis=(1, 3))
    assert_allclose(data.volume[1, 32], expected, atol=1e-5)
    assert data.polyhedron.values[1] == row.polyhedron
