"""The inventory of cartridges for eyes: a table on a terminal, a line per cartridge elsewhere."""

from collections.abc import Sequence
from typing import Any, Protocol

from rich.console import Console

from dashboards.printed_rows import print_rows
from models.archive.volumes import Volume
from models.event_time import iso_or_none

_COLUMNS = ("barcode", "label", "state", "used", "bundles safe", "waiting", "damaged", "errors", "verified", "uuid")
_NUMBERS = ("used", "bundles safe", "waiting", "damaged", "errors")


class ShownVolume(Protocol):
    """What is shown of a cartridge."""

    @property
    def volume(self) -> Volume:
        """The cartridge."""
        ...

    @property
    def safe(self) -> int:
        """Bundles on it that were read back."""
        ...

    @property
    def written(self) -> int:
        """Bundles on it that wait for that."""
        ...

    @property
    def damaged(self) -> int:
        """Bundles on it that were damaged at the last reading."""
        ...


def print_volumes(lines: Sequence[ShownVolume], console: Console) -> None:
    """Barcode, label, state, how full, bundles, errors, when it was last verified wholly, uuid."""
    print_rows(
        "Cartridges",
        _COLUMNS,
        map(_cells, lines),
        console,
        none="the catalog knows no cartridges yet; `petawatch archive tape` takes in those that are mounted",
        right=_NUMBERS,
        piped_heads=False,
    )


def volume_document(line: ShownVolume) -> dict[str, Any]:
    """The same as JSON values; times are ISO 8601 in UTC, null for never."""
    volume = line.volume
    return {
        "barcode": volume.barcode,
        "label": volume.label,
        "uuid": volume.uuid,
        "state": volume.state.value,
        "installation": volume.installation,
        "capacity_bytes": volume.capacity_bytes,
        "used_bytes": volume.used_bytes,
        "bundles_safe": line.safe,
        "bundles_waiting": line.written,
        "bundles_damaged": line.damaged,
        "errors": volume.errors,
        "last_verified": iso_or_none(volume.last_verified_ns),
        "last_mounted": iso_or_none(volume.last_mounted_ns),
    }


def _cells(line: ShownVolume) -> tuple[str, ...]:
    volume = line.volume
    used = f"{100 * volume.used_bytes / volume.capacity_bytes:.0f} %" if volume.capacity_bytes else "-"
    verified = iso_or_none(volume.last_verified_ns)
    return (
        volume.barcode or "-",
        volume.label or "-",
        volume.state.value,
        used,
        str(line.safe),
        str(line.written),
        str(line.damaged),
        str(volume.errors),
        verified[:16] if verified else "never",
        volume.uuid,
    )
