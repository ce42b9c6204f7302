"""Exact scattering of half-spaces: its field, and its derivatives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from scatterkit.datasets import PublishedGrid
from scatterkit.experiment import FlatDetector, QGrid
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator
from scatterkit.simulation.facets import FacetScattering, corners_of
from scatterkit.simulation.plan import PUBLISHED_VOXEL
from scatterkit.solids import Solid

DETECTOR = QGrid(20, 0.037)
"""Reaches beyond k in its corners."""
K = 2 * np.pi / 13.5
MATERIALS = {
    "published": {},
    "index": {"absorption": "index", "refractive_index": 0.9 + 0.05j},
    "weak": {"absorption_length": 400.0},
}
NAMES = ("tetrahedron", "cube", "decahedron", "icosahedron", "hexagonal_prism", "snub_cube")
TURNS = Rotation.random(6, rng=np.random.default_rng(5))


def turned(name, turn=0, radius=60.0):
    return Solid.from_catalogue(name, circumradius=radius).rotate(TURNS[turn]).shift([3.0, -4.0, 8.0])


def both(solid, planes=None, **material):
    """The field of a body's half-spaces, and that of the body by triangles."""
    simulator = PolyhedronSimulator(detector=DETECTOR, **material)
    scattering, pixels = FacetScattering.of(simulator)
    found = scattering.field(*(planes or (solid.normals, solid.offsets)))
    return found, simulator.field([solid])[0][pixels]


def off(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def several_q(n=200, seed=0):
    """Wave vectors of many lengths, not those of one detector."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(0.01, 0.4, n), rng.normal(0, 0.15, (n, 2))])


def random_planes(seed, n, radius=50.0):
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(n, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    sides = np.vstack([np.eye(3), -np.eye(3)])
    box = Rotation.random(rng=rng).apply(sides)
    return np.vstack([normals, box]), np.concatenate(
        [radius * rng.uniform(0.5, 1.2, n), np.full(6, 1.5 * radius)]
    )


@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize("name", NAMES)
def test_the_field_is_that_of_the_polyhedron(name, material):
    for turn in range(3):
        assert off(*both(turned(name, turn), **MATERIALS[material])) < 1e-8


@pytest.mark.parametrize("name", NAMES)
def test_without_absorption_nothing_cancels_at_the_centre(name):
    found, expected = both(turned(name), absorption_length=np.inf)
    # at q = 0 the field is taken 1e-6 / nm beside it: a phase, which the intensity does not show
    assert off(found, expected) < 2e-5
    assert off(np.abs(found) ** 2, np.abs(expected) ** 2) < 1e-8


@pytest.mark.parametrize("name", ["cube", "octahedron", "hexagonal_prism", "dodecahedron"])
def test_faces_along_the_beam(name):
    solid = Solid.from_catalogue(name, circumradius=60)
    assert (np.abs(solid.normals[:, 2]) < 1e-9).any() or name == "octahedron"
    assert off(*both(solid)) < 5e-6


@pytest.mark.parametrize(
    ("edges", "error"),
    [
        ((80.0, 80.0, 0.5), 1e-8),
        ((0.5, 80.0, 80.0), 1e-8),
        ((3.0, 3.0, 280.0), 1e-8),
        ((280.0, 2.0, 2.0), 1e-8),
        ((0.1, 0.1, 0.1), 1e-5),
    ],
)
def test_plates_needles_and_specks(edges, error):
    half = np.array(edges) / 2
    corners = np.stack(np.meshgrid(*zip(-half, half, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
    assert off(*both(Solid.from_points(corners).rotate(TURNS[1]))) < error


def test_half_spaces_that_do_not_matter_change_nothing():
    solid = turned("decahedron", 2)
    alone, expected = both(solid)
    far = np.array([[0.6, 0.0, 0.8], [0.0, -0.6, -0.8]])
    normals = np.vstack([far, solid.normals, solid.normals[::2]])
    offsets = np.concatenate([[500.0, 20000.0], solid.offsets, solid.offsets[::2] + 1e-12])
    assert off(both(solid, (normals, offsets))[0], alone) < 1e-9
    # touching one corner only
    corner = solid.vertices[0]
    middle = solid.vertices.mean(axis=0)
    outward = (corner - middle) / np.linalg.norm(corner - middle)
    touching = np.vstack([solid.normals, outward]), np.append(solid.offsets, corner @ outward)
    assert off(both(solid, touching)[0], expected) < 1e-9


def test_faces_of_hundreds_of_corners():
    """A prism of 300 sides, tilted: nearly a cylinder."""
    angle = 2 * np.pi * np.arange(300) / 300
    sides = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(300)])
    normals = Rotation.from_rotvec([0.4, 0.2, 0]).apply(np.vstack([sides, [[0, 0, 1], [0, 0, -1]]]))
    offsets = np.concatenate([np.full(300, 40.0), [30.0, 30.0]])
    q = np.random.default_rng(0).uniform(-0.2, 0.2, (50, 3)) * [0.5, 1, 1] + [0.1, 0, 0]
    field = FacetScattering(q, 0.08).field(normals, offsets)
    # fewer sides of the same area change next to nothing at these q
    angle = 2 * np.pi * np.arange(100) / 100
    coarse = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(100)])
    coarse = Rotation.from_rotvec([0.4, 0.2, 0]).apply(np.vstack([coarse, [[0, 0, 1], [0, 0, -1]]]))
    areas = [n * np.tan(np.pi / n) for n in (300, 100)]
    radius = 40 * np.sqrt(areas[0] / areas[1])
    other = FacetScattering(q, 0.08).field(coarse, np.concatenate([np.full(100, radius), [30.0, 30.0]]))
    np.testing.assert_allclose(field, other, rtol=0, atol=3e-4 * np.abs(field).max())


@pytest.mark.parametrize("gap", [1.0, 1e-3])
def test_an_empty_body_scatters_nothing(gap):
    scattering = FacetScattering(several_q(), 0.08)
    normals, offsets = np.vstack([np.eye(3), -np.eye(3)]), np.array([30.0, 30, 30, -30 - gap, 30, 30])
    assert not scattering.field(normals, offsets).any()
    look = scattering.look(normals, offsets)
    assert look.faces.size == 0
    assert look.jacobian.shape == (0, 200)
    assert not look.intensity.any()


@given(st.integers(0, 10**6), st.integers(4, 24))
@settings(max_examples=12)
def test_any_half_spaces(seed, n):
    normals, offsets = random_planes(seed, n)
    solid = Solid.from_halfspaces(normals, offsets)
    assert off(*both(solid, (normals, offsets))) < 1e-8


def test_what_lies_too_deep_is_left_out():
    solid = turned("icosahedron", radius=100.0)
    deep = FacetScattering(several_q(), 0.08)
    shallow = FacetScattering(several_q(), 0.08, darkest=3.0)
    planes = solid.normals, solid.offsets
    difference = off(shallow.field(*planes), deep.field(*planes))
    assert 0 < difference < np.exp(-3.0)


def moved(normals, offsets, face, row, size, tangents):
    normals, offsets = normals.copy(), offsets.copy()
    if row == 0:
        offsets[face] += size
    else:
        normals[face] = normals[face] * np.cos(size) + tangents[row - 1] * np.sin(size)
    return normals, offsets


@pytest.mark.parametrize("gamma", [0.08, 0.03 + 0.06j, 0.0])
@pytest.mark.parametrize("body", ["icosahedron", "decahedron", "random"])
def test_derivatives_by_half_spaces(body, gamma):
    solid = turned(body) if body != "random" else None
    normals, offsets = random_planes(3, 20) if solid is None else (solid.normals, solid.offsets)
    scattering = FacetScattering(several_q(), gamma)
    look = scattering.look(normals, offsets)
    np.testing.assert_allclose(look.intensity, scattering.intensity(normals, offsets), rtol=1e-9)
    scale = np.abs(look.jacobian).max(axis=1)
    for column, face in enumerate(look.faces):
        assert np.allclose(look.tangents[column] @ normals[face], 0, atol=1e-12)
        for row, size in enumerate((1e-3, 1e-5, 1e-5)):
            ends = [
                scattering.intensity(*moved(normals, offsets, face, row, way, look.tangents[column]))
                for way in (size, -size)
            ]
            slope = (ends[0] - ends[1]) / (2 * size)
            found = look.jacobian[3 * column + row]
            np.testing.assert_allclose(
                found, slope, rtol=0, atol=1e-4 * scale[3 * column : 3 * column + 3].max()
            )


@pytest.mark.parametrize("gamma", [0.08, 0.03 + 0.06j, 0.0])
def test_slopes_along_q(gamma):
    planes = random_planes(4, 16)
    q = several_q()
    look = FacetScattering(q, gamma).look(*planes)
    for axis in range(3):
        step = 1e-6 * np.eye(3)[axis]
        ahead, behind = (FacetScattering(q + way * step, gamma).intensity(*planes) for way in (1, -1))
        slope = (ahead - behind) / 2e-6
        np.testing.assert_allclose(look.slopes[axis], slope, rtol=0, atol=1e-5 * np.abs(slope).max())


def test_without_absorption_a_face_adds_its_area_at_small_q():
    solid = turned("cube", 3)
    areas = ConvexHull(solid.vertices).area / 6
    look = FacetScattering(np.array([[1e-5, 0, 0], [0, 1e-5, 1e-5]]), 0.0).look(solid.normals, solid.offsets)
    expected = 2 * solid.volume * areas / PUBLISHED_VOXEL**6
    np.testing.assert_allclose(look.jacobian[::3], expected, rtol=1e-4)
    np.testing.assert_allclose(look.intensity, solid.volume**2 / PUBLISHED_VOXEL**6, rtol=1e-5)


@pytest.mark.parametrize("axis", range(3))
def test_a_shift_changes_no_intensity(axis):
    normals, offsets = random_planes(5, 18)
    look = FacetScattering(several_q(), 0.08).look(normals, offsets)
    weights = normals[look.faces, axis]
    along = weights @ look.jacobian[::3]
    assert np.abs(along).max() < 1e-5 * (np.abs(weights) @ np.abs(look.jacobian[::3])).max()


def test_a_turn_about_the_beam_turns_the_pattern():
    normals, offsets = random_planes(6, 18)
    q = several_q()
    turn = Rotation.from_rotvec([0, 0, 0.7])
    q_turned = q.copy()
    q_turned[:, [2, 1]] = turn.apply(np.column_stack([q[:, 2], q[:, 1], q[:, 0]]))[:, :2]
    look = FacetScattering(q, 0.08).look(normals, offsets)
    again = FacetScattering(q_turned, 0.08).intensity(turn.apply(normals), offsets)
    np.testing.assert_allclose(again, look.intensity, rtol=0, atol=1e-9 * look.intensity.max())
    # and to first order: the normals' turns against the slopes along q
    step = np.cross([0, 0, 1.0], normals[look.faces])
    turns = np.einsum("fwi,fi->fw", look.tangents, step)
    by_planes = np.einsum("fw,fwn->n", turns, look.jacobian.reshape(len(step), 3, -1)[:, 1:])
    by_q = -q[:, 1] * -look.slopes[2] + -q[:, 2] * look.slopes[1]
    np.testing.assert_allclose(by_planes, by_q, rtol=0, atol=1e-5 * np.abs(by_q).max())


@pytest.mark.parametrize("detector", [DETECTOR, FlatDetector(24, 1.5, 30.0), PublishedGrid()])
def test_the_pixels_of_an_experiment(detector):
    solid = turned("icosahedron")
    shape = detector.shape
    mask = np.hypot(*(np.indices(shape) - shape[0] // 2)) > 3
    mask[::5] = False
    material = {"absorption": "intensity", "absorption_length": 9.0}
    expected = PolyhedronSimulator(detector=detector, mask=mask, **material).field([solid])[0]
    for simulator in (
        MSFTSimulator(detector=detector, **material),
        PolyhedronSimulator(detector=detector, **material),
    ):
        scattering, pixels = FacetScattering.of(simulator, mask)
        assert not pixels[~mask].any()
        field = np.zeros(shape, complex)
        field[pixels] = scattering.field(solid.normals, solid.offsets)
        assert off(field, expected) < 1e-9


def test_pixels_beyond_k_see_nothing():
    scattering, pixels = FacetScattering.of(MSFTSimulator(detector=DETECTOR))
    q_y, q_x = np.broadcast_arrays(*DETECTOR.wavevectors(K))
    seen = q_y**2 + q_x**2 < K**2
    assert not seen.all()
    np.testing.assert_array_equal(pixels, seen)
    assert np.isfinite(scattering.intensity(*random_planes(1, 12))).all()


@pytest.mark.parametrize("name", NAMES)
def test_corners(name):
    solid = turned(name, 4)
    normals = np.vstack([solid.normals, [[0, 0, 1.0]]])
    offsets = np.append(solid.offsets, solid.vertices[:, 2].max() + 9)
    found, faces = corners_of(normals, offsets)
    np.testing.assert_allclose(np.einsum("ni,ni->n", normals[faces], found), offsets[faces], atol=1e-6)
    distances = np.linalg.norm(found[:, None] - solid.vertices, axis=-1)
    assert distances.min(axis=1).max() < 1e-6
    assert distances.min(axis=0).max() < 1e-6
    assert len(corners_of(np.vstack([np.eye(3), -np.eye(3)]), np.array([1.0, 1, 1, -2, 1, 1]))[0]) == 0
