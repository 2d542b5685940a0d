"""Repairs what a verification has found: copies in the store at once, bundles by the keeper of the tapes."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.archive.store import ArchiveStore
from connectors.clock import Clock
from models.archive.copies import StoreCopy
from models.archive.file_query import FileQuery
from models.errors import FatalError, PetawatchError
from streams.archive.opened_archive import OpenedArchive
from streams.archive.safekeeping.repair import Repair
from streams.archive.safekeeping.store_reading import files_elsewhere
from streams.archive.safekeeping.verification import Scope, Verified
from streams.archive.tape.tape_keeper import open_keeper

# Another keeper of the tapes runs: it writes what was brought back.
_KEPT_BY_OTHERS = frozenset({"tape_keeper_running", "drive_in_use"})


@dataclass(slots=True, kw_only=True)
class Repaired:
    """What a repair has done.

    Attributes
    ----------
    copies
        Damaged ones that have a good one in their place, or will have by the keeper.
    files
        That were not in the store and are there now.
    is_broken_off
        Whether something failed, which is told.
    """

    copies: int = 0
    files: int = 0
    is_broken_off: bool = False


class RepairRun:
    """Repairs what one verification has found.

    Parameters
    ----------
    tell
        Called with a sentence about each repair, and about what can't be repaired.
    """

    def __init__(self, archive: OpenedArchive, clock: Clock, tell: Callable[[str], None]) -> None:
        self._archive = archive
        self._clock = clock
        self._tell = tell
        self._done = Repaired()

    def run(self, found: Verified, scope: Scope) -> Repaired:
        """Repair what can be; what was done until store, catalog or disk fail is counted, and the failure is told."""
        store, tape = self._archive.store, self._archive.settings.tape
        try:
            repair = Repair(self._archive, self._clock, self._tell)
            if store is not None and not found.broken_off:
                self._repair_store(store, repair, found, scope)
            if tape.mounts and tape.copies:
                back = self._written_again(repair)
                self._done.copies += sum(damaged.subject in back for damaged in found.damaged)
        except PetawatchError as error:
            self._done.is_broken_off = True
            self._tell(str(error))
        return self._done

    def _repair_store(self, store: ArchiveStore, repair: Repair, found: Verified, scope: Scope) -> None:
        in_store = [damaged.copy for damaged in found.damaged if isinstance(damaged.copy, StoreCopy)]
        self._done.copies = repair.stored(store, in_store)
        if found.elsewhere:
            files = files_elsewhere(self._archive.catalog, store.address, FileQuery(from_ns=scope.from_ns))
            self._done.files = repair.missing(store, files)

    def _written_again(self, repair: Repair) -> set[str]:
        """Bring bundles that lack copies to the disk, and let the keeper write them; those that are there."""
        back = set(repair.bundles())
        try:
            with open_keeper(self._archive, self._clock, self._tell) as keeper:
                back |= set(keeper.bundles_on_disk)
                keeper.run_once(close=False)
        except FatalError as error:
            if error.reason not in _KEPT_BY_OTHERS:
                raise
            self._tell("the keeper of the tapes that runs writes what was brought back")
        return back
