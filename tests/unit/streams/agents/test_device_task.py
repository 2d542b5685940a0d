"""What an agent of devices sends on, what it passes over, and what of it is in its states."""

from dataclasses import replace

import pytest

from connectors.wire.codec import origin_of
from connectors.wire.message import Outgoing
from models.baseline import AcceptedBaseline
from models.device_stage import DeviceClosing, DeviceStage
from models.devices import Device, parse_device
from models.errors import FatalError, RecordError
from models.messages import AlertMessage, DeviceNotice, NoticeKind, Origin, RecordMessage, ScoredMessage
from models.records import SourceReference
from models.results import Admission
from streams.agents.device_task import DeviceTask
from streams.agents.retries import RETRIED_HEADER
from tests.unit.streams.agents.partition_messages import MOMENT, Partition, contents, incoming
from tests.unit.streams.test_watch_pipeline import METER, PUMP, START_NS, Closing, block

FILE = SourceReference(file="10Hz/a.h5", sha256="a" * 64)
STRANGE = parse_device("somebody-EnergyMeter-1")
OTHER_METER = parse_device("LA_A3_31-EM_2-EnergyMeter-2")


@pytest.fixture
def partition() -> Partition:
    return Partition("energies")


@pytest.fixture
def task() -> DeviceTask:
    return DeviceTask(make)


def make(device: Device) -> DeviceStage:
    return Closing(device)


class Odd(Closing):
    """Has something open when a baseline is accepted, too."""

    def accept_baseline(self) -> DeviceClosing:
        return self.finish()


def records(first: int, count: int, device: Device = METER) -> RecordMessage:
    own = replace(block(device, first, count), source=FILE)
    return RecordMessage(block=own, block_number=0, first_record=first, moment=MOMENT)


def notice(kind: NoticeKind = NoticeKind.SNAPSHOT_END, device: Device = METER) -> DeviceNotice:
    source = FILE if kind is NoticeKind.SNAPSHOT_END else SourceReference(file="", sha256="")
    return DeviceNotice(kind=kind, device=device, source=source, moment=MOMENT)


def rows(outgoing: list[Outgoing]) -> list[int]:
    """The shots of the rows that were sent on."""
    sent = [content for content in contents(outgoing) if isinstance(content, ScoredMessage)]
    return [(int(t) - START_NS) // 100_000_000 for message in sent for t in message.scored.event_time_ns]


def test_rows_go_to_their_laser_stage_and_say_what_they_follow_from(partition: Partition, task: DeviceTask) -> None:
    [sent] = task.process(partition.message(records(0, 5)))
    assert (sent.topic, sent.key) == ("scored", b"LA-A3-31")
    assert origin_of(incoming(sent)) == Origin("energies", 2, 10, 0)
    [message] = contents([sent])
    assert isinstance(message, ScoredMessage)
    assert (message.scored.device, message.scored.source, message.moment) == (METER, FILE, MOMENT)
    assert not message.retried
    assert task.standing.start_ns == MOMENT.start_ns


def test_devices_that_join_nowhere_go_the_same_way(partition: Partition, task: DeviceTask) -> None:
    keys = [task.process(partition.message(records(0, 1, device)))[0].key for device in (PUMP, STRANGE)]
    assert keys == [b"LA-A3-31", b"--00"]


def test_what_comes_again_is_passed_over_and_what_overlaps_is_cut(partition: Partition, task: DeviceTask) -> None:
    sent = [
        rows(task.process(partition.message(records(first, count))))
        for first, count in [(0, 4), (4, 2), (0, 4), (3, 5), (8, 1)]
    ]
    assert sent == [[0, 1, 2, 3], [4, 5], [], [6, 7], [8]]


def test_the_end_of_a_file_follows_its_rows_once(partition: Partition, task: DeviceTask) -> None:
    task.process(partition.message(records(0, 4)))
    [end] = task.process(partition.message(notice()))
    assert (end.topic, end.key) == ("scored", b"LA-A3-31")
    assert contents([end]) == [notice()]
    assert task.process(partition.message(records(0, 4))) == []
    assert task.process(partition.message(notice())) == []
    assert len(task.process(partition.message(notice(device=OTHER_METER)))) == 1


def test_silence_is_handed_on(partition: Partition, task: DeviceTask) -> None:
    for _ in range(2):
        silent = notice(NoticeKind.SILENT)
        assert contents(task.process(partition.message(silent))) == [silent]


def test_the_end_of_the_input_closes_what_is_open_first(partition: Partition, task: DeviceTask) -> None:
    task.process(partition.message(records(0, 4)))
    alert, end = task.process(partition.message(notice(NoticeKind.INPUT_END)))
    assert (alert.topic, alert.key, end.topic) == ("alerts", METER.name.encode(), "scored")
    [told] = contents([alert])
    assert isinstance(told, AlertMessage)
    assert told.moment == MOMENT
    assert task.process(partition.message(notice(NoticeKind.INPUT_END, OTHER_METER)))[0].topic == "alerts"


def test_a_dead_letter_that_is_retried_is_worked_on_once_although_others_went_past(
    partition: Partition, task: DeviceTask
) -> None:
    task.process(partition.message(records(5, 5)))
    task.process(partition.message(notice()))
    for tries in range(2):
        sent = task.process(partition.message(records(0, 5), (RETRIED_HEADER, b"17")))
        assert rows(sent) == ([0, 1, 2, 3, 4] if tries == 0 else [])
        for message in contents(sent):
            assert isinstance(message, ScoredMessage)
            assert message.retried
            assert set(message.scored.admission) == {Admission.LATE}


def test_a_restored_one_sends_the_same(partition: Partition, task: DeviceTask) -> None:
    for message in partition.messages(records(0, 4), notice(), records(0, 2, OTHER_METER)):
        task.process(message)
    again = partition.messages(records(0, 4), records(1, 4, OTHER_METER), notice(), notice(device=OTHER_METER))
    states = task.take_changed()
    assert set(states) == {"device/energy_meter/" + name for name in (METER.name, OTHER_METER.name)}
    other = DeviceTask(make)
    other.restore(states)
    assert other.take_changed() == {}
    expected = [task.process(message) for message in again]
    assert [other.process(message) for message in again] == expected
    assert [len(sent) for sent in expected] == [0, 1, 0, 1]
    assert other.take_changed() == task.take_changed()


def test_only_devices_of_which_something_came_are_saved(partition: Partition, task: DeviceTask) -> None:
    task.process(partition.message(records(0, 4)))
    task.process(partition.message(records(0, 4, OTHER_METER)))
    task.take_changed()
    task.process(partition.message(records(4, 1)))
    assert list(task.take_changed()) == [f"device/energy_meter/{METER.name}"]


def test_retried_numbers_are_saved(partition: Partition, task: DeviceTask) -> None:
    task.process(partition.message(records(0, 4), (RETRIED_HEADER, b"17")))
    other = DeviceTask(make)
    other.restore(task.take_changed())
    assert other.process(partition.message(records(4, 4), (RETRIED_HEADER, b"17"))) == []


def test_what_is_no_record_is_refused_and_changes_nothing(partition: Partition, task: DeviceTask) -> None:
    [sent] = task.process(partition.message(records(0, 4)))
    task.take_changed()
    scored = replace(incoming(sent), topic="energies")
    with pytest.raises(RecordError, match="energies/0@0 holds no records of a device"):
        task.process(scored)
    with pytest.raises(RecordError):
        task.process(replace(scored, value=b"", headers=()))
    assert task.take_changed() == {}


def test_a_baseline_closes_what_is_open_once_and_goes_on_behind_the_rows(partition: Partition) -> None:
    told: list[str] = []
    task = DeviceTask(Odd, tell=told.append)
    task.process(partition.message(records(0, 4)))
    baseline = AcceptedBaseline(id=5, device=METER, from_ns=START_NS)
    alert, word = task.process(partition.message(baseline))
    assert (alert.topic, word.topic, word.key) == ("alerts", "scored", b"LA-A3-31")
    [closed, handed_on] = contents([alert, word])
    assert isinstance(closed, AlertMessage)
    assert closed.moment is None
    assert handed_on == baseline
    assert told == [f"{METER.name} learns anew from its next records on, of 2022-07-01T09:34:00.000Z at the earliest"]
    states = task.take_changed()
    other = DeviceTask(Odd)
    other.restore(states)
    for each in (task, other):
        assert each.process(partition.message(baseline)) == []


def test_damaged_states_end_the_work(task: DeviceTask) -> None:
    with pytest.raises(FatalError, match="saved state"):
        task.restore({f"device/energy_meter/{METER.name}": b"PWST"})
