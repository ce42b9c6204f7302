"""Decoders: any numbers give a closed body in the box, gradients are right, planes are the volume's."""

from __future__ import annotations

import numpy as np
import pytest
from network_tools import array, compiled, gradient, keras, slope, tensor
from scipy.spatial import HalfspaceIntersection

from scatterkit.fitting._plane_kernels import soft_occupancy
from scatterkit.fitting._planes import box_limit
from scatterkit.reconstruction import (
    DepthDecoder,
    PlaneDecoder,
    SupportDecoder,
    VoxelDecoder,
    front_surface,
    make_decoder,
)
from scatterkit.solids import Solid

BOX, GRID = 318.75, 16
HALFSPACES = [PlaneDecoder(n_faces=14), SupportDecoder(n_directions=20)]
EVERY = [*HALFSPACES, DepthDecoder(width=2), VoxelDecoder(width=1)]
names = pytest.mark.parametrize("decoder", EVERY, ids=lambda decoder: type(decoder).__name__)
convex = pytest.mark.parametrize("decoder", HALFSPACES, ids=lambda decoder: type(decoder).__name__)


def numbers(decoder, n=2, scale=1.0):
    shape = decoder.numbers_shape(GRID)
    return (scale * np.random.default_rng(2).normal(size=(n, *shape))).astype(np.float32)


@names
def test_shapes_types_and_ranges(decoder):
    given = numbers(decoder, n=3)
    body = decoder.body(tensor(given), GRID)
    volume, logits, entrance, silhouette = map(
        array, (body.occupancy, body.logits, body.entrance, body.silhouette)
    )
    assert volume.shape == logits.shape == (3, GRID, GRID, GRID)
    assert entrance.shape == silhouette.shape == (3, GRID, GRID)
    assert {part.dtype for part in (volume, logits, entrance, silhouette)} == {np.dtype(np.float32)}
    assert volume.min() >= 0
    assert volume.max() <= 1
    assert np.abs(entrance).max() <= BOX / 2
    np.testing.assert_array_equal(silhouette, volume.max(axis=1))
    clear = np.abs(volume - 0.5) > 1e-4
    assert ((logits > 0) == (volume > 0.5))[clear].all()


@names
def test_volumes_are_the_occupancies(decoder):
    given = numbers(decoder)
    volumes = decoder.volumes(given, GRID, BOX)
    assert volumes.dtype == np.float32
    np.testing.assert_allclose(volumes, array(decoder.body(tensor(given), GRID, BOX).occupancy), atol=3e-5)


@names
def test_compiled_equals_eager(decoder):
    given = numbers(decoder)
    eager = array(decoder.body(tensor(given), GRID).occupancy)
    np.testing.assert_allclose(
        compiled(lambda x: decoder.body(x, GRID).occupancy, given), eager, atol=1e-5, rtol=1e-4
    )


@names
def test_gradient_by_finite_differences(decoder):
    given = numbers(decoder, n=1)
    rng = np.random.default_rng(4)
    direction = rng.normal(size=given.shape).astype(np.float32)
    z, y, x = np.indices((GRID,) * 3).astype(np.float32) / GRID
    weights = tensor(1 + z + 2 * y - 3 * x)  # smooth, so that kinks at edges even out

    def weighted(x):
        return keras.ops.sigmoid(decoder.body(x, GRID).logits / 8) * weights

    expected = slope(weighted, given, direction, 1e-3)
    assert np.vdot(gradient(weighted, given), direction) == pytest.approx(expected, rel=0.02)


@convex
@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_any_numbers_give_a_closed_body_in_the_box(decoder, scale):
    limit = box_limit(BOX)
    planes = decoder.planes(numbers(decoder, n=4, scale=scale), BOX)
    begin = np.arctanh([0, 0, (0.2 * BOX - limit) / (0.9 * limit)])
    shifts = numbers(decoder, n=4, scale=scale)[:, decoder._n_planes() :][:, :3]
    centres = 0.9 * limit * np.tanh(shifts.astype(np.float64) + begin)
    for (normals, offsets), centre in zip(planes, centres, strict=True):
        assert (offsets - normals @ centre > 0.003 * BOX).all()  # the body holds its centre
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-12)
        solid = Solid.from_halfspaces(normals, offsets)
        assert solid.volume > 0
        assert np.abs(solid.vertices).max() <= limit * (1 + 1e-6)
        corners = HalfspaceIntersection(np.column_stack([normals, -offsets]), solid.vertices.mean(axis=0))
        assert np.isfinite(corners.intersections).all()


@convex
def test_no_numbers_open_a_normal_beyond_a_right_angle(decoder):
    start, turned = (array(decoder.halfspaces(tensor(s * numbers(decoder)), BOX)[0]) for s in (0.0, 100.0))
    assert (np.sum(start * turned, axis=-1) > 0).all()


@convex
def test_occupancy_is_that_of_the_fits_for_the_same_planes(decoder):
    given = numbers(decoder, n=1)
    (planes,) = decoder.planes(given, BOX)
    found = array(decoder.body(tensor(given), 32, BOX, width=7.0).occupancy)[0]
    np.testing.assert_allclose(found, soft_occupancy(*planes, 32, BOX, 7.0), atol=3e-5)
    few = type(decoder)(decoder._n_planes(), candidates=9)
    np.testing.assert_allclose(
        array(few.body(tensor(given), 32, BOX, width=7.0).occupancy)[0], found, atol=1e-5
    )


def test_zero_is_a_sphere_in_the_canonical_pose():
    decoder = SupportDecoder(n_directions=500)
    body = decoder.body(tensor(np.zeros((1, 503))), 32)
    volume = array(body.occupancy)[0]
    radius = 0.2 * BOX
    assert volume.sum() * (BOX / 32) ** 3 == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.03)
    entrance = array(body.entrance)[0]
    assert entrance.min() == pytest.approx(-box_limit(BOX), abs=1.5)
    assert array(body.silhouette)[0].sum() * (BOX / 32) ** 2 == pytest.approx(np.pi * radius**2, rel=0.05)


def test_depth_maps_of_a_plate():
    given = np.zeros((1, GRID, GRID, 3), dtype=np.float32)
    given[..., 1] = -1.5
    given[:, 4:12, 4:12, 2], given[:, :4, :, 2], given[:, 12:, :, 2] = 8, -8, -8
    given[:, :, :4, 2] = given[:, :, 12:, 2] = -8
    body = DepthDecoder().body(tensor(given), GRID)
    volume, entrance = array(body.occupancy)[0], array(body.entrance)[0]
    thickness = 2 * box_limit(BOX) / (1 + np.exp(1.5))
    assert volume.sum() * (BOX / GRID) ** 3 == pytest.approx(64 * (BOX / GRID) ** 2 * thickness, rel=0.02)
    assert not volume[:, :3].any()
    np.testing.assert_allclose(entrance, 0, atol=1e-4)
    found, _ = front_surface(volume[None], BOX)
    np.testing.assert_allclose(found[0, 4:12, 4:12], 0, atol=0.01 * BOX / GRID)


@names
def test_exits_are_where_volumes_end(decoder):
    given = numbers(decoder, scale=0.5)
    body = decoder.body(tensor(given), GRID)
    volume, entrance, leaving = map(array, (body.occupancy, body.entrance, body.exit))
    thickness = leaving - entrance
    assert leaving.dtype == np.float32
    assert leaving.shape == entrance.shape
    assert thickness.max() <= BOX
    silhouette = volume.max(axis=1)
    clear = (np.abs(silhouette - 0.5) > 0.02) & (np.abs(thickness) > BOX / GRID)
    assert clear.mean() > 0.5
    assert ((thickness > 0) == (silhouette > 0.5))[clear].all()
    if not isinstance(decoder, DepthDecoder):  # whose thin outlines are full to the back
        ends = -front_surface(volume[:, ::-1], BOX)[0]
        full = (silhouette > 0.99) & (thickness > 2 * BOX / GRID)
        np.testing.assert_allclose(leaving[full], ends[full], atol=0.6 * BOX / GRID)


@convex
def test_bodies_hold_their_half_spaces(decoder):
    given = numbers(decoder)
    held = decoder.body(tensor(given), GRID).halfspaces
    for found, expected in zip(held, decoder.halfspaces(tensor(given)), strict=True):
        np.testing.assert_array_equal(array(found), array(expected))
    assert DepthDecoder().body(tensor(np.zeros((1, 4, 4, 3))), 4).halfspaces is None


@convex
def test_thickness_of_empty_columns_tells_how_far_the_body_is(decoder):
    given = np.zeros((1, *decoder.numbers_shape(GRID)), dtype=np.float32)
    body = decoder.body(tensor(given), GRID)
    thickness = array(body.exit)[0] - array(body.entrance)[0]
    row = thickness[GRID // 2, GRID // 2 :]
    empty = row[row < 0]
    assert len(empty) >= 3
    assert (np.diff(empty) <= 0).all()
    assert empty[0] > empty[-1]


def test_candidates_are_chosen_for_processors(monkeypatch):
    assert PlaneDecoder()._candidates() == 6
    assert [SupportDecoder(n)._candidates() for n in (20, 100, 200)] == [6, 9, 12]
    assert PlaneDecoder(candidates=3)._candidates() == 3
    assert PlaneDecoder(candidates=None)._candidates() is None
    monkeypatch.setattr("scatterkit.simulation.kernels.tensor_backends.has_gpu", lambda: True)
    assert PlaneDecoder()._candidates() is SupportDecoder()._candidates() is None


def test_voxels_are_probabilities():
    given = numbers(VoxelDecoder(), n=1)
    body = VoxelDecoder().body(tensor(given), GRID)
    np.testing.assert_allclose(array(body.occupancy), 1 / (1 + np.exp(-given)), rtol=1e-5)


def test_width_may_change_in_training():
    decoder, given = SupportDecoder(20), np.zeros((1, 23), dtype=np.float32)
    fixed = array(decoder.body(tensor(given), GRID, width=30.0).occupancy)
    np.testing.assert_allclose(
        array(decoder.body(tensor(given), GRID, width=tensor(30.0)).occupancy), fixed, atol=1e-6
    )
    assert fixed.std() < array(decoder.body(tensor(given), GRID, width=3.0).occupancy).std()


def test_names():
    for name, kind in {"planes": PlaneDecoder, "support": SupportDecoder, "voxels": VoxelDecoder}.items():
        assert type(make_decoder(name)) is kind
    given = DepthDecoder()
    assert make_decoder(given) is given


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_decoder("meshes"), "'decoder' parameter of make_decoder must be one of"),
        (
            lambda: SupportDecoder().body(np.zeros((1, 3))),
            r"'numbers' parameter of SupportDecoder .* \(n, 103\)",
        ),
        (
            lambda: PlaneDecoder().planes(np.zeros((1, 9))),
            r"'numbers' parameter of PlaneDecoder .* \(n, 195\)",
        ),
        (lambda: SupportDecoder().body(np.zeros((1, 103)), 0), "'grid' parameter of SupportDecoder"),
        (lambda: SupportDecoder().body(np.zeros((1, 103)), 8, -1.0), "'box' parameter of SupportDecoder"),
        (lambda: SupportDecoder().body(np.zeros((1, 103)), 8, 9.0, width=0), "'width' parameter of Support"),
        (lambda: VoxelDecoder().body(np.zeros((1, 8, 8, 8)), 8, width=3.0), "'width' parameter of VoxelDec"),
        (lambda: PlaneDecoder(candidates=0).numbers_shape(8), "'candidates' parameter of PlaneDecoder"),
        (lambda: PlaneDecoder(candidates="all").numbers_shape(8), "'candidates' parameter of PlaneDecoder"),
        (lambda: VoxelDecoder().head(None, 12), "'grid' parameter of VoxelDecoder must be a power of two"),
        (lambda: DepthDecoder().head(None, 12), "'grid' parameter of DepthDecoder must be 4 times a power"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
