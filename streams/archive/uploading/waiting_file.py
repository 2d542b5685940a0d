"""A version of a file on its way into the archive: as the watch knows it, and as the lines of the outbox hold it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from connectors.archive.outbox_lines import Line, NewLine
from connectors.state.commit import FileStatus
from connectors.state.file_changes import ChangedVersion
from models.archive.archived_file import ArchivedFile, file_id
from models.archive.copies import StoreCopy
from models.archive.keys import archive_key
from streams.archive.states.stage_states import is_state_key

# What could not be read has no content yet; the watch reads it again, and then it has one.
_NO_CONTENT = frozenset(
    {"vanished", "permission", "symlink", "is_directory", "not_a_file", "changed_while_read", "storage", "empty"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    """What the watch knows of a version.

    Attributes
    ----------
    path, root
        As in ``ArchivedFile``.
    sha256
        Empty where the watch refused the file before it was hashed: it is hashed when it is archived.
    refused
        The bounded reason of a file that could not be read wholly; empty otherwise.
    replaced_at_ns
        When it took the place of a version with a later time of change, as that and its number in the state directory
        tell; 0 where it did not. Nothing tells it better, and the latest version is the one that was changed last.
    """

    path: str
    root: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    refused: str = ""
    replaced_at_ns: int = 0

    @classmethod
    def of_change(cls, change: ChangedVersion) -> Self | None:
        """None for what is not to be archived: no snapshot, or nothing that could be read."""
        if change.status is FileStatus.IGNORED or not change.root:
            return None
        if not change.sha256 and (change.reason in _NO_CONTENT or not change.size_bytes):
            return None
        return cls(
            path=change.path,
            root=change.root,
            sha256=change.sha256,
            size_bytes=change.size_bytes,
            mtime_ns=change.mtime_ns,
            refused=change.reason if change.status is FileStatus.REJECTED else "",
            replaced_at_ns=_replaced_at_ns(change),
        )

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        """What ``line`` wrote."""
        return cls(**document["known"])

    @property
    def key(self) -> str:
        """Where it lies in every copy."""
        return self.path if is_state_key(self.path) else archive_key(self.path)

    @property
    def archived_mtime_ns(self) -> int:
        """The time of change that the archive notes."""
        return max(self.mtime_ns, self.replaced_at_ns)

    @property
    def name(self) -> str:
        """Of its lines: the id of the archived file where the content is known."""
        return file_id(self.key, self.sha256 or f"{self.size_bytes}-{self.mtime_ns}")

    def line(self) -> NewLine:
        """As a line of the outbox."""
        return NewLine(name=self.name, document={"known": asdict(self)}, size_bytes=self.size_bytes)


def come_again(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a line says of a version that came before, and of which the catalog has nothing now."""
    return {**document, "again": True}


def is_come_again(document: Mapping[str, Any]) -> bool:
    """Whether ``come_again`` wrote it: the version may well have been archived."""
    return "again" in document


def stored_line(line: Line, file: ArchivedFile, copy: StoreCopy) -> NewLine:
    """A file that the store has: what the catalog is to be told of it."""
    document = {"known": line.document["known"], "file": asdict(file), "copy": asdict(copy)}
    return NewLine(name=line.name, document=document, size_bytes=line.size_bytes)


def stored_file(document: Mapping[str, Any]) -> tuple[ArchivedFile, StoreCopy] | None:
    """What ``stored_line`` wrote; None for a line that only says what the watch has learned of a version since."""
    if "file" not in document:
        return None
    values = dict(document["file"])
    for name in ("devices", "stages", "states"):
        values[name] = tuple(values[name])
    return ArchivedFile(**values), StoreCopy(**document["copy"])


def as_known(file: ArchivedFile, known: WaitingFile) -> ArchivedFile:
    """A file as the watch knows it last: it may have been moved, touched, or accepted after it was refused."""
    return replace(file, path=known.path, root=known.root, mtime_ns=known.archived_mtime_ns, refused=known.refused)


def _replaced_at_ns(change: ChangedVersion) -> int:
    """Of several in a row that keep earlier times, the later one is the later, too."""
    replaced_ns = change.replaced_mtime_ns
    return 0 if replaced_ns is None or replaced_ns < change.mtime_ns else replaced_ns + change.version
