"""What goes wrong, said in one sentence: as a page to people, as a document to programs."""

from collections.abc import Mapping
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException as AnyHTTPException

from models.errors import PetawatchError
from streams.console.problems import API_PATH, problem, reason_of, status_of
from streams.console.rendering import render


def add_failure_handlers(app: FastAPI) -> None:
    """Answer whatever a page or a resource raises."""
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(PetawatchError, _failed)
    app.add_exception_handler(Exception, _broken)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)  # noqa: S101 - as it was registered
    if error.status_code == 401 and request.method in {"GET", "HEAD"} and _wants_page(request):
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(target, safe='')}", 303)
    return _answer(request, error.status_code, str(error.detail), reason_of(error), headers=error.headers)


async def _misunderstood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return _answer(request, 422, f"{place}: {first['msg']}.", "bad_request")


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, PetawatchError)  # noqa: S101
    return _answer(request, status_of(error), f"{error}.", error.reason)


async def _broken(request: Request, error: Exception) -> Response:
    words = f"Internal error, please report it: {type(error).__name__}."
    return _answer(request, 500, words, "internal_error")


def _answer(
    request: Request, status: int, sentence: str, reason: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    response: Response
    if request.url.path.startswith(API_PATH):
        return problem(status, sentence, reason, headers)
    if _wants_page(request):
        response = render(request, "failure.html", status=status, sentence=sentence, code=status)
    else:
        response = JSONResponse({"error": sentence, "reason": reason}, status)
    response.headers.update(headers or {})
    return response


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith(API_PATH) and "text/html" in request.headers.get("Accept", "")
