"""What a generator refuses, before anything is written or changed: other parameters, other targets, bad input."""

from __future__ import annotations

import pytest
from generation_cases import N_SAMPLES, Jitter, Noisy, Plain, small_generator, tree

import scatterkit as sk
from scatterkit.base import Component, StatelessTransformer
from scatterkit.datasets import DatasetGenerator, GenerationError, write_store

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rasterizer": sk.Rasterizer(grid=8)}, r"rasterizer\.grid = 16\. Got 8 instead"),
        ({"random_state": 4}, r"random_state = 3\. Got 4 instead"),
        ({"simulator": sk.MSFTSimulator(detector=sk.QGrid(16))}, r"simulator\.detector\.dq = 0\.02"),
        ({"sampler": sk.HalfSpaceSampler()}, r"sampler = SolidSampler\(\.\.\.\)\. Got HalfSpaceSampler"),
        ({"chunk_size": 4}, r"chunk_size = 2\. Got 4"),
        ({"occupancy": None}, r'occupancy = "uint8"\. Got null'),
    ],
)
def test_other_parameters_are_refused(change, message, interrupted, whole):
    for path in (interrupted, whole):
        before = tree(path)
        with pytest.raises(GenerationError, match=message):
            small_generator(**change).generate(path, N_SAMPLES, verbose=False)
        assert tree(path) == before


def test_imported_data_are_left_alone(tmp_path):
    path = tmp_path / "set.zarr"
    write_store(small_generator().sample(3).drop_attrs(), path)
    before = tree(path)
    with pytest.raises(GenerationError, match="imported"):
        small_generator().generate(path, 3, verbose=False)
    with pytest.raises(ValueError, match="imported"):
        DatasetGenerator.from_store(path)
    assert tree(path) == before


def test_a_table_of_bodies_that_is_too_short_is_refused(tmp_path):
    class Table(sk.SolidSampler):
        def sample_params(self, n, *, start=0):
            if start + n > 10:
                raise ValueError("the table has 10 rows")
            return super().sample_params(n, start=start)

    with pytest.raises(ValueError, match="10 rows"):
        small_generator(sampler=Table()).generate(tmp_path / "set.zarr", 11, verbose=False)
    assert tree(tmp_path) == {}


def test_a_set_does_not_shrink(interrupted, whole):
    for path in (interrupted, whole):
        before = tree(path)
        with pytest.raises(GenerationError, match=r"begun with 22 samples, .* Got n_samples=21 instead"):
            small_generator().generate(path, 21, verbose=False)
        assert tree(path) == before


@pytest.mark.parametrize("kind", ["file", "folder", "zarr", "link", "hidden", "no parent"])
def test_a_target_that_is_something_else_is_left_alone(kind, tmp_path):
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("precious")
    elif kind == "link":
        target.symlink_to(tmp_path / "nowhere")
    elif kind == "no parent":
        target = target / "set.zarr"
    else:
        target.mkdir()
        (target / {"folder": "a.txt", "zarr": "zarr.json", "hidden": ".git"}[kind]).write_text("{}")
    before = tree(tmp_path)
    with pytest.raises(ValueError, match=r"'path' parameter of DatasetGenerator\.generate must be"):
        small_generator().generate(target, 4, verbose=False)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"chunk_size": 3}, "'chunk_size' .* None or a divisor of shard_size=4. Got 3"),
        ({"sampler": sk.SolidSampler(random_state=1)}, "'sampler' .* whose random_state is None"),
        ({"scaler": [sk.PhotonCounts(random_state=1)]}, "'scaler' .* whose random_state is None"),
        ({"simulator": Noisy(random_state=1)}, "'simulator' .* whose random_state is None"),
        ({"rasterizer": Jitter(random_state=1)}, "'rasterizer' .* whose random_state is None"),
        ({"simulator": sk.MSFTSimulator(backend="keras")}, "'simulator' .* backend is not 'keras'.*OnTheFly"),
        (
            {"simulator": sk.PolychromaticSimulator(sk.MSFTSimulator(backend="keras"))},
            "'simulator' .* backend is not 'keras'",
        ),
        ({"sampler": Plain()}, "'sampler' .* instances of a data class, .* Got {'size': 100.0}"),
        ({"sampler": sk.SolidSampler(box=400.0)}, "'sampler' .* box is within the rasterizer's, 318.75 nm"),
        ({"simulator": sk.MSFTSimulator(box=300.0)}, "'simulator' .* whose box is the rasterizer's"),
        ({"scaler": None}, "'pattern_dtype' .* 'float16' or 'float32' where patterns are not within"),
        (
            {"scaler": "linear"},
            "'scaler' parameter of DatasetGenerator must be one of 'log', None, or a component",
        ),
        ({"random_state": None}, "'random_state' parameter of DatasetGenerator must be an integer >= 0"),
        ({"sampler": sk.LogScaler()}, "'sampler' .* component with `sample_params` and `build`"),
        (
            {"scaler": sk.DetectorCounts(), "simulator": sk.PolyhedronSimulator()},
            "cross_section|DetectorCounts",
        ),
        ({"rasterizer": sk.Rasterizer(grid=-1)}, "'grid' parameter of Rasterizer"),
    ],
    ids=str,
)
def test_bad_parameters_fail_before_anything_is_written(parameters, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        small_generator(**parameters).generate(tmp_path / "set.zarr", 4, verbose=False)
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    "arguments",
    [
        {"n_samples": 0},
        {"n_samples": 2.5},
        {"n_jobs": 0},
        {"n_jobs": True},
        {"verbose": 1},
        {"client": "cluster"},
    ],
    ids=str,
)
def test_bad_arguments(arguments, tmp_path):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"'{name}' parameter of DatasetGenerator.generate must be"):
        small_generator().generate(tmp_path / "set.zarr", **({"n_samples": 4, "verbose": False} | arguments))
    assert tree(tmp_path) == {}


class Failing(StatelessTransformer):
    """A scaler that fails at one sample."""

    calls = 0

    def transform(self, X):
        type(self).calls += 1
        if type(self).calls == 11:  # one call is that of the layout
            raise ArithmeticError("no such pattern")
        return sk.LogScaler().transform(X)


def test_a_failing_sample_is_named(tmp_path):
    Failing.calls = 0
    generator = small_generator(scaler=Failing())
    with pytest.raises(ArithmeticError, match="no such pattern") as caught:
        generator.generate(tmp_path / "set.zarr", N_SAMPLES, verbose=False)
    notes = " ".join(caught.value.__notes__)
    assert "sample 9, SolidDescriptor(" in notes
    assert "8 of 22 samples are finished and kept" in notes
    with pytest.raises(ValueError, match="pass it among `classes`"):
        DatasetGenerator.from_store(tmp_path / "set.zarr")
    assert isinstance(
        DatasetGenerator.from_store(tmp_path / "set.zarr", classes=[Failing]).scaler[0], Component
    )
