"""The operations of the point groups, as matrices, from a few generators of each.

The main axis lies along z, a twofold axis or mirror plane across it along x; cubic and icosahedral groups have twofold
or fourfold axes along x, y and z (Schoenflies notation; International Tables for Crystallography A, chapter 3.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from scatterkit.fitting._planes import Floats
from scatterkit.solids.symmetry import rotation_matrix

HIGHEST_ORDER = 12

_X, _Z = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
_DIAGONAL = np.ones(3) / np.sqrt(3)
_FIVEFOLD = np.array([0.0, 1.0, (1 + np.sqrt(5)) / 2]) / np.sqrt((5 + np.sqrt(5)) / 2)
_INVERSION, _ACROSS, _UPRIGHT = -np.eye(3), np.diag([1.0, 1.0, -1.0]), np.diag([1.0, -1.0, 1.0])

_TETRAHEDRAL = [rotation_matrix(_Z, np.pi), rotation_matrix(_DIAGONAL, 2 * np.pi / 3)]
_OCTAHEDRAL = [rotation_matrix(_Z, np.pi / 2), rotation_matrix(_DIAGONAL, 2 * np.pi / 3)]
_ICOSAHEDRAL = [*_TETRAHEDRAL, rotation_matrix(_FIVEFOLD, 2 * np.pi / 5)]

GENERATORS: dict[str, list[Floats]] = {
    "C_1": [],
    "C_i": [_INVERSION],
    "C_s": [_ACROSS],
    "T": _TETRAHEDRAL,
    "T_d": [*_TETRAHEDRAL, rotation_matrix(_Z, np.pi / 2) @ _ACROSS],
    "T_h": [*_TETRAHEDRAL, _INVERSION],
    "O": _OCTAHEDRAL,
    "O_h": [*_OCTAHEDRAL, _INVERSION],
    "I": _ICOSAHEDRAL,
    "I_h": [*_ICOSAHEDRAL, _INVERSION],
}


def _axial_generators(family: str, order: int, mirrors: str) -> list[Floats]:
    """Generators of C_n, C_nv, C_nh, D_n, D_nh, D_nd and S_2n (there the order is 2n)."""
    rotary = rotation_matrix(_Z, np.pi / (order // 2 if family == "S" else order)) @ _ACROSS
    if family == "S":
        return [rotary]
    extra = {"": [], "v": [_UPRIGHT], "h": [_ACROSS], "d": [rotary]}[mirrors]
    twofold = [rotation_matrix(_X, np.pi)] if family == "D" else []
    return [rotation_matrix(_Z, 2 * np.pi / order), *twofold, *extra]


def _generators(name: str) -> list[Floats] | None:
    """The generators of a group by its name, None for no known group."""
    if name in GENERATORS:
        return GENERATORS[name]
    found = re.fullmatch(r"(?:(C)_(\d+)([vh]?)|(D)_(\d+)([hd]?)|(S)_(\d*[02468])())", name)
    if found is None:
        return None
    family, number, mirrors = (part for part in found.groups() if part is not None)
    order = int(number)
    if not 2 <= order <= HIGHEST_ORDER or (family == "S" and order < 4):
        return None
    return _axial_generators(family, order, mirrors)


@dataclass(frozen=True)
class PointGroup:
    """The Schoenflies name of a point group."""

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and _generators(value) is not None

    def describe(self) -> str:
        return (
            f"the Schoenflies name of a point group: {', '.join(map(repr, GENERATORS))}, or 'C_n', 'C_nv', 'C_nh', "
            f"'D_n', 'D_nh', 'D_nd', 'S_n' with an order n up to {HIGHEST_ORDER} (even for S)"
        )


@lru_cache(maxsize=32)
def group_matrices(name: str) -> Floats:
    """Give the operations of a point group, ``(g, 3, 3)``, the identity first.

    New operations are products of known ones with a generator, until there are none.
    """
    generators = _generators(name)
    if generators is None:
        raise ValueError(f"{name!r} is not {PointGroup().describe()}.")
    known = {_key(np.eye(3)): np.eye(3)}
    latest = [np.eye(3)]
    while latest:
        products = [generator @ matrix for matrix in latest for generator in generators]
        new = {key: product for product in products if (key := _key(product)) not in known}
        known.update(new)
        latest = list(new.values())
    matrices = np.array(list(known.values()))
    matrices.setflags(write=False)
    return matrices


def _key(matrix: Floats) -> bytes:
    return (np.rint(matrix * 1e5).astype(np.int64)).tobytes()
