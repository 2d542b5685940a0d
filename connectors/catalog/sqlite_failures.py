"""What goes wrong with a catalog in a SQLite file, as one sentence each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.catalog.failures import BUSY, DAMAGED, DISK_FULL, UNFIT
from connectors.failure_sentence import FailureSentence
from connectors.sqlite_troubles import SqliteTrouble, sentences_for
from models.errors import FatalError, PetawatchError, RetryableError

_SENTENCES = {
    SqliteTrouble.FULL: DISK_FULL,
    SqliteTrouble.BUSY: BUSY,
    SqliteTrouble.DISK: FailureSentence(
        RetryableError, "catalog_away", "the disk of the catalog {place} fails ({error}); look at the disk"
    ),
    SqliteTrouble.DAMAGED: DAMAGED,
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
            raise UNFIT.of(place=file, error=error) from error


def damaged(file: Path, what: object) -> PetawatchError:
    """The file holds something that can't be read."""
    return DAMAGED.of(place=file, error=what)
