"""The hourly states of a facility's stages: computed once more behind the recorder, and compared with what it found."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

from connectors.clock import Clock
from connectors.disk_failures import disk_failures
from connectors.state.file_changes import ChangedVersion
from connectors.state.file_progress import FileProgress
from connectors.state.reader import StateReader
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError, RetryableError
from models.event_time import SECOND_NS, format_iso
from streams.archive.known_versions import archived_version
from streams.archive.opened_archive import OpenedArchive
from streams.archive.own_files import own_content
from streams.archive.restoring.restore_sources import RestoreSources
from streams.archive.states.following_progress import FOLLOWING, FollowingProgress
from streams.archive.states.stage_states import write_moment
from streams.deciding import is_of_facility
from streams.following.finished_files import finished_files
from streams.following.following_watch import FollowingWatch, is_in_the_future
from streams.following.lost_snapshots import lost_snapshots
from streams.following.stretch_comparison import stretch_differences
from streams.replay.places import ReplayFiles

_STATE, _FILES = "state", "files"
_AT_ONCE = 16
_LOOK_S, _AGAIN_S = 10.0, 30.0
# The reason of a snapshot that can't be had now: it may not be in the store yet.
_MISSING = "replay_missing"


class FacilityStates:
    """Goes on from turn to turn; whatever is killed goes on where it stood. For one thread.

    Parameters
    ----------
    recorder
        The state directory of the facility.
    from_ns
        Of a beginning: earlier snapshots are left out, and all devices learn from here on.
    tell
        Called with a sentence about something that an operator should know.

    Raises
    ------
    FatalError
        ``configuration``: no states are wanted, or this is no facility's directory.
    """

    def __init__(
        self, archive: OpenedArchive, recorder: Path, *, clock: Clock, tell: Callable[[str], None], from_ns: int = 0
    ) -> None:
        settings = archive.settings
        if not settings.archive.state_every_s:
            raise FatalError("archive.state_every_s is 0: no states are wanted", reason="configuration")
        if not is_of_facility(recorder):
            raise FatalError(
                f"{recorder} is no directory of a facility's recorder; a watch archives its states itself",
                reason="configuration",
            )
        folder = archive.folder / FOLLOWING
        self._archive = archive
        self._recorder = recorder
        self._clock = clock
        self._tell = tell
        self._told_lost: set[str] = set()
        self._stop = Event()
        self._every_ns = round(settings.archive.state_every_s * SECOND_NS)
        self._progress = FollowingProgress.read(folder, from_ns)
        self._fetched = folder / _FILES
        self._files = ReplayFiles(copies=RestoreSources.of(archive), wait_s=0.0, tell=tell)
        self._watch = FollowingWatch(folder / _STATE, recorder, settings, clock=clock, tell=tell)
        moment = self._watch.moment()
        # Of the stretch in which it stopped, the states were archived when that began.
        self._stretch = None if moment is None else moment.position_ns // self._every_ns

    def run(self, *, once: bool = False) -> None:
        """Go on until ``stop`` is called; with ``once`` no longer than there is something to do now.

        Raises
        ------
        FatalError, RetryableError
            What ``turn`` raises, as far as it is not waited out.
        """
        told = ""
        while not self._stop.is_set():
            try:
                moved = self.turn()
            except (RetryableError, FatalError) as error:
                if self._stop.is_set():
                    return
                if once or (isinstance(error, FatalError) and error.reason != _MISSING):
                    raise
                if str(error) != told:
                    told = str(error)
                    self._tell(f"{error}; it is tried again, and no states are archived meanwhile")
                self._stop.wait(_AGAIN_S)
                continue
            told = ""
            if not moved:
                if once:
                    return
                self._stop.wait(_LOOK_S)

    def stop(self) -> None:
        """End ``run`` within a moment; what is half done is done anew. For a signal handler, or another thread."""
        self._stop.set()
        self._watch.stop()

    def turn(self) -> bool:
        """Go through the next snapshots that the recorder has finished; whether there were any.

        Raises
        ------
        FatalError
            ``replay_missing``: one of them can't be had now, and may come yet; what a watch raises.
        RetryableError
            A disk is full, a server away.
        """
        with disk_failures(self._archive.folder):
            return self._turn()

    @property
    def different(self) -> int:
        """How many stretches did not give what the recorder has."""
        return self._progress.different

    def close(self) -> None:
        """Let everything go."""
        self._watch.close()

    def _turn(self) -> bool:
        with FileProgress.open(self._recorder) as reader:
            self._progress.follow(reader.changes_end())
            versions, number = finished_files(reader, self._progress.number, self._progress.from_ns)
            reader.make_durable()  # a number that is remembered is never another snapshot's
        versions, rest = versions[:_AT_ONCE], versions[_AT_ONCE:]
        begun = self._begun(versions)
        if versions and not begun:
            self._end_stretch(versions[0])
            begun = self._begun(versions)
        if begun < len(versions) or rest:
            number = versions[begun - 1].number
            versions = versions[:begun]
        self._go_through(versions)
        if self._stop.is_set():
            return False  # it may have ended in the middle of them
        return self._progress.went_to(number, versions)

    def _begun(self, versions: Sequence[ChangedVersion]) -> int:
        """How many of them come before the first of a new stretch."""
        now_ns = self._clock.now_ns()
        for place, version in enumerate(versions):
            if version.first_ns is None or is_in_the_future(version, now_ns):
                continue
            stretch = version.first_ns // self._every_ns
            if self._stretch is None:
                self._stretch = stretch
            if stretch > self._stretch:
                return place
        return len(versions)

    def _end_stretch(self, following: ChangedVersion) -> None:
        """Archive the states before the first snapshot of a stretch, and compare what has settled since."""
        self._watch.close()
        moment, settings = self._watch.moment(), self._archive.settings
        stretch = (following.first_ns or 0) // self._every_ns
        if moment is not None and self._stretch is not None:
            write_moment(moment, self._watch.directory, self._archive.folder, settings)
            stands_ns = min(moment.position_ns, following.first_ns or 0)
            self._compare(stands_ns - self._progress.longest_ns - self._every_ns, moment.pending)
        self._stretch = stretch

    def _go_through(self, versions: Sequence[ChangedVersion]) -> None:
        due = self._watch.due(versions)
        if not due:
            return
        try:
            places = self._places(due)
        except FatalError as error:
            lost = self._lost(due) if error.reason == _MISSING else []
            if not lost:
                raise
            self._go_through([version for version in versions if version not in lost])
            return
        self._watch.process(due, places)
        shutil.rmtree(self._fetched, ignore_errors=True)

    def _lost(self, due: Sequence[ChangedVersion]) -> list[ChangedVersion]:
        """Those that nobody can have any more; they are told once."""
        own = self._own_places([archived_version(version) for version in due])
        elsewhere = [version for version in due if version.sha256 not in own]
        with StateReader.open(self._recorder) as recorder:
            lost = lost_snapshots(elsewhere, recorder, self._archive.catalog, self._clock.now_ns())
        new = [version.path for version in lost if version.content not in self._told_lost]
        self._told_lost = {version.content for version in lost}
        if new:
            others = f" and {len(new) - 1} more" if len(new) > 1 else ""
            self._tell(
                f"{new[0]}{others} can't be had any more: replaced or removed before it was archived; the states go on "
                "without, and its hour is compared without"
            )
        return lost

    def _places(self, versions: Sequence[ChangedVersion]) -> dict[str, Path]:
        """Where contents lie, by their SHA-256: the recorders' own files, else what the archive gives."""
        files = [archived_version(version) for version in versions]
        own = self._own_places(files)
        # Without its root another file is not looked for where that one lies.
        fetched = [replace(file, root="") for file in files if file.sha256 not in own]
        places = self._files.fetch(fetched, self._fetched)
        return own | {file.sha256: places[file.id] for file in fetched}

    def _own_places(self, files: Sequence[ArchivedFile]) -> dict[str, Path]:
        """Where the recorders' own files lie that are still what they were, by their SHA-256."""
        return {file.sha256: place for file in files if (place := own_content(file)) is not None}

    def _compare(self, until_ns: int, pending: Iterable[tuple[str, str, int]]) -> None:
        """Compare the stretches that were not compared yet, and let their rows go.

        Parameters
        ----------
        until_ns
            No snapshot that begins before is still to come.
        pending
            Of these snapshots records wait in the joins.
        """
        with StateReader.open(self._watch.directory) as found, StateReader.open(self._recorder) as expected:
            for path, _, _ in pending:
                file = found.counted_file(path)
                if file is not None and file.first_ns is not None:
                    until_ns = min(until_ns, file.first_ns)
            until_ns -= until_ns % self._every_ns
            since_ns = self._progress.compared_ns
            # Also what was passed over: it lies in the one directory only.
            for stretch in sorted(
                self._stretches(found, since_ns, until_ns) | self._stretches(expected, since_ns, until_ns)
            ):
                from_ns, to_ns = stretch * self._every_ns, (stretch + 1) * self._every_ns
                differences = stretch_differences(found, expected, from_ns, to_ns)
                self._progress.compared(from_ns, to_ns, differences)
                if differences:
                    self._tell(
                        f"what the archived snapshots give from {format_iso(from_ns)} to {format_iso(to_ns)} is not "
                        f"what the recorder has: {'; '.join(differences)}"
                    )
        self._watch.forget(until_ns)

    def _stretches(self, found: StateReader, since_ns: int, until_ns: int) -> set[int]:
        """Those of which there are records."""
        every_ns = self._every_ns
        begin = -(-since_ns // every_ns)  # not the one in the middle of which all began
        touched: set[int] = set()
        for file in found.files_between(since_ns, until_ns) if since_ns < until_ns else ():
            first_ns, last_ns = file.first_ns or 0, min(file.last_ns or 0, until_ns - 1)
            touched.update(range(max(first_ns // every_ns, begin), last_ns // every_ns + 1))
        return touched
