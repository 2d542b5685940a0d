"""Makes the catalog anew from what the bundles on cartridges say of themselves."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.clock import Clock
from connectors.tape.cartridge import Cartridge
from models.archive.copies import BundleCopy, CopyState, Damage
from models.errors import RecordError, RetryableError
from streams.archive.opened_archive import OpenedArchive
from streams.archive.tape.bundle_intake import take_in
from streams.archive.tape.cartridge_reading import CartridgeReading
from streams.archive.tape.inventory import Inventory
from streams.archive.tape.tape_drives import Mounted, TapeDrives


@dataclass(slots=True, kw_only=True)
class RebuildCounts:
    """What was found.

    Attributes
    ----------
    files
        Of these the catalog did not have so many.
    read
        Bundles of which all was read and is what was built.
    safe
        Copies that count now.
    unproven
        Cartridges with copies that were written, or found, in the mount in which they were read: that proves nothing.
    problems
        How many were told of.
    """

    cartridges: int = 0
    bundles: int = 0
    files: int = 0
    read: int = 0
    safe: int = 0
    unproven: list[str] = field(default_factory=list)
    problems: int = 0

    def sentence(self) -> str:
        """The counts in words."""
        parts = [
            f"cartridges {self.cartridges}, bundles {self.bundles}, files new in the catalog {self.files}",
            f"read and the same {self.read}, safe since {self.safe}" if self.read else "",
            f"mount anew and verify once more: {', '.join(self.unproven)}" if self.unproven else "",
        ]
        return "; ".join(filter(None, parts))

    def to_json(self) -> dict[str, Any]:
        """The counts as JSON values."""
        return {
            "cartridges": self.cartridges,
            "bundles": self.bundles,
            "files_added": self.files,
            "read": self.read,
            "safe": self.safe,
            "to_be_mounted_anew": self.unproven,
            "problems": self.problems,
        }


class CatalogRebuild:
    """Takes the cartridges that are mounted into the catalog, one after the other.

    A copy that the catalog did not know is noted as written in this mount: it counts for nothing until it was read back
    in a later one. Each bundle is durable before the next is looked at, and all of it may be done again.

    Parameters
    ----------
    verify
        Read all of each bundle, too.
    tell
        Told of everything that is left out or damaged, in one sentence.
    advance
        Told how many bundles are done, of how many.
    """

    def __init__(
        self,
        archive: OpenedArchive,
        clock: Clock,
        *,
        verify: bool,
        tell: Callable[[str], None],
        advance: Callable[[int, int], None] = lambda _, __: None,
    ) -> None:
        self._archive = archive
        self._catalog = archive.catalog
        self._clock = clock
        self._verify = verify
        self._tell = tell
        self._advance = advance
        self._read_ids: set[str] = set()
        self.counts = RebuildCounts()

    def run(self) -> RebuildCounts:
        """Look at the drives and libraries that the settings name.

        Raises
        ------
        FatalError
            ``drive_in_use``, ``tape_mount_unknown``, or as the catalog.
        RetryableError
            As the catalog; what is done is done.
        """
        mounts = self._archive.settings.tape.mounts
        drives = TapeDrives(self._archive, self._clock)
        with ExitStack() as stack:
            drives.lock(stack)
            mounted = drives.look()
            self._tell_what_is_missing(mounts, mounted)
            listed = [(cartridge, self._paths_on(cartridge)) for cartridge in mounted.cartridges.values()]
            total = sum(len(paths) for _, paths in listed)
            done = 0
            for cartridge, paths in listed:
                reading = self._reading_of(cartridge, mounted)
                for path in paths:
                    self._advance(done, total)
                    if not self._take_in(cartridge, path, reading):
                        break
                    done += 1
                if self._verify:
                    self._conclude(cartridge, reading)
            self._advance(total, total)
        return self.counts

    def _tell_what_is_missing(self, mounts: Sequence[Path], mounted: Mounted) -> None:
        for sentence in mounted.unfit.values():
            self._problem(sentence)
        seen = [*(cartridge.root for cartridge in mounted.cartridges.values()), *map(Path, mounted.unfit)]
        for mount in mounts:
            if not any(place.is_relative_to(mount) or place.is_relative_to(mount.resolve()) for place in seen):
                self._problem(f"no cartridge is mounted at {mount}; mount one, and run this again")

    def _paths_on(self, cartridge: Cartridge) -> list[str]:
        self.counts.cartridges += 1
        try:
            return cartridge.bundle_paths()
        except RetryableError as error:
            self._problem(str(error))
            return []

    def _reading_of(self, cartridge: Cartridge, mounted: Mounted) -> CartridgeReading:
        inventory, state = Inventory(self._catalog, self._archive.folder), mounted.volumes[cartridge.uuid].state
        return CartridgeReading(cartridge, state, self._catalog, inventory, self._clock, all_copies=True)

    def _take_in(self, cartridge: Cartridge, path: str, reading: CartridgeReading) -> bool:
        """Take one bundle into the catalog; False when the cartridge can't be read any more."""
        installation = self._archive.settings.archive.installation
        try:
            taken = take_in(cartridge, path, self._catalog, installation)
        except RecordError as error:
            self._problem(str(error))
            return True
        except RetryableError as error:
            if not error.reason.startswith("tape_"):
                raise
            self._problem(str(error))  # one cartridge fails: the others are gone on with
            return False
        self.counts.files += taken.new_files
        self.counts.bundles += 1
        if taken.copy.damaged == Damage.CUT_OFF:
            self._problem(
                f"the bundle {cartridge.root / path} ends too early; it is noted as damaged, write it to another "
                "cartridge from a good copy"
            )
        return not self._verify or self._read(cartridge, taken.copy, reading)

    def _read(self, cartridge: Cartridge, copy: BundleCopy, reading: CartridgeReading) -> bool:
        """Read all of a copy; what it is is noted. False when the cartridge can't be read any more."""
        if copy.damaged == Damage.CUT_OFF:
            return True
        found = reading.read(copy)
        if found is None:
            self._problem(reading.ended_by(cartridge.label))
            return False
        self._read_ids.add(copy.id)
        if found.damaged:
            self._problem(
                f"the bundle {copy.path} on the cartridge {cartridge.label} is damaged ({found.damaged}); write it to "
                "another cartridge from a good copy"
            )
        else:
            self.counts.read += 1
            self.counts.safe += found.state is CopyState.SAFE
        return True

    def _conclude(self, cartridge: Cartridge, reading: CartridgeReading) -> None:
        there = {copy.id for copy in self._catalog.bundle_copies(volume=cartridge.uuid)}
        reading.conclude(whole=bool(there) and there <= self._read_ids)
        if reading.waiting:
            self.counts.unproven.append(cartridge.label)

    def _problem(self, sentence: str) -> None:
        self.counts.problems += 1
        self._tell(sentence)
