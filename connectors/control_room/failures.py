"""What goes wrong with decisions.sqlite, as one clear sentence each."""

from contextlib import AbstractContextManager
from pathlib import Path

from connectors.failure_sentence import FailureSentence
from connectors.sqlite_troubles import SqliteTrouble, sentences_for
from models.errors import FatalError, PetawatchError, RetryableError

_SENTENCES = {
    SqliteTrouble.FULL: FailureSentence(
        RetryableError, "disk_full", "the disk under {place} is full; make room, the work goes on by itself"
    ),
    SqliteTrouble.BUSY: FailureSentence(RetryableError, "state_busy", "another program holds {place}; try again"),
    SqliteTrouble.DISK: FailureSentence(RetryableError, "disk_error", "the disk under {place} fails ({error})"),
    SqliteTrouble.DAMAGED: FailureSentence(
        FatalError,
        "state_damaged",
        "{place} is damaged ({error}); move it away with its -wal and -shm, and put a copy there if there is one: "
        "without it what is open is announced anew, and verdicts, baselines and the audit log are gone",
    ),
    SqliteTrouble.UNUSABLE: FailureSentence(
        FatalError, "state_unusable", "{place} can't be used ({words}); give its state directory to this user"
    ),
}


def clear_failures(file: Path) -> AbstractContextManager[None]:
    """Turn failures of SQLite and of the file system into the kinds of failure.

    Raises
    ------
    RetryableError
        ``disk_full``, ``disk_error`` or ``state_busy``: nothing was changed, the same call may be repeated.
    FatalError
        ``state_damaged`` or ``state_unusable``.
    """
    return sentences_for(_SENTENCES, file)


def damaged(file: Path, what: str) -> PetawatchError:
    """The file holds something that can't be read."""
    return _SENTENCES[SqliteTrouble.DAMAGED].of(place=file, error=what)
