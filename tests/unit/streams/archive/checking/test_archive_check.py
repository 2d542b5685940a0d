"""What is wrong with an archive, before anything runs and beside what runs."""

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from connectors.archive.archive_keys import PROBE_KEY
from connectors.archive.directory_store import DirectoryStore
from connectors.catalog.opening import CATALOG_NAME, open_catalog
from connectors.catalog.settings import CatalogSettings
from connectors.process_lock import ProcessLock
from streams.archive.checking.archive_check import check_archive
from streams.installation_finding import Finding
from streams.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(None, archive={"store": str(tmp_path / "store"), "installation": "lab-2"})


def look(settings: Settings, state: Path | None) -> dict[str, Finding]:
    return {finding.what: finding for finding in check_archive(settings, state)}


def test_nothing_is_said_without_an_archive(tmp_path: Path) -> None:
    assert look(load_settings(None), tmp_path) == {}


def test_before_the_first_start_nothing_is_wrong_and_nothing_is_made(settings: Settings, tmp_path: Path) -> None:
    found = look(settings, tmp_path / "state")
    assert all(finding.ok for finding in found.values()), found
    assert "lab-2" in found["archive installation"].sentence
    for what in (f"archive store {tmp_path}/store", f"catalog {tmp_path}/state/archive/{CATALOG_NAME}"):
        assert "is not there yet" in found[what].sentence
    assert "2 copies by another computer" in found["tape"].sentence
    assert not list(tmp_path.iterdir())


def test_without_a_folder_only_what_can_be_known_is_looked_at(settings: Settings) -> None:
    found = look(settings, None)
    assert [what for what in found if what.startswith("catalog")] == []
    assert "give --state" in found["archive folder"].sentence


def test_a_store_is_written_to_and_as_it_was_afterwards(settings: Settings, tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    store.prepare()
    before = sorted(tmp_path.rglob("*"))
    for _ in range(2):
        finding = look(settings, None)[f"archive store {tmp_path}/store"]
        assert finding.ok
        assert "written and read back, and removed" in finding.sentence
        assert sorted(tmp_path.rglob("*")) == before


def test_a_store_that_damages_what_it_keeps(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DirectoryStore(tmp_path / "store").prepare()
    monkeypatch.setattr(DirectoryStore, "read", lambda *_: "0" * 64)
    finding = look(settings, None)[f"archive store {tmp_path}/store"]
    assert not finding.ok
    assert f"another content of {PROBE_KEY}" in finding.sentence


def test_a_store_that_was_used_and_is_gone(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "state/archive"
    folder.mkdir(parents=True)
    (folder / "outbox.sqlite").touch()
    finding = look(settings, tmp_path / "state")[f"archive store {tmp_path}/store"]
    assert not finding.ok
    assert "mount its file system" in finding.sentence


def test_who_works_in_the_folder_is_named(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "state/archive"
    folder.mkdir(parents=True)
    with ProcessLock.of_file(folder / "archiver.lock"):
        assert "process" in look(settings, tmp_path / "state")["archiver"].sentence
    assert look(settings, tmp_path / "state")["archiver"].sentence == "none works in this folder now"


def test_room_for_ten_bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100 << 30))
    bundles = tmp_path / "archive/bundles"
    bundles.mkdir(parents=True)
    tape = {"mounts": [str(tmp_path / "drive")], "bundle_bytes": 64 << 30}
    settings = load_settings(None, tape=tape, archive={"folder": str(tmp_path / "archive"), "installation": "lab-2"})
    finding = look(settings, None)[f"archive folder {tmp_path}/archive"]
    assert not finding.ok
    assert (
        "only 100 GiB are free there, and bundles that wait for their copies may take 640 GiB (ten of"
        in finding.sentence
    )
    with (bundles / "a.tar").open("wb") as stream:
        stream.truncate(560 << 30)  # what waits already takes none of the room that is left
    assert look(settings, None)[f"archive folder {tmp_path}/archive"].ok


def test_a_catalog_is_written_to_and_has_what_it_had(tmp_path: Path) -> None:
    settings = load_settings(None, catalog={"address": str(tmp_path / "catalog.sqlite")})
    what = f"catalog {tmp_path}/catalog.sqlite"
    assert "is not there yet" in look(settings, None)[what].sentence
    assert not list(tmp_path.iterdir())
    with closing(open_catalog(settings.catalog, tmp_path)):
        # Beside who works with it.
        assert look(settings, None)[what] == Finding(what, True, "has the present format, and can be written to")
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM leases").fetchone() == (0,)


def test_an_earlier_catalog_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "catalog.sqlite"
    open_catalog(CatalogSettings(), tmp_path).close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version=1")
    settings = load_settings(None, catalog={"address": str(file)})
    finding = look(settings, None)[f"catalog {file}"]
    assert finding.ok
    assert "earlier format" in finding.sentence
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda connection: connection.execute("PRAGMA user_version=99"), "newer Petawatch"),
        (lambda connection: connection.execute("PRAGMA application_id=7"), "another program"),
    ],
)
def test_a_catalog_that_is_none_of_ours(tmp_path: Path, write: object, words: str) -> None:
    file = tmp_path / "catalog.sqlite"
    open_catalog(CatalogSettings(), tmp_path).close()
    with closing(sqlite3.connect(file)) as connection:
        assert callable(write)
        write(connection)
    finding = look(load_settings(None, catalog={"address": str(file)}), None)[f"catalog {file}"]
    assert not finding.ok
    assert words in finding.sentence


def test_a_catalog_that_is_damaged_or_no_address(tmp_path: Path) -> None:
    file = tmp_path / "catalog.sqlite"
    file.write_bytes(b"nonsense" * 1000)
    assert "is damaged" in look(load_settings(None, catalog={"address": str(file)}), None)[f"catalog {file}"].sentence
    [finding] = [f for f in check_archive(load_settings(None, catalog={"address": "http://a"}), None) if not f.ok]
    assert "neither a file nor mongodb" in finding.sentence


def test_a_command_for_remounting_that_is_none(tmp_path: Path) -> None:
    tape = {"mounts": [str(tmp_path)], "remount": ["/no/such/program", "{mount}"]}
    found = look(load_settings(None, tape=tape, archive={"installation": "lab-2"}), None)
    assert "no program that can be run" in found["tape remount"].sentence
    assert "nothing is mounted" in found[f"tape {tmp_path}"].sentence


def test_locks_that_this_user_may_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ProcessLock, "holder_of", refuse)
    tape = {"mounts": [str(tmp_path)]}
    settings = load_settings(None, tape=tape, archive={"installation": "lab-2", "folder": str(tmp_path)})
    found = look(settings, None)
    for what in ("archiver", "tape keeper", f"tape {tmp_path}"):
        assert "run this as the user who runs the archive" in found[what].sentence
        assert not found[what].ok
