"""Files come back from their nearest good copy, whole and compared, and nothing is replaced in silence."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from connectors.archive.directory_store import DirectoryStore
from connectors.catalog.sqlite_catalog import SqliteCatalog
from connectors.object_store.settings import ObjectStoreSettings
from connectors.tape.bundle_file import build_bundle, copy_member
from connectors.tape.library import mounted_cartridges
from connectors.tape.settings import TapeSettings
from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy, BundleMember, CopyState, StoreCopy
from models.archive.volumes import Volume
from models.errors import RetryableError
from streams.archive.earlier_stores import EarlierStores
from streams.archive.restoring.restore import RestoreOptions, restore_files
from streams.archive.restoring.restore_plan import plan_restore
from streams.archive.restoring.restore_report import RestoreReport
from streams.archive.restoring.restore_sources import RestoreSources
from tests.support.archived_contents import write_content
from tests.support.manual_clock import ManualClock
from tests.support.plain_volumes import PlainVolumes

KEYS = [f"10Hz/2022-07-01/LA_R_60s_snapshot_2022-07-01_09-{minute:02d}.h5" for minute in range(4)]


@dataclass
class World:
    """An archive whose copies a test makes one by one."""

    folder: Path
    files: list[ArchivedFile] = field(default_factory=list)
    contents: dict[str, Path] = field(default_factory=dict)
    wanted: list[list[str]] = field(default_factory=list)
    volumes: PlainVolumes = field(default_factory=PlainVolumes)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.data, self.into = self.folder / "data", self.folder / "into"
        (self.folder / "contents").mkdir()
        (self.folder / "drives").mkdir()
        self.store = DirectoryStore(self.folder / "store")
        self.store.prepare()
        self.catalog = SqliteCatalog(self.folder / "catalog.sqlite")
        for key in KEYS:
            file, path = write_content(self.folder / "contents", key, 70_000, root=str(self.data))
            self.files.append(file)
            self.contents[file.id] = path
        self.catalog.add_files(self.files)

    def local(self, *files: ArchivedFile) -> None:
        for file in files:
            path = self.data / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.contents[file.id].read_bytes())

    def stored(self, *files: ArchivedFile) -> None:
        for file in files:
            version = self.store.put(file.key, self.contents[file.id], file.sha256, file.size_bytes, {})
            self.catalog.add_store_copies(
                [StoreCopy(file_id=file.id, store=self.store.address, version=version.version, checked_ns=1)]
            )

    def on_tape(self, uuid: str, *files: ArchivedFile, block: int = 1) -> BundleCopy:
        """Write a bundle to a cartridge, which is mounted."""
        root = self.folder / "drives" / uuid
        if not root.is_dir():
            self.volumes.mount(root, uuid)
        built = build_bundle(root, "hpls", [(file, self.contents[file.id]) for file in files])
        copy = BundleCopy(
            bundle_id=built.bundle.id,
            volume=uuid,
            path=built.path.name,
            state=CopyState.SAFE,
            mount_id="before",
            written_ns=1,
            read_back_ns=2,
            partition="b",
            start_block=block,
        )
        self.catalog.add_bundle(built.bundle)
        self.catalog.put_bundle_copy(copy)
        self.catalog.put_volume(Volume(uuid=uuid, barcode=f"{uuid.upper()}L8"))
        return copy

    def eject(self, uuid: str) -> None:
        self.volumes.lines = [line for line in self.volumes.lines if line.point.name != uuid]

    @property
    def sources(self) -> RestoreSources:
        settings = TapeSettings(mounts=tuple(line.point for line in self.volumes.lines))
        return RestoreSources(
            catalog=self.catalog,
            store=self.store,
            cartridges=lambda: mounted_cartridges(settings, "hpls", self.volumes),
            earlier=EarlierStores(ObjectStoreSettings()),
        )

    def restore(self, **options: Any) -> RestoreReport:
        return restore_files(
            self.files,
            self.into,
            self.sources,
            RestoreOptions(**options),
            wanted=lambda named: self.wanted.append([label for label, _ in named]),
            clock=self.clock,
        )

    def assert_there(self, files: list[ArchivedFile]) -> None:
        there = sorted(str(path.relative_to(self.into)) for path in self.into.rglob("*") if path.is_file())
        assert there == sorted(file.key for file in files)
        for file in files:
            path = self.into / file.key
            assert path.read_bytes() == self.contents[file.id].read_bytes()
            assert path.stat().st_mtime_ns == file.mtime_ns


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.catalog.close()


def test_each_file_comes_from_its_nearest_copy(world: World) -> None:
    first, second, third, fourth = world.files
    world.local(first)
    world.stored(first, second)
    world.on_tape("aaa", first, second, third)
    report = world.restore()
    assert report.restored == {"local": 1, "store": 1, "tape": 1}
    assert [(refused.file, refused.reason) for refused in report.refused] == [(fourth, "no_good_copy")]
    assert report.problems == []
    world.assert_there([first, second, third])
    assert report.places == {file.id: world.into / file.key for file in (first, second, third)}
    assert report.size_bytes == 3 * 70_000


def test_what_is_there_is_not_copied_again(world: World) -> None:
    world.stored(*world.files)
    world.restore()
    (world.into / KEYS[0]).unlink()
    kept = [(world.into / key).stat().st_ino for key in KEYS[1:]]
    report = world.restore()
    assert (report.there, report.restored.total()) == (3, 1)
    assert [(world.into / key).stat().st_ino for key in KEYS[1:]] == kept
    world.assert_there(world.files)


def test_another_file_is_replaced_only_when_that_is_wanted(world: World) -> None:
    world.stored(*world.files)
    other = world.into / KEYS[1]
    other.parent.mkdir(parents=True)
    other.write_bytes(b"x" * 70_000)
    report = world.restore()
    [refused] = report.refused
    assert (refused.file, refused.reason) == (world.files[1], "file_exists")
    assert f"{other} is there with another content and stays" in refused.sentence
    assert other.read_bytes() == b"x" * 70_000
    assert report.restored.total() == 3
    assert world.restore(replace=True).refused == []
    world.assert_there(world.files)


def test_one_version_does_not_replace_another_one_of_the_same_restore(world: World) -> None:
    earlier, path = write_content(world.folder / "contents", KEYS[0], b"earlier", root=str(world.data))
    world.contents[earlier.id] = path
    world.stored(earlier, world.files[0])
    world.files = [world.files[0], earlier]
    report = world.restore(replace=True)
    assert [(refused.file, refused.reason) for refused in report.refused] == [(earlier, "file_exists")]
    world.assert_there(world.files[:1])


def test_a_damaged_copy_is_told_noted_and_left_for_the_next(world: World) -> None:
    first = world.files[0]
    world.files = [first]
    world.local(first)
    (world.data / first.path).write_bytes(b"y" * 70_000)
    world.stored(first)
    (world.folder / "store" / first.key).write_bytes(b"z" * 70_000)
    damaged = world.on_tape("aaa", first)
    bundle = world.folder / "drives/aaa" / damaged.path
    bundle.write_bytes(bundle.read_bytes().replace(world.contents[first.id].read_bytes()[:100], bytes(100)))
    world.on_tape("bbb", first)
    report = world.restore()
    assert report.restored == {"tape": 1}
    assert [sentence.partition(";")[0] for sentence in report.problems] == [
        f"{first.key} is damaged in {world.store.address}",
        f"{first.key} is damaged on the cartridge AAA",
    ]
    world.assert_there([first])
    [stored] = world.catalog.store_copies([first.id])[first.id]
    assert (stored.damaged, stored.checked_ns) == ("other_content", None)
    states = {copy.volume: copy.state for copy in world.catalog.bundle_copies()}
    assert states == {"aaa": CopyState.DAMAGED, "bbb": CopyState.SAFE}


def test_a_bundle_that_is_missing_does_not_end_the_reading_of_its_cartridge(world: World) -> None:
    first, second, *_ = world.files
    world.files = [first, second]
    gone = world.on_tape("aaa", first, block=1)
    world.on_tape("aaa", second, block=2)
    (world.folder / "drives/aaa" / gone.path).unlink()
    report = world.restore()
    assert [refused.file for refused in report.refused] == [first]
    world.assert_there([second])


def test_a_store_that_is_away_is_asked_once(world: World) -> None:
    world.stored(*world.files)
    world.on_tape("aaa", *world.files)
    (world.folder / "store/.versions").rename(world.folder / "away")
    report = world.restore()
    assert report.restored == {"tape": 4}
    [problem] = report.problems
    assert "holds no archive any more; look whether its file system is mounted" in problem


def test_a_file_in_a_store_that_is_away_is_not_called_lost(world: World) -> None:
    first, second, third, _ = world.files
    world.files = [first, second, third]
    world.stored(first, second)
    world.on_tape("aaa", second)
    world.eject("aaa")
    (world.folder / "store/.versions").rename(world.folder / "away")
    report = world.restore()
    assert {refused.file.key: refused.reason for refused in report.refused} == {
        first.key: "store_unreachable",
        second.key: "cartridge_wanted",
        third.key: "no_good_copy",
    }
    sentences = {refused.file.key: refused.sentence for refused in report.refused}
    address = world.store.address
    assert sentences[first.key] == f"{first.key} is in {address}, which can't be reached now; try again when it is back"
    assert f"is on the cartridge AAAL8, and in {address}, which can't be reached;" in sentences[second.key]
    (world.folder / "away").rename(world.folder / "store/.versions")
    assert world.restore().restored == {"store": 2}


def test_files_come_from_an_earlier_store_and_from_tape_where_it_is_gone(world: World) -> None:
    first, second, *_ = world.files
    world.files = [first, second]
    world.stored(first, second)
    earlier = world.folder / "store"
    world.store = DirectoryStore(world.folder / "another store")
    world.store.prepare()
    world.on_tape("aaa", second)
    assert plan_restore(world.files, world.into, world.sources).files == {"store": 2}
    (earlier / second.key).unlink()
    report = world.restore()
    assert report.restored == {"store": 1, "tape": 1}
    assert [sentence.partition(";")[0] for sentence in report.problems] == [
        f"{second.key} is missing in {DirectoryStore(earlier).address}"
    ]
    world.assert_there(world.files)
    shutil.rmtree(earlier)
    shutil.rmtree(world.into)
    report = world.restore()
    assert (report.restored, [refused.file for refused in report.refused]) == ({"tape": 1}, [first])
    assert [problem for problem in report.problems if str(earlier) in problem]


def test_tapes_are_read_in_their_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third, fourth = world.files
    world.on_tape("bbb", fourth, block=7)
    world.on_tape("aaa", second, first, block=9)
    world.on_tape("aaa", third, block=3)
    order: list[str] = []

    def noted(path: Path, member: BundleMember, into: BinaryIO, step: Callable[[], None]) -> str:
        order.append(member.name)
        return copy_member(path, member, into, step)

    monkeypatch.setattr("connectors.tape.mounted_bundles.copy_member", noted)
    assert world.restore().restored == {"tape": 4}
    assert order == [third.key, second.key, first.key, fourth.key]


def test_cartridges_are_wanted_waited_for_and_read_when_they_come(world: World) -> None:
    world.on_tape("aaa", *world.files[:3])
    world.on_tape("bbb", *world.files[2:])
    world.eject("aaa")
    world.eject("bbb")
    slept = []

    def put_in(seconds: float) -> None:
        slept.append(seconds)
        world.clock.advance(seconds)
        if len(slept) in {3, 6}:
            world.volumes.mount(world.folder / "drives" / ("aaa" if len(slept) == 3 else "bbb"))

    sources = world.sources
    drives = tuple(world.folder / "drives" / uuid for uuid in ("aaa", "bbb"))
    settings = TapeSettings(mounts=drives)
    sources = replace(sources, cartridges=lambda: mounted_cartridges(settings, "hpls", world.volumes))
    world.clock.sleep = put_in  # type: ignore[method-assign]
    report = restore_files(
        world.files,
        world.into,
        sources,
        RestoreOptions(wait_s=7.0),
        wanted=lambda named: world.wanted.append([label for label, _ in named]),
        clock=world.clock,
    )
    assert report.refused == []
    assert world.wanted == [["AAAL8", "BBBL8"], ["BBBL8"]]
    world.assert_there(world.files)


def test_what_is_not_put_in_in_time_is_left_out_and_named(world: World) -> None:
    world.on_tape("aaa", *world.files)
    world.eject("aaa")
    report = world.restore(wait_s=10.0)
    assert {refused.reason for refused in report.refused} == {"cartridge_wanted"}
    assert "is on the cartridge AAAL8 only, which is not mounted" in report.refused[0].sentence
    assert sum(world.clock.slept_s) == 10.0
    assert world.wanted == [["AAAL8"]]


def test_a_plan_reads_nothing(world: World) -> None:
    first, second, third, fourth = world.files
    world.local(first)
    world.stored(second)
    world.on_tape("aaa", third)
    world.on_tape("bbb", fourth)
    world.eject("bbb")
    plan = plan_restore(world.files, world.into, world.sources)
    assert plan.files == {"local": 1, "store": 1, "tape": 2}
    assert plan.size_bytes == 4 * 70_000
    assert [(each.label, each.mounted, each.wanted.files) for each in plan.cartridges] == [
        ("AAAL8", True, 1),
        ("BBBL8", False, 1),
    ]
    assert not world.into.exists()
    world.restore()
    again = plan_restore(world.files, world.into, world.sources)
    assert again.files == {"there": 3, "tape": 1}


def test_a_full_disk_ends_it_and_leaves_nothing_half(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.stored(*world.files)
    fsync, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RetryableError, match=r"is full; make room") as error:
            world.restore()
    assert error.value.reason == "disk_full"
    world.assert_there(world.files[:1])
    report = world.restore()
    assert (report.there, report.restored.total()) == (1, 3)


def test_a_name_that_the_folder_can_not_hold_is_left_out(world: World) -> None:
    world.stored(*world.files)
    world.into.mkdir()
    (world.into / "10Hz").write_bytes(b"no folder")
    report = world.restore()
    assert {refused.reason for refused in report.refused} == {"name_unfit"}
    assert "restore it into a folder of another file system" in report.refused[0].sentence


def test_a_key_that_leads_out_of_the_folder_is_refused(world: World) -> None:
    file = replace(world.files[0], key="../../etc/passwd.h5")
    world.files = [file]
    assert [refused.reason for refused in world.restore().refused] == ["archive_key"]
