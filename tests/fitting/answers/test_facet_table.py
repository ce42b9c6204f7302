"""Facet tables and Miller indices against bodies whose facets are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from scatterkit.fitting.answers import facet_table, guess_fcc
from scatterkit.fitting.answers._lit import lit_side
from scatterkit.fitting.answers.indexing import _apart
from scatterkit.solids import Solid


def turned(name: str, seed: int, degrees: float = 0.0) -> Solid:
    body = Solid.from_catalogue(name, 80).rotate(Rotation.random(random_state=seed))
    noise = np.radians(degrees) * np.random.default_rng(seed).normal(size=body.normals.shape)
    return Solid.from_halfspaces(body.normals + noise, body.offsets)


def test_a_cube_on_its_corner():
    axis = np.array([1, 1, 1]) / 3**0.5
    cube = Solid.from_catalogue("cube", circumradius=50).rotate(Rotation.align_vectors([0, 0, 1], axis)[0])
    table = facet_table(cube)
    edge = 2 * 50 / 3**0.5
    assert len(table) == 3
    np.testing.assert_allclose(table.areas, edge**2)
    np.testing.assert_allclose(table.tilts, np.arccos(1 / 3**0.5))
    np.testing.assert_allclose(table.beam_shares, 1 / 3)
    np.testing.assert_allclose(table.angles + np.eye(3) * np.pi / 2, np.pi / 2)
    np.testing.assert_allclose(table.distances, table.distances[0])
    # of each face, the mean depth lies half its height in z behind the corner
    corner = cube.bounds[0, 2]
    np.testing.assert_allclose(table.origin, [0, 0, corner + edge / 3**0.5], atol=1e-9)


def test_shares_add_up_and_order_is_by_outline():
    body = turned("rhombicuboctahedron", 1)
    table = facet_table(body)
    assert table.shares.sum() == pytest.approx(1)
    assert table.beam_shares.sum() == pytest.approx(1)
    assert (np.diff(table.beam_shares) <= 1e-12).all()
    outline = ConvexHull(body.vertices[:, :2]).volume
    np.testing.assert_allclose(-(table.areas * table.normals[:, 2]).sum(), outline)
    assert (np.cos(table.azimuths) * table.normals[:, 0] >= 0).all()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["truncated_octahedron", "cuboctahedron", "octahedron"])
def test_single_crystals_are_found(name, seed):
    body = turned(name, seed, degrees=0.7)
    guess = guess_fcc(body, n_random=24)
    assert guess.fits
    assert guess.share == pytest.approx(1)
    assert guess.chance < 0.8
    turned_planes = guess.rotation.apply(guess.indices / np.linalg.norm(guess.indices, axis=1)[:, None])
    angles = np.arccos((turned_planes * body.normals[guess.faces]).sum(axis=1))
    np.testing.assert_allclose(angles, guess.misfits, atol=1e-6)
    families = {tuple(sorted(np.abs(plane))) for plane in guess.indices}
    assert families == ({(1, 1, 1)} if name == "octahedron" else {(1, 1, 1), (0, 0, 1)})


@pytest.mark.parametrize("name", ["decahedron", "icosahedron", "dodecahedron"])
def test_twins_and_quasicrystals_are_no_single_crystals(name):
    guess = guess_fcc(turned(name, 0), n_random=24)
    assert not guess.fits
    assert "no single fcc orientation" in str(guess)


def test_random_bodies_look_like_chance():
    body = Solid.from_catalogue("random_polyhedron", 80, random_state=3)
    guess = guess_fcc(body, n_random=24)
    assert not guess.fits
    # with wide tolerances it matches, and so does anything
    wide = guess_fcc(body, n_random=40, tolerance=np.radians(14.0))
    assert wide.share >= 0.8
    assert wide.probability > 0.05
    assert not wide.fits
    assert "chance would fit as well" in str(wide)


def test_nothing_is_drawn_where_the_share_says_no(monkeypatch):
    def draw(*_):
        raise AssertionError("directions were drawn")

    monkeypatch.setattr("scatterkit.fitting.answers.indexing._apart", draw)
    guess = guess_fcc(turned("icosahedron", 0))
    assert guess.share < 0.8
    assert np.isnan([guess.chance, guess.probability]).all()
    assert "random" not in str(guess)
    with pytest.raises(AssertionError, match="drawn"):
        guess_fcc(turned("octahedron", 0), n_random=3)


def test_random_directions_lie_apart_on_the_lit_side():
    rng = np.random.default_rng(6)
    for count, angle in ((8, 35.0), (3, 80.0)):
        drawn = np.array([_apart(count, np.cos(np.radians(angle)), rng) for _ in range(50)])
        np.testing.assert_allclose(np.linalg.norm(drawn, axis=2), 1)
        assert (drawn[..., 2] < 0).all()
        cosines = np.einsum("nix,njx->nij", drawn, drawn) - 2 * np.eye(count)
        assert np.median(cosines.max(axis=(1, 2))) <= np.cos(np.radians(angle)) + 1e-12
    one = np.array([_apart(1, 1.0, rng)[0] for _ in range(2000)])
    np.testing.assert_allclose(one.mean(axis=0), [0, 0, -0.5], atol=0.05)  # evenly over the half sphere


def test_two_facets_are_never_proof():
    wedge = Solid.from_catalogue("tetrahedron", 80)
    guess = guess_fcc(wedge, n_random=24)
    assert len(guess.faces) <= 3
    assert not guess.fits


def test_table_as_text_and_data_set():
    body = turned("truncated_octahedron", 4)
    guess = guess_fcc(body, n_random=20)
    table = facet_table(body, crystal=guess)
    text = str(table)
    assert len(text.splitlines()) == len(table) + 1
    assert "(1 1 1)" in text.replace("-", "")
    data = table.to_dataset()
    assert data["distance"].attrs["units"] == "nm"
    np.testing.assert_array_equal(data["face"], table.faces)
    np.testing.assert_array_equal(sorted(table.faces), lit_side(body).faces)
    planes = dict(zip(guess.faces.tolist(), guess.indices.tolist(), strict=True))
    assert [planes[face] for face in table.faces.tolist()] == data["miller"].values.tolist()


def test_answers_of_another_body_are_refused():
    guess = guess_fcc(turned("cube", 0), n_random=5)
    with pytest.raises(ValueError, match="'crystal' parameter of facet_table"):
        facet_table(turned("icosahedron", 0), crystal=guess)
    with pytest.raises(ValueError, match="'families' parameter of guess_fcc"):
        guess_fcc(turned("cube", 0), families=[(0, 0, 0)])
    with pytest.raises(ValueError, match="'solid' parameter of facet_table"):
        facet_table(Solid.from_catalogue("sphere", 80))
