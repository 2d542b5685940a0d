"""The stretch of event time that a page is asked for by its address."""

from collections.abc import Callable
from dataclasses import dataclass

from models.errors import PetawatchError
from models.event_time import EARLIEST_NS, LATEST_NS, MINUTE_NS, format_iso, parse_iso
from streams.console.problems import sentence_of

# Before the first record: any time is as good.
_NO_RECORDS_NS = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedStretch:
    """From the one on and before the other, ns since 1970.

    Attributes
    ----------
    asked
        Whether the address names it; else it ends with what was recorded last, and moves on with it.
    trouble
        What is wrong with the address, in a sentence; then it is the latest stretch.
    """

    from_ns: int
    to_ns: int
    asked: bool
    trouble: str = ""

    @property
    def from_text(self) -> str:
        """As the address names it; empty for the latest one."""
        return format_iso(self.from_ns) if self.asked else ""

    @property
    def to_text(self) -> str:
        """As the address names it; empty for the latest one."""
        return format_iso(self.to_ns) if self.asked else ""

    def moved(self, lengths: int) -> dict[str, str]:
        """What names the stretch that is so many of its lengths later."""
        by_ns = lengths * (self.to_ns - self.from_ns)
        return {"from_": format_iso(self.from_ns + by_ns), "to": format_iso(self.to_ns + by_ns)}


def asked_stretch(from_text: str, to_text: str, latest_ns: Callable[[], int | None], length_ns: int) -> AskedStretch:
    """The stretch of an address.

    Parameters
    ----------
    latest_ns
        Tells the end of what was recorded last; what it raises counts as nothing recorded.
    length_ns
        Of the stretch when the address names none, or only one end.
    """
    try:
        from_ns = parse_iso(from_text) if from_text else None
        to_ns = parse_iso(to_text) if to_text else None
    except ValueError as error:
        return _latest(latest_ns, length_ns, trouble=sentence_of(error))
    if from_ns is None and to_ns is None:
        return _latest(latest_ns, length_ns)
    if from_ns is None:
        from_ns = max((to_ns or 0) - length_ns, EARLIEST_NS)
    if to_ns is None:
        to_ns = min(from_ns + length_ns, LATEST_NS)
    if from_ns >= to_ns:
        return _latest(latest_ns, length_ns, trouble="The beginning of a stretch lies before its end.")
    return AskedStretch(from_ns=from_ns, to_ns=to_ns, asked=True)


def _latest(latest_ns: Callable[[], int | None], length_ns: int, *, trouble: str = "") -> AskedStretch:
    try:
        end_ns = latest_ns()
    except PetawatchError:
        end_ns = None
    end_ns = _NO_RECORDS_NS + max(length_ns, MINUTE_NS) if end_ns is None else end_ns
    return AskedStretch(from_ns=end_ns - length_ns, to_ns=end_ns, asked=False, trouble=trouble)
