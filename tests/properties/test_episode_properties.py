"""Episodes depend on the shots alone: not on the blocks they come in, nor on restarts in between."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.alerts.alert import AlertChange, AlertEvent, AlertKind, AlertSource
from models.alerts.episodes import CERTAIN, EpisodeSettings, EpisodeTracker
from models.alerts.explanation import Explanation
from models.devices import parse_device
from models.event_time import MILLISECOND_NS
from models.state import decode_state, encode_state

CAMERA = parse_device("LB_A2_00-Camera_1-Camera-1")
SETTINGS = EpisodeSettings(quiet_shots=3, quiet_ms=1_000, weak_shots=2, weak_window_shots=5, max_updates=4)

SHOTS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.0, 0.0, 3.4, 3.6, 5.0, 7.5, CERTAIN]), st.sampled_from([0, 100, 400, 1_200])),
    max_size=40,
)


def tracker() -> EpisodeTracker:
    return EpisodeTracker(CAMERA, AlertKind.IMAGE_ANOMALY, SETTINGS, stage=CAMERA.stage, device=CAMERA.name)


def run(shots: list[tuple[float, int]], cuts: list[int], *, restart: bool) -> tuple[list[AlertEvent], list[bool]]:
    score = np.array([score for score, _ in shots])
    times = np.cumsum(np.array([step for _, step in shots], np.int64)) * MILLISECOND_NS
    borders = sorted({0, len(shots), *(cut for cut in cuts if cut <= len(shots))})
    subject, events, mask = tracker(), [], []
    for start, stop in pairwise(borders):
        part = slice(start, stop)

        def source(row: int, start: int = start) -> AlertSource:
            return AlertSource(file="f", sha256="s", path=str(start + row))

        def explain(row: int, start: int = start) -> Explanation:
            return Explanation(text=str(start + row), cause="pointing", cause_probability=(start + row) / 40)

        reasons = np.arange(start, stop).astype(np.uint32)
        some, rows = subject.observe_block(times[part], score[part], score[part] > 0, reasons, source, explain)
        events += some
        mask += rows.tolist()
        if restart:
            saved = decode_state(encode_state(subject.state()))
            subject = tracker()
            subject.restore(saved)
    return events + subject.finish(), mask


@given(SHOTS, st.lists(st.integers(1, 39)))
def test_blocks_and_restarts_change_nothing(shots: list[tuple[float, int]], cuts: list[int]) -> None:
    whole = run(shots, [], restart=False)
    assert run(shots, cuts, restart=False) == whole
    assert run(shots, cuts, restart=True) == whole


@given(SHOTS)
def test_every_opening_is_closed_once(shots: list[tuple[float, int]]) -> None:
    events, mask = run(shots, [], restart=False)
    opened = [event.alert.id for event in events if event.change is AlertChange.OPENED]
    assert opened == [event.alert.id for event in events if event.change is AlertChange.CLOSED]
    assert any(mask) == bool(opened)
    assert all(event.alert.first_shot_ns <= event.alert.last_shot_ns for event in events)
    odd = sum(score > 0 for score, _ in shots)
    assert sum(event.alert.shots for event in events if event.change is AlertChange.CLOSED) <= odd


@given(SHOTS)
def test_a_strong_shot_is_always_inside_an_episode(shots: list[tuple[float, int]]) -> None:
    _, mask = run(shots, [], restart=False)
    assert all(row for row, (score, _) in zip(mask, shots, strict=True) if score >= SETTINGS.strong_score)
