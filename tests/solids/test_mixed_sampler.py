"""Mixes of samplers: each body from one of them, reproducible sample by sample."""

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone

from scatterkit.datasets import DatasetGenerator
from scatterkit.experiment import QGrid
from scatterkit.simulation import MSFTSimulator
from scatterkit.solids import HalfSpaceSampler, MixedDescriptor, MixedSampler, Rasterizer, SolidSampler

MIX = MixedSampler([HalfSpaceSampler(), SolidSampler()], weights=[3, 1], random_state=5)


def test_sample_i_depends_on_seed_and_i_alone():
    whole = MIX.sample_params(20)
    assert MIX.sample_params(6) + MIX.sample_params(14, start=6) == whole
    assert clone(MIX).sample_params(20) == whole
    assert clone(MIX).set_params(random_state=6).sample_params(20) != whole
    for one, descriptor in zip(MIX.sample(3, start=2), whole[2:5], strict=True):
        assert np.array_equal(one.vertices, MIX.build(descriptor).vertices)


def test_weights_are_followed_and_members_draw_bodies_of_their_own():
    drawn = MIX.sample_params(2000)
    counts = np.bincount([descriptor.member for descriptor in drawn], minlength=2)
    assert stats.chisquare(counts, [1500, 500]).pvalue > 1e-3
    kinds = {descriptor.member: type(descriptor.drawn).__name__ for descriptor in drawn}
    assert kinds == {0: "HalfSpaceDescriptor", 1: "SolidDescriptor"}
    twins = MixedSampler([HalfSpaceSampler(), HalfSpaceSampler()], random_state=1).sample_params(50)
    assert len({descriptor.drawn.key for descriptor in twins}) == 50
    only = MixedSampler([HalfSpaceSampler(), SolidSampler()], weights=(0, 2.5), random_state=1).sample_params(
        50
    )
    assert {descriptor.member for descriptor in only} == {1}


def test_a_mix_makes_data_sets():
    simulator = MSFTSimulator(detector=QGrid(8, dq=0.03))
    generator = DatasetGenerator(clone(MIX).set_params(random_state=None), Rasterizer(grid=8), simulator)
    data = generator.sample(6)
    expected = clone(MIX).set_params(random_state=0).sample_params(6)
    assert data.member.values.tolist() == [descriptor.member for descriptor in expected]
    solids = [MIX.build(descriptor) for descriptor in expected]
    assert abs(data.volume.values - Rasterizer(grid=8).transform(solids)).max() < 0.51 / 255


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"samplers": []}, "'samplers' parameter of MixedSampler must be a sequence of samplers"),
        (
            {"samplers": HalfSpaceSampler()},
            "'samplers' parameter of MixedSampler must be a sequence of samplers",
        ),
        ({"samplers": [HalfSpaceSampler(random_state=1)] * 2}, "whose random_state is None"),
        ({"samplers": [HalfSpaceSampler(), "cube"]}, "'cube' at place 1"),
        ({"weights": [1]}, "'weights' parameter of MixedSampler must be None or 2 numbers >= 0"),
        ({"weights": [0, 0]}, "'weights' parameter of MixedSampler must be"),
        ({"weights": [1, -1]}, "'weights' parameter of MixedSampler must be"),
        ({"weights": [1, np.nan]}, "'weights' parameter of MixedSampler must be"),
    ],
)
def test_wrong_parameters_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        clone(MIX).set_params(**changed).sample(1)


def test_descriptors_of_others_are_refused():
    with pytest.raises(ValueError, match=r"'descriptor' parameter of MixedSampler must be an instance of"):
        MIX.build("cube")
    with pytest.raises(ValueError, match=r"must be of one of 2 samplers. Got member 2 instead"):
        MIX.build(MixedDescriptor(2, None))
