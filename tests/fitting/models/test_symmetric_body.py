"""SymmetricBody: the point groups and what they make of planes."""

import numpy as np
import pytest

from scatterkit.fitting import SymmetricBody
from scatterkit.fitting.models._point_groups import GENERATORS, group_matrices
from scatterkit.fitting.models.symmetric import axis_directions
from scatterkit.solids import Solid

ORDERS = {
    "C_1": 1, "C_i": 2, "C_s": 2, "T": 12, "T_d": 24, "T_h": 24, "O": 24, "O_h": 48, "I": 60, "I_h": 120,
    "C_2": 2, "C_3v": 6, "C_4h": 8, "D_2": 4, "D_5h": 20, "D_3d": 12, "D_6": 12, "S_4": 4, "S_6": 6,
}  # fmt: skip


@pytest.mark.parametrize("group", ORDERS)
def test_the_matrices_are_a_group_of_the_right_order(group):
    matrices = group_matrices(group)
    assert len(matrices) == ORDERS[group]
    assert set(GENERATORS) <= set(ORDERS)
    np.testing.assert_array_equal(matrices[0], np.eye(3))
    np.testing.assert_allclose(
        matrices @ matrices.transpose(0, 2, 1), np.broadcast_to(np.eye(3), matrices.shape), atol=1e-12
    )
    products = np.einsum("aij,bjk->abik", matrices, matrices).reshape(-1, 1, 9)
    assert np.abs(products - matrices.reshape(1, -1, 9)).max(axis=2).min(axis=1).max() < 1e-9


@pytest.mark.parametrize("group", ["T", "T_d", "T_h", "O", "O_h", "I_h", "D_2", "D_5h", "D_3d", "D_6", "S_4"])
def test_the_bodies_have_the_group_that_was_imposed(group):
    """Found again from the corners alone."""
    model = SymmetricBody(group, n_orbits=2)
    rng = np.random.default_rng(1)
    point = model.starts(np.array([50.0]), rng)[0]
    point = model.move(point, 3 * model.rates(point) * rng.uniform(-1, 1, len(point) - 1), 150.0)
    assert model.solid(point, 150.0).point_group == group


def test_a_group_without_mirror_or_centre_is_closed_by_the_box():
    model = SymmetricBody("C_3v", n_orbits=2)
    point = model.starts(np.array([50.0]), np.random.default_rng(1))[0]
    assert np.abs(model.solid(point, 150.0).bounds).max() <= 150.0 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("group", "n"), [("O_h", 3), ("I_h", 3), ("T_d", 3), ("D_5h", 3), ("C_4v", 2), ("C_1", 0), ("T_h", 2)]
)
def test_each_kind_of_axis_counts_once(group, n):
    """Of T_d both ends of the threefold axes, of D_5h both ends of the twofold ones, of C_4v top and bottom."""
    assert len(axis_directions(group)) == n


# counted by hand: n directions bound a body only if their images span all sides of space
FEWEST = {
    "C_1": 4, "C_i": 3, "C_s": 3, "C_2": 2, "C_2v": 2, "C_2h": 2, "C_3": 2, "C_5v": 2, "C_3h": 1, "C_6h": 1,
    "D_2": 1, "D_5h": 1, "S_4": 1, "S_6": 1, "T": 1, "O_h": 1, "I_h": 1, "C_12v": 2,
}  # fmt: skip


@pytest.mark.parametrize("group", FEWEST)
def test_groups_say_how_many_half_spaces_they_need(group):
    least = FEWEST[group]
    model = SymmetricBody(group, n_orbits=least, n_orientations=3)
    model._check_parameters()
    for point in model.starts(np.array([50.0]), np.random.default_rng(3)):
        assert model.solid(point, 2000.0).circumradius < 400  # the box is far away
    if least > 1:
        with pytest.raises(
            ValueError, match=f"'n_orbits' parameter of SymmetricBody must be at least {least}"
        ):
            SymmetricBody(group, n_orbits=least - 1)._check_parameters()


@pytest.mark.parametrize("group", ["O_h", "T_d", "D_5h", "C_4v"])
def test_starts_are_closed_bodies_of_about_the_size(group):
    model = SymmetricBody(group, n_orbits=3)
    for point in model.starts(np.array([50.0]), np.random.default_rng(2)):
        assert 40 < model.solid(point, 1000.0).circumradius < 300


def test_normals_on_the_axes_make_the_known_bodies():
    """Images that coincide are one face: the truncated octahedron has fourteen."""
    known = Solid.from_catalogue("truncated_octahedron", circumradius=60)
    model = SymmetricBody("O_h", n_orbits=2)
    diagonal = np.ones(3) / 3**0.5
    square, hexagon = (known.offsets[np.argmax(known.normals @ axis)] for axis in (np.eye(3)[2], diagonal))
    point = np.concatenate([[0, 0, 0, 1], [0, 0, 1, square], [*diagonal, hexagon]])
    solid = model.solid(point, 150.0)
    assert len(solid.normals) == 14
    assert solid.volume == pytest.approx(known.volume)
