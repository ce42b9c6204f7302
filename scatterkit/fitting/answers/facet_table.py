"""The lit facets of a fitted body as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scatterkit._validation import Instance, check_value, fail
from scatterkit.fitting._planes import Floats
from scatterkit.fitting.answers._lit import check_polyhedron, lit_side
from scatterkit.fitting.answers.indexing import CrystalOrientation
from scatterkit.fitting.answers.uncertainty import FacetUncertainty
from scatterkit.solids import Solid

if TYPE_CHECKING:
    from xarray import Dataset


@dataclass(frozen=True)
class FacetTable:
    """The facets of a convex body that the beam strikes, those that fill most of its outline first.

    Parameters
    ----------
    faces : ndarray of int of shape (k,)
        Their numbers in ``solid.normals``.
    normals : ndarray of shape (k, 3)
        Outward unit normals (x, y, z); z is negative.
    distances : ndarray of shape (k,) [nm]
        Distances of their planes from the origin.
    areas : ndarray of shape (k,) [nm^2]
        Areas.
    shares : ndarray of shape (k,) [1]
        Areas over that of the whole lit surface.
    beam_shares : ndarray of shape (k,) [1]
        The part of the body's outline that each fills.
    origin : ndarray of shape (3,) [nm]
        Where distances are measured from: the mean of the lit surface's points (x, y, z) over the body's outline.
    uncertainty : FacetUncertainty or None
        How well distances and normals are known, for ``faces`` in the same order.
    crystal : CrystalOrientation or None
        Miller indices, for the same facets.

    See Also
    --------
    facet_table : Makes one.
    """

    faces: NDArray[np.int64]
    normals: Floats
    distances: Floats
    areas: Floats
    shares: Floats
    beam_shares: Floats
    origin: Floats
    uncertainty: FacetUncertainty | None = None
    crystal: CrystalOrientation | None = None

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def tilts(self) -> Floats:
        """Angles in rad between the normals and the way back along the beam: 0 faces the beam."""
        return np.arccos(np.clip(-self.normals[:, 2], -1, 1))

    @property
    def azimuths(self) -> Floats:
        """Angles in rad of the normals about the beam, from +x towards +y, the detector's right and down."""
        return np.arctan2(self.normals[:, 1], self.normals[:, 0])

    @property
    def angles(self) -> Floats:
        """Angles (k, k) in rad between the normals."""
        return np.arccos(np.clip(self.normals @ self.normals.T, -1, 1)) * (1 - np.eye(len(self)))

    @property
    def determined(self) -> NDArray[np.bool_]:
        """Whether the pattern tells a facet's place; all True where no uncertainty is known."""
        known = self.uncertainty
        return np.ones(len(self), dtype=bool) if known is None else known.determined

    def to_dataset(self) -> Dataset:
        """Give the table as a data set.

        Returns
        -------
        xarray.Dataset
            One row a facet, units as attributes.
        """
        from scatterkit.fitting.answers._tables import facet_dataset

        return facet_dataset(self)

    def __str__(self) -> str:
        from scatterkit.fitting.answers._tables import facet_lines

        return "\n".join(facet_lines(self))


def facet_table(
    solid: Solid,
    *,
    uncertainty: FacetUncertainty | None = None,
    crystal: CrystalOrientation | None = None,
) -> FacetTable:
    """List the facets of a convex body that the beam strikes.

    Faces on the far side are left out: a pattern says little of them.

    Parameters
    ----------
    solid : Solid
        A convex polyhedron.
    uncertainty : FacetUncertainty, optional
        What `parameter_uncertainty` gave for this body.
    crystal : CrystalOrientation, optional
        What `guess_fcc` gave for this body.

    Returns
    -------
    FacetTable
        The facets.

    Examples
    --------
    >>> from scatterkit.fitting.answers import facet_table
    >>> from scatterkit.solids import Solid
    >>> table = facet_table(Solid.from_catalogue("octahedron", circumradius=50))
    >>> len(table), (180 / 3.14159265 * table.tilts).round(2).tolist()
    (4, [54.74, 54.74, 54.74, 54.74])
    >>> str(table).splitlines()[0].split()
    ['facet', 'outline', 'area', 'nm^2', 'distance', 'nm', 'tilt', 'azimuth']
    """
    owner = "facet_table"
    check_polyhedron(solid, owner=owner)
    check_value(uncertainty, Instance((FacetUncertainty,), optional=True), name="uncertainty", owner=owner)
    check_value(crystal, Instance((CrystalOrientation,), optional=True), name="crystal", owner=owner)
    lit = lit_side(solid)
    order = np.argsort(-lit.beam_areas, kind="stable")
    faces = lit.faces[order]
    for name, part in (("uncertainty", uncertainty), ("crystal", crystal)):
        if part is not None and not np.array_equal(part.faces, lit.faces):
            raise fail(
                name,
                owner,
                f"one of this body, with its lit faces {lit.faces.tolist()}",
                f"{part.faces.tolist()}",
            )
    return FacetTable(
        faces=faces,
        normals=solid.normals[faces],
        distances=solid.offsets[faces] - solid.normals[faces] @ lit.origin,
        areas=lit.areas[order],
        shares=lit.areas[order] / lit.areas.sum(),
        beam_shares=lit.beam_shares[order],
        origin=lit.origin,
        uncertainty=None if uncertainty is None else uncertainty.ordered(order),
        crystal=None if crystal is None else crystal.ordered(order),
    )


__all__ = ["FacetTable", "facet_table"]
