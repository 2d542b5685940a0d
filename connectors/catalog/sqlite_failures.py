"""What goes wrong with a catalog in a SQLite file, as one sentence each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.failure_sentence import FailureSentence
from connectors.sqlite_troubles import SqliteTrouble, sentences_for
from models.errors import FatalError, PetawatchError, RetryableError

_SENTENCES = {
    SqliteTrouble.FULL: FailureSentence(
        RetryableError,
        "disk_full",
        "the disk of the catalog {place} is full; make room, the work goes on by itself",
    ),
    SqliteTrouble.BUSY: FailureSentence(
        RetryableError,
        "catalog_busy",
        "another program holds the catalog {place}; the work goes on when it lets go",
    ),
    SqliteTrouble.DISK: FailureSentence(
        RetryableError, "catalog_away", "the disk of the catalog {place} fails ({error}); look at the disk"
    ),
    SqliteTrouble.DAMAGED: FailureSentence(
        FatalError,
        "catalog_damaged",
        "the catalog {place} is damaged ({error}); restore it from a copy, or move it away and make it anew from the "
        "cartridges",
    ),
    SqliteTrouble.UNUSABLE: FailureSentence(
        FatalError,
        "catalog_refused",
        "the catalog {place} can't be used ({error}); name a file that this user may write to as catalog.address",
    ),
}


@contextmanager
def one_sentence(file: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into a failure of ours.

    Raises
    ------
    RetryableError
        ``catalog_busy``, ``catalog_away`` (the disk fails), ``disk_full``.
    FatalError
        ``catalog_damaged``, ``catalog_refused``.
    """
    with sentences_for(_SENTENCES, file):
        try:
            yield
        except (OverflowError, UnicodeEncodeError) as error:
            raise FatalError(
                f"the catalog {file} can't hold a value ({error}); look at what is archived", reason="catalog_refused"
            ) from error


def damaged(file: Path, what: object) -> PetawatchError:
    """The file holds something that can't be read."""
    return _SENTENCES[SqliteTrouble.DAMAGED].of(place=file, error=what)
