"""Which snapshots the recorder of a facility has finished, in the order in which connectors announced them."""

from connectors.state.commit import FileStatus
from connectors.state.file_changes import ChangedVersion
from connectors.state.file_progress import FileProgress
from models.event_time import HOUR_NS

_PAGE = 500
# A snapshot that lacks records for so much event time never gets them: nothing waits for it any more.
_PATIENCE_NS = HOUR_NS


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
    newest_ns = max((version.last_ns or 0 for version in wanted), default=0)
    numbers = {version.number for version in wanted}
    found: list[ChangedVersion] = []
    for version in page:
        if version.number in numbers:
            if version.path not in unfinished:
                found.append(version)
            elif (version.last_ns or 0) + _PATIENCE_NS > newest_ns:
                break
        number = version.number
    return found, number


def _is_announced(version: ChangedVersion) -> bool:
    return version.status is not FileStatus.IGNORED and bool(version.root and version.sha256)
