"""Pages in a real browser: bodies are closed and of the right size, and answer to mouse and keys; tables sort."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import NAMES, Browser, find_browser, running_browser
from page_tools import BOX, METHODS, ball, made_up

from scatterkit.comparison import view_body
from scatterkit.solids import Solid

STILL = "[...document.querySelectorAll('.bodies')].some((e) => e.dataset.state === 'still')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip(f"no browser found: none of {', '.join(NAMES)} is on the path")
    with running_browser(program, tmp_path_factory.mktemp("profile")) as found:
        yield found


def shown(browser: Browser, body: Any, path: Path, **options: Any) -> Browser:
    browser.open(
        view_body(body, path, overwrite=True, **options), width=420, height=700
    )  # small: quick to draw
    browser.wait_for(STILL)
    return browser


def picture(browser: Browser, number: int = 0) -> str:
    """Give a canvas as an address, once it rests."""
    browser.wait_for("scatterkit.groups[0].element.dataset.state === 'still'")
    return browser.evaluate(f"scatterkit.groups[0].canvases[{number}].toDataURL()")


def mesh_of(browser: Browser) -> tuple[np.ndarray, np.ndarray]:
    found = browser.evaluate(
        "(({points, faces}) => [Array.from(points), Array.from(faces)])(scatterkit.groups[0].bodies[0].mesh)"
    )
    return np.array(found[0]).reshape(-1, 3), np.array(found[1]).reshape(-1, 3)


def enclosed(points: np.ndarray, faces: np.ndarray) -> float:
    """The volume by the divergence theorem."""
    a, b, c = points[faces].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def check_closed(points: np.ndarray, faces: np.ndarray) -> None:
    """Each edge is walked as often in one direction as in the other."""
    n = len(points)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forward = np.bincount(edges[:, 0] * n + edges[:, 1], minlength=n * n)
    backward = np.bincount(edges[:, 1] * n + edges[:, 0], minlength=n * n)
    np.testing.assert_array_equal(forward, backward)


def test_the_surface_of_a_volume_is_closed_and_of_the_right_size_and_place(
    browser: Browser, tmp_path: Path
) -> None:
    center, radius = (30.0, -15.0, 6.0), 60.0
    shown(browser, ball(center=center, radius=radius), tmp_path / "a.html", box=200.0)
    points, faces = mesh_of(browser)
    check_closed(points, faces)
    assert enclosed(points, faces) == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.02)
    distances = np.linalg.norm(points - center, axis=1)
    assert np.abs(distances - radius).max() < 0.15 * 200 / 32
    assert browser.complaints == []


def test_a_body_that_touches_the_box_is_closed_there(browser: Browser, tmp_path: Path) -> None:
    volume = np.zeros((10, 10, 10), np.float32)
    volume[:4, 2:8, 7:] = 1  # (z, y, x), against two sides
    volume[8, 8, 1] = 1
    shown(browser, volume, tmp_path / "a.html", box=100.0)
    points, faces = mesh_of(browser)
    check_closed(points, faces)
    assert enclosed(points, faces) == pytest.approx(
        1000 * (4 * 6 * 3 + 1), rel=0.2
    )  # corners are rounded off
    large = points[points[:, 0] > 0]
    np.testing.assert_allclose(large.min(axis=0), (20, -30, -50), atol=1e-3)
    np.testing.assert_allclose(large.max(axis=0), (50, 30, -10), atol=1e-3)


def test_a_solid_is_itself(browser: Browser, tmp_path: Path) -> None:
    body = Solid.from_catalogue("truncated_octahedron", circumradius=80)
    shown(browser, body, tmp_path / "a.html")
    points, faces = mesh_of(browser)
    check_closed(points, faces)
    assert enclosed(points, faces) == pytest.approx(body.volume, rel=1e-5)
    edges = browser.evaluate("scatterkit.groups[0].bodies[0].edges.length")
    assert edges == 36  # none within its hexagons and squares


def areas(browser: Browser, view: str, cut: str = "-Infinity") -> tuple[float, float]:
    """Give the areas [nm^2] that are seen of a body in a view: of all, and of what is not measured."""
    found = browser.evaluate(
        f"""(() => {{
          const body = scatterkit.groups[0].bodies[0];
          const camera = {{ frame: VIEWS.{view}, center: body.center, scale: 3, width: 450, height: 450 }};
          const {{ data }} = scatterkit.paint(body, camera, {cut}, scatterkit.look);
          let [all, brown] = [0, 0];
          for (let i = 0; i < data.length; i += 4) {{
            if (data[i + 3] === 0) continue;
            all += 1;
            if (data[i] > data[i + 2]) brown += 1;
          }}
          return [all / 9, brown / 9];
        }})()"""
    )
    return found[0], found[1]


def test_a_box_is_seen_with_its_sides(browser: Browser, tmp_path: Path) -> None:
    shown(browser, BOX, tmp_path / "a.html", absorption_length=12.5)  # 60 x 40 nm, 100 nm along the beam
    assert areas(browser, "beam") == (pytest.approx(60 * 40, rel=0.02), 0)
    whole, hidden = areas(browser, "side")
    assert whole == pytest.approx(100 * 40, rel=0.02)
    assert hidden == pytest.approx((100 - 37.5) * 40, rel=0.05)  # but for the outline's own colour
    whole, hidden = areas(browser, "back")
    assert hidden == pytest.approx(whole, rel=0.05)
    whole, hidden = areas(browser, "side", "0")  # the plane z = 0: half the body is left
    assert whole == pytest.approx(50 * 40, rel=0.02)
    assert hidden == pytest.approx(50 * 40, rel=0.06)
    whole, hidden = areas(
        browser, "beam", "-20"
    )  # 30 nm behind the front: a section, within what is measured
    assert (whole, hidden) == (pytest.approx(60 * 40, rel=0.02), 0)
    whole, hidden = areas(browser, "beam", "-10")
    assert hidden == pytest.approx(60 * 40, rel=0.08)


def test_a_section_of_a_ball_is_measured_in_its_middle_only_near_the_front(
    browser: Browser, tmp_path: Path
) -> None:
    shown(browser, ball(grid=48), tmp_path / "a.html", box=200.0, absorption_length=12.5)
    whole, hidden = areas(browser, "beam", "0")
    assert whole == pytest.approx(np.pi * 60**2, rel=0.02)
    # at z = 0 the depth behind the front is sqrt(60^2 - rho^2), above 37.5 nm within this radius
    assert hidden == pytest.approx(np.pi * (60**2 - 37.5**2), rel=0.05)


def test_a_section_hides_the_edges_behind_it(browser: Browser, tmp_path: Path) -> None:
    shown(browser, BOX, tmp_path / "a.html", absorption_length=None)
    colors, pixels = browser.evaluate(
        """(() => {
          const body = scatterkit.groups[0].bodies[0];
          const camera = { frame: VIEWS.aslant, center: body.center, scale: 3, width: 450, height: 450 };
          const { data } = scatterkit.paint(body, camera, 0, scatterkit.look);
          const section = [...sharedRaster.bright.keys()].slice(0, 450 * 450)
            .filter((i) => sharedRaster.depth[i] !== Infinity && sharedRaster.bright[i] < 0);
          return [new Set(section.map((i) => data.slice(4 * i, 4 * i + 3).join(" "))).size, section.length];
        })()"""
    )
    assert pixels > 1000
    assert colors == 2  # the section's own, and its outline's


def test_a_drag_turns_and_a_drag_back_undoes_it(browser: Browser, tmp_path: Path) -> None:
    shown(browser, BOX, tmp_path / "a.html")
    first = picture(browser)
    x, y, width, height = browser.place("canvas")
    middle = (x + width / 2, y + height / 2)
    before = np.array(browser.evaluate("scatterkit.groups[0].frame"))
    way = (width - 2) / 4  # a quarter of what is inside the frame: a quarter of half a turn
    browser.drag(middle, (way, 0))
    assert picture(browser) != first
    after = np.array(browser.evaluate("scatterkit.groups[0].frame"))
    np.testing.assert_allclose(after @ after.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(after[1], before[1], atol=1e-9)
    # what was nearest has moved along with the mouse, by an eighth of a full turn
    nearest = -before[2]
    assert after[0] @ nearest == pytest.approx(np.sqrt(0.5), abs=1e-6)
    assert -after[2] @ nearest == pytest.approx(np.sqrt(0.5), abs=1e-6)
    browser.drag((middle[0] + way, middle[1]), (-way, 0))
    np.testing.assert_allclose(browser.evaluate("scatterkit.groups[0].frame"), before, atol=1e-9)
    browser.key("0")  # rounding is gone
    assert picture(browser) == first
    assert browser.complaints == []


def test_the_wheel_zooms_once_the_body_is_chosen_and_scrolls_the_page_before(
    browser: Browser, tmp_path: Path
) -> None:
    page = view_body(BOX, tmp_path / "a.html")
    browser.open(page, width=700, height=400)
    browser.wait_for(STILL)
    first = picture(browser)
    x, _, width, _ = browser.place("canvas")
    browser.evaluate("window.scrollTo(0, 0)")
    place = (x + width / 2, 300.0)
    browser.wheel(*place, 60)
    browser.wait_for("window.scrollY > 0")
    assert picture(browser) == first
    browser.evaluate("window.scrollTo(0, 0)")
    browser.drag(place, (0, 0))
    browser.wheel(*place, -200)
    browser.wait_for("scatterkit.groups[0].zoom > 1")
    assert browser.evaluate("scatterkit.groups[0].zoom") == pytest.approx(np.exp(0.3), rel=1e-6)
    assert picture(browser) != first
    assert browser.evaluate("window.scrollY") == 0


def test_the_slider_cuts_and_says_how_deep(browser: Browser, tmp_path: Path) -> None:
    shown(browser, BOX, tmp_path / "a.html")
    first = picture(browser)
    assert browser.evaluate("document.querySelector('output').textContent") == "whole body"
    x, y, width, height = browser.place("input[type=range]")
    browser.drag((x + width / 2, y + height / 2), (0, 0))
    assert picture(browser) != first
    cut = int(browser.evaluate("document.querySelector('input').value"))
    assert cut == pytest.approx(50, abs=3)
    assert browser.evaluate("document.querySelector('output').textContent") == f"{cut} nm behind the tip"
    browser.click("button[data-view=reset]")
    assert picture(browser) == first


def test_keys_do_all_that_the_mouse_does(browser: Browser, tmp_path: Path) -> None:
    shown(browser, BOX, tmp_path / "a.html")
    first = picture(browser)
    browser.key("Tab")  # the first thing on the page that can be chosen
    assert browser.evaluate("document.activeElement.tagName") == "CANVAS"
    seen = {first}
    for key in ("ArrowLeft", "ArrowUp", "+", "PageDown"):
        browser.key(key)
        seen.add(picture(browser))
    assert len(seen) == 5
    assert browser.evaluate("document.querySelector('input').value") == "5"
    for key in ("PageUp", "-", "ArrowDown", "ArrowRight"):
        browser.key(key)
    browser.key("0")
    assert picture(browser) == first


def test_buttons_show_the_sides(browser: Browser, tmp_path: Path) -> None:
    shown(browser, BOX, tmp_path / "a.html")
    pictures = set()
    for view in ("aslant", "beam", "side", "back"):
        browser.click(f"button[data-view={view}]")
        pictures.add(picture(browser))
    assert len(pictures) == 4


def test_scale_bars_have_round_lengths(browser: Browser, tmp_path: Path) -> None:
    shown(browser, BOX, tmp_path / "a.html")
    found = browser.evaluate("[73, 19.9, 20, 250, 0.7].map(scatterkit.roundLength)")
    assert found == pytest.approx([50, 10, 20, 200, 0.5])


@pytest.fixture
def compared(browser: Browser, tmp_path: Path) -> Browser:
    browser.open(made_up().to_html(tmp_path / "page.html"))
    return browser


def column(browser: Browser, number: int) -> list[str]:
    return browser.evaluate(
        f"[...document.querySelectorAll('table.sortable tbody tr')].map((row) => row.cells[{number}].dataset.value)"
    )


def test_a_comparison_opens_without_complaint_and_its_bodies_turn_together(compared: Browser) -> None:
    assert compared.evaluate("document.title").startswith("Comparison of <b>net</b>")
    compared.click("a[href='#sample-0']")  # the sample with a true body
    compared.wait_for("document.getElementById('sample-0').open")
    compared.wait_for("scatterkit.groups[2].element.dataset.state === 'still'")
    pictures = "scatterkit.groups[2].canvases.map((canvas) => canvas.toDataURL())"
    before = compared.evaluate(pictures)
    assert len(before) == 3
    x, y, width, height = compared.place("#sample-0 canvas")
    compared.drag((x + width / 2, y + height / 2), (40, 25))
    compared.wait_for("scatterkit.groups[2].element.dataset.state === 'still'")
    after = compared.evaluate(pictures)
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert compared.complaints == []


def test_pictures_of_patterns_can_be_decoded(compared: Browser) -> None:
    sizes = compared.evaluate(
        "Promise.all([...document.querySelectorAll('svg.pattern image')].map(async (image) => {"
        "const loaded = new Image(); loaded.src = image.getAttribute('href'); await loaded.decode();"
        "return [loaded.naturalHeight, loaded.naturalWidth]; }))"
    )
    assert sizes == [[24, 32]] * 16


def test_a_click_on_a_heading_sorts_and_another_one_turns_the_order(compared: Browser) -> None:
    assert column(compared, 0) == ["lost", "hard", "</script><script>alert(1)</script>", "easy"]
    compared.click("table.sortable th:nth-child(2) button")
    assert column(compared, 1) == ["0.001", "0.004", "0.009", ""]  # what is missing comes last
    assert compared.evaluate("document.querySelector('[aria-sort]').ariaSort") == "ascending"
    compared.click("table.sortable th:nth-child(2) button")
    assert column(compared, 1) == ["0.009", "0.004", "0.001", ""]
    compared.click("table.sortable th:nth-child(1) button")
    assert column(compared, 0) == ["</script><script>alert(1)</script>", "easy", "hard", "lost"]
    assert compared.evaluate("document.querySelectorAll('[aria-sort]').length") == 1
    heads = compared.evaluate(
        "[...document.querySelectorAll('table.sortable th button')].map((b) => b.textContent)"
    )
    assert heads[1] == f"{METHODS[0]}: residual"
    assert json.dumps(compared.complaints) == "[]"
