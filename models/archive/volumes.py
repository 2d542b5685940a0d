"""Cartridges, as the inventory knows them."""

from dataclasses import dataclass
from enum import StrEnum


def cartridge_name(barcode: str, label: str, uuid: str) -> str:
    """What people call a cartridge: its barcode, else its label, else its uuid."""
    return barcode or label or uuid


class VolumeState(StrEnum):
    """What may be done with a cartridge."""

    #: Known, and nothing of this installation is on it yet.
    SCRATCH = "scratch"
    FILLING = "filling"
    #: Closed: nothing is written to it any more.
    FULL = "full"
    #: A write or a reading failed: nothing is written to it until an operator says so; its copies are verified anew.
    SUSPECT = "suspect"
    #: Taken out of use; its copies count for nothing.
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A cartridge.

    Attributes
    ----------
    uuid
        ``user.ltfs.volumeUUID``.
    barcode
        Without the blanks that pad it; empty when the cartridge has none.
    label
        ``user.ltfs.volumeName``.
    installation
        Whose bundles are on it: another installation's cartridge is never written to. Empty for a scratch one.
    capacity_bytes, used_bytes
        As the volume said when it was last mounted.
    errors
        How often writing to it or reading from it failed.
    last_verified_ns, last_mounted_ns
        By the clock; None for never.
    """

    uuid: str
    barcode: str = ""
    label: str = ""
    installation: str = ""
    state: VolumeState = VolumeState.SCRATCH
    capacity_bytes: int = 0
    used_bytes: int = 0
    errors: int = 0
    last_verified_ns: int | None = None
    last_mounted_ns: int | None = None

    @property
    def name(self) -> str:
        """For sentences."""
        return cartridge_name(self.barcode, self.label, self.uuid)
