"""FirstLook: what a pattern says by itself, against bodies whose widths, centres and faces are known."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scatterkit.datasets import fetch_barke2015
from scatterkit.experiment import FlatDetector, Panel, PanelDetector, QGrid
from scatterkit.fitting import FirstLook
from scatterkit.fitting._ellipses import all_ellipses, along, ellipse_widths
from scatterkit.fitting._radial_cuts import LENGTHS, azimuths, length_spectra, radial_cuts
from scatterkit.response import DetectorResponse
from scatterkit.simulation import LogScaler, MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Solid

K = 2 * math.pi / 13.5
DQ = 2 * math.pi / 850
RADIUS = np.hypot(*np.mgrid[-64:64, -64:64])
HOLED = (RADIUS > 4) & (RADIUS < 45)
HALF = azimuths()[:36]


def long_body():
    """A truncated octahedron, 1.4 times as long as wide, in the plane of the detector."""
    body = Solid.from_catalogue("truncated_octahedron", circumradius=75).stretch(1.4, axis="C4")
    return body.rotate(Rotation.from_euler("zyx", [10, 80, 35], degrees=True))


def widths_of(solid):
    directions = np.stack([np.cos(HALF), np.sin(HALF)])
    return np.ptp(np.asarray(solid.vertices)[:, :2] @ directions, axis=0)


def pattern_of(solid, **kwargs):
    return LogScaler().transform(PolyhedronSimulator(**kwargs).transform([solid]))[0]


@pytest.fixture(scope="module")
def body():
    return long_body()


@pytest.fixture(scope="module")
def intensity(body):
    return PolyhedronSimulator().transform([body])[0]


@pytest.fixture(scope="module")
def pattern(body):
    return pattern_of(body)


def test_widths_of_a_long_body(body, pattern):
    found = FirstLook(pattern, RADIUS < 60).silhouette_widths()
    np.testing.assert_allclose(found.azimuths, HALF)
    errors = np.abs(np.log(found.widths / widths_of(body)))
    assert errors.mean() < 0.06
    assert errors.max() < 0.2
    assert np.mean(np.abs(found.widths - widths_of(body)) < 2 * found.uncertainty) > 0.7


@pytest.mark.parametrize("radius", [40, 90, 140])
def test_the_size_follows_the_body(radius):
    solid = Solid.from_catalogue("icosahedron", circumradius=radius).rotate(
        Rotation.from_euler("xy", [20, 15], degrees=True)
    )
    look = FirstLook(pattern_of(solid), RADIUS < 60)
    true = widths_of(solid).mean() / 2
    assert look.radius == pytest.approx(true, rel=0.12)
    assert 0 < look.radius_uncertainty < 0.3 * true


@pytest.mark.parametrize(
    "response",
    [
        DetectorResponse(eps=1.0, gain=0.03, offset=0.1),
        DetectorResponse(eps=1e3, gain=0.4, offset=-2.5, saturation=2.0),
        DetectorResponse(eps=50.0, gain=0.065, offset=-0.25, saturation=0.6, shift=(2.3, -1.6)),
    ],
)
def test_gain_offset_eps_saturation_and_hole_hardly_count(body, intensity, response):
    look = FirstLook(response.apply(intensity), HOLED)
    assert look.radius == pytest.approx(widths_of(body).mean() / 2, rel=0.1)
    assert look.shows_body


def test_gain_and_offset_do_not_count_at_all(pattern):
    one, other = (FirstLook(p, HOLED) for p in (pattern, 3 * pattern + 1))
    np.testing.assert_allclose(one.silhouette_widths().widths, other.silhouette_widths().widths, rtol=1e-3)
    assert one.shift == pytest.approx(other.shift, abs=1e-2)
    assert [s.azimuth for s in one.streak_normals()[:3]] == [s.azimuth for s in other.streak_normals()[:3]]


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.4, -0.6), (-2.5, 2.0)])
def test_the_centre_is_found(intensity, shift):
    shown = DetectorResponse(eps=100.0, gain=0.06, offset=-0.25, shift=shift).apply(intensity)
    assert FirstLook(shown, HOLED).shift == pytest.approx(shift, abs=0.7)


def test_the_centre_stays_within_its_bound(intensity):
    shown = DetectorResponse(eps=100.0, gain=0.06, offset=-0.25, shift=(5.0, 0.0)).apply(intensity)
    assert FirstLook(shown, HOLED, max_shift=0).shift == (0.0, 0.0)
    assert max(map(abs, FirstLook(shown, HOLED, max_shift=2).shift)) <= 2.5
    assert FirstLook(shown, HOLED, max_shift=6).shift == pytest.approx((5.0, 0.0), abs=0.7)


def test_the_likeliest_centre_is_the_shift_where_one_stands_out(intensity):
    shown = DetectorResponse(eps=100.0, gain=0.06, offset=-0.25, shift=(5.0, -3.0)).apply(intensity)
    look = FirstLook(shown, HOLED, max_shift=8)
    centers, chances = zip(*look.centers(), strict=True)
    assert centers[0] == look.shift
    assert sum(chances) == pytest.approx(1)
    assert list(chances) == sorted(chances, reverse=True)
    assert FirstLook(shown, HOLED, max_shift=0).centers() == [((0.0, 0.0), 1.0)]


def test_the_middle_is_a_centre_too_where_none_stands_out():
    noise = np.random.default_rng(0).uniform(size=RADIUS.shape).astype(np.float32)
    look = FirstLook(noise, HOLED, max_shift=8)
    assert look.shift == (0.0, 0.0)
    centers = [center for center, _ in look.centers()]
    assert centers[0] == (0.0, 0.0)
    assert len(centers) > 1
    assert min(np.hypot(*center) for center in centers[1:]) > 1
    assert np.abs(centers).max() <= 8


def test_a_look_about_another_centre(pattern):
    look = FirstLook(pattern, HOLED, max_shift=8)
    moved = look.centred_at((4.0, 0.0))
    assert moved.shift == (4.0, 0.0)
    assert look.shift == pytest.approx((0.0, 0.0), abs=0.7)
    assert look.centred_at(look.shift).radius == look.radius
    with pytest.raises(ValueError, match="shift"):
        look.centred_at("here")


@pytest.mark.parametrize("center", [(63.5, 63.5), (63.3, 64.4)])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.5, -2.0), (2.8, -1.0)])
def test_a_fraction_of_the_detectors_own_centre_is_no_shift(body, center, shift):
    detector = FlatDetector(128, pixel_size=0.78, distance=60.0, center=center)
    intensity = PolyhedronSimulator(detector=detector).transform([body])[0]
    shown = DetectorResponse(eps=100.0, gain=0.06, offset=-0.25, shift=shift).apply(intensity)
    look = FirstLook(shown, simulator=MSFTSimulator(detector=detector))
    assert look.shift == pytest.approx(shift, abs=0.2)
    assert max(max(map(abs, place)) for place, _ in look.centers()) <= look.max_shift
    assert look.radius == pytest.approx(widths_of(body).mean() / 2, rel=0.12)


@pytest.mark.parametrize("center", [(-40, 64), (-3, 64), (64, 400)])
def test_there_is_no_centre_to_find_off_the_frame(body, center):
    detector = FlatDetector(128, pixel_size=0.78, distance=60.0, center=center)
    look = FirstLook(pattern_of(body, detector=detector), simulator=MSFTSimulator(detector=detector))
    assert look.shift == (0.0, 0.0)


def test_a_turned_pattern_has_turned_widths(pattern):
    # a quarter turn about the centre pixel, exactly: the first row and column have no counterpart
    inner = RADIUS < 60
    turned = np.zeros_like(pattern)
    turned[1:, 1:] = np.rot90(pattern[1:, 1:])
    upright, lying = (FirstLook(p, inner).silhouette_widths().widths for p in (pattern, turned))
    np.testing.assert_allclose(np.roll(upright, 18), lying, rtol=0.02)


def test_what_is_outside_the_mask_does_not_count(pattern):
    spoilt = np.where(HOLED, pattern, np.nan)
    assert FirstLook(spoilt, HOLED).radius == FirstLook(pattern, HOLED).radius
    masked = MSFTSimulator(mask=HOLED)
    assert FirstLook(pattern, simulator=masked).radius == FirstLook(pattern, HOLED).radius


def test_another_grid_and_wavelength_tell_the_same(body):
    grid = QGrid((180, 161), dq=0.7 * DQ)
    look = FirstLook(
        pattern_of(body, detector=grid, wavelength=11.0),
        simulator=MSFTSimulator(detector=grid, wavelength=11.0),
    )
    assert look.radius == pytest.approx(widths_of(body).mean() / 2, rel=0.1)


def two_panels():
    """A plane of 200 x 200 pixels of 0.5 mm, 60 mm behind the body, in two halves."""
    steps = {"fast": (0.5, 0.0, 0.0), "slow": (0.0, 0.5, 0.0)}
    corners = [(-50.25, -50.25, 60.0), (-0.25, -50.25, 60.0)]
    return PanelDetector([Panel((200, 100), corner=corner, **steps) for corner in corners])


@pytest.mark.parametrize(
    "detector", [FlatDetector(200, pixel_size=0.5, distance=60.0), two_panels()], ids=["flat", "panels"]
)
def test_flat_detectors_and_panels_tell_the_same(body, detector):
    simulator = MSFTSimulator(detector=detector)
    look = FirstLook(pattern_of(body, detector=detector), simulator=simulator)
    assert look.radius == pytest.approx(widths_of(body).mean() / 2, rel=0.1)
    assert look.shift == pytest.approx((0, 0), abs=0.7)
    assert len(look.streak_normals()) > 3


def test_spectra_of_cosines_peak_at_their_length():
    detector, box, width = QGrid(128), 318.75, 170.0
    q_y, q_x = detector.wavevectors(K)
    fringes = np.cos(np.hypot(q_y, q_x) * width).astype(np.float32)
    cuts = radial_cuts(fringes, RADIUS < 60, detector, 13.5, box)
    spectra = length_spectra(cuts, box)
    peaks = box * LENGTHS[spectra.argmax(axis=2)]
    np.testing.assert_allclose(peaks, width, rtol=0.08)


def test_ellipses_are_as_wide_as_ellipses_are():
    axes, turn = np.array([60.0, 40.0]), 0.4
    ring = azimuths(720)
    points = np.column_stack([axes[0] * np.cos(ring), axes[1] * np.sin(ring)])
    points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    true = np.ptp(points @ np.stack([np.cos(HALF), np.sin(HALF)]), axis=0)
    # the logarithm of the axes' ratio is given
    found = ellipse_widths(np.log(np.array([axes[0] / axes[1]])), np.array([turn]), HALF)[0]
    np.testing.assert_allclose(found, true / true.mean(), rtol=1e-3)


def test_along_reads_a_table_between_its_entries():
    values = np.tile(np.log(LENGTHS), (36, 1))
    ellipses = all_ellipses()
    np.testing.assert_allclose(along(values, ellipses.widths), ellipses.widths.mean(axis=1), atol=1e-9)


@pytest.mark.parametrize("tilt", [8, 14, 20])
def test_a_leaning_face_is_found_on_its_side(tilt):
    """A cube leaning by a known angle: one face looks along +x and towards the beam."""
    cube = Solid.from_catalogue("cube", circumradius=80)
    solid = cube.rotate(Rotation.from_euler("zy", [0, tilt], degrees=True))
    wanted = min(
        (n for n in np.asarray(solid.normals) if n[2] < -0.05 and abs(n[2]) < 0.5), key=lambda n: n[2]
    )
    found = FirstLook(pattern_of(solid), RADIUS < 60).streak_normals()
    angles = [math.degrees(math.acos(min(float(np.dot(s.normal, wanted)), 1.0))) for s in found]
    near = int(np.argmin(angles[:4]))
    assert angles[near] < 5
    assert found[near].lead > 0
    assert found[near].q == pytest.approx(K * math.sin(2 * found[near].tilt))
    assert np.linalg.norm(found[near].normal) == pytest.approx(1)


def test_streaks_come_in_order(pattern):
    strengths = [s.strength for s in FirstLook(pattern, HOLED).streak_normals()]
    assert len(strengths) > 3
    assert strengths == sorted(strengths, reverse=True)


@pytest.mark.parametrize("n_streaks", [0, 4])
def test_a_start_has_the_silhouette(body, pattern, n_streaks):
    look = FirstLook(pattern, RADIUS < 60)
    normals, offsets = look.start_planes(24, random_state=1, likeliest=True, n_streaks=n_streaks)
    assert normals.shape == (24, 3)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    start = widths_of(Solid.from_halfspaces(normals, offsets))
    assert start.mean() == pytest.approx(widths_of(body).mean(), rel=0.12)
    assert np.corrcoef(start, widths_of(body))[0, 1] > 0.8
    for streak in look.streak_normals()[:n_streaks]:
        assert (normals @ np.array(streak.normal)).max() == pytest.approx(1)


@pytest.mark.parametrize("n_faces", [6, 8, 12])
def test_a_start_is_bounded_however_many_streaks_it_takes(pattern, n_faces):
    look = FirstLook(pattern, RADIUS < 60)
    streaks = [streak.normal for streak in look.streak_normals()]
    for seed in range(4):
        normals, offsets = look.start_planes(n_faces, seed, n_streaks=n_faces)
        assert Solid.from_halfspaces(normals, offsets).circumradius < 12 * look.radius
        taken = (normals @ np.array(streaks).T).max(axis=1) > 1 - 1e-9
        assert 1 <= taken.sum() < n_faces


def test_starts_are_drawn_from_the_seed(pattern):
    look = FirstLook(pattern, HOLED)
    one, again, other = (look.start_planes(12, random_state=seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)
    rng = np.random.default_rng(3)
    assert not np.allclose(look.start_planes(12, rng)[1], look.start_planes(12, rng)[1])


def test_starts_have_many_depths(pattern):
    look = FirstLook(pattern, HOLED)
    depths = []
    for seed in range(12):
        solid = Solid.from_halfspaces(*look.start_planes(30, seed, likeliest=True))
        depths.append(np.ptp(np.asarray(solid.vertices)[:, 2]) / (2 * look.radius))
    assert min(depths) < 0.75
    assert max(depths) > 1.0


def noises():
    rng = np.random.default_rng(0)
    photons = rng.poisson(3e4 * np.exp(-RADIUS * DQ / 0.1) + 1)
    return {
        "white": rng.random(RADIUS.shape),
        "few photons": np.log1p(rng.poisson(2.0, RADIUS.shape)),
        "speckle": np.log1p(1e3 * rng.exponential(size=RADIUS.shape) * np.exp(-RADIUS * DQ / 0.1)),
        "photons": np.log1p(photons),
        "empty": np.zeros(RADIUS.shape),
        "even": np.full(RADIUS.shape, 0.3),
    }


@pytest.mark.parametrize("name", list(noises()))
@pytest.mark.parametrize("mask", [RADIUS < 60, HOLED], ids=["whole", "holed"])
def test_no_body_is_seen_in_noise(name, mask):
    look = FirstLook(noises()[name], mask)
    assert not look.shows_body
    assert look.contrast < 1.4
    # and every question has an answer nevertheless
    assert np.isfinite(look.silhouette_widths().widths).all()
    assert np.isfinite(look.start_planes(12, 0)[1]).all()
    look.streak_normals()


def test_a_body_is_seen_through_noise(intensity):
    photons = np.random.default_rng(0).poisson(intensity / intensity.max() * 3e5)
    look = FirstLook(np.log1p(photons) / 12, HOLED)
    assert look.shows_body


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"pattern": np.zeros((4, 4))}, "pattern"),
        ({"pattern": np.full((128, 128), np.nan)}, "pattern"),
        ({"mask": np.zeros((128, 128), bool)}, "mask"),
        ({"mask": np.ones((3, 3), bool)}, "mask"),
        ({"simulator": "silver"}, "simulator"),
        ({"max_shift": -1.0}, "max_shift"),
        ({"mask": ~HOLED, "simulator": MSFTSimulator(mask=HOLED)}, "mask"),
    ],
)
def test_what_is_wrong_is_said(arguments, name):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of FirstLook must be"):
        FirstLook(**{"pattern": np.zeros((128, 128)), **arguments})


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_faces": 3}, "n_faces"),
        ({"n_faces": 8, "n_streaks": 9}, "n_streaks"),
        ({"n_faces": 8, "likeliest": 1}, "likeliest"),
        ({"n_faces": 8, "random_state": -1}, "random_state"),
    ],
)
def test_what_is_wrong_with_a_start_is_said(pattern, arguments, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        FirstLook(pattern).start_planes(**arguments)


def test_measured_patterns_show_bodies_about_their_hole(sample_root):
    data = fetch_barke2015("available", download=False)
    looks = [FirstLook(pattern, mask) for pattern, mask in zip(data.patterns, data.masks, strict=True)]
    assert all(look.shows_body for look in looks)
    assert all(30 < look.radius < 150 for look in looks)
    for look, center in zip(looks, data.centers, strict=True):
        if look.shift != (0.0, 0.0):
            np.testing.assert_allclose(look.shift, center - 64, atol=1.0)
