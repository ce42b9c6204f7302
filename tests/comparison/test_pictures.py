"""Pictures keep the values in 8 bits; charts put points where their axes say."""

from __future__ import annotations

import re

import matplotlib as mpl
import numpy as np
import pytest
from page_tools import decoded

from scatterkit.comparison._pictures import ColorScale, difference_scale, pattern_scale
from scatterkit.comparison._svg import Line, log_chart, number


@pytest.mark.parametrize(("low", "high", "colors"), [(0.0, 0.7, "viridis"), (-0.2, 0.2, "RdBu_r")])
def test_values_come_back_from_a_picture_within_half_a_step(low: float, high: float, colors: str) -> None:
    values = np.random.default_rng(0).uniform(low, high, (37, 53)).astype(np.float32)
    mask = np.random.default_rng(1).random(values.shape) > 0.3
    scale = ColorScale(low, high, colors)
    pixels, palette = decoded(scale.png(values, mask))
    assert pixels.shape == values.shape
    np.testing.assert_array_equal(pixels == 0, ~mask)
    back = low + (pixels - 1) / 254 * (high - low)
    assert np.abs(back - values)[mask].max() <= (high - low) / 254 / 2 * 1.001
    shown = palette[pixels]
    wanted = mpl.colormaps[colors]((back - low) / (high - low))[..., :3]
    assert np.abs(shown / 255 - wanted)[mask].max() < 0.03
    np.testing.assert_array_equal(shown[~mask], np.full((np.sum(~mask), 3), 209))  # grey 0.82


def test_values_beyond_the_scale_get_its_ends_and_nan_is_not_measured() -> None:
    pixels, _ = decoded(ColorScale(0, 1, "viridis").png(np.array([[-5, 0.0, 1.0, 7, np.nan]], np.float32)))
    assert pixels.tolist() == [[1, 1, 255, 255, 0]]


def test_a_bar_shows_all_colours_from_top_to_bottom() -> None:
    pixels, _ = decoded(ColorScale(0, 1, "viridis").bar())
    assert pixels[:, 0].tolist() == list(range(255, 0, -1))


def test_scales_follow_what_was_measured() -> None:
    values = np.array([[0.2, 0.5], [np.nan, 9.0]], np.float32)
    scale = pattern_scale(values, np.array([[True, True], [True, False]]))
    assert (scale.low, scale.high) == (0, 0.5)
    assert pattern_scale(np.zeros((2, 2), np.float32), None).high == 1
    differences = np.linspace(-1, 0.5, 1501, dtype=np.float32)
    scale = difference_scale(differences)
    assert scale.high == pytest.approx(np.quantile(np.abs(differences), 0.99))
    assert scale.low == -scale.high
    assert difference_scale(np.full(3, np.nan, np.float32)).high == 1


def test_lines_lie_where_the_axes_say() -> None:
    x = np.array([0.1, 1.0, 10.0, 100.0])
    y = np.array([np.inf, 1e-1, 1e-2, 1e-3])
    chart = log_chart([Line("<a>", x, y)], "time (s)", "residual", "A chart")
    (path,) = re.findall(r'<path d="M([^"]+)" stroke-width="2"', chart)
    points = np.array([[float(value) for value in corner.split()] for corner in path.split("L")])
    assert len(points) == 3  # infinite ones are left out
    ticks = {
        float(label): float(at)
        for at, label in re.findall(r'<text x="([\d.]+)" y="291.0" text-anchor="middle">([\d.e-]+)<', chart)
    }
    assert {1.0, 10.0, 100.0} <= set(ticks)
    np.testing.assert_allclose(points[:, 0], [ticks[value] for value in (1.0, 10.0, 100.0)], atol=0.11)
    np.testing.assert_allclose(np.diff(points[:, 1]), np.diff(points[:, 1])[0], atol=0.11)
    assert "&lt;a&gt;" in chart
    assert "<a>" not in chart


@pytest.mark.parametrize("low", [1.05, 1.6, 2.1, 2.7, 3.3, 4.1, 5.2, 7.4, 9.3])
@pytest.mark.parametrize("ratio", [1.0, 1.4, 40.0, 3e4])
def test_axes_have_numbers_however_short_they_are(low: float, ratio: float) -> None:
    x = np.array([1e-3, ratio * 1e-3]) * low
    chart = log_chart([Line("a", x, x)], "x", "y", "A chart")
    ticks = re.findall(r'y="291.0" text-anchor="middle">([\d.e-]+)<', chart)
    assert 2 <= len(set(ticks)) == len(ticks) <= 12


def test_a_line_is_thin_beyond_its_end_and_nothing_is_drawn_of_nothing() -> None:
    x = np.array([1.0, 2.0, 4.0, 8.0])
    chart = log_chart([Line("a", x, 1 / x, end=2.0)], "x", "y", "A chart")
    (path,) = re.findall(r'<path d="M([^"]+)" stroke-width="2"', chart)
    assert path.count("L") == 1
    assert log_chart([Line("a", x, np.full(4, np.nan))], "x", "y", "A chart") == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (0.02, "0.02"),
        (12345.6, "12346"),
        (2.5e-5, "2.5e-5"),
        (-4e-4, "-4e-4"),
        (np.nan, "–"),
        (3e7, "3e7"),
    ],
)
def test_numbers_are_short(value: float, words: str) -> None:
    assert number(value) == words
