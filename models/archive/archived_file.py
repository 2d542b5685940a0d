"""One version of a snapshot, as the archive knows it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """One version of a snapshot: a content under a name. A file that is replaced is another one.

    Attributes
    ----------
    key
        ``INTERVAL/DATE/NAME``: where it lies in every copy; see ``models.archive.keys``.
    path
        Below the watched root, as in ``SourceReference.file``: what ledger, rows and alerts call it.
    root
        The watched folder on the recorder's computer.
    sha256
        Of the content, hex, computed when the file was first read.
    mtime_ns
        Its time of change. A content that takes the place of one with a later time, as some copying keeps it, is noted
        as changed just after that.
    interval, date
        Of the key: ``10Hz``, ``2022-07-01``; the first is empty where the path names no rate.
    front_end, recorder
        ``LA`` or ``LB``, and the recorder's name; empty where the name says none.
    first_ns, last_ns
        Event times of its earliest and its latest record; None for a file without readable ones.
    devices
        Names of the devices that have records in it, in their order.
    stages
        Of these devices, written as in ``str(Stage)``, in their order.
    states
        The device states that occur, in their order.
    records
        That could be read.
    refused
        The bounded reason of a file that could not be read wholly; empty otherwise. It is archived all the same.
    """

    key: str
    path: str
    root: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    interval: str = ""
    date: str = ""
    front_end: str = ""
    recorder: str = ""
    first_ns: int | None = None
    last_ns: int | None = None
    devices: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    records: int = 0
    refused: str = ""

    @property
    def id(self) -> str:
        """Computed, the same wherever and whenever the file is seen."""
        return file_id(self.key, self.sha256)


def file_id(key: str, sha256: str) -> str:
    """The id of a content under a key."""
    return f"{key}@{sha256}"
