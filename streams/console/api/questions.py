"""Parameters that several resources take: stretches of time, patterns."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Path, Query

from models.alerts.alert import AlertKind
from models.devices import STAGE_PATTERN
from models.event_time import parse_iso
from streams.console.problems import RefusedError

_LONGEST_TEXT = 100
_FROM = "Times from this on: ISO 8601; UTC without a zone."
_TO = "Times before this."

_PATTERN = "with `*`, `?` and `[...]` for others; empty: all. Case matters."

StagePattern = Annotated[str, Query(max_length=_LONGEST_TEXT, description=f"Stages, {_PATTERN}", examples=["LA-A3-*"])]
DevicePattern = Annotated[
    str, Query(max_length=_LONGEST_TEXT, description=f"Names of devices, {_PATTERN}", examples=["*Camera*"])
]
SubjectPattern = Annotated[
    str, Query(max_length=_LONGEST_TEXT, description=f"What they are about, {_PATTERN}", examples=["LA_A3_31-*"])
]
KindAsked = Annotated[AlertKind | None, Query(description="Of this kind alone.", examples=["image_anomaly"])]
AnomalousAsked = Annotated[bool | None, Query(description="Odd ones, or those that are not; without: both.")]
StageName = Annotated[
    str | None, Query(pattern=STAGE_PATTERN, description="One that was hit: `LA-A3-31`.", examples=["LA-A3-31"])
]
ID_PATTERN = "^[0-9a-f]{16}$"
#: Of an alert, an alarm or an incident.
Id = Annotated[str, Path(pattern=ID_PATTERN, description="16 hexadecimal digits.", examples=["3f9a07c1d2e4b586"])]


@dataclass(frozen=True, slots=True)
class OpenStretch:
    """From ``from_ns`` on and before ``to_ns``, nanoseconds since 1970; None is open."""

    from_ns: int | None
    to_ns: int | None


def _stretch(
    from_: Annotated[
        str | None, Query(alias="from", max_length=40, description=_FROM, examples=["2022-07-01T09:00"])
    ] = None,
    to: Annotated[str | None, Query(max_length=40, description=_TO, examples=["2022-07-01T10:00:00.500Z"])] = None,
) -> OpenStretch:
    return stretch_between(from_, to)


#: The parameters ``from`` and ``to``.
StretchAsked = Annotated[OpenStretch, Depends(_stretch)]


def stretch_between(from_text: str | None, to_text: str | None) -> OpenStretch:
    """A stretch by its ends in ISO 8601.

    Raises
    ------
    RefusedError
        422.
    """
    from_ns, to_ns = time_of("from", from_text), time_of("to", to_text)
    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "`from` must lie before `to`.", "stretch")
    return OpenStretch(from_ns, to_ns)


def time_of(name: str, text: str | None) -> int | None:
    """Nanoseconds since 1970 of a parameter that may be left out.

    Raises
    ------
    RefusedError
        422.
    """
    if text is None:
        return None
    try:
        return parse_iso(text)
    except ValueError as error:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f"`{name}`: {error}.", "time") from error


def fits(text: str, pattern: str) -> bool:
    """Whether a text is one that a pattern means; an empty one means all."""
    return not pattern or fnmatchcase(text, pattern)
