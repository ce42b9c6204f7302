"""Learning curves show the rows that they are given."""

from __future__ import annotations

import numpy as np
import pytest
from gallery_tools import overlapping_texts

from scatterkit.plotting import learning_curve


def history(n=60):
    nan = float("nan")
    return [
        {
            "step": 10 * i,
            "loss": nan if i == 7 else 1 / i,
            "validation": 2 / i if i % 20 == 0 else nan,
            "learning_rate": 1e-3 / i,
            "skipped": 10 if i == 7 else 0,
        }
        for i in range(1, n + 1)
    ]


def test_lines_are_the_rows():
    figure = learning_curve(history())
    above, below = figure.axes
    figure.canvas.draw()
    thin, thick, validation, skipped = above.lines
    assert np.isnan(thin.get_ydata()[6])
    np.testing.assert_allclose(thin.get_ydata()[:3], [1, 1 / 2, 1 / 3])
    np.testing.assert_allclose(validation.get_xydata(), [[200, 0.1], [400, 0.05], [600, 1 / 30]])
    assert skipped.get_xdata().tolist() == [70]
    np.testing.assert_allclose(below.lines[0].get_ydata()[:2], [1e-3, 5e-4])
    assert above.get_yscale() == "log"
    assert [text.get_text() for text in above.get_legend().texts] == [
        "training",
        "validation",
        "skipped steps",
    ]
    assert overlapping_texts(figure) == []
    assert np.flatnonzero(np.isnan(thick.get_ydata())).tolist() == [6]


def test_the_thick_line_is_a_running_mean():
    rows = [
        {"step": i, "loss": float(i % 2 + 1), "validation": np.nan, "learning_rate": 1.0, "skipped": 0}
        for i in range(400)
    ]
    thin, thick = learning_curve(rows).axes[0].lines
    assert np.ptp(thin.get_ydata()) == 1
    assert np.ptp(thick.get_ydata()[20:-20]) < 0.1
    assert thick.get_ydata()[200] == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(2.4, 4.8, ["3", "4"]), (0.003, 0.05, ["0.003", "0.004", "0.006", "0.01", "0.02", "0.03", "0.04"])],
)
def test_losses_within_two_decades_have_plain_numbers(low, high, expected):
    other = {"validation": np.nan, "learning_rate": 1.0, "skipped": 0}
    figure = learning_curve([{"step": 1, "loss": high, **other}, {"step": 2, "loss": low, **other}])
    figure.draw_without_rendering()
    axis, (bottom, top) = figure.axes[0].yaxis, figure.axes[0].get_ylim()
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    shown = {tick.get_loc(): tick.label1.get_text() for tick in ticks if bottom <= tick.get_loc() <= top}
    assert [shown[place] for place in sorted(shown) if shown[place]] == expected
    assert overlapping_texts(figure) == []


@pytest.mark.parametrize("rows", [[], [{"step": 1, "loss": 2.0}]])
def test_refusals(rows):
    with pytest.raises(
        ValueError, match="'history' parameter of learning_curve must be rows with step, loss"
    ):
        learning_curve(rows)
