"""Versions of files that a state directory knows, as the archive calls them."""

from connectors.state.commit import FileRecord
from connectors.state.file_changes import ChangedVersion
from models.archive.archived_file import ArchivedFile
from models.archive.keys import archive_key


def archived_version(known: FileRecord | ChangedVersion) -> ArchivedFile:
    """The archived file of a version; of its records only the times are said."""
    return ArchivedFile(
        key=archive_key(known.path),
        path=known.path,
        root=known.root,
        sha256=known.sha256,
        size_bytes=known.size_bytes,
        mtime_ns=known.mtime_ns,
        first_ns=known.first_ns,
        last_ns=known.last_ns,
    )
