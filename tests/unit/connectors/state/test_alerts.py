import math
from dataclasses import replace
from pathlib import Path

from connectors.evidence_store import EXPIRED, EvidenceLink
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from models.alerts.alert import AlertChange, AlertEvent
from tests.unit.connectors.state.examples import METER, START_NS, STEP_NS, alert_event


def test_an_alert_is_as_its_latest_event_left_it(tmp_path: Path) -> None:
    closed = alert_event(shots=4, change=AlertChange.CLOSED)
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(alerts=[alert_event(), alert_event(shots=3, change=AlertChange.UPDATED)]))
        state.commit(Commit(alerts=[closed]))
        assert [alert for alert, _ in state.alerts()] == [closed.alert]


def test_alerts_come_by_first_shot_in_pages(tmp_path: Path) -> None:
    events = [alert_event(START_NS + (number * 7 % 1203) * STEP_NS) for number in range(1203)]
    events.append(alert_event(device=METER))
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(alerts=events))
    with StateReader.open(tmp_path) as reader:
        found = [(alert.first_shot_ns, alert.id) for alert, _ in reader.alerts()]
    assert len(found) == 1204
    assert found == sorted(found)


def test_evidence_is_linked_and_says_when_it_is_expired(tmp_path: Path) -> None:
    event = alert_event()

    def link(role: str, time_ns: int) -> EvidenceLink:
        name = f"evidence/2022-07-01/{event.alert.id}-{role}"
        return EvidenceLink(
            alert_id=event.alert.id, role=role, event_time_ns=time_ns, png=f"{name}.png", npz=f"{name}.npz"
        )

    first, worst, later = link("first", START_NS), link("worst", START_NS + 5), link("worst", START_NS + 9)
    with StateDirectory.open(tmp_path) as state:
        (tmp_path / "evidence/2022-07-01").mkdir(parents=True)
        for name in (first.png, first.npz, worst.png):
            (tmp_path / name).write_bytes(b"x")
        state.commit(Commit(alerts=[event], evidence=[worst, first]))
        state.commit(Commit(evidence=[later]))
        ((_, links),) = state.alerts()
    assert links == (first, replace(later, npz=EXPIRED))


def test_scores_without_a_bound(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        for number, score in enumerate((math.inf, math.nan)):
            event = alert_event(START_NS + number)
            state.commit(Commit(alerts=[AlertEvent(change=event.change, alert=replace(event.alert, score=score))]))
        scores = [alert.score for alert, _ in state.alerts()]
    assert scores[0] == math.inf
    assert math.isnan(scores[1])


def test_one_alert_by_its_id(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        event = alert_event()
        assert state.alert(event.alert.id) is None
        state.commit(Commit(alerts=[event]))
        assert state.alert(event.alert.id) == event.alert


def test_alerts_since_a_time_are_those_with_a_later_shot_the_open_ones_and_those_named(tmp_path: Path) -> None:
    closed = [alert_event(START_NS + number * 100 * STEP_NS, change=AlertChange.CLOSED, shots=3) for number in range(4)]
    still_open = alert_event(START_NS + STEP_NS)
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(alerts=[*closed, still_open]))
    old, named, reaching, late = (event.alert for event in closed)
    with StateReader.open(tmp_path) as reader:
        found = [alert for alert, _ in reader.alerts(reaching.last_shot_ns, [named.id, "unknown"])]
        assert found == [still_open.alert, named, reaching, late]
        assert len(list(reader.alerts(None, [old.id]))) == 5
