"""Pages of one body: what they hold, and what is refused."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from page_tools import BOX, Reader, ball

from scatterkit.comparison import view_body
from scatterkit.solids import Solid


def held(page: Path) -> dict:
    (data,) = re.findall(r'<script type="application/json">(.*?)</script>', page.read_text(encoding="utf-8"))
    return json.loads(data)


def inflated(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype)


def test_a_solid_is_there_in_full(tmp_path: Path) -> None:
    data = held(view_body(BOX, tmp_path / "body.html"))
    points = inflated(data["points"], "<f4").reshape(-1, 3)
    np.testing.assert_array_equal(points, BOX.vertices.astype("f4"))
    np.testing.assert_array_equal(inflated(data["faces"], "<u4").reshape(-1, 3), BOX.faces)
    assert data["reach"] == pytest.approx(np.sqrt(30**2 + 20**2 + 50**2))
    assert data["hidden"] == pytest.approx(37.5)


def test_a_volume_is_there_in_256_steps(tmp_path: Path) -> None:
    volume = ball(center=(20, -10, 5))
    data = held(view_body(volume, tmp_path / "body.html", box=200.0, absorption_length=None))
    found = inflated(data["occupancy"], "u1").reshape(data["shape"])
    assert np.abs(found / 255 - volume).max() <= 0.5 / 255 + 1e-6
    assert data["step"] == pytest.approx(200 / 32)
    assert 60 <= data["reach"] < 60 + 2 * 200 / 32
    assert data["hidden"] is None


def test_the_page_says_what_it_shows(tmp_path: Path) -> None:
    page = Reader(view_body(BOX, tmp_path / "a.html").read_text(encoding="utf-8"))
    assert page.said("h1") == ["60 x 40 x 100"]
    (slider,) = page.of("input")
    assert (slider["min"], slider["max"]) == ("0", "100")
    assert any("37.5 nm (3 absorption lengths)" in said for said in page.said("p"))
    evil = "</title><script>alert(1)</script>"
    source = view_body(BOX, tmp_path / "b.html", title=evil).read_text(encoding="utf-8")
    assert evil not in source
    assert Reader(source).said("h1") == [evil]
    source = view_body(ball(), tmp_path / "c.html", absorption_length=None).read_text(encoding="utf-8")
    assert Reader(source).said("h1") == ["Body"]
    assert "not measured" not in "".join(Reader(source).said("p"))


def test_an_older_page_is_kept_unless_told(tmp_path: Path) -> None:
    view_body(BOX, tmp_path / "a.html")
    with pytest.raises(ValueError, match="The 'path' parameter of view_body must be"):
        view_body(ball(), tmp_path / "a.html")
    assert held(tmp_path / "a.html")["kind"] == "mesh"
    view_body(ball(), tmp_path / "a.html", overwrite=True)
    assert held(tmp_path / "a.html")["kind"] == "volume"


@pytest.mark.parametrize(
    ("body", "options", "parameter"),
    [
        (np.zeros((4, 4, 4)), {}, "body"),
        (np.full((4, 4, 4), 2.0), {}, "body"),
        (np.ones((4, 4, 5)), {}, "body"),
        (np.ones((4, 4)), {}, "body"),
        ("cube", {}, "body"),
        (BOX, {"box": 0}, "box"),
        (BOX, {"absorption_length": -1.0}, "absorption_length"),
        (BOX, {"path": 3}, "path"),
        (BOX, {"title": 3}, "title"),
    ],
)
def test_bad_input_names_the_parameter(tmp_path: Path, body: Solid, options: dict, parameter: str) -> None:
    with pytest.raises(
        ValueError, match=f"The '{parameter}' parameter of view_body must be .* Got .* instead"
    ):
        view_body(body, **{"path": tmp_path / "x.html", **options})
    assert list(tmp_path.iterdir()) == []
