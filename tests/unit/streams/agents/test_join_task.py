"""What the join's agent decides, whom it waits for, and what it holds for files that replace others."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from connectors.wire.codec import origin_of
from connectors.wire.message import Incoming, Outgoing
from models.baseline import AcceptedBaseline
from models.devices import Device, parse_device
from models.errors import RecordError
from models.event_time import MILLISECOND_NS
from models.messages import AlertMessage, DecidedMessage, DeviceNotice, NoticeKind, Origin, ScoredMessage
from models.records import SourceReference
from models.results import ScoredBlock
from models.state import decode_state
from models.triplets.join_settings import JoinSettings
from models.triplets.stage_join import StageJoin
from streams.agents.join_task import JoinTask
from streams.agents.retries import RETRIED_HEADER
from streams.agents.stage_files import _MOST_HELD_ROWS
from streams.stage_joins import stage_key
from streams.topology import DECISION_BYTES, STATE_BYTES
from tests.unit.models.triplets.stage_records import (
    CAMERA,
    METER,
    SPECTROMETER,
    STAGE,
    START_NS,
    Row,
    block,
    tally,
)
from tests.unit.streams.agents.partition_messages import MOMENT, Partition, contents, incoming

PUMP = parse_device("LA_A3_31-Saga_1-Pump-1")
TRIO = (CAMERA, METER, SPECTROMETER)
SETTINGS = JoinSettings(roster_learning_ms=1_000, join_lateness_ms=200)
A = SourceReference(file="10Hz/a.h5", sha256="a" * 64)
B = SourceReference(file="10Hz/b.h5", sha256="b" * 64)
NEW_A = SourceReference(file="10Hz/a.h5", sha256="c" * 64)
STATE_KEY = stage_key(STAGE)
NOTHING = SourceReference(file="", sha256="")


def rows(
    device: Device, shots: range, source: SourceReference = A, *, replaces: bool = False, retried: bool = False
) -> ScoredMessage:
    scored = replace(
        block([Row(device=device, ms=100.0 * shot) for shot in shots]), source=source, replacement=replaces
    )
    return ScoredMessage(scored=scored, moment=MOMENT, retried=retried)


def end(
    device: Device,
    source: SourceReference = A,
    *,
    until_ms: float | None = None,
    replaces: bool = False,
    devices: Iterable[Device] = TRIO,
    known: Iterable[Device] = (),
) -> DeviceNotice:
    return DeviceNotice(
        kind=NoticeKind.SNAPSHOT_END,
        device=device,
        source=source,
        moment=MOMENT,
        until_ns=None if until_ms is None else START_NS + round(until_ms * MILLISECOND_NS),
        replaces=replaces,
        stage_devices=tuple(each.name for each in devices),
        known_devices=tuple(each.name for each in known),
    )


def plain(kind: NoticeKind, device: Device, devices: Iterable[Device] = TRIO) -> DeviceNotice:
    names = tuple(each.name for each in devices)
    return DeviceNotice(kind=kind, device=device, source=NOTHING, moment=MOMENT, stage_devices=names)


class Joining:
    """A task with its partition: messages go in, decisions are collected."""

    def __init__(self) -> None:
        self.task = JoinTask(SETTINGS)
        self.partition = Partition("scored", 1)
        self.outgoing: list[Outgoing] = []
        self.saved: dict[str, bytes] = {}

    def put(self, *messages: ScoredMessage | DeviceNotice) -> list[DecidedMessage]:
        """Work on messages; what was decided at them."""
        decisions: list[DecidedMessage] = []
        for message in self.partition.messages(*messages):
            decisions += self.work(message)
        return decisions

    def work(self, message: Incoming) -> list[DecidedMessage]:
        sent = self.task.process(message)
        self.outgoing += sent
        return [content for content in contents(sent) if isinstance(content, DecidedMessage)]

    def restart(self) -> None:
        self.saved |= self.task.take_changed()
        self.task = JoinTask(SETTINGS)
        self.task.restore(self.saved)


@pytest.fixture
def joining() -> Joining:
    return Joining()


def outcomes(decisions: Iterable[DecidedMessage]) -> dict[str, int]:
    return dict(tally(part for decision in decisions for part in decision.decided))


def whole_file(joining: Joining, shots: range, source: SourceReference = A) -> list[DecidedMessage]:
    until_ms = 100.0 * shots.stop
    messages: list[ScoredMessage | DeviceNotice] = [rows(device, shots, source) for device in TRIO]
    return joining.put(*messages, *(end(device, source, until_ms=until_ms) for device in TRIO))


def test_shots_are_decided_when_all_have_reported(joining: Joining) -> None:
    decisions = whole_file(joining, range(40))
    assert outcomes(decisions) == {"triplet": 120}
    assert sum(len(decision.triplets) for decision in decisions if decision.triplets is not None) == 40
    assert [decision.stage for decision in decisions] == [STAGE] * 6
    assert decisions[0].pending == {A: 40}
    assert decisions[-1].pending == {}
    assert [ended for decision in decisions for ended in decision.ended] == [(A, device.name) for device in TRIO]
    decided = [sent for sent in joining.outgoing if sent.topic == "decided"]
    assert {sent.key for sent in decided} == {b"LA-A3-31"}
    assert origin_of(incoming(decided[0])) == Origin("scored", 1, 10, 0)
    assert joining.task.standing.start_ns == MOMENT.start_ns


def test_what_leaves_at_once_is_sent_in_pieces_and_nothing_of_it_is_uncounted(joining: Joining) -> None:
    for device in TRIO:
        joining.put(*(rows(device, range(shot, shot + 1)) for shot in range(400)))
    read, left = 1_200, 0
    decisions = joining.put(end(CAMERA, until_ms=40_000))
    assert len(decisions) == 3
    for decision in decisions:
        left += sum(map(len, decision.decided))
        assert left + sum(decision.pending.values()) == read
        assert len(decision.decided) <= 512
    assert [bool(decision.ended) for decision in decisions] == [False, False, True]
    assert sum(len(d.triplets) for d in decisions if d.triplets is not None) == left // 3
    parts = [origin_of(incoming(sent)) for sent in joining.outgoing if sent.topic == "decided"]
    assert [origin.part for origin in parts[-3:] if origin is not None] == [0, 1, 2]


def test_large_blocks_are_pieces_of_their_own(joining: Joining) -> None:
    for device in TRIO:
        joining.put(rows(device, range(5_000)))
    decisions = joining.put(end(CAMERA, until_ms=500_000))
    assert [sum(map(len, decision.decided)) for decision in decisions] == [5_000] * 3


@pytest.mark.parametrize("last", TRIO)
def test_whom_to_expect_is_learned_with_the_slowest_agent(joining: Joining, last: Device) -> None:
    """The rows of one device come minutes behind the others': they are no less expected."""
    first = [device for device in TRIO if device != last]
    for number, source in enumerate((A, B)):
        shots = range(40 * number, 40 * number + 40)
        for device in first:
            assert outcomes(joining.put(rows(device, shots, source))) == {}
        for device in first:
            assert outcomes(joining.put(end(device, source, until_ms=100.0 * shots.stop))) == {}
    found: list[DecidedMessage] = []
    for number, source in enumerate((A, B)):
        shots = range(40 * number, 40 * number + 40)
        found += joining.put(rows(last, shots, source), end(last, source, until_ms=100.0 * shots.stop))
    assert outcomes(found) == {"triplet": 240}


def test_whom_to_expect_is_learned_with_those_of_other_recorders(joining: Joining) -> None:
    found = joining.put(
        rows(METER, range(40)),
        end(METER, until_ms=4_000, devices=[METER], known=[METER, CAMERA]),
        rows(METER, range(40, 80), B),
    )
    found += joining.put(rows(CAMERA, range(80)), end(CAMERA, until_ms=8_000, devices=[CAMERA], known=[METER, CAMERA]))
    found += joining.put(end(METER, B, until_ms=8_000, devices=[METER]))
    assert outcomes(found) == {"triplet": 160}


def test_a_device_that_is_silent_is_not_learned_with(joining: Joining) -> None:
    joining.put(rows(CAMERA, range(40)), rows(METER, range(40)))
    joining.put(end(CAMERA, until_ms=4_000), end(METER, until_ms=4_000))
    found = joining.put(plain(NoticeKind.SILENT, SPECTROMETER))
    assert sum(outcomes(found).values()) > 60


def test_what_came_before_is_passed_over(joining: Joining) -> None:
    first = joining.partition.message(rows(CAMERA, range(5)), origin=Origin("images", 3, 100))
    again = joining.partition.message(rows(CAMERA, range(5)), origin=Origin("images", 3, 100))
    later = joining.partition.message(rows(CAMERA, range(5, 9)), origin=Origin("images", 3, 101))
    assert len(joining.work(first)) == 1
    joining.restart()
    assert joining.task.process(again) == []
    [decision] = joining.work(later)
    assert decision.pending == {A: 9}


def test_a_baseline_gives_nothing_and_the_stage_goes_on_from_it(joining: Joining) -> None:
    whole_file(joining, range(20))
    joining.restart()
    joining.saved.clear()
    baseline = AcceptedBaseline(id=5, device=CAMERA, from_ns=START_NS)
    assert joining.task.process(joining.partition.message(baseline)) == []
    assert stage_key(STAGE) in joining.task.take_changed()
    elsewhere = AcceptedBaseline(id=5, device=PUMP, from_ns=START_NS)
    assert joining.task.process(joining.partition.message(elsewhere)) == []


def test_what_is_no_row_is_refused(joining: Joining) -> None:
    [decision] = joining.put(rows(CAMERA, range(5)))
    assert decision.pending
    sent = joining.outgoing[0]
    with pytest.raises(RecordError, match="holds neither rows nor a notice"):
        joining.task.process(replace(incoming(sent), topic="scored", headers=_without_origin(sent)))


def _without_origin(sent: Outgoing) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value) for name, value in sent.headers if name != "origin")


def test_devices_that_join_nowhere_are_decided_alone(joining: Joining) -> None:
    [decision, ended] = joining.put(rows(PUMP, range(5)), end(PUMP, until_ms=500, devices=[PUMP]))
    assert outcomes([decision]) == {"unjoined": 5}
    assert (decision.triplets, decision.pending) == (None, {})
    assert ended.ended == ((A, PUMP.name),)


def test_the_end_of_the_input_waits_for_everybody(joining: Joining) -> None:
    joining.put(*(rows(device, range(8)) for device in TRIO))
    joining.put(*(end(device, until_ms=800) for device in TRIO))
    ends = [plain(NoticeKind.INPUT_END, device) for device in TRIO]
    assert outcomes(joining.put(*ends[:2])) == {}
    joining.restart()
    assert outcomes(joining.put(ends[2])) == {"triplet": 24}


def test_the_end_of_the_input_waits_for_a_device_of_another_connector(joining: Joining) -> None:
    joining.put(*(rows(device, range(8)) for device in TRIO))
    assert outcomes(joining.put(*(plain(NoticeKind.INPUT_END, d, [CAMERA, METER]) for d in (CAMERA, METER)))) == {}
    assert outcomes(joining.put(plain(NoticeKind.INPUT_END, SPECTROMETER, [SPECTROMETER]))) == {"triplet": 24}


def test_the_end_of_a_device_is_not_awaited_in_files_of_other_recorders(joining: Joining) -> None:
    joining.put(rows(METER, range(8), B))
    joining.put(rows(CAMERA, range(8)), end(CAMERA, devices=[CAMERA]), plain(NoticeKind.INPUT_END, CAMERA, TRIO[:2]))
    joining.restart()
    joining.put(end(METER, B, devices=[METER]))
    assert outcomes(joining.put(plain(NoticeKind.INPUT_END, METER, TRIO[:2]))) == {"triplet": 16}


def test_the_end_of_the_input_is_the_end_of_a_file_of_which_the_word_was_lost(joining: Joining) -> None:
    joining.put(*(rows(device, range(8)) for device in TRIO), end(METER))
    assert outcomes(joining.put(*(plain(NoticeKind.INPUT_END, device) for device in TRIO))) == {"triplet": 24}
    again = Joining()
    again.put(*(rows(device, range(8)) for device in TRIO))
    assert outcomes(again.put(*(plain(NoticeKind.INPUT_END, device) for device in TRIO))) == {"triplet": 24}


def test_a_device_that_goes_on_takes_its_end_back(joining: Joining) -> None:
    joining.put(*(rows(device, range(8)) for device in TRIO))
    joining.put(*(plain(NoticeKind.INPUT_END, device) for device in TRIO[:2]))
    joining.put(rows(CAMERA, range(8, 10)))
    assert outcomes(joining.put(plain(NoticeKind.INPUT_END, SPECTROMETER))) == {}
    assert sum(outcomes(joining.put(plain(NoticeKind.INPUT_END, CAMERA))).values()) == 26


def test_a_second_input_does_not_end_before_its_slowest_agent(joining: Joining) -> None:
    """The ends of an earlier run are no ends of this one."""
    whole_file(joining, range(40))
    joining.put(*(plain(NoticeKind.INPUT_END, device) for device in TRIO))
    fast = (METER, SPECTROMETER)
    joining.put(*(rows(device, range(40, 45), B) for device in fast), *(end(d, B, until_ms=4_500) for d in fast))
    assert outcomes(joining.put(*(plain(NoticeKind.INPUT_END, device) for device in fast))) == {}
    joining.put(rows(CAMERA, range(40, 45), B), end(CAMERA, B, until_ms=4_500))
    found = joining.put(plain(NoticeKind.INPUT_END, CAMERA))
    assert found[-1].pending == {}


def test_replacing_rows_are_held_until_their_file_has_ended_for_all(joining: Joining) -> None:
    whole_file(joining, range(40))
    [held] = joining.put(rows(CAMERA, range(5), NEW_A, replaces=True))
    assert (held.decided, held.replacement, held.pending) == ((), None, {NEW_A: 5})
    joining.put(rows(METER, range(5), NEW_A, replaces=True))
    joining.restart()
    decisions = joining.put(*(end(device, NEW_A, replaces=True) for device in TRIO))
    assert [decision.replacement is not None for decision in decisions] == [False, False, False, True]
    assert decisions[2].pending == {NEW_A: 10}
    assert decisions[3].pending == {}
    part = decisions[3].replacement
    assert part is not None
    assert (part.source, part.stage) == (NEW_A, STAGE)
    assert [(scored.device, len(scored)) for scored in part.scored] == [(CAMERA, 5), (METER, 5)]
    join = StageJoin(STAGE, SETTINGS)
    join.restore(decode_state(part.join_state))
    assert join.roster.members == sorted(TRIO)
    assert join.pending_records() == {}


def test_of_a_replacing_file_no_more_is_held_than_a_message_takes(
    joining: Joining, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.agents.stage_files._MOST_HELD_ROWS", 10)
    joining.put(rows(CAMERA, range(8), NEW_A, replaces=True))
    before = decode_state(joining.task.take_changed()[STATE_KEY])
    with pytest.raises(RecordError, match="deliver it in parts") as refused:
        joining.put(rows(METER, range(3), NEW_A, replaces=True))
    assert refused.value.reason == "too_large"
    [held] = joining.put(rows(METER, range(2), NEW_A, replaces=True))
    assert held.pending == {NEW_A: 10}
    assert before["recording"] == [CAMERA.name]


def test_the_most_that_waits_and_is_held_fits_into_messages_and_checkpoints(joining: Joining) -> None:
    joining.task = JoinTask(JoinSettings())
    devices = [METER, SPECTROMETER, *(parse_device(f"LA_A3_31-Camera_{number}-Camera-1") for number in range(10))]
    shots = JoinSettings().max_pending_shots
    for source, replaces in ((A, False), (NEW_A, True)):
        joining.put(
            *(
                rows(device, range(first, first + 500), source, replaces=replaces)
                for first in range(0, shots, 500)
                for device in devices
            )
        )
    states = joining.task.take_changed()
    assert 20 << 20 < sum(map(len, states.values())) < STATE_BYTES
    joining.outgoing.clear()
    for source, replaces in ((A, False), (NEW_A, True)):
        for device in devices:
            joining.put(end(device, source, until_ms=200.0 * shots, replaces=replaces, devices=devices))
    largest = max(len(sent.value or b"") for sent in joining.outgoing)
    assert 10 << 20 < largest * (_MOST_HELD_ROWS / (shots * len(devices))) < 0.9 * DECISION_BYTES


def test_replacing_rows_are_held_as_long_as_their_shots_wait(joining: Joining) -> None:
    whole_file(joining, range(40))
    joining.put(rows(CAMERA, range(40, 50), B))
    joining.put(rows(METER, range(44, 46), NEW_A, replaces=True))
    decisions = joining.put(*(end(device, NEW_A, replaces=True) for device in TRIO))
    assert all(decision.replacement is None for decision in decisions)
    joining.restart()
    decisions = joining.put(*(rows(device, range(40, 50), B) for device in (METER, SPECTROMETER)))
    assert [decision.replacement is not None for decision in decisions] == [False, False, True]


def test_replacing_rows_are_held_as_long_as_the_content_before_waits(joining: Joining) -> None:
    whole_file(joining, range(40), B)
    joining.put(rows(CAMERA, range(40, 50), A))
    joining.put(*(end(device, NEW_A, replaces=True) for device in TRIO))
    decisions = joining.put(*(rows(device, range(40, 50), A) for device in (METER, SPECTROMETER)))
    assert [decision.replacement is not None for decision in decisions] == [False, False, True]
    assert decisions[-1].replacement is not None
    assert decisions[-1].replacement.scored == ()


def test_rows_of_a_replacing_file_that_join_nowhere_are_decided_at_once(joining: Joining) -> None:
    [decision] = joining.put(rows(PUMP, range(5), NEW_A, replaces=True))
    assert outcomes([decision]) == {"unjoined": 5}
    assert decision.decided[0].scored.replacement
    decisions = joining.put(end(PUMP, NEW_A, replaces=True, devices=[PUMP]))
    assert [decision.replacement is not None for decision in decisions] == [False, True]


def test_what_was_a_dead_letter_is_said_to_be_none(joining: Joining) -> None:
    whole_file(joining, range(40))
    [decision] = joining.put(rows(CAMERA, range(5, 9), retried=True))
    assert decision.retried == {A: 4}
    message = joining.partition.message(
        rows(METER, range(5, 7)), (RETRIED_HEADER, b"4"), origin=Origin("energies", 0, 3)
    )
    [decision] = joining.work(message)
    assert decision.retried == {A: 2}
    assert joining.task.process(message) == []


def test_alerts_carry_the_moment_of_their_message(joining: Joining) -> None:
    whole_file(joining, range(40))
    joining.put(*(rows(device, range(40, 80), B) for device in (CAMERA, METER)))
    joining.put(*(end(device, B, until_ms=8_000) for device in TRIO))
    alerts = [sent for sent in joining.outgoing if sent.topic == "alerts"]
    [first, *_] = contents(alerts)
    assert isinstance(first, AlertMessage)
    assert first.moment == MOMENT
    assert alerts[0].key == first.event.alert.id.encode()


def test_a_restored_one_decides_the_same() -> None:
    joined, restarted = Joining(), Joining()
    messages: list[ScoredMessage | DeviceNotice] = [end(CAMERA, until_ms=0.0)]
    messages += [rows(device, range(start, start + 10)) for start in range(0, 60, 10) for device in TRIO]
    for message in messages:
        expected, found = joined.put(message), restarted.put(message)
        assert joined.outgoing == restarted.outgoing
        assert len(expected) == len(found) == 1
        restarted.restart()


def test_only_stages_of_which_something_came_are_saved(joining: Joining) -> None:
    joining.put(rows(CAMERA, range(5)), rows(parse_device("LB_A2-Camera_1-Camera-1"), range(5)))
    assert {"stage/LA-A3-31", "stage/LB-A2-00"} <= set(joining.task.take_changed())
    joining.put(rows(CAMERA, range(5, 6)))
    assert set(joining.task.take_changed()) == {"stage/LA-A3-31", "origins", "retries"}


def test_rows_with_a_wild_time_hold_nothing_up(joining: Joining) -> None:
    whole_file(joining, range(40))
    joining.put(rows(CAMERA, range(40, 50), B))
    wild = rows(METER, range(3, 5), NEW_A, replaces=True)
    far = _one_far_ahead(wild.scored)
    decisions = joining.put(replace(wild, scored=far), *(end(device, NEW_A, replaces=True) for device in TRIO))
    assert decisions[-1].replacement is not None


def _one_far_ahead(scored: ScoredBlock) -> ScoredBlock:
    times = scored.event_time_ns.copy()
    times[-1] += 10**18
    return replace(scored, event_time_ns=times)
