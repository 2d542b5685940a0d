"""Archived files and where their copies lie, for eyes and as JSON."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from rich.console import Console

from dashboards.printable import printable
from dashboards.printed_rows import print_blocks, print_table, table_fits
from dashboards.words import counted
from models.archive.copies import BundleCopy, StoreCopy
from models.archive.found_file import FoundFile
from models.archive.volumes import Volume
from models.event_time import format_iso, iso_or_none

#: Of the files of a table on a terminal, when no limit was given.
TERMINAL_LIMIT = 40

_COLUMNS = ("first shot", "file", "MB", "records", "states", "refused", "copies")
_NUMBERS = ("MB", "records")


def print_files(files: Iterable[FoundFile], console: Console, limit: int = 0) -> None:
    """A table or blocks on a terminal, one line per file (fields separated by tabs) elsewhere.

    Parameters
    ----------
    limit
        At most so many files, and a line that says so; 0: all, but on a terminal ``TERMINAL_LIMIT``.
    """
    most = limit or (TERMINAL_LIMIT if console.is_terminal else 0)
    rest = iter(files)
    rows = map(_cells, islice(rest, most) if most else rest)
    if console.is_terminal:
        _print_rows(list(rows), console)
    else:
        for cells in rows:
            console.file.write("\t".join(cells) + "\n")  # the console itself would turn tabs into blanks
    if most and next(rest, None) is not None:
        console.print(f"only the first {counted(most, 'file')}; --limit shows more", highlight=False)


def file_document(found: FoundFile) -> dict[str, Any]:
    """A file with its copies as JSON values; times are ISO 8601 in UTC."""
    file, copies = found
    return {
        "id": file.id,
        "key": file.key,
        "path": file.path,
        "root": file.root,
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
        "modified": iso_or_none(file.mtime_ns),
        "interval": file.interval,
        "date": file.date,
        "front_end": file.front_end,
        "recorder": file.recorder,
        "first_shot": iso_or_none(file.first_ns),
        "last_shot": iso_or_none(file.last_ns),
        "devices": list(file.devices),
        "stages": list(file.stages),
        "states": list(file.states),
        "records": file.records,
        "refused": file.refused,
        "store": [_stored_document(copy) for copy in copies.store_copies],
        "bundles": list(copies.bundles),
        "tape": [_tape_document(copy, copies.volumes.get(copy.volume)) for copy in copies.bundle_copies],
    }


def _print_rows(rows: Sequence[Sequence[str]], console: Console) -> None:
    if table_fits(_COLUMNS, rows, console):
        print_table("Files", _COLUMNS, rows, console, right=_NUMBERS)
    else:
        named = (dict(zip(_COLUMNS, row, strict=True)) for row in rows)
        print_blocks(((cells.pop("file"), list(cells.items())) for cells in named), console)


def _cells(found: FoundFile) -> tuple[str, ...]:
    file, copies = found
    on_tape = [tape_text(copy, copies.volumes.get(copy.volume)) for copy in copies.bundle_copies]
    cells = (
        "-" if file.first_ns is None else format_iso(file.first_ns),
        file.key,
        f"{file.size_bytes / 1e6:.1f}",
        f"{file.records:,}",
        ", ".join(file.states),
        file.refused,
        "; ".join([*map(stored_text, copies.store_copies), *on_tape]) or f"local: {file.root}",
    )
    return tuple(map(printable, cells))


def stored_text(copy: StoreCopy) -> str:
    """A copy in a store, in few words."""
    if copy.damaged:
        return f"{copy.store} damaged ({copy.damaged})"
    return copy.store if copy.checked_ns is not None or copy.read_back_ns is not None else f"{copy.store} unchecked"


def tape_text(copy: BundleCopy, volume: Volume | None) -> str:
    """A copy on a cartridge, in few words; None is one that the catalog does not know."""
    damaged = f" ({copy.damaged})" if copy.damaged else ""
    return f"tape {copy.volume if volume is None else volume.name} {copy.state.value}{damaged}"


def _stored_document(copy: StoreCopy) -> dict[str, Any]:
    return {
        "store": copy.store,
        "version": copy.version,
        "checked": iso_or_none(copy.checked_ns),
        "read_back": iso_or_none(copy.read_back_ns),
        "damaged": copy.damaged,
    }


def _tape_document(copy: BundleCopy, volume: Volume | None) -> dict[str, Any]:
    return {
        "bundle": copy.bundle_id,
        "volume": copy.volume,
        "barcode": "" if volume is None else volume.barcode,
        "volume_state": "" if volume is None else volume.state.value,
        "path": copy.path,
        "state": copy.state.value,
        "written": iso_or_none(copy.written_ns),
        "read_back": iso_or_none(copy.read_back_ns),
        "damaged": copy.damaged,
    }
