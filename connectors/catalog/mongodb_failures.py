"""What goes wrong with a catalog in MongoDB, as one sentence each."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from connectors.catalog.failures import BUSY, DAMAGED, DISK_FULL, UNFIT
from connectors.catalog.settings import CatalogSettings
from connectors.failure_sentence import FailureSentence
from models.errors import FatalError, PetawatchError, RetryableError

#: The server's number of an id that is there already.
DUPLICATE = 11000
#: By the server's own numbers of it.
_ANSWERS: tuple[tuple[frozenset[int], FailureSentence], ...] = (
    (
        frozenset({13, 18, 8000}),  # not authorised, wrong login, the same of a hosted server
        FailureSentence(
            FatalError,
            "catalog_login",
            "the catalog {place} refuses user {user!r} ({error}); mend catalog.user and catalog.password, or give the "
            "user the role readWrite on this database",
        ),
    ),
    (frozenset({10334, 17280, 17419, 17420}), UNFIT),  # too large
    (
        frozenset({121}),
        FailureSentence(
            FatalError,
            "catalog_refused",
            "the catalog {place} refuses a document that does not fit its schema ({error}); see whether another "
            "program writes to this database",
        ),
    ),
    (frozenset({14031}), DISK_FULL),
    (frozenset({24, 46, 112, 251, 262}), BUSY),  # locks, and conflicts of writers
)
_CERTIFICATE = FailureSentence(
    FatalError,
    "catalog_refused",
    "the certificate of the catalog {place} is not trusted ({error}); give its authority as catalog.ca_file",
)
_AWAY = FailureSentence(
    RetryableError,
    "catalog_away",
    "the catalog {place} does not answer ({error}); see whether the server runs and may be reached",
)
_REFUSED = FailureSentence(FatalError, "catalog_refused", "the catalog {place} can't be used ({error}); mend [catalog]")
_TRANSIENT = ("RetryableWriteError", "TransientTransactionError")


@contextmanager
def one_sentence(settings: CatalogSettings) -> Iterator[None]:
    """Turn what the client raises into a failure of ours.

    Raises
    ------
    RetryableError
        ``catalog_away``, ``catalog_busy``, ``disk_full``.
    FatalError
        ``catalog_login``, ``catalog_refused``.
    """
    try:
        yield
    except (BSONError, DocumentTooLarge, OverflowError, UnicodeEncodeError) as error:
        raise _said(UNFIT, settings, error) from error
    except ConfigurationError as error:
        raise _said(_REFUSED, settings, error) from error
    except ConnectionFailure as error:
        untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
        raise _said(_CERTIFICATE if untrusted else _AWAY, settings, error) from error
    except (ExecutionTimeout, WriteConcernError) as error:
        raise _said(_AWAY, settings, error) from error
    except OperationFailure as error:
        raise _said(_answer(error), settings, error) from error
    except (PyMongoError, OSError, ValueError) as error:  # a file of certificates, a part of the address
        raise _said(_REFUSED, settings, error) from error


def damaged(settings: CatalogSettings, what: object) -> PetawatchError:
    """A document is not what this program wrote."""
    return _said(DAMAGED, settings, what)


def place_of(settings: CatalogSettings) -> str:
    """The server and the database."""
    return f"{settings.address} (database {settings.database})"


def codes_of(error: OperationFailure) -> list[int]:
    """The server's numbers of what went wrong, of each part of a write in bulk."""
    if isinstance(error, BulkWriteError):
        details: Mapping[str, Any] = error.details or {}
        return [int(part.get("code", 0)) for part in details.get("writeErrors", ())]
    return [error.code or 0]


def _answer(error: OperationFailure) -> FailureSentence:
    codes = set(codes_of(error))
    for numbers, sentence in _ANSWERS:
        if codes & numbers:
            return sentence
    # Of a write in bulk without any refused part the confirmation by the majority is missing.
    return _AWAY if not codes or any(map(error.has_error_label, _TRANSIENT)) else _REFUSED


def _said(sentence: FailureSentence, settings: CatalogSettings, what: object) -> PetawatchError:
    return sentence.of(place=place_of(settings), user=settings.user, error=_words(what))


def _words(what: object) -> str:
    if isinstance(what, BulkWriteError):
        what = next((part.get("errmsg") for part in (what.details or {}).get("writeErrors", ())), what)
    return " ".join(str(what).partition(", full error:")[0].partition(", Timeout:")[0].split())[:200]
