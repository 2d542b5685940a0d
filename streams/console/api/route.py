"""What all resources have in common: threads of their own, validators, media types, documented refusals."""

import functools
import inspect
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute

from streams.console.api.answers import Answer
from streams.console.api.known_parameters import check_query
from streams.console.api.misunderstood import body_fields, misunderstood
from streams.console.api.validators import NotModifiedError
from streams.console.parts import parts
from streams.console.problems import LATER, PROBLEM_TYPE, RefusedError

JSON_TYPE = "application/json"
#: No body that is taken comes near it.
MOST_BODY_BYTES = 16_384

_CACHE_HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Accept, Authorization, Cookie"}
_REFUSALS = {
    HTTPStatus.UNAUTHORIZED: "Nobody has signed in, and no valid token was shown.",
    HTTPStatus.FORBIDDEN: "The role does not allow it, or it did not come from the console's own page.",
    HTTPStatus.NOT_FOUND: "There is no such thing.",
    HTTPStatus.NOT_ACCEPTABLE: "It is not to be had in this media type.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "It was not understood: a parameter that there is not, or a value that is none.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too much is being worked on.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The state directory can't be read now, or it takes too long.",
}
_REFUSALS_OF_CHANGES = {
    HTTPStatus.BAD_REQUEST: "The body is no text.",
    HTTPStatus.CONFLICT: "It does not go with how things stand now.",
    HTTPStatus.PRECONDITION_FAILED: "It has changed since it was read (`If-Match`).",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"The body has more than {MOST_BODY_BYTES:,} bytes.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not `application/json`.",
}
#: Of a refusal in the document.
PROBLEM_CONTENT = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def offering(*media_types: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark what an endpoint can answer with; without it that is JSON."""

    def mark(endpoint: Callable[..., Any]) -> Callable[..., Any]:
        endpoint.media_types = media_types  # type: ignore[attr-defined]
        return endpoint

    return mark


class ApiRoute(APIRoute):
    """A path of the API. Endpoints are plain functions: they run, and their answers are written, on its threads."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._media_types: Sequence[str] = getattr(endpoint, "media_types", (JSON_TYPE,))
        changes = set(options.get("methods") or ()) - {"GET"}
        options["responses"] = _documented_refusals(changes=bool(changes)) | (options.get("responses") or {})
        # A dependency: who may not ask is told that first, and no other parameter is found wrong before.
        options["dependencies"] = [*(options.get("dependencies") or ()), Depends(self._check_query)]
        options["operation_id"] = options.get("operation_id") or endpoint.__name__
        super().__init__(path, _threaded(endpoint, options.get("status_code") or HTTPStatus.OK), **options)
        self.response_description = _meaning_of(self.response_model) or self.response_description

    async def _check_query(self, request: Request) -> None:
        check_query(request, self.dependant)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            _check_accept(request, self._media_types)
            _check_body(request, expected=self.body_field is not None)
            try:
                response = await answer(request)
            except NotModifiedError:
                response = Response(status_code=HTTPStatus.NOT_MODIFIED)
            except RequestValidationError as error:
                sentence, reason = misunderstood(error.errors()[0], body_fields(self.dependant))
                raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence, reason) from error
            if (tag := getattr(request.state, "tag", "")) and request.method == "GET":
                response.headers["ETag"] = tag
            for name, value in _CACHE_HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return handle


def _documented_refusals(*, changes: bool) -> dict[int | str, dict[str, Any]]:
    """What every path may answer instead of what was asked for."""
    found: dict[int | str, dict[str, Any]] = {}
    for status, words in (_REFUSALS | (_REFUSALS_OF_CHANGES if changes else {})).items():
        found[status.value] = {"description": words, "content": PROBLEM_CONTENT}
        if status in LATER:
            found[status.value]["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return found


def _meaning_of(answer: Any) -> str:
    """The first sentence about a document; empty for answers that are none."""
    if not (isinstance(answer, type) and issubclass(answer, Answer)):
        return ""
    return (inspect.getdoc(answer) or "").partition("\n")[0]


def _threaded(endpoint: Callable[..., Any], status: int) -> Callable[..., Any]:
    """The endpoint as the framework calls it."""
    signature = inspect.signature(endpoint)
    parameters = dict(signature.parameters)
    takes_request = "request" in parameters
    if not takes_request:
        parameters["request"] = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)

    @functools.wraps(endpoint)
    async def answer(request: Request, **values: Any) -> Response:
        if takes_request:
            values["request"] = request

        def do() -> Response:
            found = endpoint(**values)
            if isinstance(found, Answer):
                return Response(found.as_json(), status, media_type=JSON_TYPE)
            response: Response = found
            return response

        return await parts(request).api_work.do(do)

    answer.__signature__ = signature.replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]
    return answer


def _check_accept(request: Request, media_types: Sequence[str]) -> None:
    wanted = [each.partition(";")[0].strip().lower() for each in (request.headers.get("Accept") or "*/*").split(",")]
    known = {form for each in media_types for form in (each, f"{each.partition('/')[0]}/*", "*/*")}
    if not known.intersection(wanted):
        raise RefusedError(
            HTTPStatus.NOT_ACCEPTABLE, f"This is to be had as {' or '.join(media_types)}.", "not_acceptable"
        )


def _check_body(request: Request, *, expected: bool) -> None:
    """Every body comes with its size: the application's outermost part sees to that."""
    size = int(request.headers.get("Content-Length", 0))
    if size > MOST_BODY_BYTES:
        raise RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body has at most {MOST_BODY_BYTES:,} bytes.", "body_too_large"
        )
    given = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if expected and size and given != JSON_TYPE:
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send the body as {JSON_TYPE}.", "unsupported_media_type"
        )
