"""A watch of its own that goes through a facility's snapshots behind the recorder, and sends nothing out.

Agents and a watch give the same results bit for bit: the states of its stages are those that the agents had.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from connectors.clock import Clock
from connectors.evidence_store import EVIDENCE
from connectors.model_files import install_model, installed_name, kept_model, load_model
from connectors.spool_listing import SpoolFile
from connectors.state.database import DATABASE_NAME
from connectors.state.directory import StateDirectory
from connectors.state.file_changes import ChangedVersion
from connectors.state.file_progress import FileProgress
from connectors.state.reader import StateReader
from connectors.state.stage_moment import StageMoment
from models.errors import RetryableError
from models.event_time import HOUR_NS, SECOND_NS
from models.records import SourceReference
from streams.archive.settings import ArchiveSettings
from streams.following.followed_baselines import FollowedBaselines
from streams.series_progress import series_of
from streams.settings import Settings
from streams.watch import Watch, open_watch

# As far as the clocks of a recorder and of this computer may be apart.
_CLOCKS_APART_NS = HOUR_NS


class FollowingWatch:
    """Holds its state directory from the first snapshot on until it is let go; for one thread.

    Parameters
    ----------
    directory
        Of its own; made when there is none.
    recorder
        The state directory of the facility, which is only read.
    """

    def __init__(
        self, directory: Path, recorder: Path, settings: Settings, *, clock: Clock, tell: Callable[[str], None]
    ) -> None:
        self.directory = directory
        self._recorder = recorder
        self._first_model = settings.worker.model
        self._settings = settings.telling_only().model_copy(update={"archive": ArchiveSettings()})
        self._clock = clock
        self._tell = tell
        self._baselines = FollowedBaselines(recorder, directory)
        self._opened = ExitStack()
        self._watch: Watch | None = None
        # By series, the end of its last snapshot, as long as its devices are waited for.
        self._ends_ns: dict[str, int] = {}

    def moment(self) -> StageMoment | None:
        """How it stands; None before its first record."""
        if not (self.directory / DATABASE_NAME).is_file():
            return None
        with StateReader.open(self.directory) as reader:
            return reader.stage_moment()

    def due(self, versions: Iterable[ChangedVersion]) -> list[ChangedVersion]:
        """Those of some versions that it has not gone through, and would not refuse.

        Without what replaces a snapshot: no stage learns from it.

        Raises
        ------
        FatalError
            What opening a watch raises; ``state_in_use`` when another process goes through them, too.
        """
        first, now_ns = dict[str, ChangedVersion](), self._clock.now_ns()
        for version in versions:
            if not is_in_the_future(version, now_ns):
                first.setdefault(version.path, version)
        self._take()
        with FileProgress.open(self.directory) as known:
            unfinished = known.unfinished(first.values())
            return [each for each in first.values() if each.path in unfinished and not _replaces(each, known)]

    def process(self, versions: Sequence[ChangedVersion], places: Mapping[str, Path]) -> None:
        """Go through versions that are due, in their order.

        Parameters
        ----------
        places
            Where they lie on this computer, by their SHA-256; each ends with the path below the watched root.

        Raises
        ------
        RetryableError
            ``storage``: one of them can't be read now.
        """
        if self._baselines.take_over(versions):
            self.close()  # opened anew, it asks for all of them
        watch = self._take()
        files: list[SpoolFile] = []
        for version in versions:
            silent = self._silent_before(version)
            if silent:
                watch.go_on_with(files)
                files = []
                watch.silence(silent)
            files.append(self._spool_file(version, places[version.sha256]))
        watch.go_on_with(files)
        with StateReader.open(self.directory) as known:
            for version in versions:
                if known.account(SourceReference(file=version.path, sha256=version.sha256)) is None:
                    raise RetryableError(
                        f"{places[version.sha256]} can't be read now; look at its disk", reason="storage"
                    )

    def forget(self, before_ns: int) -> None:
        """Remove rows and evidence, which nobody asks for again; it must have been let go."""
        with StateDirectory.open(self.directory) as state:
            state.forget_rows(before_ns)
        shutil.rmtree(self.directory / EVIDENCE, ignore_errors=True)

    def stop(self) -> None:
        """Let ``process`` return in the middle of a snapshot, and wait for no disk."""
        if self._watch is not None:
            self._watch.stop()

    def close(self) -> None:
        """Let the directory go; it goes on from there the next time."""
        self._watch = None
        self._opened.close()

    def _take(self) -> Watch:
        """The watch, with the model that the facility uses now."""
        promoted = installed_name(self._recorder)
        if promoted and promoted != installed_name(self.directory):
            self.close()
            install_model(self.directory, kept_model(self._recorder, promoted))
        elif self._first_model is not None and not installed_name(self.directory):
            install_model(self.directory, load_model(self._first_model))
        if self._watch is None:
            moment = self.moment()
            self._ends_ns = {} if moment is None else {file.series: file.last_ns or 0 for file in moment.files}
            self._watch = self._opened.enter_context(
                open_watch([], self.directory, self._settings, clock=self._clock, tell=self._tell)
            )
        return self._watch

    def _silent_before(self, version: ChangedVersion) -> list[str]:
        """The series that have delivered nothing for too long when this snapshot comes, by event time."""
        if version.first_ns is None or version.last_ns is None:
            return []
        limit_ns = version.first_ns - round(self._settings.silence_after_s * SECOND_NS)
        silent = sorted(series for series, end_ns in self._ends_ns.items() if end_ns < limit_ns)
        for series in silent:
            del self._ends_ns[series]
        self._ends_ns[series_of(version.path)] = version.last_ns
        return silent

    def _spool_file(self, version: ChangedVersion, place: Path) -> SpoolFile:
        return SpoolFile(
            root=place.parents[version.path.count("/")],
            path=place,
            relative=version.path,
            size=version.size_bytes,
            mtime_ns=version.mtime_ns,
            closed_ns=self._clock.now_ns(),
        )


def is_in_the_future(version: ChangedVersion, now_ns: int) -> bool:
    """Whether a watch refuses it (``in_the_future``): it says nothing about the time then."""
    return version.first_ns is not None and version.first_ns > now_ns + _CLOCKS_APART_NS


def _replaces(version: ChangedVersion, known: StateReader) -> bool:
    counted = known.counted_file(version.path)
    return counted is not None and counted.sha256 != version.sha256
