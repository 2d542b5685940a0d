"""What a request has that can't be taken, as one sentence: what, where, and what is taken instead."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_args

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from models.devices import STAGE_PATTERN
from streams.console.api.known_parameters import no_such_name, quoted
from streams.console.api.questions import ID_PATTERN

_WHERE = MappingProxyType({"path": "in the path", "query": "in the query", "body": "in the body"})
_PATTERNS = MappingProxyType(
    {
        ID_PATTERN: "an id has 16 digits, each 0 to 9 or a to f; take it whole, as the lists have it",
        STAGE_PATTERN: "a stage is written as LA-A3-31; /api/v1/stages has them",
    }
)
# By the framework's words for them; with what the declaration says.
_SENTENCES = MappingProxyType(
    {
        "missing": "it is missing",
        "string_type": "it takes a text, in quotation marks",
        "string_too_long": "it has at most {max_length:,} characters",
        "string_too_short": "it must not be empty",
        "too_long": "it is given at most {max_length} times",
        "too_short": "it is missing",
        "enum": "it is one of {expected}",
        "literal_error": "it is one of {expected}",
        "bool_parsing": "it is true or false",
        "bool_type": "it is true or false",
        "int_parsing": "it is a whole number",
        "int_type": "it is a whole number",
        "greater_than_equal": "it is {ge:,} or more",
        "less_than_equal": "it is {le:,} or less",
    }
)


def body_fields(dependant: Dependant) -> list[str]:
    """The names that a route's body may have."""
    names = []
    for field in dependant.body_params:
        annotation = field.field_info.annotation
        for form in (annotation, *get_args(annotation)):
            if isinstance(form, type) and issubclass(form, BaseModel):
                names += [one.alias or name for name, one in form.model_fields.items()]
    return names


def misunderstood(error: Mapping[str, Any], taken: Sequence[str]) -> tuple[str, str]:
    """The sentence and its reason.

    Parameters
    ----------
    error
        As the framework describes it.
    taken
        What the body may have.
    """
    kind, (source, *place) = str(error["type"]), error["loc"]
    if source == "body" and kind == "json_invalid":
        return f"The body is no JSON; {_taken_words(taken)}", "bad_request"
    if source == "body" and (not place or place[0] not in taken):
        if kind == "extra_forbidden":
            return no_such_name("field", str(place[0]), "this body", taken), "unknown_field"
        return f"The body is no JSON object; {_taken_words(taken)}", "bad_request"
    shown = f"`{place[0]}` {_WHERE.get(str(source), '')}".rstrip() if place else str(source)
    asked = source in {"path", "query"} and isinstance(error["input"], str)
    given = f" can't be {quoted(error['input'])}" if asked else ""
    return f"{shown}{given}: {_wanted(kind, error)}.", "bad_request"


def _taken_words(names: Iterable[str]) -> str:
    return f"send an object with {', '.join(names)}."


def _wanted(kind: str, error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    if kind == "string_pattern_mismatch" and context.get("pattern") in _PATTERNS:
        return _PATTERNS[context["pattern"]]
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(**context)
    message = str(error["msg"])
    return f"{message[:1].lower()}{message[1:]}"
