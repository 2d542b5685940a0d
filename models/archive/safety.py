"""Whether a file may be deleted: computed from what is known of its copies, each time anew; never noted anywhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.archive.copies import BundleCopy, CopyState, KnownCopies
from models.archive.volumes import Volume, VolumeState


class WhyNot(StrEnum):
    """Why a file is not safe to delete."""

    #: The watch or the connector still has work with it.
    UNFINISHED = "unfinished"
    #: What lies there is not what was archived, or can't be read.
    CHANGED = "changed"
    #: A symbolic link, not below a watched folder, or the very file that is the store's copy.
    NOT_OURS = "not_ours"
    #: Its folder is missing or empty, as that of a file system that is not mounted; its copies would not be enough.
    FOLDER_AWAY = "folder_away"
    #: The catalog does not have this content under this key.
    NOT_CATALOGED = "not_cataloged"
    #: There is no copy in the store that the settings name.
    NO_STORE_COPY = "no_store_copy"
    #: The copy in the store was never compared with the content.
    STORE_UNVERIFIED = "store_unverified"
    #: The last reading of the copy in the store found something else.
    STORE_DAMAGED = "store_damaged"
    #: It is in no bundle yet.
    UNBUNDLED = "unbundled"
    #: Too few cartridges have a copy that was read back after a remount.
    TAPE_COPIES = "tape_copies"
    #: The store keeps the version for some time yet (object lock).
    LOCKED = "locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One thing that keeps a file from being deleted.

    Attributes
    ----------
    sentence
        What is missing, in one sentence without the file's name.
    """

    why: WhyNot
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyRule:
    """Which copies a file must have before one of its others may go.

    Attributes
    ----------
    store
        Address of the store whose copy is wanted; empty wants none.
    tape_copies
        Different cartridges with a copy that was read back; 0 in an installation that says it has no tape.
    """

    store: str
    tape_copies: int

    def __post_init__(self) -> None:
        if not self.store and self.tape_copies < 1:
            raise ValueError("a file without any copy is never safe to delete: want one in a store or on tape")


def obstacles(known: KnownCopies, rule: SafetyRule) -> list[Obstacle]:
    """What the file's copies lack; empty when they are proven to be enough without the one that is to go."""
    if not known.cataloged:
        return [Obstacle(why=WhyNot.NOT_CATALOGED, sentence="the catalog does not have this content yet")]
    found = [_store_obstacle(known, rule.store)] if rule.store else []
    if rule.tape_copies:
        found.append(_tape_obstacle(known, rule.tape_copies))
    return [each for each in found if each is not None]


def proven_volumes(bundle_id: str, copies: Iterable[BundleCopy], volumes: Mapping[str, Volume]) -> set[str]:
    """The cartridges whose copy of a bundle counts: read back after a remount, and the cartridge is trusted."""
    return {
        copy.volume
        for copy in copies
        if copy.bundle_id == bundle_id
        and copy.state is CopyState.SAFE
        and copy.read_back_ns is not None
        and not copy.damaged
        and is_trusted(volumes.get(copy.volume))
    }


def is_trusted(volume: Volume | None) -> bool:
    """Whether what was read back from a cartridge counts.

    That of a retired or unknown one does not. A suspect one has no time of verification until all its copies were read
    back anew (``volume_steps.suspected`` takes the time away).
    """
    if volume is None or volume.state is VolumeState.RETIRED:
        return False
    return volume.state is not VolumeState.SUSPECT or volume.last_verified_ns is not None


def _store_obstacle(known: KnownCopies, store: str) -> Obstacle | None:
    there = [copy for copy in known.store_copies if copy.file_id == known.file_id and copy.store == store]
    if not there:
        return Obstacle(why=WhyNot.NO_STORE_COPY, sentence=f"there is no copy in {store}")
    if all(copy.damaged for copy in there):
        sentence = f"its copy in {store} was damaged when it was last read ({there[0].damaged})"
        return Obstacle(why=WhyNot.STORE_DAMAGED, sentence=sentence)
    sound = [copy for copy in there if not copy.damaged]
    if all(copy.checked_ns is None and copy.read_back_ns is None for copy in sound):
        return Obstacle(
            why=WhyNot.STORE_UNVERIFIED, sentence=f"its copy in {store} was never compared with the content"
        )
    return None


def _tape_obstacle(known: KnownCopies, wanted: int) -> Obstacle | None:
    if not known.bundles:
        return Obstacle(why=WhyNot.UNBUNDLED, sentence="it is in no bundle for tape yet")
    proven = set().union(*(proven_volumes(bundle, known.bundle_copies, known.volumes) for bundle in known.bundles))
    if len(proven) < wanted:
        sentence = f"{len(proven)} of {wanted} cartridges have a copy that was read back after a remount and counts"
        return Obstacle(why=WhyNot.TAPE_COPIES, sentence=sentence)
    return None
