"""Random bodies: reproducible sample by sample, distributed as asked for, inside the box."""

import csv
import dataclasses
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation
from sklearn.base import clone

from scatterkit.solids import Solid, SolidDescriptor, SolidSampler
from scatterkit.solids.catalogue import PUBLISHED
from scatterkit.solids.sampler import axis_names

DRAWN = SolidSampler(random_state=11, stretch=(0.5, 2.0), cut=(0.2, 1.0), cut_probability=0.5).sample_params(
    3000
)


def uniform_p(values, low, high):
    return stats.kstest(values, "uniform", args=(low, high - low)).pvalue


def test_sample_i_depends_on_seed_and_i_alone():
    sampler = SolidSampler(random_state=5, cut=(0.2, 1))
    whole = sampler.sample_params(12)
    assert sampler.sample_params(4) + sampler.sample_params(8, start=4) == whole
    assert clone(sampler).sample_params(12) == whole
    assert len(set(whole)) == 12
    assert SolidSampler(random_state=6, cut=(0.2, 1)).sample_params(12) != whole
    for one, same in zip(sampler.sample(3, start=2), [sampler.build(d) for d in whole[2:5]], strict=True):
        assert np.array_equal(one.vertices, same.vertices)


def test_a_parameter_changes_only_what_it_names():
    plain = SolidSampler(random_state=5).sample_params(30)
    other = SolidSampler(random_state=5, size=(10, 20), cut=(0.5, 0.6), stretch=(0.9, 1)).sample_params(30)
    for a, b in zip(plain, other, strict=True):
        assert (a.polyhedron, a.quaternion, a.axis, a.seed) == (b.polyhedron, b.quaternion, b.axis, b.seed)
    rigid = SolidSampler(random_state=5, stretch=None).sample_params(30)
    assert all(d.stretch == 1 and d.axis is None for d in rigid)
    assert [(d.quaternion, d.size) for d in rigid] == [(d.quaternion, d.size) for d in plain]
    with pytest.raises(
        ValueError, match="'descriptor' parameter of SolidSampler must be an instance of SolidD"
    ):
        SolidSampler().build("cube")


def test_ranges_may_be_arrays():
    ranges = {"size": (40.0, 80.0), "stretch": (0.8, 1.2), "cut": (0.3, 0.9)}
    arrays = {name: np.array(ends) for name, ends in ranges.items()}
    drawn, same = (SolidSampler(random_state=5, **given).sample_params(20) for given in (ranges, arrays))
    assert drawn == same


def test_a_size_beyond_the_largest_radius_is_refused_not_squashed():
    wide = {"random_state": 0, "size": (31.0, 300.0), "box": 700.0, "stretch": (0.9, 1.1)}
    with pytest.raises(
        ValueError, match=r"'size' parameter of SolidSampler must be at most max_radius, 154.75"
    ):
        SolidSampler(**wide).sample_params(1)
    for limit in (None, 300.0):
        drawn = SolidSampler(**wide, max_radius=limit).sample_params(40)
        assert all(0.9 <= d.stretch <= 1.1 or d.size * d.stretch == pytest.approx(limit) for d in drawn)
    rigid = SolidSampler(size=(200, 200), stretch=None, max_radius=None).sample_params(5)
    assert {(d.stretch, d.axis) for d in rigid} == {(1.0, None)}


def test_generators_and_none_draw_anew():
    generator = np.random.default_rng(3)
    sampler = SolidSampler(random_state=generator)
    first, second = sampler.sample_params(3), sampler.sample_params(3)
    assert first != second
    assert SolidSampler(random_state=np.random.default_rng(3)).sample_params(3) == first
    assert SolidSampler().sample_params(2) != SolidSampler().sample_params(2)


def test_distributions():
    counts = Counter(d.polyhedron for d in DRAWN)
    assert set(counts) == set(PUBLISHED)
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3
    sizes = np.array([d.size for d in DRAWN])
    assert uniform_p(sizes, 31.0, 154.75) > 1e-3
    free = np.array([d.stretch for d in DRAWN if d.axis and d.size < 154.75 / 2])
    assert uniform_p(free, 0.5, 2.0) > 1e-3
    assert all(d.stretch * d.size <= 154.75 * (1 + 1e-12) for d in DRAWN)
    cuts = np.array([d.cut for d in DRAWN if d.cut is not None])
    assert uniform_p(cuts, 0.2, 1.0) > 1e-3
    can = sum(bool(axis_names(d.polyhedron)) for d in DRAWN)
    assert stats.binomtest(len(cuts), can, 0.5).pvalue > 1e-3
    assert all(d.caxis == d.axis for d in DRAWN if d.cut is not None)


def test_orientations_are_uniform():
    turns = Rotation.from_quat([d.quaternion for d in DRAWN])
    for axis in np.eye(3):  # a uniform direction has a uniform coordinate along any axis
        for coordinate in turns.apply(axis).T:
            assert uniform_p(coordinate, -1, 1) > 1e-4
    # the angle of a uniform rotation has density (1 - cos w) / pi
    angles = turns.magnitude()
    assert stats.kstest(angles, lambda w: (w - np.sin(w)) / np.pi).pvalue > 1e-3


def test_axes_are_those_of_the_class():
    used = {}
    for d in DRAWN:
        used.setdefault(d.polyhedron, set()).add(d.axis)
    assert used["icosahedron"] == {"C5", "C3", "C2"}
    assert used["decahedron"] == {"C5", "C2"}
    assert used["sphere"] == {"z"}
    assert used["random_polyhedron"] == {None}
    only = SolidSampler(
        random_state=0, stretch_axes=["C5", "z"], classes=["icosahedron", "cube"]
    ).sample_params(200)
    assert {(d.polyhedron, d.axis) for d in only} == {
        ("icosahedron", "C5"),
        ("icosahedron", "z"),
        ("cube", "z"),
    }


def test_build_applies_what_was_drawn():
    quaternion = tuple(Rotation.from_euler("x", np.pi / 2).as_quat().tolist())
    plain = SolidDescriptor("cube", quaternion, size=50.0)
    sampler = SolidSampler()
    cube = Solid.from_catalogue("cube", 50)
    assert sampler.build(plain).volume == pytest.approx(cube.volume)
    longer = sampler.build(dataclasses.replace(plain, stretch=1.5, axis="C4"))
    assert longer.volume == pytest.approx(1.5 * cube.volume)
    side = 100 / 3**0.5
    assert np.ptp(longer.bounds, axis=0) == pytest.approx((side, 1.5 * side, side))  # z was turned to -y
    # half a side is 1 / sqrt(3) of the circumradius: cuts at half of that leave 1/2 or 3/4
    chopped = dataclasses.replace(plain, stretch=1.5, axis="C4", cut=0.5 / 3**0.5, caxis="C4")
    assert sampler.build(chopped).volume == pytest.approx(0.5 * 1.5 * cube.volume)
    once = sampler.build(dataclasses.replace(chopped, cut_sides=1))
    assert once.volume == pytest.approx(0.75 * 1.5 * cube.volume)
    assert np.sort(np.abs(once.bounds[:, 1])) == pytest.approx((0.375 * side, 0.75 * side))


def test_bodies_fit_the_box():
    sampler = SolidSampler(random_state=2, size=(80, 200), max_radius=None, box=200)
    for body in sampler.sample(40):
        assert np.abs(body.bounds).max() <= 100
    for body in SolidSampler(random_state=2, cut=(0.2, 1), stretch=(0.5, 2)).sample(60):
        assert np.abs(body.bounds).max() <= 318.75 / 2
        assert body.is_convex


def test_classes_by_weight():
    drawn = SolidSampler(random_state=0, classes={"Cube": 3, "sphere": 1, "octahedron": 0}).sample_params(400)
    counts = Counter(d.polyhedron for d in drawn)
    assert set(counts) == {"cube", "sphere"}
    assert stats.binomtest(counts["cube"], 400, 0.75).pvalue > 1e-3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"size": (0, 10)},
            r"'size' parameter of SolidSampler must be two floats in nm.* Got \(0, 10\)",
        ),
        ({"size": (20, 10)}, "'size' parameter of SolidSampler must be two floats"),
        ({"size": 10}, "'size' parameter of SolidSampler"),
        ({"size": (float("nan"), 10)}, "'size' parameter of SolidSampler"),
        ({"stretch": (-1, 1)}, "'stretch' parameter of SolidSampler"),
        ({"cut": (0.2, 1.5)}, "'cut' parameter of SolidSampler"),
        ({"cut": (0, 1)}, "'cut' parameter of SolidSampler"),
        ({"cut_sides": 3}, "'cut_sides' parameter of SolidSampler must be one of 1, 2. Got 3"),
        ({"cut_probability": 2}, "'cut_probability' parameter of SolidSampler must be a float in"),
        ({"box": -1}, "'box' parameter of SolidSampler must be a positive float in nm or None. Got -1"),
        ({"max_radius": 0}, "'max_radius' parameter of SolidSampler"),
        ({"classes": []}, "'classes' parameter of SolidSampler"),
        ({"classes": "cube"}, "'classes' parameter of SolidSampler"),
        ({"classes": ["cub"]}, "such as 'cube'"),
        ({"classes": {"cube": -1}}, "'classes' parameter of SolidSampler must be a mapping .*weights >= 0"),
        ({"stretch_axes": "C5"}, "'stretch_axes' parameter of SolidSampler"),
        ({"stretch_axes": ["five"]}, "'stretch_axes' parameter of SolidSampler"),
        ({"cut_axes": "other"}, "'cut_axes' parameter of SolidSampler must be 'same' or"),
        ({"random_state": -1}, "'random_state' parameter of SolidSampler"),
    ],
)
def test_bad_parameters(parameters, message):
    sampler = SolidSampler(**parameters)  # checked at use
    with pytest.raises(ValueError, match=message):
        sampler.sample_params(1)


@pytest.mark.parametrize("n", [0, -1, 2.5, None])
def test_bad_counts(n):
    with pytest.raises(ValueError, match="'n' parameter of SolidSampler must be an integer >= 1"):
        SolidSampler().sample(n)


def test_published_tables_are_distributed_alike(sample_root):
    rows = []
    for table in ("train/infos1.csv", "val/infos14.csv", "test/infos1.csv"):
        rows += csv.DictReader((sample_root / table).read_text().splitlines())
    sizes = np.array([float(row["size"]) for row in rows])
    assert stats.ks_2samp(sizes, [d.size / 154.75 for d in DRAWN]).pvalue > 1e-3
    stretches = np.array([float(row["stretch"]) for row in rows if row["stretch"]])
    assert stats.ks_2samp(stretches, [d.stretch for d in DRAWN if d.axis]).pvalue > 1e-3
    cuts = np.array([float(row["cut"]) for row in rows if row.get("cut")])
    assert stats.ks_2samp(cuts, [d.cut for d in DRAWN if d.cut is not None]).pvalue > 1e-3
