"""What `archive free` removes, and why each other file stays."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.catalog.opening import CATALOG_NAME
from connectors.state.commit import Commit, FileRecord, FileStatus
from connectors.state.directory import StateDirectory
from connectors.state.file_progress import FileProgress
from models.archive.archived_file import ArchivedFile
from models.archive.copies import Bundle, BundleCopy, BundleMember, CopyState, StoreCopy
from models.archive.volume_steps import retired, suspected
from models.archive.volumes import Volume, VolumeState
from models.errors import FatalError, RetryableError
from models.state import encode_state
from streams.archive.safekeeping.freeing import Decision, Freeing
from streams.archive.tape.inventory import Inventory
from tests.support.archiving import file_record
from tests.support.commands import Run, run_with
from tests.support.crashes import Crash, crash_at
from tests.support.tape_archive import TapeArchive

UUIDS = ("uuid-1", "uuid-2")


@pytest.fixture
def archive(tmp_path: Path) -> TapeArchive:
    return TapeArchive(tmp_path / "site", [])


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Run:
    return run_with(capsys)


def state_of(archive: TapeArchive) -> Path:
    return archive.folder / "state"


def watched(archive: TapeArchive, *files: ArchivedFile, records: int = 0, **states: bytes) -> None:
    """A state directory of a watch that has read these files."""
    records_of = [replace(file_record(file), records_read=records) for file in files]
    with StateDirectory.open(state_of(archive)) as state:
        state.commit(Commit(files=records_of, stage_states=states))


def bundled(archive: TapeArchive, *files: ArchivedFile) -> None:
    """A bundle of these files that is safe on both cartridges."""
    members = tuple(
        BundleMember(
            file_id=file.id,
            name=file.key,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns,
            offset=0,
        )
        for file in files
    )
    with archive.catalog() as catalog:
        catalog.add_bundle(Bundle(id="bundle", sha256="0" * 64, size_bytes=1, members=members))
        for uuid in UUIDS:
            catalog.put_volume(Volume(uuid=uuid, barcode=uuid.upper(), state=VolumeState.FILLING))
            catalog.put_bundle_copy(
                BundleCopy(
                    bundle_id="bundle",
                    volume=uuid,
                    path="bundle.tar",
                    state=CopyState.SAFE,
                    mount_id="first",
                    written_ns=1,
                    read_back_ns=2,
                )
            )


def safe_file(archive: TapeArchive, name: str = "a.h5") -> ArchivedFile:
    file = archive.add(name)
    watched(archive, file)
    bundled(archive, file)
    return file


def free(archive: TapeArchive, *, to_percent: float = 0.0, dry: bool = False) -> list[Decision]:
    decisions: list[Decision] = []
    with archive.opened() as opened, closing(FileProgress.open(state_of(archive))) as files:
        Freeing(opened, files, to_percent=to_percent, dry=dry).run(decisions.append)
    return decisions


def reasons(archive: TapeArchive) -> list[str]:
    """Why the one file stays; empty when it was removed."""
    (decision,) = free(archive)
    assert decision.path.exists() == bool(decision.why_not)
    return [obstacle.why.value for obstacle in decision.why_not]


def test_what_is_safe_is_removed(archive: TapeArchive) -> None:
    safe_file(archive)
    assert reasons(archive) == []


def test_dry_removes_nothing(archive: TapeArchive) -> None:
    file = safe_file(archive)
    (decision,) = free(archive, dry=True)
    assert decision.why_not == ()
    assert (archive.data / file.path).exists()


def test_with_room_nothing_is_looked_at(archive: TapeArchive) -> None:
    safe_file(archive)
    assert free(archive, to_percent=100.0) == []


def test_the_oldest_goes_first(archive: TapeArchive) -> None:
    files = [archive.add(name) for name in ("c.h5", "a.h5", "b.h5")]
    for age, file in enumerate(files):
        os.utime(archive.data / file.path, ns=(age, age))
    files = [replace(file, mtime_ns=age) for age, file in enumerate(files)]
    watched(archive, *files[::-1])
    bundled(archive, *files)
    assert [decision.path.name for decision in free(archive)] == ["c.h5", "a.h5", "b.h5"]


def damage_store_copy(archive: TapeArchive, file: ArchivedFile) -> None:
    with archive.catalog() as catalog:
        (copy,) = catalog.store_copies([file.id])[file.id]
        catalog.add_store_copies([replace(copy, damaged="other_content")])


def remove_from_store(archive: TapeArchive, file: ArchivedFile) -> None:
    archive.store.remove(file.key, file.sha256)


def change_volume(change: Callable[[Volume], Volume]) -> Callable[[TapeArchive, ArchivedFile], None]:
    def take(archive: TapeArchive, file: ArchivedFile) -> None:
        with archive.catalog() as catalog:
            catalog.put_volume(change(catalog.volumes()[0]))

    return take


def touch(archive: TapeArchive, file: ArchivedFile) -> None:
    os.utime(archive.data / file.path)


def rewrite(archive: TapeArchive, file: ArchivedFile) -> None:
    path = archive.data / file.path
    path.write_bytes(bytes(file.size_bytes))
    os.utime(path, ns=(file.mtime_ns, file.mtime_ns))


def link(archive: TapeArchive, file: ArchivedFile) -> None:
    path = archive.data / file.path
    path.rename(archive.folder / "moved.h5")
    path.symlink_to(archive.folder / "moved.h5")


def put_the_store_there(archive: TapeArchive, file: ArchivedFile) -> None:
    """The folder that is watched becomes a link to the store's: what lies there is the store's own copy."""
    archive.data.rename(archive.folder / "recorders")
    archive.data.mkdir()
    (archive.folder / "store/10Hz").rename(archive.data / "10Hz")
    (archive.folder / "store/10Hz").symlink_to(archive.data / "10Hz")
    os.utime(archive.data / file.path, ns=(file.mtime_ns, file.mtime_ns))


@pytest.mark.parametrize(
    ("take", "why"),
    [
        (damage_store_copy, "store_damaged"),
        (remove_from_store, "no_store_copy"),
        (change_volume(retired), "tape_copies"),
        (change_volume(suspected), "tape_copies"),
        (touch, "changed"),
        (rewrite, "changed"),
        (link, "not_ours"),
        (put_the_store_there, "not_ours"),
    ],
    ids=["damaged", "store lost it", "retired", "suspect", "touched", "rewritten", "link", "the store's own copy"],
)
def test_without_a_proof_it_stays(
    archive: TapeArchive, take: Callable[[TapeArchive, ArchivedFile], None], why: str
) -> None:
    take(archive, safe_file(archive))
    assert reasons(archive) == [why]


def damage_bundle_copy(archive: TapeArchive, file: ArchivedFile) -> None:
    with archive.catalog() as catalog:
        copy = catalog.bundle_copies()[0]
        catalog.put_bundle_copy(replace(copy, state=CopyState.DAMAGED, damaged="missing"))


def distrust_volume(archive: TapeArchive, file: ArchivedFile) -> None:
    with archive.opened() as opened:
        Inventory(opened.catalog, opened.folder).distrust(UUIDS[0], "second")


@pytest.mark.parametrize(
    ("take", "why"),
    [
        (damage_store_copy, "store_damaged"),
        (damage_bundle_copy, "tape_copies"),
        (distrust_volume, "tape_copies"),
        (change_volume(retired), "tape_copies"),
    ],
    ids=["damaged in the store", "damaged on tape", "suspect", "retired"],
)
def test_a_catalog_from_before_something_lost_its_trust_frees_nothing(
    archive: TapeArchive, take: Callable[[TapeArchive, ArchivedFile], None], why: str
) -> None:
    file, catalog = safe_file(archive), archive.folder / "archive" / CATALOG_NAME
    backup = catalog.read_bytes()
    take(archive, file)
    catalog.write_bytes(backup)
    assert reasons(archive) == [why]


def test_damage_that_a_verification_found_keeps_the_file_after_a_backup_was_restored(
    tmp_path: Path, command: Run
) -> None:
    archive = TapeArchive(tmp_path / "site", [], copies=0)
    file, catalog = archive.add("a.h5"), archive.folder / "archive" / CATALOG_NAME
    watched(archive, file)
    backup = catalog.read_bytes()
    (archive.folder / "store" / file.key).write_bytes(bytes(file.size_bytes))
    settings = ("--state", state_of(archive), "--config", archive.config)
    assert command("archive", "verify", *settings)[0] == 1
    catalog.write_bytes(backup)
    code, out, _ = command("archive", "free", *settings, "--to", "0")
    assert (code, "store_damaged" in out) == (1, True)
    assert (archive.data / file.path).exists()
    command("archive", "verify", "--repair", *settings)
    assert command("archive", "verify", *settings)[0] == 0
    assert reasons(archive) == []


def test_what_lies_below_the_store_is_its_copy(tmp_path: Path) -> None:
    archive = TapeArchive(tmp_path / "site", [])
    file = archive.add("a.h5")
    store = archive.folder / "store"
    os.utime(store / file.key, ns=(file.mtime_ns, file.mtime_ns))
    watched(archive, replace(file, root=str(store)))
    bundled(archive, file)
    assert reasons(archive) == ["not_ours"]


def test_of_a_folder_that_is_away_is_told_what_would_not_be_safe(archive: TapeArchive, command: Run) -> None:
    safe, unsafe = safe_file(archive), archive.add("b.h5", stored=False)
    watched(archive, safe, unsafe)
    archive.data.rename(archive.folder / "unmounted")
    (decision,) = free(archive)
    assert decision.path == archive.data / unsafe.path
    assert [obstacle.why.value for obstacle in decision.why_not] == ["folder_away", "no_store_copy", "unbundled"]
    code, out, _ = command("archive", "free", "--state", state_of(archive), "--config", archive.config, "--to", "100")
    assert (code, "kept: folder_away 1, no_store_copy 1, unbundled 1" in out) == (1, True)
    archive.data.mkdir()
    assert len(free(archive)) == 1
    with archive.catalog() as catalog:
        catalog.add_store_copies([StoreCopy(file_id=unsafe.id, store=archive.store.address, version="1", checked_ns=1)])
    bundled(archive, safe, unsafe)
    assert free(archive) == []


def test_a_folder_that_is_removed_meanwhile_ends_nothing(archive: TapeArchive) -> None:
    first, second = archive.add("a.h5"), archive.add("b.h5")
    watched(archive, first, second)
    bundled(archive, first, second)
    folder = (archive.data / first.path).parent

    def decided(decision: Decision) -> None:
        if decision.path.name == "a.h5":
            (folder / "b.h5").unlink()
            folder.rmdir()

    with archive.opened() as opened, closing(FileProgress.open(state_of(archive))) as files:
        assert Freeing(opened, files, to_percent=0.0, dry=False).run(decided)
    assert not folder.exists()


def test_what_only_the_disk_has_stays(archive: TapeArchive) -> None:
    watched(archive, archive.add("a.h5", stored=False))
    assert reasons(archive) == ["no_store_copy", "unbundled"]


def test_what_the_catalog_does_not_have_stays(archive: TapeArchive) -> None:
    path = archive.data / "10Hz/2022-07-01/a.h5"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"content")
    status = path.stat()
    watched(
        archive,
        ArchivedFile(
            key="",
            path="10Hz/2022-07-01/a.h5",
            root=str(archive.data),
            sha256="ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73",
            size_bytes=7,
            mtime_ns=status.st_mtime_ns,
        ),
    )
    assert reasons(archive) == ["not_cataloged"]


def test_what_the_watch_has_not_decided_stays(archive: TapeArchive) -> None:
    file = archive.add("a.h5")
    bundled(archive, file)
    watched(archive, file, records=5)
    assert reasons(archive) == ["unfinished"]


def test_what_a_watch_is_in_the_middle_of_stays(archive: TapeArchive) -> None:
    file = archive.add("a.h5")
    bundled(archive, file)
    watched(archive, file, runner=encode_state({"files": {file.path: {}}}))
    assert reasons(archive) == ["unfinished"]


def test_what_is_no_snapshot_is_not_spoken_of(archive: TapeArchive) -> None:
    labels = archive.data / "labels.json"
    labels.write_text("{}", encoding="utf-8")
    ignored = FileRecord(
        path="labels.json",
        root=str(archive.data),
        sha256="",
        size_bytes=2,
        mtime_ns=0,
        status=FileStatus.IGNORED,
        reason="not_hdf5_name",
    )
    with StateDirectory.open(state_of(archive)) as state:
        state.commit(Commit(files=[ignored]))
    assert free(archive) == []
    assert labels.exists()


def test_what_a_connector_has_sent_goes(archive: TapeArchive) -> None:
    file = archive.add("a.h5")
    bundled(archive, file)
    watched(archive, file, records=5, connector=encode_state({"files": {}}))
    assert reasons(archive) == []


def test_what_the_watch_refused_unread_goes_by_its_content(archive: TapeArchive) -> None:
    file = archive.add("a.h5")
    bundled(archive, file)
    watched(archive, replace(file, sha256=""))
    assert reasons(archive) == []


def test_of_a_replaced_file_the_content_that_lies_there_counts(archive: TapeArchive) -> None:
    file = safe_file(archive)
    fresh = archive.add("a.h5", b"replaced", stored=False)
    watched(archive, fresh)
    assert reasons(archive) == ["no_store_copy", "unbundled"]
    assert fresh.key == file.key


def test_an_installation_without_tape_wants_the_store_alone(tmp_path: Path) -> None:
    archive = TapeArchive(tmp_path / "site", [], copies=0)
    watched(archive, archive.add("a.h5"))
    assert reasons(archive) == []


def test_without_any_wanted_copy_nothing_is_freed(tmp_path: Path) -> None:
    archive = TapeArchive(tmp_path / "site", [], copies=0, more="free_store = true")
    watched(archive, archive.add("a.h5"))
    with pytest.raises(FatalError, match="nothing is safe to delete"):
        free(archive)


def test_a_store_that_is_away_keeps_everything(archive: TapeArchive) -> None:
    file = safe_file(archive)
    (archive.folder / "store").rename(archive.folder / "away")
    with pytest.raises(RetryableError):
        free(archive)
    assert (archive.data / file.path).exists()


@pytest.mark.parametrize("time", [1, 2, 3])
def test_a_catalog_that_fails_at_any_question_keeps_the_file(
    archive: TapeArchive, monkeypatch: pytest.MonkeyPatch, time: int
) -> None:
    file = safe_file(archive)
    with crash_at(monkeypatch, "streams.archive.safekeeping.freeing", "known_copies", time):
        if time < 3:  # once for many files, once more for this one with the file in hand
            with pytest.raises(Crash):
                free(archive)
        else:
            free(archive)
    assert (archive.data / file.path).exists() == (time < 3)


def test_the_command_says_what_it_did(archive: TapeArchive, command: Run) -> None:
    kept = archive.add("b\x1b.h5", stored=False)
    safe = archive.add("a.h5")
    watched(archive, safe, kept)
    bundled(archive, safe)
    arguments = ("archive", "free", "--state", state_of(archive), "--config", archive.config)
    code, out, _ = command(*arguments, "--to", "0", "--dry")
    assert (code, f"would free {archive.data / safe.path}" in out) == (1, True)
    code, out, _ = command(*arguments, "--to", "0")
    *decided, summary = out.splitlines()
    assert code == 1
    assert "\x1b" not in out
    assert f"freed {archive.data / safe.path}" in decided
    assert len(decided) == 2
    assert summary.startswith(
        "freed 1 file, 0.000 GB; a disk is still fuller than 0 %; kept: no_store_copy 1, unbundled 1"
    )
    assert command(*arguments, "--to", "100")[0] == 0


def test_a_disk_that_is_full_though_no_file_is_left_is_not_said_to_have_room(
    archive: TapeArchive, command: Run
) -> None:
    safe_file(archive)
    words = ("archive", "free", "--state", state_of(archive), "--config", archive.config, "--to", "0")
    for freed in ("1 file", "0 files"):
        code, out, _ = command(*words)
        assert code == 1
        assert f"freed {freed}," in out
        assert "a disk is still fuller than 0 %" in out
    assert command(*words[:-1], "100")[0] == 0


def test_versions_leave_the_store_only_where_it_is_allowed(tmp_path: Path, command: Run) -> None:
    archive = TapeArchive(tmp_path / "site", [])
    file = safe_file(archive)
    arguments = ("archive", "free", "--state", state_of(archive), "--config", archive.config, "--to", "100")
    code, _, err = command(*arguments, "--store-before", "2030-01-01")
    assert (code, "archive.free_store" in err) == (1, True)
    allowing = TapeArchive(tmp_path / "site", [], more="free_store = true")
    code, out, _ = command(*arguments, "--store-before", "2022-07-01")
    assert (code, out.splitlines()[0].startswith("freed 0 files")) == (0, True)
    other = allowing.add("b.h5")
    code, out, _ = command(*arguments, "--store-before", "2030-01-01")
    assert code == 1
    assert f"kept {allowing.store.address}/{other.key}: it is in no bundle for tape yet (unbundled)" in out
    assert allowing.store.versions(file.key) == []
    assert len(allowing.store.versions(other.key)) == 1
    with allowing.catalog() as catalog:
        assert set(catalog.store_copies([file.id, other.id])) == {other.id}
    assert reasons(allowing) == []
