"""What the API answers with: documents, and pages of them that are gone through by cursors."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from streams.console.problems import RefusedError

#: Entries of a page: when nothing else is asked for, and at most.
USUAL_PAGE, LONGEST_PAGE = 100, 1_000
_CURSOR_CHARACTERS = 512
_DIGEST_BYTES = 6
# 64 bits hold it, with room for sums.
_LARGEST = 2**62
#: Parameters that another page of the same answer may have.
_OF_PAGE = frozenset({"cursor", "limit"})


class Answer(BaseModel):
    """A document of the API."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """With what fields mean also where their type has a name of its own."""
        schema = handler(core)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, field in cls.model_fields.items():
            words = properties.get(field.alias or name, {})
            if field.description:
                words.setdefault("description", field.description)
        return schema

    def as_json(self) -> bytes:
        """As it is sent; numbers that are none are null."""
        return self.model_dump_json().encode()


Item = TypeVar("Item")


class Page(Answer, Generic[Item]):
    """Some of all entries."""

    items: Sequence[Item] = Field(description="In their order; a page may have fewer than asked for, or none.")
    next: str | None = Field(description="The `cursor` of the page behind this one; null behind the last.")


Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="Most entries of a page.")]
Cursor = Annotated[
    str | None,
    Query(max_length=_CURSOR_CHARACTERS, description="`next` of the page before; the other parameters stay the same."),
]


def cursor_to(request: Request, *place: int | str) -> str:
    """The cursor to what lies behind a place in the answer to this question."""
    text = json.dumps([_digest(request), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def page_of(
    request: Request, found: Sequence[Item], limit: int, place: Callable[[Item], int | str]
) -> tuple[Sequence[Item], str | None]:
    """The entries of a page, and the cursor behind it; None behind the last.

    Parameters
    ----------
    found
        In their order, and one more than the page may have if there are more.
    place
        Where an entry stands, for the cursor behind it.
    """
    page = found[:limit]
    return page, cursor_to(request, place(page[-1])) if len(found) > limit else None


def place_of(request: Request, cursor: str | None, *kinds: type) -> list[Any] | None:
    """The place that a cursor leads to; None for the beginning.

    Parameters
    ----------
    kinds
        Of the place's parts.

    Raises
    ------
    RefusedError
        422 when it is none of this question's.
    """
    if cursor is None:
        return None
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        place: list[Any] = [_usable(part) for part in found[1:]]
        digest = found[0]
    except (binascii.Error, ValueError, TypeError, LookupError, RecursionError):
        digest, place = "", []
    if digest != _digest(request) or [type(part) for part in place] != list(kinds):
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "The cursor is none of this question; take `next` of its page before, and leave the rest as it was.",
            "cursor",
        )
    return place


def _usable(part: object) -> object:
    """A part of a place that a database takes."""
    if isinstance(part, str):
        part.encode()
    elif not isinstance(part, int) or abs(part) > _LARGEST:
        raise ValueError(part)
    return part


def _digest(request: Request) -> str:
    asked = sorted((name, value) for name, value in request.query_params.multi_items() if name not in _OF_PAGE)
    text = json.dumps([request.url.path, asked])
    return hashlib.blake2s(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
