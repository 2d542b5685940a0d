"""Reads the copies on one cartridge to verify them, and what follows for the cartridge."""

from collections.abc import Callable
from dataclasses import replace

from connectors.catalog.catalog import Catalog
from connectors.clock import Clock
from connectors.tape.cartridge import Cartridge
from models.archive.copies import BundleCopy, CopyState, Damage
from models.archive.volume_steps import verified
from models.archive.volumes import Volume, VolumeState
from streams.archive.tape.inventory import Inventory
from streams.archive.tape.reading_back import read_back


class CartridgeReading:
    """One pass over the copies on a mounted cartridge.

    Parameters
    ----------
    state
        Of the cartridge, before anything of it is read.
    all_copies
        Read also those that were written in this mount: it proves nothing, but damage is found.

    Attributes
    ----------
    goes_on
        False once the cartridge failed or was taken out: the rest can't be read.
    waiting
        So many copies prove nothing before the cartridge is mounted anew.
    """

    def __init__(
        self,
        cartridge: Cartridge,
        state: VolumeState,
        catalog: Catalog,
        inventory: Inventory,
        clock: Clock,
        *,
        all_copies: bool = False,
    ) -> None:
        self._cartridge = cartridge
        self._state = state
        self._inventory = inventory
        self._catalog = catalog
        self._clock = clock
        self._all_copies = all_copies
        self._damaged = False
        self._failed = False
        self._sentence = ""
        self.goes_on = True
        self.waiting = 0

    def read(self, copy: BundleCopy) -> BundleCopy | None:
        """Read a copy, and note what is found; the copy as it is now, None where nothing could be found out.

        Raises
        ------
        RetryableError
            The catalog is away.
        """
        written_now = copy.state is CopyState.WRITTEN and copy.mount_id == self._cartridge.mount_id
        if written_now and not self._all_copies:
            self.waiting += 1
            return None
        reading = read_back(self._cartridge, [copy], self._catalog, self._clock)
        if reading.good:
            return reading.good[0]
        if reading.unproven:
            self.waiting += 1
            return replace(reading.unproven[0], damaged="")
        if reading.lost:  # it was never proven, and is forgotten: the keeper writes it anew
            return replace(copy, damaged=Damage.MISSING)
        if reading.damaged:
            self._damaged = True
            return reading.damaged[0]
        self.goes_on = False
        if reading.failed is not None:
            self._failed = True
            self._sentence = str(reading.failed)
        return None

    def unread(self, name: str) -> list[str]:
        """A sentence for each reason why copies were not read."""
        found = []
        if self.waiting:
            found.append(
                f"{self.waiting} copies on the cartridge {name} prove nothing before it is mounted anew; remount it"
            )
        if not self.goes_on:
            found.append(self.ended_by(name))
        return found

    def ended_by(self, name: str) -> str:
        """Why the rest of the cartridge can't be read."""
        return self._sentence or f"the cartridge {name} was taken out before all of it was read"

    def conclude(self, *, whole: bool) -> None:
        """Note what follows: where something failed or is damaged nothing counts until all was read in another mount.

        Once that is done each copy of a suspect cartridge counts or not by what was read of it.

        Parameters
        ----------
        whole
            Whether these were all copies on the cartridge.
        """
        newly_damaged = self._damaged and self._state is not VolumeState.SUSPECT
        if self._failed or newly_damaged:
            self._inventory.distrust(self._cartridge.uuid, self._cartridge.mount_id)
        elif whole and self.goes_on and not self.waiting:
            now_ns = self._clock.now_ns()
            self._inventory.change(self._cartridge.uuid, self._verified(now_ns))

    def _verified(self, now_ns: int) -> Callable[[Volume], Volume]:
        def change(volume: Volume) -> Volume:
            # One that has become suspect meanwhile is to be read anew.
            return verified(volume, now_ns) if volume.state is self._state else volume

        return change
