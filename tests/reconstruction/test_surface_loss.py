"""SurfaceLoss against closed forms, and its pull on bodies that lie elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from network_tools import array, compiled, gradient, slope, tensor

from scatterkit.fitting._planes import box_planes
from scatterkit.reconstruction import Body, PlaneDecoder, SurfaceLoss, VoxelDecoder, make_loss
from scatterkit.reconstruction._columns import surfaces

GRID, BOX = 24, 318.75
VOXEL = BOX / GRID
ACROSS = (np.arange(GRID) + 0.5) * VOXEL - BOX / 2
PLANES = PlaneDecoder(n_faces=20)


def no_voxels():
    raise AssertionError("this loss needs no voxels")


def body(entrance, leaving):
    return Body(tensor(entrance), tensor(leaving), no_voxels)


def value(loss, surface, found):
    return array(loss.build(grid=GRID)({"surface": tensor(surface)}, found, 0))


def sphere(radius, x=0.0, z=0.0):
    """Entrance and exit, (2, y, x); columns beside it have a negative thickness."""
    room = radius**2 - (ACROSS - x) ** 2 - ACROSS[:, None] ** 2
    half = np.where(room > 0, np.sqrt(np.abs(room)), room / radius - 1)
    return np.stack([z - half, z + half])


def cuboid(sides, z=0.0):
    normals, offsets = box_planes(1.0)
    offsets = offsets * np.tile(sides, 2) + z * normals[:, 2]
    return tuple(tensor(part[None]) for part in (normals, offsets))


def charbonnier(u, s=5.0):
    return s * (np.sqrt(1 + (u / s) ** 2) - 1)


def divergence(true, found):
    b = 0.3 * BOX
    p, q = (1 / (1 + np.exp(-np.where(t < 0, b * np.arcsinh(t / b), t) / 5)) for t in (true, found))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / q), 0), np.where(p < 1, (1 - p) * np.log((1 - p) / (1 - q)), 0)
    return terms[0] + terms[1]


@pytest.mark.parametrize("shift", [0.5, -8.0, 60.0])
def test_shifted_sphere(shift):
    true, found = sphere(80.0), sphere(80.0, z=shift)
    n_lit = (true[1] > true[0]).sum()
    result = value(SurfaceLoss(back_weight=0.02), true[None], body(*(part[None] for part in found)))
    expected = n_lit / (n_lit + 1) * charbonnier(shift) * (1 / 10 + 0.02)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, [expected], rtol=1e-4, atol=1e-6)


def test_cuboid_of_half_spaces_with_another_front():
    true, found = cuboid((70.0, 50.0, 30.0)), cuboid((70.0, 50.0, 45.0), z=-15.0)
    entrance, leaving = (array(part) for part in surfaces(*true, GRID, BOX))
    lit = (np.abs(ACROSS) < 70) & (np.abs(ACROSS[:, None]) < 50)
    np.testing.assert_array_equal((leaving > entrance)[0], lit)
    np.testing.assert_allclose(np.stack([entrance, leaving])[:, 0, lit].T, [[-30, 30]] * lit.sum(), atol=1e-4)
    surface = np.stack([entrance, leaving], axis=1)
    result = value(SurfaceLoss(), surface, body(*surfaces(*found, GRID, BOX)))
    np.testing.assert_allclose(result, [lit.sum() / (lit.sum() + 1) * charbonnier(30.0) / 10], rtol=1e-3)


def test_outline_is_a_divergence():
    rng = np.random.default_rng(0)
    true, found = rng.normal(scale=40.0, size=(2, 2, GRID, GRID))
    entrance = np.full_like(true, -20.0)
    only = SurfaceLoss(outline_weight=2.0, back_weight=0.0)
    result = value(only, np.stack([entrance, entrance + true], axis=1), body(entrance, entrance + found))
    expected = 2 * divergence(true, found).sum(axis=(1, 2)) / ((true > 0).sum(axis=(1, 2)) + 1)
    np.testing.assert_allclose(result, expected, rtol=1e-4)


def test_columns_of_one_body_alone_have_no_depth():
    true, found = sphere(60.0, x=-40.0), sphere(60.0, x=40.0)
    found[:, found[1] < found[0]] *= 1e6
    both = (true[1] > true[0]) & (found[1] > found[0])
    away = charbonnier(found[0] - true[0])[both].sum() / ((true[1] > true[0]).sum() + 1)
    result = value(
        SurfaceLoss(outline_weight=0, back_weight=0), true[None], body(*(part[None] for part in found))
    )
    np.testing.assert_allclose(result, [away / 10], rtol=1e-5)


def numbers(seed=0, scale=0.3):
    return (scale * np.random.default_rng(seed).normal(size=(1, 83))).astype(np.float32)


def of(given):
    found = PLANES.body(tensor(given), GRID)
    return np.stack([array(found.entrance), array(found.exit)], axis=1)


def total(surface, loss=None):
    function = (SurfaceLoss() if loss is None else loss).build(grid=GRID)
    targets = {"surface": tensor(surface)}
    return lambda x: function(targets, PLANES.body(x, GRID), 0)


def test_zero_and_flat_at_the_truth_alone():
    given = numbers()
    loss = total(of(given))
    assert abs(array(loss(tensor(given)))) < 1e-6
    assert np.abs(gradient(loss, given)).max() < 1e-4
    assert array(loss(tensor(numbers(1)))) > 0.1


def test_gradient_by_finite_differences():
    given, loss = numbers(), total(of(numbers(1)))
    found = gradient(loss, given)
    steepest = found / np.linalg.norm(found)
    assert np.linalg.norm(found) == pytest.approx(slope(loss, given, steepest, 3e-4), rel=0.005)


def test_compiled_equals_eager():
    loss = total(of(numbers(1)))
    np.testing.assert_allclose(compiled(loss, numbers()), array(loss(tensor(numbers()))), rtol=1e-4)


@pytest.mark.parametrize("axis", [0, 1])
def test_bodies_that_do_not_overlap_are_pulled_together(axis):
    small = np.full(20, -0.9)
    there, here = np.zeros((2, 1, 83), dtype=np.float32)
    there[0, :20], here[0, :20] = small, small
    there[0, 20 + axis], here[0, 20 + axis] = 0.5, -0.5
    true, found = (of(given)[0, 1] > of(given)[0, 0] for given in (there, here))
    assert true.any()
    assert not (true & found).any()
    pull = gradient(total(of(there)), here)[0]
    assert np.isfinite(pull).all()
    assert pull[20 + axis] < -1e-3


def test_voxels_are_pulled_too():
    given = np.full((1, 8, 8, 8), -2.0, dtype=np.float32)
    given[:, 2:6, 2:6, 2:5] = 2.0
    decoder, loss = VoxelDecoder(), SurfaceLoss().build(grid=8)
    true = decoder.body(tensor(np.roll(given, 1, axis=3)), 8)
    targets = {"surface": np.stack([array(true.entrance), array(true.exit)], axis=1)}
    pull = gradient(lambda x: loss(targets, decoder.body(x, 8), 0), given)[0]
    assert pull[:, 2:6, 5].sum() < 0 < pull[:, 2:6, 2].sum()  # grow at one side, shrink at the other


def test_names_and_targets():
    assert type(make_loss("surface")) is SurfaceLoss
    assert make_loss("surface").targets == {"surface"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SurfaceLoss(softness=0.0).build(), "'softness' parameter of SurfaceLoss"),
        (lambda: SurfaceLoss(back_weight=-1.0).build(), "'back_weight' parameter of SurfaceLoss"),
        (lambda: SurfaceLoss(outline_weight=-1.0).build(), "'outline_weight' parameter of SurfaceLoss"),
        (lambda: SurfaceLoss().build(scaler=3), "'scaler' parameter of SurfaceLoss"),
        (
            lambda: SurfaceLoss().build()({"volume": np.ones(1)}, None, 0),
            "'targets' parameter of SurfaceLoss .* 'surface'",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
