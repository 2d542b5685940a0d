"""`petawatch archive restore` as an operator uses it: planned, ended, begun again, from a real mount."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from models.archive.copies import StoreCopy
from streams.archive.restoring.restore import RestoreOptions, restore_files
from streams.archive.restoring.restore_sources import RestoreSources
from tests.support.commands import Run, run_with
from tests.support.ltfs.drive import TapeShelf
from tests.support.tape_archive import TapeArchive
from tests.support.watching import wait_until

FROM, TO = "2022-07-01T00:00", "2022-07-02T00:00"


@pytest.fixture
def execute(capsys: pytest.CaptureFixture[str]) -> Run:
    return run_with(capsys)


def test_a_day_comes_back_and_what_is_left_out_is_told(tmp_path: Path, execute: Run) -> None:
    archive = TapeArchive(tmp_path, mounts=())
    files = archive.fill(3)
    lost = archive.add("LA_R_60s_snapshot_2022-07-01_10-00.h5", stored=False)
    for file in (files[0], lost):
        (archive.data / file.path).unlink()
    into = tmp_path / "again"
    options = ["--from", FROM, "--to", TO, "--into", into, "--config", archive.config]
    code, out, _ = execute("archive", "restore", *options, "--plan", "--json")
    assert code == 1
    assert json.loads(out)["files"] == {"local": 2, "store": 1, "nowhere": 1}
    assert not into.exists()
    code, out, complaints = execute("archive", "restore", *options)
    assert code == 1
    assert "restored 3 files (0.0 GB)" in out
    assert ", 2 from local, 1 from store; 0 were there; 1 left out" in out
    assert f"petawatch: {lost.key} has no good copy that is known" in complaints
    code, out, _ = execute("archive", "restore", *options, "--json")
    document = json.loads(out)
    assert (code, document["there"], document["restored"]) == (1, 3, {})
    assert [refused["reason"] for refused in document["refused"]] == ["no_good_copy"]
    assert sorted(path.name for path in into.rglob("*.h5")) == sorted(Path(file.key).name for file in files)
    code, out, complaints = execute("archive", "restore", "--from", TO, "--into", into, "--config", archive.config)
    assert (code, out) == (1, f"restored 0 files (0.0 GB) to {into}; 0 were there\n")
    assert "the catalog knows no file that fits" in complaints


def test_archived_states_are_found_and_come_back_only_when_they_are_asked_for(tmp_path: Path, execute: Run) -> None:
    archive = TapeArchive(tmp_path, mounts=())
    (snapshot,) = archive.fill(1)
    state = replace(snapshot, key="states/2022-07-01/10-00-00_1.petawatch-state", path="states/1", root="")
    with archive.catalog() as catalog:
        catalog.add_files([state])
        path = archive.data / snapshot.path
        version = archive.store.put(state.key, path, state.sha256, state.size_bytes, {})
        catalog.add_store_copies([StoreCopy(file_id=state.id, store=archive.store.address, version=version.version)])
    into = tmp_path / "again"
    find = ("catalog", "find", "--json", "--config", archive.config)
    restore = ("archive", "restore", "--into", into, "--config", archive.config)
    assert [json.loads(line)["key"] for line in execute(*find)[1].splitlines()] == [snapshot.key]
    code, out, _ = execute(*restore)
    assert (code, "restored 1 file (" in out) == (0, True)
    assert [str(path.relative_to(into)) for path in into.rglob("*.*")] == [snapshot.key]
    assert len(execute(*find, "--states")[1].splitlines()) == 2
    assert execute(*restore, "--states")[0] == 0
    assert (into / state.key).is_file()
    code, _, complaints = execute(*restore, "--from", TO, "--to", FROM)
    assert (code, "--from must lie before --to" in complaints) == (2, True)


def test_files_come_from_a_cartridge_that_is_put_in(tmp_path: Path, ltfs: TapeShelf, execute: Run) -> None:
    cartridge = ltfs.cartridge()
    drive = ltfs.drive(cartridge)
    archive = TapeArchive(tmp_path / "archive", mounts=(drive.mount,), copies=1)
    files = archive.fill(4)
    archive.keep()
    drive.remount()
    archive.keep()
    for file in files:
        (archive.data / file.path).unlink()
        archive.store.remove(file.key, file.sha256)
    drive.unmount()
    into = tmp_path / "again"
    options = ["--from", FROM, "--into", into, "--config", archive.config]
    code, out, _ = execute("archive", "restore", *options, "--plan")
    assert code == 0
    assert "4 files: store" in out  # the catalog does not know yet what happened to the store
    code, _, complaints = execute("archive", "restore", *options, "--wait", "0")
    assert code == 1
    assert "wanted: cartridge" in complaints
    assert f"{files[0].key} is missing in {archive.store.address}" in complaints
    drive.load(cartridge)
    code, out, _ = execute("archive", "restore", *options, "--wait", "0", "--json")
    assert (code, json.loads(out)["restored"]) == (0, {"tape": 4})
    code, out, _ = execute("archive", "restore", *options)
    assert (code, "4 were there" in out) == (0, True)


def test_a_restore_that_is_killed_goes_on_and_leaves_nothing_half(tmp_path: Path) -> None:
    archive = TapeArchive(tmp_path, mounts=())
    files = archive.fill(24)
    into = tmp_path / "again"
    command = [sys.executable, "-c", "from streams.command_line import main; main()"]
    options = ["archive", "restore", "--from", FROM, "--into", str(into), "--config", str(archive.config)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
    wait_until(lambda: len(list(into.rglob("*.h5"))) >= 3 or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    there = [path for path in into.rglob("*.h5") if not path.name.startswith(".")]
    assert all(path.read_bytes() == (archive.data / path.relative_to(into)).read_bytes() for path in there)
    with archive.opened() as opened:
        report = restore_files(files, into, RestoreSources.of(opened), RestoreOptions())
    assert report.refused == []
    assert report.there + report.restored.total() == 24
    assert len([path for path in into.rglob("*") if path.is_file()]) == 24
