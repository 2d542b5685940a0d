"""What commands have done with the archive's copies, in a line or a few for eyes."""

from collections.abc import Iterator, Mapping
from typing import Any

from dashboards.printable import printable

_GB = 1e9


def verified_line(sums: Mapping[str, Any]) -> str:
    """What ``petawatch archive verify`` has found; ``sums`` as its JSON has them."""
    return printable(", ".join(_verified(sums)))


def damaged_line(damaged: Mapping[str, Any]) -> str:
    """A damaged copy; ``damaged`` as its JSON has it."""
    return printable(f"damaged: {damaged['subject']} in {damaged['place']} ({damaged['damage']})")


def _verified(sums: Mapping[str, Any]) -> Iterator[str]:
    yield f"read {sums['read']}, damaged {sums['damaged']}, repaired {sums['repaired']}"
    if sums["unread"]:
        places = ", ".join(f"{place} {copies}" for place, copies in sums["unread"].items())
        yield f"not read {sum(sums['unread'].values())} ({places})"
    if sums["elsewhere"]:
        yield f"not in the store {sums['elsewhere']}, brought there {sums['brought']}"
