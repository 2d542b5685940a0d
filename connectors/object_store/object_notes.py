"""What is noted with an object: the protocol has it as headers, in ASCII, and room for little."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

_PREFIX = "x-amz-meta-"
# The protocol's 2 kB, less what whoever sends an object in parts notes besides.
_MOST_BYTES = 2000


def notes_that_fit(notes: Mapping[str, str]) -> dict[str, str]:
    """Those that there is room for; the longest is left out first."""
    fitting = dict(notes)
    while sum(len(name) + len(value) for name, value in note_headers(fitting).items()) > _MOST_BYTES:
        del fitting[max(fitting, key=lambda name: len(quote(fitting[name])))]
    return fitting


def note_headers(notes: Mapping[str, str]) -> dict[str, str]:
    """Notes as headers of a request."""
    return {f"{_PREFIX}{name}": quote(value) for name, value in notes.items()}


def noted_in(headers: Mapping[str, str]) -> dict[str, str]:
    """The notes among the headers of an answer, which have small letters."""
    return {name.removeprefix(_PREFIX): unquote(value) for name, value in headers.items() if name.startswith(_PREFIX)}
