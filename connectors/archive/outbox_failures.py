"""What goes wrong with the outbox of the archive, as one clear sentence each."""

from contextlib import AbstractContextManager
from pathlib import Path

from connectors.failure_sentence import FailureSentence
from connectors.sqlite_troubles import SqliteTrouble, sentences_for
from models.errors import FatalError, RetryableError

_SENTENCES = {
    SqliteTrouble.FULL: FailureSentence(
        RetryableError, "disk_full", "the disk under {place} is full; make room, the work goes on by itself"
    ),
    SqliteTrouble.BUSY: FailureSentence(
        RetryableError, "outbox_busy", "another program holds the outbox of the archive in {place}"
    ),
    SqliteTrouble.DISK: FailureSentence(RetryableError, "disk_error", "the disk under {place} fails ({error})"),
    SqliteTrouble.DAMAGED: FailureSentence(
        FatalError,
        "outbox_damaged",
        "the outbox of the archive in {place} is damaged ({error}); remove its files outbox.sqlite*: it is made anew "
        "from the state directory",
    ),
    SqliteTrouble.UNUSABLE: FailureSentence(
        FatalError,
        "outbox_unusable",
        "the archive's folder {place} can't be used ({words}); give archive.folder, or the rights to write there",
    ),
}


def clear_failures(folder: Path) -> AbstractContextManager[None]:
    """Turn failures of SQLite and of the file system into failures of ours.

    Raises
    ------
    RetryableError
        ``disk_full``, ``outbox_busy`` or ``disk_error``: nothing was changed, the same call may be repeated.
    FatalError
        ``outbox_damaged`` or ``outbox_unusable``.
    """
    return sentences_for(_SENTENCES, folder)


def too_new(folder: Path) -> FatalError:
    """A later program has made it."""
    return FatalError(
        f"the outbox of the archive in {folder} was written by a newer Petawatch; use that version",
        reason="outbox_too_new",
    )
