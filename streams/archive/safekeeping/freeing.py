"""Removes recorders' files that are safe to delete, the oldest first, until their file systems have room."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.removable_file import RemovableFile, removable_file
from connectors.state.commit import FileStatus
from connectors.state.file_changes import ChangedVersion
from connectors.state.file_progress import FileProgress
from models.archive.archived_file import file_id
from models.archive.keys import archive_key
from models.archive.safety import KnownCopies, Obstacle, SafetyRule, WhyNot, obstacles
from models.errors import FatalError, PetawatchError, RecordError
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
        """Go through the files, the oldest first; whether every file system has room in the end.

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
        there = sorted(self._there(), key=lambda one: (one[0].first_ns or one[0].mtime_ns, one[0].path))
        for begin in range(0, len(there), _TOGETHER):
            waiting = [one for one in there[begin : begin + _TOGETHER] if not self._has_room(one[1])]
            unfinished = self._files.unfinished(version for version, _ in waiting)
            waiting = [(_hashed(version, path), path) for version, path in waiting]
            # What was read of the state directory survives a power failure: no watch wants these files again.
            self._files.make_durable()
            known = known_copies(self._archive.catalog, [_id(version) for version, _ in waiting])
            for version, path in waiting:
                if not self._has_room(path):
                    decided(self._decide(version, path, known[_id(version)], unfinished))
        return all(self._has_room(path) for _, path in there)

    def _there(self) -> Iterator[tuple[ChangedVersion, Path]]:
        """What lies in the watched folders now, by its latest version; nothing is read of it yet."""
        latest: dict[str, ChangedVersion] = {}
        number = 0
        while page := self._files.file_versions_after(number, _PAGE):
            number = page[-1].number
            for version in page:
                before = latest.get(version.path)
                if version.root and (before is None or before.version < version.version):
                    latest[version.path] = version
        for version in latest.values():
            if version.status is FileStatus.IGNORED:  # no snapshot: it is not archived, and nobody looks at it here
                continue
            with suppress(PetawatchError):  # gone, or its folder is away: there is nothing to free
                yield version, local_file(version.root, version.path)

    def _decide(self, version: ChangedVersion, path: Path, known: KnownCopies, unfinished: set[str]) -> Decision:
        why_not = _UNFINISHED if version.path in unfinished else tuple(obstacles(known, self._rule))
        size_bytes = version.size_bytes
        if not why_not:
            device = _device(path)
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
                why_not = _differences(file, version) or self._missing_proofs(version)
                if not why_not and not self._dry:
                    file.remove()
        except RecordError as error:
            why_not = (Obstacle(why=WhyNot(error.reason), sentence=str(error)),)
        except OSError as error:
            why_not = _changed(f"it can't be read or removed ({error.strerror or error})")
        return why_not

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

    def _has_room(self, path: Path) -> bool:
        """Whether the file system of a file, there or removed, is not fuller than it may be."""
        space = os.statvfs(path.parent)
        freed = self._freed.get(_device(path), 0) / space.f_frsize
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


def _device(path: Path) -> int:
    return path.parent.stat().st_dev


_UNFINISHED = (Obstacle(why=WhyNot.UNFINISHED, sentence="the watch or the connector has not finished with it"),)


def _differences(file: RemovableFile, version: ChangedVersion) -> tuple[Obstacle, ...]:
    if (file.size_bytes, file.mtime_ns) != (version.size_bytes, version.mtime_ns):
        return _changed("its size or time is not the one that the watch has read")
    if file.sha256() != version.sha256:
        return _changed("its content is not the one that was archived")
    return ()


def _changed(sentence: str) -> tuple[Obstacle, ...]:
    return (Obstacle(why=WhyNot.CHANGED, sentence=sentence),)
