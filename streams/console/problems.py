"""Problem documents (RFC 9457): what programs are told when something was refused or went wrong."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import HTTPException
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as AnyHTTPException

from models.errors import PetawatchError, RecordError, RetryableError

PROBLEM_TYPE = "application/problem+json"
#: Below it all failures are problem documents.
API_PATH = "/api/"

#: What is to be asked again after ``Retry-After`` seconds.
LATER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_RETRY_AFTER_S = "5"
#: What was written wrongly; other refusals of ``RecordError`` come from how things stand.
_MISTAKES = frozenset(
    {
        "ambiguous_alert",
        "future",
        "no_end",
        "no_reference",
        "reason_missing",
        "reason_too_long",
        "replay_model",
        "replay_stretch",
    }
)
# For what the framework refuses with the name of the status alone.
_PLAIN_SENTENCES: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "There is nothing at this path; /api shows all that there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This path takes another method; see the header Allow, and /api.",
}
#: What is not there yet: no watch has run, nothing was archived.
_NOT_YET = frozenset({"archive_missing", "catalog_missing", "state_missing"})


class Problem(BaseModel):
    """Why there is no answer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:petawatch:problem:unknown_parameter",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "detail": "There is no parameter 'form' here; did you mean `from`? There are device, from, to.",
                    "reason": "unknown_parameter",
                }
            ]
        },
    )

    type: str = Field(description="`urn:petawatch:problem:` and the reason.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="One sentence: what was wrong, and what to do.")
    reason: str = Field(description="A word from a bounded set, for programs.")


def problem_document(status: int, sentence: str, reason: str) -> Problem:
    """The document."""
    return Problem(
        type=f"urn:petawatch:problem:{reason}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=sentence,
        reason=reason,
    )


def problem(status: int, sentence: str, reason: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer."""
    plain = HTTPStatus(status).phrase
    words = _PLAIN_SENTENCES.get(status, f"{plain}.") if sentence == plain else sentence
    document = problem_document(status, words if words.endswith(".") else f"{words}.", reason)
    response = JSONResponse(document.model_dump(), status, headers=headers, media_type=PROBLEM_TYPE)
    if status in LATER:
        response.headers.setdefault("Retry-After", _RETRY_AFTER_S)
    response.headers["Cache-Control"] = "no-store"
    return response


def refusal(path: str, status: int, sentence: str, reason: str) -> Response:
    """The answer to a request that is refused before any page or resource sees it."""
    if path.startswith(API_PATH):
        return problem(status, sentence, reason)
    return PlainTextResponse(f"{sentence}\n", status)


class RefusedError(HTTPException):
    """A request that gets no answer, for a reason that has a word of its own."""

    def __init__(self, status: int, sentence: str, reason: str) -> None:
        super().__init__(status, sentence)
        self.reason = reason


def reason_of(error: AnyHTTPException) -> str:
    """The word for a refusal; that of its status when it has none of its own."""
    known: str = getattr(error, "reason", "")
    return known or HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("-", "_")


def sentence_of(error: Exception) -> str:
    """What went wrong, as a sentence that stands alone; errors are written to stand behind others."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def status_of(error: PetawatchError) -> int:
    """The HTTP status that tells of a failure."""
    if isinstance(error, RecordError):
        if error.reason.startswith("unknown_"):
            return HTTPStatus.NOT_FOUND
        if error.reason == "expired":
            return HTTPStatus.GONE
        return HTTPStatus.UNPROCESSABLE_ENTITY if error.reason in _MISTAKES else HTTPStatus.CONFLICT
    if isinstance(error, RetryableError):
        busy = error.reason == "replay_busy"
        return HTTPStatus.TOO_MANY_REQUESTS if busy else HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.SERVICE_UNAVAILABLE if error.reason in _NOT_YET else HTTPStatus.INTERNAL_SERVER_ERROR
