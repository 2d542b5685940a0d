"""The recorder, message by message: what counts, what came before, what is refused, and that the ledger balances."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.state.commit import Commit, FileStatus
from connectors.wire.announcement import Announcement
from connectors.wire.codec import decode, encode
from connectors.wire.dead_letter import DeadLetterMessage
from connectors.wire.message import Incoming, Outgoing
from models.alerts.alert import AlertChange, AlertStatus
from models.errors import FatalError, RetryableError
from models.messages import (
    AlertMessage,
    DecidedMessage,
    DeviceNotice,
    EvidenceMessage,
    FileMoment,
    NoticeKind,
    Origin,
    ReplacementPart,
    ScoredMessage,
)
from models.records import SourceReference
from models.results import Outcome
from models.state import encode_state
from models.triplets.decided import DecidedBlock
from models.triplets.stage_join import StageJoin
from streams.settings import load_settings
from streams.topology import TopicName
from tests.support.recorded_facility import OpenRecorder, RecorderTopics, ledger_of, recorder_on
from tests.unit.connectors.state.examples import (
    CAMERA,
    METER,
    PUMP,
    SPECTROMETER,
    STAGE,
    START_NS,
    alert_event,
    decided,
    file_record,
    source,
    triplets,
)
from tests.unit.streams.test_commit_builder import evidence

A, B = source("a"), source("b")
MOMENT = FileMoment(start_ns=START_NS, closed_ns=START_NS + 60 * 10**9)
NAMES = tuple(device.name for device in (CAMERA, METER, SPECTROMETER))


class Harness:
    """Topics that are written by hand, and a recorder that may be opened anew at any time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = load_settings(None)
        self.topics = RecorderTopics()
        self._offset = 0
        self._context: Any = None
        self.open()

    def open(self) -> None:
        """Go on as a new process does."""
        self.close()
        self._context = recorder_on(self.path, self.settings)
        self.opened: OpenRecorder = self._context.__enter__()

    def close(self) -> None:
        if self._context is not None:
            self._context.__exit__(None, None, None)

    def decide(self, *blocks: DecidedBlock, **more: Any) -> Incoming:
        """What the join says after one more of its input messages."""
        self._offset += 1
        message = DecidedMessage(stage=STAGE, moment=MOMENT, decided=blocks, **more)
        return self.topics.add(TopicName.DECIDED, message, Origin("scored", 0, self._offset))

    def end(self, of: SourceReference, names: tuple[str, ...] = NAMES, **more: Any) -> None:
        """Devices come to the end of a file."""
        for name in names:
            self.decide(ended=((of, name),), **more)

    def announce(self, records: int, of: SourceReference = A, **more: Any) -> Incoming:
        options = {"ends": NAMES, "connector": "recorder-1", "moment": MOMENT}
        changes = {name: more.pop(name) for name in list(more) if name not in (*options, "file_counts", "devices")}
        message = Announcement(record=file_record(of, records, **changes), **{**options, **more})
        return self.topics.add(TopicName.SNAPSHOTS, message)

    def letter(self, original: Incoming, reason: str = "poisonous") -> Incoming:
        message = DeadLetterMessage(original=original, reason=reason, agent="image", error="it failed", at_ns=START_NS)
        return self.topics.add(TopicName.DEAD_LETTERS, message)

    def work(self, *, one_by_one: bool = True) -> list[Outgoing]:
        """Record what was not recorded; the ledger balances after every message, and dead letters go to their topic."""
        letters: list[Outgoing] = []
        messages = self.topics.after(self.opened.recorder.next_offsets)
        for batch in [[message] for message in messages] if one_by_one else [messages]:
            letters += self.opened.recorder.work(batch)
            ledger_of(self.opened)
        for letter in letters:
            self.topics.append(letter)
        return letters

    def records(self) -> dict[str, int]:
        """The ledger's counts that are not 0."""
        return {name: number for name, number in ledger_of(self.opened)["records"].items() if number}

    def repeated(self) -> int:
        return int(self.opened.metrics.registry.get_sample_value("petawatch_repeated_records_total") or 0)


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    harness = Harness(tmp_path / "state")
    yield harness
    harness.close()


def block_message(device_name: str = CAMERA.name, *, records: int = 3, first: int = 0, offset: int = 7) -> Incoming:
    """A block of records as its agent found it, of which only the headers can be read."""
    headers = {"file": A.file, "sha256": A.sha256, "device": device_name, "records": records, "first_record": first}
    return Incoming(
        topic="images",
        partition=1,
        offset=offset,
        key=device_name.encode(),
        value=b"damaged",
        headers=tuple((name, str(value).encode()) for name, value in headers.items()),
    )


def test_a_file_from_the_first_row_to_the_last(harness: Harness) -> None:
    harness.decide(decided(CAMERA, 4, of=A), pending={A: 2})
    harness.work()
    assert harness.records() == {"read": 6, "triplet": 4, "pending": 2}
    harness.announce(30)
    harness.work()
    assert harness.records() == {"read": 30, "triplet": 4, "pending": 26}
    harness.decide(decided(METER, 20, of=A), pending={A: 6})
    harness.end(A, NAMES[:2], pending={A: 6})
    harness.work()
    assert harness.records() == {"read": 30, "triplet": 24, "pending": 6}
    harness.end(A, NAMES[2:], pending={A: 6})
    harness.decide(decided(SPECTROMETER, 6, of=A), pending={})
    harness.work()
    assert harness.records() == {"read": 30, "triplet": 30}


def test_ends_before_the_announcement_and_rows_that_were_lost_show(harness: Harness) -> None:
    harness.decide(decided(CAMERA, 4, of=A), pending={})
    harness.end(A)
    harness.work()
    harness.announce(5)
    harness.opened.recorder.work(harness.topics.after(harness.opened.recorder.next_offsets))
    ledger = harness.opened.state.ledger()
    assert not ledger["balanced"]
    assert ledger["unbalanced_files"] == [{"file": A.file, "sha256": A.sha256, "read": 5, "decided": 4, "pending": 0}]
    harness.decide(decided(METER, 1, of=A), pending={})
    harness.work()
    assert harness.records() == {"read": 5, "triplet": 5}


@pytest.mark.parametrize("one_by_one", [True, False])
def test_what_follows_from_the_same_message_counts_once(harness: Harness, one_by_one: bool) -> None:
    harness.announce(10)
    harness.end(A)
    first = harness.decide(decided(CAMERA, 10, of=A), triplets=triplets(10), pending={})
    harness.work(one_by_one=one_by_one)
    assert first.key is not None
    harness.topics.append(Outgoing(topic="decided", key=first.key, value=first.value, headers=first.headers))
    harness.open()
    harness.work(one_by_one=one_by_one)
    assert harness.records() == {"read": 10, "triplet": 10}
    assert len(harness.opened.state.triplet_times(STAGE, None, None)) == 10


def test_a_replay_that_agents_have_forgotten_changes_nothing(harness: Harness) -> None:
    harness.announce(10)
    harness.end(A)
    harness.decide(decided(CAMERA, 10, of=A), pending={})
    harness.work()
    harness.open()
    before = ledger_of(harness.opened)
    harness.decide(decided(CAMERA, 6, of=A, outcome=Outcome.DUPLICATE))
    harness.decide(decided(CAMERA, 4, of=A, outcome=Outcome.LATE))
    harness.end(A)
    harness.announce(10)
    harness.letter(block_message())
    harness.work()
    assert ledger_of(harness.opened) == before
    assert harness.repeated() == 13


def test_messages_are_neither_left_out_nor_recorded_twice(harness: Harness) -> None:
    harness.decide(decided(CAMERA, 4, of=A))
    harness.decide(decided(METER, 4, of=A))
    first, second = harness.topics.after({})
    harness.opened.recorder.work([first, second])
    assert harness.opened.recorder.next_offsets == {"decided": 2}
    harness.opened.recorder.work([first, second])
    assert harness.records() == {"read": 8, "triplet": 8}
    with pytest.raises(FatalError, match="decided came to offset 4 where 2 was next") as gap:
        harness.opened.recorder.work([replace(second, offset=4)])
    assert gap.value.reason == "offset_gap"
    with pytest.raises(FatalError, match="the topic was made anew"):
        harness.opened.recorder.work([replace(first, timestamp_ms=second.timestamp_ms + 1)])
    assert harness.opened.recorder.next_offsets == {"decided": 2}
    assert harness.records() == {"read": 8, "triplet": 8}


def test_a_topic_may_begin_anywhere(harness: Harness) -> None:
    message = replace(harness.decide(decided(CAMERA, 4, of=A)), offset=1_000)
    harness.opened.recorder.work([message])
    assert harness.opened.recorder.next_offsets == {"decided": 1_001}


def test_alerts_that_say_what_is_known_change_nothing(harness: Harness) -> None:
    opened, closed = alert_event(), alert_event(shots=3, change=AlertChange.CLOSED)
    for event in (opened, opened, closed, closed):
        harness.topics.add(TopicName.ALERTS, AlertMessage(event=event, moment=MOMENT))
    harness.work(one_by_one=False)
    harness.topics.add(TopicName.ALERTS, AlertMessage(event=closed))
    harness.work()
    [(alert, _)] = harness.opened.state.alerts()
    assert alert.status is AlertStatus.CLOSED
    value = harness.opened.metrics.registry.get_sample_value
    assert value("petawatch_alerts_opened_total", {"kind": "image_anomaly", "severity": "high"}) == 1
    assert value("petawatch_file_close_to_alert_seconds_count") == 1
    harness.topics.add(TopicName.ALERTS, AlertMessage(event=opened))  # it may open again
    harness.work()
    [(alert, _)] = harness.opened.state.alerts()
    assert alert.status is AlertStatus.OPEN


def test_evidence_is_linked_whenever_it_comes(harness: Harness) -> None:
    event = alert_event()
    harness.topics.add(TopicName.EVIDENCE, EvidenceMessage(frame=evidence(event.alert.id)))
    harness.topics.add(TopicName.ALERTS, AlertMessage(event=event))
    harness.work()
    [(_, links)] = harness.opened.state.alerts()
    assert (harness.path / links[0].png).is_file()


def test_announcements_that_come_again_count_once(harness: Harness) -> None:
    harness.announce(0, ends=())
    harness.announce(0, mtime_ns=9, ends=(), file_counts={"skipped": 1})
    harness.announce(0, mtime_ns=9, ends=(), file_counts={"skipped": 1})
    harness.announce(0, B, status=FileStatus.IGNORED, ends=())
    harness.announce(0, B, status=FileStatus.IGNORED, ends=())
    harness.work(one_by_one=False)
    harness.announce(0, B, status=FileStatus.IGNORED, ends=())
    harness.work()
    files = ledger_of(harness.opened)["files"]
    assert files == {"accepted": 1, "rejected": 0, "replaced": 0, "skipped": 1, "ignored": 1}


def test_dead_letters_of_the_reader_are_counted_with_the_file(harness: Harness) -> None:
    harness.announce(12, dead_letters={"time_syntax": 2})
    harness.announce(12, dead_letters={"time_syntax": 2})
    harness.decide(decided(CAMERA, 10, of=A))
    harness.end(A)
    harness.work()
    assert harness.records() == {"read": 12, "triplet": 10, "dead_letter": 2}
    value = harness.opened.metrics.registry.get_sample_value
    assert value("petawatch_dead_letters_total", {"reason": "time_syntax"}) == 2


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_refused_message_is_accounted_for(harness: Harness, place: int) -> None:
    """Whenever the recorder hears of it: before the file, in the middle, at its end; twice, and at two offsets."""
    steps: list[Callable[[], object]] = [
        lambda: harness.decide(decided(CAMERA, 7, of=A)),
        lambda: harness.announce(10),
        lambda: harness.end(A, NAMES[:2]),
    ]
    tell: list[Callable[[], object]] = [
        lambda: harness.letter(block_message()),
        lambda: harness.letter(block_message(offset=99)),
    ]
    for step in [*steps[:place], *tell, *steps[place:]]:
        step()
        harness.work()
    harness.end(A, NAMES[2:])
    harness.work()
    assert harness.records() == {"read": 10, "triplet": 7, "dead_letter": 3}
    assert ledger_of(harness.opened)["dead_letters"]["on_the_way"] == {"poisonous": 3}


def test_a_message_that_is_taken_at_last(harness: Harness) -> None:
    harness.announce(10)
    harness.decide(decided(CAMERA, 7, of=A))
    harness.end(A)
    harness.letter(block_message())
    harness.opened.recorder.work(harness.topics.after({}))
    harness.open()
    again = block_message(offset=50)
    again = replace(again, headers=(*again.headers, ("retried", b"0"), ("attempt", b"1")))
    harness.letter(again)  # once more in vain
    harness.work()
    assert harness.records() == {"read": 10, "triplet": 7, "dead_letter": 3}
    rows = decided(CAMERA, 3, of=A, outcome=Outcome.LATE, start_ns=START_NS + 10**9)
    harness.decide(retried={A: 3}, pending={A: 3})
    harness.work()
    assert harness.records() == {"read": 10, "triplet": 7, "pending": 3}
    harness.decide(rows, pending={})
    harness.work()
    assert harness.records() == {"read": 10, "triplet": 7, "late": 3}


def damaged(topic: TopicName, **changes: Any) -> Outgoing:
    encoded = encode(AlertMessage(event=alert_event()))
    return replace(Outgoing(topic=topic, key=b"k", value=encoded.value, headers=encoded.headers), **changes)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (damaged(TopicName.ALERTS, value=b"{"), "damaged_payload"),
        (damaged(TopicName.ALERTS, headers=()), "missing_header"),
        (damaged(TopicName.ALERTS, headers=(("schema", b"alert/99"),)), "unknown_version"),
        (damaged(TopicName.EVIDENCE), "wrong_type"),
        (damaged(TopicName.ALERTS, headers=(("schema", b"alert/1"), ("retried", b"x"))), "bad_header"),
        (damaged(TopicName.SNAPSHOTS, value=None), "wrong_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_message_becomes_a_dead_letter(harness: Harness, message: Outgoing, reason: str) -> None:
    if message.topic == TopicName.SNAPSHOTS:
        notice = encode(DeviceNotice(kind=NoticeKind.SILENT, device=CAMERA, source=A, moment=MOMENT))
        message = replace(message, value=notice.value, headers=notice.headers)
    harness.topics.append(message)
    harness.decide(decided(CAMERA, 4, of=A))
    [letter] = harness.work(one_by_one=False)
    content = decode(harness.topics.log.of(letter.topic)[-1])
    assert isinstance(content, DeadLetterMessage)
    assert (content.reason, content.agent) == (reason, "recorder")
    assert (content.original.value, content.original.headers) == (message.value, message.headers)
    assert harness.records() == {"read": 4, "triplet": 4}
    assert harness.work() == []  # it comes back, and is no dead letter again


def test_a_dead_letter_that_can_not_be_read_is_told_of(harness: Harness) -> None:
    harness.topics.append(damaged(TopicName.DEAD_LETTERS, headers=()))
    assert harness.work() == []
    assert "the dead letter at offset 0 can't be counted" in harness.opened.told[0]


def test_dead_letters_are_kept_until_they_were_handed_over(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.topics.append(damaged(TopicName.ALERTS, value=b"{"))
    harness.decide(decided(CAMERA, 4, of=A))
    messages = harness.topics.after({})
    [letter] = harness.opened.recorder.work(messages)
    harness.open()  # dead before it was sent
    assert harness.opened.recorder.work([]) == [letter]
    assert harness.opened.recorder.work([]) == []
    harness.decide(decided(METER, 4, of=A))
    assert harness.work() == []
    harness.open()
    assert harness.opened.recorder.work([]) == []


def poisoned(monkeypatch: pytest.MonkeyPatch, harness: Harness, rows: int) -> None:
    """The commit of a block with so many rows fails in a way that nobody foresaw."""
    commit = type(harness.opened.state).commit

    def fail(state: Any, step: Commit) -> int:
        if any(len(each) == rows for each in step.decided):
            raise ZeroDivisionError("a bug")
        return commit(state, step)

    monkeypatch.setattr("connectors.state.directory.StateDirectory.commit", fail)


def test_a_poisonous_message_stops_nothing(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.announce(30)
    harness.decide(decided(CAMERA, 10, of=A), pending={A: 20})
    poison = harness.decide(decided(METER, 3, of=A), decided(METER, 0, of=B), pending={A: 17})
    harness.decide(decided(SPECTROMETER, 17, of=A), pending={})
    harness.end(A)
    with monkeypatch.context() as patch:
        poisoned(patch, harness, 3)
        [letter] = harness.work(one_by_one=False)
        content = decode(harness.topics.log.of(letter.topic)[-1])
        assert isinstance(content, DeadLetterMessage)
        assert (content.reason, content.error) == ("poisonous", "ZeroDivisionError: a bug")
        assert content.original.offset == poison.offset
        harness.work()
    assert harness.records() == {"read": 30, "triplet": 27, "dead_letter": 3}
    # The program was mended, and the message is given again.
    headers = tuple((name, value) for name, value in poison.headers if name != "origin")
    for _ in range(2):  # the second time it is known
        again = Outgoing(topic="decided", key=b"key", value=poison.value, headers=(*headers, ("retried", b"0")))
        harness.topics.append(again)
        harness.work()
    assert harness.records() == {"read": 30, "triplet": 30}


def test_a_fault_that_is_not_a_messages_ends_the_work(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.decide(decided(CAMERA, 4, of=A))

    def fail(*_: object) -> int:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("connectors.state.directory.StateDirectory.commit", fail)
        with pytest.raises(ZeroDivisionError):
            harness.work()
    harness.work()
    assert harness.records() == {"read": 4, "triplet": 4}


def test_a_full_disk_leaves_no_trace_in_memory(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.decide(decided(CAMERA, 4, of=A))
    harness.topics.append(damaged(TopicName.ALERTS, value=b"{"))

    def full(*_: object) -> int:
        raise RetryableError("the disk is full", reason="disk_full")

    with monkeypatch.context() as patch:
        patch.setattr("connectors.state.directory.StateDirectory.commit", full)
        for _ in range(2):
            with pytest.raises(RetryableError):
                harness.work()
    assert len(harness.work()) == 1
    assert harness.records() == {"read": 4, "triplet": 4}


NEW = source("a", 2)


def part(block: DecidedBlock, of: SourceReference = NEW) -> ReplacementPart:
    join = StageJoin(STAGE, load_settings(None).join)
    scored = replace(block.scored, replacement=True)
    return ReplacementPart(
        source=of, stage=STAGE, scored=(scored,), join_state=encode_state(join.state_without_waiting())
    )


def replaced(records: int, harness: Harness, ends: tuple[str, ...] = NAMES, **more: Any) -> None:
    harness.announce(records, NEW, replaced_sha256=A.sha256, ends=ends, **more)


def earlier(harness: Harness) -> None:
    """The version that is replaced, all of it decided."""
    harness.announce(10)
    harness.decide(decided(CAMERA, 10, of=A, outcome=Outcome.INVALID), pending={})
    harness.end(A)
    harness.work()


@pytest.mark.parametrize("announced_first", [True, False])
def test_a_replacing_file_counts_when_all_of_it_is_there(harness: Harness, announced_first: bool) -> None:
    earlier(harness)
    ends = (*NAMES, PUMP.name)
    pump = decided(PUMP, 2, of=NEW, outcome=Outcome.UNJOINED)
    pump = replace(pump, scored=replace(pump.scored, replacement=True))
    steps: list[Callable[[], object]] = [
        lambda: replaced(6, harness, ends),
        lambda: harness.decide(pump, pending={NEW: 4}),
        lambda: harness.end(NEW, ends[:3], pending={NEW: 4}),
        lambda: harness.decide(replacement=part(decided(CAMERA, 4, of=NEW)), pending={}),
    ]
    for step in steps if announced_first else [*steps[1:], steps[0]]:
        step()
        harness.work()
        harness.open()
        assert harness.records() == {"read": 10, "invalid": 10}
        assert ledger_of(harness.opened)["files"]["replaced"] == 0
    harness.end(NEW, ends[3:], pending={})
    harness.work()
    records = harness.records()
    assert records["read"] == 6
    assert records["unjoined"] == 2
    assert "pending" not in records
    assert ledger_of(harness.opened)["files"] == {
        "accepted": 1,
        "rejected": 0,
        "replaced": 1,
        "skipped": 0,
        "ignored": 0,
    }
    assert not [key for key in harness.opened.state.load_states() if "held" in key]


def test_what_comes_again_of_a_replacing_file_changes_nothing(harness: Harness) -> None:
    earlier(harness)
    replaced(4, harness)
    harness.end(NEW)
    harness.decide(replacement=part(decided(CAMERA, 4, of=NEW)), pending={})
    harness.work()
    before = ledger_of(harness.opened)
    assert before["files"]["replaced"] == 1
    replaced(4, harness)
    harness.decide(replacement=part(decided(CAMERA, 4, of=NEW)), pending={})
    harness.end(NEW)
    harness.announce(10)  # the version before, from an old journal
    harness.decide(decided(CAMERA, 10, of=A))
    harness.work()
    assert ledger_of(harness.opened) == before
    assert harness.repeated() == 14
    assert not [key for key in harness.opened.state.load_states() if "held" in key]


def test_the_earlier_version_may_come_back(harness: Harness) -> None:
    earlier(harness)
    replaced(4, harness)
    harness.end(NEW)
    harness.decide(replacement=part(decided(CAMERA, 4, of=NEW)), pending={})
    harness.work()
    harness.decide(replacement=part(decided(CAMERA, 10, of=A), of=A), pending={})
    harness.end(A)
    harness.announce(10, replaced_sha256=NEW.sha256)
    harness.work()
    assert harness.records()["read"] == 10
    assert ledger_of(harness.opened)["files"]["replaced"] == 2


@pytest.mark.parametrize("announced_first", [True, False])
def test_a_replacing_file_whose_rest_could_not_be_read(harness: Harness, announced_first: bool) -> None:
    earlier(harness)
    steps: list[Callable[[], object]] = [
        lambda: harness.announce(4, NEW, status=FileStatus.REJECTED, reason="damaged_hdf5", ends=NAMES[:1]),
        lambda: harness.decide(replacement=part(decided(CAMERA, 4, of=NEW)), pending={}),
    ]
    for step in steps if announced_first else steps[::-1]:
        step()
        harness.work()
    harness.end(NEW, NAMES[:1])
    harness.work()
    assert harness.records()["read"] == 4
    assert ledger_of(harness.opened)["files"]["rejected"] == 1


def test_a_replacing_file_that_makes_deciding_fail_leaves_the_earlier_one(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier(harness)

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("streams.agents.recorder.decide_again", fail)
    replaced(4, harness)
    harness.end(NEW)
    harness.decide(replacement=part(decided(CAMERA, 4, of=NEW)), pending={})
    harness.work()
    assert harness.records() == {"read": 10, "invalid": 10}
    assert "can't take the place of its earlier version" in harness.opened.told[0]
    harness.open()
    harness.decide(decided(METER, 4, of=B))
    harness.work()
    assert harness.records() == {"read": 14, "invalid": 10, "triplet": 4}


@pytest.mark.parametrize("join_state", [b"", b"no state", encode_state({"roster": []})[:-1]])
def test_a_part_whose_join_state_is_damaged_becomes_a_dead_letter(harness: Harness, join_state: bytes) -> None:
    earlier(harness)
    replaced(4, harness)
    harness.end(NEW)
    bad = replace(part(decided(CAMERA, 4, of=NEW)), join_state=join_state)
    harness.announce(3, B)
    harness.decide(decided(CAMERA, 3, of=B), replacement=bad, pending={})
    harness.end(B)
    letters = harness.work()
    assert [dict(letter.headers)["reason"] for letter in letters] == [b"damaged_payload"]
    assert b"the state of the join" in dict(letters[0].headers)["error"]
    assert not [key for key in harness.opened.state.load_states() if "held" in key]
    harness.work()
    # The rows that came with it are lost with it, and told of.
    assert harness.records() == {"read": 13, "invalid": 10, "dead_letter": 3}
    harness.open()
    harness.decide(replacement=part(decided(CAMERA, 4, of=NEW)), pending={})
    harness.work()
    assert ledger_of(harness.opened)["files"]["replaced"] == 1


def test_a_held_part_whose_join_state_is_damaged_leaves_the_earlier_version(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier(harness)
    bad = replace(part(decided(CAMERA, 4, of=NEW)), join_state=b"no state")
    harness.decide(replacement=bad, pending={})
    with monkeypatch.context() as patch:
        # As an earlier version did, which did not look at it.
        patch.setattr("streams.agents.recorder_book.read_join_state", lambda _: {})
        assert harness.work() == []
    harness.open()
    replaced(4, harness)
    harness.end(NEW)
    harness.decide(decided(METER, 4, of=B))
    assert harness.work() == []
    assert harness.records() == {"read": 14, "invalid": 10, "triplet": 4}
    assert "can't take the place of its earlier version (RecordError: the state of the join" in harness.opened.told[0]


def test_a_replacement_that_was_whole_when_the_process_died(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier(harness)
    replaced(4, harness)
    harness.end(NEW)
    harness.decide(replacement=part(decided(CAMERA, 4, of=NEW)), pending={})
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise RetryableError("the disk is full", reason="disk_full")

        patch.setattr("streams.agents.recorder.decide_again", full)
        with pytest.raises(RetryableError):
            harness.work()
    harness.open()
    harness.opened.recorder.work([])
    assert harness.records()["read"] == 4


def test_alerts_of_nobodys_topic_and_the_state_of_their_finder(harness: Harness) -> None:
    harness.opened.recorder.report([alert_event()], {"lag": b"state"})
    harness.open()
    assert harness.opened.state.load_states()["lag"] == b"state"
    assert len(list(harness.opened.state.alerts())) == 1


def test_rows_of_a_scored_message_that_was_refused(harness: Harness) -> None:
    """The join's dead letters: a new owner of its partition tells of the same rows at another offset."""
    harness.announce(10)
    harness.decide(decided(CAMERA, 7, of=A))
    encoded = encode(ScoredMessage(scored=decided(METER, 3, of=A).scored, moment=MOMENT), Origin("energies", 1, 5))
    for offset in (3, 4):
        harness.letter(
            Incoming(topic="scored", partition=0, offset=offset, key=b"k", value=encoded.value, headers=encoded.headers)
        )
    harness.work()
    assert harness.records() == {"read": 10, "triplet": 7, "dead_letter": 3}
