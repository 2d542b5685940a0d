"""What the page of the archive shows: what waits, what is safe where, and the cartridges."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.catalog_table import stored_text, tape_text
from dashboards.volume_table import ShownVolume
from dashboards.words import count_words, plain_words, size_words, span_words, time_words
from models.archive.found_file import FoundFile
from models.archive.safety import Obstacle
from models.archive.volumes import VolumeState

_SINKS = {"store": "into the store", "catalog": "into the catalog"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRow:
    """What waits for a place."""

    place: str
    files: str
    size: str
    oldest: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedRow:
    """A file and where its copies lie."""

    first: str
    key: str
    size: str
    records: str
    copies: tuple[str, ...]
    safe: bool
    why_not: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CartridgeRow:
    """A cartridge."""

    name: str
    state: str
    used: str
    used_percent: int
    safe: str
    waiting: str
    damaged: str
    errors: str
    verified: str
    mounted: str
    fine: bool


def waiting_rows(status: Mapping[str, Any]) -> list[WaitingRow]:
    """What waits by sink; ``status`` as ``archive_status`` gives it."""
    return [
        WaitingRow(
            place=_SINKS.get(sink, sink),
            files=count_words(lag["files"]),
            size=size_words(lag["bytes"]),
            oldest=span_words(lag["oldest_s"]),
            why=lag["error"],
        )
        for sink, lag in status["waiting"].items()
    ]


def archive_facts(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Where the archive is, what was done, and what a facility's snapshots gave a second time."""
    facts = [("store", status["store"] or "none is configured"), ("its own files", status["folder"])]
    facts += [
        (plain_words(name), size_words(number) if name.endswith("bytes") else count_words(number))
        for name, number in status["counts"].items()
    ]
    states = status["states"]
    if states:
        facts += [
            ("a facility's states until", states["until"]),
            ("stretches that give the same again", count_words(states["same"])),
            ("stretches that give something else", count_words(states["different"])),
        ]
    return facts + [(f"cartridges {state}", count_words(number)) for state, number in status["cartridges"].items()]


def archived_rows(files: Iterable[tuple[FoundFile, Sequence[Obstacle] | None]]) -> list[ArchivedRow]:
    """Files with what keeps them from being safe; None where nothing says what safe is."""
    rows = []
    for (file, copies), why_not in files:
        on_tape = [tape_text(copy, copies.volumes.get(copy.volume)) for copy in copies.bundle_copies]
        rows.append(
            ArchivedRow(
                first=time_words(file.first_ns, seconds=True),
                key=file.key,
                size=size_words(file.size_bytes),
                records=count_words(file.records),
                copies=(*map(stored_text, copies.store_copies), *on_tape),
                safe=why_not is not None and not why_not,
                why_not=tuple(obstacle.sentence for obstacle in why_not or ()),
            )
        )
    return rows


def cartridge_rows(lines: Iterable[ShownVolume]) -> list[CartridgeRow]:
    """The inventory."""
    return [_cartridge_row(line) for line in lines]


def _cartridge_row(line: ShownVolume) -> CartridgeRow:
    volume = line.volume
    percent = round(100 * volume.used_bytes / volume.capacity_bytes) if volume.capacity_bytes else 0
    return CartridgeRow(
        name=volume.name,
        state=volume.state.value,
        used=f"{size_words(volume.used_bytes)} of {size_words(volume.capacity_bytes)}" if percent else "-",
        used_percent=min(percent, 100),
        safe=count_words(line.safe),
        waiting=count_words(line.written),
        damaged=count_words(line.damaged),
        errors=count_words(volume.errors),
        verified=time_words(volume.last_verified_ns, seconds=True) if volume.last_verified_ns else "never",
        mounted=time_words(volume.last_mounted_ns, seconds=True) if volume.last_mounted_ns else "never",
        fine=not line.damaged and volume.state is not VolumeState.SUSPECT,
    )
