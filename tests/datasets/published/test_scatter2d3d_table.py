"""Tables of the published sample set."""

from __future__ import annotations

from pathlib import Path

import pytest

from scatterkit._validation import InvalidParameterError
from scatterkit.datasets import read_table

HEADER = "nr,real,scatter,polyhedron,symm,theta,phi,alpha,size,stretch,axis,cut,caxis"
START = "7,./real/1/7r.png,./scatter/1/7s.png"


def write(folder: Path, *lines: str, header: str = HEADER) -> Path:
    table = folder / "infos.csv"
    table.write_text("\n".join([header, *lines]) + "\n")
    return table


def test_a_cut_body(tmp_path: Path) -> None:
    [row] = read_table(write(tmp_path, f"{START},Snub Cube,O,0.1,-0.2,0.3,0.4,1.5,C3,0.6,C4"))
    assert (row.nr, row.polyhedron, row.symmetry) == (7, "Snub Cube", "O")
    assert (row.theta, row.phi, row.alpha, row.size) == (0.1, -0.2, 0.3, 0.4)
    assert (row.stretch, row.axis, row.cut, row.caxis) == (1.5, "C3", 0.6, "C4")
    assert row.volume_path == tmp_path / "real/1/7r.png"
    assert row.pattern_path == tmp_path / "scatter/1/7s.png"
    assert not row.is_random


@pytest.mark.parametrize("axis", ["{0.25,-0.5,1e-3}", '"{0.25,-0.5,1e-3}"', "{0.25, -0.5, 0.001}"])
def test_an_axis_in_braces_with_or_without_quotes(tmp_path: Path, axis: str) -> None:
    [row] = read_table(write(tmp_path, f"{START},Sphere,SO(3),0,0,0,0.35,1.17,{axis},0.5,z"))
    assert row.axis == (0.25, -0.5, 0.001)
    assert (row.cut, row.caxis) == (0.5, "z")


@pytest.mark.parametrize("end", ["", ",", ",,", ",,,,"])
def test_a_random_hull_ends_early(tmp_path: Path, end: str) -> None:
    [row] = read_table(write(tmp_path, f"{START},Potato,None,1,2,3,0.5{end}"))
    assert row.is_random
    assert row.symmetry is row.stretch is row.axis is row.cut is row.caxis is None


def test_a_table_without_cuts_and_with_an_empty_line(tmp_path: Path) -> None:
    line = f"{START},Cube,O_h,0,0,0,0.5,1,C4"
    table = write(tmp_path, line, "", line, header=HEADER.removesuffix(",cut,caxis"))
    assert [row.cut for row in read_table(table)] == [None, None]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{START},Cube,O_h,0,0,0", "8 fields for 13 columns"),
        (f"{START},Cube,O_h,0,0,0,0.5,1,C4,0.5,C4,1", "14 fields for 13 columns"),
        (f"{START},Cube,O_h,0,0,zero,0.5,1,C4,0.5,C4", "zero"),
        (f"{START},Sphere,SO(3),0,0,0,0.5,1,{{1,2}},0.5,z", "not enough values"),
    ],
)
def test_a_bad_line_is_told_by_its_number(tmp_path: Path, line: str, said: str) -> None:
    table = write(tmp_path, f"{START},Cube,O_h,0,0,0,0.5,1,C4,0.5,C4", line)
    with pytest.raises(InvalidParameterError, match=r"'path' parameter of read_table .* line 3: ") as caught:
        read_table(table)
    assert said in str(caught.value)


@pytest.mark.parametrize("header", ["", "scatter,polyhedron"])
def test_a_table_without_the_columns_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(InvalidParameterError, match="without nr, real"):
        read_table(write(tmp_path, header=header))


@pytest.mark.parametrize(
    ("name", "cuts"), [("train/infos1.csv", False), ("val/infos14.csv", False), ("test/infos1.csv", True)]
)
def test_published_tables(sample_root: Path, name: str, cuts: bool) -> None:
    rows = read_table(sample_root / name)
    assert len(rows) >= 100
    assert all(row.volume_path.is_file() and row.pattern_path.is_file() for row in rows)
    bodies = [row for row in rows if not row.is_random]
    assert all(row.stretch is not None and row.axis is not None for row in bodies)
    assert {row.cut is not None for row in bodies} == {cuts}
