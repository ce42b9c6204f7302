"""What a pattern says by itself before any fit: whether there is a body, how wide it is, where faces look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import (
    Boolean,
    Instance,
    Integer,
    Real,
    check_array,
    check_mask,
    check_value,
    fail,
)
from scatterkit.experiment import check_detector
from scatterkit.fitting._ellipses import all_ellipses, scores
from scatterkit.fitting._planes import closure, spread_directions
from scatterkit.fitting._radial_cuts import (
    N_AZIMUTHS,
    Cuts,
    azimuths,
    band_ratio,
    length_spectra,
    radial_cuts,
)
from scatterkit.fitting._streaks import N_AZIMUTHS as STREAK_AZIMUTHS
from scatterkit.fitting._streaks import Streak, find_streaks
from scatterkit.fitting._symmetry_center import Center, symmetry_centers
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import Solid

Floats = NDArray[np.float64]

LEAST_CONTRAST = 1.4
"""Patterns of bodies in the box have at least this contrast: of 200 with artifacts the least has 1.6; noise has 1."""
DEPTHS = (0.4, 1.2)
"""Depths of bodies to start from, in units of their mean width."""
WELL_CLOSED = 0.15
"""Smallest `closure` of the half-spaces to start from: a body of less reaches seven times as far as its faces."""
_OWNER = "FirstLook"
_SIGNIFICANCE_SPREAD = 2.0
"""By how much the significance of a symmetry must be less for the chance of that centre to fall to 1/e."""
_LEAST_UNCERTAINTY = 0.03  # of a width: the spacing of what is tried


@dataclass(frozen=True, eq=False)
class SilhouetteWidths:
    """How wide a body is, as seen along the beam.

    Parameters
    ----------
    azimuths : ndarray of shape (36,) [rad]
        Directions in the plane of the detector, from x towards y, over half a circle.
    widths : ndarray of shape (36,) [nm]
        The body's width along each.
    uncertainty : ndarray of shape (36,) [nm]
        Standard deviation of each.
    """

    azimuths: Floats
    widths: Floats
    uncertainty: Floats


class FirstLook:
    """What one pattern says of its body without any fit.

    Parameters
    ----------
    pattern : array-like of shape (rows, columns)
        Log-scaled pattern. Its gain, offset and eps need not be known. Pixels outside the mask may hold anything.
    mask : array-like of bool of shape (rows, columns), optional
        True where a pixel was measured; everything by default.
    simulator : MSFTSimulator, optional
        The experiment: wavelength, detector and box; the published silver configuration by default.
    max_shift : float [pixel], default=3.0
        Largest shift of the pattern's centre, along rows and along columns, that is looked for; 0 for none.

    See Also
    --------
    ForwardFitter : Fits a body.

    Notes
    -----
    The body is opaque, so that at small q the pattern is the squared transform of its silhouette, and the transform of
    the pattern the silhouette's autocorrelation, which reaches along each direction as far as the silhouette is wide.
    The faint edges of that support show in the transform of the high-passed logarithm, in which fringes of all q are
    of like strength, and eps, gain and offset hardly count. It is taken along radial cuts, of which opposite ones
    are put together by their power: the depth of the body, whose phase is even in q, and a shifted centre move their
    fringes to opposite sides. A silhouette speaks through all cuts at once: ellipses are compared by the mean over
    azimuths of the logarithms of fringe strengths at lengths around their width, with weights that were fitted to
    simulated bodies. From the same fringes' symmetry at small q comes the centre.

    On 200 published test bodies half of the mean widths are right to 3 %, nine tenths to 17 %; to 5 % and 19 % on
    patterns with the artifacts of `SimulatedExperiment` (tests/benchmarks/bench_first_look.py). Silhouettes with
    a corner opposite each edge, as of tetrahedra, may be taken for half as wide: corners leave few fringes.

    Examples
    --------
    >>> from scatterkit.fitting import FirstLook
    >>> from scatterkit.simulation import LogScaler, PolyhedronSimulator
    >>> from scatterkit.solids import Solid
    >>> body = Solid.from_catalogue("icosahedron", circumradius=80)
    >>> pattern = LogScaler().transform(PolyhedronSimulator().transform([body]))[0]
    >>> look = FirstLook(pattern)
    >>> look.shows_body
    True
    >>> 68 < look.radius < 82
    True
    """

    def __init__(
        self,
        pattern: ArrayLike,
        mask: ArrayLike | None = None,
        simulator: MSFTSimulator | None = None,
        max_shift: float = 3.0,
    ) -> None:
        check_value(simulator, Instance((MSFTSimulator,), optional=True), name="simulator", owner=_OWNER)
        check_value(max_shift, Real(low=0, high=16, unit="pixels"), name="max_shift", owner=_OWNER)
        self.max_shift = float(max_shift)
        self._centred: dict[tuple[float, float], FirstLook] = {}
        self.simulator = MSFTSimulator() if simulator is None else simulator
        self.simulator._check_parameters()
        self.detector = check_detector(self.simulator.detector, owner="MSFTSimulator")
        shape = self.detector.shape
        flags = check_mask(mask, shape, owner=_OWNER)
        seen = check_mask(self.simulator.mask, shape, owner="MSFTSimulator")
        flags = np.ones(shape, bool) if flags is None else flags
        self.mask = flags if seen is None else flags & seen
        if not self.mask.any():
            raise fail("mask", _OWNER, "True somewhere that the simulator's mask is True", "no such pixel")
        if np.shape(pattern) != shape:
            raise fail(
                "pattern", _OWNER, f"an array of the detector's shape {shape}", f"shape {np.shape(pattern)}"
            )
        self.pattern = check_array(
            np.where(self.mask, pattern, 0), name="pattern", owner=_OWNER, shape=shape, what="a pattern"
        )

    @cached_property
    def contrast(self) -> float:
        """How much stronger the pattern varies with periods that a body in the box can cause than with shorter ones.

        The logarithm of the ratio of the mean powers: about 1 for noise, which the sampling blurs.
        """
        return band_ratio(self._cuts, self.simulator.box)

    @property
    def shows_body(self) -> bool:
        """Whether the pattern has the contrast of a body's pattern."""
        return self.contrast >= LEAST_CONTRAST

    @cached_property
    def shift(self) -> tuple[float, float]:
        """By how many rows and columns the pattern's centre of inversion at small q lies off the detector's centre.

        In pixels, the same sense as ``DetectorResponse.shift``. (0, 0) where no centre stands out, and for a
        `PanelDetector`.
        """
        centers = self._symmetry_centers
        return centers[0].shift if centers and centers[0].stands_out else (0.0, 0.0)

    @cached_property
    def _symmetry_centers(self) -> list[Center]:
        simulator = self.simulator
        return symmetry_centers(
            self.pattern, self.mask, self.detector, simulator.wavelength, simulator.box, self.max_shift
        )

    def centers(self) -> list[tuple[tuple[float, float], float]]:
        """Give the places where the pattern's centre may lie.

        Returns
        -------
        list of ((float, float), float)
            Shifts as `shift` gives them, each with its probability, the likeliest first.

        Notes
        -----
        Where no centre of inversion stands out, the detector's own centre is one of them. Probabilities fall with
        the significance of the symmetry, at a rate that was chosen on simulated patterns with artifacts.
        """
        found = self._symmetry_centers
        best = found[0].significance if found else 0.0
        chances = {each.shift: math.exp((each.significance - best) / _SIGNIFICANCE_SPREAD) for each in found}
        if not found or not found[0].stands_out:
            # the same place is not listed twice
            chances = {shift: chance for shift, chance in chances.items() if math.hypot(*shift) > 1}
            chances = {(0.0, 0.0): 1.0, **chances}
        total = sum(chances.values())
        places = [(shift, chance / total) for shift, chance in chances.items()]
        return sorted(places, key=lambda place: -place[1])

    def centred_at(self, shift: tuple[float, float]) -> FirstLook:
        """Give the same look, with the pattern's centre known.

        Parameters
        ----------
        shift : (float, float) [pixel]
            How far the pattern's centre lies off the detector's, along rows and columns.

        Returns
        -------
        FirstLook
            A look whose `shift` this is; the same one when asked again.
        """
        place = check_array(shift, name="shift", owner=f"{_OWNER}.centred_at", shape=(2,), dtype=np.float64)
        shift = (float(place[0]), float(place[1]))
        if shift not in self._centred:
            look = FirstLook(self.pattern, self.mask, self.simulator, self.max_shift)
            look.__dict__["shift"] = shift
            self._centred[shift] = look
        return self._centred[shift]

    @cached_property
    def _cuts(self) -> Cuts:
        return self._radial_cuts(N_AZIMUTHS)

    def _radial_cuts(self, n_azimuths: int) -> Cuts:
        simulator = self.simulator
        return radial_cuts(
            self.pattern,
            self.mask,
            self.detector,
            simulator.wavelength,
            simulator.box,
            self.shift,
            n_azimuths,
        )

    @cached_property
    def _probabilities(self) -> Floats:
        """Probability of each ellipse that is tried as a silhouette."""
        logs = scores(length_spectra(self._cuts, self.simulator.box))
        weights = np.exp(logs - logs.max())
        return weights / weights.sum()

    def silhouette_widths(self) -> SilhouetteWidths:
        """Give the width of the body's silhouette along azimuths.

        Returns
        -------
        SilhouetteWidths
            Means and standard deviations over the ellipses that were tried, weighted by their probability.
        """
        logs = all_ellipses().widths
        mean = self._probabilities @ logs
        spread = np.sqrt(self._probabilities @ (logs - mean) ** 2 + _LEAST_UNCERTAINTY**2)
        widths = self.simulator.box * np.exp(mean)
        return SilhouetteWidths(azimuths()[: N_AZIMUTHS // 2], widths, widths * spread)

    @cached_property
    def radius(self) -> float:
        """Half of the mean width of the silhouette, in nm: the radius of a sphere of like fringes."""
        return float(self.silhouette_widths().widths.mean() / 2)

    @cached_property
    def radius_uncertainty(self) -> float:
        """Standard deviation of the radius, in nm."""
        sizes = all_ellipses().logs[:, 0]
        spread = self._probabilities @ (sizes - self._probabilities @ sizes) ** 2
        return self.radius * math.sqrt(spread + _LEAST_UNCERTAINTY**2)

    def streak_normals(self) -> list[Streak]:
        """Give the bright spots of the pattern with the normals of the faces that would reflect there.

        Returns
        -------
        list of Streak
            The strongest first. Several lie on one streak; the weaker ones are mostly fringes.

        Notes
        -----
        A face with normal n scatters along the rod through q = 0 along n, which meets the Ewald sphere in
        q = -2 k n_z n, the direction of reflection. Faces that lean by less than 45 degrees towards the beam reflect
        onto the forward half space. Steep faces are narrow as seen along the beam, and the streak across them
        reaches from the centre to beyond that spot, on the side to which the face looks.
        """
        cuts = self._radial_cuts(STREAK_AZIMUTHS)
        return find_streaks(cuts, 2 * math.pi / self.simulator.wavelength, 2 * self.radius)

    def start_planes(
        self,
        n_faces: int,
        random_state: RandomState = None,
        *,
        likeliest: bool = False,
        n_streaks: int = 0,
    ) -> tuple[Floats, Floats]:
        """Draw a body to start a fit from: its silhouette by the pattern, its depth and slant at random.

        Parameters
        ----------
        n_faces : int
            Number of half-spaces, at least 6.
        random_state : int, numpy.random.Generator or None
            Draws the silhouette by its probability, the depth, the slant and the turn of the faces.
        likeliest : bool, default=False
            Take the likeliest silhouette instead.
        n_streaks : int, default=0
            Turn the nearest half-space to the normal of each of so many streaks, the strongest first. Streaks whose
            half-space is needed to close the body are left out: all of them look towards the beam.

        Returns
        -------
        normals : ndarray of shape (n_faces, 3)
            Outward unit normals (x, y, z).
        offsets : ndarray of shape (n_faces,) [nm]
            Distances from the origin. The planes touch an ellipsoid, shrunk by as much as their corners stand out
            of the silhouette.
        """
        check_value(n_faces, Integer(6), name="n_faces", owner=f"{_OWNER}.start_planes")
        check_value(likeliest, Boolean(), name="likeliest", owner=f"{_OWNER}.start_planes")
        check_value(n_streaks, Integer(0, n_faces), name="n_streaks", owner=f"{_OWNER}.start_planes")
        rng = check_random_state(random_state, owner=f"{_OWNER}.start_planes")
        p = self._probabilities
        chosen = int(p.argmax()) if likeliest else int(rng.choice(p.size, p=p))
        widths = self.simulator.box * np.exp(all_ellipses().widths[chosen])
        matrix = _ellipsoid(widths, rng)
        normals = Rotation.random(rng=rng).apply(spread_directions(n_faces))
        if n_streaks:
            normals = _turned(normals, [streak.normal for streak in self.streak_normals()[:n_streaks]])
        offsets = np.sqrt(np.einsum("ni,ij,nj->n", normals, matrix, normals))
        corners = np.asarray(Solid.from_halfspaces(normals, offsets).vertices)[:, :2]
        outline = corners @ _directions(len(widths)).T
        return normals, offsets * (widths.mean() / np.ptp(outline, axis=0).mean())


def _turned(normals: Floats, wanted: list[tuple[float, float, float]]) -> Floats:
    """Put each wanted normal in the place of the nearest one that is left, while all of them close a body."""
    normals, left = normals.copy(), np.ones(len(normals), bool)
    for normal in np.array(wanted).reshape(-1, 3):
        nearest = int(np.where(left, normals @ normal, -2).argmax())
        trial = normals.copy()
        trial[nearest] = normal
        if closure(trial) > WELL_CLOSED:
            normals, left[nearest] = trial, False
    return normals


def _directions(n: int) -> Floats:
    """Unit vectors (n, 2) over half a circle."""
    angles = math.pi * np.arange(n) / n
    return np.column_stack([np.cos(angles), np.sin(angles)])


def _ellipsoid(widths: Floats, rng: np.random.Generator) -> Floats:
    """Give the matrix M of an ellipsoid, whose support function is sqrt(n M n), with given widths of its silhouette.

    The silhouette depends on the block of x and y alone; depth and slant are drawn.
    """
    u = _directions(len(widths))
    products = np.column_stack([u[:, 0] ** 2, 2 * u[:, 0] * u[:, 1], u[:, 1] ** 2])
    xx, xy, yy = np.linalg.lstsq(products, widths**2 / 4, rcond=None)[0]
    plane = np.array([[xx, xy], [xy, yy]])
    half_depth = widths.mean() / 2 * rng.uniform(*DEPTHS)
    # the middle of the front may lie off the middle of the silhouette by half a semi-axis
    slant = np.linalg.cholesky(plane) @ rng.uniform(-0.35, 0.35, 2) * half_depth
    return np.block([[plane, slant[:, None]], [slant[None], np.array([[half_depth**2]])]])


__all__ = ["LEAST_CONTRAST", "FirstLook", "SilhouetteWidths", "Streak"]
