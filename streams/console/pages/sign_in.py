"""Signing in and out: the only pages for everybody."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from models.errors import PetawatchError, RecordError
from streams.console.access.own_pages import cookie_name, cookie_of, give_cookie, require_own_page
from streams.console.parts import parts
from streams.console.problems import sentence_of
from streams.console.rendering import render

router = APIRouter()


@router.get("/sign-in")
def sign_in_page(request: Request, then: Annotated[str, Query(alias="next")] = "/") -> Response:
    """The form."""
    return render(request, "sign_in.html", then=_own_path(then), name="", told="")


@router.post("/sign-in")
async def sign_in(
    request: Request,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    then: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Begin a session, under another cookie than the one before, and go on where somebody wanted to go."""
    await require_own_page(request)
    address = request.client.host if request.client else ""
    try:
        secret = await run_in_threadpool(parts(request).access.sign_in, name, password, address)
    except PetawatchError as error:
        status = 401 if isinstance(error, RecordError) else 429
        told = sentence_of(error)
        return render(request, "sign_in.html", status=status, then=_own_path(then), name=name, told=told)
    response = RedirectResponse(_own_path(then), 303)
    give_cookie(request, response, secret)
    return response


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session."""
    await require_own_page(request)
    await run_in_threadpool(parts(request).access.sign_out, cookie_of(request))
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(cookie_name(request), path="/", secure=request.url.scheme == "https", httponly=True)
    return response


def _own_path(target: str) -> str:
    """A place in this console; where somebody was sent from may name another one."""
    try:
        parsed = urlsplit(target)
    except ValueError:
        return "/"
    own = not (parsed.scheme or parsed.netloc) and target.startswith("/") and not target.startswith("//")
    return target if own and target.isprintable() and "\\" not in target else "/"
