"""What tape needs a person for now, as it follows from the catalog, the disk and what is mounted."""

import shlex
from collections.abc import Collection, Iterable, Sequence

from connectors.catalog.catalog import Catalog
from models.alerts.alert import AlertKind
from models.alerts.facility_alerts import TapeReason
from models.archive.copies import BundleCopy, CopyState
from models.archive.volumes import Volume, VolumeState
from models.errors import RetryableError
from streams.archive.tape.bundle_needs import short_bundles
from streams.archive.tape.cartridge_choice import WantingBundle
from streams.archive.tape.tape_alerts import Need

_TROUBLE, _WANTED = AlertKind.TAPE_TROUBLE, AlertKind.TAPE_WANTED
#: What is about all of tape and no single cartridge.
ALL = "tape"


class Troubles:
    """Why each suspect cartridge is suspect; what is not known (any more) is a failed reading.

    Parameters
    ----------
    needs
        Those that were open when the keeper before ended.
    """

    def __init__(self, needs: Iterable[Need]) -> None:
        self._reasons = {need.where: need.reason for need in needs if need.kind is _TROUBLE and need.where != ALL}

    def note(self, volume: Volume, reason: TapeReason) -> None:
        """A cartridge has become suspect."""
        self._reasons[volume.name] = reason

    def needs(self, volumes: Iterable[Volume]) -> dict[Need, str]:
        """One for each suspect cartridge."""
        found = {}
        for volume in volumes:
            if volume.state is VolumeState.SUSPECT:
                name = volume.name
                found[Need(_TROUBLE, name, self._reasons.get(name, TapeReason.READ_FAILED))] = (
                    f"the cartridge {name} is suspect: nothing is written to it, and its copies do not count until "
                    "they are read anew; look at the drive, mount it again, and run "
                    f"`petawatch archive verify --volume {shlex.quote(name)}`"
                )
        return found


def what_is_left(bundles: int, needs: Iterable[Need]) -> str:
    """One sentence: how many bundles on the disk lack proven copies, and what is wanted; empty when nothing is."""
    wanted = ", ".join(f"{need.where} ({need.reason.value})" for need in sorted(needs))
    if not bundles and not wanted:
        return ""
    return f"bundles on the disk that lack proven copies: {bundles}; a person is wanted for: {wanted or 'nothing now'}"


def remount_needs(copies: Iterable[BundleCopy], volumes: Iterable[Volume]) -> dict[Need, str]:
    """One for each cartridge with copies that were not read back yet."""
    waiting = {copy.volume for copy in copies if copy.state is CopyState.WRITTEN}
    return {
        Need(_WANTED, volume.name, TapeReason.REMOUNT): (
            f"the cartridge {volume.name} holds bundles that were not read back; unmount it and mount it again, so "
            "that they count"
        )
        for volume in volumes
        if volume.uuid in waiting and volume.state not in {VolumeState.SUSPECT, VolumeState.RETIRED}
    }


def room_needs(without: Sequence[WantingBundle]) -> dict[Need, str]:
    """A cartridge with room is wanted."""
    if not without:
        return {}
    wanted, largest = max(bundle.wanted for bundle in without), max(bundle.size_bytes for bundle in without)
    sentence = (
        f"{len(without)} bundles wait for cartridges (up to {wanted} different ones, with room for {largest} bytes "
        "besides the headroom); mount scratch ones"
    )
    return {Need(_WANTED, ALL, TapeReason.NO_ROOM): sentence}


def copy_needs(catalog: Catalog, copies: int, local: Collection[str]) -> dict[Need, str]:
    """Bundles that have lost copies, and must be repaired."""
    volumes = {volume.uuid: volume for volume in catalog.volumes()}
    there = catalog.bundle_copies()
    short = short_bundles(catalog.bundle_ids(), there, volumes, copies, local)
    found = {}
    if short:
        found[Need(_TROUBLE, ALL, TapeReason.COPIES_MISSING)] = (
            f"{len(short)} bundles have fewer than {copies} copies that count and are not on the disk any more; "
            "mount the cartridges that hold them, or run `petawatch archive verify --repair`"
        )
    for copy in there:
        volume = volumes.get(copy.volume)
        if copy.state is CopyState.DAMAGED and volume is not None and (copy.bundle_id in {*short, *local}):
            found[Need(_TROUBLE, volume.name, TapeReason.COPY_DAMAGED)] = (
                f"a bundle on the cartridge {volume.name} is damaged ({copy.damaged}); it is written to another one"
            )
    return found


def content_needs(missing: Sequence[str]) -> dict[Need, str]:
    """Files that are to go to tape, and whose contents are nowhere."""
    if not missing:
        return {}
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return {Need(_TROUBLE, ALL, TapeReason.CONTENT_MISSING): f"{missing[0]}{more}"}


def disk_needs(waits_for: RetryableError | None) -> dict[Need, str]:
    """Why no bundle can be built on the disk, where that is why."""
    if waits_for is None or waits_for.reason != "disk_full":
        return {}
    return {Need(_TROUBLE, ALL, TapeReason.DISK_FULL): str(waits_for)}


def older_needs(sentence: str) -> dict[Need, str]:
    """The catalog lacks what was taped, as the sentence says; none when it is empty."""
    return {Need(_TROUBLE, ALL, TapeReason.CATALOG_OLDER): sentence} if sentence else {}
