"""Facet tables as text and as data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from xarray import Dataset

    from scatterkit.fitting.answers.facet_table import FacetTable

LEVEL = 0.9
"""Intervals and cones in tables hold the truth with this probability."""


def facet_lines(table: FacetTable) -> list[str]:
    """Give a table of the facets in lines: lengths in nm, angles in degrees."""
    heads = ["facet", "outline", "area nm^2", "distance nm", "tilt", "azimuth"]
    columns = [
        [str(number) for number in range(1, len(table) + 1)],
        [f"{share:.1%}" for share in table.beam_shares],
        [f"{area:.0f}" for area in table.areas],
        _distances(table),
        [f"{value:.1f}" for value in np.degrees(table.tilts)],
        [f"{value:.1f}" for value in np.degrees(table.azimuths)],
    ]
    known = table.uncertainty
    if known is not None:
        heads.append("normal within")
        columns.append([f"{value:.1f}" for value in np.degrees(known.normal_cones(LEVEL))])
    if table.crystal is not None:
        heads += ["fcc", "misfit"]
        columns.append(table.crystal.labels)
        columns.append([f"{value:.1f}" for value in np.degrees(table.crystal.misfits)])
    if known is not None and known.n_alternatives:
        heads.append("seen in")
        columns.append([f"{share:.0%}" for share in known.seen_in])
    if known is not None:
        heads.append("")
        columns.append(["" if fine else "not determined" for fine in known.determined])
    return aligned(heads, columns)


def _distances(table: FacetTable) -> list[str]:
    if table.uncertainty is None:
        return [f"{value:.1f}" for value in table.distances]
    reach = np.diff(table.uncertainty.distance_intervals(LEVEL), axis=1)[:, 0] / 2
    return [
        f"{value:.1f} +- {half:.1f}" if half < 10 else f"{value:.0f} +- {half:.0f}"
        for value, half in zip(table.distances, reach, strict=True)
    ]


def aligned(heads: list[str], columns: list[list[str]]) -> list[str]:
    """Set columns of words flush right, under their heads."""
    widths = [max(map(len, [head, *column]), default=0) for head, column in zip(heads, columns, strict=True)]
    rows = [heads, *map(list, zip(*columns, strict=True))]
    return [
        "  ".join(word.rjust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def angle_lines(table: FacetTable, most: int = 12) -> list[str]:
    """Give the angles between the largest facets in lines, in degrees."""
    n = min(len(table), most)
    angles = np.degrees(table.angles)
    heads = ["facet", *(str(number) for number in range(1, n + 1))]
    columns = [heads[1:]]
    columns += [
        [f"{angles[row, column]:.1f}" if row > column else "" for row in range(n)] for column in range(n)
    ]
    return aligned(heads, columns)


def facet_dataset(table: FacetTable) -> Dataset:
    """Give a facet table as a data set."""
    import xarray as xr

    variables: dict[str, Any] = {
        "face": ("facet", table.faces, {"long_name": "number of the face in the solid"}),
        "normal": (("facet", "axis"), table.normals, {"units": "1"}),
        "distance": ("facet", table.distances, {"units": "nm", "long_name": "distance from the origin"}),
        "area": ("facet", table.areas, {"units": "nm^2"}),
        "share": ("facet", table.shares, {"units": "1", "long_name": "share of the lit area"}),
        "beam_share": ("facet", table.beam_shares, {"units": "1", "long_name": "share of the outline"}),
        "tilt": ("facet", table.tilts, {"units": "rad", "long_name": "angle to the beam"}),
        "azimuth": ("facet", table.azimuths, {"units": "rad", "long_name": "angle about the beam"}),
        "determined": ("facet", table.determined),
        "angle": (("facet", "other_facet"), table.angles, {"units": "rad"}),
        "origin": ("axis", table.origin, {"units": "nm", "long_name": "mean of the lit surface"}),
    }
    known = table.uncertainty
    if known is not None:
        variables |= {
            "distance_sigma": ("facet", known.distance_sigma, {"units": "nm"}),
            "distance_interval": (
                ("facet", "end"),
                known.distance_intervals(LEVEL),
                {"units": "nm", "probability": LEVEL},
            ),
            "distance_covariance": (("facet", "other_facet"), known.covariance, {"units": "nm^2"}),
            "normal_sigma": ("facet", known.normal_sigma, {"units": "rad"}),
            "normal_cone": ("facet", known.normal_cones(LEVEL), {"units": "rad", "probability": LEVEL}),
            "seen_in": ("facet", known.seen_in, {"units": "1", "long_name": "share of alternatives"}),
        }
    if table.crystal is not None:
        variables |= {
            "miller": (("facet", "hkl"), table.crystal.indices),
            "misfit": ("facet", table.crystal.misfits, {"units": "rad"}),
            "indexed": ("facet", table.crystal.matched),
        }
    dataset = xr.Dataset(variables, coords={"axis": list("xyz")})
    if known is not None:
        dataset = dataset.assign_coords(end=["low", "high"])
        dataset.attrs["noise_from"] = known.noise
    if table.crystal is not None:
        dataset.attrs["fcc"] = str(table.crystal)
    return dataset
