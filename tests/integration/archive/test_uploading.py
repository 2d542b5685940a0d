"""Snapshots on their way into the archive: beside a watch and by a process of its own, with stores that come and go."""

import multiprocessing
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.context import ForkServerContext
from pathlib import Path

import numpy as np
import pytest

from connectors.archive.outbox import ArchiveOutbox
from connectors.archive.outbox_lines import Sink
from connectors.catalog.opening import open_catalog
from connectors.catalog.settings import CatalogSettings
from connectors.process_lock import ProcessLock
from connectors.state.commit import FileRecord
from servers.kafka_server import free_port
from servers.minio_binary import MinioBuild
from servers.minio_server import MinioServer
from streams.archive.uploading import archive_service
from streams.archive.uploading.archiver import LOCK_NAME
from streams.settings import Settings, load_settings
from tests.support.archiving import archive_once, assert_archived_once, read_archive, record, snapshot
from tests.support.commands import Run
from tests.support.minio import store_settings
from tests.support.watch_results import WatchResults, assert_same_results
from tests.support.watching import deliver, petawatch_running, wait_until, watch_live, watch_once

_KILLS = 3
QUICK = {"oldest_waiting_s": 0.5}


def contents(records: list[FileRecord]) -> dict[str, list[str]]:
    """SHA-256 by key."""
    found: dict[str, list[str]] = {}
    for each in records:
        found.setdefault(each.path, []).append(each.sha256)
    return found


def archive_settings(store: str, **options: object) -> Settings:
    return load_settings(None, archive={"store": store, **options})


def test_the_watch_gives_the_same_results_with_an_archive(
    day: Path, snapshots: list[Path], undisturbed: WatchResults, tmp_path: Path
) -> None:
    options = {"store": str(tmp_path / "store"), "read_back_share": 1.0, "state_every_s": 60.0}
    assert_same_results(watch_once(day, tmp_path / "state", archive=options), undisturbed)
    with closing(open_catalog(CatalogSettings(), tmp_path / "state" / "archive")) as catalog:
        assert {each.id for each in catalog.episodes(None, None)} == {alert["id"] for alert in undisturbed.alerts}
    archive_once(tmp_path / "state", tmp_path / "store")
    found = read_archive(archive_settings(str(tmp_path / "store")), tmp_path / "state")
    files = [file for file in found.files if file.path.endswith(".h5")]
    assert sorted(file.path for file in files) == sorted(str(path.relative_to(day)) for path in snapshots)
    assert all(file.records == 900 and len(file.devices) == 3 for file in files)
    assert {key.split("/")[0] for key in found.versions} == {"5Hz", "states", "models"}
    for versions in found.versions.values():
        assert len(versions) == 1
    assert all(copy.read_back_ns for file in files for copy in found.copies[file.id])


def test_a_store_that_is_away_changes_nothing_but_is_told_and_alerted(
    day: Path, undisturbed: WatchResults, tmp_path: Path
) -> None:
    data, state, store = tmp_path / "data", tmp_path / "state", tmp_path / "store"
    store.write_text("no folder")
    options = {"store": str(store), **QUICK}
    port = free_port()
    with watch_live(data, state, http=f"127.0.0.1:{port}", archive=options) as live:
        for path in sorted(day.rglob("*.h5")):
            deliver(path, data / path.parent.relative_to(day))
        live.until(lambda results: bool(results.alerts_of("archive_late")))
        [alert] = live.until(lambda results: results.ledger["records"]["read"] == 5400).alerts_of("archive_late")
        assert (alert["status"], alert["reasons"]) == ("open", ["store_away"])
        wait_until(lambda: metric(port, 'waiting_files{sink="store"}') == 6)
        assert any("can't be kept" in sentence for sentence in live.told)
        store.unlink()
        live.until(lambda results: results.alerts_of("archive_late")[0]["status"] == "closed")
        assert ready(port)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 20
    ended = watch_once(data, state, archive=options)
    without = [alert for alert in ended.alerts if alert["kind"] != "archive_late"]
    assert without == undisturbed.alerts
    assert ended.shots.equals(undisturbed.shots)
    assert ended.ledger == undisturbed.ledger
    found = read_archive(archive_settings(str(store)), state)
    assert len([file for file in found.files if file.path.endswith(".h5")]) == 6


def metric(port: int, name: str) -> float:
    text = fetched(port, "metrics")
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"petawatch_archive_{name} "))


def ready(port: int) -> bool:
    return bool(fetched(port, "readyz"))


def fetched(port: int, what: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{what}", timeout=20) as answer:
        return str(answer.read().decode())


def test_while_another_process_archives_a_watch_waits_and_takes_over(
    day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_service, "_AGAIN_S", 0.1)
    folder = tmp_path / "state" / "archive"
    folder.mkdir(parents=True)
    path = min(day.rglob("*.h5"))
    deliver(path, tmp_path / "data" / path.parent.relative_to(day))
    with ProcessLock.of_file(folder / LOCK_NAME):
        live_watch = watch_live(tmp_path / "data", tmp_path / "state", archive={"store": str(tmp_path / "store")})
        live = live_watch.__enter__()
        wait_until(lambda: any("archives into" in sentence for sentence in live.told))
        live.until(lambda results: results.ledger["records"]["read"] == 900)
        assert not (tmp_path / "store").exists()
    try:
        wait_until(lambda: (tmp_path / "store").exists() and len(list((tmp_path / "store").rglob("*.h5"))) > 0)
    finally:
        live_watch.__exit__(None, None, None)


@pytest.fixture
def many(tmp_path: Path) -> list[FileRecord]:
    """Forty files of many sizes that a watch has read, some of them replaced since."""
    random = np.random.default_rng(7)
    root = tmp_path / "data"
    before = [snapshot(root, f"{number}.h5", random.bytes(1 << number)) for number in range(20)]
    record(tmp_path / "state", *before)
    later = [
        snapshot(root, f"{number}.h5", random.bytes(int(random.integers(1, 2_000_000)))) for number in range(15, 40)
    ]
    record(tmp_path / "state", *later)
    return before[:15] + later


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that begin at once: all that takes long to import is imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.archiving"])
    return context


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 21))])
def test_killed_at_random_points(
    seed: int, many: list[FileRecord], tmp_path: Path, processes: ForkServerContext
) -> None:
    """Nothing is lost, nothing there twice, nothing noted that is not so."""
    state, store = tmp_path / "state", tmp_path / "store"
    random = np.random.default_rng(seed)
    kills = 0
    while kills < _KILLS:
        wanted = in_store(store) + int(random.integers(0, 2 * len(many) // _KILLS))
        process = processes.Process(target=archive_once, args=(state, store))
        process.start()
        wait_until(lambda: not process.is_alive() or in_store(store) >= wanted, every_s=0.002)  # noqa: B023
        time.sleep(float(random.random()) * 0.05)
        process.kill()
        process.join()
        if process.exitcode == 0:
            break
        kills += 1
        assert_nothing_false(state, store, many)
    assert kills
    archive_once(state, store)
    assert_archived_once(read_archive(archive_settings(str(store)), state), contents(many))
    with closing(ArchiveOutbox.open(state / "archive")) as outbox:
        assert outbox.counts()["file_changed"] == 5
        assert not any(lag.files for lag in outbox.lags().values())


def in_store(store: Path) -> int:
    return len(list(store.rglob("*.h5")))


def assert_nothing_false(state: Path, store: Path, many: list[FileRecord]) -> None:
    """What the catalog says after a kill is so, and what the store shows is whole."""
    if not (store / ".versions").exists():
        return
    found = read_archive(archive_settings(str(store)), state)
    known = {(each.path, each.sha256) for each in many}
    for file in found.files:
        assert (file.key, file.sha256) in known
        for copy in found.copies.get(file.id, []):
            assert found.contents[f"{file.key}@{copy.version}"] == file.sha256
    for key, versions in found.versions.items():
        for version in versions:
            assert (key, version.sha256) in known
            assert found.contents[f"{key}@{version.version}"] == version.sha256


@contextmanager
def own_minio(folder: Path, port: int, build: MinioBuild) -> Iterator[MinioServer]:
    with MinioServer(folder, port=port, build=build) as server:
        yield server


def test_an_object_store_that_is_stopped_and_started(
    minio_build: MinioBuild, many: list[FileRecord], tmp_path: Path
) -> None:
    port, state = free_port(), tmp_path / "state"
    environment = {
        "PETAWATCH_ARCHIVE__STORE": "s3://hpls-archive",
        "PETAWATCH_ARCHIVE__READ_BACK_SHARE": "0.3",
        "PETAWATCH_OBJECT_STORE__ENDPOINT": f"127.0.0.1:{port}",
        "PETAWATCH_OBJECT_STORE__ACCESS_KEY": MinioServer.access_key,
        "PETAWATCH_OBJECT_STORE__SECRET_KEY": MinioServer.secret_key,
        "PETAWATCH_OBJECT_STORE__SECURE": "false",
        "PETAWATCH_OBJECT_STORE__RETRIES": "0",
    }

    def waiting(files: int, *, away: bool) -> bool:
        """Whether so many wait for the store, and why."""
        outbox = ArchiveOutbox.open_for_reading(state / "archive")
        if outbox is None:
            return False
        with closing(outbox):
            lags = outbox.lags()
        return lags[Sink.STORE].files == files and (lags[Sink.STORE].reason == "archive_store_away") == away

    with petawatch_running("archive", "run", "--state", state, environment=environment) as process:
        wait_until(lambda: waiting(45, away=True))
        with own_minio(tmp_path / "minio", port, minio_build):
            wait_until(lambda: waiting(0, away=False))
        late = snapshot(tmp_path / "data", "late.h5", b"while it was away")
        record(state, late)
        wait_until(lambda: waiting(1, away=True))
        with own_minio(tmp_path / "minio", port, minio_build) as server:
            wait_until(lambda: waiting(0, away=False))
            assert process.poll() is None
            process.terminate()
            assert process.wait(60) == 0
            settings = load_settings(None, archive={"store": "s3://hpls-archive"}, object_store=store_settings(server))
            assert_archived_once(read_archive(settings, state), contents([*many, late]))


def test_what_is_wrong_at_the_start_is_one_sentence(many: list[FileRecord], tmp_path: Path, command: Run) -> None:
    state = tmp_path / "state"
    code, _, error = command("archive", "run", "--state", state)
    assert (code, error.count("\n")) == (1, 1)
    assert "archive.store" in error
    config = tmp_path / "petawatch.toml"
    config.write_text(f'[archive]\nstore = "{tmp_path}/store"\n')
    code, _, error = command("archive", "status", "--state", state, "--config", config)
    assert (code, error.count("\n")) == (1, 1)
    assert "nothing was archived" in error
    (state / "archive").mkdir()
    with ProcessLock.of_file(state / "archive" / LOCK_NAME):
        code, _, error = command("archive", "run", "--state", state, "--config", config)
    assert (code, error.count("\n")) == (1, 1)
    assert "archives into" in error
    (tmp_path / "store").write_text("no folder")
    code, _, error = command("archive", "run", "--state", state, "--config", config)
    assert (code, error.count("\n")) == (1, 1)
    assert "store" in error
