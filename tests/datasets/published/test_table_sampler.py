"""Rows of published tables, and rows drawn like them, as samplers."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from scatterkit._serialization import from_json, to_json
from scatterkit.datasets import PublishedSampler, RowDescriptor, SampleRow, TableSampler, solid_from_row
from scatterkit.datasets.published.scatter2d3d_bodies import CONVENTIONS

HEADER = "nr,real,scatter,polyhedron,symm,theta,phi,alpha,size,stretch,axis,cut,caxis"
LINES = (
    "1,1r.png,1s.png,Snub Cube,O,0.1,-0.2,0.3,0.4,1.5,C3,0.6,C4",
    "2,2r.png,2s.png,Potato,None,1,2,3,0.5",
    '3,3r.png,3s.png,Sphere,SO(3),0,0,0,0.35,1.17,"{0.24,0.03,-0.97}",0.5,z',
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "infos.csv"
    path.write_text("\n".join((HEADER, *LINES)) + "\n")
    return path


def test_rows_of_a_file_become_their_bodies(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(table.parent))
    monkeypatch.setenv("USERPROFILE", str(table.parent))
    sampler = TableSampler(f"~/{table.name}")
    first, second = sampler.sample_params(2)
    assert (sampler.n_samples, first.nr, second.nr) == (2, 1, 3)
    assert sampler.sample_params(1, start=1) == [second]
    rows = list(sampler._table_rows())
    for row, body in zip(rows, sampler.sample(2), strict=True):
        assert np.array_equal(body.bounds, solid_from_row(row).bounds)
    assert TableSampler(rows).sample_params(2) == [first, second]
    assert TableSampler([first, second]).sample_params(2) == [first, second]


@pytest.mark.parametrize("as_rows", [False, True])
def test_a_generator_keeps_the_table(table: Path, as_rows: bool) -> None:
    sampler = TableSampler(TableSampler(table).sample_params(2) if as_rows else str(table))
    again = from_json(to_json(sampler))
    assert again.sample_params(2) == sampler.sample_params(2)
    assert from_json(to_json(PublishedSampler(chopped=True))).chopped


def test_a_changed_file_is_read_again(table: Path) -> None:
    sampler = TableSampler(table)
    assert sampler.n_samples == 2
    table.write_text("\n".join((HEADER, LINES[0])) + "\n")
    os.utime(table, ns=(1, 1))
    assert sampler.n_samples == 1


def test_random_hulls_are_left_out_or_drawn(table: Path) -> None:
    sampler = TableSampler(table, random_hulls="draw", rendering="physical", random_state=4)
    assert [row.nr for row in sampler.sample_params(3)] == [1, 2, 3]
    hull = sampler.sample_params(1, start=1)[0]
    body = sampler.build(hull)
    assert body.circumradius == pytest.approx(0.5 * 159.375)
    assert np.array_equal(sampler.build(hull).vertices, body.vertices)
    other = TableSampler(table, random_hulls="draw", random_state=5).sample_params(1, start=1)[0]
    assert other.seed != hull.seed
    # turned by the row, and drawn as the pictures show it
    still = sampler.build(dataclasses.replace(hull, alpha=0.0))
    axis = np.array([np.sin(1) * np.cos(2), np.sin(1) * np.sin(2), np.cos(1)])
    assert np.sort(still.vertices @ axis) == pytest.approx(np.sort(body.vertices @ axis))
    drawn = TableSampler(table, random_hulls="draw", random_state=4).build(hull)
    assert drawn.vertices == pytest.approx(body.vertices * (0.96, 0.96, 191 / 192))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"table": "nowhere.csv"}, "'table' parameter of TableSampler must be the path of a file"),
        ({"table": 3}, "'table' parameter of TableSampler must be the path of a file"),
        ({"table": ["row"]}, "'table' parameter of TableSampler must be the path of a file"),
        ({"random_hulls": "keep"}, "'random_hulls' parameter of TableSampler"),
        ({"rendering": "flat"}, "'rendering' parameter of TableSampler"),
    ],
)
def test_bad_parameters(table: Path, change: dict[str, object], message: str) -> None:
    sampler = TableSampler(**{"table": table, **change})
    with pytest.raises(ValueError, match=message):
        sampler.sample_params(1)


def test_no_more_rows_than_there_are(table: Path) -> None:
    with pytest.raises(ValueError, match=r"'n' parameter of TableSampler must be at most 2 in all.* Got 3"):
        TableSampler(table).sample_params(1, start=2)
    with pytest.raises(
        ValueError, match="'descriptor' parameter of TableSampler must be an instance of RowD"
    ):
        TableSampler(table).build("cube")
    with pytest.raises(ValueError, match="'n' parameter of PublishedSampler must be an integer >= 1"):
        PublishedSampler().sample_params(0)


def test_row_i_depends_on_seed_and_i_alone() -> None:
    sampler = PublishedSampler(random_state=8, chopped=True)
    whole = sampler.sample_params(40)
    assert sampler.sample_params(15) + sampler.sample_params(25, start=15) == whole
    assert len(set(whole)) == 40
    assert PublishedSampler(random_state=9, chopped=True).sample_params(40) != whole
    uncut = PublishedSampler(random_state=8).sample_params(40)
    assert [dataclasses.replace(row, cut=None, caxis=None) for row in whole] == uncut


def test_drawn_rows_are_rows() -> None:
    """Every one is understood by `solid_from_row`, and lies in the box."""
    sampler = PublishedSampler(random_state=8, chopped=True)
    seen = set()
    for row in sampler.sample_params(150):
        assert isinstance(row, RowDescriptor)
        seen.add(row.polyhedron)
        body = sampler.build(row)
        assert np.abs(body.bounds).max() <= 318.75 / 2
        assert body.volume > 0
        if row.polyhedron != "Potato":
            given = {f.name: getattr(row, f.name) for f in dataclasses.fields(row) if f.name != "seed"}
            as_read = SampleRow(**given, symmetry=None, volume_path=Path("r"), pattern_path=Path("s"))
            assert body.volume == solid_from_row(as_read).volume
    assert seen == {*CONVENTIONS, "Potato"}
