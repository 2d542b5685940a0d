"""Where the snapshots of a stretch are known from: a state directory, the catalog, or a folder that was restored."""

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from pathlib import Path, PurePosixPath
from typing import Protocol

from connectors.catalog.catalog import Catalog
from connectors.spool_listing import relative_name, walk, why_ignored
from connectors.state.reader import StateReader
from models.archive.archived_file import ArchivedFile, file_id
from models.archive.file_query import FileQuery
from models.archive.keys import archive_key
from models.errors import RecordError
from models.event_time import DAY_NS, HOUR_NS
from models.snapshot_names import midnight_ns, parse_snapshot_name
from models.snapshot_sequence import snapshot_end_ns, snapshot_order, snapshot_start_ns
from streams.archive.known_versions import archived_version
from streams.archive.states.stage_states import archivable_files, archived_state_file, is_state_key, position_of_key

# So far back a state is looked for, step by step: most are an hour old.
_LOOK_BACK_NS = (2 * HOUR_NS, 26 * HOUR_NS, 32 * DAY_NS)


class ReplaySource(Protocol):
    """What is known of an archived stretch; event times are ns since 1970."""

    def snapshots(self, from_ns: int, to_ns: int) -> list[ArchivedFile]:
        """The files with records from the one on and before the other, of each path the version that counts.

        Files without a record that can be read are among them when their names say that they begin in the stretch.
        """
        ...

    def states(self, until_ns: int) -> list[ArchivedFile]:
        """Archived states with no record at or after a time, the latest first."""
        ...

    def file(self, key: str, sha256: str) -> ArchivedFile | None:
        """The archived file of this content."""
        ...


class StateSource:
    """What a watch knows, and what still lies in its archive's folder."""

    def __init__(self, state: StateReader, folder: Path, zone: tzinfo) -> None:
        self._state = state
        self._folder = folder
        self._zone = zone

    def snapshots(self, from_ns: int, to_ns: int) -> list[ArchivedFile]:
        """The files with records in a stretch."""
        found = [archived_version(record) for record in self._state.files_between(from_ns, to_ns)]
        unreadable = map(archived_version, self._state.unreadable_files())
        return found + [file for file in unreadable if _begins_in(file, from_ns, to_ns, self._zone)]

    def states(self, until_ns: int) -> list[ArchivedFile]:
        """Archived states that are still there."""
        return _states(archivable_files(self._folder), until_ns)

    def file(self, key: str, sha256: str) -> ArchivedFile | None:
        """An archived model that is still there."""
        return _file_below(self._folder, key, sha256)


class CatalogSource:
    """What the catalog knows."""

    def __init__(self, catalog: Catalog, zone: tzinfo) -> None:
        self._catalog = catalog
        self._zone = zone

    def snapshots(self, from_ns: int, to_ns: int) -> list[ArchivedFile]:
        """The files with records in a stretch."""
        found = self._catalog.find_files(FileQuery(from_ns=from_ns, to_ns=to_ns, latest_only=True))
        readable = [file for file in found if file.first_ns is not None and not is_state_key(file.key)]
        # They stand at the midnight of their day, in UTC.
        query = FileQuery(from_ns=from_ns - 2 * DAY_NS, to_ns=to_ns + DAY_NS, valid=False, latest_only=True)
        unreadable = [file for file in self._catalog.find_files(query) if file.first_ns is None]
        return readable + [file for file in unreadable if _begins_in(file, from_ns, to_ns, self._zone)]

    def states(self, until_ns: int) -> list[ArchivedFile]:
        """Archived states."""
        for back_ns in _LOOK_BACK_NS:
            query = FileQuery(from_ns=until_ns - back_ns, to_ns=until_ns + 1)
            found = _states(self._catalog.find_files(query), until_ns)
            if found:
                return found
        return []

    def file(self, key: str, sha256: str) -> ArchivedFile | None:
        """The archived file of this content."""
        return self._catalog.file(file_id(key, sha256))


class FolderSource:
    """A folder into which files were restored, or that somebody put together; nothing else is known of them."""

    def __init__(self, folder: Path, zone: tzinfo) -> None:
        self._folder = folder
        self._zone = zone

    def snapshots(self, from_ns: int, to_ns: int) -> list[ArchivedFile]:
        """The files whose names say that they are of this stretch; their contents are not looked at."""
        found = []
        for entry in walk(str(self._folder), lambda _: None):
            if entry.status is None or why_ignored(Path(entry.path).name, entry.status) is not None:
                continue
            relative = relative_name(self._folder, entry.path)
            times = _times_in_name(relative, self._zone)
            if times is not None and times[0] < to_ns and times[1] > from_ns:
                found.append(
                    ArchivedFile(
                        key=archive_key(relative),
                        path=relative,
                        root=str(self._folder),
                        sha256="",
                        size_bytes=entry.status.st_size,
                        mtime_ns=entry.status.st_mtime_ns,
                        first_ns=times[0],
                        last_ns=times[1] - 1,
                    )
                )
        return found

    def states(self, until_ns: int) -> list[ArchivedFile]:
        """Archived states that were restored, too."""
        return _states(archivable_files(self._folder), until_ns)

    def file(self, key: str, sha256: str) -> ArchivedFile | None:
        """An archived model that was restored, too."""
        return _file_below(self._folder, key, sha256)


class JoinedSource:
    """Several sources as one: of what two of them know, the first one's word counts."""

    def __init__(self, sources: Sequence[ReplaySource]) -> None:
        self._sources = sources

    def snapshots(self, from_ns: int, to_ns: int) -> list[ArchivedFile]:
        """Of each path one version, in the order in which snapshots are processed."""
        by_path: dict[str, ArchivedFile] = {}
        for source in self._sources:
            for file in source.snapshots(from_ns, to_ns):
                by_path.setdefault(file.path, file)
        return sorted(by_path.values(), key=lambda file: snapshot_order(file.path))

    def states(self, until_ns: int) -> list[ArchivedFile]:
        """All, the latest first."""
        found = {file.id: file for source in reversed(self._sources) for file in source.states(until_ns)}
        return sorted(found.values(), key=lambda file: (file.last_ns or 0, file.id), reverse=True)

    def file(self, key: str, sha256: str) -> ArchivedFile | None:
        """The first that has it."""
        found = (source.file(key, sha256) for source in self._sources)
        return next((file for file in found if file is not None), None)


def start_in_name(file: ArchivedFile, zone: tzinfo) -> int | None:
    """When a snapshot begins, as its name says, ns since 1970; None when it says nothing."""
    times = _times_in_name(file.path, zone)
    return None if times is None else times[0]


def _begins_in(file: ArchivedFile, from_ns: int, to_ns: int, zone: tzinfo) -> bool:
    start_ns = start_in_name(file, zone)
    return start_ns is not None and from_ns <= start_ns < to_ns


def _states(files: Iterable[ArchivedFile], until_ns: int) -> list[ArchivedFile]:
    found = [file for file in files if (position_of_key(file.key) or until_ns + 1) <= until_ns]
    return sorted(found, key=lambda file: (file.last_ns or 0, file.id), reverse=True)


def _file_below(folder: Path, key: str, sha256: str) -> ArchivedFile | None:
    path = folder / key
    if not path.is_file():
        return None
    file = archived_state_file(path, folder)
    return file if file.sha256 == sha256 else None


def _times_in_name(relative: str, zone: tzinfo) -> tuple[int, int] | None:
    """When a snapshot begins and ends at the latest, as its name says; None when it says nothing."""
    try:
        name = parse_snapshot_name(PurePosixPath(relative))
    except RecordError:
        return None
    start_ns = snapshot_start_ns(name, zone)
    if start_ns is None:
        start_ns = midnight_ns(name.date, zone)
    end_ns = snapshot_end_ns(name, zone)
    return start_ns, start_ns + DAY_NS if end_ns is None else end_ns
