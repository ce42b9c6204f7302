"""Grey scales and colour bars."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scatterkit.preprocessing import ColorBar, ColorScale

PUBLISHED = {"grey": (0.0, 0.3, 0.88, 1.0), "values": (0.0, 0.38, 0.7425, 1.0)}


def test_the_published_scale() -> None:
    """The formula of the published set, piece by piece."""
    s = np.linspace(0, 1, 101)
    formula = np.where(
        s <= 0.3,
        0.38 / 0.3 * s,
        np.where(s <= 0.88, 0.38 + 0.25 / 0.4 * (s - 0.3), 0.7425 + (1 - 0.7425) / (1 - 0.88) * (s - 0.88)),
    )
    found = ColorScale(**PUBLISHED).transform(s.reshape(1, 1, -1))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, 0], formula, atol=1e-6)


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=6), st.booleans())
def test_the_inverse_undoes_it(steps: list[float], falling: bool) -> None:
    grey = np.cumsum(steps)
    values = np.cumsum(steps[::-1])[:: -1 if falling else 1]
    scale = ColorScale(grey, values)
    x = np.linspace(grey[0], grey[-1], 24).reshape(2, 3, 4)
    np.testing.assert_allclose(scale.inverse_transform(scale.transform(x)), x, rtol=1e-3, atol=1e-4)


def test_constant_beyond_the_ends() -> None:
    scale = ColorScale((0, 1), (2, 5))
    np.testing.assert_array_equal(scale.transform([[[-1.0, 9.0]]]), [[[2, 5]]])


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"grey": (0, 0), "values": (0, 1)}, "'grey' .* rise"),
        ({"grey": (0,), "values": (0,)}, "'grey'"),
        ({"grey": (0, 1), "values": (0, 1, 2)}, "'values'"),
        ({"grey": (0, 1, 2), "values": (0, 2, 1)}, "'values'"),
        ({"grey": (0, np.nan), "values": (0, 1)}, "'grey'"),
        ({"grey": "ab", "values": (0, 1)}, "'grey'"),
    ],
)
def test_bad_scales(parameters: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ColorScale(**parameters).fit()


@pytest.mark.parametrize("name", ["viridis", "jet", "hot"])
@pytest.mark.parametrize("eight_bit", [False, True])
def test_a_colour_map_is_undone(name: str, eight_bit: bool) -> None:
    table = mpl.colormaps[name](np.linspace(0, 1, 256))[:, :3]
    truth = np.random.default_rng(0).random((2, 20, 30))
    picture = mpl.colormaps[name](truth)[..., :3]
    if eight_bit:
        table, picture = np.round(255 * table), np.round(255 * picture)
    values, known = ColorBar(table).read(picture)
    assert known.all()
    # a colour map has 256 steps; some of them look alike
    assert np.abs(values - truth).max() < 4.5 / 256
    assert np.abs(values - truth).mean() < 1 / 256


def test_colours_between_those_of_the_bar() -> None:
    bar = ColorBar([(0, 0, 0), (1, 0, 0), (1, 1, 0)], values=(0, 10, 40))
    picture = np.array([[[(0.25, 0, 0), (1, 0.5, 0), (1, 0, 0)]]])
    np.testing.assert_allclose(bar.transform(picture), [[[2.5, 25, 10]]], atol=1e-4)


def test_lettering_is_not_known() -> None:
    table = mpl.colormaps["viridis"](np.linspace(0, 1, 256))[:, :3]
    picture = np.full((1, 4, 4, 3), table[100])
    picture[0, 1, 1], picture[0, 2, 2] = (1, 1, 1), (0, 0, 0)
    values, known = ColorBar(table).read(picture)
    assert np.argwhere(~known[0]).tolist() == [[1, 1], [2, 2]]
    assert not values[~known].any()


@pytest.mark.parametrize("upright", [True, False])
def test_a_bar_from_a_picture(upright: bool) -> None:
    along = (np.arange(200) + 0.5) / 200
    strip = np.tile(mpl.colormaps["magma"](along)[None, :, :3], (12, 1, 1))
    strip[3, 50:60] = 0  # a line drawn across
    if upright:
        strip = strip[:, ::-1].transpose(1, 0, 2)
    truth = np.linspace(0.05, 0.95, 50).reshape(1, 5, 10)
    bar = ColorBar.from_strip(strip, low=-2.0, high=6.0, max_distance=0.05)
    values, known = bar.read(mpl.colormaps["magma"](truth)[..., :3])
    assert known.all()
    np.testing.assert_allclose(values, 8 * truth - 2, atol=0.08)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"colors": np.zeros((3, 2))}, "'colors'"),
        ({"colors": np.zeros((3, 3))}, "'colors' .* different"),
        ({"colors": np.eye(3), "values": (0, 1)}, "'values'"),
        ({"colors": np.eye(3), "max_distance": 0}, "'max_distance'"),
    ],
)
def test_bad_bars(parameters: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ColorBar(**parameters).transform(np.zeros((1, 2, 2, 3)))


def test_bad_pictures() -> None:
    with pytest.raises(ValueError, match="pictures"):
        ColorBar(np.eye(3)).transform(np.zeros((1, 2, 2)))
    with pytest.raises(ValueError, match="pictures"):
        ColorScale((0, 1), (0, 1)).transform(np.zeros((2, 2)))
