"""Exact polyhedra against closed forms, quadrature and grids."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.metrics import scatter_loss
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator
from scatterkit.simulation._polyhedron import columns
from scatterkit.simulation._polyhedron_kernels import scatter
from scatterkit.simulation.plan import PUBLISHED_VOXEL
from scatterkit.solids import Ellipsoid, Rasterizer, Solid, catalogue_names

K = 2 * np.pi / 13.5
TURNS = Rotation.random(6, rng=np.random.default_rng(5))


def body_of(name: str = "icosahedron", turn: int = 0, radius: float = 60.0) -> Solid:
    return Solid.from_catalogue(name, circumradius=radius).rotate(TURNS[turn])


def box(low, high) -> Solid:
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1)
    return Solid.from_points(corners.reshape(-1, 3))


def at(body: Solid, q, gamma: complex = 0.08) -> np.ndarray:
    """Integral over the body in nm^3 at wave vectors (q_z, q_y, q_x)."""
    q = np.ascontiguousarray(np.atleast_2d(q), dtype=float)
    values = np.empty(len(q), dtype=complex)
    cells, entrance = columns(body)
    scatter(q, complex(gamma), *cells, tuple(entrance), values)
    return values


def segment(rate, low, high):
    """Integral of exp(rate t) from low to high."""
    rate = np.asarray(rate, dtype=complex)
    safe = np.where(np.abs(rate) * (high - low) < 1e-9, 1, rate)
    return np.where(safe == rate, np.exp(safe * low) * np.expm1(safe * (high - low)) / safe, high - low)


def q_of(detector, k=K):
    q_y, q_x = np.broadcast_arrays(*detector.wavevectors(k))
    transverse = q_y**2 + q_x**2
    return k - np.sqrt(np.maximum(k**2 - transverse, 0)), q_y, q_x, transverse < k**2


@pytest.mark.parametrize("gamma", [0.0, 1e-7, 1e-3, 0.08, 0.03 + 0.2j, 3.0])
def test_box_with_absorption(gamma):
    low, high = (-31.0, -12.0, -40.0), (24.0, 47.0, 15.0)
    q_z, q_y, q_x, _ = (part.ravel() for part in q_of(QGrid(24, 0.04)))
    expected = segment(-1j * q_x, low[0], high[0]) * segment(-1j * q_y, low[1], high[1])
    expected = expected * segment(1j * q_z - gamma, low[2], high[2]) * np.exp(gamma * low[2])
    found = at(box(low, high), np.stack([q_z, q_y, q_x], axis=1), gamma)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("turn", range(3))
def test_tilted_cuboid_without_absorption(turn):
    edges = np.array([30.0, 52.0, 77.0])
    body = box(-edges / 2, edges / 2).rotate(TURNS[turn])
    q_z, q_y, q_x, seen = q_of(QGrid(32, 0.03))
    in_body = TURNS[turn].inv().apply(np.stack([q_x, q_y, -q_z], axis=-1).reshape(-1, 3))
    expected = edges.prod() * np.sinc(in_body * edges / (2 * np.pi)).prod(axis=1).reshape(32, 32)
    found = PolyhedronSimulator(detector=QGrid(32, 0.03), propagation="born").field([body])[0]
    np.testing.assert_allclose(found * PUBLISHED_VOXEL**3, expected * seen, rtol=0, atol=1e-12 * edges.prod())


def chord(normals, offsets, x, y):
    """Entrance and exit of a ray along z through half-spaces."""
    room = offsets - normals[:, 0] * x - normals[:, 1] * y
    front, back = normals[:, 2] < -1e-12, normals[:, 2] > 1e-12
    return (room[front] / normals[front, 2]).max(), (room[back] / normals[back, 2]).min()


def brute_force(body, q, gamma, n=16):
    """Gauss-Legendre quadrature over the rays, along y and along x from kink to kink."""
    q_z, q_y, q_x = q
    nodes, weights = np.polynomial.legendre.leggauss(n)
    rate = 1j * q_z - gamma

    def integral(f, kinks):
        spans = [((a + b) / 2 + nodes * (b - a) / 2, (b - a) / 2) for a, b in pairwise(np.sort(kinks))]
        return sum(half * w * f(t) for ts, half in spans for t, w in zip(ts, weights, strict=True))

    def ray(x, y):
        z_in, z_out = chord(body.normals, body.offsets, x, y)
        inner = np.expm1(rate * (z_out - z_in)) / rate if z_out > z_in else 0
        return np.exp(-1j * (q_x * x + q_y * y) + 1j * q_z * z_in) * inner

    def line(x):
        ends = [edge for edge in edges_of(body) if (edge[0, 0] - x) * (edge[1, 0] - x) < 0]
        kinks = [p[1] + (x - p[0]) / (r[0] - p[0]) * (r[1] - p[1]) for p, r in ends]
        return integral(lambda y: ray(x, y), kinks)

    return integral(line, crossings(body))


def edges_of(body):
    """All edges of a tetrahedron as seen along the beam."""
    return [body.vertices[list(pair), :2] for pair in combinations(range(len(body.vertices)), 2)]


def crossings(body):
    """Every x where two edges meet as seen along the beam: there the integral over y has a kink."""
    found = list(body.vertices[:, 0])
    for (p, q), (r, s) in combinations(edges_of(body), 2):
        matrix = np.stack([q - p, r - s], axis=1)
        if abs(np.linalg.det(matrix)) > 1e-9:
            share = np.linalg.solve(matrix, r - p)
            if (share > 0).all() and (share < 1).all():
                found.append(p[0] + share[0] * (q - p)[0])
    return np.unique(np.round(found, 9))


@pytest.mark.parametrize(("q", "gamma"), [((0.05, 0.1, -0.15), 0.08), ((0.02, -0.03, 0.08), 0.02 + 0.05j)])
def test_quadrature_over_rays(q, gamma):
    body = Solid.from_catalogue("tetrahedron", circumradius=20).rotate(TURNS[1])
    expected = brute_force(body, q, gamma)
    assert abs(at(body, q, gamma)[0] - expected) < 1e-10 * body.volume


def test_volume_in_the_forward_direction():
    for turn, name in enumerate(
        ("cube", "truncated_icosahedron", "decahedron", "pentagonal_hexecontahedron")
    ):
        body = body_of(name, turn)
        assert at(body, (0, 0, 0), 0)[0] == pytest.approx(body.volume, rel=1e-12)
        assert at(body, (0, 0, 0), 1e-9)[0] == pytest.approx(body.volume, rel=1e-6)


def test_projection_is_the_exit_wave():
    """Along a stack of coordinates: the shadow's area less the light that leaves, over gamma."""
    body = box((-20, -30, -25), (20, 30, 10))
    found = PolyhedronSimulator(propagation="projection").field([body])[0] * PUBLISHED_VOXEL**3
    _, q_y, q_x, seen = q_of(QGrid())
    shadow = 40 * 60 * np.sinc(40 * q_x / (2 * np.pi)) * np.sinc(60 * q_y / (2 * np.pi))
    np.testing.assert_allclose(found, seen * shadow * -np.expm1(-35 * 0.08) / 0.08, rtol=0, atol=1e-8)


def test_continuous_through_resonances():
    """Along lines of q through face, edge and forward resonances: third differences of even steps vanish."""
    body = box((-20, -30, -25), (20, 30, 10)).rotate(TURNS[3])
    face = body.normals[0]
    edge = np.cross(body.normals[0], [0.3, -0.2, 0.9])
    for gamma in (0.0, 1e-8, 1e-4, 0.08):
        for direction in (face, edge, np.array([0.4, -0.5, 0.0])):
            for centre in (0.0, 0.3):
                x, y, z = centre * direction
                for step in (1e-9, 1e-7, 1e-5, 1e-3):
                    t = step * np.array([-1.5, -0.5, 0.5, 1.5])
                    q = np.stack([-(z + 0 * t), y + 0.7 * t, x - 0.6 * t], axis=1)
                    values = at(body, q, gamma)
                    bound = 2e-13 + (60 * step) ** 3
                    assert abs(values @ [-1, 3, -3, 1]) < bound * body.volume


def test_thin_columns_join_thick_ones():
    """The two ways of summing agree where one takes over from the other."""
    body = body_of("truncated_octahedron", 2)
    thickness = columns(body)[0].points[:, 3] - columns(body)[0].points[:, 2]
    rate = 1e-2 / thickness.max()
    q = [(0, 0.2, -0.1), (0, 0, 0), (0, 1e-4, 0)]
    below, above = (at(body, q, rate * (1 + sign * 1e-12)) for sign in (-1, 1))
    np.testing.assert_allclose(below, above, rtol=0, atol=1e-13 * body.volume)


@pytest.mark.parametrize("tilt", [0, 1e-14, 1e-12, 1e-9, 1e-6, 1e-3])
def test_faces_nearly_parallel_to_the_beam(tilt):
    body = box((-20, -30, -25), (20, 30, 10))
    turned = body.rotate(Rotation.from_rotvec([tilt, -0.7 * tilt, 0]))
    q = np.array([(0.1, 0.2, -0.1), (0.3, 0.01, 0.4), (0, 0, 0.1)])
    change = np.abs(at(turned, q) - at(body, q))
    assert change.max() < (1e-12 + 60 * tilt) * body.volume


@pytest.mark.parametrize("name", ["icosahedron", "octahedron", "cuboctahedron"])
@pytest.mark.parametrize("spread", [1e-9, 1e-6, 3e-5, 1e-4, 1e-3])
def test_corners_that_nearly_coincide(name, spread):
    """Planes that nearly meet in a point, as fits leave them, are as good as planes that meet there."""
    body = Solid.from_catalogue(name, 60.0).rotate(Rotation.from_rotvec([0.3, 0.5, -0.2]))
    shifts = spread * np.random.default_rng(1).standard_normal(len(body.offsets))
    split = Solid.from_halfspaces(body.normals, body.offsets + shifts)
    assert len(split.vertices) > len(body.vertices)
    whole, parts = PolyhedronSimulator(detector=QGrid(32, dq=0.03)).field([body, split])
    assert np.abs(parts - whole).max() < 0.2 * spread * np.abs(whole).max()


def test_turning_body_and_detector_about_the_beam():
    body, turn = body_of("snub_cube", 1), Rotation.from_rotvec([0, 0, 0.83])
    q = np.random.default_rng(0).uniform(-0.3, 0.3, (50, 3))
    turned = turn.apply(np.stack([q[:, 2], q[:, 1], 0 * q[:, 0]], axis=1))
    found = at(body.rotate(turn), np.stack([q[:, 0], turned[:, 1], turned[:, 0]], axis=1))
    np.testing.assert_allclose(found, at(body, q), rtol=0, atol=1e-12 * body.volume)


def test_parts_of_a_cut_body_add_up():
    """Without absorption along any plane; with it, along a plane that contains the beam."""
    body = body_of("rhombicuboctahedron", 4)
    q = np.random.default_rng(1).uniform(-0.4, 0.4, (50, 3))
    for normal, gamma in (((0.3, -0.5, 0.8), 0.0), ((0.6, -0.8, 0.0), 0.08 + 0.03j)):
        normal = np.array(normal)
        parts = body.cut(normal, 7), body.cut(-normal, -7)
        total = sum(at(part, q, gamma) for part in parts)
        np.testing.assert_allclose(total, at(body, q, gamma), rtol=0, atol=1e-11 * body.volume)


@pytest.mark.parametrize("index", [None, 0.98 + 0.03j])
def test_grids_converge_to_it(index):
    optics = {} if index is None else {"absorption": "index", "refractive_index": index}
    body = body_of("dodecahedron", 5, 70)
    exact = PolyhedronSimulator(**optics).field([body])[0]
    errors = []
    for n in (32, 64, 128):
        field = MSFTSimulator(**optics).field(Rasterizer(grid=n).transform([body]))[0]
        errors.append(np.linalg.norm(field - exact) / np.linalg.norm(exact))
    assert errors[2] < 0.02
    assert errors[1] < errors[0] / 2
    assert errors[2] < errors[1] / 2


def test_voxels_as_shares_are_much_closer_to_it_than_as_densities():
    names = ("icosahedron", "cube", "truncated_octahedron", "octahedron")
    bodies = [body_of(name, turn, 60.0 + 15 * turn) for turn, name in enumerate(names)]
    volumes = Rasterizer(grid=64).transform(bodies)
    exact = PolyhedronSimulator().transform(bodies)
    losses = {}
    for own in ("shares", "exact"):
        patterns = MSFTSimulator(self_absorption=own).transform(volumes)
        losses[own] = np.median([scatter_loss(a, b) for a, b in zip(patterns, exact, strict=True)])
    assert losses["shares"] < 1e-4
    assert losses["exact"] > 2.5 * losses["shares"]


def test_other_detectors_masks_and_conventions():
    body = body_of()
    detector = FlatDetector((20, 30), 1.0, 9.0)
    mask = np.zeros(detector.shape, bool)
    mask[3:9, 5:20] = True
    masked = PolyhedronSimulator(detector=detector, mask=mask).transform([body, body_of(turn=1)])
    whole = PolyhedronSimulator(detector=detector).transform([body])
    assert masked.dtype == np.float32
    assert masked.shape == (2, 20, 30)
    np.testing.assert_allclose(masked[0], np.where(mask, whole[0], 0), rtol=1e-6)
    volume = Rasterizer(grid=96).transform([body])
    assert scatter_loss(MSFTSimulator(detector=detector).transform(volume)[0], whole[0]) < 1e-4
    longer = PolyhedronSimulator(absorption_length=25.0).field([body])
    np.testing.assert_allclose(PolyhedronSimulator(absorption="intensity").field([body]), longer, rtol=1e-12)
    index = {"absorption": "index", "refractive_index": 1 + 1j / (25.0 * K)}
    np.testing.assert_allclose(PolyhedronSimulator(**index).field([body]), longer, rtol=1e-9)


def test_invisible_pixels_are_zero():
    field = PolyhedronSimulator().field([body_of()])[0]
    *_, seen = q_of(QGrid())
    assert not field[~seen].any()
    assert field[seen].all()


@pytest.mark.slow
def test_every_class_of_the_catalogue():
    for i, name in enumerate(catalogue_names()):
        if name == "sphere":
            continue
        body = Solid.from_catalogue(name, 50.0, random_state=3).rotate(TURNS[i % 6])
        pieces = body.cut((0.1, 0.2, 0.97), 3.0), body.cut((-0.1, -0.2, -0.97), -3.0)
        q = np.random.default_rng(i).uniform(-0.4, 0.4, (20, 3))
        total = sum(at(piece, q, 0) for piece in pieces)
        np.testing.assert_allclose(total, at(body, q, 0), rtol=0, atol=1e-11 * body.volume)


def test_bodies_without_a_closed_form_are_named():
    ball = Ellipsoid(30 * np.eye(3), name="ball")
    with pytest.raises(
        ValueError, match=r"'X' parameter.*convex polyhedra.*item 1 \(ball\), a smooth Ellipsoid"
    ):
        PolyhedronSimulator().field([body_of(), ball])
    tetrahedra = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]) * 10.0
    triangles = np.array([(0, 1, 2), (0, 3, 1), (0, 2, 3), (1, 3, 2)])
    pair = Solid(np.vstack([tetrahedra, tetrahedra + 60]), np.vstack([triangles, triangles + 4]), "pair")
    with pytest.raises(ValueError, match=r"item 0 \(pair\), which is not convex"):
        PolyhedronSimulator().field([pair])
    with pytest.raises(ValueError, match="sequence of convex polyhedra"):
        PolyhedronSimulator().field(body_of())
    with pytest.raises(ValueError, match="empty sequence"):
        PolyhedronSimulator().field([])
    with pytest.raises(ValueError, match="'propagation' parameter of PolyhedronSimulator"):
        PolyhedronSimulator(propagation="pmsft").field([body_of()])
