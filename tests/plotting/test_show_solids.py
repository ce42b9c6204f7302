"""A gallery of bodies: one scale for all, names, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from gallery_tools import overlapping_texts, titled
from matplotlib.figure import Figure

from scatterkit.plotting import show_solids
from scatterkit.solids import Solid, catalogue_names
from scatterkit.solids.catalogue import PUBLISHED

BOXES = [trimesh.creation.box((side, side, side)) for side in (30.0, 60.0, 120.0)]


def widths(figure: Figure) -> list[float]:
    """How wide each body is, as a share of its panel."""
    found = []
    for ax in figure.axes:
        corners = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
        found.append(float(np.ptp(corners[:, 0]) / np.ptp(ax.get_xlim())))
    return found


@pytest.mark.parametrize("view", ["beam", "side", "top", "perspective"])
def test_one_scale_shows_which_body_is_larger(view: str) -> None:
    small, middle, large = widths(show_solids(BOXES, view=view))
    assert middle / small == pytest.approx(2)
    assert large / middle == pytest.approx(2)
    assert large < 1


def test_own_scales_fill_every_panel() -> None:
    found = widths(show_solids(BOXES, view="beam", common_scale=False))
    assert found == pytest.approx([found[0]] * 3)
    assert found[0] > 0.7


def test_the_bar_is_as_long_as_it_says() -> None:
    ax = show_solids(BOXES).axes[0]
    (line,) = (line for line in ax.lines)
    (words,) = (text.get_text() for text in ax.texts)
    assert f"{np.ptp(line.get_xdata()):g} nm" == words


def test_the_published_classes_have_their_names_in_rows_of_seven() -> None:
    solids = [Solid.from_catalogue(name, random_state=0) for name in PUBLISHED]
    assert len(solids) == 21
    figure = show_solids(solids, title="classes")
    assert [ax.get_title().replace("\n", " ") for ax in figure.axes] == [
        name.replace("_", " ") for name in PUBLISHED
    ]
    assert figure.axes[0].get_gridspec().ncols == 7
    assert overlapping_texts(figure) == []


def test_names_of_every_class_fit() -> None:
    names = sorted(catalogue_names(), key=len)[-6:]
    figure = show_solids([BOXES[0]] * 6, names=[name.replace("_", " ") for name in names])
    assert overlapping_texts(figure) == []


@pytest.mark.parametrize("common_scale", [True, False])
def test_axes_with_numbers_have_room(common_scale: bool) -> None:
    figure = show_solids(BOXES, names=list("abc"), view="side", common_scale=common_scale, columns=2)
    assert len(titled(figure)) == 3
    assert overlapping_texts(figure) == []


def test_rows_are_even_and_a_figure_of_ones_own_is_used() -> None:
    own = Figure(figsize=(6, 3))
    figure = show_solids(BOXES[:1] * 8, names=list("abcdefgh"), figure=own)
    assert figure is own
    assert figure.axes[0].get_gridspec().ncols == 4
    assert len(figure.axes) == 8


@pytest.mark.parametrize(
    ("solids", "options", "parameter"),
    [
        ([], {}, "solids"),
        (BOXES[0], {}, "solids"),
        (["cube"], {}, "solids"),
        (3, {}, "solids"),
        (BOXES, {"names": ["one"]}, "names"),
        (BOXES, {"names": "abc"}, "names"),
        (BOXES, {"view": "back"}, "view"),
        (BOXES, {"columns": 0}, "columns"),
        (BOXES, {"common_scale": "yes"}, "common_scale"),
    ],
)
def test_bad_input_names_the_parameter(solids, options, parameter: str) -> None:
    with pytest.raises(
        ValueError, match=f"The '{parameter}' parameter of show_solids must be .* Got .* instead"
    ):
        show_solids(solids, **options)
