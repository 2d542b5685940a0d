"""What a restore would do."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from models.archive.archived_file import ArchivedFile
from models.archive.restore_order import TapePlace, WantedVolume, next_places, wanted_volumes
from streams.archive.restoring.restore_sources import RestoreSources, copies_of
from streams.archive.restoring.restore_tape import volume_labels
from streams.archive.restoring.restore_target import Found, RestoreTarget

NOWHERE, THERE, TAPE = "nowhere", "there", "tape"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCartridge:
    """A cartridge that would be read."""

    label: str
    mounted: bool
    wanted: WantedVolume


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What would be read.

    Attributes
    ----------
    files
        How many would come from ``local``, ``store``, ``tape``, ``nowhere``; those that are ``there`` by size and time.
    size_bytes
        Of those that would be copied.
    cartridges
        In the order in which they are best put in.
    """

    files: Counter[str]
    size_bytes: int
    cartridges: tuple[PlannedCartridge, ...]


def plan_restore(files: Iterable[ArchivedFile], into: Path, sources: RestoreSources) -> RestorePlan:
    """Find out what a restore would read; nothing is written, and no content is read."""
    counts: Counter[str] = Counter()
    size_bytes = 0
    on_tape: dict[str, tuple[TapePlace, ...]] = {}
    target = RestoreTarget(into) if into.is_dir() else None
    for copies in copies_of(files, sources):
        if target is not None and target.look(copies.file, compare=False) is Found.CONTENT:
            counts[THERE] += 1
            continue
        if copies.near:
            counts[copies.near[0].source] += 1
        elif copies.on_tape:
            counts[TAPE] += 1
            on_tape[copies.file.id] = copies.on_tape
        else:
            counts[NOWHERE] += 1
            continue
        size_bytes += copies.file.size_bytes
    return RestorePlan(files=counts, size_bytes=size_bytes, cartridges=tuple(_cartridges(on_tape, sources)))


def _cartridges(on_tape: dict[str, tuple[TapePlace, ...]], sources: RestoreSources) -> list[PlannedCartridge]:
    if not on_tape:
        return []
    labels = volume_labels(sources)
    mounted = {cartridge.uuid for cartridge in sources.cartridges().cartridges}
    here = {place.file.id: [place] for place in next_places(on_tape, mounted)}
    elsewhere = {id_: places for id_, places in on_tape.items() if id_ not in here}
    return [
        PlannedCartridge(label=labels.get(wanted.volume, wanted.volume), mounted=is_mounted, wanted=wanted)
        for places, is_mounted in ((here, True), (elsewhere, False))
        for wanted in wanted_volumes(places)
    ]
