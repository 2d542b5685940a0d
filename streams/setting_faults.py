"""What is wrong with a configuration: all of it in one go, a sentence for each fault."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

#: Who reads them mends these first.
MOST_FAULTS = 20

# What pydantic calls a name that no setting has.
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
# What it calls a value where a table belongs.
_NO_TABLE = ("dataclass_type", "model_type", "dict_type", "model_attributes_type")
# At the end of the path to the name of a table, where that is what is wrong.
_KEY = "[key]"


def fault_sentences(error: ValidationError, where: str, known: BaseModel) -> list[str]:
    """Each fault with its option's name, the first ones; the last sentence counts those left out.

    Parameters
    ----------
    where
        The configuration is, for the sentences.
    known
        Settings, for the names that there are.
    """
    found = error.errors()
    sentences = [f"{_option(each['loc'])} {where}: {_what(each, known)}" for each in found[:MOST_FAULTS]]
    more = len(found) - MOST_FAULTS
    return [*sentences, f"and {more} more faults {where}"] if more > 0 else sentences


def _option(place: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in place if part != _KEY) or "the configuration"


def _what(fault: ErrorDetails, known: BaseModel) -> str:
    place = fault["loc"]
    if fault["type"] in _UNKNOWN:
        return f"there is no such setting{_did_you_mean(str(place[-1]), _names_beside(place, known))}"
    if fault["type"] in _NO_TABLE:
        return f"it is a table of settings, [{_option(place)}], and no single value"
    if place[-1:] == (_KEY,):
        names = [name for name in fault.get("ctx", {}).get("expected", "").split("'")[1::2] if name]
        known_names = f"; there are {', '.join(names)}"
        return f"there is no such name here{_did_you_mean(str(place[-2]), names) or known_names}"
    return fault["msg"]


def _did_you_mean(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _names_beside(place: Sequence[int | str], settings: BaseModel) -> list[str]:
    """The names that there are where an unknown one was found; none where that can't be told."""
    known: Any = settings
    for part in place[:-1]:
        known = known.get(part) if isinstance(known, Mapping) else getattr(known, str(part), None)
    if isinstance(known, BaseModel):
        return list(type(known).model_fields)
    return [option.name for option in fields(known)] if is_dataclass(known) else []
