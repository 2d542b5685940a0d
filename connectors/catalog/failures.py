"""What can go wrong with any catalog, as one sentence each."""

from connectors.failure_sentence import FailureSentence
from models.errors import FatalError, RetryableError

#: All of them say ``{place}``, the catalog's address, and ``{error}``.
DISK_FULL = FailureSentence(
    RetryableError, "disk_full", "the disk of the catalog {place} is full; make room, the work goes on by itself"
)
BUSY = FailureSentence(
    RetryableError, "catalog_busy", "another program holds the catalog {place} ({error}); the work goes on by itself"
)
UNFIT = FailureSentence(
    FatalError, "catalog_refused", "the catalog {place} can't hold a value ({error}); look at what is archived"
)
DAMAGED = FailureSentence(
    FatalError,
    "catalog_damaged",
    "the catalog {place} is damaged ({error}); restore it from a copy, or begin a new one: it is filled again from the "
    "store and the cartridges",
)
