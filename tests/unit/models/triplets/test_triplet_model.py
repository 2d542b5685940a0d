"""What image, energy and spectrum usually say together, and what does not fit."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.devices import Device, RecordKind
from models.results import FEATURE_NAMES
from models.scoring.tail_probability import TailSettings
from models.state import decode_state, encode_state
from models.triplets.triplet_model import (
    FIRST_STRENGTH,
    SHOTS_PER_UPDATE,
    TripletFindings,
    TripletModel,
    camera_part,
    other_part,
)
from tests.unit.models.triplets.stage_records import CAMERA, METER, SPECTROMETER, TRIO

SUM, ENERGY, SPECTRUM = FIRST_STRENGTH, FIRST_STRENGTH + 1, FIRST_STRENGTH + 2


def model(fpr: float = 1e-4, relearn: int = 0, devices: tuple[Device, ...] = TRIO, ring: int = 2_000) -> TripletModel:
    return TripletModel(
        devices,
        time_constant_shots=1_000,
        false_positive_rate=fpr,
        relearn_after_shots=relearn,
        tail=TailSettings(ring_records=ring),
    )


def normal_shots(count: int, seed: int = 2) -> NDArray[np.float64]:
    """Shots whose energy jitters by 1 %, which brightness and spectrum follow to 0.3 %; the scores go their own way."""
    draw = np.random.default_rng(seed)
    energy = 0.01 * draw.standard_normal(count)
    vectors = np.empty((count, FIRST_STRENGTH + 3))
    vectors[:, :FIRST_STRENGTH] = [1.2, 3.0, 2.0] + [0.1, 0.2, 0.3] * draw.standard_normal((count, FIRST_STRENGTH))
    vectors[:, ENERGY] = 5.0 + energy
    vectors[:, SUM] = 14.0 + energy + 0.003 * draw.standard_normal(count)
    vectors[:, SPECTRUM] = 16.0 + energy + 0.003 * draw.standard_normal(count)
    return vectors


def observe(own: TripletModel, vectors: NDArray[np.float64], first: int = 0, *, learn: bool = True) -> TripletFindings:
    times = np.arange(first, first + len(vectors), dtype=np.int64)
    return own.observe(vectors, np.ones(len(vectors), np.bool_), times, learn=learn)


def odd(found: TripletFindings) -> NDArray[np.bool_]:
    return found.unusual | found.unbalanced


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_blocks_and_restarts_change_no_bit(seed: int, anew: bool) -> None:
    vectors, draw = normal_shots(700, seed % 1000), np.random.default_rng(seed)
    vectors[400:420, SUM] += 0.1
    vectors[draw.integers(300, 700, 10)] += 0.02 * draw.standard_normal(vectors.shape[1])
    vectors[draw.integers(300, 700, 6), 0] += 3.0
    undivided = model()
    if anew:
        undivided.begin_anew_from(350)
    whole = observe(undivided, vectors)
    own, start, parts = model(), 0, []
    if anew:
        own.begin_anew_from(350)
    while start < len(vectors):
        part = vectors[start : start + int(draw.integers(1, 80))]
        parts.append((start, observe(own, part, start)))
        start += len(part)
        saved = decode_state(encode_state(own.state()))
        own = model()
        own.restore(saved)
    for name in ("score", "unusual", "unbalanced"):
        assert np.array_equal(np.concatenate([getattr(found, name) for _, found in parts]), getattr(whole, name))
    assert {first + row: told for first, found in parts for row, told in found.explanations.items()} == (
        whole.explanations
    )
    assert encode_state(own.state()) == encode_state(undivided.state())
    assert whole.unusual.any() or anew
    assert whole.unbalanced[400:420].all() or anew


def test_features_become_components_and_what_is_unknown_is_not_finite() -> None:
    names = FEATURE_NAMES[RecordKind.CAMERA]
    features = np.full((3, len(names)), np.nan)
    values = {"residual_max_z": np.e, "latent_distance": 8.0, "moments_distance": 27.0, "pixel_sum_counts": 1.0}
    for name, value in values.items():
        features[0, names.index(name)] = value
    assert camera_part(features)[0] == pytest.approx([1.0, 4.0, 9.0, 0.0])
    features[1] = 0.0
    assert not np.isfinite(camera_part(features)[1:]).all(axis=1).any()
    meter = other_part(np.array([[np.e, 0.0, 0.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]))
    assert meter[0, 0] == pytest.approx(1.0)
    assert not np.isfinite(meter[1:]).any()


@pytest.mark.parametrize(
    ("component", "change", "words"),
    [
        (ENERGY, -0.02, "energy .* sigma low while the image and the spectrum are normal"),
        (SPECTRUM, -0.03, "spectrum .* weaker than image and energy tell"),
        (SUM, 0.03, "image .* brighter than energy and spectrum tell"),
    ],
)
def test_a_relation_that_breaks_is_found_within_each_devices_own_jitter(
    component: int, change: float, words: str
) -> None:
    own = model()
    observe(own, normal_shots(2_000))
    shifted = normal_shots(200, seed=3)
    shifted[:, component] += change
    found = observe(own, shifted, learn=False)
    assert found.unbalanced.mean() > 0.95
    together = normal_shots(200, seed=4)
    together[:, [SUM, ENERGY, SPECTRUM]] += change  # a change of the pulse itself breaks nothing
    assert observe(own, together, learn=False).unbalanced.mean() < 0.02

    assert re.match(words, found.explanations[100].text)


def test_what_is_a_little_odd_in_several_components_is_unusual() -> None:
    own = model()
    observe(own, normal_shots(4_000))
    shots = normal_shots(200, seed=3)
    sigma = np.array([0.1, 0.2, 0.3])
    one, three = shots.copy(), shots.copy()
    one[:, 0] += 3.2 * sigma[0]
    three[:, :FIRST_STRENGTH] += 3.2 * sigma
    assert observe(own, one, learn=False).unusual.mean() < 0.3
    found = observe(own, three, learn=False)
    assert found.unusual.mean() > 0.6
    assert not found.unbalanced.any()
    assert "together" in found.explanations[int(np.flatnonzero(found.unusual)[0])].text


def test_what_a_device_has_told_is_not_unusual_once_more() -> None:
    own = model()
    observe(own, normal_shots(2_000))
    shots = normal_shots(10, seed=3)
    shots[:, 0] += 2.0
    times, told = np.arange(10, dtype=np.int64), np.zeros(10, np.bool_)
    assert own.observe(shots, ~told, times, learn=False).unusual.all()
    assert not own.observe(shots, told, times, learn=False).unusual.any()


def test_says_nothing_before_it_knows_and_is_rarely_wrong_afterwards() -> None:
    vectors = normal_shots(20_000)
    vectors[:, SUM] += np.linspace(0.0, 0.2, 20_000)  # it drifts, and is followed
    vectors[100, SUM] += 1.0
    found = observe(model(fpr=1e-3), vectors)
    assert not found.score[:192].any()
    assert odd(found).mean() < 4e-3


def test_learns_from_normal_shots_only_and_not_at_all_without_learning() -> None:
    own = model()
    observe(own, normal_shots(640))
    shifted = normal_shots(SHOTS_PER_UPDATE, seed=3)
    shifted[:, SUM] += 0.5
    before = encode_state(own.state())
    assert odd(observe(own, shifted, learn=False)).all()
    assert encode_state(own.state()) == before
    mean = own.state()["distance"]["mean"]
    assert odd(observe(own, shifted)).all()
    own.observe(
        normal_shots(SHOTS_PER_UPDATE, seed=4),
        np.zeros(SHOTS_PER_UPDATE, np.bool_),
        np.arange(SHOTS_PER_UPDATE, dtype=np.int64),
        learn=True,
    )
    assert np.array_equal(own.state()["distance"]["mean"], mean)


def learned_distances(own: TripletModel) -> int:
    """How many shots the tail of the distances has learned."""
    tail = own.state()["distance_tail"]
    return int(tail["count"]) + len(tail["waiting"])


@pytest.mark.parametrize(("odd_shots", "learned"), [(1, SHOTS_PER_UPDATE), (2, SHOTS_PER_UPDATE - 2), (32, 0)])
def test_the_tail_learns_an_odd_shot_that_is_alone_and_none_of_a_row(odd_shots: int, learned: int) -> None:
    own = model(fpr=1e-6)
    observe(own, normal_shots(640))
    shots = normal_shots(SHOTS_PER_UPDATE, seed=3)
    shots[SHOTS_PER_UPDATE - odd_shots :, 0] += 3.0
    before = learned_distances(own)
    found = observe(own, shots)
    assert found.unusual.sum() == odd_shots
    assert not found.unbalanced.any()
    assert learned_distances(own) == before + learned


def test_the_tail_learns_nothing_of_an_update_with_no_shot_but_an_odd_one() -> None:
    own = model()
    observe(own, normal_shots(640))
    shots, normal = normal_shots(SHOTS_PER_UPDATE, seed=3), np.zeros(SHOTS_PER_UPDATE, np.bool_)
    shots[4, 0], normal[4] = 5.0, True
    before = encode_state(own.state()["distance_tail"])
    assert own.observe(shots, normal, np.arange(SHOTS_PER_UPDATE, dtype=np.int64), learn=True).unusual.sum() == 1
    assert encode_state(own.state()["distance_tail"]) == before


def test_a_strength_that_was_odd_for_a_while_hides_no_unusual_shots() -> None:
    own, vectors = model(), normal_shots(3_320, seed=5)
    vectors[3_000:3_016, ENERGY] -= 0.03
    assert observe(own, vectors).unbalanced[3_000:3_016].all()
    unusual = normal_shots(400, seed=6)
    unusual[:, :SUM] += 4.5 * np.array([0.1, 0.2, 0.3])
    assert observe(own, unusual, learn=False).unusual.mean() > 0.9


@pytest.mark.parametrize("first", [608, 613, 2_031, 2_016])
def test_what_stays_unusual_is_told_as_long_as_it_lasts(first: int) -> None:
    own, vectors = model(), normal_shots(first + 2_000, seed=3)
    vectors[first:, :SUM] += 6.0 * np.array([0.1, 0.2, 0.3])
    assert observe(own, vectors).unusual[-1_000:].mean() > 0.9


@pytest.mark.parametrize("change", [np.log(0.5), -0.015])
def test_a_relation_that_stays_broken_is_told_as_long_as_it_lasts(change: float) -> None:
    own, vectors = model(), normal_shots(20_000)
    vectors[2_000:, ENERGY] += change
    assert observe(own, vectors).unbalanced[-5_000:].mean() > 0.9


def test_what_has_lasted_for_long_enough_is_learned_anew() -> None:
    own, vectors = model(relearn=1_920), normal_shots(3_640)
    vectors[640:, SUM] += np.log(0.5)
    found = observe(own, vectors)
    assert found.unbalanced[640 : 640 + 1_920].all()  # three minutes at 10 Hz
    assert odd(found)[-500:].mean() < 0.02


def test_an_accepted_baseline_is_learned_anew_from_its_time_on() -> None:
    own, vectors = model(), normal_shots(3_640)
    vectors[640:, SUM] += np.log(0.5)
    for time_ns in (600, 700, 650):
        own.begin_anew_from(time_ns)
    found = observe(own, vectors)
    assert found.unbalanced[640:700].all()
    assert odd(found)[700:].mean() < 0.01
    assert own.state()["anew_from_ns"] is None


def test_values_that_never_change_have_no_infinite_scores() -> None:
    vectors = np.zeros((640, FIRST_STRENGTH + 3))
    vectors[600, SUM] = 1e-2
    found = observe(model(), vectors)
    assert np.isfinite(found.score).all()
    assert np.flatnonzero(odd(found)).tolist() == [600]


def test_a_model_needs_a_camera_and_somebody_else() -> None:
    for devices in ((CAMERA,), (METER, SPECTROMETER)):
        with pytest.raises(ValueError, match="a camera and at least one other"):
            model(devices=devices)
    with pytest.raises(ValueError, match="ring"):
        model(ring=50)
