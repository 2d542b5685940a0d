"""What goes wrong with a catalog in MongoDB, as one sentence each."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

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

from connectors.catalog.settings import CatalogSettings
from models.errors import FatalError, PetawatchError, RetryableError


class _Answer(NamedTuple):
    """What an answer of the server means."""

    #: The server's own numbers of it.
    codes: frozenset[int]
    failure: type[PetawatchError]
    reason: str
    sentence: str


#: The server's number of an id that is there already.
DUPLICATE = 11000
_UNFIT = "the catalog at {address} can't hold a value ({words}); look at what is archived"
_ANSWERS = (
    _Answer(
        frozenset({13, 18, 8000}),  # not authorised, wrong login, the same of a hosted server
        FatalError,
        "catalog_login",
        "the catalog at {address} refuses user {user!r} ({words}); mend catalog.user and catalog.password, or give the "
        "user the role readWrite on this database",
    ),
    _Answer(frozenset({10334, 17280, 17419, 17420}), FatalError, "catalog_refused", _UNFIT),  # too large
    _Answer(
        frozenset({121}),
        FatalError,
        "catalog_refused",
        "the catalog at {address} refuses a document that does not fit its schema ({words}); see whether another "
        "program writes to this database",
    ),
    _Answer(
        frozenset({14031}),
        RetryableError,
        "disk_full",
        "the disk of the catalog at {address} is full; make room, the work goes on by itself",
    ),
    _Answer(
        frozenset({24, 46, 112, 251, 262}),  # locks, and conflicts of writers
        RetryableError,
        "catalog_busy",
        "the catalog at {address} is busy ({words}); the work goes on by itself",
    ),
)
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
        sentence = _UNFIT.format(address=settings.address, words=_words(error))
        raise FatalError(sentence, reason="catalog_refused") from error
    except ConfigurationError as error:
        raise _refused(settings, error) from error
    except ConnectionFailure as error:
        raise _unreached(settings, error) from error
    except (ExecutionTimeout, WriteConcernError) as error:
        raise _away(settings, error) from error
    except OperationFailure as error:
        raise _of_codes(settings, error) from error
    except (PyMongoError, OSError, ValueError) as error:  # a file of certificates, a part of the address
        raise _refused(settings, error) from error


def damaged(settings: CatalogSettings, what: object) -> FatalError:
    """A document is not what this program wrote."""
    return FatalError(
        f"the catalog at {settings.address}, database {settings.database}, is damaged ({what}); restore it from a "
        "copy, or name another database and make it anew from the cartridges",
        reason="catalog_damaged",
    )


def codes_of(error: OperationFailure) -> list[int]:
    """The server's numbers of what went wrong, of each part of a write in bulk."""
    if isinstance(error, BulkWriteError):
        details: Mapping[str, Any] = error.details or {}
        return [int(part.get("code", 0)) for part in details.get("writeErrors", ())]
    return [error.code or 0]


def _of_codes(settings: CatalogSettings, error: OperationFailure) -> PetawatchError:
    codes = set(codes_of(error))
    for answer in _ANSWERS:
        if codes & answer.codes:
            sentence = answer.sentence.format(address=settings.address, user=settings.user, words=_words(error))
            return answer.failure(sentence, reason=answer.reason)
    # Of a write in bulk without any refused part the confirmation by the majority is missing.
    if not codes or any(map(error.has_error_label, _TRANSIENT)):
        return _away(settings, error)
    return _refused(settings, error)


def _unreached(settings: CatalogSettings, error: ConnectionFailure) -> PetawatchError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return FatalError(
            f"the certificate of the catalog at {settings.address} is not trusted ({_words(error)}); give its "
            "authority as catalog.ca_file",
            reason="catalog_refused",
        )
    return _away(settings, error)


def _away(settings: CatalogSettings, error: PyMongoError) -> RetryableError:
    return RetryableError(
        f"the catalog at {settings.address} does not answer ({_words(error)}); see whether the server runs and may be "
        "reached",
        reason="catalog_away",
    )


def _refused(settings: CatalogSettings, error: Exception) -> FatalError:
    return FatalError(
        f"the catalog at {settings.address} can't be used ({_words(error)}); mend [catalog]", reason="catalog_refused"
    )


def _words(what: object) -> str:
    if isinstance(what, BulkWriteError):
        what = next((part.get("errmsg") for part in (what.details or {}).get("writeErrors", ())), what)
    return " ".join(str(what).partition(", full error:")[0].partition(", Timeout:")[0].split())[:200]
