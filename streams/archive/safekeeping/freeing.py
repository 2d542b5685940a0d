"""Removes recorders' files that are safe to delete, the oldest first, until their file systems have room."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.archive.opening import folder_of
from connectors.catalog.batches import batches
from connectors.removable_file import RemovableFile, removable_file
from connectors.state.commit import FileStatus
from connectors.state.file_changes import ChangedVersion
from connectors.state.file_progress import FileProgress
from models.archive.archived_file import file_id
from models.archive.copies import KnownCopies
from models.archive.keys import archive_key
from models.archive.safety import Obstacle, SafetyRule, WhyNot, obstacles
from models.errors import FatalError, RecordError, RetryableError
from streams.archive.cataloguing.known_copies import known_copies
from streams.archive.opened_archive import OpenedArchive
from streams.archive.own_files import local_file

_PAGE = 2000
_TOGETHER = 200  # files that the catalog is asked about in one go


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of a file.

    Attributes
    ----------
    path
        Where it is, or was.
    why_not
        What keeps it; empty when it was removed, or would be.
    """

    path: Path
    size_bytes: int
    why_not: tuple[Obstacle, ...] = ()


def safety_rule(archive: OpenedArchive) -> SafetyRule:
    """Which copies the settings want of a file before it may go.

    Raises
    ------
    FatalError
        ``no_copies_wanted``: neither a store nor tape is configured.
    """
    settings = archive.settings
    store = "" if archive.store is None or settings.archive.free_store else archive.store.address
    if not settings.tape.copies and not store:
        raise FatalError(
            "the settings want neither a copy in a store nor copies on tape, so nothing is safe to delete; give "
            "archive.store, or tape.copies",
            reason="no_copies_wanted",
        )
    return SafetyRule(store=store, tape_copies=settings.tape.copies)


class Freeing:
    """Removes files of one watch or connector.

    Parameters
    ----------
    files
        Its state directory: which files it has read, and which it has finished with.
    to_percent
        A file system that is as full as this, or less, has room.
    dry
        Decide, and remove nothing.
    """

    def __init__(self, archive: OpenedArchive, files: FileProgress, *, to_percent: float, dry: bool = False) -> None:
        self._archive = archive
        self._files = files
        self._rule = safety_rule(archive)
        self._to_percent = to_percent
        self._dry = dry
        self._freed: dict[int, int] = {}

    def run(self, decided: Callable[[Decision], None]) -> bool:
        """Go through the files, the oldest first; whether every file system that is there has room in the end.

        A file that its watch is in the middle of, or has not decided all records of, is never removed; nor one of
        which any proof is missing at the very moment.

        Parameters
        ----------
        decided
            Called with what became of each file that was looked at.

        Raises
        ------
        RetryableError
            The catalog or the store is away: what is not decided yet stays.
        FatalError
            What catalog, store and state directory raise.
        """
        by_age, folders = self._by_age()
        for numbers in batches(by_age, _TOGETHER):
            there: list[tuple[ChangedVersion, Path]] = []
            away: list[ChangedVersion] = []
            for version in self._versions(numbers):
                with suppress(RecordError):  # gone meanwhile
                    path = _place(version)
                    if path is None:
                        away.append(version)
                    else:
                        there.append((version, path))
            folders.update(path.parent for _, path in there)
            self._free([(version, path) for version, path in there if not self._has_room(path.parent)], decided)
            self._tell_away(away, decided)
        return all(self._has_room(folder) for folder in folders)

    def _by_age(self) -> tuple[list[int], set[Path]]:
        """Numbers of the latest versions of files that lie in the watched folders now, or whose folder is away.

        Nothing else is held of each file, and of those that are gone the watched folder alone: they are more from year
        to year, and a disk from which all were removed may be full all the same.
        """
        latest: dict[str, tuple[int, int, int]] = {}
        folders = set[Path]()
        number = 0
        while page := self._files.file_versions_after(number, _PAGE):
            number = page[-1].number
            for version in page:
                known = latest.get(version.path)
                if version.root and (known is None or known[-1] < version.version):
                    try:
                        _place(version)
                    except RecordError:
                        folders.add(Path(version.root))
                    else:
                        time_ns = version.first_ns or version.mtime_ns
                        latest[version.path] = time_ns, version.number, version.version
        by_age = sorted(latest, key=lambda path: (latest[path][0], path))
        return [latest[path][1] for path in by_age], folders

    def _versions(self, numbers: Iterable[int]) -> Iterator[ChangedVersion]:
        """The versions of these changes; one that has changed since is left for the next time."""
        for number in numbers:
            for version in self._files.file_versions_after(number - 1, 1):
                # What is no snapshot is not archived, and nobody looks at it here.
                if version.number == number and version.status is not FileStatus.IGNORED:
                    yield version

    def _free(self, waiting: list[tuple[ChangedVersion, Path]], decided: Callable[[Decision], None]) -> None:
        unfinished = self._files.unfinished(version for version, _ in waiting)
        waiting = [(_hashed(version, path), path) for version, path in waiting]
        # What was read of the state directory survives a power failure: no watch wants these files again.
        self._files.make_durable()
        known = known_copies(self._archive.catalog, [_id(version) for version, _ in waiting])
        for version, path in waiting:
            if not self._has_room(path.parent):
                decided(self._decide(version, path, known[_id(version)], unfinished))

    def _tell_away(self, away: list[ChangedVersion], decided: Callable[[Decision], None]) -> None:
        """Tell of files that nobody can look at now; of what was freed once and is safe nothing is to be told."""
        away = [version for version in away if version.sha256]
        known = known_copies(self._archive.catalog, [_id(version) for version in away]) if away else {}
        for version in away:
            if missing := obstacles(known[_id(version)], self._rule):
                path = Path(version.root) / version.path
                decided(Decision(path=path, size_bytes=version.size_bytes, why_not=(_AWAY, *missing)))

    def _decide(self, version: ChangedVersion, path: Path, known: KnownCopies, unfinished: set[str]) -> Decision:
        why_not = _UNFINISHED if version.path in unfinished else tuple(obstacles(known, self._rule))
        size_bytes = version.size_bytes
        if not why_not:
            device = path.parent.stat().st_dev
            why_not = self._remove(version, path)
            if not why_not and self._dry:
                self._freed[device] = self._freed.get(device, 0) + size_bytes
        return Decision(path=path, size_bytes=size_bytes, why_not=why_not)

    def _remove(self, version: ChangedVersion, path: Path) -> tuple[Obstacle, ...]:
        """Remove a file whose copies seemed enough; why not, if they or the file itself are not as they should be."""
        root = Path(version.root)
        try:
            with removable_file(root, path.relative_to(root).as_posix()) as file:
                # As late as can be: only with the file in hand catalog and store are asked for their last word.
                why_not = self._overlap(path, version) or _differences(file, version) or self._missing_proofs(version)
                if not why_not and not self._dry:
                    file.remove()
        except RecordError as error:
            why_not = (Obstacle(why=WhyNot(error.reason), sentence=str(error)),)
        except OSError as error:
            why_not = _changed(f"it can't be read or removed ({error.strerror or error})")
        return why_not

    def _overlap(self, path: Path, version: ChangedVersion) -> tuple[Obstacle, ...]:
        """Whether the file is the one that the store itself holds: the watched folder and the store's overlap."""
        store = self._archive.store
        folder = folder_of(store.address) if store is not None else None
        if folder is None:
            return ()
        kept = folder / archive_key(version.path)
        if path.resolve().is_relative_to(folder.resolve()) or (kept.exists() and path.samefile(kept)):
            sentence = f"it is the copy in {folder}, which is the archive's store; watch another folder"
            return (Obstacle(why=WhyNot.NOT_OURS, sentence=sentence),)
        return ()

    def _missing_proofs(self, version: ChangedVersion) -> tuple[Obstacle, ...]:
        id_ = _id(version)
        known = known_copies(self._archive.catalog, [id_])[id_]
        why_not = obstacles(known, self._rule)
        store = self._archive.store
        if why_not or store is None or not self._rule.store:
            return tuple(why_not)
        kept = {
            each.version
            for each in store.versions(archive_key(version.path))
            if (each.sha256, each.size_bytes) == (version.sha256, version.size_bytes)  # a content may be cut off
        }
        if not any(copy.version in kept for copy in known.store_copies if copy.store == store.address):
            sentence = f"{store.address} does not have the version any more that the catalog names"
            return (Obstacle(why=WhyNot.NO_STORE_COPY, sentence=sentence),)
        return ()

    def _has_room(self, folder: Path) -> bool:
        """Whether the file system of a folder is not fuller than it may be; nothing is to be freed where none is."""
        try:
            space = os.statvfs(folder)
            freed = self._freed.get(folder.stat().st_dev, 0) / space.f_frsize
        except FileNotFoundError:  # removed meanwhile, with all that was in it
            return True
        used = space.f_blocks - space.f_bfree - freed
        # As df counts: what only root may use is neither used nor available.
        return 100 * used <= self._to_percent * (used + space.f_bavail + freed)


def _id(version: ChangedVersion) -> str:
    return file_id(archive_key(version.path), version.sha256)


def _hashed(version: ChangedVersion, path: Path) -> ChangedVersion:
    """With the content's SHA-256 also where the watch refused the file unread: it is archived by that all the same."""
    if version.sha256:
        return version
    root = Path(version.root)
    with suppress(RecordError, OSError), removable_file(root, path.relative_to(root).as_posix()) as file:
        return replace(version, sha256=file.sha256())
    return version


def _place(version: ChangedVersion) -> Path | None:
    """Where a file lies; None when its folder is away.

    Raises
    ------
    RecordError
        ``file_gone``.
    """
    try:
        return local_file(version.root, version.path)
    except RetryableError:
        return None


_AWAY = Obstacle(
    why=WhyNot.FOLDER_AWAY, sentence="its folder is missing or empty, mount it; its copies would not be enough"
)
_UNFINISHED = (Obstacle(why=WhyNot.UNFINISHED, sentence="the watch or the connector has not finished with it"),)


def _differences(file: RemovableFile, version: ChangedVersion) -> tuple[Obstacle, ...]:
    if (file.size_bytes, file.mtime_ns) != (version.size_bytes, version.mtime_ns):
        return _changed("its size or time is not the one that the watch has read")
    if file.sha256() != version.sha256:
        return _changed("its content is not the one that was archived")
    return ()


def _changed(sentence: str) -> tuple[Obstacle, ...]:
    return (Obstacle(why=WhyNot.CHANGED, sentence=sentence),)
