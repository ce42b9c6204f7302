"""Components as JSON: everything that may be a parameter comes back as it was; nothing else is let in or out."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

import scatterkit as sk
from scatterkit._serialization import SerializationError, class_name, from_json, from_plain, to_json, to_plain
from scatterkit.base import Component
from scatterkit.datasets import PublishedGrid, published_simulator


class Outside(Component):
    """A component that is none of the package's."""

    def __init__(self, value=None):
        self.value = value


@dataclass(frozen=True)
class Pair:
    first: int
    second: float


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, Component):
        ours, theirs = a.get_params(deep=False), b.get_params(deep=False)
        return ours.keys() == theirs.keys() and all(same(ours[name], theirs[name]) for name in ours)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b or (a != a and b != b)


def panels():
    steps = {"fast": (1.0, 0.0, 0.0), "slow": (0.0, 1.0, 0.0)}
    return sk.PanelDetector(
        panels=[
            sk.Panel((4, 8), corner=corner, **steps) for corner in ((-4.0, -5.0, 20.0), (-4.0, 1.0, 20.0))
        ]
    )


@pytest.mark.parametrize(
    "component",
    [
        sk.SolidSampler(classes={"cube": 1.0, "sphere": 2}, cut=(0.2, 1.0), stretch_axes=["C5", "z"]),
        sk.MSFTSimulator(absorption_length=np.inf, refractive_index=0.89 + 0.0859j, absorption="index"),
        sk.MSFTSimulator(detector=panels(), mask=np.eye(9, dtype=bool)),
        published_simulator(detector=PublishedGrid((8, 16))),
        sk.LogScaler(mask=[[True, False], [True, True]]),
        sk.DetectorCounts(sk.experiment.Beam(pulse_energy=1e-4), random_state=5),
        sk.DatasetGenerator(
            scaler=[sk.PhotonCounts(1e4), sk.LogScaler(eps=1.0)], simulator=published_simulator()
        ),
    ],
    ids=lambda component: type(component).__name__,
)
def test_components_come_back(component):
    text = to_json(component)
    back = from_json(text)
    assert same(back, component)
    assert to_json(back) == text == to_json(clone(component))


def test_the_text_names_public_places_and_all_parameters():
    plain = json.loads(to_json(sk.QGrid(8, dq=0.5)))
    assert plain == {"class": "scatterkit.experiment.QGrid", "parameters": {"n_pixels": 8, "dq": 0.5}}
    assert class_name(sk.Rasterizer) == "scatterkit.solids.Rasterizer"


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.complex_numbers()
    | st.sampled_from([np.arange(6.0).reshape(2, 3), np.array([], "<U3")]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_any_value_comes_back(value):
    text = json.dumps(to_plain(value), allow_nan=False)
    assert same(from_plain(json.loads(text), {}), value)
    assert same(from_json(to_json(Outside(value)), [Outside]).value, value)


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (np.int64(3), 3),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.array(2.0), 2.0),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.complex64(1j), 1j),
        (np.float64(np.inf), np.inf),
        ((np.float64(60), 100), (60.0, 100)),
    ],
    ids=str,
)
def test_numbers_of_numpy_are_stored_as_python_s(given, plain):
    text = to_json(Outside(given))
    assert text == to_json(Outside(plain))
    assert same(from_json(text, [Outside]).value, plain)


def test_classes_from_outside_are_taken_only_where_they_are_named():
    text = to_json(Outside(sk.QGrid(8)))
    assert from_json(text, [Outside]).value.n_pixels == 8
    with pytest.raises(
        SerializationError, match=r"'test_serialization\.Outside' is not of scatterkit: pass it among"
    ):
        from_json(text)
    assert from_json(to_json(Outside(Pair(1, 2.0))), [Outside, Pair]).value == Pair(1, 2.0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            np.random.default_rng(0),
            "'random_state' parameter of SolidSampler: .* Generator .* Give an integer",
        ),
        (lambda: 1, "type function cannot be stored"),
        (np.array([object()]), "array of type object cannot be stored"),
        (np.datetime64("2024-01-01"), "type datetime64.* cannot be stored"),
        ({1: 2}, "type dict cannot be stored"),
    ],
)
def test_what_has_no_text_is_refused(value, message):
    with pytest.raises(SerializationError, match=message):
        to_json(sk.SolidSampler(random_state=value))


GOOD = to_json(sk.DatasetGenerator(simulator=sk.MSFTSimulator(mask=np.eye(3, dtype=bool))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "3",
        "[]",
        '{"tuple": 3}',
        '{"array": {"dtype": "|O", "shape": [1], "base64": ""}}',
        '{"array": {"dtype": "<f8", "shape": [2], "base64": "AAAA"}}',
        '{"class": "os.system", "parameters": {"command": "true"}}',
        '{"class": "scatterkit.nothing.Nothing", "parameters": {}}',
        '{"class": "scatterkit.experiment.read_geometry", "parameters": {}}',
        '{"class": "scatterkit.experiment.QGrid", "parameters": {"n_pixel": 8}}',
        '{"class": "scatterkit.experiment.QGrid", "parameters": 3}',
        '{"class": 3, "parameters": {}}',
        '{"whatever": 1}',
        "[" * 100_000,
    ],
)
def test_damaged_texts_are_refused(text):
    with pytest.raises(SerializationError):
        from_json(text)


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_a_changed_character_gives_a_component_or_a_clear_error(place, character):
    try:
        back = from_json(GOOD[:place] + character + GOOD[place + 1 :])
    except SerializationError:
        return
    assert isinstance(back, Component)
