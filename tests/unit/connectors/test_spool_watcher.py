"""The spool watcher against real folders and the kernel's own notifier."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from connectors import spool_watcher
from connectors.clock import SystemClock
from connectors.spool_notifier import InotifyNotifier
from connectors.spool_watcher import NoticeReason, SpoolFile, SpoolNotice, SpoolSettings, SpoolWatcher, scan
from models.errors import FatalError
from tests.support.manual_clock import ManualClock
from tests.support.watching import wait_until

NAME = "LA_CameraComputer01-Recorder_60s_snapshot_2022-07-01_09-{:02d}-00-000.h5"
HOUR_S = 3600

Taken = set[tuple[str, int, int]]
Watch = Callable[..., SpoolWatcher]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(time.time_ns())


@pytest.fixture
def taken() -> Taken:
    return set()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(spool: Path, clock: ManualClock, taken: Taken) -> Iterator[Watch]:
    watchers: list[SpoolWatcher] = []

    def start(*roots: Path, **settings: float) -> SpoolWatcher:
        chosen = SpoolSettings(**settings)  # type: ignore[arg-type]
        watchers.append(SpoolWatcher(roots or (spool,), clock, chosen, lambda *file: file in taken))
        return watchers[-1]

    yield start
    for watcher in watchers:
        watcher.stop()


def write(path: Path, content: bytes = b"data", age_s: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if age_s:
        set_age(path, age_s)
    return path


def set_age(path: Path, age_s: float) -> None:
    moment_ns = time.time_ns() - round(age_s * 1e9)
    os.utime(path, ns=(moment_ns, moment_ns))


def wait_for(watcher: SpoolWatcher, count: int = 1, patience_s: float = 30.0) -> list[SpoolFile | SpoolNotice]:
    """The next items, at least so many, or fewer when patience ends."""
    items: list[SpoolFile | SpoolNotice] = []
    deadline = time.monotonic() + patience_s
    while len(items) < count and time.monotonic() < deadline:
        items += watcher.take(min(0.5, patience_s))
    return items


def files(items: list[SpoolFile | SpoolNotice]) -> list[str]:
    return [item.relative for item in items if isinstance(item, SpoolFile)]


def notices(items: list[SpoolFile | SpoolNotice]) -> dict[str, NoticeReason]:
    return {item.relative: item.reason for item in items if isinstance(item, SpoolNotice)}


def settle_in(watcher: SpoolWatcher) -> None:
    """Let the watcher look through the folders for the first time."""
    watcher.take(0)


def test_a_file_is_told_of_when_it_is_closed_and_not_before(spool: Path, watch: Watch, clock: ManualClock) -> None:
    watcher = watch()
    settle_in(watcher)
    with (spool / "a.h5").open("wb") as stream:
        stream.write(b"first")
        stream.flush()
        assert wait_for(watcher, patience_s=0.2) == []
        clock.advance(HOUR_S)  # neither the settling nor a rescan takes a file that is known to be open
        assert wait_for(watcher, patience_s=0.1) == []
        stream.write(b" second")
    [file] = wait_for(watcher)
    assert isinstance(file, SpoolFile)
    assert (file.relative, file.size, file.path, file.root) == ("a.h5", 12, spool / "a.h5", spool)
    assert file.closed_ns == clock.now_ns()
    assert file.mtime_ns == (spool / "a.h5").stat().st_mtime_ns


def test_a_file_that_is_moved_in_or_renamed_is_told_of_at_once(spool: Path, watch: Watch, tmp_path: Path) -> None:
    watcher = watch()
    settle_in(watcher)
    write(tmp_path / "outside.h5").rename(spool / "in.h5")
    assert files(wait_for(watcher)) == ["in.h5"]
    write(spool / "part.h5.tmp").rename(spool / "part.h5")
    assert wait_for(watcher, 1) != []
    assert wait_for(watcher, 1, 0.1) == []


def test_a_move_out_holds_nothing_back(
    spool: Path, watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InotifyMoveEventGrouper, "delay", 600.0)  # so long do watchdog's observers hold events back
    watcher = watch()
    settle_in(watcher)
    write(spool / "a.h5")
    assert files(wait_for(watcher)) == ["a.h5"]
    (spool / "a.h5").rename(tmp_path / "gone.h5")
    write(spool / "b.h5")
    assert files(wait_for(watcher)) == ["b.h5"]


def test_folders_that_appear_later_are_watched_with_what_is_in_them(
    spool: Path, watch: Watch, tmp_path: Path, clock: ManualClock
) -> None:
    watcher = watch()
    settle_in(watcher)
    old = tmp_path / "elsewhere" / "10Hz" / "2022-07-01"
    write(old / "old.h5", age_s=60)
    (tmp_path / "elsewhere" / "10Hz").rename(spool / "10Hz")  # a whole tree moved in
    assert files(wait_for(watcher)) == ["10Hz/2022-07-01/old.h5"]
    write(spool / "10Hz" / "2022-07-01" / "new.h5")
    assert files(wait_for(watcher)) == ["10Hz/2022-07-01/new.h5"]
    write(spool / "1Hz" / "2022-07-02" / "deep.h5")  # made and written at once: the watch may come too late
    clock.advance(11)
    assert files(wait_for(watcher)) == ["1Hz/2022-07-02/deep.h5"]
    (spool / "1Hz").rename(spool / "2Hz")
    found = files(wait_for(watcher, patience_s=1.0))
    clock.advance(11)
    found += files(wait_for(watcher, patience_s=0.3)) if not found else []
    assert found == ["2Hz/2022-07-02/deep.h5"]
    write(spool / "2Hz" / "2022-07-02" / "after.h5")
    assert files(wait_for(watcher)) == ["2Hz/2022-07-02/after.h5"]


def test_what_came_while_it_was_away_is_found_in_the_order_of_the_names(
    spool: Path, watch: Watch, taken: Taken
) -> None:
    for minute in (5, 3, 4):
        write(spool / "10Hz" / NAME.format(minute), age_s=HOUR_S)
        write(spool / "1Hz" / NAME.format(minute).replace("LA", "LB"), age_s=HOUR_S)
    known = write(spool / "10Hz" / NAME.format(2), age_s=HOUR_S)
    taken.add((f"10Hz/{known.name}", known.stat().st_size, known.stat().st_mtime_ns))
    watcher = watch()
    found = watcher.take(0)
    places = [(item.path.stem[-12:-7], item.path.parent.name) for item in found if isinstance(item, SpoolFile)]
    assert places == [(f"09-0{minute}", folder) for minute in (3, 4, 5) for folder in ("10Hz", "1Hz")]


def test_a_file_whose_closing_can_not_be_seen_has_to_settle(spool: Path, watch: Watch, clock: ManualClock) -> None:
    growing = write(spool / "growing.h5", b"1")
    empty = write(spool / "empty.h5", b"")
    watcher = watch(settle_s=5, settle_empty_s=50, rescan_s=1000)
    clock.set_wall_clock("2022-07-01T00:00:00Z")  # the file server's clock is ahead: only standing still counts
    assert watcher.take(0) == []
    clock.advance(4.9)
    assert watcher.take(0) == []
    assert sorted(name.rpartition("/")[2] for name in watcher.unfinished) == [empty.name, growing.name]
    os.truncate(growing, 1000)  # not told by the notifier, like a write on another computer
    clock.advance(0.2)
    assert watcher.take(0) == []
    clock.advance(4.9)
    assert watcher.take(0) == []
    clock.advance(0.2)
    assert files(watcher.take(0)) == ["growing.h5"]
    assert [name.rpartition("/")[2] for name in watcher.unfinished] == [empty.name]
    clock.advance(50)
    assert files(watcher.take(0)) == [empty.name]
    assert watcher.unfinished == []


def test_a_file_is_told_of_again_only_when_it_has_changed(
    spool: Path, watch: Watch, taken: Taken, clock: ManualClock
) -> None:
    write(spool / "a.h5", age_s=100)
    watcher = watch()
    [file] = watcher.take(0)
    assert isinstance(file, SpoolFile)
    clock.advance(100)
    assert watcher.take(0) == []  # handed over, though the caller is not done with it
    taken.add((file.relative, file.size, file.mtime_ns))
    for _ in range(3):
        clock.advance(100)
        assert watcher.take(0) == []
    with (spool / "a.h5").open("r+b"):
        pass  # closed after opening for writing, and the same as before
    assert wait_for(watcher, patience_s=0.2) == []
    write(spool / "a.h5", b"changed")
    assert files(wait_for(watcher)) == ["a.h5"]
    set_age(spool / "a.h5", 50)  # changed without a closing
    clock.advance(100)
    assert files(watcher.take(0)) == ["a.h5"]


def test_what_is_no_snapshot_is_told_of_once(spool: Path, watch: Watch, clock: ManualClock, tmp_path: Path) -> None:
    write(tmp_path / "aim" / "inside.h5", age_s=100)
    write(spool / "readme.txt", age_s=100)
    write(spool / ".hidden.h5", age_s=100)
    write(spool / ".snapshot" / "a.h5", age_s=100)
    set_age(spool / ".snapshot", 100)
    write(spool / "folder.h5" / "inside.h5", age_s=100)
    (spool / "link.h5").symlink_to(tmp_path / "aim" / "inside.h5")
    (spool / "link").symlink_to(tmp_path / "aim")
    (spool / "loop").symlink_to(spool)
    os.mkfifo(spool / "pipe.h5")
    watcher = watch()
    found = watcher.take(0)
    assert files(found) == []
    assert all(isinstance(item, SpoolNotice) and item.ignored for item in found)
    assert notices(found) == {
        "readme.txt": NoticeReason.NOT_HDF5_NAME,
        ".hidden.h5": NoticeReason.HIDDEN,
        ".snapshot": NoticeReason.HIDDEN,
        "folder.h5": NoticeReason.DIRECTORY,
        "link.h5": NoticeReason.SYMLINK,
        "link": NoticeReason.SYMLINK,
        "loop": NoticeReason.SYMLINK,
        "pipe.h5": NoticeReason.SPECIAL_FILE,
    }
    for _ in range(3):
        clock.advance(100)
        assert watcher.take(0) == []
    (spool / "late.h5").symlink_to(tmp_path / "aim" / "inside.h5")
    (spool / "late-folder.h5").mkdir()
    assert notices(wait_for(watcher, 2)) == {
        "late.h5": NoticeReason.SYMLINK,
        "late-folder.h5": NoticeReason.DIRECTORY,
    }
    write(spool / "folder.h5" / "second.h5")
    write(spool / ".snapshot" / "second.h5")
    assert wait_for(watcher, patience_s=0.2) == []


def test_unfinished_copies_are_not_told_of(spool: Path, watch: Watch, clock: ManualClock) -> None:
    watcher = watch()
    settle_in(watcher)
    write(spool / "a.h5.part")
    clock.advance(5)
    assert wait_for(watcher, patience_s=0.2) == []
    (spool / "a.h5.part").rename(spool / "a.h5")
    assert [item.relative for item in wait_for(watcher)] == ["a.h5"]


def test_a_hard_link_has_no_closing_and_is_found_all_the_same(
    spool: Path, watch: Watch, tmp_path: Path, clock: ManualClock
) -> None:
    watcher = watch()
    settle_in(watcher)
    os.link(write(tmp_path / "origin.h5", age_s=100), spool / "linked.h5")
    assert files(wait_for(watcher)) == ["linked.h5"]


def test_an_overflow_of_the_kernels_queue_loses_nothing(spool: Path, watch: Watch, clock: ManualClock) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100_000:
        pytest.skip(f"fs.inotify.max_queued_events is {limit}: too many to overflow in a test")
    watcher = watch(rescan_s=1e6)
    settle_in(watcher)
    notifier = watcher._notifier
    assert isinstance(notifier, InotifyNotifier)
    paths = [write(spool / "one.h5"), write(spool / "two.h5")]
    with notifier._lock:  # the reading thread stands still, and the kernel's queue fills
        for number in range(limit + 4096):
            os.close(os.open(paths[number % 2], os.O_WRONLY))
        (spool / "new").mkdir()
        write(spool / "new" / "lost.h5")
    found = wait_for(watcher, 3)
    assert NoticeReason.NOTIFIER_OVERFLOW in notices(found).values()
    clock.advance(11)
    assert sorted(files(found + wait_for(watcher, 1))) == ["new/lost.h5", "one.h5", "two.h5"]
    write(spool / "new" / "seen.h5")  # and the new folder is watched
    assert files(wait_for(watcher)) == ["new/seen.h5"]


def test_more_files_than_the_notifier_keeps_are_all_found(spool: Path, watch: Watch, clock: ManualClock) -> None:
    watcher = watch(queue_files=8)
    settle_in(watcher)
    for number in range(100):
        write(spool / f"{number:03d}.h5", age_s=60)
    (spool / "last").mkdir()
    notifier = watcher._notifier
    assert isinstance(notifier, InotifyNotifier)
    wait_until(lambda: str(spool / "last") in notifier._watches)  # it has heard of all that came before
    assert notifier._overflowed
    found: list[str] = []
    for _ in range(200):
        found += files(watcher.take(0))
        assert watcher.queue_depth <= 2 * 8
        if len(set(found)) == 100:
            break
    assert sorted(found) == [f"{number:03d}.h5" for number in range(100)]


@pytest.mark.parametrize("slice_s", [1.0, 0.0])
def test_a_backlog_beyond_the_queue_comes_earliest_first(
    spool: Path, watch: Watch, taken: Taken, slice_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_watcher, "_SLICE_S", slice_s)  # with 0 the caller has its turn after every path
    for minute in reversed(range(50)):
        write(spool / NAME.format(minute), age_s=HOUR_S)
    watcher = watch(queue_files=7)
    found: list[str] = []
    while len(found) < 50:
        for item in watcher.take(0, limit=3):
            assert isinstance(item, SpoolFile)
            taken.add((item.relative, item.size, item.mtime_ns))
            found.append(item.relative)
    assert found == [NAME.format(minute) for minute in range(50)]


def test_without_a_notifier_rescans_find_everything(
    spool: Path, watch: Watch, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_watcher, "open_notifier", lambda *_: None)
    watcher = watch(rescan_s=30)
    assert list(notices(watcher.take(0)).values()) == [NoticeReason.NO_NOTIFIER]
    write(spool / "deep" / "a.h5", age_s=60)
    assert watcher.take(0) == []
    clock.advance(30)
    assert files(watcher.take(0)) == ["deep/a.h5"]
    clock.advance(100)
    assert watcher.take(0) == []


def test_a_notifier_that_dies_is_replaced_by_rescans(spool: Path, watch: Watch, clock: ManualClock) -> None:
    watcher = watch()
    settle_in(watcher)
    assert watcher._notifier is not None
    watcher._notifier.stop()
    write(spool / "a.h5", age_s=60)
    found = watcher.take(0)
    assert files(found) == ["a.h5"]
    assert NoticeReason.NO_NOTIFIER in notices(found).values()
    write(spool / "b.h5", age_s=60)
    clock.advance(100)
    assert files(watcher.take(0)) == ["b.h5"]


def test_a_folder_that_the_system_refuses_to_watch_is_told_of_once(
    spool: Path, watch: Watch, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spool / "one").mkdir()
    (spool / "two").mkdir()
    watcher = watch()
    notifier = watcher._notifier
    assert notifier is not None

    def refuse(*_: object) -> int:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(notifier._inotify, "add_callback", refuse)  # type: ignore[attr-defined]
    found = watcher.take(0)
    assert [item.reason for item in found if isinstance(item, SpoolNotice)] == [NoticeReason.NO_NOTIFIER]
    [notice] = found
    assert isinstance(notice, SpoolNotice)
    assert "fs.inotify.max_user_watches" in notice.sentence
    write(spool / "two" / "a.h5", age_s=60)
    clock.advance(100)
    assert files(watcher.take(0)) == ["two/a.h5"]


def test_a_root_that_vanishes_and_returns(spool: Path, watch: Watch, tmp_path: Path, clock: ManualClock) -> None:
    write(spool / "a.h5", age_s=60)
    watcher = watch()
    assert files(watcher.take(0)) == ["a.h5"]
    spool.rename(tmp_path / "unmounted")
    [notice] = wait_for(watcher)
    assert isinstance(notice, SpoolNotice)
    assert (notice.reason, notice.ignored) == (NoticeReason.ROOT_MISSING, False)
    assert (
        notice.sentence
        == f"{spool} is missing; make it or name the right one, a watch that runs goes on when it is there"
    )
    clock.advance(100)
    assert watcher.take(0) == []
    write(spool / "b.h5", age_s=60)
    clock.advance(100)
    found = watcher.take(0)
    assert files(found) == ["b.h5"]
    assert notices(found) == {".": NoticeReason.RETURNED}
    write(spool / "c.h5")
    assert files(wait_for(watcher)) == ["c.h5"]
    write(tmp_path / "unmounted" / "ghost.h5")  # the moved folder is no longer ours
    assert wait_for(watcher, patience_s=0.2) == []


def test_a_root_may_come_later(tmp_path: Path, watch: Watch, clock: ManualClock) -> None:
    watcher = watch(tmp_path / "later")
    assert list(notices(watcher.take(0)).values()) == [NoticeReason.ROOT_MISSING]
    write(tmp_path / "later" / "a.h5", age_s=60)
    clock.advance(100)
    assert files(watcher.take(0)) == ["a.h5"]


def test_a_folder_that_can_not_be_read_is_told_of_and_the_rest_goes_on(
    spool: Path, watch: Watch, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(spool / "closed" / "a.h5", age_s=60)
    write(spool / "open" / "b.h5", age_s=60)
    listing = os.scandir

    def refuse(path: str) -> object:  # the tests may run as root, whom no mode keeps out
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    watcher = watch()
    found = watcher.take(0)
    assert files(found) == ["open/b.h5"]
    [notice] = [item for item in found if isinstance(item, SpoolNotice)]
    assert notice.sentence == f"{spool}/closed can't be listed: Permission denied; check its rights"
    clock.advance(100)
    assert watcher.take(0) == []
    monkeypatch.undo()
    clock.advance(100)
    found = watcher.take(0)
    assert files(found) == ["closed/a.h5"]
    assert notices(found) == {"closed": NoticeReason.RETURNED}


def test_a_snapshot_that_is_gone_before_it_was_looked_at_is_told_of(spool: Path, watch: Watch) -> None:
    watcher = watch()
    settle_in(watcher)
    write(spool / "brief.h5").unlink()
    time.sleep(0.1)
    assert notices(wait_for(watcher)) == {"brief.h5": NoticeReason.VANISHED}


def test_of_two_files_of_one_identity_the_first_roots_counts(tmp_path: Path, watch: Watch, clock: ManualClock) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write(two / "a.h5", b"two", age_s=60)
    write(one / "a.h5", b"one", age_s=60)
    write(two / "b.h5", age_s=60)
    watcher = watch(one, two)
    found = watcher.take(0)
    assert [(item.root, item.relative) for item in found if isinstance(item, SpoolFile)] == [
        (one, "a.h5"),
        (two, "b.h5"),
    ]
    assert notices(found) == {f"{two}/a.h5": NoticeReason.SHADOWED}
    assert [notice.relative for notice in scan([one, two], clock)[1]] == [f"{two}/a.h5"]
    clock.advance(100)
    assert watcher.take(0) == []


def test_roots_that_make_no_sense_are_refused(tmp_path: Path, watch: Watch) -> None:
    file = write(tmp_path / "a.h5")
    for roots, words in [
        ((file,), "is no folder"),
        ((tmp_path, tmp_path / "below"), "lies in"),
        ((tmp_path, tmp_path), "lies in"),
    ]:
        with pytest.raises(FatalError, match=words):
            watch(*roots)
    with pytest.raises(FatalError, match="no folder to watch"):
        scan([], SystemClock())


def test_names_that_are_no_text_keep_a_printable_identity(spool: Path, watch: Watch) -> None:
    raw = os.fsencode(spool) + b"/caf\xe9.h5"
    write(Path(os.fsdecode(raw)), age_s=60)
    watcher = watch()
    [file] = watcher.take(0)
    assert isinstance(file, SpoolFile)
    assert file.relative == "caf\\xe9.h5"
    assert file.relative.encode()
    assert file.path.read_bytes() == b"data"


def test_a_waiting_take_is_woken(spool: Path, watch: Watch) -> None:
    watcher = watch(rescan_s=1e6)
    settle_in(watcher)
    began = time.monotonic()
    threading.Timer(0.1, watcher.wake).start()
    assert watcher.take(30) == []
    assert time.monotonic() - began < 5


def test_no_thread_is_left_behind(spool: Path, watch: Watch) -> None:
    before = set(threading.enumerate())
    watcher = watch()
    settle_in(watcher)
    watcher.stop()
    assert set(threading.enumerate()) <= before  # one of another test may have ended meanwhile
    assert watcher.take(0) == []


def test_many_folders_of_many_threads_are_all_seen(spool: Path, watch: Watch, clock: ManualClock) -> None:
    watcher = watch()
    settle_in(watcher)

    def record(number: int) -> None:
        for minute in range(20):
            write(spool / f"{number}Hz" / f"day-{minute % 3}" / f"{minute:02d}.h5")

    threads = [threading.Thread(target=record, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    found: list[str] = []
    for _ in range(50):
        found += files(watcher.take(0.05))
        clock.advance(2)
        if len(found) == 80 and not any(thread.is_alive() for thread in threads):
            break
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(
        f"{number}Hz/day-{minute % 3}/{minute:02d}.h5" for number in range(4) for minute in range(20)
    )


def test_a_wild_time_of_change_fits_into_64_bits(spool: Path) -> None:
    path = spool / "x.h5"
    path.touch()
    os.utime(path, (13_569_465_600, 13_569_465_600))  # the year 2400
    [file], _ = scan([spool], SystemClock())
    assert file.mtime_ns == 2**63 - 1


def test_scan_lists_once_and_in_order(spool: Path, tmp_path: Path) -> None:
    for folder, minute in (("b", 1), ("a", 2), ("a", 1)):
        write(spool / folder / NAME.format(minute))
    write(spool / "2022-06-30.h5")
    write(spool / "odd.h5", b"")
    write(spool / "note.txt")
    found, left = scan([spool], SystemClock())
    assert [file.relative for file in found] == [
        "2022-06-30.h5",
        f"a/{NAME.format(1)}",
        f"b/{NAME.format(1)}",
        f"a/{NAME.format(2)}",
        "odd.h5",
    ]
    assert [(notice.relative, notice.reason) for notice in left] == [("note.txt", NoticeReason.NOT_HDF5_NAME)]
    [missing] = scan([tmp_path / "nowhere"], SystemClock())[1]
    assert missing.reason is NoticeReason.ROOT_MISSING


@pytest.mark.parametrize(
    "wrong", [{"settle_s": -1}, {"settle_s": 9, "settle_empty_s": 8}, {"rescan_s": 0}, {"queue_files": 0}]
)
def test_settings_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"more|least"):
        SpoolSettings(**wrong)  # type: ignore[arg-type]
