"""Stands for the state directory of a watch that has finished with all its files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from connectors.state.commit import FileRecord
from connectors.state.file_changes import ChangedVersion
from models.archive.archived_file import ArchivedFile
from tests.support.archiving import file_record

_SAME = {field.name for field in fields(FileRecord)} & {field.name for field in fields(ChangedVersion)}


@dataclass
class FinishedFiles:
    """As ``FileProgress`` answers; the files in the order in which the watch has read them."""

    files: Sequence[ArchivedFile]

    def file_versions_after(self, number: int, limit: int) -> list[ChangedVersion]:
        return [_version(at, self.files[at - 1]) for at in range(number + 1, len(self.files) + 1)][:limit]

    def unfinished(self, versions: Iterable[ChangedVersion]) -> set[str]:
        return set()

    def make_durable(self) -> None:
        """It has nothing on a disk."""


def _version(number: int, file: ArchivedFile) -> ChangedVersion:
    record = file_record(file)
    same = {name: getattr(record, name) for name in _SAME}
    return ChangedVersion(number=number, version=number, records=record.records_read, **same)
