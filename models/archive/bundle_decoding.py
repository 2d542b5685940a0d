"""Reads a manifest that may be damaged, or made to do harm."""

import json
import re
from dataclasses import fields
from types import NoneType
from typing import Any, get_args, get_type_hints

from models.archive.archived_file import ArchivedFile
from models.archive.bundle_manifest import (
    FORMAT,
    MAX_MANIFEST_BYTES,
    MAX_MEMBERS,
    TAR_BLOCK_BYTES,
    BundleManifest,
    ManifestMember,
    bundle_id,
)
from models.archive.bundle_names import is_member_name
from models.errors import RecordError

_HEAD = {"format", "bundle", "installation", "members"}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_INSTALLATION = re.compile(r"[A-Za-z0-9-]{1,255}")
_LONGEST_TEXT = 4096  # characters: of a path
_MOST_TEXTS = 4096  # of a file's devices, for example
_INT64 = range(-(1 << 63), 1 << 63)
_TYPES: dict[str, Any] = get_type_hints(ArchivedFile)


def decode_manifest(data: bytes, where: str) -> BundleManifest:
    """The manifest of these bytes.

    Parameters
    ----------
    where
        Names the bundle in the sentence about what is wrong with it.

    Raises
    ------
    RecordError
        ``bundle_damaged``: anything but a whole and consistent manifest; ``bundle_too_new``: a later format.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise bundle_damaged(where, f"its manifest has {len(data)} bytes, more than any")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise bundle_damaged(where, f"its manifest is no JSON ({str(error)[:100]})") from error
    if not isinstance(document, dict) or "format" not in document:
        raise bundle_damaged(where, "its manifest is not one of Petawatch")
    if type(document["format"]) is int and document["format"] > FORMAT:
        raise RecordError(
            f"the bundle {where} has format {str(document['format'])[:20]}, and this Petawatch knows those up to "
            f"{FORMAT}; read it with a later one, or with tar",
            reason="bundle_too_new",
        )
    try:
        return _manifest(document)
    except ValueError as error:
        raise bundle_damaged(where, str(error)) from error


def bundle_damaged(where: str, what: str) -> RecordError:
    """A bundle that is not what it should be."""
    return RecordError(f"the bundle {where} is damaged: {what}; take another copy", reason="bundle_damaged")


def _manifest(document: dict[str, object]) -> BundleManifest:
    _check(set(document) == _HEAD and type(document["format"]) is int and document["format"] == FORMAT, "its head")
    installation, lines = document["installation"], document["members"]
    if not isinstance(installation, str) or not _INSTALLATION.fullmatch(installation):
        raise ValueError("its manifest names no installation")
    if not isinstance(lines, list) or not 1 <= len(lines) <= MAX_MEMBERS:
        raise ValueError(f"its manifest does not list 1 to {MAX_MEMBERS} files")
    members = tuple(_member(line, number) for number, line in enumerate(lines))
    _check_places(members)
    id_ = bundle_id(installation, (member.file.id for member in members))
    _check(document["bundle"] == id_, "its bundle id does not fit its files")
    return BundleManifest(bundle_id=id_, installation=installation, members=members)


def _check(fulfilled: bool, what: str) -> None:
    if not fulfilled:
        raise ValueError(f"its manifest is wrong in this: {what}")


def _member(line: object, number: int) -> ManifestMember:
    where = f"file {number} of its manifest"
    names = {field.name for field in fields(ArchivedFile)}
    if not isinstance(line, dict) or set(line) != names | {"name", "offset"}:
        raise ValueError(f"{where} has other entries than those of a file")
    for name in names:
        if not _fits(line[name], name):
            raise ValueError(f"{where} has an impossible {name}")
    if not isinstance(line["name"], str) or len(line["name"]) > _LONGEST_TEXT or not is_member_name(line["name"]):
        raise ValueError(f"{where} has a name that can't be unpacked")
    if type(line["offset"]) is not int or line["offset"] <= 0 or line["offset"] % TAR_BLOCK_BYTES:
        raise ValueError(f"{where} begins nowhere in a tar")
    values: dict[str, Any] = {name: tuple(line[name]) if isinstance(line[name], list) else line[name] for name in names}
    return ManifestMember(file=ArchivedFile(**values), name=line["name"], offset=line["offset"])


def _fits(value: object, name: str) -> bool:
    """Whether a value can be this attribute of a file."""
    kinds = get_args(_TYPES[name]) or (_TYPES[name],)
    if NoneType in kinds and value is None:
        return True
    if str in kinds and Ellipsis in kinds:
        return isinstance(value, list) and len(value) <= _MOST_TEXTS and all(_is_text(text) for text in value)
    if int in kinds:
        least = 0 if name in {"size_bytes", "records"} else _INT64.start
        return type(value) is int and least <= value < _INT64.stop
    return _is_text(value) and (name != "sha256" or _SHA256.fullmatch(str(value)) is not None)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


def _check_places(members: tuple[ManifestMember, ...]) -> None:
    """Every name once, and contents one behind the other with room for a header between."""
    _check(len({member.name for member in members}) == len(members), "two files have one name")
    _check(len({member.file.id for member in members}) == len(members), "a file is in it twice")
    end = TAR_BLOCK_BYTES
    for member in members:
        _check(member.offset >= end + TAR_BLOCK_BYTES, f"{member.name} begins inside of what is before it")
        end = member.offset + -(-member.file.size_bytes // TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES
