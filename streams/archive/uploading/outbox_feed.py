"""Follows a state directory: what is new or known better there is put into the outbox of the archive."""

from dataclasses import replace
from pathlib import Path

from connectors.archive.outbox import ArchiveOutbox
from connectors.archive.outbox_lines import Position
from connectors.clock import Clock
from connectors.state.file_changes import ChangedFiles, ChangedVersion
from streams.agents.recorder import RECORDER_KEY
from streams.archive.places import require_apart
from streams.archive.uploading.waiting_file import WaitingFile

#: Versions that are taken over at once.
PAGE = 500


class OutboxFeed:
    """Reads the state directory of a watch, or the journal of a connector, and changes nothing there.

    Parameters
    ----------
    target
        The store that the files are to go to: with another one all of them are followed anew.
    """

    def __init__(self, state: Path, outbox: ArchiveOutbox, clock: Clock, *, target: str) -> None:
        self._state = state
        self._outbox = outbox
        self._clock = clock
        self._target = target
        self._reader: ChangedFiles | None = None
        self._source = ""
        self._position = Position()
        self._is_checked = False

    def follow(self) -> bool:
        """Take over the next versions; whether there were any.

        The snapshots of a facility lie on its recorder computers, where the connectors archive them: there are none in
        the directory of its recorder.

        Raises
        ------
        FatalError
            The state directory is missing, damaged or too new; ``archive_store_refused``: files come out of the store.
        RetryableError
            A disk is full or busy.
        """
        reader = self._opened()
        if RECORDER_KEY in reader.state_keys():
            return False
        end = reader.changes_end()
        if f"{end.identity} {self._target}" != self._source:
            self._source = f"{end.identity} {self._target}"
            self._position = self._outbox.position(self._source)
            # A watch may have brought the directory to its own format: what this reader reads is another table then.
            self.close()
            reader = self._opened()
        if end.number < self._position.number or not self._is_behind(reader):
            self._position = Position()
        changes = reader.file_versions_after(self._position.number, PAGE)
        if not changes:
            return False
        # First theirs, then what is remembered of them: a power failure may undo what only the system has.
        reader.make_durable()
        self._take_over(changes)
        return True

    def follow_anew(self) -> None:
        """Take over all versions once more, as if each had just changed: the catalog is asked whether it has them."""
        position = replace(self._position, number=0)
        self._outbox.follow(self._source, position, [], [], self._clock.now_ns())
        self._position = position

    def close(self) -> None:
        """Let the state directory go."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _opened(self) -> ChangedFiles:
        """The directory that lies there now; one that was removed is not read for ever."""
        if self._reader is not None and self._reader.is_replaced():
            self.close()
        if self._reader is None:
            self._reader, self._is_checked = ChangedFiles.open(self._state), False
        return self._reader

    def _is_behind(self, reader: ChangedFiles) -> bool:
        """Whether this is the directory that was followed, or an earlier copy that has grown otherwise."""
        if not self._is_checked:
            known = self._position
            self._is_checked = not known.version or reader.content_of(known.version) == known.content
        return self._is_checked

    def _take_over(self, changes: list[ChangedVersion]) -> None:
        known_version = self._position.version
        require_apart(self._target, {Path(change.root) for change in changes if change.root})
        waiting = [(change, WaitingFile.of_change(change)) for change in changes]
        lines = [file.line() for change, file in waiting if file is not None and change.version > known_version]
        updates = [file.line() for change, file in waiting if file is not None and change.version <= known_version]
        newest = max(changes, key=lambda change: change.version)
        position = replace(self._position, number=changes[-1].number)
        if newest.version > known_version:
            position = replace(position, version=newest.version, content=newest.content)
        self._outbox.follow(self._source, position, lines, updates, self._clock.now_ns())
        self._position = position
