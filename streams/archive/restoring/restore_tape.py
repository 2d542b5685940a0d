"""Restores files from cartridges: in the order of the tape, and waiting for those that are not mounted."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from connectors.clock import Clock
from connectors.tape.cartridge import Cartridge
from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy, CopyState, Damage
from models.archive.restore_order import TapePlace, WantedVolume, next_places, wanted_volumes
from models.errors import PetawatchError, RecordError, RetryableError
from streams.archive.restoring.restore_report import RestoreReport
from streams.archive.restoring.restore_sources import RestoreSources
from streams.archive.restoring.restore_target import Fill

_LOOK_EVERY_S = 2.0
#: Puts a file that comes from cartridges; False when what came is not its content.
Put = Callable[[ArchivedFile, Fill], bool]
#: Told which cartridges are wanted, each with its label.
Wanted = Callable[[list[tuple[str, WantedVolume]]], None]
#: Failures of the folder that is restored into: no other copy helps.
OF_THE_FOLDER = frozenset({"disk_full", "disk_failed", "file_exists", "name_unfit", "archive_key"})


class TapeRestore:
    """Brings files from cartridges.

    Parameters
    ----------
    wait_s
        A cartridge that is wanted is waited for so long.
    wanted
        Told again whenever other ones are wanted.
    """

    def __init__(
        self, sources: RestoreSources, put: Put, report: RestoreReport, clock: Clock, *, wait_s: float, wanted: Wanted
    ) -> None:
        self._sources = sources
        self._put = put
        self._report = report
        self._clock = clock
        self._wait_s = wait_s
        self._wanted = wanted
        self._failed: set[tuple[str, str]] = set()
        self._told: list[WantedVolume] = []

    def run(self, places: Mapping[str, tuple[TapePlace, ...]]) -> None:
        """Restore these files; what can't be had is refused in the report.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_failed``, and what the catalog raises.
        """
        pending = {id_: list(there) for id_, there in places.items()}
        waiting_since: float | None = None
        while pending:
            mounted = self._mounted()
            if readable := next_places(pending, mounted):
                self._read(readable, mounted, pending)
                waiting_since = None
                continue
            now_s = self._clock.monotonic_s()
            waiting_since = now_s if waiting_since is None else waiting_since
            self._tell(wanted_volumes(pending))
            left_s = waiting_since + self._wait_s - now_s
            if left_s <= 0:
                self._give_up(pending)
                return
            self._clock.sleep(min(left_s, _LOOK_EVERY_S))

    def _mounted(self) -> dict[str, Cartridge]:
        found = self._sources.cartridges()
        for problem in found.problems:
            self._report.problem(problem.sentence)
        # One that failed counts again when it was mounted anew.
        return {
            cartridge.uuid: cartridge
            for cartridge in found.cartridges
            if (cartridge.uuid, cartridge.volume.server) not in self._failed
        }

    def _read(
        self, places: list[TapePlace], mounted: Mapping[str, Cartridge], pending: dict[str, list[TapePlace]]
    ) -> None:
        for place in places:
            cartridge = mounted[place.copy.volume]
            try:
                same = self._put(place.file, _reading(cartridge, place))
            except RecordError as error:
                if error.reason in OF_THE_FOLDER:
                    self._report.refuse(place.file, error)
                    del pending[place.file.id]
                else:
                    self._useless(place, Damage.OTHER_CONTENT, cartridge, pending)
            except RetryableError as error:
                if error.reason in OF_THE_FOLDER:
                    raise
                if not _is_missing(error, cartridge):
                    self._report.problem(str(error))
                    self._failed.add((cartridge.uuid, cartridge.volume.server))
                    self._report.failed_cartridges.add(cartridge.uuid)
                    return
                self._useless(place, Damage.MISSING, cartridge, pending)
            else:
                if same:
                    del pending[place.file.id]
                else:
                    self._useless(place, Damage.OTHER_CONTENT, cartridge, pending)

    def _useless(
        self, place: TapePlace, damage: Damage, cartridge: Cartridge, pending: dict[str, list[TapePlace]]
    ) -> None:
        word = "missing" if damage is Damage.MISSING else "damaged"
        self._report.problem(
            f"{place.file.key} is {word} on the cartridge {cartridge.label}; verify it with petawatch archive verify"
        )
        self._note(place.copy, damage)
        left = pending[place.file.id]
        left.remove(place)
        if not left:
            del pending[place.file.id]
            self._report.refuse_without_copy(place.file)

    def _note(self, copy: BundleCopy, damage: Damage) -> None:
        if copy.state is not CopyState.DAMAGED:
            self._sources.catalog.put_bundle_copy(replace(copy, state=CopyState.DAMAGED, damaged=damage))

    def _tell(self, wanted: list[WantedVolume]) -> None:
        if wanted != self._told:
            self._told = wanted
            labels = volume_labels(self._sources)
            self._wanted([(labels.get(each.volume, each.volume), each) for each in wanted])

    def _give_up(self, pending: Mapping[str, list[TapePlace]]) -> None:
        labels = volume_labels(self._sources)
        for places in pending.values():
            names = sorted({labels.get(place.copy.volume, place.copy.volume) for place in places})
            file = places[0].file
            store = self._report.unreachable.get(file.id)
            besides = f", and in {store}, which can't be reached;" if store else " only, which is not mounted;"
            self._report.refuse(
                file,
                RecordError(
                    f"{file.key} is on the cartridge {' or '.join(names)}{besides} put it in and begin again",
                    reason="cartridge_wanted",
                ),
            )


def volume_labels(sources: RestoreSources) -> dict[str, str]:
    """What people call the cartridges, by uuid."""
    return {volume.uuid: volume.name for volume in sources.catalog.volumes()}


def _reading(cartridge: Cartridge, place: TapePlace) -> Fill:
    def fill(stream: BinaryIO) -> str:
        return cartridge.bundles.copy_member(place.copy.path, place.member, stream)

    return fill


def _is_missing(error: RetryableError, cartridge: Cartridge) -> bool:
    """Whether a bundle is not on its cartridge, which is there."""
    if not isinstance(error.__cause__, FileNotFoundError):
        return False
    try:
        cartridge.probe()
    except PetawatchError:
        return False
    return Path(cartridge.root).is_dir()
