"""Methods run side by side: what they are given, what they leave behind, and what their failures cost."""

from __future__ import annotations

import copy
import json
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from comparison_tools import CUBES, DETECTOR, SIMULATOR, Known, cube, patterns, short_fit
from sklearn.exceptions import NotFittedError

from scatterkit.comparison import compare
from scatterkit.comparison._comparing import _attrs
from scatterkit.comparison._judging import Judge
from scatterkit.comparison._layout import best_so_far
from scatterkit.comparison._methods import Method
from scatterkit.comparison._records import Record
from scatterkit.experiment import QGrid
from scatterkit.fitting import CatalogueBody, ConvexBody, ForwardFitter, RetrievalFitter
from scatterkit.metrics import pattern_residual
from scatterkit.reconstruction import (
    CompactEncoder,
    PhysicsReconstructor,
    PlaneDecoder,
    Refiner,
    VoxelDecoder,
)
from scatterkit.simulation import MSFTSimulator, PolyhedronSimulator
from scatterkit.solids import Rasterizer


@lru_cache(maxsize=1)
def trained() -> PhysicsReconstructor:
    return untrained(decoder=PlaneDecoder(n_faces=8)).fit(patterns())


def untrained(**parameters: Any) -> PhysicsReconstructor:
    small = CompactEncoder(width=2, n_blocks=1, n_features=4)
    return PhysicsReconstructor(
        SIMULATOR, encoder=small, loss="physics", grid=8, n_steps=1, random_state=0, **parameters
    )


def network(**parameters: Any) -> PhysicsReconstructor:
    return copy.copy(trained()).set_params(**parameters)


def test_the_right_body_wins_and_figures_are_those_of_the_metrics() -> None:
    swapped = [CUBES[1], CUBES[0], *CUBES[2:]]
    comparison = compare({"right": Known(CUBES), "swapped": Known(swapped)}, patterns(), CUBES, max_shift=0)
    data = comparison.dataset
    assert comparison.methods == ["right", "swapped"]
    assert comparison.samples == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(data.volume_iou.values[0], 1)
    assert (data.volume_iou.values[1] == 1).tolist() == [False, False, True, True]
    assert (data.residual.values[1, :2] > 100 * data.residual.values[0, :2]).all()
    intensity = PolyhedronSimulator(detector=DETECTOR).transform([CUBES[1]])[0]
    shown = data.predicted.sel({"method": "swapped"}).values[0]
    assert np.mean((shown - patterns()[0]) ** 2) == pytest.approx(data.residual.values[1, 0], rel=1e-3)
    assert data.residual.values[1, 0] <= 1.05 * pattern_residual(patterns()[0], intensity)
    assert comparison.best_method("residual") == comparison.best_method("scatter_loss") == "right"
    assert data.residual.attrs["units"] == "1"
    assert data.seconds.attrs["units"] == data.elapsed.attrs["units"] == "s"
    assert comparison.simulator is not None
    assert comparison.simulator.detector.n_pixels == 32


def test_a_method_that_raises_loses_that_sample_only() -> None:
    answers = [CUBES[0], ValueError("too dark"), None, CUBES[3]]
    with pytest.warns(RuntimeWarning, match="weak: 2 of 4"):
        comparison = compare({"weak": Known(answers), "right": Known(CUBES)}, patterns(), CUBES)
    data = comparison.dataset
    assert data.failure.values[0].tolist() == ["", "ValueError: too dark", "no body was found", ""]
    assert data.failure.values[1].tolist() == [""] * 4
    for name in (*comparison.metrics, "predicted", "best_residual"):
        lost = np.isnan(data[name].values[0].reshape(4, -1)).all(axis=1)
        assert lost[[1, 2]].all(), name
        if name != "n_simulations":  # which these methods do not count
            assert not lost[[0, 3]].any(), name
    assert [body is None for body in comparison.bodies["weak"]] == [False, True, True, False]
    differences = comparison.differences("residual", reference="right")
    assert differences.n_left_out.values.tolist() == [2, 0]
    assert "2 of 4" in comparison.table()


def test_a_body_that_cannot_be_judged_is_kept() -> None:
    broken = np.full((8, 8, 8), np.nan, np.float32)
    known = Known([CUBES[0], broken, CUBES[2], CUBES[3]])
    with pytest.warns(RuntimeWarning, match="1 of 4"):
        comparison = compare({"broken": known}, patterns())
    assert str(comparison.dataset.failure.values[0, 1]).startswith("the body could not be judged")
    assert comparison.bodies["broken"][1] is broken


def test_estimators_stay_as_they_are() -> None:
    generator = np.random.default_rng(3)
    fit, search = (
        short_fit(time_budget=7.0, random_state=generator),
        ForwardFitter(ConvexBody(12), SIMULATOR, n_starts=2, n_rounds=1, random_state=0),
    )
    refiner = Refiner(seconds=5.0, n_starts=0)
    refining = network(refine=refiner)
    estimators = {"fit": fit, "search": search, "network": refining}
    before = {name: repr(one.get_params(deep=False)) for name, one in estimators.items()}
    attributes = {name: set(vars(one)) for name, one in estimators.items()}
    state = generator.bit_generator.state
    compare(estimators, patterns()[:1], budget=0.5)
    for name, one in estimators.items():
        assert repr(one.get_params(deep=False)) == before[name]
        assert set(vars(one)) == attributes[name]
    assert refining.refine is refiner
    assert fit.random_state is generator
    assert generator.bit_generator.state == state


def test_the_budget_reaches_those_that_have_one() -> None:
    short = {"simulator": SIMULATOR}
    assert Method("a", ForwardFitter(**short), 3.0).estimator.time_budget == 3.0
    assert Method("b", short_fit(), 3.0).estimator.time_budget == 3.0
    assert Method("b", short_fit(), None).estimator.time_budget == 60.0
    plain = network(time_budget=50.0)
    assert Method("c", plain, 3.0).estimator.refine is False
    assert Method("c", plain, 3.0).estimator.time_budget == 50.0  # which is that of a training
    assert Method("d", plain.set_params(refine=True), 3.0).estimator.refine.seconds == 3.0
    kept = plain.set_params(refine=Refiner(seconds=9.0, n_kept=2))
    assert Method("e", kept, 3.0).estimator.refine.get_params() == Refiner(3.0, 2).get_params()
    assert Method("e", kept, None).estimator.refine is kept.refine


@pytest.mark.slow
def test_networks_give_solids_or_volumes_as_they_are_made() -> None:
    by_voxels = untrained(decoder=VoxelDecoder()).fit(patterns())
    comparison = compare({"planes": network(), "voxels": by_voxels}, patterns()[:2], CUBES[:2])
    volume = comparison.bodies["voxels"][0]
    np.testing.assert_allclose(volume, by_voxels.predict(patterns()[:1])[0], atol=1e-6)
    solid = network().predict_solids(patterns()[:1])[0]
    np.testing.assert_allclose(comparison.bodies["planes"][0].volume, solid.volume, rtol=1e-5)
    assert np.isfinite(comparison.dataset.front_iou.values).all()


def test_each_sample_is_fitted_as_if_it_were_alone() -> None:
    together = compare({"fit": short_fit()}, patterns())
    alone = compare({"fit": short_fit()}, patterns()[2:3])
    assert together.dataset.residual.values[0, 2] == alone.dataset.residual.values[0, 0]
    assert together.dataset.n_simulations.values.tolist() == [[3.0] * 4]


def test_curves_fall_and_end_as_judged() -> None:
    methods = {"long": short_fit(max_simulations=40), "known": Known(CUBES)}
    data = compare(methods, patterns()[:2]).dataset
    assert (np.diff(data.elapsed.values) > 0).all()
    for sample in range(2):
        curve = data.best_residual.values[0, sample]
        seconds, judged = (data[name].values[0, sample] for name in ("seconds", "residual"))
        before = curve[(data.elapsed.values < seconds) & np.isfinite(curve)]
        assert len(before)
        assert (np.diff(before) <= 0).all()
        assert (curve[data.elapsed.values >= seconds] == judged).all()
        assert np.isnan(
            data.best_residual.values[1, sample][data.elapsed.values < data.seconds.values[1, sample]]
        ).all()
    assert np.isfinite(data.best_residual.values[..., -1]).all()


def test_what_was_found_over_a_few_pixels_is_on_no_curve() -> None:
    fitter = ForwardFitter(ConvexBody(12), SIMULATOR, n_starts=2, n_rounds=1, max_shift=0, random_state=0)
    method = Method("fit", fitter, None)
    mask = np.ones((32, 32), bool)
    answer = method.run(patterns()[0], mask)
    noted = method.estimator.history_[0]
    whole = max(entry["q"] for entry in noted)
    seconds = [entry["seconds"] for entry in noted if entry["q"] == whole]
    assert min(entry["q"] for entry in noted) < 0.6 * whole
    assert min(seconds) == answer.curve[0][0]
    method.estimator.history_[0] = [entry for entry in noted if entry["q"] < 0.6 * whole]
    assert [len(part) for part in method._curve(mask)] == [0, 0]  # a fit that was over before its last stage


def test_no_residual_on_the_way_is_below_the_one_that_was_judged() -> None:
    record = Record(
        seconds=4.0, figures={"residual": 0.2}, curve=(np.arange(4.0), np.array([0.9, 0.5, 0.1, 0.3]))
    )
    found = best_so_far(record, np.array([-1.0, 0.0, 1.5, 2.0, 3.5, 4.0]))
    np.testing.assert_array_equal(found, [np.nan, 0.9, 0.5, 0.2, 0.2, 0.2])
    unjudged = best_so_far(Record(seconds=4.0, curve=record.curve), np.array([2.0, 5.0]))
    np.testing.assert_array_equal(unjudged, [0.1, np.nan])


def test_a_warm_up_is_short_and_leaves_nothing_behind() -> None:
    fitter = ForwardFitter(
        CatalogueBody("cube"), SIMULATOR, n_starts=7, n_rounds=2, time_budget=50.0, random_state=0
    )
    method = Method("fit", fitter, None)
    method.warm_up(patterns()[0], np.ones((32, 32), bool))
    assert method.estimator.get_params(deep=False).keys() == fitter.get_params(deep=False).keys()
    assert repr(method.estimator.get_params(deep=False)) == repr(fitter.get_params(deep=False))
    assert len(method.estimator.history_[0]) < 40


def test_what_compiles_at_its_second_call_has_had_two() -> None:
    watch = Known(CUBES)
    compare({"watch": watch}, patterns()[:2])
    assert len(watch.asked) == 2 + 2


def test_a_library_is_made_once() -> None:
    method = Method(
        "retrieval", RetrievalFitter((patterns(), CUBES), 0, simulator=SIMULATOR, n_pixels=200), None
    )
    mask = np.ones((32, 32), bool)
    method.warm_up(patterns()[0], mask)
    made = method.estimator._library
    assert method.run(patterns()[1], mask).body is not None
    assert method.estimator._library is made
    given = method.estimator.library
    for other in ((patterns()[:2], CUBES[:2]), 3):
        method.estimator.library = other
        method.run(patterns()[1], mask)
        assert method.estimator._library is not made
    sampled = method.estimator._library
    method.estimator.library = given
    method.run(patterns()[1], mask)
    assert method.estimator._library is not sampled


def test_what_is_masked_has_no_part() -> None:
    mask = np.ones((32, 32), bool)
    mask[12:18, 12:18] = False
    spoilt = np.where(mask, patterns(), np.nan)
    fitter = short_fit(max_simulations=10)
    whole, holed = (compare({"fit": fitter}, X, mask=mask).dataset for X in (patterns(), spoilt))
    np.testing.assert_array_equal(whole.residual.values, holed.residual.values)
    np.testing.assert_array_equal(holed.mask.values, np.broadcast_to(mask, (4, 32, 32)))
    assert np.isfinite(holed.pattern.values).all()


def test_true_bodies_may_be_volumes_or_missing() -> None:
    volume = Rasterizer(grid=32).transform([CUBES[1]])[0]
    data = compare({"known": Known(CUBES)}, patterns()[:3], [CUBES[0], volume, None]).dataset
    assert np.isfinite(data.front_iou.values[0]).tolist() == [True, True, False]
    assert data.volume_iou.values[0, 1] == pytest.approx(1, abs=1e-5)
    assert "front_iou" not in compare({"known": Known(CUBES)}, patterns()[:1]).dataset


def test_warnings_of_methods_say_whose_they_are() -> None:
    class Warns(Known):
        def predict_solids(self, X: np.ndarray, *, mask: np.ndarray) -> list[Any]:
            warnings.warn("it is late", UserWarning, stacklevel=1)
            return super().predict_solids(X, mask=mask)

    with pytest.warns(UserWarning, match="tired, sample 0: it is late"):
        compare({"tired": Warns(CUBES)}, patterns()[:1])


def test_the_settings_are_written_down() -> None:
    attrs = compare({"fit": short_fit()}, patterns()[:1], budget=20.0, sample_names=["a"]).dataset.attrs
    assert attrs["budget"] == 20.0
    assert attrs["dq"] == 0.02
    by_default = _attrs([], Judge(MSFTSimulator(), 64, max_shift=0.0, eps=1e2), None)
    assert by_default["dq"] == QGrid().dq
    told = json.loads(attrs["reconstructors"])["fit"]
    assert told["class"] == "scatterkit.fitting.MultiStartFitter"
    assert told["parameters"]["time_budget"] == 20.0


BAD: list[tuple[dict[str, Any], str]] = [
    ({"reconstructors": {}}, "'reconstructors' parameter of compare must be a mapping"),
    ({"reconstructors": {"a": 3}}, "estimators with a method `predict`"),
    ({"reconstructors": {"a": ForwardFitter}}, "estimators with a method `predict`"),
    ({"reconstructors": {"a": short_fit(n_faces=2)}}, "'n_faces' parameter of MultiStartFitter"),
    ({"budget": -1}, "'budget' parameter of compare must be a positive float in s"),
    ({"grid": 2}, "'grid'"),
    ({"max_shift": 99}, "'max_shift'"),
    ({"eps": 0}, "'eps'"),
    ({"verbose": 1}, "'verbose'"),
    ({"results": 3}, "'results' parameter of compare must be an instance of str or PathLike or None"),
    ({"results": __file__}, "'results' parameter of compare must be the path of a folder"),
    ({"simulator": "msft"}, "'simulator'"),
    ({"X": patterns()[0]}, "'X' parameter of compare must be patterns"),
    ({"X": np.full((2, 32, 32), np.nan)}, "'X' parameter of compare must be patterns"),
    ({"mask": np.zeros((32, 32), bool)}, "'mask'"),
    ({"y": CUBES[:2]}, "'y' parameter of compare must be 4 bodies"),
    ({"y": [np.zeros((8, 8, 8))] * 4}, "an empty volume"),
    ({"y": np.zeros((4, 8, 8, 4))}, "'y'"),
    ({"y": CUBES[0]}, "'y' parameter of compare must be 4 bodies"),
    ({"sample_names": ["a"]}, "'sample_names' parameter of compare must be 4 different names"),
    ({"sample_names": ["a", "b", "c", "a"]}, "'sample_names'"),
]


@pytest.mark.parametrize(
    ("changed", "message"), BAD, ids=lambda value: None if isinstance(value, dict) else value[:30]
)
def test_bad_input_is_told_before_any_work(changed: dict[str, Any], message: str) -> None:
    watch = Known(CUBES)
    arguments = {"reconstructors": {"known": watch}, "X": patterns(), **changed}
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        compare(**arguments)
    assert not watch.asked


def test_methods_of_different_experiments_need_a_judge() -> None:
    other = MSFTSimulator(detector=QGrid(n_pixels=32, dq=0.021))
    methods = {"a": short_fit(), "b": short_fit(simulator=other)}
    with pytest.raises(ValueError, match="'simulator' parameter of compare must be given"):
        compare(methods, patterns())
    assert compare(methods, patterns()[:1], simulator=other).dataset.attrs["dq"] == 0.021
    with pytest.raises(ValueError, match=r"'X' parameter of compare \('a'\)"):
        compare({"a": ForwardFitter()}, patterns(), simulator=SIMULATOR)


def test_volumes_of_another_box_are_not_judged() -> None:
    class Fills:
        simulator = SIMULATOR

        def predict(self, X: np.ndarray, *, mask: np.ndarray | None = None) -> np.ndarray:
            raise AssertionError("not asked")

    other = MSFTSimulator(detector=DETECTOR, box=200.0)
    with pytest.raises(
        ValueError, match=r"'simulator' parameter of compare must be one whose box .* 'a', 318.75 nm"
    ):
        compare({"a": Fills()}, patterns(), simulator=other)
    assert not Method("fit", short_fit(), None).gives_volumes()
    assert not Method("known", Known(CUBES), None).gives_volumes()
    assert compare({"known": Known(CUBES)}, patterns()[:1], simulator=other).dataset.failure.values == [[""]]


def test_an_untrained_network_is_told_at_once() -> None:
    with pytest.raises(NotFittedError):
        compare({"network": PhysicsReconstructor(SIMULATOR)}, patterns())


def test_a_body_of_the_catalogue_is_found() -> None:
    fitter = ForwardFitter(CatalogueBody("cube"), SIMULATOR, n_rounds=1, max_shift=0, random_state=0)
    comparison = compare({"fit": fitter}, patterns([cube(45.0)]), [cube(45.0)], max_shift=0)
    assert comparison.dataset.residual.values[0, 0] < 1e-6
    assert comparison.dataset.front_iou.values[0, 0] > 0.95
    assert comparison.dataset.n_simulations.values[0, 0] > 20


def test_the_judge_agrees_with_a_fitter_that_minimises_the_same() -> None:
    fitter = short_fit(max_simulations=30)
    data = compare({"fit": fitter}, patterns()).dataset
    expected = [fitter.fit(pattern[None]).residuals_[0] for pattern in patterns()]
    np.testing.assert_allclose(data.residual.values[0], expected, rtol=1e-3)
