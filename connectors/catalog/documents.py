"""Records as plain values, for rows and documents alike, and what is computed of them when they are written."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date
from enum import Enum
from typing import Any, TypeVar

from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy, CopyState
from models.archive.volumes import Volume, VolumeState
from models.snapshot_names import midnight_ns

Record = TypeVar("Record")

#: Times and sizes are signed 64-bit integers in both kinds of catalog.
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1

#: What a file's reader says of its content, and the date, which stands for its times when it has none.
DESCRIPTION = ("date", "first_ns", "last_ns", "devices", "stages", "states", "records", "refused")

_WORDS: dict[type, dict[str, type[Enum]]] = {BundleCopy: {"state": CopyState}, Volume: {"state": VolumeState}}


def names_of(kind: type[Any]) -> tuple[str, ...]:
    """The names of a record's fields, in their order."""
    return tuple(field.name for field in fields(kind))


def values_of(record: Any) -> dict[str, Any]:
    """A record's fields: words of a kind as text, tuples as lists."""
    return {name: _plain(getattr(record, name)) for name in names_of(type(record))}


def record_of(kind: type[Record], values: Mapping[str, Any]) -> Record:
    """The record of plain values; others that stand with them are left.

    Raises
    ------
    KeyError, ValueError, TypeError
        When they are not those of such a record.
    """
    words = _WORDS.get(kind, {})
    found = {name: values[name] for name in names_of(kind)}
    for name, value in found.items():
        if name in words:
            found[name] = words[name](value)
        elif isinstance(value, list):
            found[name] = tuple(value)
    return kind(**found)


def file_times(file: ArchivedFile) -> tuple[int, int]:
    """Between which event times a file is found, ns since 1970: both are its date's midnight without records.

    A file that tells no date either stands at 0.
    """
    if file.first_ns is not None:
        return file.first_ns, max(file.first_ns, file.last_ns if file.last_ns is not None else file.first_ns)
    try:
        midnight = midnight_ns(date.fromisoformat(file.date), UTC)
    except ValueError:
        midnight = 0
    return midnight, midnight


def is_described(file: ArchivedFile) -> bool:
    """Whether it says anything of the content: whoever knows a file by its name only leaves what is known of it."""
    return bool(file.records or file.refused or file.first_ns is not None or file.devices)


def as_known(file: ArchivedFile, known: ArchivedFile | None) -> ArchivedFile:
    """The file as it is written: with the description that is known when it has none of its own.

    Of its times of change the later one stays: which version is the latest does not depend on who told of it last.
    """
    if known is None:
        return file
    kept = () if is_described(file) else DESCRIPTION
    mtime_ns = max(file.mtime_ns, known.mtime_ns)
    return replace(file, **{"mtime_ns": mtime_ns, **{name: getattr(known, name) for name in kept}})


def starts_between(from_ns: int | None, to_ns: int | None, length_ns: int) -> tuple[int, int]:
    """From when on and before when things begin that touch a stretch of time and are at most so long."""
    begun = INT64_MIN if from_ns is None else in_range(from_ns - length_ns)
    return begun, INT64_MAX if to_ns is None else in_range(to_ns)


def in_range(time_ns: int) -> int:
    """A bound of a query as a signed 64-bit integer."""
    return min(max(time_ns, INT64_MIN), INT64_MAX)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value
