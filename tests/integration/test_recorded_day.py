"""What the recorder makes of the agents' messages is what one process makes of the same files."""

import random
import shutil
from collections.abc import Collection, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from connectors.model_files import default_model
from connectors.wire.message import Incoming, Outgoing
from models.errors import RetryableError
from models.images.camera_stage import CameraStage
from models.records import RecordBlock
from streams.facility.dead_letters import find_letters, retry_letters
from streams.settings import Settings, load_settings
from streams.stage_factory import stage_factory
from tests.integration.test_replacement import _assert_replaced, _cut_off, _empty, _late_one, _without_the_meter
from tests.support.crashes import Crash, crash_at
from tests.support.facility_in_memory import InMemoryFacility, Log
from tests.support.recorded_facility import connect_once, interleaved, ledger_of, record_all, recorder_on
from tests.support.watch_results import WatchResults, assert_same_results, assert_tidy, read_results
from tests.support.watching import watch_once


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(None)


class LogOfLetters:
    """The topic of dead letters, read and answered in memory."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.sent: list[Outgoing] = []

    def read(self, topics: Collection[str]) -> Iterator[Incoming]:
        for topic in topics:
            yield from list(self._log.of(topic))

    def send(self, message: Outgoing) -> None:
        self.sent.append(message)

    def flush(self) -> None:
        pass


class Facility:
    """A connector and the agents; several folders' contents may be sent one after another."""

    def __init__(self, settings: Settings, journal: Path) -> None:
        self.settings = settings
        self.journal = journal
        self.agents = InMemoryFacility(
            stage_factory(settings, default_model()),
            settings.join,
            partitions=3,
            draw=random.Random(5),  # noqa: S311
        )

    @property
    def log(self) -> Log:
        return self.agents.log

    def send(self, data: Path) -> None:
        self.agents.run(connect_once(data, self.journal, self.settings))


@pytest.fixture(scope="module")
def sent(day: Path, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Facility:
    """The undisturbed day, as far as the recorder's topics."""
    facility = Facility(settings, tmp_path_factory.mktemp("journal"))
    facility.send(day)
    return facility


def sizes(draw: random.Random) -> Iterator[int]:
    while True:
        yield draw.choice([1, 2, 7, 32, 200])


def record(facility: Facility, state: Path, *, seed: int = 0) -> WatchResults:
    """Record what was not recorded yet; the ledger balances after every batch."""
    draw = random.Random(seed)  # noqa: S311
    with recorder_on(state, facility.settings) as opened:
        messages, size = interleaved(facility.log, opened.recorder.next_offsets, draw), sizes(draw)
        while messages:
            count = next(size)
            assert opened.recorder.work(messages[:count]) == []
            messages = messages[count:]
            ledger_of(opened)
    return read_results(state)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_state_directory_is_that_of_one_process(
    seed: int, sent: Facility, settings: Settings, undisturbed: WatchResults, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    assert_same_results(record(sent, state, seed=seed), undisturbed)
    assert_tidy(state)
    with recorder_on(state, settings) as opened:
        used = ("decided", "alerts", "evidence", "snapshots")
        assert opened.recorder.next_offsets == {topic: len(sent.log.of(topic)) for topic in used}
        assert opened.recorder.standing.start_ns is not None


def test_crashes_between_and_in_commits(
    sent: Facility, settings: Settings, undisturbed: WatchResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, state = random.Random(9), tmp_path / "state"  # noqa: S311
    where = "connectors.state.directory"
    for step in ("RowStore.append", "store_pending", "StateDirectory.commit", "store_alerts"):
        with recorder_on(state, settings) as opened:
            messages = interleaved(sent.log, opened.recorder.next_offsets, draw)
            with crash_at(monkeypatch, where, step, 4), pytest.raises(Crash):
                record_all(opened, messages, repeat(9))
        with recorder_on(state, settings) as opened:
            ledger_of(opened)
    with recorder_on(state, settings) as opened:
        record_all(opened, interleaved(sent.log, opened.recorder.next_offsets, draw), repeat(64))
    assert_same_results(read_results(state), undisturbed)
    assert_tidy(state)


def test_a_full_disk_is_for_the_caller_and_loses_nothing(
    sent: Facility, settings: Settings, undisturbed: WatchResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, state = random.Random(3), tmp_path / "state"  # noqa: S311
    with recorder_on(state, settings) as opened:
        messages = interleaved(sent.log, {}, draw)
        half = len(messages) // 2
        record_all(opened, messages[:half], repeat(100))
        commit = opened.state.commit
        failures = [RetryableError("the disk is full", reason="disk_full")] * 3

        def full(step: Any) -> int:
            if failures:
                raise failures.pop()
            return commit(step)

        monkeypatch.setattr(opened.state, "commit", full)
        offsets = opened.recorder.next_offsets
        for _ in range(3):
            with pytest.raises(RetryableError):
                opened.recorder.work(messages[half : half + 50])
            assert opened.metrics.stalled == "disk_full"
        ledger_of(opened)
        record_all(opened, messages[half:], repeat(50))
        assert opened.metrics.stalled == ""
        assert opened.recorder.next_offsets != offsets
    assert_same_results(read_results(state), undisturbed)


@pytest.mark.parametrize("damage", [_empty, _cut_off])
def test_a_replaced_file_gives_what_it_gives_in_one_process(
    damage: Any, day: Path, settings: Settings, undisturbed: WatchResults, tmp_path: Path
) -> None:
    data, state, embedded = Path(shutil.copytree(day, tmp_path / "data")), tmp_path / "state", tmp_path / "embedded"
    facility = Facility(settings, tmp_path / "journal")
    path = _late_one(data)
    damage(path)
    facility.send(data)
    before = record(facility, state)
    assert_same_results(before, watch_once(data, embedded))
    shutil.copyfile(day / path.relative_to(data), path)
    facility.send(data)
    after = record(facility, state)
    assert_same_results(after, watch_once(data, embedded))
    files = {"accepted": 6, "rejected": 0, "replaced": 1, "skipped": 0, "ignored": 0}
    _assert_replaced(after, undisturbed, files=files)
    assert_tidy(state)


def test_parts_of_a_replaced_file_survive_restarts(day: Path, settings: Settings, tmp_path: Path) -> None:
    data, state, embedded = Path(shutil.copytree(day, tmp_path / "data")), tmp_path / "state", tmp_path / "embedded"
    facility = Facility(settings, tmp_path / "journal")
    path = _late_one(data)
    good = path.read_bytes()
    _without_the_meter(path)
    for content in (None, good):
        if content is not None:
            path.write_bytes(content)
        facility.send(data)
        watch_once(data, embedded)
    draw = random.Random(4)  # noqa: S311
    with recorder_on(state, settings) as opened:
        messages = interleaved(facility.log, {}, draw)
    for start in range(0, len(messages), 8):
        if start % 64 == 0 or start > len(messages) - 200:
            with recorder_on(state, settings) as opened:
                opened.recorder.work(messages[start : start + 8])
                ledger_of(opened)
                continue
        with recorder_on(state, settings) as opened:
            opened.recorder.work(messages[start : start + 8])
    assert_same_results(read_results(state), read_results(embedded))
    with recorder_on(state, settings) as opened:
        assert not [key for key in opened.state.load_states() if "held" in key]


def test_touched_files_are_skipped_once(day: Path, settings: Settings, tmp_path: Path) -> None:
    data, state, embedded = Path(shutil.copytree(day, tmp_path / "data")), tmp_path / "state", tmp_path / "embedded"
    facility = Facility(settings, tmp_path / "journal")
    facility.send(data)
    watch_once(data, embedded)
    _late_one(data).touch()
    again = connect_once(data, facility.journal, settings)
    facility.agents.run([*again, *(message for message in again if message.topic == "snapshots")])
    found = record(facility, state)
    assert_same_results(found, watch_once(data, embedded))
    assert found.ledger["files"]["skipped"] == 1


def test_records_that_were_refused_and_are_given_again(
    day: Path, settings: Settings, undisturbed: WatchResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that fails at some blocks stops nothing; when it is mended, their records find an outcome."""
    facility, state = Facility(settings, tmp_path / "journal"), tmp_path / "state"
    process = CameraStage.process

    def fail(stage: CameraStage, block: RecordBlock) -> Any:
        if "09-31" in block.source.file:
            raise ZeroDivisionError("a bug")
        return process(stage, block)

    with monkeypatch.context() as patch:
        patch.setattr(CameraStage, "process", fail)
        facility.send(day)
    before = record(facility, state)
    assert before.ledger["dead_letters"] == {"in_files": {}, "on_the_way": {"poisonous": 600}}
    assert before.ledger["records"]["read"] == undisturbed.ledger["records"]["read"]
    letters = LogOfLetters(facility.log)
    found = find_letters(letters).letters
    assert {letter.reason for letter in found} == {"poisonous"}
    assert sum(letter.records or 0 for letter in found) == 600
    with monkeypatch.context() as patch:  # in vain
        patch.setattr(CameraStage, "process", fail)
        retry_letters(letters, letters, found, lambda _: None)
        facility.agents.run(letters.sent)
    assert record(facility, state).ledger == before.ledger
    again = find_letters(letters).letters
    assert sorted(letter.attempts for letter in again) == [1] * len(found)
    letters.sent.clear()
    retry_letters(letters, letters, again, lambda _: None)
    facility.agents.run([*letters.sent, *letters.sent])  # twice: the second time they are known
    after = record(facility, state)
    assert after.ledger["records"]["dead_letter"] == 0
    assert after.ledger["records"]["late"] == 600
    assert after.ledger["records"]["read"] == undisturbed.ledger["records"]["read"]
    assert {row["outcome"] for row in after.shots.to_pylist() if row["outcome"] == "late"} == {"late"}
    assert_tidy(state)
