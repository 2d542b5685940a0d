"""An episode opens, is updated, and closes where its settings say, to the shot."""

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest

from models.alerts.alert import AlertChange, AlertEvent, AlertKind, AlertSource, Severity, alert_id
from models.alerts.episodes import CERTAIN, EpisodeSettings, EpisodeTracker
from models.alerts.explanation import NO_EXPLANATION, Explanation
from models.devices import parse_device
from models.event_time import MILLISECOND_NS
from models.results import Reason

CAMERA = parse_device("LA_A3_32-Camera_1-Camera-1")
SETTINGS = EpisodeSettings(strong_score=5.0, quiet_shots=4, quiet_ms=10_000, weak_shots=2, weak_window_shots=4)
OPENED, UPDATED, CLOSED = AlertChange.OPENED, AlertChange.UPDATED, AlertChange.CLOSED


def tracker(settings: EpisodeSettings = SETTINGS, kind: AlertKind = AlertKind.IMAGE_ANOMALY) -> EpisodeTracker:
    return EpisodeTracker(CAMERA, kind, settings, stage=CAMERA.stage, device=CAMERA.name, model="m1")


def source(row: int) -> AlertSource:
    return AlertSource(file="a.h5", sha256="0" * 64, path=f"/{row}")


def observe(
    subject: EpisodeTracker,
    scores: list[float],
    times_ms: list[int] | None = None,
    explain: Callable[[int], Explanation] | None = None,
) -> tuple[list[AlertEvent], list[bool]]:
    """Shots at 10 Hz; a score above 0 is anomalous."""
    score = np.array(scores)
    times = np.array(times_ms if times_ms is not None else range(0, 100 * len(scores), 100), np.int64) * MILLISECOND_NS
    reasons = np.full(len(scores), Reason.RESIDUAL, np.uint32)
    events, mask = subject.observe_block(times, score, score > 0, reasons, source, explain)
    return events, mask.tolist()


@pytest.mark.parametrize(
    ("scores", "changes", "open_rows"),
    [
        # One strong shot opens at once; the fourth quiet shot closes.
        ([0, 5, 0, 0, 0, 0, 0], [OPENED, CLOSED], [1, 2, 3, 4]),
        # One less quiet shot leaves it open.
        ([0, 5, 0, 0, 0], [OPENED], [1, 2, 3, 4]),
        # A weak shot alone opens nothing.
        ([0, 4, 0, 0, 0], [], []),
        # Two weak ones, first and last of a window of four: the second opens.
        ([4, 0, 0, 4], [OPENED], [3]),
        # One shot further apart and they don't meet.
        ([4, 0, 0, 0, 4], [], []),
        # Anomalous by the frame's threshold, but below the weak score: never opens ...
        ([3.4, 3.4, 3.4, 3.4], [], []),
        # ... but keeps an open episode going: the quiet shots start anew behind it.
        ([5, 0, 0, 0, 3.4, 0, 0, 0], [OPENED, UPDATED], [0, 1, 2, 3, 4, 5, 6, 7]),
        # A rule that knows opens with its first shot.
        ([0, CERTAIN], [OPENED], [1]),
        # Two episodes, four quiet shots apart.
        ([5, 0, 0, 0, 0, 6], [OPENED, CLOSED, OPENED], [0, 1, 2, 3, 5]),
        # NaN is no score.
        ([float("nan"), 0], [], []),
    ],
)
def test_opens_and_closes_at_the_right_shot(
    scores: list[float], changes: list[AlertChange], open_rows: list[int]
) -> None:
    events, mask = observe(tracker(), scores)
    assert [event.change for event in events] == changes
    assert np.flatnonzero(mask).tolist() == open_rows


@pytest.mark.parametrize(
    ("times_ms", "scores", "changes"),
    [
        # Exactly the quiet time behind the last odd shot: the same episode.
        ([0, 10_000], [5, 5], [OPENED, UPDATED]),
        # A millisecond more: another episode.
        ([0, 10_001], [5, 5], [OPENED, CLOSED, OPENED]),
        # A normal shot beyond the quiet time closes, though it is the first.
        ([0, 10_001], [5, 0], [OPENED, CLOSED]),
        # Weak shots further apart than the quiet time don't meet.
        ([0, 10_001], [4, 4], []),
    ],
)
def test_quiet_time_ends_episodes_of_slow_stages(
    times_ms: list[int], scores: list[float], changes: list[AlertChange]
) -> None:
    assert [event.change for event in observe(tracker(), scores, times_ms)[0]] == changes


def test_the_first_shot_of_a_weak_episode_is_the_first_odd_one_with_its_source_and_id() -> None:
    (event,) = observe(tracker(), [0, 4, 0, 3.6])[0]
    first_ns = 100 * MILLISECOND_NS
    assert event.alert.id == alert_id(CAMERA, AlertKind.IMAGE_ANOMALY, first_ns)
    assert (event.alert.first_shot_ns, event.alert.last_shot_ns) == (first_ns, 3 * first_ns)
    assert (event.alert.shots, event.alert.score, event.alert.reasons) == (2, 4.0, ("residual",))
    assert (event.alert.source.path, event.alert.model) == ("/1", "m1")


def test_updates_come_with_growing_scores_and_doubling_shots_and_are_bounded() -> None:
    # The score grows by 1 (6), the shots double from 2 to 4; 5.5 and 6.5 say nothing new.
    events, _ = observe(tracker(), [5, 5.5, 6, 6.5])
    assert [(e.change, e.alert.shots) for e in events] == [(OPENED, 1), (UPDATED, 2), (UPDATED, 4)]
    bounded = EpisodeSettings(strong_score=5.0, max_updates=3)
    events, _ = observe(tracker(bounded), [5.0 + row for row in range(50)])
    assert [e.change for e in events] == [OPENED, UPDATED, UPDATED, UPDATED]


def test_a_rule_has_no_score() -> None:
    (event,) = observe(tracker(kind=AlertKind.STUCK_FRAME), [CERTAIN])[0]
    assert event.alert.score == 0.0
    assert event.alert.severity is Severity.MEDIUM


class Explaining:
    """Explains row i as ``row i``, and remembers which rows it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, row: int) -> Explanation:
        self.asked.append(row)
        return Explanation(text=f"row {row}", cause="hot_spot", cause_probability=0.5)


@pytest.mark.parametrize(
    ("scores", "asked", "said"),
    [
        # A strong shot is the worst of those that opened, whatever weak ones wait.
        ([0, 4, 5], [1, 2], ["row 2"]),
        # Of weak ones the strongest counts: the first here, the second there; of equal ones the first.
        ([4.5, 0, 4], [0], ["row 0"]),
        ([4, 0, 4.5], [0, 2], ["row 2"]),
        ([4, 0, 4], [0], ["row 0"]),
        # A weak shot that meets no other was explained in vain; one below the weak score never is.
        ([4, 0, 0, 0, 4.2, 3.4], [0, 4], []),
        # Later only the worst so far, and only when it leads to an update: 5.5 doubles the shots, 5.9 tells nothing,
        # 5.8 doubles them again but is not the worst, 7 is worse by a step.
        ([5, 5.5, 5.9, 5.8, 7, 6], [0, 1, 4], ["row 0", "row 1", "row 1", "row 4"]),
        # A rule's shots are all the same: the first says it.
        ([CERTAIN, CERTAIN, CERTAIN], [0], ["row 0", "row 0"]),
    ],
)
def test_the_worst_shot_is_explained(scores: list[float], asked: list[int], said: list[str]) -> None:
    explain = Explaining()
    events, _ = observe(tracker(), scores, explain=explain)
    assert explain.asked == asked
    assert [event.alert.explanation.text for event in events] == said


def test_a_closing_repeats_the_explanation_of_the_worst_shot() -> None:
    subject = tracker()
    (opened,) = observe(subject, [5], explain=Explaining())[0]
    (closed,) = subject.finish()
    assert closed.alert.explanation == opened.alert.explanation
    assert opened.alert.explanation == Explanation(text="row 0", cause="hot_spot", cause_probability=0.5)


def test_nothing_is_explained_where_nothing_can() -> None:
    (event,) = observe(tracker(), [5])[0]
    assert event.alert.explanation == NO_EXPLANATION


def test_an_explanation_changes_nothing_else_of_an_alert() -> None:
    scores = [0, 4, 4.5, 7, 0, 0, 0, 0, 9]
    plain, _ = observe(tracker(), scores)
    explained, _ = observe(tracker(), scores, explain=Explaining())
    assert [replace(event, alert=replace(event.alert, explanation=NO_EXPLANATION)) for event in explained] == plain


def test_a_state_of_a_program_without_explanations_is_restored() -> None:
    waiting, going_on = tracker(), tracker()
    observe(waiting, [4])
    observe(going_on, [5])
    old_window, old_episode = waiting.state(), going_on.state()
    old_window["window"] = [shot[:7] for shot in old_window["window"]]
    del old_episode["episode"]["explanation"]
    for subject, old in ((waiting, old_window), (going_on, old_episode)):
        subject.restore(old)
    (event,) = observe(waiting, [3.6], [100])[0]
    assert (event.alert.shots, event.alert.explanation) == (2, NO_EXPLANATION)
    assert going_on.alert is not None
    assert going_on.alert.explanation == NO_EXPLANATION


def test_finish_closes_and_forgets_weak_shots() -> None:
    subject = tracker()
    observe(subject, [5])
    assert subject.is_open
    assert subject.alert is not None
    assert [event.change for event in subject.finish()] == [CLOSED]
    assert subject.finish() == []
    assert subject.alert is None


def test_advance_closes_what_has_been_quiet() -> None:
    subject = tracker()
    observe(subject, [5])
    assert subject.advance(10_000 * MILLISECOND_NS) == []
    assert [event.change for event in subject.advance(10_001 * MILLISECOND_NS)] == [CLOSED]


@pytest.mark.parametrize(
    "change",
    [
        {"weak_score": 6.5},
        {"weak_shots": 0},
        {"weak_shots": 11},
        {"quiet_shots": 0},
        {"quiet_ms": 0},
        {"update_score_step": 0.0},
        {"max_updates": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        EpisodeSettings(**(asdict(EpisodeSettings()) | change))


def test_scores_that_are_set_anew_hold_from_the_next_shot_on() -> None:
    subject = tracker()
    assert not observe(subject, [4.5])[0]
    subject.use_scores(4.5, 4.2)
    assert [event.change for event in observe(subject, [0, 0, 0, 0, 4.1, 4.1, 4.5])[0]] == [OPENED]
    stricter = tracker()
    stricter.use_scores(9.0, 8.0)
    assert not observe(stricter, [7, 7, 7, 7])[0]


def test_an_alert_tells_the_shot_with_which_it_opened_also_after_a_restart() -> None:
    subject = tracker()
    (opened,), _ = observe(subject, [4, 0, 0, 4])
    assert (opened.alert.first_shot_ns, opened.alert.opened_ns) == (0, 300 * MILLISECOND_NS)
    again = tracker()
    again.restore(subject.state())
    assert [event.alert.opened_ns for event in again.finish()] == [300 * MILLISECOND_NS]
