"""How cartridges are found and filled."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeSettings:
    """The drives or the library, and what is written to a cartridge.

    Attributes
    ----------
    mounts
        Each is the mount point of a drive, or of a library that shows each cartridge as a folder; empty: no tape.
    copies
        Cartridges that each bundle is written to. 0 says that this installation has no tape: then a file is safe to
        delete with a verified copy in the store alone.
    bundle_bytes
        A bundle is closed before it is larger; a single larger file is a bundle of its own.
    oldest_unbundled_s
        A bundle that is not full is closed once its oldest file has waited for so long; 0 waits for ever.
    disk_reserve_bytes
        Left free on the disk of the archive's folder: with less room bundles are made smaller, or wait.
    headroom_bytes
        Left free on a cartridge: a drive that can't write its last index loses more.
    remount
        A command that unmounts and mounts a cartridge again, ``{mount}`` stands for its mount point; empty: an operator
        does it, and bundles wait for that before they count.
    remount_timeout_s
        It is given up after so long.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    mounts: tuple[Path, ...] = ()
    copies: int = 2
    bundle_bytes: int = 16 * GIB
    oldest_unbundled_s: float = 86_400.0
    disk_reserve_bytes: int = 10 * GIB
    headroom_bytes: int = 8 * GIB
    remount: tuple[str, ...] = ()
    remount_timeout_s: float = 900.0

    def __post_init__(self) -> None:
        if not 0 <= self.copies <= 8:
            raise ValueError("copies must lie between 0 and 8")
        # Small ones are for tests and slow links; the recommended range is 1 to 64 GiB.
        if not 1 << 16 <= self.bundle_bytes <= 64 * GIB:
            raise ValueError("bundle_bytes must lie between 64 KiB and 64 GiB")
        if (
            min(self.oldest_unbundled_s, self.disk_reserve_bytes, self.headroom_bytes) < 0
            or self.remount_timeout_s <= 0
        ):
            raise ValueError(
                "oldest_unbundled_s, disk_reserve_bytes and headroom_bytes must not be negative, and remount_timeout_s "
                "above 0"
            )
