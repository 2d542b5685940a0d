"""From cartridges alone the catalog is made anew; what can't be believed is told, and counts for nothing."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import open_catalog
from connectors.catalog.settings import CatalogSettings
from connectors.clock import SystemClock
from connectors.tape.bundle_file import BuiltBundle, build_bundle
from connectors.tape.cartridge import HASH_ATTRIBUTE, Cartridge
from connectors.tape.library import lock_drive, mounted_cartridges
from connectors.tape.settings import TapeSettings
from models.archive.archived_file import ArchivedFile
from models.archive.copies import Bundle, BundleCopy, CopyState
from models.archive.file_query import FileQuery
from models.archive.volumes import VolumeState
from streams.archive.cataloguing.catalog_rebuild import CatalogRebuild, RebuildCounts
from streams.archive.opened_archive import OpenedArchive, opened_archive
from streams.archive.tape.inventory import Inventory
from tests.support.commands import Run, run_with
from tests.support.ltfs.drive import Drive, TapeShelf
from tests.support.ltfs.faults import Faults
from tests.support.ltfs.snapshots import write_snapshot

FILE_BYTES = 60_000


@dataclass
class Tapes:
    """Two cartridges with the same two bundles of three files each, mounted anew since."""

    folder: Path
    drives: list[Drive]
    bundles: list[BuiltBundle]
    run: Run

    def rebuild(self, *arguments: str | Path) -> tuple[int, dict[str, object], str]:
        """Run the command: exit code, its document, what it told."""
        mounts = [] if arguments and isinstance(arguments[0], Path) else [drive.mount for drive in self.drives]
        config = self.folder / "named.toml"
        config.write_text("[archive]\ninstallation = 'hpls'\n", encoding="utf-8")
        where = ("--state", self.folder / "state", "--config", config)
        code, out, told = self.run("archive", "rebuild-catalog", *mounts, *arguments, "--json", *where)
        return code, json.loads(out) if out else {}, told

    def catalog(self) -> Catalog:
        return open_catalog(CatalogSettings(), self.folder / "state" / "archive")

    def files(self) -> list[ArchivedFile]:
        with closing(self.catalog()) as catalog:
            return list(catalog.find_files(FileQuery()))

    def copies(self) -> list[BundleCopy]:
        with closing(self.catalog()) as catalog:
            return catalog.bundle_copies()

    def path_of(self, number: int, installation: str = "hpls") -> str:
        return f"petawatch/{installation}/{self.bundles[number].manifest.bundle_id}.tar"


def write(drive: Drive, bundles: list[BuiltBundle], installation: str = "hpls") -> None:
    (cartridge,) = mounted_cartridges(TapeSettings(mounts=(drive.mount,), headroom_bytes=0), installation).cartridges
    for built in bundles:
        cartridge.write_bundle(built)
    cartridge.sync()


def build(folder: Path, first: int, installation: str = "hpls") -> BuiltBundle:
    (folder / installation).mkdir(exist_ok=True)
    files = [write_snapshot(folder / "watched", number, FILE_BYTES) for number in range(first, first + 3)]
    return build_bundle(folder / installation, installation, files)


@pytest.fixture
def tapes(ltfs: TapeShelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tapes:
    bundles = [build(tmp_path, first) for first in (0, 3)]
    drives = [ltfs.drive(ltfs.cartridge()) for _ in range(2)]
    for drive in drives:
        write(drive, bundles)
        drive.remount()
    return Tapes(tmp_path, drives, bundles, run_with(capsys))


def test_a_replaced_content_on_a_cartridge_does_not_become_the_latest(tapes: Tapes) -> None:
    taped = tapes.bundles[0].manifest.members[0].file
    since = replace(taped, sha256="f" * 64, mtime_ns=taped.mtime_ns + 1)
    with closing(tapes.catalog()) as catalog:
        catalog.add_files([since])
    tapes.rebuild()
    with closing(tapes.catalog()) as catalog:
        assert catalog.file(taped.id) == taped
        latest = [file for file in catalog.find_files(FileQuery(latest_only=True)) if file.key == taped.key]
    assert latest == [since]


def test_all_that_is_on_the_cartridges_is_in_the_catalog(tapes: Tapes) -> None:
    code, document, told = tapes.rebuild()
    assert (code, told) == (0, "")
    assert document == {
        "cartridges": 2,
        "bundles": 4,
        "files_added": 6,
        "read": 0,
        "safe": 0,
        "to_be_mounted_anew": [],
        "problems": 0,
    }
    expected = sorted((member.file for built in tapes.bundles for member in built.manifest.members), key=lambda f: f.id)
    assert sorted(tapes.files(), key=lambda file: file.id) == expected
    with closing(tapes.catalog()) as catalog:
        assert [catalog.bundle(built.bundle.id) for built in tapes.bundles] == [built.bundle for built in tapes.bundles]
        assert {volume.state for volume in catalog.volumes()} == {VolumeState.FILLING}
        assert {volume.installation for volume in catalog.volumes()} == {"hpls"}
        assert catalog.unbundled_files(10) == []
    copies = tapes.copies()
    assert len(copies) == 4
    assert all(copy.state is CopyState.WRITTEN and copy.partition == "b" for copy in copies)


def test_reading_counts_only_in_a_later_mount(tapes: Tapes) -> None:
    code, document, _ = tapes.rebuild("--verify")
    assert (code, document["read"], document["safe"]) == (0, 4, 0)
    assert len(document["to_be_mounted_anew"]) == 2  # type: ignore[arg-type]
    assert {copy.state for copy in tapes.copies()} == {CopyState.WRITTEN}
    for drive in tapes.drives:
        drive.remount()
    code, document, _ = tapes.rebuild("--verify")
    assert (code, document["read"], document["safe"], document["to_be_mounted_anew"]) == (0, 4, 4, [])
    assert {copy.state for copy in tapes.copies()} == {CopyState.SAFE}
    with closing(tapes.catalog()) as catalog:
        assert all(volume.last_verified_ns is not None for volume in catalog.volumes())
    tapes.rebuild()
    assert {copy.state for copy in tapes.copies()} == {CopyState.SAFE}  # what was proven stays so


def test_a_damaged_content_is_found_by_reading_and_told(tapes: Tapes) -> None:
    tapes.drives[0].unmount()
    tapes.drives[0].medium.rot(tapes.path_of(0))
    tapes.drives[0].load(tapes.drives[0].medium)
    code, document, told = tapes.rebuild("--verify")
    assert (code, document["bundles"], document["read"], document["problems"]) == (1, 4, 3, 1)
    assert tapes.bundles[0].manifest.bundle_id in told
    states = {(copy.volume, copy.bundle_id): copy.state for copy in tapes.copies()}
    assert sorted(states.values()) == [CopyState.DAMAGED, *[CopyState.WRITTEN] * 3]
    assert len(tapes.files()) == 6


def rebuild_with(
    tapes: Tapes, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[OpenedArchive], None]
) -> tuple[RebuildCounts, list[str]]:
    """Rebuild and verify; something else happens when the first bundle is about to be read."""
    config = tapes.folder / "petawatch.toml"
    told: list[str] = []
    done: list[str] = []
    mounts = [str(drive.mount) for drive in tapes.drives]
    config.write_text(f"[archive]\ninstallation = 'hpls'\n[tape]\nmounts = {mounts}\n", encoding="utf-8")
    read_back = Cartridge.read_back

    def reading(cartridge: Cartridge, path: str, expected: Bundle) -> None:
        if not done:
            done.append(path)
            meanwhile(opened)
        read_back(cartridge, path, expected)

    monkeypatch.setattr(Cartridge, "read_back", reading)
    with opened_archive(tapes.folder / "state", config) as opened:
        rebuild = CatalogRebuild(opened, SystemClock(), verify=True, tell=told.append)
        return rebuild.run(), told


def test_a_cartridge_that_is_retired_meanwhile_stays_so(tapes: Tapes, monkeypatch: pytest.MonkeyPatch) -> None:
    tapes.rebuild()
    for drive in tapes.drives:
        drive.remount()

    def retire(archive: OpenedArchive) -> None:
        for volume in archive.catalog.volumes():
            Inventory(archive.catalog, archive.folder).retire(volume.uuid)

    counts, told = rebuild_with(tapes, monkeypatch, retire)
    assert (counts.safe, told) == (4, [])
    with closing(tapes.catalog()) as catalog:
        assert {volume.state for volume in catalog.volumes()} == {VolumeState.RETIRED}


def test_a_bundle_that_is_gone_when_it_is_read_is_noted_as_missing(
    tapes: Tapes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        tapes.rebuild("--verify")
        for drive in tapes.drives:
            drive.remount()
    assert {copy.state for copy in tapes.copies()} == {CopyState.SAFE}
    gone: list[Path] = []

    def remove(_: OpenedArchive) -> None:
        gone.extend(path for path in tapes.drives[0].mount.rglob("*.tar"))
        for path in gone:
            path.unlink()

    _, (first, *_) = rebuild_with(tapes, monkeypatch, remove)
    assert "is damaged (missing)" in first
    assert [copy.damaged for copy in tapes.copies() if copy.damaged] == ["missing"]
    with closing(tapes.catalog()) as catalog:
        assert VolumeState.SUSPECT in {volume.state for volume in catalog.volumes()}


def test_a_damaged_manifest_is_told_and_the_others_are_taken(tapes: Tapes) -> None:
    tapes.drives[0].unmount()
    tapes.drives[0].medium.rot(tapes.path_of(0), 700)
    tapes.drives[0].load(tapes.drives[0].medium)
    code, document, told = tapes.rebuild(tapes.drives[0].mount)
    assert (code, document["bundles"], document["files_added"], document["problems"]) == (1, 1, 3, 1)
    assert told.count("\n") == 1
    assert "damaged" in told


def test_a_cartridge_that_fails_in_the_middle_is_told_and_the_other_one_is_taken(tapes: Tapes) -> None:
    tapes.drives[0].set(Faults(unreadable=f"*{tapes.bundles[0].manifest.bundle_id}*"))
    code, document, told = tapes.rebuild()
    assert (code, document["cartridges"], document["problems"]) == (1, 2, 1)
    assert document["files_added"] == 6
    assert "Input/output error" in told
    assert len({copy.bundle_id for copy in tapes.copies()}) == 2


def test_a_rebuild_beside_a_keeper_of_the_tapes_is_refused(tapes: Tapes) -> None:
    with lock_drive(tapes.drives[0].mount, tapes.folder / "state" / "archive"):
        code, _, told = tapes.rebuild()
    assert code == 1
    assert "one keeper of the tapes" in told


def test_a_bundle_without_a_noted_sum_is_read(tapes: Tapes) -> None:
    os.removexattr(tapes.drives[0].mount / tapes.path_of(0), HASH_ATTRIBUTE)
    code, _, _ = tapes.rebuild(tapes.drives[0].mount)
    assert code == 0
    with closing(tapes.catalog()) as catalog:
        assert catalog.bundle(tapes.bundles[0].bundle.id) == tapes.bundles[0].bundle


def test_a_bundle_that_was_cut_off_is_damaged(tapes: Tapes) -> None:
    place = tapes.drives[0].mount / tapes.path_of(1)
    os.truncate(place, FILE_BYTES)
    code, document, told = tapes.rebuild(tapes.drives[0].mount)
    assert (code, document["bundles"]) == (1, 2)
    assert "ends too early" in told
    assert {copy.bundle_id: copy.damaged for copy in tapes.copies()}[tapes.bundles[1].bundle.id] == "cut_off"


def test_another_content_under_a_known_bundles_name_is_left_out(tapes: Tapes) -> None:
    tapes.rebuild(tapes.drives[0].mount)
    os.setxattr(tapes.drives[1].mount / tapes.path_of(0), HASH_ATTRIBUTE, b"0" * 64)
    code, document, told = tapes.rebuild(tapes.drives[1].mount)
    assert (code, document["bundles"], document["problems"]) == (1, 1, 1)
    assert "another SHA-256" in told
    assert len(tapes.copies()) == 3


def test_bundles_of_others_are_told_and_left_out(tapes: Tapes, ltfs: TapeShelf) -> None:
    foreign = ltfs.drive(ltfs.cartridge())
    write(foreign, [build(tapes.folder, 6, "elsewhere")], "elsewhere")
    code, document, told = tapes.rebuild(foreign.mount)
    assert (code, document["bundles"], document["problems"]) == (1, 0, 1)
    assert "elsewhere" in told
    assert tapes.files() == []


def test_a_foreign_bundle_in_our_folder_is_left_out(tapes: Tapes) -> None:
    other = build(tapes.folder, 6, "elsewhere")
    shutil.copyfile(other.path, tapes.drives[0].mount / "petawatch" / "hpls" / other.path.name)
    code, document, told = tapes.rebuild(tapes.drives[0].mount)
    assert (code, document["bundles"], document["problems"]) == (1, 2, 1)
    assert "elsewhere" in told


def _nothing(tapes: Tapes) -> Path:
    tapes.drives[0].unmount()
    return tapes.drives[0].mount


def _folder(tapes: Tapes) -> Path:
    return tapes.folder / "watched"


@pytest.mark.parametrize("place", [_nothing, _folder])
def test_where_no_cartridge_is_there_is_one_sentence_and_the_others_are_taken(
    tapes: Tapes, place: Callable[[Tapes], Path]
) -> None:
    wrong = place(tapes)
    code, document, told = tapes.rebuild(wrong, tapes.drives[1].mount)
    assert (code, document["bundles"], document["problems"]) == (1, 2, 1)
    assert str(wrong) in told
    assert told.count("\n") == 1


def test_without_any_mount_there_is_one_sentence(tapes: Tapes) -> None:
    code, out, told = tapes.run("archive", "rebuild-catalog", "--state", tapes.folder / "state")
    assert (code, out) == (1, "")
    assert "tape.mounts" in told
