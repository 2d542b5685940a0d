"""What was asked for by a name that no parameter has is told, and not left out: `?form=` would give everything."""

from collections.abc import Iterable
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.params import Query

from streams.console.problems import RefusedError

_SHOWN_CHARACTERS = 40


def check_query(request: Request, dependant: Dependant) -> None:
    """Go on only if every query parameter is one that this route takes, as often as it takes it.

    Parameters
    ----------
    dependant
        What the route takes, with all that it depends on.

    Raises
    ------
    RefusedError
        422 with the reason ``unknown_parameter``, the known ones and a near match, or ``repeated_parameter``.
    """
    given = request.query_params.multi_items()
    if not given:
        return
    known = dict(_parameters(dependant))
    seen: set[str] = set()
    for name, _ in given:
        if name not in known:
            sentence = no_such_name("parameter", name, "this path", known)
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence, "unknown_parameter")
        if name in seen and not known[name]:
            sentence = f"`{name}` is given more than once, and takes one value."
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence, "repeated_parameter")
        seen.add(name)


def _parameters(dependant: Dependant) -> Iterable[tuple[str, bool]]:
    """The names of the query parameters, in their order, and whether they may be repeated."""
    for field in dependant.query_params:
        assert isinstance(field.field_info, Query)  # noqa: S101 - all of this list are
        yield field.alias, _takes_many(field.field_info.annotation)
    for part in dependant.dependencies:
        yield from _parameters(part)


def _takes_many(annotation: Any) -> bool:
    """Whether a type is a list, or a list or nothing."""
    return any(get_origin(form) is list for form in (annotation, *get_args(annotation)))


def no_such_name(what: str, name: str, place: str, known: Iterable[str]) -> str:
    """The sentence about a name that is none, with those that there are.

    Parameters
    ----------
    what, place
        What it would be, and of what: a parameter, this path.
    """
    names = list(known)
    if not names:
        return f"There is no {what} {quoted(name)}; {place} takes none."
    near = get_close_matches(name[:_SHOWN_CHARACTERS], names, n=1)
    meant = f"; did you mean `{near[0]}`?" if near else "."
    return (
        f"There is no {what} {quoted(name)} here{meant} There {'are' if len(names) > 1 else 'is'} {', '.join(names)}."
    )


def quoted(text: str) -> str:
    """What a request has, in quotation marks, as far as a sentence has room for it."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}...")
