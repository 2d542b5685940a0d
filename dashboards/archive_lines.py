"""What commands have done with the archive's copies, in a line or a few for eyes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dashboards.printable import printable
from dashboards.words import counted
from models.archive.restore_order import WantedVolume
from models.archive.safety import Obstacle

_GB = 1e9


def verified_line(sums: Mapping[str, Any]) -> str:
    """What ``petawatch archive verify`` has found; ``sums`` as its JSON has them."""
    return printable(", ".join(_verified(sums)))


def damaged_line(damaged: Mapping[str, Any]) -> str:
    """A damaged copy; ``damaged`` as its JSON has it."""
    return printable(f"damaged: {damaged['subject']} in {damaged['place']} ({damaged['damage']})")


def freed_line(name: str, why_not: Sequence[Obstacle], *, dry: bool) -> str:
    """What became of a file when room was made; ``why_not`` is what keeps it."""
    words = "; ".join(f"{obstacle.sentence} ({obstacle.why.value})" for obstacle in why_not)
    return printable(f"kept {name}: {words}" if why_not else f"{_freed(dry=dry)} {name}")


def freeing_line(
    files: int, size_bytes: int, kept: Mapping[str, int], *, to_percent: float, has_room: bool, dry: bool
) -> str:
    """How many files ``petawatch archive free`` has removed, and how often each reason has kept one."""
    reached = f"{'no disk is' if has_room else 'a disk is still'} fuller than {to_percent:g} %"
    reasons = ", ".join(f"{reason} {number}" for reason, number in sorted(kept.items()))
    return f"{_freed(dry=dry)} {counted(files, 'file')}, {size_bytes / _GB:.3f} GB; {reached}" + (
        f"; kept: {reasons}" if reasons else ""
    )


def restored_line(report: Mapping[str, Any], into: Path) -> str:
    """What ``petawatch archive restore`` has done; ``report`` as its JSON has it."""
    restored = report["restored"]
    sources = "".join(f", {count} from {source}" for source, count in sorted(restored.items()))
    left_out = f"; {len(report['refused'])} left out" if report["refused"] else ""
    return printable(
        f"restored {counted(sum(restored.values()), 'file')} ({report['bytes'] / _GB:.1f} GB) to {into}{sources}; "
        f"{report['there']} were there{left_out}"
    )


def restoring_lines(plan: Mapping[str, Any]) -> Iterator[str]:
    """What a restore would do; ``plan`` as its JSON has it."""
    for source, count in sorted(plan["files"].items()):
        yield f"{counted(count, 'file')}: {source}"
    yield f"{plan['bytes'] / _GB:.1f} GB to copy"
    for each in plan["cartridges"]:
        mounted = ", mounted" if each["mounted"] else ""
        size = f"{counted(each['files'], 'file')}, {each['bytes'] / _GB:.1f} GB"
        yield printable(f"cartridge {each['label']}{mounted}: {size}")


def wanted_line(label: str, wanted: WantedVolume) -> str:
    """A cartridge that is waited for."""
    return printable(f"wanted: cartridge {label} for {counted(wanted.files, 'file')}, {wanted.size_bytes / _GB:.1f} GB")


def _freed(*, dry: bool) -> str:
    return "would free" if dry else "freed"


def _verified(sums: Mapping[str, Any]) -> Iterator[str]:
    yield f"read {sums['read']}, damaged {sums['damaged']}, repaired {sums['repaired']}"
    if sums["unread"]:
        places = ", ".join(f"{place} {copies}" for place, copies in sums["unread"].items())
        yield f"not read {sum(sums['unread'].values())} ({places})"
    if sums["elsewhere"]:
        yield f"not in the store {sums['elsewhere']}, brought there {sums['brought']}"
