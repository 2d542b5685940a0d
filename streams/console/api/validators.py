"""Entity tags: who has the latest answer already is told so, without it being made again."""

import hashlib
import json
import re
from http import HTTPStatus

from fastapi import Request
from pydantic import BaseModel

from streams.console.problems import RefusedError

_TAG = re.compile(r'(?:W/)?("[^"]*")')
_TAG_DIGITS = 32


class NotModifiedError(Exception):
    """The client has the latest answer."""


def tag_of(*parts: object) -> str:
    """A strong entity tag of what an answer follows from."""
    text = json.dumps(parts, default=str)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:_TAG_DIGITS]}"'


def tag_of_answer(answer: BaseModel) -> str:
    """The tag of a small answer: that of its content."""
    return tag_of(answer.model_dump_json())


def unless_known(request: Request, *version: object) -> None:
    """Tag the answer with what it follows from: this question, and a version of what is asked.

    Raises
    ------
    NotModifiedError
        When the client has that answer.
    """
    question = [request.url.path, sorted(request.query_params.multi_items()), request.headers.get("Accept", "")]
    tag_answer(request, tag_of(question, *version))


def untagged_if_any(request: Request, troubles: list[str]) -> list[str]:
    """The troubles of an answer: with any it loses its tag, or what it lacks would be taken for known."""
    if troubles:
        request.state.tag = ""
    return troubles


def tag_answer(request: Request, tag: str) -> None:
    """Tag the answer.

    Raises
    ------
    NotModifiedError
        When the client has that answer.
    """
    request.state.tag = tag
    known = request.headers.get("If-None-Match", "")
    if known.strip() == "*" or tag in _TAG.findall(known):
        raise NotModifiedError


def require_match(request: Request, tag: str) -> None:
    """Go on only if the client has seen the thing as it stands, when it says what it has seen (``If-Match``).

    Raises
    ------
    RefusedError
        412.
    """
    known = request.headers.get("If-Match")
    if known is not None and known.strip() != "*" and tag not in known:
        sentence = "It has changed since it was read; read it again, and decide anew."
        raise RefusedError(HTTPStatus.PRECONDITION_FAILED, sentence, "changed")
