"""What the archive's catalog says of a snapshot, found in one reading of the file."""

import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, tzinfo
from pathlib import Path, PurePosixPath

from connectors.snapshots.content import SnapshotContent, hash_content, open_content
from connectors.snapshots.limits import ReadLimits
from connectors.snapshots.reader import read_content
from connectors.spool_listing import mtime_ns, relative_name
from models.archive.archived_file import ArchivedFile
from models.archive.keys import UNDATED, archive_key
from models.devices import NO_STAGE
from models.errors import RecordError
from models.snapshot_names import is_rate, parse_snapshot_name

# What is wrong with the content or size of a file that lies there as it is: it is archived all the same.
_NO_SNAPSHOT = frozenset({"empty", "not_hdf5", "too_large", "truncated"})
_CHANGED = "changed_while_read"


def describe_file(path: Path, *, root: Path, limits: ReadLimits | None = None, zone: tzinfo = UTC) -> ArchivedFile:
    """Read a file once: its SHA-256, and what its records say.

    Parameters
    ----------
    path
        Below ``root``.
    root
        The watched folder: the file's key is made of what lies below.
    zone
        The time zone of the recorders.

    Returns
    -------
    ArchivedFile
        With ``refused`` for a file that can't be read as a snapshot, or not wholly.

    Raises
    ------
    RecordError
        When there is no content to archive: ``vanished``, ``permission``, ``symlink``, ``is_directory``,
        ``not_a_file``, ``changed_while_read``.
    RetryableError
        ``storage`` when the disk or the network file system fails.
    """
    limits = limits or ReadLimits()
    try:
        with open_content(path, limits) as content:
            found = _named(path, root, content.sha256, content.before)
            try:
                found = _with_records(found, content, root, limits, zone)
            except RecordError as error:
                if error.reason == _CHANGED:
                    raise
                found = replace(found, refused=error.reason)
            content.check_unchanged()
            return found
    except RecordError as error:
        if error.reason not in _NO_SNAPSHOT:
            raise
        return replace(_named(path, root, *hash_content(path)), refused=error.reason)


def _named(path: Path, root: Path, sha256: str, status: os.stat_result) -> ArchivedFile:
    """What the file's path and status say."""
    relative = relative_name(root, str(path))
    key = archive_key(relative)
    *folders, day, _ = key.split("/")
    front_end = recorder = ""
    with suppress(RecordError):  # without a date a name can't be taken apart
        name = parse_snapshot_name(PurePosixPath(relative))
        front_end, recorder = name.front_end, name.recorder
    return ArchivedFile(
        key=key,
        path=relative,
        root=os.fsencode(root).decode("utf-8", "backslashreplace"),
        sha256=sha256,
        size_bytes=status.st_size,
        mtime_ns=mtime_ns(status),
        interval=next((folder for folder in reversed(folders) if is_rate(folder)), ""),
        date="" if day == UNDATED else day,
        front_end=front_end,
        recorder=recorder,
    )


def _with_records(
    found: ArchivedFile, content: SnapshotContent, root: Path, limits: ReadLimits, zone: tzinfo
) -> ArchivedFile:
    """What the file's records say, added to what its name does."""
    snapshot = read_content(content, root=root, limits=limits, zone=zone)
    manifest = snapshot.manifest
    devices = sorted(device for device in snapshot.devices if manifest.records[device.name])
    stages = sorted({device.stage for device in devices} - {NO_STAGE})
    return replace(
        found,
        first_ns=manifest.first_ns,
        last_ns=manifest.last_ns,
        devices=tuple(device.name for device in devices),
        stages=tuple(str(stage) for stage in stages),
        states=tuple(state.name for state in snapshot.states()),
        records=manifest.record_count,
        refused="truncated" if manifest.truncated else "",
    )
