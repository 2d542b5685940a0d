"""Which snapshots the recorder of a facility has finished, in the order in which connectors announced them."""

from connectors.state.commit import FileStatus
from connectors.state.file_changes import ChangedVersion
from connectors.state.file_progress import FileProgress
from models.event_time import HOUR_NS

_PAGE = 500
# A snapshot that lacks records for so much event time is taken as it is: nothing waits for it any more.
_PATIENCE_NS = HOUR_NS
# Of the latest ones, so that a recorder whose clock is wrong says nothing about the time.
_LATEST = 9


def finished_files(reader: FileProgress, number: int, from_ns: int) -> tuple[list[ChangedVersion], int]:
    """The versions behind a change of which each record has its outcome, up to the first that is not finished.

    Parameters
    ----------
    number
        Of the last change that was looked at.
    from_ns
        Snapshots that end before are left out.

    Returns
    -------
    tuple
        The versions, and the number of the last change that is looked at with them.
    """
    page = reader.file_versions_after(number, _PAGE)
    # What is not announced yet gets another number when it is.
    wanted = [version for version in page if _is_announced(version) and (version.last_ns or 0) >= from_ns]
    unfinished = reader.unfinished(wanted)
    overdue_ns = _newest_ns(reader) - _PATIENCE_NS
    numbers = {version.number for version in wanted}
    found: list[ChangedVersion] = []
    for version in page:
        if version.number in numbers:
            if version.path in unfinished and (version.last_ns or 0) > overdue_ns:
                break
            found.append(version)
        number = version.number
    return found, number


def _is_announced(version: ChangedVersion) -> bool:
    return version.status is not FileStatus.IGNORED and bool(version.root and version.sha256)


def _newest_ns(reader: FileProgress) -> int:
    """Event time up to which snapshots have come."""
    latest = reader.file_versions_after(reader.changes_end().number - _LATEST, _LATEST)
    ends_ns = sorted(version.last_ns for version in latest if version.last_ns is not None)
    return ends_ns[(len(ends_ns) - 1) // 2] if ends_ns else 0
