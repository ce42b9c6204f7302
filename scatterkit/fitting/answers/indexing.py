"""Which crystal facets a body of a face-centred cubic metal may show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from scatterkit._random import RandomState, check_random_state
from scatterkit._validation import Integer, Real, check_value, fail, shown
from scatterkit.fitting._planes import Floats
from scatterkit.fitting.answers._lit import check_polyhedron, lit_side
from scatterkit.solids import Solid

LARGEST = 8
"""Pairs of this many of the largest facets suggest orientations."""
REFINED = 6
"""So many of the best orientations are refined."""
FITS = 0.8
"""A single crystal accounts for at least this share of the lit outline."""
RARE = 0.05
"""Directions drawn at random fit as well with no more than this probability."""


@dataclass(frozen=True)
class CrystalOrientation:
    """The orientation of a face-centred cubic crystal whose low-index planes match most of the lit facets.

    Parameters
    ----------
    faces : ndarray of int of shape (k,)
        The lit facets, as numbers of ``solid.normals``.
    indices : ndarray of int of shape (k, 3)
        Miller indices of the plane nearest to each.
    misfits : ndarray of shape (k,) [rad]
        Angles between facets and those planes.
    tolerance : float [rad]
        Facets within this angle count as matched.
    share : float [1]
        Share of the lit outline whose facets are matched.
    rotation : scipy.spatial.transform.Rotation
        Turns crystal directions into the laboratory's.
    chance : float [1]
        Mean of ``share`` for as many facets of the same sizes in random directions, each with its own best orientation;
        NaN where less than 80 % of the outline are matched, which no comparison could mend.
    probability : float [1]
        How often those random directions reach this share; NaN likewise.

    See Also
    --------
    guess_fcc : Makes one.
    """

    faces: NDArray[np.int64]
    indices: NDArray[np.int64]
    misfits: Floats
    tolerance: float
    share: float
    rotation: Rotation
    chance: float
    probability: float

    @property
    def fits(self) -> bool:
        """Whether one crystal accounts for the facets, and random directions would hardly do as well."""
        return self.share >= FITS and self.probability <= RARE

    @property
    def matched(self) -> NDArray[np.bool_]:
        """Whether each facet is within the tolerance of its plane."""
        return self.misfits <= self.tolerance

    @property
    def labels(self) -> list[str]:
        """Miller indices in words: ``"(1 -1 1)"``, and ``"-"`` for facets beyond the tolerance."""
        words = ["(" + " ".join(map(str, plane)) + ")" for plane in self.indices.tolist()]
        return [word if near else "-" for word, near in zip(words, self.matched, strict=True)]

    def ordered(self, order: NDArray[np.int64]) -> CrystalOrientation:
        """Give the same with the facets in another order.

        Parameters
        ----------
        order : ndarray of int of shape (k,)
            The old places of the facets.

        Returns
        -------
        CrystalOrientation
            The same orientation.
        """
        return replace(
            self, faces=self.faces[order], indices=self.indices[order], misfits=self.misfits[order]
        )

    def __str__(self) -> str:
        reach = np.degrees(self.tolerance)
        seen = f"{self.share:.0%} of the lit outline within {reach:.1f} degrees of low-index planes"
        if not np.isnan(self.chance):
            often = f"as much with probability {self.probability:.2g}"
            seen += f" (random directions: {self.chance:.0%} on average, {often})"
        if self.fits:
            return f"one fcc orientation fits: {seen}"
        if self.share >= FITS:
            return f"fcc indices mean nothing here, chance would fit as well: {seen}"
        return f"no single fcc orientation fits (twinned, another lattice, or facets too uncertain): {seen}"


def guess_fcc(
    solid: Solid,
    *,
    families: Sequence[tuple[int, int, int]] = ((1, 1, 1), (1, 0, 0), (1, 1, 0)),
    tolerance: float = np.radians(4.0),
    n_random: int = 100,
    random_state: RandomState = 0,
) -> CrystalOrientation:
    """Find the cubic orientation that makes most of the lit facets low-index planes.

    Parameters
    ----------
    solid : Solid
        A convex polyhedron.
    families : sequence of (int, int, int), default=((1, 1, 1), (1, 0, 0), (1, 1, 0))
        Miller indices of one plane of each family; all planes that the cube's symmetry makes of it count.
    tolerance : float [rad], default=0.0698 (4 degrees)
        Largest angle between a facet and its plane; take about twice the normals' uncertainty.
    n_random : int, default=100
        Sets of random directions for comparison; none are drawn where the share alone says that nothing fits.
    random_state : int, numpy.random.Generator or None, default=0
        Draws those.

    Returns
    -------
    CrystalOrientation
        The best orientation, and how good a random body would look.

    Notes
    -----
    Pairs of facets whose angle is that of a pair of planes suggest orientations; the best are refined by least squares
    (Kabsch) over the facets they match. Facets count with their part of the body's outline. A few facets can always
    be matched: two by construction, and 26 planes of three families cover 3 % of all directions within 4 degrees.
    Therefore the same search is done on random directions of the lit side, no two of them closer than the closest
    of the body. Multiply twinned bodies (decahedra, icosahedra) are not single crystals, and are not matched.

    Examples
    --------
    >>> from scatterkit.fitting.answers import guess_fcc
    >>> from scatterkit.solids import Solid
    >>> from scipy.spatial.transform import Rotation
    >>> body = Solid.from_catalogue("truncated_octahedron").rotate(Rotation.from_rotvec([0.3, 0.5, 0.1]))
    >>> guess = guess_fcc(body, n_random=50)
    >>> guess.fits, sorted({tuple(sorted(abs(plane))) for plane in guess.indices})
    (True, [(np.int64(0), np.int64(0), np.int64(1)), (np.int64(1), np.int64(1), np.int64(1))])
    >>> guess_fcc(Solid.from_catalogue("icosahedron"), n_random=50).fits
    False
    """
    owner = "guess_fcc"
    check_polyhedron(solid, owner=owner)
    check_value(tolerance, Real(low=0, high=0.35, open_low=True, unit="rad"), name="tolerance", owner=owner)
    check_value(n_random, Integer(1), name="n_random", owner=owner)
    rng = check_random_state(random_state, owner=owner)
    search = _Search(_checked_families(families, owner), tolerance)
    lit = lit_side(solid)
    normals, weights = solid.normals[lit.faces], lit.beam_shares
    rotation, share = search.best(normals, weights)
    n_sets = n_random if share >= FITS else 0
    shares = np.array([search.best(drawn, weights)[1] for drawn in _random_sets(normals, n_sets, rng)])
    planes, misfits = search.matches(rotation, normals)
    return CrystalOrientation(
        faces=lit.faces,
        indices=search.indices[planes],
        misfits=misfits,
        tolerance=float(tolerance),
        share=share,
        rotation=rotation,
        chance=float(shares.mean()) if n_sets else np.nan,
        probability=float((1 + np.count_nonzero(shares >= share - 1e-9)) / (1 + n_sets))
        if n_sets
        else np.nan,
    )


class _Search:
    """Orientations of a cubic crystal from pairs of facets."""

    def __init__(self, families: list[tuple[int, int, int]], tolerance: float) -> None:
        self.tolerance = tolerance
        self.indices = np.vstack([_family(family) for family in families])
        self.planes = self.indices / np.linalg.norm(self.indices, axis=1)[:, None]
        starts = np.cumsum([0, *(len(_family(family)) for family in families[:-1])])
        self.first = self.planes[starts]  # the cube's rotations make all others of a family alike

    def best(self, normals: Floats, weights: Floats) -> tuple[Rotation, float]:
        """Give the best orientation and the share of the weights that it matches."""
        turns = self._candidates(normals, weights)
        if not len(turns):
            return Rotation.identity(), self._share(np.eye(3)[None], normals, weights)[0]
        shares = self._share(turns, normals, weights)
        top = np.argsort(-shares, kind="stable")[:REFINED]
        refined, shares = self._refined(turns[top], normals, weights)
        misfits = np.minimum(self._nearest(refined, normals)[1], self.tolerance) ** 2 @ weights
        best = np.lexsort([misfits, -shares])[0]
        return Rotation.from_matrix(refined[best]), float(shares[best])

    def matches(self, rotation: Rotation, normals: Floats) -> tuple[NDArray[np.int64], Floats]:
        """Give for each facet the number of the nearest plane and the angle to it."""
        planes, misfits = self._nearest(rotation.as_matrix()[None], normals)
        return planes[0], misfits[0]

    def _candidates(self, normals: Floats, weights: Floats) -> Floats:
        """Rotation matrices (c, 3, 3) that put pairs of planes upon pairs of facets."""
        large = normals[np.argsort(-weights, kind="stable")[:LARGEST]]
        between_facets = np.arccos(np.clip(large @ large.T, -1, 1))
        between_planes = np.arccos(np.clip(self.first @ self.planes.T, -1, 1))
        apart = np.abs(between_facets[:, :, None, None] - between_planes[None, None])
        pairs = (apart < 2 * self.tolerance) & (between_facets[:, :, None, None] > 0.1)
        i, j, first, second = np.nonzero(pairs & (np.abs(np.sin(between_planes)) > 0.1))
        facets, crystal = _frames(large[i], large[j]), _frames(self.first[first], self.planes[second])
        turns: Floats = facets.transpose(0, 2, 1) @ crystal
        return turns

    def _cosines(self, turns: Floats, normals: Floats) -> Floats:
        """Cosines (c, k, p) between facets and the planes of crystals turned by matrices (c, 3, 3)."""
        cosines: Floats = normals @ turns @ self.planes.T
        return cosines

    def _share(self, turns: Floats, normals: Floats, weights: Floats) -> Floats:
        near = self._cosines(turns, normals).max(axis=2) >= np.cos(self.tolerance)
        shares: Floats = near @ weights
        return shares

    def _nearest(self, turns: Floats, normals: Floats) -> tuple[NDArray[np.int64], Floats]:
        cosines = self._cosines(turns, normals)
        return cosines.argmax(axis=2), np.arccos(np.clip(cosines.max(axis=2), -1, 1))

    def _refined(self, turns: Floats, normals: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Fit orientations (c, 3, 3) to the facets that they match; give them with their shares (c,)."""
        best, reached = turns.copy(), self._share(turns, normals, weights)
        for _ in range(3):
            planes, misfits = self._nearest(turns, normals)
            near = misfits < 1.5 * self.tolerance
            fitted = _aligned(normals, self.planes[planes], weights * near)
            turns = np.where((near.sum(axis=1) >= 2)[:, None, None], fitted, turns)
            shares = self._share(turns, normals, weights)
            better = shares >= reached
            best[better], reached[better] = turns[better], shares[better]
        return best, reached


def _aligned(to: Floats, of: Floats, weights: Floats) -> Floats:
    """Matrices (c, 3, 3) that turn vectors (c, k, 3) nearest to others (k, 3), by weights (c, k).

    W. Kabsch, Acta Cryst. A 32, 922 (1976).
    """
    u, _, vt = np.linalg.svd((to * weights[..., None]).swapaxes(1, 2) @ of)
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    turns: Floats = u @ vt
    return turns


def _frames(first: Floats, second: Floats) -> Floats:
    """Right-handed frames (c, 3, 3), rows: the first vector, one across both, and the third."""
    across = np.cross(first, second)
    across /= np.linalg.norm(across, axis=1)[:, None]
    return np.stack([first, across, np.cross(first, across)], axis=1)


def _family(indices: tuple[int, int, int]) -> NDArray[np.int64]:
    """All planes that the cube's symmetry makes of one."""
    planes = {
        tuple(s * v for s, v in zip(signs, order, strict=True))
        for order in permutations(indices)
        for signs in product((1, -1), repeat=3)
    }
    return np.array(sorted(planes, reverse=True), dtype=np.int64)


def _checked_families(families: Sequence[tuple[int, int, int]], owner: str) -> list[tuple[int, int, int]]:
    allowed = "a sequence of Miller indices (h, k, l), whole numbers and not all zero"
    try:
        given = [tuple(int(part) for part in family) for family in families]
        exact = all(list(a) == list(b) for a, b in zip(given, families, strict=True))
    except (TypeError, ValueError) as error:
        raise fail("families", owner, allowed, shown(families)) from error
    if not given or not exact or any(len(family) != 3 or not any(family) for family in given):
        raise fail("families", owner, allowed, shown(families))
    return [(family[0], family[1], family[2]) for family in given]


def _random_sets(normals: Floats, n: int, rng: np.random.Generator) -> list[Floats]:
    """As many directions of the lit side as there are normals, n times, none closer than the closest of these."""
    cosines = normals @ normals.T - 2 * np.eye(len(normals))
    closest = float(cosines.max()) if len(normals) > 1 else 1.0
    return [_apart(len(normals), closest, rng) for _ in range(n)]


def _apart(count: int, closest: float, rng: np.random.Generator) -> Floats:
    """Uniform directions with z < 0, pairwise cosines at most ``closest``; looser where they do not find room."""
    chosen = np.zeros((0, 3))
    limit = closest
    while len(chosen) < count:
        drawn = rng.normal(size=(50, 3))
        drawn *= (-np.sign(drawn[:, 2]) / np.linalg.norm(drawn, axis=1))[:, None]
        before = len(chosen)
        for direction in drawn[(drawn @ chosen.T).max(axis=1, initial=-1) <= limit]:
            if len(chosen) < count and (chosen[before:] @ direction).max(initial=-1) <= limit:
                chosen = np.vstack([chosen, direction])
        if len(chosen) == before:
            limit += 0.1 * (1 - limit)
    return chosen


__all__ = ["CrystalOrientation", "guess_fcc"]
