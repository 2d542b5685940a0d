"""Simulated cameras of a comparison: what lies where, and that both kinds of long stretches are what they say."""

import numpy as np

from connectors.beam_library import load_beam_shapes
from models.fault_kinds import FaultKind
from models.simulation.leading_drift import Departure
from models.training.labelled_camera import IMAGE_FAULTS, QUIET_FRAMES, LabelledCamera, StayingFault

SHAPES = [image for name, image in sorted(load_beam_shapes().items()) if name.startswith("k-")]


def test_faults_begin_after_the_quiet_frames_and_are_those_that_an_image_shows() -> None:
    camera = LabelledCamera(SHAPES, 7, 0, minutes=3)
    assert camera.faults
    assert {label.kind for label in camera.faults} <= IMAGE_FAULTS
    frames = list(camera.watched())
    fault = np.concatenate([minute.fault for minute in frames])
    assert (fault[:QUIET_FRAMES] == -1).all()
    assert len(fault) == 1800
    for place, label in enumerate(camera.faults):
        assert np.count_nonzero(fault == place) == label.shots
    assert all(minute.beam.features.shape == (600, 10) for minute in frames)


def test_the_same_numbers_make_the_same_frames_and_others_other_ones() -> None:
    first, again, other = (next(LabelledCamera(SHAPES, 7, number, minutes=2).watched()) for number in (1, 1, 2))
    np.testing.assert_array_equal(first.beam.cleaned, again.beam.cleaned)
    assert not np.array_equal(first.beam.cleaned[:50], other.beam.cleaned[:50])


def test_what_is_learned_from_is_some_hundred_frames_at_any_rate() -> None:
    for hz in (10.0, 2.0):
        frames = LabelledCamera(SHAPES, 7, 0, minutes=2, hz=hz).earlier()
        assert 200 <= len(frames) <= 320
        assert frames.dtype == np.float32


def test_a_fault_that_stays_goes_to_the_end() -> None:
    staying = StayingFault(kind=FaultKind.HOT_SPOT, severity=0.5, first_frame=130)
    camera = LabelledCamera(SHAPES, 7, 0, minutes=3, hz=2.0, staying=staying)
    fault = np.concatenate([minute.fault for minute in camera.watched()])
    assert np.flatnonzero(fault == 0).tolist() == list(range(130, 360))


def test_a_beam_that_is_led_away_is_where_it_was_led() -> None:
    usual, led = (
        LabelledCamera(SHAPES, 7, 0, minutes=4, hz=2.0, departure=departure)
        for departure in (Departure(begin_s=60, lasting_s=1e9), Departure(begin_s=60, lasting_s=60, distance_px=5.0))
    )
    assert not led.faults
    places = [np.concatenate([part.beam.features[:, 1:3] for part in camera.watched()]) for camera in (usual, led)]
    moved = places[1] - places[0]
    np.testing.assert_allclose(moved[:120], 0.0, atol=0.05)
    np.testing.assert_allclose(moved[250:], 5.0 / np.sqrt(2), atol=0.5)
