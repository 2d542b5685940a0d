"""What is replayed: from the latest state on, without what it knows, to some minutes behind the stretch."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from connectors.catalog.sqlite_catalog import SqliteCatalog
from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit, FileStatus
from connectors.state.directory import StateDirectory
from connectors.stored_zip import write_stored_zip
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError
from models.event_time import MINUTE_NS, format_iso
from streams.archive.states.stage_states import STATE_ENDING, archived_state_file, settings_digests
from streams.replay.plan import ReplayPlan, make_plan
from streams.replay.run import EventTimePace
from streams.replay.sources import CatalogSource, FolderSource, JoinedSource, StateSource
from streams.settings import default_settings, load_settings
from tests.support.archiving import file_record
from tests.support.catalog_examples import START_NS, archived
from tests.support.manual_clock import ManualClock

SETTINGS = default_settings()
FILES = [archived(minute) for minute in range(10)]


def write_state(folder: Path, position_ns: int, files: Sequence[ArchivedFile]) -> ArchivedFile:
    head = {
        "format": 1,
        "position_ns": position_ns,
        "program": "0.0.1",
        "model": "ae-1",
        "models": {},
        "settings": settings_digests(SETTINGS),
        "states": [],
        "files": [asdict(file_record(file)) for file in files],
        "pending": [],
    }
    time = format_iso(position_ns)
    day = folder / "states" / time[:10]
    parts = [("head.json", json.dumps(head).encode())]
    return archived_state_file(write_stored_zip(day, time[11:19].replace(":", "-"), STATE_ENDING, parts), folder)


@pytest.fixture
def catalog(tmp_path: Path) -> SqliteCatalog:
    catalog = SqliteCatalog(tmp_path / "catalog.sqlite")
    catalog.add_files(FILES)
    return catalog


def plan(catalog: SqliteCatalog, first: int, last: int, source: JoinedSource | None = None) -> ReplayPlan:
    """Of the stretch from one minute to another."""
    source = source or JoinedSource([CatalogSource(catalog, SETTINGS.zone)])

    def fetch(files: Sequence[ArchivedFile]) -> dict[str, Path]:
        return {file.id: Path(file.root, file.path) for file in files}

    return make_plan(source, fetch, START_NS + first * MINUTE_NS, START_NS + last * MINUTE_NS, SETTINGS)


def test_it_starts_from_the_latest_state_before_the_stretch(catalog: SqliteCatalog, tmp_path: Path) -> None:
    states = [write_state(tmp_path, START_NS + minute * MINUTE_NS - 1, FILES[:minute]) for minute in (1, 2, 4)]
    catalog.add_files(states)
    found = plan(catalog, 3, 5)
    assert found.state_file is not None
    assert found.state_file.key == states[1].key
    # From the state on, and two minutes more than was asked for.
    assert found.files == tuple(FILES[2:7])
    assert found.changed_settings == ()


def test_what_came_late_before_the_state_is_not_forgotten(catalog: SqliteCatalog, tmp_path: Path) -> None:
    """One recorder's snapshot was not read yet when the state was saved."""
    catalog.add_files([write_state(tmp_path, START_NS + 4 * MINUTE_NS - 1, [*FILES[:2], FILES[3]])])
    assert plan(catalog, 4, 5).files == (FILES[2], *FILES[4:7])


def test_without_a_state_it_starts_with_the_stretch(catalog: SqliteCatalog) -> None:
    found = plan(catalog, 3, 5)
    assert found.state is None
    assert found.files == tuple(FILES[3:7])


def test_a_stretch_of_which_nothing_is_known_is_told(catalog: SqliteCatalog) -> None:
    with pytest.raises(FatalError, match="no snapshot between") as failure:
        plan(catalog, 20, 30)
    assert failure.value.reason == "replay_empty"


def test_the_version_counts_that_came_last(catalog: SqliteCatalog) -> None:
    replaced = archived(3, content="again")
    catalog.add_files([replaced])
    assert plan(catalog, 3, 4).files[0] == replaced


def test_a_watch_and_the_catalog_know_the_same_files_once(catalog: SqliteCatalog, tmp_path: Path) -> None:
    new = replace(archived(10), path="10Hz/2022-07-01/LA_Recorder_60s_snapshot_2022-07-01_09-10-00.h5")
    with StateDirectory.open(tmp_path / "state") as state:
        state.commit(Commit(files=[file_record(file) for file in (*FILES[5:], new)]))
        known = StateSource(state, tmp_path / "state" / "archive", SETTINGS.zone)
        source = JoinedSource([known, CatalogSource(catalog, SETTINGS.zone)])
        found = plan(catalog, 3, 11, source)
    assert [file.path for file in found.files] == [file.path for file in (*FILES[3:], new)]


def test_files_of_which_nothing_could_be_read_are_replayed_too(catalog: SqliteCatalog, tmp_path: Path) -> None:
    damaged = archived(6, content="damaged", first_ns=None, last_ns=None, records=0, refused="damaged_hdf5")
    damaged = replace(
        damaged, path=damaged.path.replace("Recorder", "Other"), key=damaged.key.replace("Recorder", "Other")
    )
    catalog.add_files([damaged])
    assert damaged in plan(catalog, 6, 7).files
    assert damaged in plan(catalog, 5, 6).files  # in the minutes behind the stretch
    assert damaged not in plan(catalog, 7, 8).files
    with StateDirectory.open(tmp_path / "state") as state:
        state.commit(Commit(files=[replace(file_record(damaged), status=FileStatus.REJECTED)]))
        known = StateSource(state, tmp_path, SETTINGS.zone)
        assert [file.path for file in known.snapshots(START_NS + 6 * MINUTE_NS, START_NS + 7 * MINUTE_NS)] == [
            damaged.path
        ]
        assert known.snapshots(START_NS + 7 * MINUTE_NS, START_NS + 8 * MINUTE_NS) == []


def test_a_folder_is_known_by_its_names(catalog: SqliteCatalog, tmp_path: Path) -> None:
    folder = tmp_path / "restored"
    for file in FILES[:5]:
        place = folder / file.key
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")
    (folder / "notes.txt").write_text("left alone")
    (folder / "odd.h5").write_text("without a time in its name")
    write_state(folder, START_NS + 2 * MINUTE_NS - 1, [replace(file, path=file.key) for file in FILES[:2]])
    found = plan(catalog, 3, 4, JoinedSource([FolderSource(folder, SETTINGS.zone)]))
    assert found.state is not None
    assert [file.path for file in found.files] == [file.key for file in FILES[2:5]]
    assert not (tmp_path / "anything").exists()


def test_other_settings_make_another_replay(catalog: SqliteCatalog) -> None:
    found, other = plan(catalog, 3, 5), load_settings(None, join={"join_lateness_ms": 900})
    ids = {found.id("ae-1", SETTINGS), found.id("ae-2", SETTINGS), found.id("ae-1", other)}
    assert len(ids) == 3
    assert plan(catalog, 3, 5).id("ae-1", SETTINGS) in ids
    assert plan(catalog, 3, 6).id("ae-1", SETTINGS) not in ids


def test_event_time_goes_at_the_speed_that_is_asked_for() -> None:
    clock, looked = ManualClock(), list[float]()
    plan = ReplayPlan(from_ns=0, to_ns=1, state_file=None, state=None, files=tuple(FILES), changed_settings=())
    pace = EventTimePace(clock, 20.0, plan, lambda: looked.append(clock.monotonic_s()))
    began_s = clock.monotonic_s()
    for file in FILES[:3]:
        pace(SpoolFile(root=Path(), path=Path(), relative=file.path, size=0, mtime_ns=0, closed_ns=0))
        clock.advance(1.0)  # each file takes a second of work
    assert sum(clock.slept_s) == pytest.approx(4.0)
    assert max(clock.slept_s) <= 0.5  # what goes on beside is looked after
    assert len(looked) == len(clock.slept_s)
    assert clock.monotonic_s() - began_s == pytest.approx(7.0)
