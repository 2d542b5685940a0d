"""What the connector says about a file after its records: JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.state.commit import FileRecord, FileStatus
from connectors.wire.document import Document, read_document, write_document
from connectors.wire.header_fields import HeaderFields, write_headers
from connectors.wire.message import Headers, Incoming
from connectors.wire.rows import moment_values
from connectors.wire.schema import Format, Schema
from models.messages import FileMoment


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A file is accounted for: its records have been sent, or it was refused or passed over.

    Attributes
    ----------
    record
        The version of the file; None when there are only counts.
    file_counts
        Events that have no record, by the ledger's names.
    devices
        The manifest: how many records were sent by the device's name.
    ends
        Names of all devices that got a ``SNAPSHOT_END`` for this file; empty when none did.
    connector
        Who says it.
    """

    connector: str
    record: FileRecord | None = None
    file_counts: Mapping[str, int] = field(default_factory=dict)
    devices: Mapping[str, int] = field(default_factory=dict)
    ends: tuple[str, ...] = ()
    moment: FileMoment | None = None


def _write(message: Announcement) -> tuple[bytes, Headers]:
    document = {
        "record": None if message.record is None else _record_values(message.record),
        "file_counts": dict(message.file_counts),
        "devices": dict(message.devices),
        "ends": list(message.ends),
        "connector": message.connector,
        "moment": None if message.moment is None else moment_values(message.moment),
    }
    return write_document(document), write_headers({"connector": message.connector})


def _read(incoming: Incoming, _: HeaderFields) -> Announcement:
    document = read_document(incoming.value or b"")
    return Announcement(
        record=None if document.is_null("record") else _read_record(document.inner("record")),
        file_counts=document.counts("file_counts"),
        devices=document.counts("devices"),
        ends=document.texts("ends"),
        connector=document.text("connector"),
        moment=None if document.is_null("moment") else document.moment(),
    )


def _record_values(record: FileRecord) -> dict[str, Any]:
    return {
        "path": record.path,
        "root": record.root,
        "sha256": record.sha256,
        "size_bytes": record.size_bytes,
        "mtime_ns": record.mtime_ns,
        "status": str(record.status),
        "reason": record.reason,
        "series": record.series,
        "first_ns": record.first_ns,
        "last_ns": record.last_ns,
        "records_read": record.records_read,
        "dead_letters": dict(record.dead_letters),
        "replaced_sha256": record.replaced_sha256,
    }


def _read_record(document: Document) -> FileRecord:
    return FileRecord(
        path=document.text("path"),
        root=document.text("root"),
        sha256=document.text("sha256"),
        size_bytes=document.integer("size_bytes", minimum=0),
        mtime_ns=document.integer("mtime_ns"),
        status=document.choice("status", FileStatus),
        reason=document.text("reason"),
        series=document.text("series"),
        first_ns=document.optional_time_ns("first_ns"),
        last_ns=document.optional_time_ns("last_ns"),
        records_read=document.integer("records_read", minimum=0),
        dead_letters=document.counts("dead_letters"),
        replaced_sha256=None if document.is_null("replaced_sha256") else document.text("replaced_sha256"),
    )


#: Version 1 of announcements.
ANNOUNCEMENTS: Format[Announcement] = Format(Schema("announcement", 1), _write, _read)
