"""Which copies on cartridges are read, in which order, and which cartridges are wanted for the rest."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy, BundleMember, CopyState
from models.archive.volumes import Volume, VolumeState


@dataclass(frozen=True, slots=True, kw_only=True)
class TapePlace:
    """Where the content of a file lies on a cartridge.

    Attributes
    ----------
    rank
        Smaller ones are tried first; see ``tape_rank``.
    """

    file: ArchivedFile
    copy: BundleCopy
    member: BundleMember
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedVolume:
    """A cartridge that is to be put in, and what would be read from it."""

    volume: str
    files: int
    size_bytes: int


def tape_rank(copy: BundleCopy, volume: Volume | None) -> int:
    """0 for a copy that was proven, 1 for one that was not yet, 2 for one that is damaged or on a retired cartridge.

    Also of a damaged bundle most files are good: what is read is compared in any case.
    """
    if copy.state is CopyState.DAMAGED or (volume is not None and volume.state is VolumeState.RETIRED):
        return 2
    return 0 if copy.state is CopyState.SAFE else 1


def next_places(pending: Mapping[str, Sequence[TapePlace]], mounted: Collection[str]) -> list[TapePlace]:
    """One place for each file that has one on a mounted cartridge, in the order in which tapes are read.

    Parameters
    ----------
    pending
        The places that were not tried yet, by file.
    mounted
        ``Volume.uuid`` of the cartridges that can be read now.
    """
    reachable = {
        id_: there
        for id_, places in pending.items()
        if (there := [place for place in places if place.copy.volume in mounted])
    }
    counts = Counter(place.copy.volume for places in reachable.values() for place in places)

    def preference(place: TapePlace) -> tuple[int, int, str]:
        return place.rank, -counts[place.copy.volume], place.copy.id

    return in_tape_order(min(places, key=preference) for places in reachable.values())


def in_tape_order(places: Iterable[TapePlace]) -> list[TapePlace]:
    """By cartridge, partition, first block, and place in the bundle: a tape that is wound to and fro takes minutes."""
    return sorted(
        places,
        key=lambda place: (
            place.copy.volume,
            place.copy.partition,
            place.copy.start_block,
            place.copy.path,
            place.member.offset,
        ),
    )


def wanted_volumes(pending: Mapping[str, Sequence[TapePlace]]) -> list[WantedVolume]:
    """Few cartridges that hold all of these files, the one with most of them first.

    Places of a higher rank count only where a file has no other.
    """
    left = {id_: _best(places) for id_, places in pending.items() if places}
    wanted = []
    while left:
        counts = Counter(volume for volumes in left.values() for volume in volumes)
        chosen = min(counts, key=lambda volume: (-counts[volume], volume))
        ids = [id_ for id_, volumes in left.items() if chosen in volumes]
        size_bytes = sum(pending[id_][0].file.size_bytes for id_ in ids)
        wanted.append(WantedVolume(volume=chosen, files=len(ids), size_bytes=size_bytes))
        left = {id_: volumes for id_, volumes in left.items() if chosen not in volumes}
    return wanted


def _best(places: Sequence[TapePlace]) -> set[str]:
    best = min(place.rank for place in places)
    return {place.copy.volume for place in places if place.rank == best}
