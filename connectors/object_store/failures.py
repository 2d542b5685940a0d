"""What goes wrong with an object store, as one sentence each."""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error
from urllib3.exceptions import HTTPError, MaxRetryError, SSLError

from connectors.failure_sentence import FailureSentence
from connectors.object_store.settings import ObjectStoreSettings
from models.errors import FatalError, PetawatchError, RecordError, RetryableError

_LOGIN = FailureSentence(
    FatalError,
    "object_store_login",
    "{store} knows no access key {key!r} with this secret; mend object_store.access_key and object_store.secret_key",
)
_CLOCK = FailureSentence(
    FatalError, "object_store_login", "the clocks of this computer and of {store} differ too much; set them"
)
_BUCKET = FailureSentence(
    FatalError, "object_store_bucket", "{store} has no bucket for {place}; make it, or name another"
)
_MISSING = FailureSentence(RecordError, "object_missing", "{place} is missing; copy or export it again")
_KEY = FailureSentence(
    RecordError, "object_key", "{place} is a name that {store} can't hold ({words}); give it another one"
)
_UPLOAD = FailureSentence(RecordError, "upload_missing", "the upload of {place} in parts is gone; begin it again")
_RIGHTS = FailureSentence(
    FatalError,
    "object_store_rights",
    "{place} can't be {done}: the access key {key!r} may not do that; ask the store's keeper for the right, or name "
    "another bucket",
)
_FULL = FailureSentence(
    RetryableError,
    "object_store_full",
    "{store} is full ({words}); make room or raise the bucket's quota, then begin again",
)
_GARBLED = FailureSentence(
    RetryableError, "object_garbled", "what arrived at {place} was not what was sent ({code}); look at the network"
)
_AWAY = FailureSentence(
    RetryableError,
    "object_store_away",
    "{store} does not answer for {place} ({words}); see whether it runs and may be reached, and whether "
    "object_store.secure is right",
)
_REFUSED = FailureSentence(
    FatalError, "object_store_refused", "{place} can't be {done}: {store} answers {code} ({words}); mend [object_store]"
)
# By the codes of the protocol, and MinIO's own.
_ANSWERS = {
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"), _LOGIN),
    "RequestTimeTooSkewed": _CLOCK,
    "NoSuchBucket": _BUCKET,
    **dict.fromkeys(("NoSuchKey", "NoSuchVersion"), _MISSING),
    **dict.fromkeys(
        ("KeyTooLongError", "XMinioInvalidObjectName", "XMinioParentIsObject", "XMinioObjectExistsAsDirectory"), _KEY
    ),
    "NoSuchUpload": _UPLOAD,
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "MethodNotAllowed"), _RIGHTS),
    **dict.fromkeys(("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded"), _FULL),
    **dict.fromkeys(
        ("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"), _GARBLED
    ),
    **dict.fromkeys(("SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"), _AWAY),
    "XMinioServerNotInitialized": _AWAY,
}
# How the client names a connection before it says what became of it; the sentence has the endpoint already.
_CONNECTION = re.compile(r"^\w*Connection\w*\(host=.*?\): ")
_INSUFFICIENT_STORAGE = 507  # the protocol's status, whatever the code


@contextmanager
def one_sentence(settings: ObjectStoreSettings, place: str, done: str) -> Iterator[None]:
    """Turn what the client raises into a failure of ours.

    Parameters
    ----------
    place
        ``s3://...`` that is asked for.
    done
        What is not done to it when this fails: "read", "written", "listed", "removed", "checked".

    Raises
    ------
    FatalError
        ``object_store_tls``, ``object_store_login``, ``object_store_bucket``, ``object_store_rights``,
        ``object_store_refused``.
    RecordError
        ``object_missing``, ``object_key``, ``upload_missing``.
    RetryableError
        ``object_store_away``, ``object_store_full``, ``object_garbled``.
    """
    try:
        yield
    except S3Error as error:
        raise _answered(settings, place, done, error) from error
    except (InvalidResponseError, ParseError) as error:
        raise _no_store(settings, error) from error
    except ValueError as error:  # the client refuses an address before it asks
        raise FatalError(
            f"{place} can't be {done}: {_words(error)}; mend the address or [object_store]",
            reason="object_store_refused",
        ) from error
    except (HTTPError, MinioException) as error:
        raise _unanswered(settings, place, error) from error


def _answered(settings: ObjectStoreSettings, place: str, done: str, error: S3Error) -> PetawatchError:
    code, status = str(error.code), error.response.status
    answer = _ANSWERS.get(code)
    if answer is None:
        answer = _FULL if status == _INSUFFICIENT_STORAGE else _AWAY if status >= 500 else _REFUSED
    return _failure(answer, settings, place, error.message, done=done, code=code)


def _no_store(settings: ObjectStoreSettings, error: Exception) -> FatalError:
    if "HTTPS" in str(error):
        return FatalError(
            f"the object store at {settings.endpoint} speaks TLS only; set object_store.secure = true",
            reason="object_store_tls",
        )
    return FatalError(
        f"what answers at {settings.endpoint} is no object store; mend object_store.endpoint",
        reason="object_store_refused",
    )


def _unanswered(settings: ObjectStoreSettings, place: str, error: Exception) -> PetawatchError:
    reason = error.reason if isinstance(error, MaxRetryError) else error
    if not isinstance(reason, SSLError):
        return _failure(_AWAY, settings, place, reason)
    cause = reason.args[0] if reason.args else reason
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FatalError(
            f"the certificate of the object store at {settings.endpoint} is not trusted ({cause.verify_message}); give "
            "its authority as object_store.ca_file, or the name that it is made out to as object_store.endpoint",
            reason="object_store_tls",
        )
    return FatalError(
        f"the object store at {settings.endpoint} does not speak TLS ({_words(cause)}); look at object_store.endpoint "
        "and object_store.secure",
        reason="object_store_tls",
    )


def _failure(
    answer: FailureSentence, settings: ObjectStoreSettings, place: str, words: object, **more: str
) -> PetawatchError:
    store = f"the object store at {settings.endpoint}"
    return answer.of(store=store, place=place, key=settings.access_key, words=_words(words), **more)


def _words(what: object) -> str:
    return " ".join(_CONNECTION.sub("", str(what)).split())[:200]
