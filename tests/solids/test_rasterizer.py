"""The rasterizer against closed forms, other ways to the same body, and qhull."""

from __future__ import annotations

import math

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Ellipsoid, Rasterizer, Solid

QUICK = settings(max_examples=12, deadline=None)
BOX = 318.75
SIDES = np.concatenate([np.eye(3), -np.eye(3)])

seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(["cube", "octahedron", "truncated_icosahedron", "cuboctahedron", "sphere"])


def cuboid(low: tuple[float, ...], high: tuple[float, ...]) -> Solid:
    return Solid.from_halfspaces(SIDES, np.concatenate([high, -np.asarray(low)]))


def tilted(body: Solid, seed: int) -> Solid:
    rng = np.random.default_rng(seed)
    return body.rotate(Rotation.random(rng=rng)).shift(rng.uniform(-15, 15, 3))


def angle_bracket() -> Solid:
    """An L-shaped prism: [0, 2] x [0, 1] and [0, 1] x [0, 2], one high, in units of 20 nm."""
    outline = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
    caps = [(0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 5)]
    sides = [(a, (a + 1) % 6, a + 6) for a in range(6)] + [
        ((a + 1) % 6, (a + 1) % 6 + 6, a + 6) for a in range(6)
    ]
    faces = [face[::-1] for face in caps] + [tuple(a + 6 for a in face) for face in caps] + sides
    return Solid([(20 * x, 20 * y, 20 * z) for z in (0, 1) for x, y in outline], faces)


def amount(volume: np.ndarray, box: float = BOX) -> float:
    return float(volume.sum(dtype=float) * box**3 / volume.size)


# -- closed forms ----------------------------------------------------------------------------------------


def test_box_on_half_voxels() -> None:
    body = cuboid((-1.5, -2, -1), (2, 1.25, 1))
    volume = Rasterizer(grid=6, box=6.0).transform([body])[0]
    along_x = [0, 0.5, 1, 1, 1, 0]
    along_y = [0, 1, 1, 1, 0.25, 0]
    along_z = [0, 0, 1, 1, 0, 0]
    expected = np.einsum("z,y,x->zyx", along_z, along_y, along_x)
    np.testing.assert_allclose(volume, expected, atol=1e-7)


@pytest.mark.parametrize("length", [0.4, 1.0, 2.5, 4.75, 6.0])
def test_plane_through_cube_corners(length: float) -> None:
    """The part x + y + z < s of the unit cube is a sum of s cubed, over the cube's corners."""
    corner = np.full(3, -3.0)
    points = [corner, *(corner + length * np.eye(3))]
    volume = Rasterizer(grid=6, box=6.0).transform([Solid.from_points(points)])[0]
    s = length - np.indices((6, 6, 6)).sum(axis=0)
    expected = sum(weight * np.maximum(s - m, 0) ** 3 for m, weight in enumerate((1, -3, 3, -1))) / 6
    np.testing.assert_allclose(volume, expected, atol=1e-7)


def test_sphere_volume_and_voxels() -> None:
    radius, center, n = 52.0, np.array([3.0, -5.0, 8.0]), 16
    volume = Rasterizer(grid=n, box=160.0, tolerance=1e-3).transform(
        [Ellipsoid(radius * np.eye(3), center=center)]
    )[0]
    assert amount(volume, 160.0) == pytest.approx(4 / 3 * math.pi * radius**3, rel=1e-6)

    across = 128  # columns per voxel and axis through the sphere, each exact along z
    x = (np.arange(across * n) + 0.5) / (across * n) * 160 - 80
    root = np.sqrt(np.maximum(radius**2 - (x - center[0]) ** 2 - (x[:, None] - center[1]) ** 2, 0))
    edges = np.linspace(-80, 80, n + 1) - center[2]
    for k in range(n):
        filled = np.clip(root, edges[k], edges[k + 1]) - np.clip(-root, edges[k], edges[k + 1])
        expected = filled.reshape(n, across, n, across).mean(axis=(1, 3)) / (160 / n)
        assert abs(volume[k] - expected).max() < 1.3e-3  # the tolerance, and the columns' own error


def test_lens_of_two_spheres() -> None:
    r, d = 50.0, 65.0
    spheres = [Ellipsoid(r * np.eye(3), center=[s * d / 2, 4.0, -7.0]) for s in (-1, 1)]
    lens = math.pi * (2 * r - d) ** 2 * (d**2 + 4 * d * r) / (12 * d)
    volume = Rasterizer(grid=24).transform([spheres])[0]
    assert amount(volume) == pytest.approx(8 / 3 * math.pi * r**3 - lens, rel=1e-4)


def test_sphere_with_cuts_that_meet() -> None:
    """A ball's octant, and a wedge of 60 degrees: shares of the ball that need no integral."""
    radius, grid = 100.0, 40
    ball = Ellipsoid(radius * np.eye(3))
    octant = ball.cut((1, 0, 0), 0).cut((0, 1, 0), 0).cut((0, 0, 1), 0)
    turn = Rotation.from_euler("xyz", (0.3, 1.1, -0.7))
    wedge = ball.cut((1, 0, 0), 0).cut((-0.5, 3**0.5 / 2, 0), 0).rotate(turn)  # normals 120 degrees apart
    volumes = Rasterizer(grid=grid).transform([octant, octant.rotate(turn), wedge])
    filled = volumes.sum(axis=(1, 2, 3), dtype=float) * (318.75 / grid) ** 3 / (4 / 3 * np.pi * radius**3)
    assert filled == pytest.approx((1 / 8, 1 / 8, 1 / 6), rel=1e-3)


def test_cut_sphere() -> None:
    r, depth = 60.0, 25.0
    for normal in ([0, 0, 1], [0, 0, -1], [1, 0, 0], [0.6, 0, 0.8], [0.48, 0.64, -0.6]):
        body = Ellipsoid(r * np.eye(3), cut_normals=[normal], cut_offsets=[r - depth])
        volume = Rasterizer(grid=24).transform([body])[0]
        cap = math.pi * depth**2 * (3 * r - depth) / 3
        assert amount(volume) == pytest.approx(4 / 3 * math.pi * r**3 - cap, rel=1e-4)


def test_axes_are_z_y_x_and_boxes_may_differ() -> None:
    body = cuboid((10, -20, 2), (20, 0, 3))
    volume = Rasterizer(grid=(6, 4, 8), box=(40.0, 40.0, 6.0)).transform([body])[0]
    expected = np.zeros((6, 4, 8), np.float32)
    expected[5, 0:2, 6:8] = 1
    np.testing.assert_allclose(volume, expected, atol=1e-7)


def test_centre_on_a_face_of_a_convex_body_counts() -> None:
    body = cuboid((-2, -2, -2), (2, 2, 2))
    volume = Rasterizer(grid=9, box=9.0, mode="binary").transform([body])[0]
    assert volume.sum() == 5**3
    np.testing.assert_array_equal(volume, volume[::-1, ::-1, ::-1])


def test_centre_on_a_face_of_a_mesh_counts_on_one_side() -> None:
    """Every vertex and edge of the bracket lies on columns of centres: none may leak."""
    body = angle_bracket().scale(0.1)  # 4 x 4 x 2 voxels of 1 nm, less a quarter
    volume = Rasterizer(grid=9, box=9.0, mode="binary").transform([body])[0]
    assert volume.sum() == 4 * 4 * 2 - 2 * 2 * 2
    assert volume[4:6, 4:6, 4:8].all()


# -- other ways to the same body -------------------------------------------------------------------------


@QUICK
@given(seed=seeds, name=names, grid=st.integers(3, 24))
def test_volume_is_conserved(seed: int, name: str, grid: int) -> None:
    body = tilted(Solid.from_catalogue(name, circumradius=90), seed)
    volume = Rasterizer(grid=grid).transform([body])[0]
    assert amount(volume) == pytest.approx(body.volume, rel=2e-6)
    assert volume.min() >= 0
    assert volume.max() <= 1


@QUICK
@given(seed=seeds)
def test_voxels_of_a_polyhedron_match_qhull(seed: int) -> None:
    body = tilted(Solid.from_catalogue("dodecahedron", circumradius=100), seed)
    volume = Rasterizer(grid=12).transform([body])[0]
    step = BOX / 12
    partial = np.argwhere((volume > 0.02) & (volume < 0.98))
    for z, y, x in np.random.default_rng(seed).choice(partial, 12, replace=False):
        low = np.array([x, y, z]) * step - BOX / 2
        offsets = np.concatenate([body.offsets, low + step, -low])
        piece = Solid.from_halfspaces(np.vstack([body.normals, SIDES]), offsets)
        assert volume[z, y, x] == pytest.approx(piece.volume / step**3, abs=1e-6)


@QUICK
@given(seed=seeds, tolerance=st.sampled_from([1e-2, 1e-3, 1e-4]), cut=st.booleans())
def test_ellipsoids_keep_the_tolerance(seed: int, tolerance: float, cut: bool) -> None:
    rng = np.random.default_rng(seed)
    body = tilted(Ellipsoid(np.diag(rng.uniform(20, 110, 3))), seed)
    if cut:
        normal = rng.normal(size=3)
        body = body.cut(normal, body.centroid @ normal / np.linalg.norm(normal) + rng.uniform(-10, 20))
    rasterizer = Rasterizer(grid=20, tolerance=tolerance)
    fine = clone(rasterizer).set_params(tolerance=tolerance / 10)
    error = abs(rasterizer.transform([body]) - fine.transform([body])).max()
    assert error <= 1.1 * tolerance  # the finer one's own error is a tenth


@QUICK
@given(seed=seeds, name=names)
def test_binary_agrees_with_coverage(seed: int, name: str) -> None:
    body = tilted(Solid.from_catalogue(name, circumradius=100), seed)
    coverage = Rasterizer(grid=20, tolerance=1e-4).transform([body])[0]
    binary = Rasterizer(grid=20, mode="binary").transform([body])[0]
    assert set(np.unique(binary)) == {0, 1}
    assert binary[coverage > 1 - 1e-6].all()
    assert not binary[coverage < 1e-6].any()


@QUICK
@given(seed=seeds, name=names)
def test_binary_is_membership_of_the_centre(seed: int, name: str) -> None:
    body = tilted(Solid.from_catalogue(name, circumradius=100), seed)
    binary = Rasterizer(grid=14, mode="binary").transform([body])[0]
    centres = ((np.indices((14, 14, 14))[::-1] + 0.5) / 14 - 0.5) * BOX
    if isinstance(body, Ellipsoid):
        local = np.linalg.solve(body.matrix, centres.reshape(3, -1) - body.center[:, None])
        inside = (local**2).sum(axis=0) <= 1
    else:
        inside = (body.normals @ centres.reshape(3, -1) <= body.offsets[:, None]).all(axis=0)
    np.testing.assert_array_equal(binary.ravel() > 0, inside)


@QUICK
@given(seed=seeds, mode=st.sampled_from(["coverage", "binary"]))
def test_mesh_is_the_union_of_its_convex_parts(seed: int, mode: str) -> None:
    bracket = angle_bracket()
    assert not bracket.is_convex
    parts = [cuboid((0, 0, 0), (40, 20, 20)), cuboid((0, 0, 0), (20, 40, 20))]
    rasterizer = Rasterizer(grid=25, box=150.0, mode=mode)
    whole, joined = rasterizer.transform([tilted(bracket, seed), [tilted(part, seed) for part in parts]])
    np.testing.assert_allclose(whole, joined, atol=1e-6)
    if mode == "coverage":
        assert amount(whole, 150.0) == pytest.approx(bracket.volume, rel=1e-5)


@QUICK
@given(seed=seeds)
def test_mesh_with_a_hole(seed: int) -> None:
    ring = trimesh.creation.torus(major_radius=70, minor_radius=25, major_sections=24, minor_sections=12)
    body = tilted(Solid(ring.vertices, ring.faces), seed)
    coverage = Rasterizer(grid=20).transform([body])[0]
    binary = Rasterizer(grid=20, mode="binary").transform([body])[0]
    assert amount(coverage) == pytest.approx(body.volume, rel=1e-5)
    assert binary[coverage > 1 - 1e-6].all()
    assert not binary[coverage < 1e-6].any()


@QUICK
@given(seed=seeds, name=names)
def test_larger_body_fills_no_voxel_less(seed: int, name: str) -> None:
    body = Solid.from_catalogue(name, circumradius=90).rotate(Rotation.random(rng=seed))
    small, large = Rasterizer(grid=16, tolerance=1e-4).transform([body, body.scale(1.2)])
    assert (large - small).min() >= -1e-4


# -- unions ----------------------------------------------------------------------------------------------


@QUICK
@given(seed=seeds, name=names, offset=st.floats(-30, 30))
def test_abutting_halves_give_the_whole(seed: int, name: str, offset: float) -> None:
    body = tilted(Solid.from_catalogue(name, circumradius=90), seed)
    normal = np.random.default_rng(seed).normal(size=3)
    normal /= np.linalg.norm(normal)
    offset += float(normal @ body.centroid)
    halves = [body.cut(normal, offset), body.cut(-normal, -offset)]
    whole, joined = Rasterizer(grid=16, tolerance=1e-3).transform([body, halves])
    assert abs(whole - joined).max() < 1e-6


@QUICK
@given(seed=seeds, first=names, second=names)
def test_union_obeys_set_algebra(seed: int, first: str, second: str) -> None:
    a = tilted(Solid.from_catalogue(first, circumradius=70), seed)
    b = tilted(Solid.from_catalogue(second, circumradius=80), seed + 1).shift([35, 0, 0])
    items: list[list[Solid]] = [[a], [b], [a, b], [b, a], [a, a], [a, b, a.scale(0.5)]]
    only_a, only_b, ab, ba, aa, _ = volumes = Rasterizer(grid=16, tolerance=1e-2).transform(items)
    np.testing.assert_allclose(ab, ba, atol=1e-6)
    np.testing.assert_allclose(aa, only_a, atol=1e-6)
    assert (ab - np.maximum(only_a, only_b)).min() >= -1e-6
    assert (np.minimum(only_a + only_b, 1) - ab).min() >= -1e-6
    assert volumes.min() >= 0
    assert volumes.max() <= 1


@QUICK
@given(seed=seeds)
def test_union_of_three_matches_inclusion_and_exclusion(seed: int) -> None:
    bodies = [tilted(Solid.from_catalogue("cube", circumradius=r), seed + r) for r in (60, 80, 100)]

    def shared(*some: Solid) -> float:
        return Solid.from_halfspaces(
            np.vstack([body.normals for body in some]), np.concatenate([body.offsets for body in some])
        ).volume

    a, b, c = bodies
    expected = (
        sum(body.volume for body in bodies) - shared(a, b) - shared(a, c) - shared(b, c) + shared(a, b, c)
    )
    volume = Rasterizer(grid=16).transform([bodies])[0]
    assert amount(volume) == pytest.approx(expected, rel=1e-5)


def test_binary_union_is_or() -> None:
    bodies = [Solid.from_catalogue("cube", circumradius=80), Ellipsoid(50 * np.eye(3), center=[60, 0, 0])]
    joined, first, second = Rasterizer(grid=20, mode="binary").transform([bodies, *bodies])
    np.testing.assert_array_equal(joined, np.maximum(first, second))


# -- the interface ---------------------------------------------------------------------------------------


def test_threads_change_nothing() -> None:
    bodies = [tilted(Solid.from_catalogue("octahedron", circumradius=100), seed) for seed in range(5)]
    one = Rasterizer(grid=16).transform(bodies)
    np.testing.assert_array_equal(one, Rasterizer(grid=16, n_jobs=2).transform(bodies))
    np.testing.assert_array_equal(one, Rasterizer(grid=16, n_jobs=-1).transform(bodies))
    assert one.dtype == np.float32


def test_pipeline_from_solid_to_pattern() -> None:
    pipeline = make_pipeline(Rasterizer(grid=32), MSFTSimulator())
    body = Solid.from_catalogue("cube", circumradius=80)
    patterns = clone(pipeline).set_params(rasterizer__grid=16).fit_transform([body])
    assert patterns.shape == (1, 128, 128)
    assert patterns.max() > 0


@pytest.mark.parametrize(
    ("shift", "message"),
    [
        ([100, 0, 0], r"item 1 leaving it by 40\.6\d nm at \+x"),
        ([0, -80, 90], r"20\.6\d nm at -y and 30\.6\d nm at \+z"),
    ],
)
def test_leaving_the_box_says_by_how_much(shift: list[float], message: str) -> None:
    body = cuboid((-100, -100, -100), (100, 100, 100))
    with pytest.raises(ValueError, match=message):
        Rasterizer(grid=8).transform([body, body.shift(shift)])


def test_leaving_the_box_names_the_body_of_a_union() -> None:
    body = Solid.from_catalogue("sphere", circumradius=100)
    with pytest.raises(ValueError, match=r"item 0, body 1 of its union, leaving it by 0\.625 nm at -z"):
        Rasterizer(grid=8).transform([[body, body.shift([0, 0, -60])]])


def test_body_as_wide_as_the_box_fits() -> None:
    half = BOX / 2
    volume = Rasterizer(grid=8).transform([cuboid((-half,) * 3, (half,) * 3)])[0]
    np.testing.assert_allclose(volume, 1, atol=1e-7)


@pytest.mark.parametrize("X", [[], [[]], [1], "cube", None, [np.zeros((3, 3))], [["cube"]]])
def test_anything_but_solids_is_refused(X: object) -> None:
    with pytest.raises(ValueError, match="'X' parameter of Rasterizer must be a sequence of Solid"):
        Rasterizer(grid=8).transform(X)  # type: ignore[arg-type]


def test_bare_solid_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a sequence of Solid"):
        Rasterizer(grid=8).transform(Solid.from_catalogue("cube"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("grid", 0),
        ("grid", 8.0),
        ("grid", (8, 8)),
        ("box", -1.0),
        ("box", float("nan")),
        ("box", (10.0, 10.0, 0.0)),
        ("mode", "smooth"),
        ("tolerance", 0.0),
        ("tolerance", 1e-9),
        ("n_jobs", 0),
    ],
)
def test_bad_parameters_are_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"The '{name}' parameter of Rasterizer must be"):
        Rasterizer(**{name: value}).transform([Solid.from_catalogue("cube")])  # type: ignore[arg-type]
