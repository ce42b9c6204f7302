"""What is unusual in a data set: each check with what was found, and whether that is as it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.transform import Rotation

from scatterkit.datasets.summary._scan import Scan, repeated_rows

SHOWN = 8  # numbers of samples in a message
SURE = 1e-4  # probability below which a deviation is no accident
FEW = 50  # samples below which nothing is said of distributions


@dataclass(frozen=True)
class DataCheck:
    """One check of a data set.

    Parameters
    ----------
    name : str
        What should be so, such as "No pattern occurs twice".
    ok : bool
        Whether it is.
    words : str
        What was found; where it is not so, the samples by number.

    Examples
    --------
    >>> from scatterkit.datasets import DataCheck
    >>> print(DataCheck("No volume is empty", False, "not in 1 of 20 samples read: 7"))
    warning: No volume is empty: not in 1 of 20 samples read: 7
    """

    name: str
    ok: bool
    words: str

    def __str__(self) -> str:
        return f"{'OK' if self.ok else 'warning'}: {self.name}: {self.words}"


class Checks:
    """The checks of a set: of the pictures that were read, and of the coordinates of all samples.

    ``numbers`` are the samples' own, which messages name; elsewhere a sample is its place in the set.
    """

    def __init__(self, scan: Scan, columns: Mapping[str, NDArray[Any]], numbers: Sequence[int]) -> None:
        self.scan = scan
        self.columns = columns
        self.numbers = numbers

    def all(self, *, volumes: bool) -> list[DataCheck]:
        """Give all checks that apply, also those of volumes where there are such."""
        found = [
            self._none("Patterns hold finite numbers", "not finite"),
            self._none("Every pattern has measured pixels", "no measured pixel"),
            self._none("No pattern is the same in all pixels", "constant"),
        ]
        if self.scan.scaled:
            found.append(self._none("Patterns lie within [0, 1]", "beyond scale"))
        read = len(self.scan.samples)
        found.append(self._groups("No pattern occurs twice", self.scan.copies, f"{read} patterns read"))
        if volumes:
            found += [
                self._none("Occupancies lie within [0, 1]", "bad occupancy"),
                self._none("No volume is empty", "empty"),
                self._none("No body touches the box", "touching"),
            ]
        return found + self._of_columns()

    def _of_columns(self) -> list[DataCheck]:
        found, n = [], len(self.numbers)
        repeated = repeated_rows(dict(self.columns))
        if repeated is not None:
            found.append(self._groups("No two samples have the same descriptors", repeated, f"{n} samples"))
        size = self.columns.get("size")
        if size is not None and size.dtype.kind in "fiu":
            bad = np.flatnonzero(~(np.isfinite(size) & (size > 0))).tolist()
            found.append(DataCheck("Sizes are positive", not bad, self._which(bad, f"{n} samples")))
        turns = unit_quaternions(self.columns)
        if turns is not None:
            bad = np.flatnonzero(~_is_unit(self.columns["quaternion"])).tolist()
            words = self._which(bad, f"{n} samples")
            found.append(DataCheck("Orientations are unit quaternions", not bad, words))
            if len(turns) >= FEW:
                found.append(_uniform(turns))
        return found

    def _none(self, name: str, what: str) -> DataCheck:
        bad = self.scan.found.get(what, [])
        return DataCheck(name, not bad, self._which(bad, f"{len(self.scan.samples)} samples read"))

    def _groups(self, name: str, groups: list[list[int]], of: str) -> DataCheck:
        if not groups:
            return DataCheck(name, True, f"none of {of}")
        first = "; ".join(" = ".join(self._named(group)) for group in groups[:3])
        extra = sum(len(group) - 1 for group in groups)
        more = "; ..." if len(groups) > 3 else ""
        return DataCheck(name, False, f"{extra} repeated of {of}: samples {first}{more}")

    def _which(self, bad: list[int], of: str) -> str:
        return f"not in {len(bad)} of {of}: " + ", ".join(self._named(bad)) if bad else f"all {of}"

    def _named(self, places: list[int]) -> list[str]:
        return [str(self.numbers[place]) for place in places[:SHOWN]] + ["..."] * (len(places) > SHOWN)


def unit_quaternions(columns: Mapping[str, NDArray[Any]]) -> NDArray[Any] | None:
    """Give the samples' orientations, without those that are none; None where the set has no such column."""
    turns = columns.get("quaternion")
    if turns is None or turns.dtype.kind != "f" or turns.ndim != 2 or turns.shape[1] != 4:
        return None
    return turns[_is_unit(turns)]


def _is_unit(quaternions: NDArray[Any]) -> NDArray[np.bool_]:
    return np.abs(np.linalg.norm(quaternions, axis=1) - 1) < 1e-3  # not so for NaN


def _uniform(quaternions: NDArray[Any]) -> DataCheck:
    """Compare with uniform rotations.

    Cosine and azimuth of a turned axis are uniform then, and the angle of rotation has density (1 - cos angle) / pi.
    """
    turns = Rotation.from_quat(quaternions)
    x, y, z = turns.apply([0.0, 0.0, 1.0]).T
    uniform = stats.uniform
    chances = {
        "polar angle of the z axis": stats.kstest(z, uniform(-1, 2).cdf).pvalue,
        "its azimuth": stats.kstest(np.arctan2(y, x), uniform(-np.pi, 2 * np.pi).cdf).pvalue,
        "angle of rotation": stats.kstest(turns.magnitude(), lambda a: (a - np.sin(a)) / np.pi).pvalue,
    }
    found = ", ".join(f"{name} {chance:.2g}" for name, chance in chances.items())
    words = f"Kolmogorov-Smirnov test, how likely such a deviation is by chance: {found}"
    return DataCheck("Orientations are uniform", bool(min(chances.values()) > SURE), words)
