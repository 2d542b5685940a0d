"""A connector that is not heard of is missed, whatever the clocks do, and not one that has ended in order."""

import pytest

from connectors.wire.progress import Progress
from models.alerts.alert import AlertChange, AlertEvent, AlertKind
from models.event_time import SECOND_NS
from models.state import decode_state, encode_state
from streams.facility.connector_silence import SILENT_S, ConnectorSilence

T = 1_656_668_000 * SECOND_NS
SENT_NS = T - 100 * SECOND_NS


class Site:
    """Connectors that speak, and somebody who listens every two seconds."""

    def __init__(self) -> None:
        self.silence = ConnectorSilence()
        self.progress: dict[str, Progress] = {}
        self.now_ns = T

    def speak(self, name: str = "rec-1", *, at_ns: int | None = None, ended: bool = False) -> None:
        self.progress[f"connect/{name}"] = Progress(
            name=name, at_ns=self.now_ns if at_ns is None else at_ns, snapshot_start_ns=SENT_NS, ended=ended
        )

    def listen(self, seconds: float = 0.0, step_s: float = 2.0) -> list[AlertEvent]:
        events = self.silence.observe(self.progress, self.now_ns)
        for _ in range(round(seconds / step_s)):
            self.now_ns += round(step_s * SECOND_NS)
            events += self.silence.observe(self.progress, self.now_ns)
        return events


@pytest.fixture
def site() -> Site:
    return Site()


def test_it_is_missed_once_and_its_next_word_closes_the_alert(site: Site) -> None:
    site.speak()
    assert site.listen(SILENT_S) == []
    (opened,) = site.listen(600)
    alert = opened.alert
    assert (opened.change, alert.kind, alert.source.file) == (
        AlertChange.OPENED,
        AlertKind.CONNECTOR_BEHIND,
        "connect/rec-1",
    )
    assert (alert.reasons, alert.first_shot_ns, alert.last_shot_ns) == (("silent",), SENT_NS, T)
    site.speak()
    (closed,) = site.listen(2)
    assert (closed.change, closed.alert.id) == (AlertChange.CLOSED, alert.id)
    assert site.listen(SILENT_S - 4) == []


def test_one_that_speaks_is_not_missed_and_its_clock_does_not_matter(site: Site) -> None:
    for number in range(60):
        site.speak("fast", at_ns=T + 10**15 + number)
        site.speak("back", at_ns=T - number)
        assert site.listen(4) == []


@pytest.mark.parametrize("was_missed", [False, True])
def test_one_that_ended_in_order_is_not_missed(site: Site, was_missed: bool) -> None:
    site.speak()
    found = site.listen(SILENT_S * 2 if was_missed else 4)
    site.speak(ended=True)
    found += site.listen(SILENT_S * 3)
    assert [event.change for event in found] == [AlertChange.OPENED, AlertChange.CLOSED] * was_missed
    site.speak()
    site.listen()
    assert [event.change for event in site.listen(SILENT_S * 2)] == [AlertChange.OPENED]


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_a_listener_that_was_away_or_a_clock_that_jumps_misses_nobody(site: Site, jump_s: float) -> None:
    site.speak()
    assert site.listen(30) == []
    site.now_ns += round(jump_s * SECOND_NS)
    assert site.listen() == []
    site.speak()
    assert site.listen(30) == []


def test_each_is_missed_by_itself_and_an_old_word_is_given_its_time(site: Site) -> None:
    site.speak("gone", at_ns=T - 10**13)
    site.speak("here")
    assert site.listen(SILENT_S - 2) == []
    site.speak("here")
    assert [event.alert.source.file for event in site.listen(10)] == ["connect/gone"]


def test_an_open_alert_survives_a_change_of_the_recorder(site: Site) -> None:
    site.speak()
    (opened,) = site.listen(SILENT_S + 10)
    saved = decode_state(encode_state(site.silence.state()))
    site.silence = ConnectorSilence()
    site.silence.restore(saved)
    assert site.listen(SILENT_S * 2) == []
    site.now_ns += SECOND_NS
    site.speak()
    (closed,) = site.listen(2)
    assert (closed.change, closed.alert.id) == (AlertChange.CLOSED, opened.alert.id)


def test_what_was_taken_out_of_the_topic_is_not_missed_any_more(site: Site) -> None:
    site.speak()
    site.listen(SILENT_S + 10)
    site.progress.clear()
    assert [event.change for event in site.listen(SILENT_S)] == [AlertChange.CLOSED]


def test_workers_are_not_connectors(site: Site) -> None:
    site.progress["image/0"] = Progress(name="worker", at_ns=T, next_offset=3)
    assert site.listen(SILENT_S * 2) == []
