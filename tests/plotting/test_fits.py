"""Figures of fits: what is drawn, where, and that no words lie upon each other."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from gallery_tools import overlapping_texts
from matplotlib.figure import Figure

from scatterkit.plotting import fit_figure, show_facets
from scatterkit.solids import Solid


@pytest.fixture
def body():
    return Solid.from_catalogue("truncated_octahedron", circumradius=80)


@pytest.fixture
def facets(body):
    faces = np.flatnonzero(body.normals[:, 2] < -1e-6)
    sure = np.arange(len(faces)) > 0
    tilts = np.arccos(-body.normals[faces, 2])
    return SimpleNamespace(faces=faces, tilts=tilts, determined=sure, crystal=None)


def test_a_row_of_four_pictures(body, facets):
    pattern = np.random.default_rng(0).random((32, 32))
    mask = np.ones((32, 32), dtype=bool)
    mask[:4] = False
    figure = fit_figure(pattern, 0.9 * pattern, body, mask=mask, facets=facets, title="A fit")
    figure.canvas.draw()
    titles = [ax.get_title() for ax in figure.axes[:4]]
    error = np.mean((0.1 * pattern[mask]) ** 2)
    assert titles == [
        "measured",
        "fitted",
        f"difference, mean square {error:.2g}",
        "lit facets, along the beam",
    ]
    assert figure.axes[0].get_xlabel() == "$q_x$ (rad/nm)"
    assert figure.axes[3].get_xlabel() == "$x$ (nm)"
    assert overlapping_texts(figure) == []


def test_what_was_not_measured_may_hold_anything(body):
    pattern = np.random.default_rng(0).random((16, 16))
    mask = np.ones((16, 16), dtype=bool)
    mask[3:6, 2:9] = False
    holed = np.where(mask, pattern, np.nan)
    figure = fit_figure(holed, np.where(mask, 0.5, np.inf), body, mask=mask)
    error = np.mean((0.5 - pattern[mask]) ** 2)
    assert figure.axes[2].get_title() == f"difference, mean square {error:.2g}"
    for given in ({"pattern": holed, "fitted": pattern}, {"pattern": pattern, "fitted": holed}):
        with pytest.raises(ValueError, match=r"parameter of fit_figure must be .* finite"):
            fit_figure(**given, solid=body)
    with pytest.raises(ValueError, match="'pattern' parameter of fit_figure"):
        fit_figure(pattern[0], pattern[0], body, mask=mask)


def test_without_facets_the_body_is_shaded(body):
    figure = fit_figure(np.eye(16), np.eye(16), body, dq=None, figure=Figure(figsize=(15, 4)))
    assert figure.axes[3].get_title() == "body, along the beam"
    assert len(figure.axes[3].collections) == 3


def test_facets_lie_where_they_are_and_unsure_ones_are_hatched(body, facets):
    ax = Figure().subplots()
    colors = show_facets(ax, body, facets)
    assert len(ax.patches) == len(facets.faces)
    for patch, face, tilt, sure in zip(
        ax.patches, facets.faces, facets.tilts, facets.determined, strict=True
    ):
        corners = patch.get_xy()[:-1]
        plane = np.abs(body.vertices @ body.normals[face] - body.offsets[face]) < 1e-6
        expected = body.vertices[plane, :2]
        apart = np.linalg.norm(corners[:, None] - expected[None], axis=2)
        assert apart.min(axis=0).max() < 1e-9
        assert apart.min(axis=1).max() < 1e-9
        assert patch.get_facecolor() == pytest.approx(colors.to_rgba(np.degrees(tilt)))
        assert (patch.get_hatch() is None) == sure


def test_miller_indices_are_written_where_a_crystal_fits(body, facets):
    facets.crystal = SimpleNamespace(fits=True, labels=["(1 1 1)"] * (len(facets.faces) - 1) + ["-"])
    ax = Figure().subplots()
    show_facets(ax, body, facets)
    words = [text.get_text() for text in ax.texts]
    assert any("(1 1 1)" in word for word in words)
    facets.crystal = SimpleNamespace(fits=False, labels=["(1 1 1)"] * len(facets.faces))
    bare = Figure().subplots()
    show_facets(bare, body, facets)
    assert not any("(" in text.get_text() for text in bare.texts)


def test_labels_must_be_as_many_as_facets(body, facets):
    with pytest.raises(ValueError, match="'labels' parameter of show_facets"):
        show_facets(Figure().subplots(), body, facets, labels=["a"])
    with pytest.raises(ValueError, match="'solid' parameter of show_facets"):
        show_facets(Figure().subplots(), object(), facets)
