"""What the samplers draw against what the published tables hold, and the bodies of the tables made again.

The tables are fixed and so are the seeds: a test that passes once passes always. Each law is also shown wrong
where it is: the same statistic refuses other laws for the same rows.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from published_laws import CHOPPED, FULL_NM, WHOLE, WRONG, agreement, alike, column, shares, turned
from scipy import stats
from scipy.spatial.transform import Rotation

from scatterkit.datasets import PublishedSampler, read_table
from scatterkit.datasets.published.scatter2d3d_bodies import CONVENTIONS
from scatterkit.solids import SolidSampler
from scatterkit.solids.catalogue import PUBLISHED, canonical_name

N = 20000
AGREES, REFUSED = 0.01, 1e-4


@pytest.fixture(scope="module")
def rows(sample_root: Path):
    """All rows of the three tables: 500 bodies."""
    return [row for name in (*WHOLE, *CHOPPED) for row in read_table(sample_root / name)]


@pytest.fixture(scope="module")
def published():
    """Rows by the package's own law, half of them chopped."""
    return PublishedSampler(random_state=1).sample_params(N // 2) + PublishedSampler(
        random_state=2, chopped=True
    ).sample_params(N // 2)


@pytest.fixture(scope="module")
def catalogue_bodies():
    """Descriptors of the sampler of catalogue bodies in the published ranges."""
    return SolidSampler(random_state=3, stretch=(0.5, 2.0), cut=(0.2, 1.0)).sample_params(N)


# -- what agrees ---------------------------------------------------------------------------------------------


def test_class_shares(rows, published, catalogue_bodies) -> None:
    assert shares(row.polyhedron for row in rows) > AGREES
    assert shares(row.polyhedron for row in published) > AGREES
    assert shares(body.polyhedron for body in catalogue_bodies) > AGREES


@pytest.mark.parametrize("name", ["size", "stretch", "cut", "theta", "phi", "alpha"])
def test_published_law(rows, published, name: str) -> None:
    taken = turned(rows) if name in ("theta", "phi", "alpha") else rows
    assert alike(column(taken, name), column(published, name)) > AGREES


@pytest.mark.parametrize("tables", [WHOLE, CHOPPED])
@pytest.mark.parametrize("name", ["size", "stretch", "theta", "phi", "alpha"])
def test_published_law_of_whole_and_chopped_bodies(sample_root: Path, published, tables, name: str) -> None:
    rows = turned([row for table in tables for row in read_table(sample_root / table)])
    own = [row for row in published if (row.cut is not None) == (tables is CHOPPED)]
    assert alike(column(rows, name), column(own, name)) > AGREES


def test_catalogue_bodies_have_the_published_sizes_stretches_and_cuts(rows, catalogue_bodies) -> None:
    assert alike(column(rows, "size"), column(catalogue_bodies, "size") / FULL_NM) > AGREES
    stretches = [body.stretch for body in catalogue_bodies if body.axis is not None]
    assert alike(column(rows, "stretch"), stretches) > AGREES
    assert alike(column(rows, "cut"), column(catalogue_bodies, "cut")) > AGREES


def test_the_limit_of_the_stretch_is_met_as_often(rows, published) -> None:
    def met(items):
        return [abs(item.stretch * item.size - 1) < 1e-4 for item in items if item.stretch is not None]

    assert stats.binomtest(sum(met(rows)), len(met(rows)), np.mean(met(published))).pvalue > AGREES


def test_labels_of_the_axes_are_equally_likely(rows, published) -> None:
    for items in (rows, published):
        statistic, freedom = 0.0, 0
        for name, convention in CONVENTIONS.items():
            labels = [row.axis for row in items if row.polyhedron == name and isinstance(row.axis, str)]
            counts = [labels.count(label) for label in convention.axes]
            assert sum(counts) == len(labels)
            statistic += stats.chisquare(counts).statistic
            freedom += len(counts) - 1
        assert stats.chi2.sf(statistic, freedom) > AGREES
    assert all(row.axis == row.caxis for row in rows if row.cut is not None)


def test_size_stretch_and_turn_are_independent(rows, published) -> None:
    for items in (turned(rows), published):
        for a, b in (
            ("theta", "phi"),
            ("theta", "alpha"),
            ("phi", "alpha"),
            ("theta", "size"),
            ("alpha", "size"),
        ):
            assert stats.spearmanr(column(items, a), column(items, b)).pvalue > AGREES, (a, b)


# -- what does not -------------------------------------------------------------------------------------------


def test_turns_are_no_uniform_rotations(rows, published, catalogue_bodies) -> None:
    def angles(items):
        return np.abs(column(items, "alpha"))

    uniform = Rotation.from_quat([body.quaternion for body in catalogue_bodies]).magnitude()
    assert alike(angles(turned(rows)), uniform) < REFUSED
    assert alike(angles(turned(rows)), angles(published)) > AGREES
    # and 500 rows would have shown uniform rotations to be such
    assert alike(uniform[: len(rows)], uniform[len(rows) :]) > AGREES


@pytest.mark.parametrize("wrong", WRONG)
def test_other_laws_are_refused(rows, wrong: str) -> None:
    name, law = WRONG[wrong]
    assert alike(column(turned(rows), name), law(np.random.default_rng(0).random(N))) < REFUSED


def test_missing_classes_are_refused(rows) -> None:
    few = [row.polyhedron for row in rows if canonical_name(row.polyhedron) != "random_polyhedron"]
    counts = Counter(map(canonical_name, few))
    assert stats.chisquare([counts[name] for name in PUBLISHED]).pvalue < AGREES


# -- bodies of the tables, made again through the generator ----------------------------------------------------


def check_agreement(figures: np.ndarray) -> None:
    overlap, correlation = np.median(figures, axis=0)
    assert overlap >= 0.99
    assert correlation >= 0.998
    assert figures[:, 0].min() > 0.9
    assert figures[:, 1].min() > 0.98


def test_generated_bodies_are_the_published_ones(sample_root: Path) -> None:
    check_agreement(agreement(sample_root, WHOLE, 10))


@pytest.mark.slow
def test_two_hundred_generated_bodies_are_the_published_ones(sample_root: Path) -> None:
    check_agreement(agreement(sample_root, (*WHOLE, *CHOPPED), 200))
