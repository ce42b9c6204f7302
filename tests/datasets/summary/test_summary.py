"""The summary page: complete in itself, honest about what it found, safe with any text."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from scipy.spatial.transform import Rotation

from scatterkit.datasets import DatasetGenerator, dataset_checks, html_summary, make_dataset, read_scatter2d3d
from scatterkit.datasets.generation._samples import SampleMaker
from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import HalfSpaceSampler, Rasterizer

N = 120
CLASSES = ["cube", "sphere", "truncated_octahedron"]


class Page(HTMLParser):
    """The tags, texts, pictures and checks of a page."""

    VOID = ("meta", "img", "br")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open, self.tags, self.texts, self.pictures, self.rows = [], [], [], [], []
        self.feed(self.source)
        self.close()
        assert self.open == [], "tags that are not closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "img":
            self.pictures.append(dict(attrs))
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)

    @property
    def facts(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self.rows if len(row) == 2}

    @property
    def warnings(self) -> dict[str, str]:
        return {row[1]: row[2] for row in self.rows if len(row) == 3 and "warning" in row[0]}

    @property
    def passed(self) -> set[str]:
        return {row[1] for row in self.rows if len(row) == 3 and "OK" in row[0]}


def good_set() -> xr.Dataset:
    random = np.random.default_rng(0)
    volumes = np.zeros((N, 8, 8, 8))
    volumes[:, 2:6, 2:6, 2:6] = 1
    return make_dataset(
        random.random((N, 16, 16)),
        volumes=volumes,
        box=100.0,
        coords={
            "polyhedron": [CLASSES[i % 3] for i in range(N)],
            "size": random.uniform(31, 154, N),
            "stretch": random.uniform(0.6, 1.6, N),
            "cut": np.where(np.arange(N) % 2, np.nan, random.random(N)),
            "quaternion": Rotation.random(N, random_state=2).as_quat(),
            "seed": np.arange(N),
        },
        attrs={"dq": 0.0074, "scale": "log", "generator": '{"sampler": {"size": [31, 154.75]}}'},
    )


def page_of(data: xr.Dataset, folder: Path, **options) -> Page:
    return Page(html_summary(data, folder / "page.html", n_gallery=1, **options))


@pytest.fixture(scope="module")
def good_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(good_set(), tmp_path_factory.mktemp("good"), title="silver")


def test_a_good_set_has_no_warnings_and_every_part(good_page: Page) -> None:
    page = good_page
    assert page.warnings == {}
    assert len(page.passed) == 12
    headings = re.findall(r"<h2>(.*?)</h2>", page.source)
    assert headings == [
        "What it is",
        "Checks",
        "Classes",
        "Descriptors",
        "Orientations",
        "Patterns",
        "Gallery",
        "Parameters",
    ]
    assert page.facts["samples"] == str(N)
    assert page.facts["pattern"] == "16 × 16 of float32"
    share = (4 / 8) ** 3
    assert (
        page.facts["share of the box that is filled"]
        == f"from {share:.2%} to {share:.2%}, median {share:.2%}"
    )
    each = 4 * (16 * 16 + 8**3)
    assert page.facts["size in memory"] == f"{N * each / 1000:.4g} kB, {each / 1000:.4g} kB a sample"
    assert '"size": [' in "".join(page.texts)


def test_the_page_needs_nothing_else(good_page: Page) -> None:
    page = good_page
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert "http" not in page.source.replace("http-equiv", "")
    assert len(page.pictures) == 5
    for picture in page.pictures:
        assert picture["alt"]
        kind, data = picture["src"].split(",", 1)
        assert kind == "data:image/png;base64"
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        assert np.asarray(image.convert("L")).std() > 5


def test_each_fault_is_found_with_its_sample_and_no_other(tmp_path: Path) -> None:
    data = good_set()
    patterns, volumes = data["pattern"].values, data["volume"].values
    patterns[3] = patterns[4]
    patterns[7, 3, 3] = np.nan
    patterns[9] = 0.5
    patterns[10, 1, 1] = 1.5
    volumes[12] = 0
    volumes[13, 0] = 1
    volumes[14, 4, 4, 4] = -0.5
    data["size"].values[20] = np.nan
    data["quaternion"].values[21:23] = [[0], [np.nan]]
    page = page_of(data, tmp_path)
    assert page.warnings == {
        "Patterns hold finite numbers": f"not in 1 of {N} samples read: 7",
        "No pattern is the same in all pixels": f"not in 1 of {N} samples read: 9",
        "Patterns lie within [0, 1]": f"not in 1 of {N} samples read: 10",
        "No pattern occurs twice": f"1 repeated of {N} patterns read: samples 3 = 4",
        "No volume is empty": f"not in 1 of {N} samples read: 12",
        "No body touches the box": f"not in 1 of {N} samples read: 13",
        "Occupancies lie within [0, 1]": f"not in 1 of {N} samples read: 14",
        "Sizes are positive": f"not in 1 of {N} samples: 20",
        "Orientations are unit quaternions": f"not in 2 of {N} samples: 21, 22",
    }
    assert any(picture["alt"] == "Samples with a warning" for picture in page.pictures)
    assert {check.name: check.words for check in dataset_checks(data) if not check.ok} == page.warnings


def test_repeated_bodies_are_found_where_samples_are_numbered_and_no_others(tmp_path: Path) -> None:
    drawn = [vars(body) for body in HalfSpaceSampler(random_state=0).sample_params(N)]
    columns = {name: np.array([body[name] for body in drawn]) for name in drawn[0]}
    patterns = np.random.default_rng(0).random((N, 16, 16))
    coords = {**columns, **{name: np.arange(N) for name in ("nr", "index", "seed")}}
    page = page_of(make_dataset(patterns, coords=coords), tmp_path)
    assert "No two samples have the same descriptors" in page.passed
    for values in columns.values():
        values[50] = values[40]
    page = page_of(make_dataset(patterns, coords=coords), tmp_path, overwrite=True)
    assert page.warnings == {
        "No two samples have the same descriptors": f"1 repeated of {N} samples: samples 40 = 50"
    }


def test_repeated_descriptors_and_orientations_that_are_not_uniform(tmp_path: Path) -> None:
    data = good_set()
    for name in ("polyhedron", "size", "stretch", "cut", "quaternion"):
        data[name].values[50] = data[name].values[40]
    page = page_of(data, tmp_path)
    assert page.warnings == {
        "No two samples have the same descriptors": f"1 repeated of {N} samples: samples 40 = 50"
    }
    data["quaternion"].values[:] = Rotation.from_rotvec(
        np.random.default_rng(0).normal(0, 0.3, (N, 3))
    ).as_quat()
    page = page_of(data, tmp_path, overwrite=True)
    assert list(page.warnings) == ["Orientations are uniform"]


def test_masks_count(tmp_path: Path) -> None:
    data = good_set().drop_vars("volume")
    masks = np.ones((N, 16, 16), bool)
    masks[:, :8] = False
    masks[5] = False
    patterns = np.where(masks, data["pattern"].values, np.nan)
    data = data.assign(pattern=(data["pattern"].dims, patterns), mask=(data["pattern"].dims, masks))
    page = page_of(data, tmp_path)
    assert page.warnings == {"Every pattern has measured pixels": f"not in 1 of {N} samples read: 5"}


def test_every_text_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert('1 & 2')</script>"
    patterns = np.random.default_rng(0).random((3, 8, 8))
    data = make_dataset(patterns, coords={"label": [evil, "b", "c"]}, attrs={evil: evil, "number": 3})
    page = page_of(data, tmp_path, title=evil)
    assert evil not in page.source
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.texts.count(evil) >= 3


def test_patterns_alone_are_enough(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).poisson(30, (5, 8, 8))
    data = xr.Dataset({"pattern": (("sample", "row", "column"), counts.astype(np.float32))})
    page = page_of(data, tmp_path)
    assert page.warnings == {}
    assert len(page.passed) == 4
    assert "Classes" not in page.source
    assert not any("warning" in picture["alt"] for picture in page.pictures)


def test_nothing_but_holes(tmp_path: Path) -> None:
    page = page_of(make_dataset(np.zeros((2, 8, 8))).where(False), tmp_path)
    assert set(page.warnings) == {"Patterns hold finite numbers", "No pattern occurs twice"}


def test_many_samples_are_read_in_part(tmp_path: Path) -> None:
    data = good_set()
    data["pattern"].values[1] = np.nan
    page = page_of(data.drop_vars(["volume", "quaternion"]), tmp_path, n_images=10)
    assert page.warnings == {}
    assert "Patterns of 10 were read" in page.source
    assert page.facts["samples"] == str(N)


def test_an_older_page_is_kept_unless_told(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("mine")
    with pytest.raises(ValueError, match="The 'file' parameter of html_summary must be"):
        html_summary(good_set(), file)
    assert file.read_text() == "mine"
    html_summary(good_set(), file, n_images=2, n_gallery=1, overwrite=True)
    assert "<html" in file.read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_set_on_disk_finished_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = DatasetGenerator(
        rasterizer=Rasterizer(grid=16), simulator=MSFTSimulator(detector=QGrid(16)), shard_size=8
    )
    make = SampleMaker.make

    def interrupted(self: SampleMaker, sample: int, descriptor: object) -> object:
        if sample == 20:
            raise KeyboardInterrupt
        return make(self, sample, descriptor)

    folder = tmp_path / "silver.zarr"
    with monkeypatch.context() as patch:
        patch.setattr(SampleMaker, "make", interrupted)
        with pytest.raises(KeyboardInterrupt):
            generator.generate(folder, 24, verbose=False)
    page = Page(html_summary(folder, tmp_path / "part.html", n_gallery=1))
    assert page.facts["samples"] == "16 of 24 so far"
    generator.generate(folder, 24, verbose=False)
    page = Page(html_summary(str(folder), tmp_path / "page.html", n_gallery=1))
    assert page.facts["samples"] == "24"
    assert page.facts["stored in"] == str(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert page.facts["size on disk"] == f"{size / 1000:.4g} kB, {size / 24 / 1000:.4g} kB a sample"
    assert page.facts["pattern"] == "16 × 16 of float32, stored as uint16"
    assert "<h1>silver.zarr</h1>" in page.source
    assert "scatterkit.datasets.DatasetGenerator" in "".join(page.texts)
    assert page.warnings == {}


def test_published_samples_pass(sample_root: Path, tmp_path: Path) -> None:
    data = read_scatter2d3d(sample_root / "val" / "infos14.csv", rows=8, grid=32)
    page = page_of(data, tmp_path)
    assert page.warnings == {}
    assert len(page.passed) == 10


@pytest.mark.parametrize(
    ("data", "options", "parameter"),
    [
        (3, {}, "dataset"),
        (xr.Dataset(), {}, "dataset"),
        (None, {"n_images": 0}, "n_images"),
        (None, {"n_gallery": 0}, "n_gallery"),
        (None, {"file": 3}, "file"),
    ],
)
def test_bad_input_names_the_parameter(tmp_path: Path, data, options, parameter: str) -> None:
    arguments = {"file": tmp_path / "x.html", **options}
    with pytest.raises(
        ValueError, match=f"The '{parameter}' parameter of html_summary must be .* Got .* instead"
    ):
        html_summary(good_set() if data is None else data, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_checks_for_scripts_read_as_many_samples_as_they_are_told() -> None:
    data = good_set()
    data["pattern"].values[1] = 0.5
    assert [check.name for check in dataset_checks(data) if not check.ok] == [
        "No pattern is the same in all pixels"
    ]
    assert all(check.ok for check in dataset_checks(data, n_images=1))
    with pytest.raises(ValueError, match="The 'n_images' parameter of dataset_checks must be"):
        dataset_checks(data, n_images=0)
    with pytest.raises(FileNotFoundError, match="The 'dataset' parameter of dataset_checks must be"):
        dataset_checks("nowhere.zarr")
