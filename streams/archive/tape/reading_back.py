"""Reads copies of bundles back from a cartridge that was mounted anew: only that makes them count."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from connectors.catalog.catalog import Catalog
from connectors.clock import Clock
from connectors.tape.cartridge import Cartridge
from models.archive.copies import BundleCopy, CopyState, Damage
from models.errors import RecordError, RetryableError

#: The cartridge was taken out, or its file system ended: what was not read yet is read when it is mounted again.
INTERRUPTED = frozenset({"tape_vanished", "tape_not_mounted", "tape_wrong_volume"})


@dataclass(slots=True, kw_only=True)
class Reading:
    """What reading copies of one cartridge has shown.

    Attributes
    ----------
    good, damaged
        The copies as they are noted now.
    unproven
        Copies that are what was built, and were written in this mount: that proves nothing, so nothing was noted.
    lost
        Copies that were never read back and are not there: they were forgotten, to be written anew.
    failed
        What failed in the middle of it: the cartridge is not to be trusted, and the rest was not read.
    """

    good: list[BundleCopy] = field(default_factory=list)
    damaged: list[BundleCopy] = field(default_factory=list)
    unproven: list[BundleCopy] = field(default_factory=list)
    lost: list[BundleCopy] = field(default_factory=list)
    failed: RetryableError | None = None

    @property
    def done(self) -> int:
        """How many copies something was found out about."""
        return len(self.good) + len(self.damaged) + len(self.lost)


def to_be_proven(copies: Iterable[BundleCopy], cartridge: Cartridge) -> list[BundleCopy]:
    """The copies that wait for a remount which has been: written in another mount than this one."""
    mount_id = cartridge.mount_id
    return [copy for copy in copies if copy.state is CopyState.WRITTEN and copy.mount_id != mount_id]


def read_back(cartridge: Cartridge, copies: Iterable[BundleCopy], catalog: Catalog, clock: Clock) -> Reading:
    """Read copies in the order in which they are given, compare them with what was built, and note what is found.

    Each finding is durable before the next copy is read.

    Raises
    ------
    RetryableError
        The catalog is away.
    FatalError
        ``tape_mount_unknown``.
    """
    reading = Reading()
    for copy in copies:
        bundle = catalog.bundle(copy.bundle_id)
        if bundle is None:
            continue
        try:
            cartridge.read_back(copy.path, bundle)
        except RecordError as error:
            _note_bad(copy, error, catalog, clock, reading)
        except RetryableError as error:
            reading.failed = None if error.reason in INTERRUPTED else error
            break
        else:
            if copy.state is not CopyState.SAFE and copy.mount_id == cartridge.mount_id:
                reading.unproven.append(copy)
                continue
            safe = replace(copy, state=CopyState.SAFE, read_back_ns=clock.now_ns(), damaged="")
            catalog.put_bundle_copy(safe)
            reading.good.append(safe)
    return reading


def _note_bad(copy: BundleCopy, error: RecordError, catalog: Catalog, clock: Clock, reading: Reading) -> None:
    missing = error.reason == "copy_missing"
    if missing and copy.state is CopyState.WRITTEN:
        catalog.remove_bundle_copy(copy.id)
        reading.lost.append(copy)
        return
    damaged = replace(
        copy,
        state=CopyState.DAMAGED,
        read_back_ns=clock.now_ns(),
        damaged=Damage.MISSING if missing else Damage.OTHER_CONTENT,
    )
    catalog.put_bundle_copy(damaged)
    reading.damaged.append(damaged)
