"""States of the stages as files of the archive."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.model_files import default_model, load_model
from connectors.state.commit import Commit, FileRecord, FileStatus
from connectors.state.directory import StateDirectory
from connectors.stored_zip import read_stored_zip, write_stored_zip
from models.errors import FatalError
from models.event_time import MINUTE_NS, parse_iso
from models.state import encode_state
from streams.archive.states.stage_states import (
    StageStates,
    archivable_files,
    model_key,
    position_of_key,
    read_stage_states,
    settings_digests,
    unpack_model,
    write_moment,
)
from streams.archive.states.state_archivist import StateArchivist
from streams.settings import default_settings, load_settings
from tests.support.watching import wait_until

START = parse_iso("2022-07-01T09:58")
SETTINGS = default_settings()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    with StateDirectory.open(tmp_path / "state") as directory:
        yield directory


def snapshot(minute: int, **options: Any) -> FileRecord:
    first_ns = START + minute * MINUTE_NS
    return FileRecord(
        path=f"10Hz/LA_R_60s_snapshot_{minute}.h5",
        root="/data",
        sha256=f"{minute:064x}",
        size_bytes=10,
        mtime_ns=1,
        status=FileStatus.ACCEPTED,
        series="10Hz/LA_R",
        first_ns=first_ns,
        last_ns=first_ns + MINUTE_NS - 1,
        records_read=600,
        dead_letters={"wrong_shape": 2},
        **options,
    )


def commit(state: StateDirectory, minute: int, *, half_read: bool = False) -> None:
    runner: dict[str, object] = {"files": {"half": {}} if half_read else {}, "series": {}, "sequence": {"series": {}}}
    states = {"runner": encode_state(runner), "device/other/X": encode_state({"minute": minute})}
    state.commit(Commit(stage_states=states, files=[snapshot(minute)]))


def archive(state: StateDirectory, folder: Path) -> Path | None:
    moment = state.stage_moment()
    return None if moment is None else write_moment(moment, state.path, folder, SETTINGS)


def written(state: StateDirectory, folder: Path) -> tuple[Path, StageStates]:
    path = archive(state, folder)
    assert path is not None
    return path, read_stage_states(path)


def test_what_is_archived_is_read_again(state: StateDirectory, tmp_path: Path) -> None:
    commit(state, 0)
    commit(state, 1)
    path, found = written(state, tmp_path / "archive")
    assert path.relative_to(tmp_path / "archive").as_posix().startswith("states/2022-07-01/09-59-59_")
    assert found.position_ns == START + 2 * MINUTE_NS - 1
    assert found.states == state.load_states()
    assert found.files == [snapshot(0), snapshot(1)]
    assert found.model == default_model().name
    assert found.settings == settings_digests(SETTINGS)
    assert written(state, tmp_path / "again")[0].read_bytes() == path.read_bytes()


def test_only_the_files_of_the_last_hour_are_named(state: StateDirectory, tmp_path: Path) -> None:
    for minute in (0, 59, 60, 120):
        commit(state, minute)
    assert written(state, tmp_path)[1].files == [snapshot(60), snapshot(120)]


def test_the_model_comes_back(state: StateDirectory, tmp_path: Path) -> None:
    commit(state, 0)
    _, found = written(state, tmp_path / "archive")
    path = tmp_path / "archive" / model_key(found.model, found.models[found.model])
    unpack_model(path, tmp_path / "model")
    assert load_model(tmp_path / "model").name == default_model().name


def test_nothing_is_archived_before_the_first_record_nor_of_a_snapshot_that_is_half_read(
    state: StateDirectory, tmp_path: Path
) -> None:
    assert archive(state, tmp_path) is None
    commit(state, 0, half_read=True)
    assert archive(state, tmp_path) is None
    assert not list(tmp_path.glob("states/*"))


def test_on_kafka_there_are_no_states(state: StateDirectory, tmp_path: Path) -> None:
    state.commit(Commit(files=[snapshot(0)], stage_states={"recorder": encode_state({})}))
    assert archive(state, tmp_path) is None


def test_files_are_described_as_the_archive_takes_them(state: StateDirectory, tmp_path: Path) -> None:
    commit(state, 0)
    written(state, tmp_path)
    model, found = archivable_files(tmp_path)
    assert (model.first_ns, found.first_ns) == (None, START + MINUTE_NS)
    assert [file.key for file in (model, found)] == [file.path for file in (model, found)]
    assert position_of_key(found.key) == START + MINUTE_NS
    assert position_of_key("10Hz/2022-07-01/LA_R_60s_snapshot_2022-07-01_09-58.h5") is None
    assert position_of_key("states/today/noon_12.petawatch-state") is None


def changed_head(path: Path, **changes: object) -> Path:
    parts = read_stored_zip(path)
    parts["head.json"] = json.dumps(json.loads(parts["head.json"]) | changes).encode()
    return write_stored_zip(path.parent, "changed", ".petawatch-state", parts.items())


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"states": []},
        {"states": [{"key": "runner", "sha256": "0"}]},
        {"files": [{"path": 1}]},
        {"files": 7},
        {"pending": [["a", "b"]]},
        {"position_ns": None},
        {"program": ["0.1"], "models": []},
    ],
    ids=str,
)
def test_a_state_that_is_not_as_it_was_written_is_refused(
    changes: dict[str, object], state: StateDirectory, tmp_path: Path
) -> None:
    commit(state, 0)
    path = changed_head(written(state, tmp_path)[0], **changes)
    with pytest.raises(FatalError, match="can't be read") as failure:
        read_stage_states(path)
    assert failure.value.reason == "archived_file_damaged"


def test_a_model_with_other_parts_is_refused(tmp_path: Path) -> None:
    path = write_stored_zip(tmp_path, "model", ".petawatch-model", [("../../evil", b"")])
    with pytest.raises(FatalError, match="other parts than a model has"):
        unpack_model(path, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_settings_that_decide_are_told_apart_from_others() -> None:
    digests = settings_digests(SETTINGS)
    other = settings_digests(load_settings(None, join={"join_lateness_ms": 9_000}, threads=7, webhook_urls=()))
    assert [name for name in digests if digests[name] != other[name]] == ["join"]


class TestStateArchivist:
    """The watch asks before each file."""

    @pytest.fixture
    def told(self) -> list[str]:
        return []

    @pytest.fixture
    def archivist(self, state: StateDirectory, tmp_path: Path, told: list[str]) -> Iterator[StateArchivist]:
        archivist = StateArchivist(state, tmp_path / "archive", SETTINGS, told.append)
        yield archivist
        archivist.close()

    def test_a_state_is_archived_before_each_hour(
        self, state: StateDirectory, archivist: StateArchivist, tmp_path: Path
    ) -> None:
        for minute in range(0, 125, 31):
            archivist.before(START + minute * MINUTE_NS)
            commit(state, minute)
        archivist.close()
        names = sorted(path.name[:8] for path in (tmp_path / "archive").glob("states/*/*"))
        assert names == ["09-58-59", "10-29-59", "11-31-59"]

    def test_what_can_not_be_written_is_told_and_tried_again(
        self, state: StateDirectory, archivist: StateArchivist, tmp_path: Path, told: list[str]
    ) -> None:
        commit(state, 0)
        (tmp_path / "archive").write_text("no folder")
        archivist.before(START + 2 * MINUTE_NS)
        wait_until(lambda: bool(told))
        (tmp_path / "archive").unlink()
        commit(state, 2)

        def tried_again() -> bool:
            archivist.before(START + 3 * MINUTE_NS)
            return (tmp_path / "archive" / "states").exists()

        wait_until(tried_again)
        archivist.close()
        assert len(told) == 1
        assert "the next snapshot tries again" in told[0]
        assert [path.name[:8] for path in (tmp_path / "archive").glob("states/*/*")] == ["10-00-59"]

    def test_a_disk_that_hangs_holds_the_watch_up_once(
        self, state: StateDirectory, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = threading.Event()

        def hang(*arguments: Any) -> Path | None:
            assert answers.wait(60)
            return write_moment(*arguments)

        monkeypatch.setattr("streams.archive.states.state_archivist.write_moment", hang)
        archivist = StateArchivist(state, tmp_path / "archive", SETTINGS, told.append, patience_s=0.05)
        for minute in (0, 62, 124, 186):
            commit(state, minute)
            archivist.before(START + (minute + 2) * MINUTE_NS)
        assert len(told) == 1
        assert "hangs" in told[0]
        answers.set()
        wait_until(lambda: len(list((tmp_path / "archive").glob("states/*/*"))) == 1)
        archivist.before(START + 188 * MINUTE_NS)
        archivist.close()
        assert len(list((tmp_path / "archive").glob("states/*/*"))) == 2

    def test_a_restart_within_an_hour_archives_nothing_twice(
        self, state: StateDirectory, archivist: StateArchivist, tmp_path: Path
    ) -> None:
        commit(state, 5)
        archivist.before(START + 6 * MINUTE_NS)
        archivist.close()
        assert not (tmp_path / "archive").exists()
