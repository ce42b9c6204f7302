"""Bodies of the published sample set for the generator: the rows of a table, or new rows drawn alike."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from scatterkit._random import RandomState, seed_of
from scatterkit._validation import Boolean, Choice, Constraint, Instance, check_value, fail, shown
from scatterkit.datasets.published.scatter2d3d_bodies import (
    CONVENTIONS,
    HALF_BOX,
    drawn_body,
    row_rotation,
    solid_from_row,
)
from scatterkit.datasets.published.scatter2d3d_table import Axis, SampleRow, read_table
from scatterkit.solids import Solid
from scatterkit.solids._sampling import BodySampler, between

RANDOM_HULL = "Potato"
_SIZE, _STRETCH, _CUT = (0.2, 1.0), (0.5, 2.0), (0.2, 1.0)


@dataclass(frozen=True)
class RowDescriptor:
    """What a row of a published table says of its body, and the seed of a random hull.

    Parameters
    ----------
    nr : int
        The body's number in its set.
    polyhedron : str
        The class as the publisher names it, such as ``"Truncated Octahedron"``.
    theta : float [rad]
        Polar angle of the rotation axis.
    phi : float [rad]
        Azimuth of the rotation axis.
    alpha : float [rad]
        Angle of the rotation.
    size : float [half box]
        Circumradius before stretching; the half box is 159.375 nm.
    stretch : float or None [1]
        Stretch factor, for some classes its inverse; None for random hulls.
    axis : str, tuple of 3 float [1] or None
        Axis of the stretch: the publisher's label, or a direction (x, y, z).
    cut : float or None [circumradius]
        Largest distance from the centre along the cut's axis, to both sides; None for whole bodies.
    caxis : str, tuple of 3 float [1] or None
        Axis of the cut.
    seed : int, default=0
        Seed of the points of a random hull.
    """

    nr: int
    polyhedron: str
    theta: float
    phi: float
    alpha: float
    size: float
    stretch: float | None = None
    axis: Axis | None = None
    cut: float | None = None
    caxis: Axis | None = None
    seed: int = 0


class _RowSampler(BodySampler):
    """What both samplers share: the body of a row."""

    rendering: str

    def build(self, descriptor: RowDescriptor) -> Solid:
        """Make the body of a row, in nm.

        Parameters
        ----------
        descriptor : RowDescriptor
            The row.

        Returns
        -------
        Solid
            The body.
        """
        owner = type(self).__name__
        self._check_parameters()
        check_value(descriptor, Instance((RowDescriptor,)), name="descriptor", owner=owner)
        given = {field.name: getattr(descriptor, field.name) for field in fields(descriptor)}
        seed = given.pop("seed")
        row = SampleRow(**given, symmetry=None, volume_path=Path(), pattern_path=Path())
        if not row.is_random:
            return solid_from_row(row, self.rendering)
        hull = Solid.from_catalogue("random_polyhedron", 1.0, random_state=np.random.default_rng(seed))
        body = hull.rotate(row_rotation(row)).scale(HALF_BOX * row.size)
        return drawn_body(body) if self.rendering == "published" else body


class TableSampler(_RowSampler):
    """The rows of a published table as a sampler, so that a generator makes the table's data set again.

    Parameters
    ----------
    table : path-like or sequence of SampleRow or RowDescriptor
        A table, as `read_table` reads it, or some of its rows. A generator stores a path as text,
        and rows without pictures, as ``sample_params`` gives them.
    random_hulls : {"skip", "draw"}, default="skip"
        The tables do not hold the points of random hulls: such rows are left out, or get a random hull of their
        own in the row's size and orientation.
    rendering : {"published", "physical"}, default="published"
        As for `solid_from_row`: the bodies that the published volumes show, or those that the rows mean.
    random_state : int, numpy.random.Generator or None
        Seed of the random hulls.

    See Also
    --------
    PublishedSampler : New rows, drawn as the published ones were.

    Examples
    --------
    >>> from pathlib import Path
    >>> from scatterkit.datasets import SampleRow, TableSampler
    >>> row = SampleRow(
    ...     1, "Cube", "O_h", 0.0, 0.0, 0.0, 0.5, 2.0, "C4", None, None, Path("1r.png"), Path("1s.png")
    ... )
    >>> sampler = TableSampler([row], rendering="physical")
    >>> sampler.n_samples, sampler.sample(1)[0].bounds[1].round(2).tolist()
    (1, [46.01, 46.01, 92.02])
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        "random_hulls": Choice(("skip", "draw")),
        "rendering": Choice(("published", "physical")),
    }

    def __init__(
        self,
        table: str | os.PathLike[str] | Sequence[SampleRow] | Sequence[RowDescriptor],
        random_hulls: str = "skip",
        rendering: str = "published",
        random_state: RandomState = None,
    ) -> None:
        self.table = table
        self.random_hulls = random_hulls
        self.rendering = rendering
        self.random_state = random_state

    @property
    def n_samples(self) -> int:
        """How many bodies there are."""
        self._check_parameters()
        return len(self._table_rows())

    def _table_rows(self) -> Sequence[SampleRow | RowDescriptor]:
        rows: Any = self.table
        allowed = "the path of a file, or a sequence of SampleRow or RowDescriptor"
        if isinstance(rows, (str, os.PathLike)):
            path = Path(rows).expanduser()
            if not path.is_file():
                raise fail("table", "TableSampler", allowed, shown(self.table))
            rows = _read_once(path, path.stat().st_mtime_ns)
        kinds = (SampleRow, RowDescriptor)
        if not isinstance(rows, Sequence) or not all(isinstance(row, kinds) for row in rows):
            raise fail("table", "TableSampler", allowed, shown(self.table))
        return rows if self.random_hulls == "draw" else [row for row in rows if row.polyhedron != RANDOM_HULL]

    def _descriptors(self, n: int, start: int) -> list[RowDescriptor]:
        self._check_parameters()
        rows = self._table_rows()
        if start + n > len(rows):
            raise fail("n", "TableSampler", f"at most {len(rows)} in all, the table's rows", str(start + n))
        seed = seed_of(self.random_state, owner="TableSampler")
        return [_descriptor(row, seed) for row in rows[start : start + n]]


class PublishedSampler(_RowSampler):
    """New rows for the published tables: drawn from the distributions that the tables hold.

    Parameters
    ----------
    random_state : int, numpy.random.Generator or None
        An int gives the same bodies at each call; a Generator or None draws one seed at each call.
    chopped : bool, default=False
        Draw bodies that are cut at both ends, as the published test set has them.
    rendering : {"published", "physical"}, default="published"
        As for `solid_from_row`: bodies as the published volumes show them, or as their rows mean them; of the
        latter, large ones may leave the box.

    See Also
    --------
    scatterkit.solids.SolidSampler : Catalogue bodies whose orientations are uniform.

    Notes
    -----
    The 21 classes are equally likely. The size is uniform in 0.2 to 1 half boxes, the stretch in 0.5 to 2, then at
    most 1 / size; its axis is any of the class's labels. The turn is by an angle uniform in -pi to pi about an axis
    uniform on the sphere: turns by small angles are more frequent than among uniform rotations, which have
    (1 - cos alpha) as density. The cut is uniform in 0.2 to 1, along the axis of the stretch. Each of these agrees
    with the published tables, see the documentation's page on generated bodies. What the publisher does with a row,
    such as the inverse stretch of seven classes, is done here too.

    References
    ----------
    T. Stielow and S. Scheel, Phys. Rev. E 103, 053312 (2021), arXiv:2101.09136.

    Examples
    --------
    >>> from scatterkit.datasets import PublishedSampler
    >>> sampler = PublishedSampler(random_state=1, chopped=True)
    >>> row = sampler.sample_params(1, start=3)[0]
    >>> row.cut is not None and row.caxis == row.axis
    True
    >>> row == sampler.sample_params(4)[3]
    True
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        "chopped": Boolean(),
        "rendering": Choice(("published", "physical")),
    }

    def __init__(
        self, random_state: RandomState = None, chopped: bool = False, rendering: str = "published"
    ) -> None:
        self.random_state = random_state
        self.chopped = chopped
        self.rendering = rendering

    def _descriptors(self, n: int, start: int) -> list[RowDescriptor]:
        self._check_parameters()
        seed = seed_of(self.random_state, owner="PublishedSampler")
        return [self._draw(np.random.default_rng([seed, i]), i) for i in range(start, start + n)]

    def _draw(self, generator: np.random.Generator, nr: int) -> RowDescriptor:
        u = generator.random(8).tolist()
        names = (*CONVENTIONS, RANDOM_HULL)
        name = names[int(u[0] * len(names))]
        size = between(_SIZE, u[4])
        turned = RowDescriptor(
            nr=nr,
            polyhedron=name,
            theta=float(np.arccos(1 - 2 * u[1])),
            phi=between((-np.pi, np.pi), u[2]),
            alpha=between((-np.pi, np.pi), u[3]),
            size=size,
            seed=int(generator.integers(2**32)) if name == RANDOM_HULL else 0,
        )
        if name == RANDOM_HULL:
            return turned
        labels = tuple(CONVENTIONS[name].axes)
        axis = labels[int(u[6] * len(labels))]
        stretch = min(between(_STRETCH, u[5]), 1 / size)
        whole = replace(turned, stretch=stretch, axis=axis)
        return replace(whole, cut=between(_CUT, u[7]), caxis=axis) if self.chopped else whole


@lru_cache(maxsize=4)
def _read_once(path: Path, changed: int) -> tuple[SampleRow, ...]:
    """Read a table; again only if it has changed since."""
    return tuple(read_table(path))


def _descriptor(row: SampleRow | RowDescriptor, seed: int) -> RowDescriptor:
    """Give a row without its pictures, a random hull with a seed that goes by the row's number."""
    if isinstance(row, RowDescriptor):
        return row
    names = [field.name for field in fields(RowDescriptor) if field.name != "seed"]
    own = int(np.random.default_rng([seed, row.nr]).integers(2**32)) if row.is_random else 0
    return RowDescriptor(**{name: getattr(row, name) for name in names}, seed=own)
