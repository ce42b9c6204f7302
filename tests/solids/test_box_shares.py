"""Sizes of random bodies in boxes other than the published one."""

from __future__ import annotations

import numpy as np
import pytest

from scatterkit.solids import HalfSpaceSampler, SolidSampler
from scatterkit.solids._box_shares import fitting_sampler_params


@pytest.mark.parametrize("kind", [HalfSpaceSampler, SolidSampler])
def test_in_the_published_box_they_are_the_defaults(kind) -> None:
    params = fitting_sampler_params(318.75)
    assert {name: kind().get_params()[name] for name in params} == params


@pytest.mark.parametrize("kind", [HalfSpaceSampler, SolidSampler])
def test_bodies_take_the_same_part_of_any_box(kind) -> None:
    widths = []
    for box in (318.75, 60.0):
        bodies = kind(random_state=3, **fitting_sampler_params(box)).sample(4)
        widths.append([np.ptp(body.vertices, axis=0) / box for body in bodies])
    np.testing.assert_allclose(*widths, rtol=1e-4)
