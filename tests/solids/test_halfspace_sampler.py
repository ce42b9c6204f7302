"""Random half-space bodies: the same on every backend, bounded, in the box, of the sizes that are stated."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection
from scipy.spatial.transform import Rotation
from sklearn.base import clone

from scatterkit.solids import HalfSpaceSampler, Rasterizer
from scatterkit.solids._halfspace_families import FAMILIES

# Keras' own calls of its backends warn of NumPy's coming changes

HALF_BOX = 318.75 / 2
PLAIN = {"cut": None, "stretch": None}


def bodies(n=300, **parameters):
    sampler = HalfSpaceSampler(**{"random_state": 12, **parameters})
    return sampler, *sampler.planes(sampler.keys(n))


def corners(normals, offsets):
    """The body's corners by scipy alone, from the origin, which lies inside."""
    planes = np.column_stack([normals, -offsets]).astype(float)
    return HalfspaceIntersection(planes, np.zeros(3)).intersections


def test_numpy_and_keras_give_the_same_bodies():
    from keras import ops

    sampler, normals, offsets = bodies(400)
    keys = ops.convert_to_tensor(sampler.keys(400))
    other_normals, other_offsets = (ops.convert_to_numpy(part) for part in sampler.planes(keys, ops))
    assert other_normals.dtype == other_offsets.dtype == np.float32
    assert np.abs(other_normals - normals).max() < 1e-5
    assert np.abs(other_offsets / offsets - 1).max() < 1e-5


@pytest.mark.slow
def test_a_compiled_function_gives_the_same_bodies():
    import keras

    if keras.backend.backend() != "tensorflow":
        pytest.skip("this test is about compiling by TensorFlow")
    import tensorflow as tf

    sampler, normals, offsets = bodies(16)
    compiled = tf.function(lambda keys: sampler.planes(keys, keras.ops), jit_compile=True)
    other_normals, other_offsets = compiled(tf.constant(sampler.keys(16)))
    assert np.abs(other_normals.numpy() - normals).max() < 1e-5
    assert np.abs(other_offsets.numpy() / offsets - 1).max() < 1e-5


def test_sample_i_depends_on_seed_and_i_alone():
    sampler, normals, offsets = bodies(20)
    late = sampler.planes(sampler.keys(5, start=15))
    assert np.array_equal(late[0], normals[15:])
    assert np.array_equal(late[1], offsets[15:])
    assert np.array_equal(sampler.planes(sampler.keys(1, start=7))[1][0], offsets[7])
    assert sampler.sample_params(3, start=4) == sampler.sample_params(7)[4:]
    assert clone(sampler).sample_params(7) == sampler.sample_params(7)
    assert not np.array_equal(bodies(20, random_state=13)[2], offsets)
    drawing = HalfSpaceSampler(random_state=np.random.default_rng(0))
    assert drawing.sample_params(2) != drawing.sample_params(2)
    same = HalfSpaceSampler(random_state=np.random.default_rng(0))
    assert same.sample_params(2) == HalfSpaceSampler(random_state=np.random.default_rng(0)).sample_params(2)


def test_the_origin_is_the_centroid():
    """Within a fraction of a percent of the circumradius; of thin plates, within some."""
    _, normals, offsets = bodies(100, **PLAIN)
    away = []
    for n, d in zip(normals, offsets, strict=True):
        hull = ConvexHull(corners(n, d))
        parts = hull.points[hull.simplices]
        volumes = np.abs(np.linalg.det(parts))  # of the tetrahedra to the origin, which is inside
        centroid = (volumes[:, None] * parts.sum(axis=1)).sum(axis=0) / (4 * volumes.sum())
        away.append(np.linalg.norm(centroid) / np.linalg.norm(hull.points, axis=1).max())
    assert np.median(away) < 0.003
    assert max(away) < 0.04


def test_bodies_are_bounded_in_the_box_and_not_empty():
    _, normals, offsets = bodies(300)
    assert np.abs(np.linalg.norm(normals, axis=2) - 1).max() < 1e-5
    assert offsets.min() > 0.04 * 31  # the origin is inside
    for n, d in zip(normals, offsets, strict=True):
        found = corners(n, d)
        assert np.abs(found).max() <= HALF_BOX * (1 + 1e-6)
        assert ConvexHull(found).volume > 31**3 / 50
    # without the walls, which only bound what should not be: the same bodies, but for rounding
    for n, d in zip(normals[:40, :-6], offsets[:40, :-6], strict=True):
        reach = [
            linprog(-way, A_ub=n, b_ub=d, bounds=(None, None)) for way in np.vstack([np.eye(3), -np.eye(3)])
        ]
        assert all(found.status == 0 and -found.fun < HALF_BOX for found in reach)


def test_the_circumradius_is_the_size_that_was_drawn():
    sampler, normals, offsets = bodies(200, **PLAIN)
    drawn = sampler.sample_params(200)
    reached = [np.linalg.norm(corners(n, d), axis=1).max() for n, d in zip(normals, offsets, strict=True)]
    error = np.abs(np.array(reached) / [body.size for body in drawn] - 1)
    assert np.mean(error < 1e-5) > 0.95
    assert error.max() < 2e-3  # where the farthest corner is one of faces that are nearly parallel


def test_distributions():
    n = 4000
    drawn = HalfSpaceSampler(random_state=1, stretch=(0.5, 2.0)).sample_params(n)
    counts = Counter(body.family for body in drawn)
    assert set(counts) == set(FAMILIES)
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3
    sizes = np.array([body.size for body in drawn])
    assert stats.kstest(sizes, stats.uniform(31, 154.75 - 31).cdf).pvalue > 1e-3
    stretches = np.array([body.stretch for body in drawn])
    assert stats.kstest(stretches[sizes < 154.75 / 2], stats.uniform(0.5, 1.5).cdf).pvalue > 1e-3
    assert (stretches * sizes).max() <= 154.75 * (1 + 1e-6)
    angles = Rotation.from_quat([body.quaternion for body in drawn]).magnitude()
    assert stats.kstest(angles, lambda w: (w - np.sin(w)) / np.pi).pvalue > 1e-3
    weighted = HalfSpaceSampler(random_state=1, families={"wulff": 3, "decahedron": 1}).sample_params(n)
    few = Counter(body.family for body in weighted)
    assert set(few) == {"wulff", "decahedron"}
    assert stats.binomtest(few["wulff"], n, 0.75).pvalue > 1e-3


def test_cuts_come_as_often_as_asked_and_where():
    _, _, whole = bodies(800, cut=None)
    sampler, normals, offsets = bodies(800, cut=(0.2, 0.9), cut_probability=0.25, stretch=None)
    sizes = np.array([body.size for body in sampler.sample_params(800)])
    share = offsets[:, -8:-6] / sizes[:, None]
    is_cut = share < 2
    for end in is_cut.T:
        assert stats.binomtest(int(end.sum()), 800, 0.25).pvalue > 1e-3
    assert stats.kstest(share[is_cut], stats.uniform(0.2, 0.7).cdf).pvalue > 1e-3
    assert normals[:, -8] == pytest.approx(-normals[:, -7])
    assert (whole[:, -8:-6] > 1000).all()


def test_a_stretch_is_along_one_of_the_family_s_axes():
    wide = {"cut": None, "max_radius": 159.0, "size": (31.0, 100.0)}
    _, n2, d2 = bodies(60, stretch=None, **wide)
    sampler, n1, d1 = bodies(60, stretch=(1.5, 1.5), **wide)
    assert n1.shape[1] == sampler.n_planes == 40
    for i, body in enumerate(sampler.sample_params(60)):
        before, after = (ConvexHull(corners(n[i], d[i])) for n, d in ((n2, d2), (n1, d1)))
        assert after.volume / before.volume == pytest.approx(body.stretch, rel=1e-3)
        axis = Rotation.from_quat(body.quaternion).apply(body.axis)
        widths = [np.ptp(hull.points @ axis) for hull in (before, after)]
        assert widths[1] / widths[0] == pytest.approx(body.stretch, rel=1e-3)


def test_a_family_s_faces_point_where_its_crystal_s_do():
    """A Wulff body without a turn has faces {111}, {100} and {110}; here the turn is taken back."""
    sampler, normals, offsets = bodies(40, families=["wulff"], unevenness=0.0, **PLAIN)
    for n, d, body in zip(normals, offsets, sampler.sample_params(40), strict=True):
        used = d < body.size * 2
        used[-6:] = False
        miller = np.sort(np.abs(Rotation.from_quat(body.quaternion).inv().apply(n[used])), axis=1)
        kinds = np.array([(1, 1, 1), (0, 0, 1), (0, 1, 1)])
        unit = kinds / np.linalg.norm(kinds, axis=1, keepdims=True)
        nearest = np.abs(miller[:, None] - unit).max(axis=2)
        assert nearest.min(axis=1).max() < 1e-5
        assert np.bincount(nearest.argmin(axis=1)).tolist() == [8, 6, 12]
        for kind in range(3):  # the faces of a kind are equally far
            distances = d[used][nearest.argmin(axis=1) == kind]
            assert np.ptp(distances) < 1e-5 * body.size


def test_built_bodies_are_those_of_the_planes():
    sampler, normals, offsets = bodies(25)
    drawn = sampler.sample_params(25)
    grid = 48
    solids = [sampler.build(body) for body in drawn]
    volumes = Rasterizer(grid=grid, mode="binary").transform(solids)
    line = (np.arange(grid) + 0.5) * 318.75 / grid - HALF_BOX
    z, y, x = np.meshgrid(line, line, line, indexing="ij")
    points = np.stack([x, y, z], axis=-1)
    for solid, volume, n, d in zip(solids, volumes, normals, offsets, strict=True):
        depth = (d - points @ n.T).min(axis=-1)
        clear = np.abs(depth) > 1e-3
        assert np.array_equal(volume[clear] > 0.5, depth[clear] > 0)
        assert solid.is_convex
        assert (solid.vertices @ n.T - d).max() < 1e-3
        assert solid.volume == pytest.approx(ConvexHull(corners(n, d)).volume, rel=1e-5)
        assert solid.name in FAMILIES


def test_a_descriptor_of_another_sampler_is_refused():
    sampler = HalfSpaceSampler(random_state=0)
    body = sampler.sample_params(1)[0]
    for other in (dataclasses.replace(body, size=body.size + 1), dataclasses.replace(body, key=body.key ^ 1)):
        with pytest.raises(
            ValueError, match="'descriptor' parameter of HalfSpaceSampler must be what a sampler"
        ):
            sampler.build(other)
    with pytest.raises(ValueError, match="'descriptor' parameter of HalfSpaceSampler must be an instance of"):
        sampler.build("cube")


def test_ranges_may_be_arrays():
    ranges = {"size": (40.0, 80.0), "stretch": (0.8, 1.2), "cut": (0.3, 0.9)}
    arrays = {name: np.array(ends) for name, ends in ranges.items()}
    for expected, given in zip(bodies(3, **ranges)[1:], bodies(3, **arrays)[1:], strict=True):
        assert given.dtype == expected.dtype
        assert np.array_equal(given, expected)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"families": []}, "'families' parameter of HalfSpaceSampler must be a sequence of names"),
        ({"families": ["star"]}, "'families' parameter of HalfSpaceSampler must be made of .*'wulff'"),
        ({"families": {"wulff": -1}}, "'families' .* weights >= 0"),
        ({"size": (0, 10)}, r"'size' parameter of HalfSpaceSampler must be two floats in nm.* Got \(0, 10\)"),
        ({"size": (20, 200)}, "'size' parameter of HalfSpaceSampler must be at most max_radius"),
        ({"stretch": (2, 1)}, "'stretch' parameter of HalfSpaceSampler"),
        ({"cut": (0, 1)}, "'cut' parameter of HalfSpaceSampler"),
        ({"cut_probability": 1.5}, "'cut_probability' parameter of HalfSpaceSampler"),
        ({"unevenness": 0.9}, "'unevenness' parameter of HalfSpaceSampler"),
        ({"max_radius": 170}, "'max_radius' parameter of HalfSpaceSampler must be at most half the box"),
        ({"box": 0}, "'box' parameter of HalfSpaceSampler must be a positive float in nm"),
        ({"random_state": -1}, "'random_state' parameter of HalfSpaceSampler"),
    ],
)
def test_bad_parameters(parameters, message):
    sampler = HalfSpaceSampler(**parameters)  # checked at use
    with pytest.raises(ValueError, match=message):
        sampler.sample_params(1)
    with pytest.raises(ValueError, match=message):
        sampler.planes(sampler.keys(1))
