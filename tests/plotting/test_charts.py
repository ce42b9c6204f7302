"""Charts of whole sets: bars as long as counts, histograms that hold every sample, uniform means flat."""

from __future__ import annotations

import numpy as np
import pytest
from gallery_tools import overlapping_texts
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from scatterkit.plotting._gallery import Scale
from scatterkit.plotting.charts import count_chart, histograms, orientation_chart, pattern_chart

N = 2000


def heights(ax) -> np.ndarray:
    return np.array([patch.get_height() for patch in ax.patches])


def test_bars_are_as_long_as_counts_and_the_largest_is_on_top() -> None:
    figure = count_chart({"cube": 5, "snub_cube": 9, "": 1}, name="polyhedron")
    (ax,) = figure.axes
    figure.canvas.draw()
    assert [patch.get_width() for patch in ax.patches] == [1, 5, 9]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["(none)", "cube", "snub cube"]
    assert ax.lines[0].get_xdata()[0] == 5.0
    assert overlapping_texts(figure) == []


def test_histograms_hold_every_finite_number() -> None:
    values = np.where(np.arange(N) % 4, np.arange(N, dtype=float), np.nan)
    figure = histograms({"size": np.arange(N, dtype=float), "cut": values}, {"size": "nm"})
    size, cut = figure.axes
    assert heights(size).sum() == N
    assert heights(cut).sum() == 3 * N / 4
    assert cut.get_title() == f"cut ({N // 4} without)"
    assert size.get_xlabel() == "size (nm)"
    assert overlapping_texts(figure) == []


def test_uniform_orientations_follow_the_dashed_lines() -> None:
    quaternions = Rotation.random(20000, random_state=4).as_quat()
    field, polar, angle = orientation_chart(quaternions).axes
    counts = np.asarray(field.collections[0].get_array())
    assert counts.sum() == 20000
    assert_allclose(counts.mean(), 20000 / counts.size)
    assert counts.var() == pytest.approx(counts.mean(), rel=0.2)  # as Poisson's law has it
    level = polar.lines[0].get_ydata()[0]
    assert np.abs(heights(polar) - level).max() < 5 * np.sqrt(level)
    x, y = angle.lines[0].get_data()
    centers = [patch.get_x() + patch.get_width() / 2 for patch in angle.patches]
    expected = np.interp(centers, x, y)
    assert np.abs(heights(angle) - expected).max() < 5 * np.sqrt(expected.max())


def test_one_direction_makes_one_field() -> None:
    turns = Rotation.from_rotvec([0, np.pi / 2, 0]).as_quat()
    field, polar, angle = orientation_chart(np.repeat(turns[None], 100, axis=0)).axes
    counts = np.asarray(field.collections[0].get_array())
    assert counts.max() == 100
    assert np.count_nonzero(counts) == 1
    assert heights(polar).max() == heights(angle).max() == 100


def test_patterns_maps_and_rings() -> None:
    maps = {"mean": np.full((8, 8), 0.5), "largest": np.where(np.eye(8) > 0, np.nan, 1.0)}
    profiles = np.tile(np.linspace(1, 0, 5), (7, 1))
    profiles[:, 4] = np.nan
    figure = pattern_chart(maps, profiles, Scale(0.0, 1.0), dq=0.1)
    mean, largest, rings = figure.axes
    assert np.ma.count_masked(largest.images[0].get_array()) == 8
    assert mean.get_title() == "mean"
    assert_allclose(rings.lines[0].get_xdata(), [0, 0.1, 0.2, 0.3])
    assert_allclose(rings.lines[0].get_ydata(), [1, 0.75, 0.5, 0.25])
    assert overlapping_texts(figure) == []


def test_counts_over_powers_of_ten_are_drawn_by_their_logarithm() -> None:
    counts = 10 ** np.linspace(-8, 6, 64).reshape(8, 8)
    figure = pattern_chart({"mean": counts}, np.geomspace(1e6, 1, 6)[None], Scale(1.0, 1e6, True, "counts"))
    mean, rings = figure.axes
    norm = mean.images[0].norm
    assert (norm.vmin, norm.vmax) == (1.0, 1e6)
    assert norm(1e3) == pytest.approx(0.5)
    assert not np.ma.getmaskarray(mean.images[0].get_array()).any()
    assert rings.get_yscale() == "log"
    assert overlapping_texts(figure) == []
