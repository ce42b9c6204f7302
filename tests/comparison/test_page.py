"""The page of a comparison: complete in itself, safe with any text, and what it shows is what was found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from page_tools import COLUMNS, FAILURE, METHODS, RESIDUALS, ROWS, SAMPLES, Reader, decoded, from_uri, made_up

from scatterkit._serialization import to_json
from scatterkit.comparison import Comparison
from scatterkit.comparison._experiment import Experiment
from scatterkit.comparison._page_tables import _verdict, worst_first
from scatterkit.simulation import MSFTSimulator


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return made_up()


@pytest.fixture(scope="module")
def source(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> str:
    return comparison.to_html(tmp_path_factory.mktemp("page") / "page.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source: str) -> Reader:
    return Reader(source)


def test_every_part_is_there(page: Reader) -> None:
    headings = page.said("h2")
    assert headings[0] == "Figures"
    assert headings[1].startswith("Differences from ")
    assert headings[2:] == [
        "Residual over time",
        "Samples",
        "Each sample, the worst first",
        "How it was judged",
    ]
    assert "200 nm" in page.said("td")
    assert "0.02 rad/nm" in page.said("td")


def test_the_page_needs_nothing_else(page: Reader, source: str) -> None:
    tags = {tag for tag, _ in page.elements}
    assert not {"link", "iframe", "object", "embed"} & tags
    for _, attributes in page.elements:
        assert not (attributes.get("src") or "data:").startswith("http")
        assert (attributes.get("href") or "#").startswith(("#", "data:image/png;base64,"))
    assert "http" not in source
    assert "import(" not in source


def test_names_and_failures_are_text_and_nothing_more(page: Reader, source: str) -> None:
    for words in (METHODS[0], SAMPLES[1], FAILURE):
        assert words not in source
        assert any(words in said for _, said in page.texts)
    assert not page.of("img")
    assert not any(tag == "b" for tag, _ in page.elements)
    code = [found for found in page.of("script") if found.get("type") != "application/json"]
    assert len(code) == 1


def test_the_worst_sample_comes_first_and_alone_is_unfolded(page: Reader) -> None:
    parts = page.of("details")
    # the best residuals are 1e-3, 2e-3, 8e-3; nothing solved the last
    assert [part["id"] for part in parts] == ["sample-3", "sample-2", "sample-1", "sample-0"]
    assert ["open" in part for part in parts] == [True, False, False, False]
    assert [found["href"] for found in page.of("a")] == ["#sample-3", "#sample-2", "#sample-1", "#sample-0"]


def test_medians_are_those_of_the_figures(source: str) -> None:
    table = source.split("<tbody>")[1].split("</tbody>")[0]
    for row, residuals in zip(table.split("<tr>")[1:], RESIDUALS, strict=True):
        known = residuals[np.isfinite(residuals)]
        cell = row.split("<td>")[1]
        assert f"{np.median(known):.3g}" in cell
        low, high = np.quantile(known, [0.25, 0.75])
        assert f"<small>{low:.3g} to {high:.3g}</small>" in cell
        assert "★" in cell if np.median(known) == 2e-3 else "★" not in cell
        assert "1 of 4" in row


def test_pictures_hold_the_patterns(page: Reader, comparison: Comparison) -> None:
    named = {
        found["aria-label"]: page.elements[i + 1][1]
        for i, (tag, found) in enumerate(page.elements)
        if tag == "svg" and found.get("class") == "pattern"
    }
    assert len(named) == 4 + 2 * 3 * 2  # measured ones; each method's and its difference, of three samples
    data = comparison.dataset
    for i, name in enumerate(SAMPLES[:3]):
        mask, pattern = data["mask"].values[i], data["pattern"].values[i]
        top = pattern[mask].max()
        pixels, _ = decoded(from_uri(named[f"Measured pattern of {name}"]["href"]))
        assert pixels.shape == (ROWS, COLUMNS)
        np.testing.assert_array_equal(pixels > 0, mask)
        assert np.abs((pixels - 1) / 254 * top - pattern)[mask].max() < top / 500
        apart = (data["predicted"].values[:, i] - pattern)[:, mask]
        limit = np.quantile(np.abs(apart), 0.99)
        for method, wanted in zip(METHODS, apart, strict=True):
            label = f"Difference of {method} from the measured pattern of {name}"
            pixels, _ = decoded(from_uri(named[label]["href"]))
            np.testing.assert_array_equal(pixels > 0, mask)
            back = ((pixels[mask] - 1) / 254 * 2 - 1) * limit
            assert np.abs(back - np.clip(wanted, -limit, limit)).max() < limit / 250


def test_everything_that_is_seen_has_words(page: Reader) -> None:
    for tag in ("svg", "canvas"):
        found = page.of(tag)
        assert found
        for attributes in found:
            assert attributes["role"] == "img"
            assert len(attributes["aria-label"] or "") > 10
    assert all(found["tabindex"] == "0" for found in page.of("canvas"))
    # true body and two methods of the first sample; two methods of the next two; nothing of the last
    assert len(page.of("canvas")) == 3 + 2 + 2
    assert any("No body to show: " in said for said in page.said("p"))
    assert page.elements[0] == ("html", {"lang": "en"})


def test_a_comparison_of_little_has_a_page_too(comparison: Comparison, tmp_path: Path) -> None:
    name = METHODS[1]
    data = comparison.dataset[["residual"]].sel({"method": [name]}).isel(sample=[0])
    little = Comparison(data, {name: [None]})
    page = Reader(little.to_html(tmp_path / "a.html", title="A <title>").read_text(encoding="utf-8"))
    assert page.said("h1") == ["A <title>"]
    assert page.said("h2") == ["Figures", "Samples", "Each sample, the worst first", "How it was judged"]


def test_the_worst_sample_has_the_lowest_figure_where_more_is_better() -> None:
    iou = xr.DataArray(
        [[0.9, 0.2, np.nan, 0.5], [0.1, 0.3, np.nan, 0.4]],
        dims=("method", "sample"),
        coords={"method": ["one", "other"], "sample": list("abcd")},
    )
    data = xr.Dataset({"front_iou": iou})
    assert worst_first(Comparison(data, {"one": [None] * 4, "other": [None] * 4})) == [2, 1, 3, 0]


@pytest.mark.parametrize(
    ("interval", "better", "pairs", "words"),
    [
        ((-2.0, -1.0), "lower", 20, "better ▲"),
        ((-2.0, -1.0), "higher", 20, "worse ▼"),
        ((1.0, 2.0), "lower", 20, "worse ▼"),
        ((1.0, 2.0), "higher", 9, "better ▲ (few pairs)"),
        ((-1.0, 0.0), "lower", 20, "no clear difference"),
        ((-2.0, -1.0), "lower", 5, "too few pairs"),  # all five are won by chance once in 16 times
        ((np.nan, np.nan), "lower", 0, "too few pairs"),
    ],
)
def test_words_say_no_more_than_the_interval(
    interval: tuple[float, float], better: str, pairs: int, words: str
) -> None:
    assert _verdict(*interval, better, pairs) == words


def test_an_experiment_without_absorption_names_no_length(comparison: Comparison, tmp_path: Path) -> None:
    simulator = MSFTSimulator(absorption="index", refractive_index=0.98)
    data = comparison.dataset.assign_attrs(simulator=to_json(simulator))
    clear = Comparison(data, comparison.bodies, comparison.truths)
    assert Experiment.of(clear).absorption_length is None
    page = Reader(clear.to_html(tmp_path / "a.html").read_text(encoding="utf-8"))
    assert not any("not measured" in said for said in page.said("span"))
    assert "absorption length of the field" not in page.said("th")
    assert "absorption length of the field" in Reader(
        comparison.to_html(tmp_path / "b.html").read_text()
    ).said("th")


def test_the_page_says_what_methods_were(comparison: Comparison, tmp_path: Path) -> None:
    parameters = {"time_budget": 3.0, "loss": "robust", "model": {"class": "x"}, "n_jobs": None}
    told = {METHODS[0]: "<a network>", METHODS[1]: {"class": "a.b.Fit", "parameters": parameters}}
    data = comparison.dataset.assign_attrs(reconstructors=json.dumps(told))
    named = Comparison(data, comparison.bodies, comparison.truths)
    page = Reader(named.to_html(tmp_path / "a.html").read_text(encoding="utf-8"))
    assert page.said("h2")[-1] == "Methods"
    assert page.said("td")[-2:] == ["<a network>", "Fit(time_budget=3.0, loss='robust')"]


def test_an_older_page_is_kept_unless_told(comparison: Comparison, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("mine")
    with pytest.raises(ValueError, match=r"The 'path' parameter of Comparison\.to_html must be"):
        comparison.to_html(file)
    assert file.read_text() == "mine"
    comparison.to_html(file, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert "</html>" in file.read_text(encoding="utf-8")
