"""What goes wrong with a state directory, as one clear sentence each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.failure_sentence import FailureSentence
from connectors.sqlite_troubles import SqliteTrouble, sentences_for
from models.errors import FatalError, PetawatchError, RetryableError


class PartGoneError(Exception):
    """A listed part of the results is not there: another one took its place since it was listed, or it was removed."""


_SENTENCES = {
    SqliteTrouble.FULL: FailureSentence(
        RetryableError, "disk_full", "the disk under {place} is full; make room, the work goes on by itself"
    ),
    SqliteTrouble.BUSY: FailureSentence(
        RetryableError, "state_busy", "another program holds the state directory {place}"
    ),
    SqliteTrouble.DISK: FailureSentence(RetryableError, "disk_error", "the disk under {place} fails ({error})"),
    SqliteTrouble.DAMAGED: FailureSentence(
        FatalError,
        "state_damaged",
        "the state directory {place} is damaged ({error}); restore it from a copy, or start with a new one",
    ),
    SqliteTrouble.UNUSABLE: FailureSentence(
        FatalError,
        "state_unusable",
        "the state directory {place} can't be used ({words}); give one that this user may write to",
    ),
}


@contextmanager
def clear_failures(directory: Path) -> Iterator[None]:
    """Turn failures of SQLite and of the file system into the three kinds of failure.

    Raises
    ------
    RetryableError
        ``disk_full``, ``state_busy`` or ``disk_error``: nothing was changed, the same call may be repeated.
    FatalError
        ``state_damaged`` or ``state_unusable``.
    """
    with sentences_for(_SENTENCES, directory):
        try:
            yield
        except PartGoneError as error:
            raise damaged(directory, f"its listed part {error} is missing") from error
        except FileNotFoundError as error:
            raise damaged(directory, f"{error.filename or 'a file'} is missing") from error


def damaged(directory: Path, what: str) -> PetawatchError:
    """The state directory holds something that can't be read."""
    return _SENTENCES[SqliteTrouble.DAMAGED].of(place=directory, error=what)
