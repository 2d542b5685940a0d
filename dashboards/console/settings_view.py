"""What the page of the settings shows: every value with its source and its meaning; no secret."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

_HIDDEN, _NOT_SET = "hidden", "not set"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")
# Of these the login and whatever stands behind the computer's name are hidden, of others all.
_OF_COMPUTERS = frozenset({"http", "https", "mongodb", "mongodb+srv"})
# A bucket or a folder has no secrets in its name.
_OF_PLACES = frozenset({"s3", "file"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """An option.

    Attributes
    ----------
    name
        Whole, as messages write it: ``join.lateness_s``.
    source
        ``default``, ``file`` or ``environment``.
    meaning
        As the program's own documentation says it; empty where it says nothing.
    """

    name: str
    value: str
    source: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingGroup:
    """Options of one table of the file; those without a table have no name."""

    name: str
    meaning: str
    rows: tuple[SettingRow, ...]


def setting_groups(settings: BaseModel, origins: Mapping[str, str], *, only_set: bool = False) -> list[SettingGroup]:
    """All options by their tables.

    Parameters
    ----------
    origins
        Where options come from, by their names; those that are not in it have their default.
    only_set
        Whether only those are wanted that are not left at their default.
    """
    meanings = _meanings(type(settings))
    plain: list[SettingRow] = []
    groups: list[SettingGroup] = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if is_dataclass(value) and not isinstance(value, type):
            meaning = (inspect.getdoc(type(value)) or "").split("\n")[0]
            groups.append(SettingGroup(name=name, meaning=meaning, rows=tuple(_rows(value, name, origins))))
        else:
            plain.append(_row(name, value, origins, meanings.get(name, "")))
    found = [SettingGroup(name="", meaning="What stands before the first table.", rows=tuple(plain)), *groups]
    if not only_set:
        return found
    kept = [
        SettingGroup(
            name=group.name, meaning=group.meaning, rows=tuple(row for row in group.rows if row.source != "default")
        )
        for group in found
    ]
    return [group for group in kept if group.rows]


def _rows(value: Any, before: str, origins: Mapping[str, str]) -> Iterator[SettingRow]:
    meanings = _meanings(type(value))
    for option in fields(value):
        name, inner = f"{before}.{option.name}", getattr(value, option.name)
        if is_dataclass(inner) and not isinstance(inner, type):
            yield from _rows(inner, name, origins)
        else:
            yield _row(name, inner, origins, meanings.get(option.name, ""))


def _row(name: str, value: object, origins: Mapping[str, str], meaning: str) -> SettingRow:
    return SettingRow(name=name, value=shown_value(value), source=origins.get(name, "default"), meaning=meaning)


def shown_value(value: object) -> str:
    """A value as it may be shown to whoever may look at the console."""
    if isinstance(value, SecretStr):
        return _HIDDEN if value.get_secret_value() else _NOT_SET
    if value is None or value == "":
        return _NOT_SET
    if isinstance(value, bool):
        return "yes" if value else "no"
    parts = _parts(value)
    return _ADDRESS.sub(lambda match: _shown_address(match[0]), str(value)) if parts is None else parts or "none"


def _parts(value: object) -> str | None:
    """Each of a value that is made of several; None of any other one."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(shown_value(each) for each in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shown_value(each)}" for name, each in value.items())
    if is_dataclass(value) and not isinstance(value, type):
        return "; ".join(f"{option.name} {shown_value(getattr(value, option.name))}" for option in fields(value))
    return None


def _shown_address(address: str) -> str:
    """Logins, tokens in paths and queries are left out."""
    scheme = address.partition("://")[0].lower()
    if scheme in _OF_PLACES:
        return address
    if scheme not in _OF_COMPUTERS:
        return f"{scheme}://{_HIDDEN}"
    try:
        parts = urlsplit(address)
    except ValueError:
        return f"{scheme}://{_HIDDEN}"
    computer = parts.netloc.rpartition("@")[2]
    more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    return f"{scheme}://{computer}{'/... (hidden)' if more else ''}"


def _meanings(kind: type) -> dict[str, str]:
    """What the docstring says of the attributes."""
    _, _, attributes = (inspect.getdoc(kind) or "").partition("Attributes\n----------\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in attributes.split("\n"):
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.split(",")]
        elif line.strip():
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return {name: meaning.replace("``", "") for name, meaning in found.items()}
